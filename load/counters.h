// What a generator counts, one row each (base/counter.h). Rows of the kind DROP are what must not
// happen: one of them makes the run fail.
#pragma once

#include "base/counter.h"

// clang-format off
#define LOAD_COUNTERS(X)                                                                           \
    X(LOAD_CONNECTS, "connects", BASE_COUNTER_EVENT, "connections begun")                          \
    X(LOAD_OPENED, "opened", BASE_COUNTER_EVENT, "TCP handshakes done")                            \
    X(LOAD_BOUND, "bound", BASE_COUNTER_EVENT, "binds accepted")                                   \
    X(LOAD_CLOSED, "closed", BASE_COUNTER_EVENT, "connections that we ended, in order")            \
    X(LOAD_CONNECTIONS, "connections", BASE_COUNTER_GAUGE, "connections open now")                 \
    X(LOAD_CALLS, "calls", BASE_COUNTER_EVENT, "calls begun")                                      \
    X(LOAD_ANSWERS, "answers", BASE_COUNTER_EVENT, "calls answered as expected")                   \
    X(LOAD_PAGES, "pages", BASE_COUNTER_EVENT, "answers that continued an enumeration")            \
    X(LOAD_LATE, "late", BASE_COUNTER_EVENT, "calls whose time came when no slot was free")        \
    X(LOAD_PUT_OFF, "put_off", BASE_COUNTER_EVENT, "requests that TCP had no room for at first")   \
    X(LOAD_NAMES_TAKEN, "names_taken", BASE_COUNTER_EVENT, "source ports skipped: still in use")   \
    X(LOAD_RX_FRAMES, "port_rx", BASE_COUNTER_EVENT, "frames taken from the port")                 \
    X(LOAD_TX_FRAMES, "port_tx", BASE_COUNTER_EVENT, "frames given to the port")                   \
    X(LOAD_TX_FULL, "port_full", BASE_COUNTER_EVENT, "times the port did not take all frames")     \
    X(LOAD_WITHHELD, "withheld", BASE_COUNTER_EVENT, "frames dropped on purpose (--misbehave)")    \
    X(LOAD_ENDED_BY_SERVER, "ended_by_server", BASE_COUNTER_EVENT, "misbehaving connections that the server ended") \
    X(LOAD_WRONG_PDU, "wrong_pdu", BASE_COUNTER_DROP, "not a PDU that a server may send there")    \
    X(LOAD_WRONG_BIND, "wrong_bind", BASE_COUNTER_DROP, "bind refused")                            \
    X(LOAD_WRONG_CALL, "wrong_call", BASE_COUNTER_DROP, "answer to no call under way")             \
    X(LOAD_WRONG_KIND, "wrong_kind", BASE_COUNTER_DROP, "fault instead of response, or the reverse") \
    X(LOAD_WRONG_FAULT, "wrong_fault", BASE_COUNTER_DROP, "fault with another status")             \
    X(LOAD_WRONG_STUB, "wrong_stub", BASE_COUNTER_DROP, "response that does not decode")           \
    X(LOAD_WRONG_STATUS, "wrong_status", BASE_COUNTER_DROP, "response with another status")        \
    X(LOAD_WRONG_TOWER, "wrong_tower", BASE_COUNTER_DROP, "tower of something else")               \
    X(LOAD_WRONG_ECHO, "wrong_echo", BASE_COUNTER_DROP, "echo of other bytes")                     \
    X(LOAD_LOST_UNANSWERED, "lost_unanswered", BASE_COUNTER_DROP, "calls not answered in time")    \
    X(LOAD_LOST_UNSENT, "lost_unsent", BASE_COUNTER_DROP, "calls that found no slot until the end") \
    X(LOAD_LOST_WITH_CONNECTION, "lost_with_connection", BASE_COUNTER_DROP, "calls whose connection ended") \
    X(LOAD_LOST_RESET, "lost_reset", BASE_COUNTER_DROP, "connections reset by the server")         \
    X(LOAD_LOST_TIMED_OUT, "lost_timed_out", BASE_COUNTER_DROP, "connections that TCP gave up")    \
    X(LOAD_LOST_UNREACHABLE, "lost_unreachable", BASE_COUNTER_DROP, "connections refused by ICMP") \
    X(LOAD_LOST_ENDED, "lost_ended", BASE_COUNTER_DROP, "connections that the server ended")       \
    X(LOAD_LOST_NO_NAME, "lost_no_name", BASE_COUNTER_DROP, "no source port was free for a connection")
// clang-format on

enum load_counter { LOAD_COUNTERS(BASE_COUNTER_ENUM) LOAD_COUNTER_COUNT };

extern const struct base_counter load_counter_rows[LOAD_COUNTER_COUNT];
