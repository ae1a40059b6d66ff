// The ones' complement sum of RFC 1071, in memory order as its section 2 (B) allows: what is summed
// as it lies in memory may be stored the same way. Sums add up by base_sum_fold(a + b), one of
// bytes that begin at an odd place swapped (base_sum_behind). Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

typedef uint16_t base_sum_function(const void *bytes, uint32_t size);

// Sum of `size` bytes, an odd one padded with a zero behind it. What the processor is best at, once
// base_sum_choose was called.
extern base_sum_function *base_sum;

// Makes base_sum use the instruction set of this name (ndr/kernel.h), "avx512" or another; NULL:
// the best of this processor. Before there are threads that sum.
void base_sum_choose(const char *kernel);

// For tests.
base_sum_function base_sum_scalar, base_sum_avx512;

static inline uint16_t base_sum_fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16); // at most 33 bits before, 18 after
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

// Of a header: `count` words of 32 bits, not folded, so that more may be added.
static inline uint64_t base_sum_words(const void *from, unsigned count)
{
    const uint8_t *bytes = from;
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += base_load_le32(bytes + 4 * i);
    return sum;
}

// Of eight bytes that are on their way to memory, not folded.
static inline uint64_t base_sum_halves(uint64_t word)
{
    return (word & UINT32_MAX) + (word >> 32);
}

// The sum of `size` bytes summed to `before` and what follows them, summed by itself to `sum`.
static inline uint16_t base_sum_behind(uint16_t before, uint32_t size, uint16_t sum)
{
    return base_sum_fold((uint64_t)before + (size & 1 ? __builtin_bswap16(sum) : sum));
}
