// What the RPC layer counts, one row each (base/counter.h).
#pragma once

#include "base/counter.h"

// clang-format off
#define RPC_COUNTERS(X)                                                                            \
    X(RPC_PDUS_IN, "pdus_in", BASE_COUNTER_EVENT, "PDUs taken; one put off counts again")          \
    X(RPC_PDUS_OUT, "pdus_out", BASE_COUNTER_EVENT, "PDUs sent")                                   \
    X(RPC_ASSOCIATIONS, "associations", BASE_COUNTER_GAUGE, "open associations")                   \
    X(RPC_BINDS, "binds", BASE_COUNTER_EVENT, "bind_ack sent")                                     \
    X(RPC_ALTERS, "alters", BASE_COUNTER_EVENT, "alter_context_resp sent")                         \
    X(RPC_CALLS, "calls", BASE_COUNTER_EVENT, "calls dispatched to an operation")                  \
    X(RPC_REPLIES, "replies", BASE_COUNTER_EVENT, "calls answered with a response")                \
    X(RPC_FAULTS, "faults", BASE_COUNTER_EVENT, "faults sent")                                     \
    X(RPC_NAKS, "bind_naks", BASE_COUNTER_EVENT, "bind_nak sent")                                  \
    X(RPC_FRAGMENTS_IN, "fragments_in", BASE_COUNTER_EVENT, "fragments of multi-PDU requests")     \
    X(RPC_CANCELS, "cancels_ignored", BASE_COUNTER_EVENT, "co_cancel and orphaned, ignored")       \
    X(RPC_DEFERRED_CALLS, "deferred", BASE_COUNTER_EVENT, "calls answered later")                  \
    X(RPC_BLOCKED, "blocked", BASE_COUNTER_EVENT, "answers put off: the peer does not read")       \
    X(RPC_EPM_MAP, "ept_map", BASE_COUNTER_EVENT, "ept_map calls")                                 \
    X(RPC_EPM_MAP_FOUND, "ept_map_found", BASE_COUNTER_EVENT, "ept_map calls with a tower")        \
    X(RPC_EPM_LOOKUP, "ept_lookup", BASE_COUNTER_EVENT, "ept_lookup calls")                        \
    X(RPC_INJECTED, "injected", BASE_COUNTER_EVENT, "calls and binds that a fault rule decided")   \
    X(RPC_DROP_LENGTH, "drop_frag_length", BASE_COUNTER_DROP, "frag_length below 16 octets")       \
    X(RPC_DROP_TRUNCATED, "drop_truncated", BASE_COUNTER_DROP, "PDU too short for its own type")   \
    X(RPC_DROP_PARTIAL, "drop_partial", BASE_COUNTER_DROP, "connection ended inside a PDU")        \
    X(RPC_DROP_PTYPE, "drop_unknown_ptype", BASE_COUNTER_DROP, "PDU type nobody knows")            \
    X(RPC_DROP_VERSION, "drop_version", BASE_COUNTER_DROP, "version or data representation")       \
    X(RPC_DROP_NOT_BOUND, "drop_not_bound", BASE_COUNTER_DROP, "first PDU is not a bind")          \
    X(RPC_DROP_SECOND_BIND, "drop_second_bind", BASE_COUNTER_DROP, "bind on a bound connection")   \
    X(RPC_DROP_BAD_BIND, "drop_bad_bind", BASE_COUNTER_DROP, "bind that breaks a rule")            \
    X(RPC_DROP_BAD_ALTER, "drop_bad_alter", BASE_COUNTER_DROP, "alter_context that breaks a rule") \
    X(RPC_DROP_GROUP, "drop_unknown_group", BASE_COUNTER_DROP, "bind to a group that is not there") \
    X(RPC_DROP_GROUPS_FULL, "drop_groups_full", BASE_COUNTER_DROP, "no association group left")    \
    X(RPC_DROP_AUTH, "drop_auth", BASE_COUNTER_DROP, "authentication offered, none is served")     \
    X(RPC_DROP_WRONG_PTYPE, "drop_wrong_ptype", BASE_COUNTER_DROP, "PDU type clients may not send") \
    X(RPC_DROP_TOO_LONG, "drop_request_too_long", BASE_COUNTER_DROP, "request over 5840 octets")   \
    X(RPC_DROP_NO_FIRST, "drop_no_first", BASE_COUNTER_DROP, "fragment of a call never begun")     \
    X(RPC_DROP_INTERLEAVED, "drop_interleaved", BASE_COUNTER_DROP, "two calls or their fragments mixed") \
    X(RPC_DROP_DREP, "drop_drep_changed", BASE_COUNTER_DROP, "byte order changed within a call")   \
    X(RPC_DROP_CANCELLED, "drop_pending_cancel", BASE_COUNTER_DROP, "first fragment cancelled")    \
    X(RPC_DROP_OVERSIZE, "drop_oversize_call", BASE_COUNTER_DROP, "reassembled call over the limit") \
    X(RPC_DROP_NO_BUFFER, "drop_no_buffer", BASE_COUNTER_DROP, "no reassembly buffer left")        \
    X(RPC_DROP_CONTEXT, "drop_unknown_context", BASE_COUNTER_DROP, "context not negotiated")       \
    X(RPC_DROP_OPNUM, "drop_unknown_opnum", BASE_COUNTER_DROP, "operation out of range")           \
    X(RPC_DROP_STUB, "drop_bad_stub", BASE_COUNTER_DROP, "stub data that does not decode")         \
    X(RPC_DROP_HANDLE, "drop_bad_handle", BASE_COUNTER_DROP, "entry handle not live in this group") \
    X(RPC_DROP_DENIED, "drop_denied", BASE_COUNTER_DROP, "call or its source not allowed")         \
    X(RPC_DROP_BUSY, "drop_busy", BASE_COUNTER_DROP, "too many calls are answered later")                 \
    X(RPC_DROP_TAG, "drop_union_tag", BASE_COUNTER_DROP, "union arm that is not there")            \
    X(RPC_DROP_REPLY_TOO_BIG, "drop_reply_too_big", BASE_COUNTER_DROP, "reply over 256 KiB")       \
    X(RPC_DROP_ORPHAN_REPLY, "drop_orphan_reply", BASE_COUNTER_DROP, "answer to a gone connection") \
    X(RPC_DROP_ORPHANED, "drop_orphaned", BASE_COUNTER_DROP, "answer to a call the client gave up") \
    X(RPC_DROP_CALLS, "drop_calls_full", BASE_COUNTER_DROP, "call over limits.calls")              \
    X(RPC_DROP_CONTEXTS, "drop_contexts_full", BASE_COUNTER_DROP, "context over limits.contexts")  \
    X(RPC_DROP_CONTEXT_POOL, "drop_context_pool", BASE_COUNTER_DROP, "no room for a context")      \
    X(RPC_DROP_NDR64_ORDER, "drop_ndr64_big_endian", BASE_COUNTER_DROP, "NDR64 stub in a big-endian PDU") \
    X(RPC_DROP_VERIFICATION, "drop_verification", BASE_COUNTER_DROP, "verification trailer says otherwise") \
    X(RPC_DROP_HALF_PDU, "drop_half_pdu_timeout", BASE_COUNTER_DROP, "PDU or call unfinished for too long") \
    X(RPC_DROP_IDLE, "drop_idle_timeout", BASE_COUNTER_DROP, "connection idle for too long")       \
    X(RPC_DROP_NO_ROOM, "drop_no_room", BASE_COUNTER_DROP, "answer that could not be written")     \
    X(RPC_DROP_INJECTED, "drop_injected", BASE_COUNTER_DROP, "call faulted or not answered by a fault rule") \
    X(RPC_DROP_INJECTED_BIND, "drop_injected_bind", BASE_COUNTER_DROP, "connection refused or reset by a fault rule") \
    X(RPC_DROP_AFTER_CLOSE, "drop_after_close", BASE_COUNTER_DROP, "input after the last answer")
// clang-format on

enum rpc_counter { RPC_COUNTERS(BASE_COUNTER_ENUM) RPC_COUNTER_COUNT };

extern const struct base_counter rpc_counter_rows[RPC_COUNTER_COUNT];
