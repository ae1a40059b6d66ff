#include "ndr/avx2/kernel.h"

#include <immintrin.h>

#include "ndr/plain_shape.h"

enum { LANES = 4 };

static inline __m256i words(const struct ndr_plain_lanes *l, unsigned at)
{
    return _mm256_set_epi64x(
        (long long)base_load_le64(l->octets[3] + at), (long long)base_load_le64(l->octets[2] + at),
        (long long)base_load_le64(l->octets[1] + at), (long long)base_load_le64(l->octets[0] + at));
}

// All in lanes of 64 bits: the first word against the template, auth_length against 0, frag_length
// between what the header needs and what is there.
static inline unsigned headers(const struct ndr_plain_lanes *l)
{
    const __m256i object = _mm256_set1_epi64x((long long)NDR_PLAIN_OBJECT);
    __m256i first = words(l, 0), second = words(l, 8);
    __m256i same = _mm256_cmpeq_epi64(_mm256_andnot_si256(object, first),
                                      _mm256_set1_epi64x((long long)NDR_PLAIN_WORD));
    __m256i auth = _mm256_and_si256(second, _mm256_set1_epi64x((long long)NDR_PLAIN_AUTH));
    same = _mm256_and_si256(same, _mm256_cmpeq_epi64(auth, _mm256_setzero_si256()));
    __m256i length = _mm256_and_si256(second, _mm256_set1_epi64x(0xffff));
    // The flag, bit 31, becomes 16, the size of an object.
    __m256i least = _mm256_add_epi64(_mm256_srli_epi64(_mm256_and_si256(first, object), 31 - 4),
                                     _mm256_set1_epi64x(NDR_PLAIN_HEADER));
    __m256i there = _mm256_set_epi64x((long long)l->sizes[3], (long long)l->sizes[2],
                                      (long long)l->sizes[1], (long long)l->sizes[0]);
    __m256i wrong = _mm256_or_si256(
        _mm256_or_si256(_mm256_cmpgt_epi64(least, length), _mm256_cmpgt_epi64(length, there)),
        _mm256_cmpgt_epi64(length, _mm256_set1_epi64x(NDR_PLAIN_MAX)));
    return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_andnot_si256(wrong, same)));
}

static inline bool has_half(const uint8_t *stub, uint32_t size)
{
    const __m256i half = _mm256_set1_epi32((int)NDR_PLAIN_TRAILER);
    __m256i found = _mm256_setzero_si256();
    uint32_t at = 0;
    for (; at + 32 <= size; at += 32) {
        __m256i octets = _mm256_loadu_si256((const __m256i *)(const void *)(stub + at));
        found = _mm256_or_si256(found, _mm256_cmpeq_epi32(octets, half));
    }
    bool in_tail = false;
    for (; at + 4 <= size; at += 4)
        in_tail |= base_load_le32(stub + at) == NDR_PLAIN_TRAILER;
    return in_tail || !_mm256_testz_si256(found, found);
}

uint64_t ndr_avx2_find_plain(const struct ndr_pdu *pdus, unsigned count)
{
    return ndr_plain_find(pdus, count, LANES, headers, has_half);
}
