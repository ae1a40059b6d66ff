// One change of the authoritative map, all or nothing: steps are carried out on the table as they
// are staged and written down; then all of them go to the op log in one append, or are undone in
// reverse. Replicas see a change only when it is in the log. Changes may be held back, to go to the
// log together. Private to mapper/; owned by the control thread.
#pragma once

#include "mapper/free_slots.h"
#include "mapper/log.h"
#include "mapper/map.h"
#include "mapper/table.h"

// An entry that has left the map but that a replica may still hold.
struct mapper_retired {
    const struct mapper_entry *entry;
    uint64_t sequence; // free when every reader has applied this
};

struct mapper_map {
    struct mapper_options options;
    struct mapper_log *log; // the caller's
    struct mapper_table table;
    struct mapper_free_slots free_slots;
    // The changes held back, then the change at hand.
    struct mapper_op *ops;
    uint32_t op_count;
    uint32_t op_room;
    uint32_t op_held; // of those, the ones held back
    bool holds;
    mapper_record record; // NULL: changes are not kept
    void *record_context;
    // A queue in the order of the log.
    struct mapper_retired *retired;
    size_t retired_first;
    size_t retired_count;
    size_t retired_room;
};

// Which of the table's indexes.
enum { MAPPER_MAP_EXACT = 0, MAPPER_MAP_BINDING = 1 };

// Puts `entry`, which the transaction owns from here on, also when this fails, into a free slot, or
// into the slot of `replaced` when that is not NULL. Returns an ept_* status.
uint32_t mapper_transaction_put(struct mapper_map *map, struct mapper_entry *entry,
                                const struct mapper_entry *replaced);
// The same into `slot`, which is free.
uint32_t mapper_transaction_put_at(struct mapper_map *map, struct mapper_entry *entry,
                                   uint32_t slot);
uint32_t mapper_transaction_remove(struct mapper_map *map, const struct mapper_entry *entry);

// Ends the change: commits it, or holds it back, when `status` is OK and undoes it otherwise.
// Returns `status`, or why the commit was refused (then it is undone as well).
uint32_t mapper_transaction_finish(struct mapper_map *map, uint32_t status);
// Commits the changes held back, or undoes them all and returns why.
uint32_t mapper_transaction_release(struct mapper_map *map);
