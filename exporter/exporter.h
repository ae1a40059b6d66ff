// What the OXID resolver knows ([MS-DCOM] 3.1.2): its own bindings, the object exporters, the
// clients' ping sets, and the clock that expires them. One for all workers and the control thread.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "exporter/oxid_table.h"
#include "exporter/ping_sets.h"

struct exporter {
    struct ndr_oxid_bindings bindings; // of the resolver itself: what ServerAlive2 tells
    struct oxid_table *oxids;
    struct ping_sets *sets;
    // Seconds since the workers started. Each has a clock of its own, and they began within the
    // same moments; the first to see a new second tells all others.
    _Atomic uint32_t now;
};

// NULL: no memory.
struct exporter *exporter_create(const struct ndr_oxid_bindings *bindings,
                                 const uint8_t secret[16]);
void exporter_destroy(struct exporter *exporter);

// Any worker: the second its clock shows. Never goes back.
void exporter_tick(struct exporter *exporter, uint32_t seconds);

static inline uint32_t exporter_now(const struct exporter *exporter)
{
    return atomic_load_explicit(&exporter->now, memory_order_relaxed);
}
