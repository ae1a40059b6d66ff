// One generator of random numbers per worker: a seed is a run.
#pragma once

#include <stdint.h>

struct load_random {
    uint64_t state; // never 0
};

static inline struct load_random load_random_from(uint64_t seed)
{
    return (struct load_random){(seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1};
}

// xorshift64* (Vigna, 2016).
static inline uint64_t load_random_next(struct load_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

// 0 to below - 1; `below` is at least 1 and at most 2^32.
static inline uint64_t load_random_below(struct load_random *random, uint64_t below)
{
    return (load_random_next(random) >> 32) * below >> 32;
}

// Over (0, 1]: its logarithm exists.
static inline double load_random_unit(struct load_random *random)
{
    return (double)((load_random_next(random) >> 11) + 1) * 0x1p-53;
}
