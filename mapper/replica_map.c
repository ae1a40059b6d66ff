// ept_map in bulk. The questions of a batch go through each stage together, so that the cache
// misses of one (bucket, slot, entry) hide behind the work on the others.
#include "mapper/replica_private.h"

enum { BATCH = 32 };

// Remote management, afa8bd80-7d8a-11c9-bef4-08002b102989.
static const struct base_uuid mgmt_uuid =
    BASE_UUID(0xafa8bd80, 0x7d8a, 0x11c9, 0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89);

// Where the binding of a tower begins: behind the floor count and two floors of a UUID each.
enum { BINDING_AT = 2 + 2 * (2 + 19 + 2 + 2) };

_Static_assert(
    offsetof(struct mapper_query, position) == MAPPER_IDENTITY_SIZE &&
        offsetof(struct mapper_query, object) == offsetof(struct mapper_entry, object) &&
        offsetof(struct mapper_query, interface) == offsetof(struct mapper_entry, interface) &&
        offsetof(struct mapper_query, transfer) == offsetof(struct mapper_entry, transfer) &&
        offsetof(struct mapper_query, protseq_key) == offsetof(struct mapper_entry, protseq_key),
    "a question begins with its identity, as an entry does");

_Static_assert(offsetof(struct ndr_epm_map, protseq_key) - offsetof(struct ndr_epm_map, object) ==
                       offsetof(struct mapper_entry, protseq_key) &&
                   offsetof(struct ndr_epm_map, transfer) - offsetof(struct ndr_epm_map, object) ==
                       offsetof(struct mapper_entry, transfer) &&
                   offsetof(struct ndr_epm_map, interface) - offsetof(struct ndr_epm_map, object) ==
                       offsetof(struct mapper_entry, interface),
               "a decoded request holds an identity, too");

// One question on its way through the stages.
struct probe {
    uint64_t hash;
    uint32_t candidate;               // a head, with its MAPPER_CHAINED
    const struct mapper_entry *entry; // the candidate's, when there is one
};

// False when the answer is full; then the entry is the next one.
static bool append(struct mapper_answer *answer, uint32_t max, const struct mapper_entry *entry)
{
    if (answer->count == max) {
        answer->next = entry->slot;
        return false;
    }
    answer->entries[answer->count++] = entry;
    return true;
}

static uint32_t answer_room(const struct mapper_query *query)
{
    return query->max < MAPPER_ANSWER_MAX ? query->max : MAPPER_ANSWER_MAX;
}

// Entries under `key` from `position` on, of the minor version asked for or a later one.
static void list_bindings(const struct mapper_replica *replica, const struct mapper_query *query,
                          const struct mapper_key *key, uint32_t head, uint32_t position,
                          struct mapper_answer *answer)
{
    if (head == MAPPER_NONE)
        return;
    const struct mapper_index *index = &replica->table.index[MAPPER_REPLICA_BINDINGS];
    uint32_t room = answer_room(query);
    uint32_t slot = mapper_index_from(index, key, head, position);
    for (; slot != MAPPER_NONE; slot = mapper_index_next(index, slot)) {
        const struct mapper_entry *entry = replica->table.slots[slot].entry;
        if (entry->interface.minor >= query->interface.minor && !append(answer, room, entry))
            return;
    }
}

// An object with a match of its own never falls back, not even when an enumeration has passed the
// last of them.
static bool has_own_match(const struct mapper_replica *replica, const struct mapper_query *query,
                          const struct mapper_key *key, uint32_t head)
{
    struct mapper_answer own = {0};
    list_bindings(replica, query, key, head, 0, &own);
    return own.count != 0;
}

static bool same_binding(const struct mapper_entry *a, const struct mapper_entry *b)
{
    return a->tower_size == b->tower_size &&
           memcmp(a->tower + BINDING_AT, b->tower + BINDING_AT, a->tower_size - BINDING_AT) == 0;
}

static bool is_listed(const struct mapper_answer *answer, const struct mapper_entry *entry)
{
    for (uint32_t i = 0; i < answer->count; i++)
        if (same_binding(answer->entries[i], entry))
            return true;
    return false;
}

// C706 ept_map: every server offers remote management at its endpoints without registering it, and
// the object says whose endpoints are meant.
static void list_mgmt(const struct mapper_replica *replica, const struct mapper_query *query,
                      struct mapper_answer *answer)
{
    if (base_uuid_is_nil(&query->object)) {
        answer->status = NDR_EPM_STATUS_INVALID_ENTRY;
        return;
    }
    const struct mapper_index *index = &replica->table.index[MAPPER_REPLICA_OBJECTS];
    struct mapper_key key = mapper_key_object(&query->object);
    uint32_t slot = mapper_index_find(index, &key, mapper_key_hash(&key, &index->secret));
    if (slot != MAPPER_NONE)
        slot = mapper_index_from(index, &key, slot, query->position);
    for (; slot != MAPPER_NONE; slot = mapper_index_next(index, slot)) {
        const struct mapper_entry *entry = replica->table.slots[slot].entry;
        if (entry->protseq_key == query->protseq_key &&
            ndr_syntax_id_equal(&entry->transfer, &query->transfer) && !is_listed(answer, entry) &&
            !append(answer, answer_room(query), entry))
            return;
    }
}

// All entries that match, and the rules for when there is none.
static void answer_one(const struct mapper_replica *replica, const struct mapper_query *query,
                       uint64_t hash, struct mapper_answer *answer)
{
    static const struct base_uuid nil;
    const struct mapper_index *index = &replica->table.index[MAPPER_REPLICA_BINDINGS];
    struct mapper_key key = mapper_identity_key(query);
    answer->status = NDR_EPM_STATUS_NOT_REGISTERED;
    answer->count = 0;
    answer->next = MAPPER_END;
    uint32_t head = mapper_index_find(index, &key, hash);
    list_bindings(replica, query, &key, head, query->position, answer);
    if (answer->count == 0 && !base_uuid_is_nil(&query->object) &&
        !has_own_match(replica, query, &key, head)) {
        struct mapper_key nil_key =
            mapper_key_binding(&nil, &query->interface, &query->transfer, query->protseq_key);
        head = mapper_index_find(index, &nil_key, mapper_key_hash(&nil_key, &index->secret));
        list_bindings(replica, query, &nil_key, head, query->position, answer);
    }
    if (answer->count == 0 && base_uuid_equal(&query->interface.uuid, &mgmt_uuid))
        list_mgmt(replica, query, answer);
    if (answer->count != 0)
        answer->status = NDR_EPM_STATUS_OK;
}

// Takes `count` identities (mapper/key.h), `stride` octets apart, to the entries that most probably
// are theirs.
static inline __attribute__((always_inline)) void probe_all(const struct mapper_replica *replica,
                                                            const void *identities, size_t stride,
                                                            struct probe *probes, unsigned count)
{
    const struct mapper_index *index = &replica->table.index[MAPPER_REPLICA_BINDINGS];
    const struct mapper_slot *slots = replica->table.slots;
    const uint8_t *identity = identities;
    for (unsigned i = 0; i < count; i++, identity += stride) {
        struct mapper_key key = mapper_identity_key(identity);
        probes[i].hash = mapper_key_hash(&key, &index->secret);
        mapper_index_prefetch(index, probes[i].hash);
    }
    for (unsigned i = 0; i < count; i++) {
        probes[i].candidate = mapper_index_candidate(index, probes[i].hash);
        __builtin_prefetch(&slots[probes[i].candidate & ~MAPPER_CHAINED]); // never faults
    }
    for (unsigned i = 0; i < count; i++) {
        uint32_t head = probes[i].candidate;
        probes[i].entry = head == MAPPER_NONE ? NULL : slots[head & ~MAPPER_CHAINED].entry;
        __builtin_prefetch(probes[i].entry);
    }
}

// Whether the probe found the one entry of its key, and it is of that minor version or a later one.
static inline bool is_single(const void *identity, uint16_t minor, const struct probe *probe)
{
    return probe->entry != NULL && !(probe->candidate & MAPPER_CHAINED) &&
           mapper_identity_equal(identity, probe->entry) && probe->entry->interface.minor >= minor;
}

void mapper_replica_find(const struct mapper_replica *replica, const struct ndr_epm_map *maps,
                         const struct mapper_entry **ret_entries, unsigned count)
{
    struct probe probes[MAPPER_FIND_MAX];
    probe_all(replica, &maps->object, sizeof *maps, probes, count);
    for (unsigned i = 0; i < count; i++)
        ret_entries[i] = is_single(&maps[i].object, maps[i].interface.minor, &probes[i])
                             ? probes[i].entry
                             : NULL;
}

static void answer_batch(const struct mapper_replica *replica, const struct mapper_query *queries,
                         struct mapper_answer *answers, unsigned count)
{
    struct probe probes[BATCH];
    probe_all(replica, queries, sizeof *queries, probes, count);
    for (unsigned i = 0; i < count; i++) {
        const struct mapper_query *query = &queries[i];
        if (query->position == 0 && is_single(query, query->interface.minor, &probes[i])) {
            answers[i].status = NDR_EPM_STATUS_OK;
            answers[i].count = 1;
            answers[i].next = MAPPER_END;
            answers[i].entries[0] = probes[i].entry;
        } else {
            answer_one(replica, query, probes[i].hash, &answers[i]);
        }
    }
}

void mapper_replica_map(const struct mapper_replica *replica, const struct mapper_query *queries,
                        struct mapper_answer *ret_answers, unsigned count)
{
    for (unsigned done = 0; done < count; done += BATCH) {
        unsigned batch = count - done < BATCH ? count - done : BATCH;
        answer_batch(replica, queries + done, ret_answers + done, batch);
    }
}
