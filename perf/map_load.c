#include "perf/map_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/bytes.h"
#include "ndr/kernel.h"
#include "rpc/pdu.h"

enum {
    // Of an answer with one tower (protocol: handle, count, array header, referent, tower length
    // twice): where the tower is, and in it the interface.
    ANSWER_INTERFACE_AT = RPC_RESPONSE_HEADER_SIZE + 20 + 7 * 4 + 5,
};

// xorshift64: good enough to leave caches and branch predictors without a pattern.
static uint32_t draw(struct map_load *l, uint32_t below)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return (uint32_t)((l->random >> 32) * below >> 32);
}

static bool is_answer(const uint8_t *pdu, uint32_t size, uint32_t interface)
{
    return pdu[2] == RPC_RESPONSE && size > ANSWER_INTERFACE_AT + 16 &&
           base_load_le32(pdu + ANSWER_INTERFACE_AT) == interface &&
           base_load_le32(pdu + size - 4) == 0;
}

static void take_answers(struct wire_client *client, const uint8_t *payload, uint32_t size)
{
    struct map_load *l = client->owner;
    uint32_t *asked = &l->asked[client - l->clients];
    while (size > 0) {
        int length = rpc_pdu_length(payload, size);
        if (length <= 0 || (uint32_t)length > size) {
            client->wrong++;
            return;
        }
        client->replies++;
        client->wrong += !is_answer(payload, (uint32_t)length, *asked);
        *asked = (*asked + 1) % l->memory->map->entries;
        payload += length;
        size -= (uint32_t)length;
    }
}

// The requests of a segment ask for interfaces that follow each other.
static void aim(struct map_load *l, unsigned row)
{
    uint32_t entries = l->memory->map->entries;
    uint32_t interface = draw(l, entries);
    l->asked[row] = interface;
    for (unsigned i = 0; i < l->options.per_segment; i++)
        base_store_le32(l->pdus + i * l->pdu_size + l->interface_at, (interface + i) % entries);
}

// A burst of frames from the clients in turn, the first at `next`. Returns the server's ticks.
static uint64_t exchange(struct map_load *l, unsigned burst, bool ask)
{
    struct rte_mbuf *frames[MAP_LOAD_BURST];
    uint8_t flags = ask ? RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG : RTE_TCP_ACK_FLAG;
    uint16_t size = ask ? (uint16_t)(l->options.per_segment * l->pdu_size) : 0;
    unsigned count = 0, next = l->next;
    for (unsigned i = 0; i < burst; i++) {
        unsigned row = l->rows[next];
        next = next + 1 == l->options.connections ? 0 : next + 1;
        if (ask)
            aim(l, row);
        frames[count] = wire_client_frame(&l->clients[row], &l->memory->wire,
                                          l->memory->client_pool, flags, l->pdus, size);
        count += frames[count] != NULL; // a missing one is found by map_load_is_right
    }
    return memory_turn(l->memory, frames, count, l->clients, l->client_count);
}

double map_load_round(struct map_load *l, unsigned requests)
{
    uint64_t ticks = 0;
    unsigned done = 0, connections = l->options.connections;
    unsigned burst = connections < l->options.burst ? connections : l->options.burst;
    for (; done < requests; done += burst * l->options.per_segment) {
        ticks += exchange(l, burst, true);
        if (l->options.acknowledge)
            ticks += exchange(l, burst, false);
        l->next = (l->next + burst) % connections;
    }
    l->requests += done;
    return (double)ticks / done;
}

bool map_load_is_right(const struct map_load *l)
{
    uint64_t replies = 0, wrong = 0;
    for (unsigned i = 0; i < l->options.connections; i++) {
        replies += l->clients[l->rows[i]].replies;
        wrong += l->clients[l->rows[i]].wrong;
    }
    if (replies == l->requests && wrong == 0)
        return true;
    fprintf(stderr, "%" PRIu64 " requests, %" PRIu64 " answers, %" PRIu64 " of them wrong\n",
            l->requests, replies, wrong);
    return false;
}

void map_load_add_stages(struct perf_row *row, const struct worker *worker, const uint64_t *before,
                         double count)
{
    static const struct {
        const char *name;
        enum worker_counter counter;
    } stages[] = {{"receive", WORKER_TICKS_RECEIVE},  {"input", WORKER_TICKS_INPUT},
                  {"control", WORKER_TICKS_CONTROL},  {"cut", WORKER_TICKS_CUT},
                  {"answer", WORKER_TICKS_ANSWER},    {"output", WORKER_TICKS_OUTPUT},
                  {"transmit", WORKER_TICKS_TRANSMIT}};
    double ns = 1e9 / (double)rte_get_tsc_hz();
    for (unsigned i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        uint64_t ticks = worker->counters[stages[i].counter] - before[stages[i].counter];
        perf_parts_add(&row->stages, stages[i].name, (double)ticks * ns / count);
    }
}

void map_load_measure(struct map_load *l, struct perf_row *row, unsigned rounds, unsigned requests)
{
    const struct worker *worker = &l->memory->workers[0];
    double ns = 1e9 / (double)rte_get_tsc_hz();
    map_load_round(l, requests / 2);
    uint64_t before[WORKER_COUNTER_COUNT], first = l->requests;
    memcpy(before, worker->counters, sizeof before);
    for (unsigned i = 0; i < rounds; i++)
        perf_row_add(row, map_load_round(l, requests) * ns);
    map_load_add_stages(row, worker, before, (double)(l->requests - first));
    row->correct &= map_load_is_right(l);
}

static void build_requests(struct map_load *l)
{
    uint8_t other[MAP_LOAD_REQUEST_MAX];
    for (unsigned i = 0; i < l->options.per_segment; i++)
        l->pdu_size = memory_map_request(0, i + 1, l->pdus + i * l->pdu_size, MAP_LOAD_REQUEST_MAX);
    memory_map_request(UINT32_MAX, 1, other, sizeof other);
    while (other[l->interface_at] == l->pdus[l->interface_at])
        l->interface_at++;
}

static bool is_mine(const struct map_load *l, unsigned row)
{
    struct wire_client client;
    struct tcp_endpoints ends = {.local_port = l->memory->wire.server_port};
    wire_client_name(&client, row);
    ends.remote_port = client.port;
    ends.local[10] = ends.local[11] = ends.remote[10] = ends.remote[11] = 0xff;
    base_store_be32(ends.local + 12, l->memory->wire.server_ipv4);
    base_store_be32(ends.remote + 12, l->memory->wire.client_ipv4 + client.address);
    return tcpstack_flow_core(tcpstack_flow_hash_of(&ends), l->options.cores) == l->options.core;
}

static bool connect_all(struct map_load *l)
{
    unsigned row = 0;
    for (unsigned i = 0; i < l->options.connections; i++, row++) {
        while (row < l->client_count && !is_mine(l, row))
            row++;
        if (row >= l->client_count || !memory_connect(l->memory, l->clients, l->client_count, row))
            return false;
        if (l->options.acknowledge)
            memory_send(l->memory, l->clients, l->client_count, row, RTE_TCP_ACK_FLAG, NULL, 0);
        l->clients[row].owner = l;
        l->clients[row].take = take_answers;
        l->rows[i] = row;
    }
    return true;
}

static bool create(struct map_load *l, const struct memory_options *options)
{
    // The flow-to-core function is even enough that twice the rows have enough of each core.
    l->client_count = l->options.cores == 1 ? l->options.connections
                                            : 2 * l->options.cores * l->options.connections + 1000;
    l->memory = memory_workers_create(options);
    l->clients = calloc(l->client_count, sizeof *l->clients);
    l->asked = calloc(l->client_count, sizeof *l->asked);
    l->rows = calloc(l->options.connections, sizeof *l->rows);
    if (!l->memory || !l->clients || !l->asked || !l->rows) {
        fprintf(stderr, "no memory for %u connections\n", l->options.connections);
        return false;
    }
    if (!connect_all(l)) {
        fprintf(stderr, "a bind was not answered\n");
        return false;
    }
    build_requests(l);
    return true;
}

struct map_load *map_load_create(const struct memory_options *options,
                                 const struct map_load_options *load)
{
    struct map_load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->options = *load;
    l->options.cores = load->cores ? load->cores : 1;
    l->options.burst = load->burst ? load->burst : MAP_LOAD_BURST;
    l->random = UINT64_C(0x9e3779b97f4a7c15) + load->core;
    if (create(l, options))
        return l;
    map_load_destroy(l);
    return NULL;
}

bool map_load_destroy(struct map_load *l)
{
    bool whole = !l->memory || memory_workers_destroy(l->memory);
    free(l->clients);
    free(l->asked);
    free(l->rows);
    free(l);
    return whole;
}

void map_load_report(struct perf_program *program, struct perf_row *row,
                     const struct memory_options *options,
                     const struct map_load_options *load_options, unsigned requests)
{
    struct map_load *load = map_load_create(options, load_options);
    if (!load) {
        perf_program_fail(program, row->name, "the worker could not be set up");
        return;
    }
    perf_parts_add_text(&row->settings, "kernel", ndr_kernel()->name);
    perf_parts_add(&row->settings, "connections", load_options->connections);
    perf_parts_add(&row->settings, "entries", load->memory->map->entries);
    perf_parts_add(&row->settings, "per_segment", load_options->per_segment);
    perf_parts_add(&row->settings, "acknowledgements", load_options->acknowledge);
    map_load_measure(load, row, program->rounds, perf_program_amount(program, requests));
    row->correct &= map_load_destroy(load);
    perf_program_report(program, row);
}
