#include "tcpstack/tcp_memory.h"

#include <rte_lcore.h>
#include <rte_ring.h>

#include "tcpstack/tcp.h"

// How long a connection may hold buffers without progress, at least; at most twice that.
#define PATIENCE_LOW      UINT64_C(10000000)
#define PATIENCE_CRITICAL UINT64_C(1000000)

enum { BLOCKS_AT_ONCE = 64 };

void tcp_memory_init(struct tcp_memory *memory, const struct rte_mempool *pool)
{
    *memory = (struct tcp_memory){.low = pool->size / 8, .critical = pool->size / 16};
}

// rte_mempool_avail_count would visit the cache of every core; only ours matters. The pool is one
// of tcpstack_pool_create, so what lies behind it is a ring.
void tcp_memory_look(struct tcpstack *stack)
{
    struct rte_mempool *pool = stack->options.pool;
    const struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());
    unsigned free = rte_ring_count(pool->pool_data) + (cache != NULL ? cache->len : 0);
    struct tcp_memory *memory = &stack->memory;
    if (likely(free >= memory->low))
        memory->level = TCP_MEMORY_PLENTY;
    else
        memory->level = free >= memory->critical ? TCP_MEMORY_LOW : TCP_MEMORY_CRITICAL;
}

// Out-of-order bytes go first: their sender still has them. RFC 2018 8 allows it.
static void relieve(struct tcp_conn *conn)
{
    struct tcpstack *stack = conn->stack;
    stack->counters[TCPSTACK_TCP_OUT_OF_ORDER_EVICTED] += conn->traffic->out_of_order_count;
    tcp_free_out_of_order(conn);
    bool stuck = conn->stuck;
    conn->stuck = conn->traffic->rx_head != NULL || conn->traffic->tx_head != NULL;
    if (stuck && conn->stuck) {
        tcpstack_count(stack, TCPSTACK_TCP_STUCK_RESET);
        tcpstack_trace_event(conn, TCPSTACK_TRACE_STUCK, conn->snd_una, tcp_unacked(conn));
        tcp_abort(conn);
    }
}

// The clock algorithm: the hand marks a connection that holds buffers, progress takes the mark
// away, and what is still marked when the hand comes back is stuck. One bit a connection, no list.
void tcp_memory_relieve(struct tcpstack *stack)
{
    struct tcp_memory *memory = &stack->memory;
    if (likely(memory->level == TCP_MEMORY_PLENTY))
        return;
    if (memory->hand == 0) {
        bool critical = memory->level == TCP_MEMORY_CRITICAL;
        if (stack->now - memory->round_began < (critical ? PATIENCE_CRITICAL : PATIENCE_LOW))
            return;
        memory->round_began = stack->now;
    }
    for (unsigned i = 0; i < BLOCKS_AT_ONCE; i++) {
        if (memory->hand >= stack->table.blocks_used) {
            memory->hand = 0;
            return;
        }
        struct tcp_conn *conn = &stack->table.blocks[++memory->hand];
        if (conn->state != TCP_STATE_CLOSED)
            relieve(conn);
    }
}
