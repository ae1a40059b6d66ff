// What the stack does when packet buffers run short. The pool holds what peers make us hold: bytes
// not read, bytes out of order, replies not acknowledged. So that none of it stops everybody, less
// is accepted in this order:
//
//   plenty    everything
//   low       below 1/8 of the pool: no new connections, small windows, nothing out of order; a
//             connection that holds buffers for 10 seconds without progress is reset
//   critical  below 1/16: a connection that holds buffers gets no more; it has 1 second
//
// A client that asks, reads the answer and asks again holds nothing in between, and is served all
// the time. The pool of a worker should have 16 buffers for every connection that may be stuck at
// the same time; with less, a client may have to send again until a round has passed.
#pragma once

#include <stdint.h>

struct rte_mempool;
struct tcpstack;

enum tcp_memory_level { TCP_MEMORY_PLENTY, TCP_MEMORY_LOW, TCP_MEMORY_CRITICAL };

struct tcp_memory {
    uint8_t level;
    uint32_t low, critical; // free buffers
    uint32_t hand;          // the last block that the round has looked at
    uint64_t round_began;
};

void tcp_memory_init(struct tcp_memory *memory, const struct rte_mempool *pool);
// Finds the level. Called before buffers are taken, once a burst or a write.
void tcp_memory_look(struct tcpstack *stack);
// Frees what is held for nothing, a part of the round at a time. Call between bursts.
void tcp_memory_relieve(struct tcpstack *stack);
