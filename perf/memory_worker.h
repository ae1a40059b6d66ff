// Workers fed from memory: the real poll loop over a ring port, with clients made of crafted frames
// (perf/wire_client.h), all in one thread and with a clock of its own. For benchmarks and for tests
// of the whole way of a request.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/worker.h"
#include "perf/memory_map.h"
#include "perf/wire_client.h"

struct rte_ring;

enum { MEMORY_WORKER_MAX = MEMORY_READERS_MAX, MEMORY_FIRST_PORT = WIRE_FIRST_PORT };

struct memory_options {
    unsigned workers;     // 1 to MEMORY_WORKER_MAX; more than one spread in software
    unsigned connections; // at most, per worker
    unsigned entries;     // of the map; interface i is memory_interface(i), TCP port 49153
    unsigned mbufs;       // of each pool
    const struct rpc_prefix *allow; // who may register; NULL: nobody
    unsigned allow_count;
    uint16_t mss; // what clients announce; 0: nothing, and so 536
    // For several of these at once, each with a port of its own, on one map: the map, whose
    // replicas from `first_reader` on are these workers', and the groups. They stay the caller's.
    // NULL: its own.
    struct memory_map *map;
    struct rpc_groups *groups;
    unsigned first_reader;
};

struct memory_workers {
    struct memory_options options;
    struct worker *workers;
    struct rte_ring *to_server, *from_server;
    struct rte_mempool *client_pool;
    struct rte_mempool *server_pools[MEMORY_WORKER_MAX];
    struct wire_addresses wire;
    struct rpc_groups *groups;
    struct memory_map *map;
    uint16_t port_id;
    bool has_port;
    uint64_t now;
};

// Starts EAL without huge pages, devices or privileges. Once a process. False after saying why.
bool memory_eal_init(const char *program);
// The same with those cores ("0,1"): the first is the main thread's.
bool memory_eal_init_on(const char *program, const char *cores);

// NULL when there is no memory.
struct memory_workers *memory_workers_create(const struct memory_options *options);
// False when a packet buffer did not come back.
bool memory_workers_destroy(struct memory_workers *memory);

// Bytes of a bind PDU for epmapper; returns its size.
uint16_t memory_bind_request(uint8_t *pdu, uint16_t size);
// Bytes of an ept_map request PDU for interface i over ncacn_ip_tcp; returns its size.
uint16_t memory_map_request(uint32_t i, uint32_t call_id, uint8_t *pdu, uint16_t size);

// Gives `count` frames to the port, turns every worker once and passes what comes out to `clients`,
// by wire_client_row. Returns the TSC ticks that the turns took.
uint64_t memory_turn(struct memory_workers *memory, struct rte_mbuf **frames, unsigned count,
                     struct wire_client *clients, unsigned client_count);
// The two halves of it around the turns: gives frames to the port, and takes what came out of it.
void memory_feed(struct memory_workers *memory, struct rte_mbuf **frames, unsigned count);
void memory_collect(struct memory_workers *memory, struct wire_client *clients,
                    unsigned client_count);
// Opens the connection of `client` and binds epmapper. False when no bind_ack came.
bool memory_connect(struct memory_workers *memory, struct wire_client *clients,
                    unsigned client_count, unsigned row);
// Sends one frame of a client, and takes what comes of it.
void memory_send(struct memory_workers *memory, struct wire_client *clients, unsigned client_count,
                 unsigned row, uint8_t flags, const void *payload, uint16_t size);
