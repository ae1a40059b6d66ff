// Why this needs no lock.
//
// Shared state: `head`, written by the writer alone; one position per reader, written by that
// reader alone; the ring's cells, written by the writer, read by the readers. `head` and the
// positions only grow, so they do not wrap (64 bits) and there is no ABA.
//
// A reader sees whole operations: the writer fills the cells of an append and then stores `head`
// with release once; a reader loads `head` with acquire before it copies. What it finds below
// `head` was filled before that store, and so were the entries the operations point to. As `head`
// moves by whole appends, a reader that goes on until it has reached the head it saw has applied
// whole appends only.
//
// A cell is not overwritten while it may be read: cell i is reused by operation i + capacity, which
// the writer appends only when every position is above i (mapper_log_room). A reader stores its
// position with release after its copies and its use of what they removed; the writer loads it with
// acquire before it writes. So those reads happen before the overwriting, and likewise before the
// entries that operation i removed are freed (mapper_log_applied, mapper/map.c).
//
// A reader that stops delays the writer (no room) and nobody else: readers share no written line.
#include "mapper/log.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct position {
    _Alignas(64) _Atomic uint64_t applied; // its reader writes, the writer reads
};

struct mapper_log {
    _Alignas(64) _Atomic uint64_t head;  // the writer writes, everybody reads
    _Alignas(64) struct mapper_op *ring; // and what follows: constant after creation
    uint32_t capacity;
    unsigned readers;
    struct position positions[];
};

struct mapper_log *mapper_log_create(uint32_t capacity, unsigned readers)
{
    assert(capacity != 0 && (capacity & (capacity - 1)) == 0);
    size_t size = sizeof(struct mapper_log) + readers * sizeof(struct position);
    struct mapper_log *log = aligned_alloc(64, size);
    if (log == NULL)
        return NULL;
    memset(log, 0, size);
    log->ring = calloc(capacity, sizeof *log->ring);
    log->capacity = capacity;
    log->readers = readers;
    if (log->ring == NULL) {
        free(log);
        return NULL;
    }
    return log;
}

void mapper_log_destroy(struct mapper_log *log)
{
    if (log == NULL)
        return;
    free(log->ring);
    free(log);
}

uint64_t mapper_log_head(const struct mapper_log *log)
{
    return atomic_load_explicit(&log->head, memory_order_acquire);
}

// Acquire pairs with the release in mapper_log_done.
uint64_t mapper_log_applied(const struct mapper_log *log)
{
    uint64_t applied = mapper_log_head(log);
    for (unsigned i = 0; i < log->readers; i++) {
        uint64_t position = atomic_load_explicit(&log->positions[i].applied, memory_order_acquire);
        if (position < applied)
            applied = position;
    }
    return applied;
}

uint32_t mapper_log_room(const struct mapper_log *log)
{
    return log->capacity - (uint32_t)(mapper_log_head(log) - mapper_log_applied(log));
}

uint64_t mapper_log_append(struct mapper_log *log, const struct mapper_op *ops, uint32_t count)
{
    uint64_t head = atomic_load_explicit(&log->head, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        log->ring[(head + i) & (log->capacity - 1)] = ops[i];
    // Release pairs with the acquire in mapper_log_read: the cells, then the head.
    atomic_store_explicit(&log->head, head + count, memory_order_release);
    return head + count;
}

uint64_t mapper_log_position(const struct mapper_log *log, unsigned reader)
{
    return atomic_load_explicit(&log->positions[reader].applied, memory_order_relaxed);
}

uint32_t mapper_log_read(const struct mapper_log *log, unsigned reader, struct mapper_op *ret_ops,
                         uint32_t max)
{
    uint64_t from = mapper_log_position(log, reader);
    // Acquire pairs with the release in mapper_log_append.
    uint64_t waiting = atomic_load_explicit(&log->head, memory_order_acquire) - from;
    uint32_t count = waiting < max ? (uint32_t)waiting : max;
    for (uint32_t i = 0; i < count; i++)
        ret_ops[i] = log->ring[(from + i) & (log->capacity - 1)];
    return count;
}

void mapper_log_done(struct mapper_log *log, unsigned reader, uint32_t count)
{
    uint64_t from = mapper_log_position(log, reader);
    // Release pairs with the acquire in mapper_log_applied: reads and uses, then the position.
    atomic_store_explicit(&log->positions[reader].applied, from + count, memory_order_release);
}
