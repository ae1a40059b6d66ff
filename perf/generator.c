// Cycles per ept_map on the side of the load generator: its worker's turn without a port, answered
// from memory by the cheapest server there can be (perf/reflect.h), which is not in the
// measurement. Every answer is checked. What `cycles` says of the server, this says of the other
// end.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "load/generator.h"
#include "perf/memory_worker.h"
#include "perf/reflect.h"

enum {
    CONNECTIONS = 1000,
    BURST = 32,
    MBUFS = 16383,
    FRAMES = 4096, // under way
    ROUNDS = 15,
    CALLS = 100000, // a round
    TURN_NS = 10000,
};

struct bench {
    struct reflect reflect;
    struct rte_mempool *pool, *wire_pool;
    struct rte_ring *wire; // answers under way
    struct tcpstack *stack;
    struct load_generator *generator;
    uint64_t now; // nanoseconds
};

static const uint8_t source[1][16] = {TCPSTACK_IPV4(0x0a870001)};
static const uint8_t target[16] = TCPSTACK_IPV4(0x0a870002);

static void die(const char *what)
{
    fprintf(stderr, "generator: %s\n", what);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct tcpstack *create_stack(const struct bench *b)
{
    const struct tcpstack_options options = {
        .ports = {{.port_id = 0, .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500}},
        .port_count = 1,
        .addresses = {{TCPSTACK_IPV4(0x0a870001), TCPSTACK_IPV4_BITS + 24}},
        .address_count = 1,
        .pool = b->pool,
        .max_connections = 2 * CONNECTIONS + 64,
        .max_half_open = 1,
        .receive_window = LOAD_RECEIVE_WINDOW,
        .transmit_limit = LOAD_TRANSMIT_LIMIT,
    };
    return tcpstack_create(&options, 0);
}

// What the stack sent keeps a reference to its frames: the server gets copies.
static void pass_on(struct bench *b, struct rte_mbuf *frame)
{
    struct rte_mbuf *copy = rte_pktmbuf_copy(frame, b->wire_pool, 0, UINT32_MAX);
    if (!copy)
        die("no packet buffer");
    if (!reflect_turn(&b->reflect, copy))
        rte_pktmbuf_free(copy);
    else if (rte_ring_sp_enqueue(b->wire, copy) != 0)
        die("too many frames under way");
}

// Returns the ticks that the generator took.
static uint64_t turn(struct bench *b)
{
    struct rte_mbuf *in[BURST], *out[BURST];
    unsigned count = rte_ring_sc_dequeue_burst(b->wire, (void **)in, BURST, NULL), sent;
    b->now += TURN_NS;
    uint64_t begun = rte_rdtsc();
    if (count)
        tcpstack_input(b->stack, in, count, b->now / 1000);
    load_generator_turn(b->generator, b->now);
    tcpstack_timers(b->stack, b->now / 1000);
    tcpstack_flush(b->stack, b->now / 1000);
    uint64_t ticks = rte_rdtsc() - begun;
    while ((sent = tcpstack_take_output(b->stack, out, BURST)) > 0) {
        for (unsigned i = 0; i < sent; i++)
            pass_on(b, out[i]);
        begun = rte_rdtsc();
        for (unsigned i = 0; i < sent; i++)
            rte_pktmbuf_free(out[i]);
        ticks += rte_rdtsc() - begun;
    }
    return ticks;
}

static uint64_t answers(const struct bench *b)
{
    return load_generator_counters(b->generator)[LOAD_ANSWERS];
}

static double measure_round(struct bench *b)
{
    uint64_t before = answers(b), ticks = 0;
    while (answers(b) - before < CALLS)
        ticks += turn(b);
    return (double)ticks / (double)(answers(b) - before);
}

static void check(const struct bench *b)
{
    const uint64_t *counters = load_generator_counters(b->generator);
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++) {
        if (load_counter_rows[i].kind == BASE_COUNTER_DROP && counters[i] > 0) {
            fprintf(stderr, "generator: %s: %" PRIu64 "\n", load_counter_rows[i].name, counters[i]);
            exit(1);
        }
    }
}

static void connect_and_begin(struct bench *b)
{
    const struct load_plan plan = {.end = UINT64_MAX, .give_up = UINT64_MAX};
    for (unsigned turns = 0; !load_generator_is_ready(b->generator); turns++) {
        turn(b);
        if (turns == 1000000)
            die("not all connections were bound");
    }
    load_generator_begin(b->generator, &plan);
}

static void measure(struct bench *b, uint32_t depth, struct load_calls *calls)
{
    struct tcpstack_address address = {TCPSTACK_IPV4(0x0a870001), TCPSTACK_IPV4_BITS + 24};
    struct load_names names;
    struct load_generator_options options = {.sources = source,
                                             .target = TCPSTACK_IPV4(0x0a870002),
                                             .target_port = 135,
                                             .connections = CONNECTIONS,
                                             .depth = depth,
                                             .calls_per_connection = -1,
                                             .seed = 5};
    double rounds[ROUNDS];
    options.stack = b->stack = create_stack(b);
    if (!b->stack || !load_names_create(&names, &address, 1, target, 135, 0, 1, 99))
        die("no memory");
    b->generator = load_generator_create(&options, calls, &names);
    if (!b->generator)
        die("no memory");
    connect_and_begin(b);
    measure_round(b); // warm-up
    for (unsigned i = 0; i < ROUNDS; i++)
        rounds[i] = measure_round(b);
    check(b);
    qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
    double ns = 1e9 / (double)rte_get_tsc_hz();
    printf("ept_map, %u connections, %u under way each: median %.0f ns per call "
           "(range %.0f to %.0f ns, %d rounds)\n",
           CONNECTIONS, depth, rounds[ROUNDS / 2] * ns, rounds[0] * ns, rounds[ROUNDS - 1] * ns,
           ROUNDS);
    load_generator_destroy(b->generator);
    tcpstack_destroy(b->stack);
    load_names_destroy(&names);
    for (struct rte_mbuf *frame; rte_ring_sc_dequeue(b->wire, (void **)&frame) == 0;)
        rte_pktmbuf_free(frame);
}

int main(void)
{
    static struct bench b = {.reflect = {.mac = {2, 0, 0, 0, 0, 2}}};
    if (!memory_eal_init("generator"))
        die("EAL did not start");
    reflect_init(&b.reflect);
    b.pool = tcpstack_pool_create("generator", MBUFS, 256, -1);
    b.wire_pool = tcpstack_pool_create("wire", MBUFS, 256, -1);
    b.wire = rte_ring_create("wire", FRAMES, -1, RING_F_SP_ENQ | RING_F_SC_DEQ);
    struct load_mix *mix = load_mix_load("map", "60a15ec5-4de8-11d7-a637-005056a20182@1.0");
    struct load_calls *calls = mix ? load_calls_create(mix, 1) : NULL;
    if (!b.pool || !b.wire_pool || !b.wire || !calls)
        die("no memory");
    measure(&b, 1, calls);
    measure(&b, 16, calls);
    load_calls_destroy(calls);
    load_mix_free(mix);
    return 0;
}
