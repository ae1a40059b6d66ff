#include "mapper/index.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert(sizeof(struct mapper_bucket) == 64, "a bucket is one cache line");
_Static_assert(offsetof(struct mapper_bucket, tags) == 0, "tags are loaded from the line's start");

enum { CELLS_PLANNED = 8 }; // of 12, so that few keys have to pass their home bucket

bool mapper_index_init(struct mapper_index *index, enum mapper_key_kind kind,
                       const struct mapper_slot *slots, uint32_t capacity,
                       const struct mapper_secret *secret)
{
    if (capacity >= MAPPER_CHAINED)
        return false;
    size_t buckets = 1;
    while (buckets * CELLS_PLANNED < capacity)
        buckets *= 2;
    *index = (struct mapper_index){
        .buckets = aligned_alloc(64, buckets * sizeof *index->buckets),
        .links = calloc(capacity, sizeof *index->links),
        .slots = slots,
        .secret = *secret,
        .mask = (uint32_t)(buckets - 1),
        .kind = kind,
    };
    if (index->buckets == NULL || index->links == NULL) {
        mapper_index_destroy(index);
        return false;
    }
    memset(index->buckets, 0, buckets * sizeof *index->buckets);
    return true;
}

void mapper_index_destroy(struct mapper_index *index)
{
    free(index->buckets);
    free(index->links);
    index->buckets = NULL;
    index->links = NULL;
}

static struct mapper_key key_in(const struct mapper_index *index, uint32_t slot)
{
    return mapper_key_of_entry(index->kind, index->slots[slot].entry, &index->secret);
}

static uint32_t first_of(uint32_t head)
{
    return head & ~MAPPER_CHAINED;
}

// Where the head of `key` is kept; NULL when the key is not there.
// `*ret_bucket` is the bucket it was found in.
static uint32_t *find_head(const struct mapper_index *index, const struct mapper_key *key,
                           uint64_t hash, struct mapper_bucket **ret_bucket)
{
    uint8_t tag = mapper_index_tag(hash);
    for (uint64_t step = 0; step <= index->mask; step++) {
        struct mapper_bucket *bucket = &index->buckets[(hash + step) & index->mask];
        for (unsigned cells = mapper_index_cells(bucket, tag); cells != 0; cells &= cells - 1) {
            uint32_t *head = &bucket->heads[__builtin_ctz(cells)];
            struct mapper_key found = key_in(index, first_of(*head));
            if (mapper_key_equal(&found, key)) {
                *ret_bucket = bucket;
                return head;
            }
        }
        if (bucket->passed == 0)
            return NULL;
    }
    return NULL;
}

// A key occupies one cell and there are 1.5 cells for every slot: a free one is always found.
static void add_key(struct mapper_index *index, uint64_t hash, uint32_t slot)
{
    for (uint64_t step = 0; step <= index->mask; step++) {
        struct mapper_bucket *bucket = &index->buckets[(hash + step) & index->mask];
        unsigned empty = mapper_index_cells(bucket, 0);
        if (empty != 0) {
            unsigned cell = (unsigned)__builtin_ctz(empty);
            bucket->tags[cell] = mapper_index_tag(hash);
            bucket->heads[cell] = slot;
            return;
        }
        bucket->passed++;
    }
    assert(!"more keys than slots");
}

static void remove_key(struct mapper_index *index, uint64_t hash, struct mapper_bucket *bucket,
                       const uint32_t *head)
{
    bucket->tags[head - bucket->heads] = 0;
    for (uint64_t step = 0; &index->buckets[(hash + step) & index->mask] != bucket; step++)
        index->buckets[(hash + step) & index->mask].passed--;
}

// Ascending order, so that a position is a slot number. New slots mostly come last.
static void link_slot(struct mapper_link *links, uint32_t *head, uint32_t slot)
{
    uint32_t first = first_of(*head), last = links[first].prev;
    *head |= MAPPER_CHAINED;
    if (slot > last) {
        links[last].next = slot;
        links[slot] = (struct mapper_link){MAPPER_NONE, last};
        links[first].prev = slot;
    } else if (slot < first) {
        links[slot] = (struct mapper_link){first, last};
        links[first].prev = slot;
        *head = slot | MAPPER_CHAINED;
    } else {
        uint32_t before = first;
        while (links[before].next < slot)
            before = links[before].next;
        uint32_t after = links[before].next;
        links[slot] = (struct mapper_link){after, before};
        links[before].next = slot;
        links[after].prev = slot;
    }
}

static void unlink_slot(struct mapper_link *links, uint32_t *head, uint32_t slot)
{
    struct mapper_link gone = links[slot];
    uint32_t first = first_of(*head);
    if (slot == first)
        first = gone.next;
    else
        links[gone.prev].next = gone.next;
    links[gone.next == MAPPER_NONE ? first : gone.next].prev = gone.prev;
    *head = links[first].next == MAPPER_NONE ? first : first | MAPPER_CHAINED;
}

static bool is_indexed(const struct mapper_index *index, uint32_t slot)
{
    return index->kind != MAPPER_KEY_OBJECT || !base_uuid_is_nil(&index->slots[slot].entry->object);
}

void mapper_index_add(struct mapper_index *index, uint32_t slot)
{
    if (!is_indexed(index, slot))
        return;
    struct mapper_key key = key_in(index, slot);
    uint64_t hash = mapper_key_hash(&key, &index->secret);
    struct mapper_bucket *bucket;
    uint32_t *head = find_head(index, &key, hash, &bucket);
    if (head != NULL) {
        link_slot(index->links, head, slot);
        return;
    }
    add_key(index, hash, slot);
    index->links[slot] = (struct mapper_link){MAPPER_NONE, slot};
}

void mapper_index_remove(struct mapper_index *index, uint32_t slot)
{
    if (!is_indexed(index, slot))
        return;
    struct mapper_key key = key_in(index, slot);
    uint64_t hash = mapper_key_hash(&key, &index->secret);
    struct mapper_bucket *bucket;
    uint32_t *head = find_head(index, &key, hash, &bucket);
    assert(head != NULL);
    if (first_of(*head) == slot && index->links[slot].next == MAPPER_NONE)
        remove_key(index, hash, bucket, head);
    else
        unlink_slot(index->links, head, slot);
}

uint32_t mapper_index_find(const struct mapper_index *index, const struct mapper_key *key,
                           uint64_t hash)
{
    struct mapper_bucket *bucket;
    const uint32_t *head = find_head(index, key, hash, &bucket);
    return head == NULL ? MAPPER_NONE : first_of(*head);
}

uint32_t mapper_index_from(const struct mapper_index *index, const struct mapper_key *key,
                           uint32_t head, uint32_t position)
{
    if (position <= head)
        return head;
    uint32_t last = index->links[head].prev;
    if (position > last)
        return MAPPER_NONE;
    if (index->slots[position].entry != NULL && is_indexed(index, position)) {
        struct mapper_key found = key_in(index, position);
        if (mapper_key_equal(&found, key))
            return position;
    }
    uint32_t slot = head;
    while (slot < position)
        slot = index->links[slot].next;
    return slot;
}
