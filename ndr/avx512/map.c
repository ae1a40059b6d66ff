#include "ndr/avx512/kernel.h"

#include <immintrin.h>

#include "ndr/map_shape.h"

static const uint8_t template[] = {NDR_SHAPE_TEMPLATE};
static const uint8_t mask[] = {NDR_SHAPE_MASK};
_Static_assert(sizeof template == NDR_SHAPE_TOWER && sizeof mask == NDR_SHAPE_TOWER, "one tower");

enum { TAIL = NDR_SHAPE_TOWER - 32 };

// One load of 64 octets and one of 32 that overlaps it and ends with the tower. Behind the tower
// nothing is read.
static inline bool matches(const uint8_t *tower)
{
    __m512i head = _mm512_loadu_si512(tower);
    __m256i tail = _mm256_loadu_si256((const __m256i *)(const void *)(tower + TAIL));
    __m256i tail_wanted = _mm256_loadu_si256((const __m256i *)(const void *)(template + TAIL));
    __m256i tail_mask = _mm256_loadu_si256((const __m256i *)(const void *)(mask + TAIL));
    __m512i head_wrong = _mm512_and_si512(_mm512_xor_si512(head, _mm512_loadu_si512(template)),
                                          _mm512_loadu_si512(mask));
    __m256i tail_wrong = _mm256_and_si256(_mm256_xor_si256(tail, tail_wanted), tail_mask);
    return _mm512_test_epi64_mask(head_wrong, head_wrong) == 0 &&
           _mm256_testz_si256(tail_wrong, tail_wrong);
}

uint64_t ndr_avx512_decode_map(const struct ndr_stub *stubs, unsigned count,
                               struct ndr_epm_map *ret_maps)
{
    return ndr_shape_decode(stubs, count, ret_maps, matches);
}
