// Why this needs no lock.
//
// Shared state: `current`, written by control alone; the tables and the rules in the slots, written
// by control, read by the workers; one position per worker, written by that worker alone; its
// counts likewise. Generations only grow and do not wrap (64 bits).
//
// A worker sees whole tables: control fills a table and the rule it adds, then stores `current`
// with release; a worker loads it with acquire before it reads. A table is not changed while it is
// the current one.
//
// What a worker may read is not overwritten. A worker takes the current table at the beginning of a
// turn and uses no other until it takes again; then it stores its generation as its position, with
// release, so all it did with the one before happens before that store. Control loads the positions
// with acquire. A table or a rule that generation g left out is used again only when every position
// is g or more: then each worker has taken generation g or a later one, and the reads of what it
// had before are over. A worker that has loaded `current`, but not yet stored its position, is
// covered, too: its position is still that of an older table, and holds back everything since.
//
// A worker that stops delays changes (no table or slot is free) and nobody else.
#include "rpc/inject.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/interface.h"

enum { TABLES = 4 };

struct slot {
    struct rpc_inject_rule rule;
    bool live;
    uint64_t left_out; // the generation without it
};

struct worker_side {
    // Its worker writes, control reads.
    _Alignas(64) _Atomic uint64_t position;
    uint64_t counts[RPC_INJECT_MAX]; // control sets a count to 0 while nobody uses its slot
};

struct rpc_inject {
    // Control writes, the workers read.
    _Alignas(64) _Atomic(struct rpc_inject_table *) current;
    struct rpc_inject_table tables[TABLES];
    struct slot slots[RPC_INJECT_MAX];
    // Control's own.
    uint64_t left_out[TABLES]; // the generation that replaced the table
    uint32_t last_id;
    unsigned workers;
    struct worker_side sides[];
};

struct rpc_inject *rpc_inject_create(unsigned workers)
{
    size_t size = sizeof(struct rpc_inject) + workers * sizeof(struct worker_side);
    struct rpc_inject *inject = aligned_alloc(64, size);
    if (!inject)
        return NULL;
    memset(inject, 0, size);
    inject->workers = workers;
    atomic_init(&inject->current, &inject->tables[0]);
    return inject;
}

void rpc_inject_destroy(struct rpc_inject *inject)
{
    free(inject);
}

// ---- control

// The generation that every worker goes by, at least. Acquire pairs with the release in
// rpc_inject_take.
static uint64_t applied(const struct rpc_inject *inject)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < inject->workers; i++) {
        uint64_t position = atomic_load_explicit(&inject->sides[i].position, memory_order_acquire);
        if (position < least)
            least = position;
    }
    return least;
}

const struct rpc_inject_table *rpc_inject_current(const struct rpc_inject *inject)
{
    return atomic_load_explicit(&inject->current, memory_order_relaxed);
}

bool rpc_inject_applied(const struct rpc_inject *inject)
{
    return applied(inject) >= rpc_inject_current(inject)->generation;
}

uint64_t rpc_inject_hits(const struct rpc_inject *inject, unsigned slot, unsigned worker)
{
    return base_counter_read(&inject->sides[worker].counts[slot]);
}

// A table that nobody reads, or NULL.
static struct rpc_inject_table *free_table(struct rpc_inject *inject)
{
    uint64_t least = applied(inject);
    for (unsigned i = 0; i < TABLES; i++) {
        if (&inject->tables[i] != rpc_inject_current(inject) && inject->left_out[i] <= least)
            return &inject->tables[i];
    }
    return NULL;
}

// Release pairs with the acquire in rpc_inject_take.
static void publish(struct rpc_inject *inject, struct rpc_inject_table *table)
{
    const struct rpc_inject_table *before = rpc_inject_current(inject);
    table->generation = before->generation + 1;
    inject->left_out[before - inject->tables] = table->generation;
    atomic_store_explicit(&inject->current, table, memory_order_release);
}

static struct slot *free_slot(struct rpc_inject *inject)
{
    uint64_t least = applied(inject);
    for (unsigned i = 0; i < RPC_INJECT_MAX; i++) {
        if (!inject->slots[i].live && inject->slots[i].left_out <= least)
            return &inject->slots[i];
    }
    return NULL;
}

uint32_t rpc_inject_add(struct rpc_inject *inject, const struct rpc_inject_rule *rule)
{
    struct rpc_inject_table *table = free_table(inject);
    struct slot *slot = free_slot(inject);
    if (!table || !slot)
        return 0;
    unsigned index = (unsigned)(slot - inject->slots);
    slot->rule = *rule;
    slot->rule.id = ++inject->last_id;
    slot->live = true;
    for (unsigned i = 0; i < inject->workers; i++)
        inject->sides[i].counts[index] = 0;
    *table = *rpc_inject_current(inject);
    table->rows[table->count++] = (struct rpc_inject_row){&slot->rule, index};
    publish(inject, table);
    return slot->rule.id;
}

int rpc_inject_remove(struct rpc_inject *inject, uint32_t id)
{
    const struct rpc_inject_table *now = rpc_inject_current(inject);
    struct rpc_inject_table *table = free_table(inject);
    if (!table)
        return -1;
    table->count = 0;
    for (unsigned i = 0; i < now->count; i++) {
        struct slot *slot = &inject->slots[now->rows[i].slot];
        if (id != 0 && slot->rule.id != id) {
            table->rows[table->count++] = now->rows[i];
            continue;
        }
        slot->live = false;
        slot->left_out = now->generation + 1;
    }
    int removed = (int)(now->count - table->count);
    if (removed)
        publish(inject, table);
    return removed;
}

bool rpc_inject_interface(const char *name, struct base_uuid *ret_uuid)
{
    for (unsigned i = 0; rpc_mapper_interfaces[i]; i++) {
        if (strcmp(rpc_mapper_interfaces[i]->name, name) != 0)
            continue;
        *ret_uuid = rpc_mapper_interfaces[i]->id.uuid;
        return true;
    }
    return false;
}

// ---- a worker

const struct rpc_inject_table *rpc_inject_take(struct rpc_inject *inject, unsigned worker)
{
    _Atomic uint64_t *position = &inject->sides[worker].position;
    // Acquire pairs with the release in publish.
    struct rpc_inject_table *table = atomic_load_explicit(&inject->current, memory_order_acquire);
    if (atomic_load_explicit(position, memory_order_relaxed) != table->generation)
        // Release pairs with the acquire in applied: the use of the last table, then the position.
        atomic_store_explicit(position, table->generation, memory_order_release);
    return table;
}

uint64_t *rpc_inject_counts(struct rpc_inject *inject, unsigned worker)
{
    return inject->sides[worker].counts;
}
