// A stack with its pool and its port. The port keeps frames for a while after it has sent them, as
// a NIC does, and nobody may change them meanwhile.
#pragma once

#include "tests/simulation/link.h"
#include "tests/simulation/report.h"

#include "tcpstack/tcpstack.h"

enum { HOST_HELD_MAX = 64, HOST_TCP_PORT = 135, HOST_POOL_SIZES = 4 };

struct host_held {
    struct rte_mbuf *frame;
    uint64_t until;
    uint32_t sum;
};

struct host {
    const char *name;
    struct sim_report *report;
    struct tcpstack_options options;
    struct tcpstack *stack;
    uint64_t epoch; // its clock shows so much when the simulation's shows 0
    bool ipv6;      // else IPv4
    bool resolves;  // finds its peer's MAC address by itself
    uint64_t hold;  // how long the port keeps a frame
    struct host_held held[HOST_HELD_MAX];
    unsigned held_first, held_count;
    uint64_t received, sent, no_mbuf;
};

// Pools of several sizes per host, made once: mempools cannot be freed cheaply. False when there
// is no memory.
bool host_make_pools(void);
struct rte_mempool *host_pool(unsigned host, unsigned size);

// `index` 0 opens connections, 1 listens. The options hold all but ports and addresses.
bool host_start(struct host *host, unsigned index, uint16_t mtu, uint64_t now);
uint64_t host_now(const struct host *host, uint64_t now);
struct tcp_conn *host_connect(struct host *host, unsigned index, uint16_t from_port,
                              uint16_t to_port);

void host_receive(struct host *host, const struct link_flight *flight, uint64_t now);
// Timers, flush, and everything that came of it onto the wire.
void host_run(struct host *host, struct link *link, uint64_t now);
// When the stack or the port has something to do, in the simulation's time.
uint64_t host_next(const struct host *host);
// Reports what does not add up in the counters, and what is left when all has ended.
void host_check_counters(struct host *host);
void host_check_empty(struct host *host);
void host_stop(struct host *host);
