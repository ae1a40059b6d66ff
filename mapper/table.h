// The slots and their indexes: what the authoritative map and every replica have in common.
// Private to mapper/. One thread owns a table; creation allocates, nothing after it does.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mapper/index.h"

enum { MAPPER_TABLE_INDEXES = 2 };

struct mapper_table {
    struct mapper_slot *slots;
    uint32_t capacity;
    uint32_t top;   // no slot from here on has ever been taken
    uint32_t count; // slots taken now
    struct mapper_secret secret;
    struct mapper_index index[MAPPER_TABLE_INDEXES];
};

// An empty table with an index of each of `kinds`. False: no memory.
bool mapper_table_init(struct mapper_table *table, uint32_t capacity,
                       const enum mapper_key_kind kinds[MAPPER_TABLE_INDEXES]);
void mapper_table_destroy(struct mapper_table *table);

// Puts `entry` into entry->slot, which must be below the capacity and empty; takes it out again.
void mapper_table_put(struct mapper_table *table, const struct mapper_entry *entry);
void mapper_table_remove(struct mapper_table *table, const struct mapper_entry *entry);

// Equal UUIDs have equal tags; different ones rarely.
static inline uint32_t mapper_uuid_tag(const struct mapper_table *table,
                                       const struct base_uuid *uuid)
{
    uint64_t words[2];
    memcpy(words, uuid->bytes, sizeof words);
    return (uint32_t)mapper_hash_mix(words[0] ^ table->secret.words[0],
                                     words[1] ^ table->secret.words[1]);
}
