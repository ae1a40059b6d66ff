// Inside the RPC layer: the server's state and what its files offer each other.
#pragma once

#include <stddef.h>
#include <sys/queue.h>

#include "mapper/change.h"
#include "mapper/replica.h"
#include "ndr/epm.h"
#include "rpc/handle.h"
#include "rpc/inject.h"
#include "rpc/interface.h"
#include "rpc/pdu.h"
#include "rpc/rpc.h"

enum {
    RPC_BATCH_MAX = 64,
    RPC_CONTEXT_INLINE = 4,   // presentation contexts within an association
    RPC_CONTEXT_CHUNK = 14,   // and in each chunk of the pool: a cache line
    RPC_INTERFACE_MAX = 16,   // rows of the interface table
    RPC_STUB_MAX = 256 << 10, // a reply stub; ept_lookup pages end before
    // The stub, the headers of its fragments at the least fragment size, and some. The stream must
    // be able to take that much at once (dataplane: TRANSMIT_LIMIT).
    RPC_REPLY_MAX = RPC_STUB_MAX + 64 * (RPC_STUB_MAX / RPC_FRAGMENT_MIN),
    // What is answered on the spot: a bind_ack of 255 contexts is the longest.
    RPC_ANSWER_MAX = 6400,
};

// What a presentation context stands for.
struct rpc_context {
    uint16_t id;
    uint8_t interface; // index into options.interfaces
    uint8_t syntax;    // enum ndr_syntax
};

// More contexts of an association than it has room for itself.
struct rpc_context_chunk {
    struct rpc_context_chunk *next; // of the association, or in the pool
    struct rpc_context contexts[RPC_CONTEXT_CHUNK];
};

// A request that comes in several PDUs. One at most per association (C706 12.6.3).
struct rpc_reassembly {
    struct rpc_reassembly *next; // in the pool
    uint32_t call_id;
    uint16_t context_id;
    uint16_t opnum;
    struct base_uuid object;
    uint8_t drep[4];
    bool complete;  // the call is in the batch
    uint32_t size;  // octets in `stub`
    uint8_t stub[]; // options.max_request
};

enum rpc_watch { // which time-out runs
    RPC_WATCH_NONE,
    RPC_WATCH_HALF, // a PDU or a call of several is unfinished
    RPC_WATCH_IDLE,
    RPC_WATCH_COUNT,
};

enum rpc_state {
    RPC_STATE_FREE,
    RPC_STATE_NEW, // no bind yet
    RPC_STATE_BOUND,
    RPC_STATE_CLOSED, // answered for the last time; input is discarded
};

struct rpc_association {
    // What every request needs: one cache line.
    void *stream;
    // Of the stream since the last rpc_take_consumed: cut into PDUs, and done with.
    uint32_t cut;
    uint32_t consumed;
    struct rpc_reassembly *reassembly;
    uint64_t watched_since;
    uint16_t batched;  // its calls in the batch
    uint16_t deferred; // its calls that are answered later
    uint16_t context_count;
    uint16_t fragment_stub; // octets of stub in a response PDU at most
    uint8_t state;
    uint8_t watch;     // enum rpc_watch
    bool progressed;   // a PDU that leaves no call unfinished was taken since rpc_watch
    bool multiplex;    // CONC_MPX negotiated
    bool header_sign;  // the bind had HEADER_SIGN
    bool legacy_flags; // the bind had neither FIRST nor LAST: an NT 4 or Windows 9x client
    bool blocked;      // waits for room to write
    bool ended;        // the peer sends nothing more
    struct rpc_context contexts[RPC_CONTEXT_INLINE];

    uint32_t group;                          // 0 before the bind
    uint32_t generation;                     // tells lives of this row apart
    uint16_t max_fragment;                   // both ways
    struct rpc_context_chunk *more_contexts; // in the order they came
    struct rpc_peer peer;
    union {
        TAILQ_ENTRY(rpc_association) watch_link; // while it is watched
        struct rpc_association *next_free;       // while it is free
    };
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct rpc_association, group) == 64, "one cache line");

TAILQ_HEAD(rpc_association_list, rpc_association);

// One request, whole, waiting in the batch.
struct rpc_call {
    struct rpc_association *association;
    const struct rpc_operation *operation;
    struct ndr_stub stub;
    struct base_uuid object; // nil: the request had none
    uint32_t call_id;
    uint32_t offset;      // where the PDU that completed it begins in the stream
    uint32_t stub_before; // reassembled octets without that PDU
    uint16_t context_id;
    uint16_t opnum;
    uint8_t slot; // its row in the batch, for the work of rpc_prepare
    bool reassembled;
};

// A call that is answered later: enough to find its connection again, if that is still there.
struct rpc_ticket {
    uint32_t association; // row
    uint32_t generation;
    uint32_t call_id;
    uint16_t context_id;
    uint16_t syntax; // enum ndr_syntax
};

// A call that waits for its time.
struct rpc_waiting {
    TAILQ_ENTRY(rpc_waiting) link;
    uint64_t deadline;
    struct rpc_ticket ticket;
    rpc_resume *resume; // NULL: the call itself waits, in its row of server->held_calls
    uint64_t value;
};

TAILQ_HEAD(rpc_waiting_list, rpc_waiting);

// A whole call that is executed later, with its stub: in `bytes`, or in the buffer it came in.
struct rpc_held_call {
    struct rpc_call call;
    struct rpc_reassembly *reassembly; // NULL: in `bytes`
    uint8_t bytes[RPC_FRAGMENT_MAX];
};

enum rpc_map_verdict {
    RPC_MAP_ANSWER,     // `answer` holds
    RPC_MAP_BAD_STUB,   // fault 6f7
    RPC_MAP_BAD_HANDLE, // fault context mismatch
    RPC_MAP_STATUS,     // no towers, this status
};

// What rpc_prepare left for an ept_map call.
struct rpc_map_work {
    enum rpc_map_verdict verdict;
    uint32_t status;
    uint8_t map;    // row in server->maps
    uint8_t answer; // row in server->answers, when the verdict is RPC_MAP_ANSWER
    bool continued; // `cursor` is live
    struct rpc_cursor cursor;
};

// An ept_map call whose reply stands ready in an entry; `entry` is NULL when it does not.
struct rpc_map_ready {
    const struct mapper_entry *entry;
    uint32_t max_towers;
    uint32_t referent;
};

struct rpc_server {
    struct rpc_options options;
    unsigned interface_count;
    unsigned batch_count;
    bool stopping; // takes no more input
    struct rpc_association *free_associations;
    struct rpc_reassembly *free_reassemblies;
    struct rpc_context_chunk *free_chunks;
    struct mapper_change *free_change[64];
    unsigned free_changes;
    struct mapper_change *held[64]; // complete, but the peer has no room for the answer now
    unsigned held_count;
    uint64_t now;                    // microseconds: when the turn began
    uint32_t second;                 // the last that the exporter was told
    struct rpc_waiting_list waiting; // the earliest deadline first
    struct rpc_waiting_list free_waiting;
    struct rpc_association_list watched[RPC_WATCH_COUNT]; // the longest first
    uint64_t counters[RPC_COUNTER_COUNT];
    const struct rpc_inject_table *inject; // the fault rules of this turn; NULL: none
    uint64_t inject_draws;                 // random numbers that they took

    struct rpc_call batch[RPC_BATCH_MAX];
    // ept_map, stage by stage; rows match those of the batch.
    struct ndr_epm_map maps[RPC_BATCH_MAX];
    struct mapper_answer answers[RPC_BATCH_MAX];
    struct rpc_map_work map_work[RPC_BATCH_MAX];
    struct rpc_map_ready map_ready[RPC_BATCH_MAX];
    // ept_lookup.
    const struct mapper_entry *found[NDR_EPM_ENTRIES_MAX];
    struct ndr_epm_entry views[NDR_EPM_ENTRIES_MAX];

    struct rpc_association *associations; // in `association_memory`
    void *association_memory;
    uint8_t *reassembly_memory;
    struct rpc_context_chunk *chunk_memory;
    struct mapper_change *change_memory;
    struct rpc_waiting *waiting_memory;
    struct rpc_held_call *held_calls; // rows match those of waiting_memory; only with fault rules
    // The entries of one ept_map answer with other ports than they have.
    union {
        struct mapper_entry entry;
        uint8_t bytes[sizeof(struct mapper_entry) + NDR_EPM_READY_MAX];
    } diverted[MAPPER_ANSWER_MAX];
    // A reply under construction: room for a header, then the stub.
    uint8_t scratch[RPC_RESPONSE_HEADER_SIZE + RPC_STUB_MAX];
};

// ---- context.c
bool rpc_contexts_create(struct rpc_server *server);
// The context of this id, or NULL.
const struct rpc_context *rpc_context_find(const struct rpc_association *association, uint16_t id);
// Adds a context. False, and counted, at a limit: of the association, or of all together.
bool rpc_context_add(struct rpc_server *server, struct rpc_association *association,
                     const struct rpc_context *context);
// Gives the association's chunks back.
void rpc_contexts_free(struct rpc_server *server, struct rpc_association *association);

// ---- bind.c: whole, well-framed bind and alter_context PDUs. The answer is written.
void rpc_bind_serve(struct rpc_server *server, struct rpc_association *association,
                    const uint8_t *pdu, const struct rpc_header *header);
void rpc_alter_serve(struct rpc_server *server, struct rpc_association *association,
                     const uint8_t *pdu, const struct rpc_header *header);

// ---- request.c: one whole request PDU on a bound association.
struct rpc_cut rpc_request_cut(struct rpc_server *server, struct rpc_association *association,
                               const uint8_t *pdu, const struct rpc_header *header);
// Gives the association's reassembly buffer back, if it has one.
void rpc_reassembly_free(struct rpc_server *server, struct rpc_association *association);

// ---- verification.c
// What a verification trailer must say of a call.
struct rpc_verification {
    const struct rpc_header *header; // of the call's PDUs
    const struct ndr_syntax_id *interface, *transfer;
    uint16_t context_id, opnum;
    bool header_sign;
};
// Takes the trailer, if there is one, off the end of the stub. False: it says something else.
bool rpc_verify(const struct rpc_verification *want, struct ndr_stub *stub);

// ---- watch.c
void rpc_watch_create(struct rpc_server *server);
// After a turn in which the connection had input: what of it is unfinished, and since when.
void rpc_watch(struct rpc_server *server, struct rpc_association *association, uint32_t leftover);
void rpc_watch_drop(struct rpc_server *server, struct rpc_association *association);
// Ends the connections whose time is up.
void rpc_watch_expire(struct rpc_server *server);
uint64_t rpc_watch_next(const struct rpc_server *server);

// ---- inject.c
// Once a turn: the fault rules as they are now.
void rpc_inject_follow(struct rpc_server *server);
// With rules: executes the call as one of them says, or as ever. False: it is put off.
bool rpc_inject_execute(struct rpc_server *server, struct rpc_call *call);
// With rules: the one that decides about a bind whose contexts are negotiated, or NULL.
const struct rpc_inject_rule *rpc_inject_bind(struct rpc_server *server,
                                              const struct rpc_association *association);

// ---- run.c
// Executes a prepared call and answers it. False: the peer does not read, and the call is put off.
bool rpc_execute(struct rpc_server *server, struct rpc_call *call);
// The same for a call that was held, while there is no batch.
bool rpc_execute_held(struct rpc_server *server, const struct rpc_call *call);

// ---- server.c
// Ends a connection whose input ended and whose calls are all answered.
void rpc_end_answered(struct rpc_server *server, struct rpc_association *association);

// ---- epmapper_change.c
// Tries again to answer for the changes in server->held.
void rpc_complete_held(struct rpc_server *server);
// Whether a change of this call is under way; if so, its answer will not be sent.
bool rpc_orphan_change(struct rpc_server *server, const struct rpc_association *association,
                       uint32_t call_id);

// ---- reply.c
// Marks the association as waiting for room to write. Returns false.
bool rpc_block(struct rpc_server *server, struct rpc_association *association);
// Whether `size` octets can be written now; if not, the association waits for room.
bool rpc_ensure(struct rpc_server *server, struct rpc_association *association, uint32_t size);
// The negotiated size of fragments, and what follows from it.
void rpc_set_fragment(struct rpc_association *association, uint16_t size);
// How much room the answer to a call takes whose reply stub has at most `stub_max` octets.
uint32_t rpc_reply_room(const struct rpc_association *association, uint32_t stub_max);
// Which call a fault answers, and how.
struct rpc_fault {
    uint32_t status;
    uint32_t call_id;
    uint16_t context_id;
    uint8_t flags;
};
void rpc_send_fault(struct rpc_server *server, struct rpc_association *association,
                    const struct rpc_fault *fault);
void rpc_send_nak(struct rpc_server *server, struct rpc_association *association, uint32_t call_id,
                  uint16_t reason);
// Writes a whole PDU that was built at `pdu`.
void rpc_send(struct rpc_server *server, struct rpc_association *association, const uint8_t *pdu,
              uint32_t size);
// Sends `size` octets of stub that stand behind the header's room in server->scratch, in as many
// fragments as it takes.
void rpc_send_response(struct rpc_server *server, struct rpc_association *association,
                       uint32_t call_id, uint16_t context_id, uint32_t size);
// Answers a call whose operation returned `status`; its stub, if it has one, stands in
// server->scratch.
void rpc_answer(struct rpc_server *server, struct rpc_association *association, uint32_t call_id,
                uint16_t context_id, uint32_t status, const struct ndr_writer *reply);
// The writer for a reply stub in server->scratch.
struct ndr_writer rpc_reply_writer(struct rpc_server *server, enum ndr_syntax syntax);
// The last answer was written: ends the connection in order.
void rpc_finish(struct rpc_server *server, struct rpc_association *association);

// ---- defer.c
struct rpc_ticket rpc_ticket_of(const struct rpc_server *server, const struct rpc_call *call);
// Keeps a call of the batch, with its stub, to execute it at `deadline`. RPC_DEFERRED, or the fault
// for a server that has options.waiting calls waiting already.
uint32_t rpc_hold(struct rpc_server *server, struct rpc_call *call, uint64_t deadline);
// The connection the ticket's call came from; NULL, and counted, when it has ended.
struct rpc_association *rpc_ticket_redeem(struct rpc_server *server,
                                          const struct rpc_ticket *ticket);
// Answers the call of a redeemed ticket, as rpc_answer does.
void rpc_ticket_answer(struct rpc_server *server, struct rpc_association *association,
                       const struct rpc_ticket *ticket, uint32_t status,
                       const struct ndr_writer *reply);
// The client has given the call up: if it is answered later, it is not answered at all.
void rpc_orphan(struct rpc_server *server, struct rpc_association *association, uint32_t call_id);
// Forgets the connection's calls that wait: it is over.
void rpc_waiting_drop(struct rpc_server *server, const struct rpc_association *association);
