#include "ndr/avx512/kernel.h"

#include <immintrin.h>

#include "ndr/plain_shape.h"

enum { LANES = 8 };

static inline __m512i words(const struct ndr_plain_lanes *l, unsigned at)
{
    return _mm512_set_epi64(
        (long long)base_load_le64(l->octets[7] + at), (long long)base_load_le64(l->octets[6] + at),
        (long long)base_load_le64(l->octets[5] + at), (long long)base_load_le64(l->octets[4] + at),
        (long long)base_load_le64(l->octets[3] + at), (long long)base_load_le64(l->octets[2] + at),
        (long long)base_load_le64(l->octets[1] + at), (long long)base_load_le64(l->octets[0] + at));
}

// All in lanes of 64 bits: the first word against the template, auth_length against 0, frag_length
// between what the header needs and what is there.
static inline unsigned headers(const struct ndr_plain_lanes *l)
{
    const __m512i object = _mm512_set1_epi64((long long)NDR_PLAIN_OBJECT);
    __m512i first = words(l, 0), second = words(l, 8);
    __mmask8 right = _mm512_cmpeq_epi64_mask(_mm512_andnot_si512(object, first),
                                             _mm512_set1_epi64((long long)NDR_PLAIN_WORD));
    right =
        _mm512_mask_testn_epi64_mask(right, second, _mm512_set1_epi64((long long)NDR_PLAIN_AUTH));
    __m512i length = _mm512_and_si512(second, _mm512_set1_epi64(0xffff));
    // The flag, bit 31, becomes 16, the size of an object.
    __m512i least = _mm512_add_epi64(_mm512_srli_epi64(_mm512_and_si512(first, object), 31 - 4),
                                     _mm512_set1_epi64(NDR_PLAIN_HEADER));
    __m512i there =
        _mm512_set_epi64((long long)l->sizes[7], (long long)l->sizes[6], (long long)l->sizes[5],
                         (long long)l->sizes[4], (long long)l->sizes[3], (long long)l->sizes[2],
                         (long long)l->sizes[1], (long long)l->sizes[0]);
    __m512i most = _mm512_min_epu64(there, _mm512_set1_epi64(NDR_PLAIN_MAX));
    right = _mm512_mask_cmple_epu64_mask(right, least, length);
    return _mm512_mask_cmple_epu64_mask(right, length, most);
}

// Which of the 16 words at `stub` are the half of a signature; only those of `mask` are read.
static inline __mmask16 halves(const uint8_t *stub, uint64_t mask)
{
    const __m512i half = _mm512_set1_epi32((int)NDR_PLAIN_TRAILER);
    __mmask16 these = (__mmask16)mask;
    return _mm512_mask_cmpeq_epi32_mask(these, _mm512_maskz_loadu_epi32(these, stub), half);
}

// Three steps without a branch hold the stub of any usual ept_map.
static inline bool has_half(const uint8_t *stub, uint32_t size)
{
    unsigned found = 0;
    for (; size >= 192; size -= 64, stub += 64)
        found |= halves(stub, 0xffff);
    uint64_t rest = _bzhi_u64(~UINT64_C(0), size / 4);
    found |= halves(stub, rest);
    found |= halves(stub + 64, rest >> 16);
    found |= halves(stub + 128, rest >> 32);
    return found != 0;
}

uint64_t ndr_avx512_find_plain(const struct ndr_pdu *pdus, unsigned count)
{
    return ndr_plain_find(pdus, count, LANES, headers, has_half);
}
