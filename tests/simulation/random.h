// One generator for a whole seed: every draw of a run comes from here, so a seed is a run.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state; // never 0
};

static inline struct sim_random sim_random_from(uint64_t seed)
{
    return (struct sim_random){(seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1};
}

// xorshift64* (Vigna, 2016). 0 to below - 1; `below` is at least 1.
static inline uint64_t sim_roll(struct sim_random *random, uint64_t below)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (random->state * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

static inline uint64_t sim_between(struct sim_random *random, uint64_t low, uint64_t high)
{
    return low + sim_roll(random, high - low + 1);
}

static inline bool sim_chance(struct sim_random *random, unsigned per_mille)
{
    return sim_roll(random, 1000) < per_mille;
}
