// The op log: how changes of the map reach the replicas. One writer (the control thread) appends,
// each worker reads at its own pace between two bursts and applies to its own replica.
// Lock-free, single producer, every reader sees every operation in order.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mapper_entry;
struct mapper_log;

enum mapper_op_kind {
    MAPPER_OP_PUT,    // `entry` takes the (empty or taken) slot entry->slot
    MAPPER_OP_REMOVE, // `entry` leaves its slot
};

struct mapper_op {
    enum mapper_op_kind kind;
    const struct mapper_entry *entry;
    const struct mapper_entry *replaced; // MAPPER_OP_PUT: what stood in the slot, or NULL
};

// A log with room for `capacity` (a power of two) unapplied operations and `readers` replicas.
// NULL when there is no memory. Free with mapper_log_destroy after the last reader has stopped.
struct mapper_log *mapper_log_create(uint32_t capacity, unsigned readers);
void mapper_log_destroy(struct mapper_log *log);

// ---- the writer (control thread)

// How many operations fit now: capacity less what the slowest reader has not applied.
uint32_t mapper_log_room(const struct mapper_log *log);
// Appends `count` operations so that a reader sees all or none of them, and returns the sequence
// number of the last one. The caller has checked the room.
uint64_t mapper_log_append(struct mapper_log *log, const struct mapper_op *ops, uint32_t count);
// The sequence number up to which every reader has applied.
uint64_t mapper_log_applied(const struct mapper_log *log);
// Sequence number of the last appended operation; 0 when nothing was appended.
uint64_t mapper_log_head(const struct mapper_log *log);

// ---- a reader (the worker that owns replica `reader`)

// Copies up to `max` operations that follow this reader's last mapper_log_done.
// Returns how many; 0 costs one load. Whole appends only matter to mapper_log_done's caller.
uint32_t mapper_log_read(const struct mapper_log *log, unsigned reader, struct mapper_op *ret_ops,
                         uint32_t max);
// Says that `count` more operations have been applied and that nothing they removed is used any
// more.
void mapper_log_done(struct mapper_log *log, unsigned reader, uint32_t count);
// The sequence number this reader has applied.
uint64_t mapper_log_position(const struct mapper_log *log, unsigned reader);
