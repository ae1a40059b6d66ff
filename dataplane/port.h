// DPDK ports: queues, RSS, offloads, start, link.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tcpstack/tcpstack.h"

struct rte_mempool;

// A started port.
struct dataplane_port {
    uint16_t port_id;
    uint16_t queues;            // one a worker when the port spreads flows itself, else 1
    struct tcpstack_port stack; // what the stack is to know of it
    char name[64];
};

enum dataplane_offloads {
    DATAPLANE_OFFLOADS_REAL, // what the port does in hardware
    DATAPLANE_OFFLOADS_ALL,  // what the driver offers, if only by doing it in software itself
};

// Configures and starts port `port_id` for `workers` workers; queue i takes its mbufs from
// pools[i]. Waits up to two seconds for the link and says when it is still down. False after saying
// what failed.
bool dataplane_port_start(uint16_t port_id, unsigned workers, struct rte_mempool *const *pools,
                          struct dataplane_port *ret_port);
// The same, with a choice; the other leaves to the port what it does in hardware.
bool dataplane_port_start_with(uint16_t port_id, unsigned workers, struct rte_mempool *const *pools,
                               enum dataplane_offloads offloads, struct dataplane_port *ret_port);
void dataplane_port_stop(const struct dataplane_port *port);
