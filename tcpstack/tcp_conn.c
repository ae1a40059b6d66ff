#include "tcpstack/tcp_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_prefetch.h>

#include "base/siphash.h"
#include "tcpstack/tcp.h"

static size_t blocks_size(const struct tcp_table *table)
{
    return (table->block_count + (size_t)1) * sizeof *table->blocks;
}

int tcp_table_init(struct tcp_table *table, uint32_t blocks)
{
    uint32_t buckets = 16;
    while (buckets < blocks)
        buckets *= 2;
    *table = (struct tcp_table){.bucket_mask = buckets - 1, .block_count = blocks};
    table->buckets = calloc(buckets, sizeof *table->buckets);
    // Mapped, not allocated: pages come with their first connection, on the node of the worker
    // that opens it, and the machine may back them with huge pages.
    void *memory = mmap(NULL, blocks_size(table), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    table->blocks = memory == MAP_FAILED ? NULL : memory;
    if (table->buckets == NULL || table->blocks == NULL) {
        tcp_table_destroy(table);
        return -1;
    }
    (void)madvise(table->blocks, blocks_size(table), MADV_HUGEPAGE); // advice: may be refused
    return 0;
}

void tcp_table_destroy(struct tcp_table *table)
{
    free(table->buckets);
    if (table->blocks != NULL)
        munmap(table->blocks, blocks_size(table));
    *table = (struct tcp_table){0};
}

void tcp_table_key(struct tcpstack *stack)
{
    for (uint8_t i = 0; i < RTE_DIM(stack->hash_keys); i++) {
        const uint8_t purpose[] = {'t', 'a', 'b', 'l', 'e', i};
        stack->hash_keys[i] = base_siphash(stack->options.secret, purpose, sizeof purpose);
    }
}

uint32_t tcp_key_hash(const struct tcpstack *stack, const struct tcp_key *key)
{
    const uint64_t *k = stack->hash_keys;
    uint64_t high = base_load_le64(key->remote), low = base_load_le64(key->remote + 8);
    uint32_t ports = (uint32_t)key->local_port << 16 | key->remote_port;
    uint64_t sum = (k[0] + (uint32_t)high) * (k[1] + (high >> 32)) +
                   (k[2] + (uint32_t)low) * (k[3] + (low >> 32)) +
                   (k[4] + ports) * (k[5] + key->local);
    return (uint32_t)((sum + k[6]) >> 32);
}

void tcp_table_prefetch(const struct tcpstack *stack, uint32_t hash)
{
    rte_prefetch0(&stack->table.buckets[hash & stack->table.bucket_mask]);
}

// The bucket's place in the table.
static uint32_t *bucket_of(struct tcpstack *stack, uint32_t hash)
{
    return &stack->table.buckets[hash & stack->table.bucket_mask];
}

static struct tcp_conn *first_of(const struct tcpstack *stack, uint32_t hash)
{
    return tcp_table_block(&stack->table, stack->table.buckets[hash & stack->table.bucket_mask]);
}

void tcp_conn_prefetch(const struct tcpstack *stack, uint32_t hash)
{
    const char *lines = (const char *)first_of(stack, hash);
    for (unsigned i = 0; lines != NULL && i < sizeof(struct tcp_conn); i += RTE_CACHE_LINE_SIZE)
        rte_prefetch0(lines + i);
}

struct tcp_conn *tcp_conn_find(const struct tcpstack *stack, const struct tcp_key *key,
                               uint32_t hash)
{
    struct tcp_conn *conn = first_of(stack, hash);
    while (conn != NULL && !tcp_key_equal(&conn->key, key))
        conn = tcp_table_block(&stack->table, conn->hash_next);
    return conn;
}

bool tcp_is_half_open(const struct tcp_conn *conn)
{
    return conn->state == TCP_STATE_SYN_RECEIVED && !conn->active;
}

enum tcpstack_counter tcp_level_of(const struct tcp_conn *conn)
{
    return tcp_is_half_open(conn) ? TCPSTACK_TCP_HALF_OPEN : TCPSTACK_TCP_CONNECTIONS;
}

// 0 when all are used.
static uint32_t take_block(struct tcp_table *table)
{
    uint32_t number = table->free;
    if (number != 0)
        table->free = table->blocks[number].hash_next;
    else if (table->blocks_used < table->block_count)
        number = ++table->blocks_used;
    return number;
}

struct tcp_conn *tcp_conn_new(struct tcpstack *stack, const struct tcp_key *key, uint32_t hash)
{
    uint32_t number = take_block(&stack->table);
    if (number == 0)
        return NULL;
    struct tcp_conn *conn = &stack->table.blocks[number];
    uint32_t *bucket = bucket_of(stack, hash);
    *conn = (struct tcp_conn){
        .hash_next = *bucket, .key = *key, .stack = stack, .traffic = &stack->no_traffic};
    *bucket = number;
    return conn;
}

static void leave_table(struct tcp_conn *conn)
{
    struct tcp_table *table = &conn->stack->table;
    uint32_t *at = bucket_of(conn->stack, tcp_key_hash(conn->stack, &conn->key));
    while (tcp_table_block(table, *at) != conn)
        at = &table->blocks[*at].hash_next;
    *at = conn->hash_next;
}

static void give_block_back(struct tcp_conn *conn)
{
    struct tcp_table *table = &conn->stack->table;
    assert(!conn->on_output && !conn->on_ready && !tcpstack_timer_armed(&conn->timer));
    conn->hash_next = table->free;
    table->free = (uint32_t)(conn - table->blocks);
}

void tcp_conn_release(struct tcp_conn *conn, enum tcp_close_reason reason)
{
    struct tcpstack *stack = conn->stack;
    if (conn->known)
        tcpstack_trace_event(conn, TCPSTACK_TRACE_ENDED, conn->snd_una, reason);
    stack->counters[tcp_level_of(conn)]--;
    leave_table(conn);
    tcp_timers_stop(conn);
    tcp_free_readable(conn);
    tcp_free_out_of_order(conn);
    tcp_free_written(conn);
    if (conn->on_output)
        TAILQ_REMOVE(&stack->output, conn->traffic, output_link);
    conn->on_output = false;
    tcp_traffic_abandon(conn);
    if (conn->detached)
        TAILQ_REMOVE(&stack->time_wait, conn, time_wait_link);
    conn->state = TCP_STATE_CLOSED;
    if (!conn->closed)
        conn->close_reason = reason;
    tcp_raise(conn, TCP_EVENT_CLOSED);
    if (!conn->known || conn->detached)
        give_block_back(conn);
}

void tcp_reap(struct tcpstack *stack)
{
    struct tcp_conn *conn;
    while ((conn = STAILQ_FIRST(&stack->told)) != NULL) {
        STAILQ_REMOVE_HEAD(&stack->told, ready_link);
        if (conn->state == TCP_STATE_CLOSED) {
            give_block_back(conn);
            continue;
        }
        conn->detached = true; // in TIME-WAIT it lives on without the caller
        TAILQ_INSERT_TAIL(&stack->time_wait, conn, time_wait_link);
    }
}
