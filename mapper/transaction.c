#include "mapper/transaction.h"

#include <stdlib.h>

#include "mapper/registration.h"

static bool reserve_op(struct mapper_map *map)
{
    if (map->op_count < map->op_room)
        return true;
    uint32_t room = map->op_room == 0 ? 64 : map->op_room * 2;
    struct mapper_op *ops = realloc(map->ops, room * sizeof *ops);
    if (ops == NULL)
        return false;
    map->ops = ops;
    map->op_room = room;
    return true;
}

static uint32_t stage_put(struct mapper_map *map, struct mapper_entry *entry,
                          const struct mapper_entry *replaced)
{
    if (replaced != NULL)
        mapper_table_remove(&map->table, replaced);
    mapper_table_put(&map->table, entry);
    map->ops[map->op_count++] = (struct mapper_op){MAPPER_OP_PUT, entry, replaced};
    return NDR_EPM_STATUS_OK;
}

uint32_t mapper_transaction_put(struct mapper_map *map, struct mapper_entry *entry,
                                const struct mapper_entry *replaced)
{
    if (!reserve_op(map)) {
        mapper_entry_destroy(entry);
        return NDR_EPM_STATUS_NO_MEMORY;
    }
    entry->slot = replaced != NULL ? replaced->slot : mapper_free_slots_take(&map->free_slots);
    if (entry->slot == MAPPER_NONE) {
        mapper_entry_destroy(entry);
        return NDR_EPM_STATUS_NO_MEMORY;
    }
    return stage_put(map, entry, replaced);
}

uint32_t mapper_transaction_put_at(struct mapper_map *map, struct mapper_entry *entry,
                                   uint32_t slot)
{
    if (!reserve_op(map)) {
        mapper_entry_destroy(entry);
        return NDR_EPM_STATUS_NO_MEMORY;
    }
    entry->slot = slot;
    mapper_free_slots_take_this(&map->free_slots, slot);
    return stage_put(map, entry, NULL);
}

uint32_t mapper_transaction_remove(struct mapper_map *map, const struct mapper_entry *entry)
{
    if (!reserve_op(map))
        return NDR_EPM_STATUS_NO_MEMORY;
    mapper_table_remove(&map->table, entry);
    mapper_free_slots_give(&map->free_slots, entry->slot);
    map->ops[map->op_count++] = (struct mapper_op){MAPPER_OP_REMOVE, entry, NULL};
    return NDR_EPM_STATUS_OK;
}

// Reverse order, so that every step finds the table as it left it.
static void undo(struct mapper_map *map, uint32_t keep)
{
    while (map->op_count > keep) {
        const struct mapper_op *op = &map->ops[--map->op_count];
        if (op->kind == MAPPER_OP_REMOVE) {
            mapper_free_slots_take_this(&map->free_slots, op->entry->slot);
            mapper_table_put(&map->table, op->entry);
            continue;
        }
        mapper_table_remove(&map->table, op->entry);
        if (op->replaced != NULL)
            mapper_table_put(&map->table, op->replaced);
        else
            mapper_free_slots_give(&map->free_slots, op->entry->slot);
        mapper_entry_destroy(op->entry);
    }
}

// Room for `count` more at the queue's end.
static bool reserve_retired(struct mapper_map *map, size_t count)
{
    if (map->retired_first + map->retired_count + count <= map->retired_room)
        return true;
    if (map->retired_first > 0) {
        memmove(map->retired, map->retired + map->retired_first,
                map->retired_count * sizeof *map->retired);
        map->retired_first = 0;
    }
    // At most half full after this, so that moving stays cheap over many changes.
    size_t room = 2 * (map->retired_count + count);
    if (room <= map->retired_room)
        return true;
    struct mapper_retired *retired = realloc(map->retired, room * sizeof *retired);
    if (retired == NULL)
        return false;
    map->retired = retired;
    map->retired_room = room;
    return true;
}

static const struct mapper_entry *leaving(const struct mapper_op *op)
{
    return op->kind == MAPPER_OP_REMOVE ? op->entry : op->replaced;
}

// Whether all that is staged could go to the log now. It can later as well: only this thread
// appends and retires, so there is never less room than now.
static uint32_t check_room(struct mapper_map *map)
{
    if (map->op_count > mapper_log_room(map->log))
        return NDR_EPM_STATUS_UPDATE_FAILED;
    if (!reserve_retired(map, map->op_count))
        return NDR_EPM_STATUS_NO_MEMORY;
    return NDR_EPM_STATUS_OK;
}

// Records all that is staged, then shows it to the replicas; the room has been checked.
static uint32_t commit(struct mapper_map *map)
{
    if (map->op_count == 0)
        return NDR_EPM_STATUS_OK;
    uint32_t status = map->record == NULL
                          ? NDR_EPM_STATUS_OK
                          : map->record(map->record_context, map->ops, map->op_count);
    if (status != NDR_EPM_STATUS_OK)
        return status;
    uint64_t sequence = mapper_log_append(map->log, map->ops, map->op_count);
    for (uint32_t i = 0; i < map->op_count; i++) {
        const struct mapper_entry *entry = leaving(&map->ops[i]);
        if (entry != NULL)
            map->retired[map->retired_first + map->retired_count++] =
                (struct mapper_retired){entry, sequence};
    }
    map->op_count = map->op_held = 0;
    return NDR_EPM_STATUS_OK;
}

uint32_t mapper_transaction_finish(struct mapper_map *map, uint32_t status)
{
    if (status == NDR_EPM_STATUS_OK)
        status = check_room(map);
    if (status == NDR_EPM_STATUS_OK && !map->holds)
        status = commit(map);
    if (status != NDR_EPM_STATUS_OK)
        undo(map, map->op_held);
    map->op_held = map->op_count;
    return status;
}

uint32_t mapper_transaction_release(struct mapper_map *map)
{
    uint32_t status = commit(map);
    if (status != NDR_EPM_STATUS_OK)
        undo(map, 0);
    map->op_held = 0;
    map->holds = false;
    return status;
}
