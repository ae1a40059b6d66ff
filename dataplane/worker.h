// A worker: one pinned thread that runs everything a request meets, over batches, to completion.
// Nothing in a worker is written by another thread but its rings and `stop`.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/channel.h"
#include "dataplane/counters.h"
#include "mapper/replica.h"
#include "rpc/rpc.h"
#include "tcpstack/tcpstack.h"

struct dataplane_settings;
struct rte_mempool;
struct rte_ring;

enum {
    WORKER_BURST = 64,
    WORKER_MAX = 64,
    // PDUs that lie across frames are copied together here; the largest PDU has 65,535 bytes.
    WORKER_GATHER_SIZE = 192 << 10,
};

// A port as one worker uses it.
struct worker_port {
    uint16_t port_id;
    uint16_t queue;
    bool owned; // this worker polls and feeds the queue; otherwise its frames come and go by rings
};

struct worker {
    // Read every turn; written before the thread starts, by the main thread.
    unsigned index;
    unsigned core;
    unsigned worker_count;
    unsigned port_count;
    bool sleeps; // when idle, instead of spinning
    struct worker_port ports[TCPSTACK_PORT_MAX];
    // Where ncacn_http is spoken: the server greets first.
    uint16_t http_ports[TCPSTACK_LISTEN_MAX];
    unsigned http_port_count;
    struct tcpstack *stack;
    struct rpc_server *rpc;
    struct mapper_replica *replica;
    struct control_channel *channel;
    struct rte_mempool *pool;
    // Frames from and to worker 0, for ports with fewer queues than workers (dataplane/spread.h).
    // Worker 0 has those of all others, the others have their own at index 0.
    struct rte_ring *spread_in[WORKER_MAX];
    struct rte_ring *spread_out[WORKER_MAX];
    uint64_t tsc_start;
    uint64_t tsc_to_us; // 2^64 * microseconds per TSC tick

    // Written every turn, by the worker alone.
    uint64_t now;        // microseconds
    uint64_t booked;     // TSC up to which the ticks are booked to a stage
    uint64_t idle_since; // 0 while busy
    uint64_t housekeeping_due;
    unsigned touched_count;
    uint32_t gathered; // bytes of `gather` in use
    uint64_t counters[WORKER_COUNTER_COUNT];
    struct rte_mbuf *frames[WORKER_BURST];
    struct tcp_conn *ready[WORKER_BURST];
    struct rpc_association *touched[WORKER_BURST]; // of `ready`, in the same order
    struct rpc_offer offers[WORKER_BURST];         // those of `ready` that have something to read
    uint8_t *gather;

    // Written by the main thread, read by the worker once a turn.
    _Alignas(64) _Atomic bool stop;
    // The same, by control (dataplane/settings.h).
    _Atomic(const struct dataplane_settings *) settings;
    // Written by the worker, read by control.
    _Atomic(const struct dataplane_settings *) settings_taken;
};

// Runs until worker->stop, then ends all connections in order and drains for a moment.
// The entry of an EAL thread: `worker` is a struct worker *. Returns 0.
int worker_main(void *worker);

// One turn of the poll loop. For worker_main, the benchmark and tests. Returns the frames it moved.
unsigned worker_turn(struct worker *worker);

// The stream functions that join an RPC association to a TCP connection.
extern const struct rpc_stream worker_stream;

// Books the time since the last call to a stage, a WORKER_TICKS_* row. Once a stage and turn: what
// it costs (some 10 ns) is spread over the burst.
void worker_book(struct worker *worker, enum worker_counter stage);

// ---- dataplane/serve.c
// Takes every connection that has events through the RPC layer and answers what can be answered.
void worker_serve(struct worker *worker);
// The connection's address and port as the RPC layer wants them.
struct rpc_peer worker_peer(const struct tcp_conn *conn);
