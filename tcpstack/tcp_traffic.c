#include "tcpstack/tcp_traffic.h"

#include <sys/mman.h>

#include "tcpstack/stack.h"

int tcp_traffic_init(struct tcp_traffic_pool *pool, uint32_t blocks)
{
    *pool = (struct tcp_traffic_pool){.block_count = blocks};
    void *memory = mmap(NULL, blocks * sizeof *pool->blocks, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    pool->blocks = memory == MAP_FAILED ? NULL : memory;
    return pool->blocks == NULL ? -1 : 0;
}

void tcp_traffic_destroy(struct tcp_traffic_pool *pool)
{
    if (pool->blocks != NULL)
        munmap(pool->blocks, pool->block_count * sizeof *pool->blocks);
    *pool = (struct tcp_traffic_pool){0};
}

// A block that was given back is empty, but for what loss detection has found out.
void tcp_traffic_begin(struct tcp_conn *conn)
{
    struct tcpstack *stack = conn->stack;
    struct tcp_traffic_pool *pool = &stack->traffic;
    if (likely(conn->traffic != &stack->no_traffic))
        return;
    struct tcp_traffic *traffic = pool->free;
    if (traffic != NULL)
        pool->free = traffic->next_free;
    else
        traffic = &pool->blocks[pool->blocks_used++];
    traffic->owner = conn;
    // All that was sent is delivered. A time of 0 is before that of any segment, so none of those
    // to come is overdue before a later one has arrived.
    traffic->rack_sent_at = 0;
    traffic->rack_end = traffic->rack_highest = traffic->rack_round = conn->snd_una;
    traffic->probe_end = conn->snd_una; // of a probe whose second answer may still come
    conn->traffic = traffic;
}

void tcp_traffic_abandon(struct tcp_conn *conn)
{
    struct tcpstack *stack = conn->stack;
    struct tcp_traffic *traffic = conn->traffic;
    if (traffic == &stack->no_traffic)
        return;
    traffic->owner = NULL;
    traffic->next_free = stack->traffic.free;
    stack->traffic.free = traffic;
    conn->traffic = &stack->no_traffic;
}

void tcp_traffic_end(struct tcp_conn *conn)
{
    const struct tcp_traffic *traffic = conn->traffic;
    if (conn->on_output || conn->snd_una != conn->snd_max || traffic->rx_head != NULL ||
        traffic->tx_head != NULL || traffic->tx_reserved != NULL || traffic->out_of_order != NULL)
        return;
    tcp_traffic_abandon(conn);
}
