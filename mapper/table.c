#include "mapper/table.h"

#include <assert.h>
#include <stdlib.h>

bool mapper_table_init(struct mapper_table *table, uint32_t capacity,
                       const enum mapper_key_kind kinds[MAPPER_TABLE_INDEXES])
{
    *table = (struct mapper_table){
        .slots = calloc(capacity, sizeof *table->slots),
        .capacity = capacity,
        .secret = mapper_secret_draw(),
    };
    bool complete = table->slots != NULL;
    for (unsigned i = 0; i < MAPPER_TABLE_INDEXES && complete; i++)
        complete =
            mapper_index_init(&table->index[i], kinds[i], table->slots, capacity, &table->secret);
    if (!complete)
        mapper_table_destroy(table);
    return complete;
}

void mapper_table_destroy(struct mapper_table *table)
{
    for (unsigned i = 0; i < MAPPER_TABLE_INDEXES; i++)
        mapper_index_destroy(&table->index[i]);
    free(table->slots);
    table->slots = NULL;
}

void mapper_table_put(struct mapper_table *table, const struct mapper_entry *entry)
{
    assert(entry->slot < table->capacity && table->slots[entry->slot].entry == NULL);
    table->slots[entry->slot] = (struct mapper_slot){
        .entry = entry,
        .interface_tag = mapper_uuid_tag(table, &entry->interface.uuid),
        .object_tag = mapper_uuid_tag(table, &entry->object),
    };
    for (unsigned i = 0; i < MAPPER_TABLE_INDEXES; i++)
        mapper_index_add(&table->index[i], entry->slot);
    table->count++;
    if (table->top <= entry->slot)
        table->top = entry->slot + 1;
}

void mapper_table_remove(struct mapper_table *table, const struct mapper_entry *entry)
{
    assert(table->slots[entry->slot].entry == entry);
    for (unsigned i = 0; i < MAPPER_TABLE_INDEXES; i++)
        mapper_index_remove(&table->index[i], entry->slot);
    table->slots[entry->slot] = (struct mapper_slot){0};
    table->count--;
}
