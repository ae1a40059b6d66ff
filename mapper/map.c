#include "mapper/map.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "mapper/registration.h"
#include "mapper/transaction.h"

struct mapper_map *mapper_map_create(const struct mapper_options *options, struct mapper_log *log)
{
    static const enum mapper_key_kind kinds[MAPPER_TABLE_INDEXES] = {
        [MAPPER_MAP_EXACT] = MAPPER_KEY_EXACT,
        [MAPPER_MAP_BINDING] = MAPPER_KEY_BINDING,
    };
    struct mapper_map *map = calloc(1, sizeof *map);
    if (map == NULL)
        return NULL;
    map->options = *options;
    map->log = log;
    if (!mapper_table_init(&map->table, options->capacity, kinds)) {
        free(map);
        return NULL;
    }
    if (!mapper_free_slots_init(&map->free_slots, options->capacity)) {
        mapper_table_destroy(&map->table);
        free(map);
        return NULL;
    }
    return map;
}

void mapper_map_destroy(struct mapper_map *map)
{
    if (map == NULL)
        return;
    for (uint32_t i = 0; i < map->table.top; i++)
        mapper_entry_destroy(map->table.slots[i].entry);
    for (size_t i = 0; i < map->retired_count; i++)
        mapper_entry_destroy(map->retired[map->retired_first + i].entry);
    free(map->retired);
    free(map->ops);
    mapper_free_slots_destroy(&map->free_slots);
    mapper_table_destroy(&map->table);
    free(map);
}

static uint32_t find(const struct mapper_map *map, unsigned which, const struct mapper_key *key)
{
    return mapper_index_find(&map->table.index[which], key,
                             mapper_key_hash(key, &map->table.secret));
}

// The entry with the object and the tower of `registration`, or NULL.
static const struct mapper_entry *find_exact(const struct mapper_map *map,
                                             const struct ndr_epm_entry *registration)
{
    struct mapper_key key = mapper_key_exact(&registration->object, registration->tower,
                                             registration->tower_size, &map->table.secret);
    uint32_t slot = find(map, MAPPER_MAP_EXACT, &key);
    for (; slot != MAPPER_NONE;
         slot = mapper_index_next(&map->table.index[MAPPER_MAP_EXACT], slot)) {
        const struct mapper_entry *entry = map->table.slots[slot].entry;
        if (entry->tower_size == registration->tower_size &&
            memcmp(entry->tower, registration->tower, entry->tower_size) == 0)
            return entry;
    }
    return NULL;
}

// Floor 5 octet by octet. Sequences without one live on the one host there is.
static bool same_address(const struct ndr_tower *a, const struct ndr_tower *b)
{
    if (a->floors < 5 || b->floors < 5)
        return a->floors == b->floors;
    return a->floor[4].rhs_size == b->floor[4].rhs_size &&
           memcmp(a->floor[4].rhs, b->floor[4].rhs, a->floor[4].rhs_size) == 0;
}

// What is in the map was checked when it came.
static struct ndr_tower tower_of(const struct mapper_entry *entry)
{
    struct ndr_tower tower = {0};
    ndr_tower_parse(entry->tower, entry->tower_size, &tower);
    return tower;
}

// C706 ept_insert with replace: the registrations that this one supersedes leave, unless one of
// them is of a later minor version.
static uint32_t make_way(struct mapper_map *map, const struct ndr_epm_entry *registration,
                         const struct ndr_tower *tower)
{
    if (find_exact(map, registration) != NULL)
        return NDR_EPM_STATUS_OK;
    const struct mapper_index *index = &map->table.index[MAPPER_MAP_BINDING];
    struct mapper_key key = mapper_key_binding(&registration->object, &tower->interface,
                                               &tower->transfer, tower->protseq_key);
    uint32_t head = find(map, MAPPER_MAP_BINDING, &key);
    for (uint32_t slot = head; slot != MAPPER_NONE; slot = mapper_index_next(index, slot))
        if (map->table.slots[slot].entry->interface.minor > tower->interface.minor)
            return NDR_EPM_STATUS_INVALID_ENTRY;
    uint32_t status = NDR_EPM_STATUS_OK;
    for (uint32_t slot = head; slot != MAPPER_NONE && status == NDR_EPM_STATUS_OK;) {
        const struct mapper_entry *entry = map->table.slots[slot].entry;
        struct ndr_tower candidate = tower_of(entry);
        slot = mapper_index_next(index, slot);
        if (same_address(&candidate, tower))
            status = mapper_transaction_remove(map, entry);
    }
    return status;
}

static bool same_annotation(const struct mapper_entry *a, const struct mapper_entry *b)
{
    return a->annotation_size == b->annotation_size &&
           memcmp(a->annotation, b->annotation, a->annotation_size) == 0;
}

// A new registration, or a new annotation for one that is there; that one keeps its slot, and the
// stronger of the two origins.
static uint32_t add(struct mapper_map *map, const struct ndr_epm_entry *registration,
                    const struct ndr_tower *tower, enum mapper_origin origin)
{
    const struct mapper_entry *old = find_exact(map, registration);
    if (old != NULL && old->origin < origin)
        origin = old->origin;
    struct mapper_entry *entry = mapper_entry_create(registration, tower, origin);
    if (entry == NULL)
        return NDR_EPM_STATUS_NO_MEMORY;
    if (old != NULL && old->origin == origin && same_annotation(old, entry)) {
        mapper_entry_destroy(entry);
        return NDR_EPM_STATUS_OK;
    }
    return mapper_transaction_put(map, entry, old);
}

uint32_t mapper_map_insert(struct mapper_map *map, const struct ndr_epm_entry *entries,
                           uint32_t count, bool replace, enum mapper_origin origin)
{
    uint32_t status = NDR_EPM_STATUS_OK;
    struct ndr_tower tower;
    for (uint32_t i = 0; i < count && status == NDR_EPM_STATUS_OK; i++) {
        status = mapper_registration_check(&entries[i], map->options.allow_nil_interface, &tower);
        if (status == NDR_EPM_STATUS_OK && replace)
            status = make_way(map, &entries[i], &tower);
    }
    // Only now, so that the entries of one call do not displace each other.
    for (uint32_t i = 0; i < count && status == NDR_EPM_STATUS_OK; i++) {
        ndr_tower_parse(entries[i].tower, entries[i].tower_size, &tower);
        status = add(map, &entries[i], &tower, origin);
    }
    return mapper_transaction_finish(map, status);
}

uint32_t mapper_map_restore(struct mapper_map *map, const struct ndr_epm_entry *registration,
                            enum mapper_origin origin, uint32_t slot)
{
    struct ndr_tower tower;
    uint32_t status = mapper_registration_check(registration, true, &tower);
    if (status != NDR_EPM_STATUS_OK)
        return status;
    if (slot >= map->table.capacity)
        return NDR_EPM_STATUS_NO_MEMORY;
    if (map->table.slots[slot].entry != NULL)
        return NDR_EPM_STATUS_INVALID_ENTRY;
    struct mapper_entry *entry = mapper_entry_create(registration, &tower, origin);
    if (entry == NULL)
        return NDR_EPM_STATUS_NO_MEMORY;
    return mapper_transaction_finish(map, mapper_transaction_put_at(map, entry, slot));
}

uint32_t mapper_map_check(const struct mapper_map *map, const struct ndr_epm_entry *entries,
                          uint32_t count, uint32_t *ret_new)
{
    struct ndr_tower tower;
    *ret_new = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t status =
            mapper_registration_check(&entries[i], map->options.allow_nil_interface, &tower);
        if (status != NDR_EPM_STATUS_OK)
            return status;
        if (find_exact(map, &entries[i]) == NULL)
            ++*ret_new;
    }
    return NDR_EPM_STATUS_OK;
}

static uint32_t remove_one(struct mapper_map *map, const struct ndr_epm_entry *registration)
{
    struct ndr_tower tower;
    if (registration->tower == NULL ||
        ndr_tower_parse(registration->tower, registration->tower_size, &tower) != NDR_TOWER_OK)
        return NDR_EPM_STATUS_INVALID_ENTRY;
    const struct mapper_entry *entry = find_exact(map, registration);
    if (entry == NULL)
        return NDR_EPM_STATUS_NOT_REGISTERED;
    return mapper_transaction_remove(map, entry);
}

uint32_t mapper_map_delete(struct mapper_map *map, const struct ndr_epm_entry *entries,
                           uint32_t count)
{
    uint32_t status = NDR_EPM_STATUS_OK;
    for (uint32_t i = 0; i < count && status == NDR_EPM_STATUS_OK; i++)
        status = remove_one(map, &entries[i]);
    return mapper_transaction_finish(map, status);
}

uint32_t mapper_map_exchange(struct mapper_map *map, const struct ndr_epm_entry *leaving,
                             uint32_t leaving_count, const struct ndr_epm_entry *coming,
                             uint32_t coming_count)
{
    uint32_t status = NDR_EPM_STATUS_OK;
    struct ndr_tower tower;
    for (uint32_t i = 0; i < leaving_count && status == NDR_EPM_STATUS_OK; i++) {
        const struct mapper_entry *entry = find_exact(map, &leaving[i]);
        if (entry != NULL && entry->origin == MAPPER_ORIGIN_STATIC)
            status = mapper_transaction_remove(map, entry);
    }
    for (uint32_t i = 0; i < coming_count && status == NDR_EPM_STATUS_OK; i++) {
        status = mapper_registration_check(&coming[i], map->options.allow_nil_interface, &tower);
        if (status == NDR_EPM_STATUS_OK)
            status = add(map, &coming[i], &tower, MAPPER_ORIGIN_STATIC);
    }
    return mapper_transaction_finish(map, status);
}

// An empty endpoint, or one of zeros only, stands for any.
static bool endpoint_fits(const struct ndr_tower *wanted, const struct ndr_tower *tower)
{
    if (wanted->floors < 4 || tower->floors < 4)
        return true;
    const struct ndr_floor *want = &wanted->floor[3], *have = &tower->floor[3];
    bool any = true;
    for (unsigned i = 0; i < want->rhs_size; i++)
        any = any && want->rhs[i] == 0;
    return any ||
           (want->rhs_size == have->rhs_size && memcmp(want->rhs, have->rhs, want->rhs_size) == 0);
}

static bool mgmt_delete_fits(const struct ndr_epm_mgmt_delete *request,
                             const struct ndr_tower *wanted, const struct mapper_entry *entry)
{
    if (entry->protseq_key != wanted->protseq_key ||
        !ndr_syntax_id_equal(&entry->interface, &wanted->interface))
        return false;
    if (request->object_speced && !base_uuid_equal(&entry->object, &request->object))
        return false;
    struct ndr_tower tower = tower_of(entry);
    return same_address(wanted, &tower) && endpoint_fits(wanted, &tower);
}

uint32_t mapper_map_mgmt_delete(struct mapper_map *map, const struct ndr_epm_mgmt_delete *request)
{
    struct ndr_tower wanted;
    if (request->tower == NULL ||
        ndr_tower_parse(request->tower, request->tower_size, &wanted) != NDR_TOWER_OK)
        return NDR_EPM_STATUS_INVALID_ENTRY;
    uint32_t status = NDR_EPM_STATUS_OK;
    for (uint32_t slot = 0; slot < map->table.top && status == NDR_EPM_STATUS_OK; slot++) {
        const struct mapper_entry *entry = map->table.slots[slot].entry;
        if (entry != NULL && mgmt_delete_fits(request, &wanted, entry))
            status = mapper_transaction_remove(map, entry);
    }
    if (status == NDR_EPM_STATUS_OK && map->op_count == map->op_held)
        status = NDR_EPM_STATUS_NOT_REGISTERED;
    return mapper_transaction_finish(map, status);
}

void mapper_map_set_record(struct mapper_map *map, mapper_record record, void *context)
{
    map->record = record;
    map->record_context = context;
}

void mapper_map_hold(struct mapper_map *map)
{
    map->holds = true;
}

uint32_t mapper_map_release(struct mapper_map *map)
{
    return mapper_transaction_release(map);
}

void mapper_map_reclaim(struct mapper_map *map)
{
    if (map->retired_count == 0)
        return;
    uint64_t applied = mapper_log_applied(map->log);
    while (map->retired_count > 0 && map->retired[map->retired_first].sequence <= applied) {
        mapper_entry_destroy(map->retired[map->retired_first].entry);
        map->retired_first++;
        map->retired_count--;
    }
}

const struct mapper_entry *mapper_map_find(const struct mapper_map *map,
                                           const struct ndr_epm_entry *registration)
{
    return find_exact(map, registration);
}

uint32_t mapper_map_count(const struct mapper_map *map)
{
    return map->table.count;
}

uint32_t mapper_map_capacity(const struct mapper_map *map)
{
    return map->table.capacity;
}

const struct mapper_entry *mapper_map_at(const struct mapper_map *map, uint32_t slot)
{
    return map->table.slots[slot].entry;
}

uint32_t mapper_map_slots(const struct mapper_map *map)
{
    return map->table.top;
}
