#include "ndr/avx2/kernel.h"

#include <immintrin.h>

#include "ndr/map_shape.h"

static const uint8_t template[] = {NDR_SHAPE_TEMPLATE};
static const uint8_t mask[] = {NDR_SHAPE_MASK};
_Static_assert(sizeof template == NDR_SHAPE_TOWER && sizeof mask == NDR_SHAPE_TOWER, "one tower");

static inline __m256i load(const uint8_t *octets)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)octets);
}

// Zero where the 32 octets at `at` agree.
static inline __m256i differences(const uint8_t *tower, unsigned at)
{
    return _mm256_and_si256(_mm256_xor_si256(load(tower + at), load(template + at)),
                            load(mask + at));
}

// The last of three loads overlaps the second and ends with the tower: nothing behind it is read.
static inline bool matches(const uint8_t *tower)
{
    __m256i all = _mm256_or_si256(_mm256_or_si256(differences(tower, 0), differences(tower, 32)),
                                  differences(tower, NDR_SHAPE_TOWER - 32));
    return _mm256_testz_si256(all, all);
}

uint64_t ndr_avx2_decode_map(const struct ndr_stub *stubs, unsigned count,
                             struct ndr_epm_map *ret_maps)
{
    return ndr_shape_decode(stubs, count, ret_maps, matches);
}
