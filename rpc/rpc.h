// The connection-oriented DCE/RPC server (C706 chapters 9 and 12; [MS-RPCE] 3.3.3), one instance
// per worker. It knows neither TCP nor packets: bytes come in through rpc_input, answers
// go out through the stream functions the caller gave.
//
// One iteration of a worker: for all connections with bytes, rpc_input_plain and rpc_input cut PDUs
// and gather the calls of all connections into one batch; rpc_run then takes the batch through
// decode, lookup and encode, stage by stage, and writes the answers in the order of the calls. A
// connection whose peer does not read is left alone: its calls stay unanswered in the stream and
// are cut again when there is room.
//
// All functions but rpc_groups_*: only the worker that owns the server.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "rpc/counters.h"

struct exporter;
struct mapper_change;
struct mapper_replica;
struct rpc_association;
struct rpc_groups;
struct rpc_inject;
struct rpc_interface;
struct rpc_server;

// The byte stream beneath an association. `stream` is what rpc_open was given.
struct rpc_stream {
    // Whether `size` bytes may be written now. If not, rpc_unblock follows when they may.
    bool (*ensure)(void *stream, uint32_t size);
    // The largest size that reserve takes.
    uint32_t (*room)(void *stream);
    // Contiguous room for `size` bytes, sent by commit; NULL when there is none now.
    uint8_t *(*reserve)(void *stream, uint32_t size);
    void (*commit)(void *stream, uint32_t size);
    // Like commit, for one who knows the base_sum (base/sum.h) of the bytes.
    void (*commit_summed)(void *stream, uint32_t size, uint16_t sum);
    // Copies and sends; all or nothing.
    bool (*write)(void *stream, const void *data, uint32_t size);
    // Sends what was written, then ends the connection in order. Input from now on, and what was
    // not consumed yet, is the stream's to discard.
    void (*close)(void *stream);
    // Ends the connection at once.
    void (*abort)(void *stream);
    // Sends what was written, then ends the connection by a reset.
    void (*reset)(void *stream);
    // Sends what was written, and not sent yet, one byte a segment.
    void (*dribble)(void *stream);
};

// Addresses are 16 bytes; IPv4 is written as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
struct rpc_prefix {
    uint8_t address[16];
    uint8_t length; // bits
};

bool rpc_prefix_matches(const struct rpc_prefix *prefix, const uint8_t address[16]);

struct rpc_peer {
    uint8_t address[16];
    uint16_t local_port; // becomes the secondary address of a bind_ack
    bool http;           // ncacn_http: the server greets first ([MS-RPCH] 2.1.1.2.1)
};

// What may be set anew while a server runs.
struct rpc_settings {
    uint32_t contexts;              // presentation contexts of an association
    uint32_t calls;                 // of one that multiplexes, under way at once
    uint64_t half_pdu_timeout;      // microseconds for a PDU or call once it has begun; 0: no limit
    uint64_t idle_timeout;          // microseconds without input; 0: no limit
    const struct rpc_prefix *allow; // who may change the map over the network
    unsigned allow_count;
};

struct rpc_options {
    struct rpc_stream stream;
    const struct rpc_interface *const *interfaces; // NULL-terminated
    const struct mapper_replica *replica;          // this worker's
    struct rpc_groups *groups;                     // shared by all workers
    struct exporter *exporter;                     // shared by all workers; NULL without rpc_oxid
    unsigned worker;                               // 0 and up
    uint32_t associations;                         // at most
    uint32_t max_request;                          // reassembled stub, bytes
    uint32_t reassembly_buffers;                   // multi-PDU requests under way at once
    uint32_t contexts;                             // presentation contexts of an association
    uint32_t calls;                                // of one that multiplexes, under way at once
    uint64_t half_pdu_timeout;      // microseconds for a PDU or call once it has begun; 0: no limit
    uint64_t idle_timeout;          // microseconds without input; 0: no limit
    uint32_t changes;               // changes of the map under way at once
    uint32_t waiting;               // calls that wait for their time at once
    uint8_t secret[16];             // the same for all workers: seals handles
    struct base_uuid object;        // what ept_inq_object answers
    struct rpc_inject *inject;      // fault rules, shared by all workers; NULL: none ever
    const struct rpc_prefix *allow; // who may change the map over the network
    unsigned allow_count;
    // Hands a change to the control thread; false when it cannot take it. rpc_complete follows.
    bool (*submit)(void *context, struct mapper_change *change);
    void *context;
};

// Association groups of all workers (C706 9.3.1): at most `capacity` at once. NULL: no memory.
struct rpc_groups *rpc_groups_create(uint32_t capacity, unsigned workers);
void rpc_groups_destroy(struct rpc_groups *groups);
// At most `cursors` live entry handles in each group: 1 to RPC_GROUP_CURSORS, which is the default.
// Handles that are there already stay. One thread at a time, also while workers run.
void rpc_groups_limit_cursors(struct rpc_groups *groups, unsigned cursors);

// NULL when there is no memory. `interfaces`, `replica`, `groups` and `allow` must outlive it.
struct rpc_server *rpc_server_create(const struct rpc_options *options);
void rpc_server_destroy(struct rpc_server *server);
// From now on, what the options said of these is replaced. `allow` must stay until it is called
// again. Connections that were idle before there was an idle time-out are watched from their next
// input on. Contexts stand in a pool that was sized for what rpc_server_create was given.
void rpc_configure(struct rpc_server *server, const struct rpc_settings *settings);

// A new connection. NULL when there are `associations` already.
struct rpc_association *rpc_open(struct rpc_server *server, void *stream,
                                 const struct rpc_peer *peer);
// The connection is over; the association must not be used afterwards. Not while calls of it are in
// the batch: rpc_run first.
void rpc_close(struct rpc_server *server, struct rpc_association *association);

enum rpc_cut_result {
    RPC_CUT_TAKEN,   // one PDU of `length` bytes was taken; they must stay until rpc_run
    RPC_CUT_MORE,    // `length` contiguous bytes are needed (16, or the PDU's length)
    RPC_CUT_FULL,    // rpc_run first, then offer the same bytes again
    RPC_CUT_BLOCKED, // the peer does not read: offer again after rpc_unblock
    RPC_CUT_CLOSED,  // the stream was closed: nothing more is read from this connection
};

struct rpc_cut {
    enum rpc_cut_result result;
    uint32_t length;
};

// Offers the bytes that follow the last PDU taken (see rpc_offset).
struct rpc_cut rpc_input(struct rpc_server *server, struct rpc_association *association,
                         const uint8_t *bytes, uint32_t size);

// What a connection has to read, contiguous, from rpc_offset on.
struct rpc_offer {
    struct rpc_association *association;
    const uint8_t *bytes;
    uint32_t size;
    bool done; // false at first; true: rpc_input goes on with what is left
};

enum { RPC_OFFERS_MAX = 64 };

// Takes the requests that nearly every client sends, as many as are at the beginning of each offer,
// in the order of the offers; `bytes` and `size` become what is left. They must stay until
// rpc_run. One offer at most for each connection, RPC_OFFERS_MAX in all. Returns how many offers
// are done with, from the first on; when they are fewer than `count`, the batch is full: rpc_run
// first, then call again with the others.
unsigned rpc_input_plain(struct rpc_server *server, struct rpc_offer *offers, unsigned count);

// Where the next PDU begins, counted from the last rpc_take_consumed.
uint32_t rpc_offset(const struct rpc_association *association);
// How many bytes are done with and may be given up; the count starts again from there.
uint32_t rpc_take_consumed(struct rpc_association *association);
// There is room to write again.
void rpc_unblock(struct rpc_association *association);
// The peer will send nothing more.
void rpc_end_of_input(struct rpc_association *association);
// After rpc_run, for each connection that had events: starts and ends its time-outs, and ends it
// when its input ended and its calls are all answered. `leftover` are bytes of an unfinished PDU.
void rpc_settle(struct rpc_server *server, struct rpc_association *association, uint32_t leftover);
// Takes no more input and no more connections, and ends each connection in order when its calls are
// answered, one that is bound by a shutdown PDU: the server is about to stop.
void rpc_stop(struct rpc_server *server);
// Ends every connection in order now, whether its calls are answered or not.
void rpc_shutdown(struct rpc_server *server);

// Answers the batch. Returns how many calls were in it.
unsigned rpc_run(struct rpc_server *server);

// Once a turn, before the input of the turn: tells the server the time (microseconds of a clock
// that never goes back), answers the calls whose time has come, and ends connections that ran into
// a time-out.
void rpc_timers(struct rpc_server *server, uint64_t now);
// When to call rpc_timers next at the latest; UINT64_MAX: nothing waits.
uint64_t rpc_next_timer(const struct rpc_server *server);

// A change that was submitted is complete: answers the call it came from.
void rpc_complete(struct rpc_server *server, struct mapper_change *change);

// RPC_COUNTER_COUNT values.
const uint64_t *rpc_counters(const struct rpc_server *server);

// The interfaces that an endpoint mapper host can serve, NULL-terminated (rpc/interfaces.c).
extern const struct rpc_interface *const rpc_mapper_interfaces[];
