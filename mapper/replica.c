#include "mapper/replica.h"

#include <stdlib.h>

#include "mapper/replica_private.h"

enum { APPLY_BATCH = 64 }; // operations copied out of the log at a time

struct mapper_replica *mapper_replica_create(uint32_t capacity, struct mapper_log *log,
                                             unsigned reader)
{
    static const enum mapper_key_kind kinds[MAPPER_TABLE_INDEXES] = {
        [MAPPER_REPLICA_BINDINGS] = MAPPER_KEY_BINDING,
        [MAPPER_REPLICA_OBJECTS] = MAPPER_KEY_OBJECT,
    };
    struct mapper_replica *replica = calloc(1, sizeof *replica);
    if (replica == NULL)
        return NULL;
    replica->log = log;
    replica->reader = reader;
    if (!mapper_table_init(&replica->table, capacity, kinds)) {
        free(replica);
        return NULL;
    }
    return replica;
}

void mapper_replica_destroy(struct mapper_replica *replica)
{
    if (replica == NULL)
        return;
    mapper_table_destroy(&replica->table);
    free(replica);
}

static void apply(struct mapper_table *table, const struct mapper_op *op)
{
    if (op->kind == MAPPER_OP_REMOVE) {
        mapper_table_remove(table, op->entry);
        return;
    }
    if (op->replaced != NULL)
        mapper_table_remove(table, op->replaced);
    mapper_table_put(table, op->entry);
}

// Up to the head as it stands now: it lies between two changes, so no half of one is left behind.
uint32_t mapper_replica_apply(struct mapper_replica *replica)
{
    struct mapper_op ops[APPLY_BATCH];
    uint64_t head = mapper_log_head(replica->log);
    uint64_t start = mapper_log_position(replica->log, replica->reader);
    for (uint64_t at = start; at < head;) {
        uint32_t max = head - at < APPLY_BATCH ? (uint32_t)(head - at) : APPLY_BATCH;
        uint32_t count = mapper_log_read(replica->log, replica->reader, ops, max);
        for (uint32_t i = 0; i < count; i++)
            apply(&replica->table, &ops[i]);
        mapper_log_done(replica->log, replica->reader, count);
        at += count;
    }
    return (uint32_t)(head - start);
}

uint32_t mapper_replica_count(const struct mapper_replica *replica)
{
    return replica->table.count;
}
