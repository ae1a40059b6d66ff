// Source addresses and ports of connections. RSS and the software spreading of a server put a flow
// on a queue by a row of the flow table (tcpstack_flow_core), so names are ordered such that each
// row has its turn: whatever number of queues the server has, connections spread evenly.
#pragma once

#include <stdint.h>

#include "tcpstack/tcpstack.h"

struct load_name {
    uint16_t port;
    uint8_t address; // index
};

struct load_names {
    struct load_name *names;
    uint32_t count;
    uint32_t next;
};

// All names of `addresses` (at most 16) towards `target` whose answers the flow function gives to
// worker `worker` of `workers`, in turn from a place that `seed` chooses: a server may still
// remember names of a run before. False when there is no memory. Main thread.
bool load_names_create(struct load_names *ret_names, const struct tcpstack_address *addresses,
                       unsigned address_count, const uint8_t target[16], uint16_t target_port,
                       unsigned worker, unsigned workers, uint64_t seed);
void load_names_destroy(struct load_names *names);

// The next name in turn. Only the worker that owns them.
static inline struct load_name load_names_take(struct load_names *names)
{
    struct load_name name = names->names[names->next];
    names->next = names->next + 1 == names->count ? 0 : names->next + 1;
    return name;
}
