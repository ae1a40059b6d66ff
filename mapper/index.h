// A hash index from keys to chains of slots. Open addressing over buckets of one cache line; the
// slots of one key hang together in ascending order. Private to mapper/. One thread owns an index;
// creation allocates, nothing after it does.
//
// Limit: adding a slot that is not the last of its chain walks the chain from the front, so
// filling gaps among thousands of entries with one and the same key costs time linear in them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mapper/key.h"

enum { MAPPER_NONE = UINT32_MAX }; // no slot

// What an index needs to see of a slot; 16 bytes, so that scans run at memory speed.
struct mapper_slot {
    const struct mapper_entry *entry; // NULL: empty
    uint32_t interface_tag;           // mapper_uuid_tag of the entry's interface
    uint32_t object_tag;              // and of its object
};

enum { MAPPER_BUCKET_CELLS = 12 };

// A cell is empty when its tag is 0. `passed` counts the keys that live in a later bucket because
// this one was full when they came: a search goes on while it is not 0, and removal needs no
// tombstones.
struct mapper_bucket {
    _Alignas(64) uint8_t tags[MAPPER_BUCKET_CELLS];
    uint32_t passed;
    // First slot of the key's chain; with MAPPER_CHAINED when it is not the only one, so that a
    // search for the usual, single one needs no look at the links.
    uint32_t heads[MAPPER_BUCKET_CELLS];
};

#define MAPPER_CHAINED 0x80000000u

struct mapper_link {
    uint32_t next; // MAPPER_NONE: last of its chain
    uint32_t prev; // of the first slot: the last one
};

struct mapper_index {
    struct mapper_bucket *buckets;
    struct mapper_link *links; // one per slot
    const struct mapper_slot *slots;
    struct mapper_secret secret;
    uint32_t mask; // buckets less one
    enum mapper_key_kind kind;
};

// An empty index over `capacity` slots, less than MAPPER_CHAINED. False: no memory.
bool mapper_index_init(struct mapper_index *index, enum mapper_key_kind kind,
                       const struct mapper_slot *slots, uint32_t capacity,
                       const struct mapper_secret *secret);
void mapper_index_destroy(struct mapper_index *index);

// Adds and removes a slot by the key of its entry, which stands in the slot during the call.
void mapper_index_add(struct mapper_index *index, uint32_t slot);
void mapper_index_remove(struct mapper_index *index, uint32_t slot);

// First slot of `key`, whose mapper_key_hash is `hash`; MAPPER_NONE when there is none.
uint32_t mapper_index_find(const struct mapper_index *index, const struct mapper_key *key,
                           uint64_t hash);

// First slot at or after `position` in the chain of `key` that begins with `head`. O(1) when
// `position` itself belongs to the chain.
uint32_t mapper_index_from(const struct mapper_index *index, const struct mapper_key *key,
                           uint32_t head, uint32_t position);

static inline uint32_t mapper_index_next(const struct mapper_index *index, uint32_t slot)
{
    return index->links[slot].next;
}

static inline void mapper_index_prefetch(const struct mapper_index *index, uint64_t hash)
{
    __builtin_prefetch(&index->buckets[hash & index->mask]);
}

// From the bits that do not choose the bucket; never 0.
static inline uint8_t mapper_index_tag(uint64_t hash)
{
    uint8_t tag = (uint8_t)(hash >> 56);
    return tag == 0 ? 1 : tag;
}

// Bit i is set when cell i carries `tag`. One load covers the tags and the four bytes behind.
static inline unsigned mapper_index_cells(const struct mapper_bucket *bucket, uint8_t tag)
{
    enum { ALL = (1 << MAPPER_BUCKET_CELLS) - 1 };
    __m128i tags = _mm_load_si128((const __m128i *)(const void *)bucket);
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (unsigned)_mm_movemask_epi8(same) & ALL;
}

// The head that mapper_index_find will most probably have to look at, with its MAPPER_CHAINED;
// MAPPER_NONE when the home bucket rules the key out. Reads only the bucket.
static inline uint32_t mapper_index_candidate(const struct mapper_index *index, uint64_t hash)
{
    const struct mapper_bucket *bucket = &index->buckets[hash & index->mask];
    unsigned cells = mapper_index_cells(bucket, mapper_index_tag(hash));
    return cells == 0 ? MAPPER_NONE : bucket->heads[__builtin_ctz(cells)];
}
