// Cycles per ept_map on the server side: one worker, frames fed from memory through a ring port,
// so that neither a NIC nor a kernel nor a client is in the measurement. Every reply is checked.
// Then, stage by stage, what the TCP stack has of it, with few connections and with many.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "dataplane/kernel.h"
#include "ndr/kernel.h"
#include "perf/memory_worker.h"
#include "perf/stages.h"

enum {
    CONNECTIONS = 1000,
    MANY_CONNECTIONS = 200000, // more than the caches hold
    ENTRIES = 1000,
    MBUFS = 16383,
    BURST = 32,
    REQUEST_MAX = 256,
    PER_SEGMENT_MAX = 8,
    ROUNDS = 7,
    REQUESTS = 200000, // a round
};

struct bench {
    struct memory_workers *memory;
    struct wire_client clients[CONNECTIONS];
    uint8_t requests[PER_SEGMENT_MAX * REQUEST_MAX]; // back to back
    uint16_t request_size;                           // of one
};

static void die(const char *what)
{
    fprintf(stderr, "cycles: %s\n", what);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Requests over all connections in turn, `per_segment` in each frame; ticks per request.
static double measure_round(struct bench *b, unsigned per_segment)
{
    uint64_t ticks = 0;
    unsigned next = 0, done = 0;
    uint16_t size = (uint16_t)(per_segment * b->request_size);
    while (done < REQUESTS) {
        struct rte_mbuf *frames[BURST];
        for (unsigned i = 0; i < BURST; i++) {
            struct wire_client *client = &b->clients[next];
            next = next + 1 == CONNECTIONS ? 0 : next + 1;
            frames[i] = wire_client_frame(client, &b->memory->wire, b->memory->client_pool,
                                          RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, b->requests, size);
            if (!frames[i])
                die("no packet buffer");
        }
        ticks += memory_turn(b->memory, frames, BURST, b->clients, CONNECTIONS);
        done += BURST * per_segment;
    }
    return (double)ticks / done;
}

static void check_replies(const struct bench *b, uint64_t requests)
{
    uint64_t replies = 0, wrong = 0;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        replies += b->clients[i].replies;
        wrong += b->clients[i].wrong;
    }
    if (replies == requests && wrong == 0)
        return;
    fprintf(stderr, "cycles: %" PRIu64 " requests, %" PRIu64 " replies, %" PRIu64 " wrong\n",
            requests, replies, wrong);
    exit(1);
}

// Where the ticks since `before` went, per request; reading the clock is in them.
static void print_stages(const struct bench *b, const uint64_t *before, uint64_t requests)
{
    static const struct {
        const char *name;
        enum worker_counter counter;
    } stages[] = {{"receive", WORKER_TICKS_RECEIVE},  {"input", WORKER_TICKS_INPUT},
                  {"control", WORKER_TICKS_CONTROL},  {"cut", WORKER_TICKS_CUT},
                  {"answer", WORKER_TICKS_ANSWER},    {"output", WORKER_TICKS_OUTPUT},
                  {"transmit", WORKER_TICKS_TRANSMIT}};
    double ns = 1e9 / (double)rte_get_tsc_hz();
    printf("  of which");
    for (unsigned i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        uint64_t ticks = b->memory->workers[0].counters[stages[i].counter];
        printf("%s %s %.0f ns", i ? "," : "", stages[i].name,
               (double)(ticks - before[stages[i].counter]) / (double)requests * ns);
    }
    printf(" (mean)\n");
}

static void measure(struct bench *b, unsigned per_segment, uint64_t *requests)
{
    double rounds[ROUNDS];
    measure_round(b, per_segment); // warm-up
    uint64_t before[WORKER_COUNTER_COUNT];
    memcpy(before, b->memory->workers[0].counters, sizeof before);
    for (unsigned i = 0; i < ROUNDS; i++)
        rounds[i] = measure_round(b, per_segment);
    unsigned step = BURST * per_segment;
    *requests += (uint64_t)(ROUNDS + 1) * ((REQUESTS + step - 1) / step * step);
    check_replies(b, *requests);
    qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
    double ns = 1e9 / (double)rte_get_tsc_hz();
    printf("ept_map, %u per segment, %u connections: median %.0f TSC cycles = %.0f ns per request "
           "(range %.0f to %.0f ns, %d rounds)\n",
           per_segment, CONNECTIONS, rounds[ROUNDS / 2], rounds[ROUNDS / 2] * ns, rounds[0] * ns,
           rounds[ROUNDS - 1] * ns, ROUNDS);
    print_stages(b, before, (uint64_t)ROUNDS * ((REQUESTS + step - 1) / step * step));
}

int main(void)
{
    static struct bench b;
    const struct memory_options options = {
        .workers = 1, .connections = 2 * CONNECTIONS, .entries = ENTRIES, .mbufs = MBUFS};
    if (!dataplane_choose_kernel())
        return EX_USAGE;
    printf("decoder: %s\n", ndr_kernel()->name);
    if (!memory_eal_init("cycles"))
        die("EAL did not start");
    b.memory = memory_workers_create(&options);
    if (!b.memory)
        die("no memory");
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (!memory_connect(b.memory, b.clients, CONNECTIONS, i))
            die("a bind was not answered");
    }
    for (unsigned i = 0; i < PER_SEGMENT_MAX; i++)
        b.request_size =
            memory_map_request(ENTRIES / 2, i + 1, b.requests + i * b.request_size, REQUEST_MAX);
    uint64_t requests = 0;
    measure(&b, 1, &requests);
    measure(&b, PER_SEGMENT_MAX, &requests);
    bool whole = memory_workers_destroy(b.memory);
    return stages_run(CONNECTIONS) && stages_run(MANY_CONNECTIONS) && whole ? 0 : 1;
}
