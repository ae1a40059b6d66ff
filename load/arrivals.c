#include "load/arrivals.h"

#include <math.h>

void load_arrivals_init(struct load_arrivals *arrivals, enum load_arrival_kind kind, double rate,
                        uint64_t start, uint64_t seed)
{
    *arrivals = (struct load_arrivals){
        .start = (double)start, .gap = 1e9 / rate, .kind = kind, .random = load_random_from(seed)};
    load_arrivals_advance(arrivals);
}

void load_arrivals_advance(struct load_arrivals *arrivals)
{
    double gap = arrivals->gap;
    if (arrivals->kind == LOAD_POISSON)
        gap *= -log(load_random_unit(&arrivals->random));
    arrivals->offset += gap;
}
