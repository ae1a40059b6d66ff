// What entries are found by. A key is 64 bytes, compared whole; a part that a kind of key leaves
// out is zero. Private to mapper/. All functions: any thread.
#pragma once

#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "mapper/entry.h"

enum mapper_key_kind {
    // Interface and its major version, transfer syntax, protocol sequence, object: what ept_map
    // asks for, and what ept_insert with `replace` compares.
    MAPPER_KEY_BINDING,
    // The object alone; entries without one are not indexed by it.
    MAPPER_KEY_OBJECT,
    // Object and a hash of the tower's octets: the identity of a registration.
    MAPPER_KEY_EXACT,
};

struct mapper_key {
    uint64_t words[8];
};

// Makes hashes unpredictable for whoever chooses what is registered or asked for.
struct mapper_secret {
    uint64_t words[2];
};

// Draws a secret from the kernel.
struct mapper_secret mapper_secret_draw(void);

struct mapper_key mapper_key_binding(const struct base_uuid *object,
                                     const struct ndr_syntax_id *interface,
                                     const struct ndr_syntax_id *transfer, uint64_t protseq_key);
struct mapper_key mapper_key_object(const struct base_uuid *object);
struct mapper_key mapper_key_exact(const struct base_uuid *object, const uint8_t *tower,
                                   uint32_t tower_size, const struct mapper_secret *secret);
struct mapper_key mapper_key_of_entry(enum mapper_key_kind kind, const struct mapper_entry *entry,
                                      const struct mapper_secret *secret);

// SSE2, which every x86-64 has: whether 64 bytes are equal but for those where `ignored`, of the
// third quarter, has ones.
static inline bool mapper_lines_equal(const void *a, const void *b, __m128i ignored)
{
    const __m128i *x = a, *y = b;
    __m128i same = _mm_and_si128(
        _mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128(x), _mm_loadu_si128(y)),
                      _mm_cmpeq_epi8(_mm_loadu_si128(x + 1), _mm_loadu_si128(y + 1))),
        _mm_and_si128(
            _mm_or_si128(ignored, _mm_cmpeq_epi8(_mm_loadu_si128(x + 2), _mm_loadu_si128(y + 2))),
            _mm_cmpeq_epi8(_mm_loadu_si128(x + 3), _mm_loadu_si128(y + 3))));
    return _mm_movemask_epi8(same) == 0xffff;
}

static inline bool mapper_key_equal(const struct mapper_key *a, const struct mapper_key *b)
{
    return mapper_lines_equal(a, b, _mm_setzero_si128());
}

// Multiplies two words and folds the product: every bit of either reaches all of the result.
static inline uint64_t mapper_hash_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t mapper_key_hash(const struct mapper_key *key,
                                       const struct mapper_secret *secret)
{
    uint64_t hash = secret->words[0];
    for (unsigned i = 0; i < 8; i += 2)
        hash = mapper_hash_mix(key->words[i] ^ hash, key->words[i + 1] ^ secret->words[1]);
    return mapper_hash_mix(hash, 0x9e3779b97f4a7c15 ^ secret->words[0]);
}

// ---- The identity: what an entry (mapper/entry.h) and a question (mapper/replica.h) begin with.
// With the interface's minor version left out it is the key MAPPER_KEY_BINDING.

enum {
    MAPPER_IDENTITY_SIZE = 64,
    MAPPER_MINOR_WORD = 4, // 32 bytes in, the interface's major version, minor version, ...
};
#define MAPPER_MINOR_MASK UINT64_C(0xffff0000)

static inline struct mapper_key mapper_identity_key(const void *identity)
{
    struct mapper_key key;
    for (unsigned i = 0; i < 8; i++)
        key.words[i] = base_load_le64((const uint8_t *)identity + 8 * i);
    key.words[MAPPER_MINOR_WORD] &= ~MAPPER_MINOR_MASK;
    return key;
}

// Whether two identities have the same key.
static inline bool mapper_identity_equal(const void *a, const void *b)
{
    return mapper_lines_equal(a, b, _mm_set_epi64x(0, (long long)MAPPER_MINOR_MASK));
}
