// A worker of the generator: one pinned thread that polls its queue of the port. The main thread
// gives it one order at a time and waits until it is carried out.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "load/generator.h"

struct rte_mbuf;
struct rte_mempool;

enum load_order {
    LOAD_ORDER_CONNECT, // done when all connections that are to be open are
    LOAD_ORDER_LOAD,    // done when the stretch is over
    LOAD_ORDER_CLOSE,   // done when all connections have ended
    LOAD_ORDER_STOP,    // done when the thread has ended
};

struct load_worker {
    // Written before the thread starts, by the main thread; then read by both.
    unsigned index;
    unsigned core;
    uint16_t port_id;
    uint16_t queue;
    struct rte_mempool *pool;
    struct tcpstack *stack;
    struct load_generator *generator;
    struct load_calls *calls;
    struct load_names names;
    uint64_t tsc_start; // the same for all workers
    uint64_t tsc_to_ns; // 2^32 * nanoseconds per TSC tick

    // The worker alone.
    uint64_t now; // nanoseconds
    enum load_order doing;
    unsigned seen;                      // number of the last order taken
    unsigned waiting_count, waiting_at; // frames that the port did not take yet
    struct rte_mbuf *waiting[LOAD_BURST];
    struct rte_mbuf *frames[LOAD_BURST];

    // The main thread writes order and plan, then `ordered` (release); the worker reads it
    // (acquire) and then them. The worker writes what it measured, then `done` (release); the main
    // thread reads it (acquire) and then the results.
    _Atomic enum load_order order;
    struct load_plan plan;
    _Alignas(64) _Atomic unsigned ordered; // number of the last order given
    _Alignas(64) _Atomic unsigned done;    // number of the last order carried out
};

// Nanoseconds since tsc_start. Any thread.
uint64_t load_worker_clock(const struct load_worker *worker);

// The entry of an EAL thread: `worker` is a struct load_worker *. Returns 0 after
// LOAD_ORDER_STOP.
int load_worker_main(void *worker);

// Gives an order; `plan` with LOAD_ORDER_LOAD, else NULL. It takes the place of one that was not
// carried out yet, but only CLOSE and STOP may. Main thread.
void load_worker_give(struct load_worker *worker, enum load_order order,
                      const struct load_plan *plan);
// Whether it has been carried out. Main thread.
bool load_worker_has_done(struct load_worker *worker);
