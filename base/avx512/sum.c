#include "base/sum.h"

#include <immintrin.h>

// Halves of 64-bit lanes are added apart: 2^32 of them fit.
static inline __m512i add_halves(__m512i sum, __m512i words)
{
    __m512i low = _mm512_and_si512(words, _mm512_set1_epi64(UINT32_MAX));
    return _mm512_add_epi64(sum, _mm512_add_epi64(low, _mm512_srli_epi64(words, 32)));
}

// The masked load reads nothing behind the last byte.
uint16_t base_sum_avx512(const void *from, uint32_t size)
{
    const uint8_t *bytes = from;
    __m512i sum = _mm512_setzero_si512();
    for (; size >= 64; size -= 64, bytes += 64)
        sum = add_halves(sum, _mm512_loadu_si512(bytes));
    __mmask64 left = (__mmask64)((UINT64_C(1) << size) - 1);
    sum = add_halves(sum, _mm512_maskz_loadu_epi8(left, bytes));
    return base_sum_fold((uint64_t)_mm512_reduce_add_epi64(sum));
}
