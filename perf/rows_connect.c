// Whole connections: SYN, bind, one ept_map, and an orderly end from the client. 32 at once, each
// step a frame of its own as ordinary clients send them.
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "ndr/kernel.h"
#include "perf/map_load.h"
#include "perf/rows.h"
#include "rpc/client.h"

enum {
    CLIENTS = 1024, // names in turn
    BURST = 32,
    ENTRIES = 1000,
    MBUFS = 16383,
    CYCLES = 40000, // a round
    GOAL_NS = 2000, // half a million a second
};

struct cycling {
    struct memory_workers *memory;
    struct wire_client clients[CLIENTS];
    uint8_t bind[128], request[MAP_LOAD_REQUEST_MAX];
    uint16_t bind_size, request_size;
    unsigned next; // client
    uint64_t connections, bound, left;
};

// One step for each client of the burst. Returns the server's ticks.
static uint64_t step(struct cycling *c, uint8_t flags, const void *payload, uint16_t size)
{
    struct rte_mbuf *frames[BURST];
    unsigned count = 0;
    for (unsigned i = 0; i < BURST; i++) {
        frames[count] = wire_client_frame(&c->clients[c->next + i], &c->memory->wire,
                                          c->memory->client_pool, flags, payload, size);
        count += frames[count] != NULL;
    }
    return memory_turn(c->memory, frames, count, c->clients, CLIENTS);
}

static void begin(struct cycling *c)
{
    for (unsigned i = 0; i < BURST; i++) {
        c->clients[c->next + i].acknowledge = 0;
        c->clients[c->next + i].received = 0;
    }
}

static void count_bound(struct cycling *c)
{
    for (unsigned i = 0; i < BURST; i++)
        c->bound += c->clients[c->next + i].received > 0;
}

static uint64_t measure_burst(struct cycling *c)
{
    uint8_t push = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG;
    begin(c);
    uint64_t ticks = step(c, RTE_TCP_SYN_FLAG, NULL, 0);
    ticks += step(c, RTE_TCP_ACK_FLAG, NULL, 0);
    ticks += step(c, push, c->bind, c->bind_size);
    count_bound(c);
    ticks += step(c, push, c->request, c->request_size);
    ticks += step(c, RTE_TCP_ACK_FLAG | RTE_TCP_FIN_FLAG, NULL, 0);
    ticks += step(c, RTE_TCP_ACK_FLAG, NULL, 0);
    c->connections += BURST;
    c->left += tcpstack_connections(c->memory->workers[0].stack);
    c->next = (c->next + BURST) % CLIENTS;
    return ticks;
}

static double measure_round(struct cycling *c, unsigned connections)
{
    uint64_t ticks = 0;
    unsigned done = 0;
    for (; done < connections; done += BURST)
        ticks += measure_burst(c);
    return (double)ticks / done;
}

static bool is_right(const struct cycling *c)
{
    uint64_t replies = 0, wrong = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        replies += c->clients[i].replies;
        wrong += c->clients[i].wrong;
    }
    return replies == c->connections && c->bound == c->connections && wrong == 0 && c->left == 0;
}

static bool create(struct cycling *c)
{
    const struct memory_options options = {
        .workers = 1, .connections = 2 * CLIENTS, .entries = ENTRIES, .mbufs = MBUFS};
    c->memory = memory_workers_create(&options);
    if (!c->memory)
        return false;
    for (unsigned i = 0; i < CLIENTS; i++)
        wire_client_name(&c->clients[i], i);
    c->bind_size = memory_bind_request(c->bind, sizeof c->bind);
    c->request_size = memory_map_request(ENTRIES / 2, 2, c->request, sizeof c->request);
    return true;
}

static void measure_rounds(struct perf_program *program, struct cycling *c, struct perf_row *row)
{
    unsigned connections = perf_program_amount(program, CYCLES);
    const struct worker *worker = &c->memory->workers[0];
    double ns = 1e9 / (double)rte_get_tsc_hz();
    measure_round(c, connections);
    uint64_t before[WORKER_COUNTER_COUNT], first = c->connections;
    memcpy(before, worker->counters, sizeof before);
    for (unsigned i = 0; i < program->rounds; i++)
        perf_row_add(row, measure_round(c, connections) * ns);
    map_load_add_stages(row, worker, before, (double)(c->connections - first));
    row->correct = is_right(c) && memory_workers_destroy(c->memory);
}

void rows_connect(struct perf_program *program)
{
    struct perf_row row = perf_row_make("cycles", "ns/connection", "connect, bind, ept_map, close");
    if (!perf_program_wants(program, row.name))
        return;
    row.limit = (struct perf_part){.name = "goal", .number = GOAL_NS};
    perf_parts_add_text(&row.settings, "kernel", ndr_kernel()->name);
    perf_parts_add(&row.settings, "frames", 6);
    struct cycling *c = calloc(1, sizeof *c);
    if (c && create(c)) {
        measure_rounds(program, c, &row);
        perf_program_report(program, &row);
    } else {
        perf_program_fail(program, row.name, "no memory");
    }
    free(c);
}
