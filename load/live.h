// The live line of a run: what changed since the last one.
#pragma once

#include <stdio.h>

#include "load/generator.h"

// All workers at one moment, about: they go on while they are read.
struct load_live {
    uint64_t counters[LOAD_COUNTER_COUNT];
    uint64_t latency[BASE_HISTOGRAM_ROWS]; // of the stretch so far
};

// Adds what a worker has counted so far; any thread, while the worker goes on.
void load_live_add(struct load_live *live, const uint64_t *counters,
                   const struct load_result *result);
// One line about the `seconds` between `before` and `now`. Percentiles are left out while nothing
// is measured (warm-up). Main thread.
void load_live_print(const struct load_live *before, const struct load_live *now, double seconds,
                     FILE *to);
