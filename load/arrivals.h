// When the calls of an open loop are due. Arrivals that could not be sent stay due, in order, at
// the time they were meant for: an unbounded queue that is one number. Only the worker that owns
// it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load/random.h"

enum load_arrival_kind {
    LOAD_POISSON, // exponential gaps: many independent clients
    LOAD_FIXED,   // equal gaps
};

struct load_arrivals {
    double start, gap; // nanoseconds
    double offset;     // of the next arrival from `start`
    enum load_arrival_kind kind;
    struct load_random random;
};

// `rate` arrivals per second (more than 0), from `start` on.
void load_arrivals_init(struct load_arrivals *arrivals, enum load_arrival_kind kind, double rate,
                        uint64_t start, uint64_t seed);
// When the next one is due, in nanoseconds.
static inline uint64_t load_arrivals_due(const struct load_arrivals *arrivals)
{
    return (uint64_t)(arrivals->start + arrivals->offset);
}
// Goes on to the one after it.
void load_arrivals_advance(struct load_arrivals *arrivals);
