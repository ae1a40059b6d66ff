#include "tests/unit/load/harness.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

static const uint8_t source[1][16] = {TCPSTACK_IPV4(0x0a870001)};
static const uint8_t target[16] = TCPSTACK_IPV4(0x0a870002);

static struct tcpstack *create_stack(const struct harness *h, unsigned connections)
{
    const struct tcpstack_options options = {
        .ports = {{.port_id = h->memory->port_id, .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500}},
        .port_count = 1,
        .addresses = {{TCPSTACK_IPV4(0x0a870001), 96 + 24}},
        .address_count = 1,
        .pool = h->pool,
        .max_connections = 2 * connections + 64,
        .max_half_open = 1,
        .receive_window = LOAD_RECEIVE_WINDOW,
        .transmit_limit = LOAD_TRANSMIT_LIMIT,
    };
    return tcpstack_create(&options, 0);
}

static struct load_mix *create_mix(const struct harness_options *options)
{
    char interface[64], uuid[BASE_UUID_TEXT_SIZE];
    struct ndr_syntax_id id = memory_interface(options->unregistered ? HARNESS_ENTRIES + 7 : 7);
    base_uuid_format(&id.uuid, uuid);
    snprintf(interface, sizeof interface, "%s@%u.%u", uuid, id.major, id.minor);
    return strchr(options->mix, ':') ? load_mix_parse("test", options->mix, interface)
                                     : load_mix_load(options->mix, interface);
}

struct harness *harness_start(const struct harness_options *options)
{
    static struct harness harness;
    struct harness *h = &harness;
    memset(h, 0, sizeof *h);
    const struct memory_options memory = {
        .workers = 1,
        .connections = 256,
        .entries = HARNESS_ENTRIES,
        .mbufs = 8191,
    };
    h->memory = memory_workers_create(&memory);
    assert_non_null(h->memory);
    h->pool = tcpstack_pool_create("generator", 8191, 256, -1);
    assert_non_null(h->pool);
    h->stack = create_stack(h, options->connections);
    assert_non_null(h->stack);
    h->mix = create_mix(options);
    assert_non_null(h->mix);
    h->calls = load_calls_create(h->mix, 1);
    assert_non_null(h->calls);
    struct tcpstack_address address = {TCPSTACK_IPV4(0x0a870001), 96 + 24};
    assert_true(load_names_create(&h->names, &address, 1, target, 135, 0, 1, 99));
    struct load_generator_options generator = {
        .stack = h->stack,
        .port_id = h->memory->port_id,
        .sources = source,
        .target_port = 135,
        .connections = options->connections,
        .depth = options->depth,
        .calls_per_connection =
            h->mix->calls_per_connection ? (int64_t)*h->mix->calls_per_connection : -1,
        .misbehaviour = options->misbehaviour,
        .seed = 5,
    };
    memcpy(generator.target, target, sizeof target);
    h->generator = load_generator_create(&generator, h->calls, &h->names);
    assert_non_null(h->generator);
    return h;
}

static void check_conservation(const uint64_t *counters)
{
    uint64_t ended = counters[TCPSTACK_RX_ACCEPTED];
    for (unsigned i = 0; i < TCPSTACK_COUNTER_COUNT; i++) {
        if (strncmp(tcpstack_counter_rows[i].name, "rx_drop", 7) == 0)
            ended += counters[i];
    }
    assert_int_equal(counters[TCPSTACK_RX_FRAMES], ended);
}

void harness_stop(struct harness *h)
{
    check_conservation(tcpstack_counters(h->stack));
    check_conservation(tcpstack_counters(h->memory->workers[0].stack));
    load_generator_destroy(h->generator);
    tcpstack_destroy(h->stack);
    load_names_destroy(&h->names);
    load_calls_destroy(h->calls);
    load_mix_free(h->mix);
    assert_int_equal(rte_mempool_avail_count(h->pool), h->pool->size);
    assert_true(memory_workers_destroy(h->memory)); // frames that wait in its rings go here
    rte_mempool_free(h->pool);
}

static void receive(struct harness *h)
{
    struct rte_mbuf *frame;
    while (rte_ring_sc_dequeue(h->memory->from_server, (void **)&frame) == 0) {
        bool drop = !tcpstack_flow_is_everybodys(frame) && load_generator_withholds(h->generator);
        struct rte_mbuf *copy = drop ? NULL : rte_pktmbuf_copy(frame, h->pool, 0, UINT32_MAX);
        rte_pktmbuf_free(frame);
        if (copy)
            tcpstack_input(h->stack, &copy, 1, h->now / 1000);
    }
}

static void transmit(struct harness *h)
{
    struct rte_mbuf *frame;
    while (tcpstack_take_output(h->stack, &frame, 1) == 1) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(frame, h->memory->client_pool, 0, UINT32_MAX);
        rte_pktmbuf_free(frame);
        assert_non_null(copy);
        assert_int_equal(rte_ring_sp_enqueue(h->memory->to_server, copy), 0);
    }
}

void harness_turn(struct harness *h)
{
    h->now += HARNESS_TURN_NS;
    receive(h);
    load_generator_turn(h->generator, h->now);
    tcpstack_timers(h->stack, h->now / 1000);
    tcpstack_flush(h->stack, h->now / 1000);
    transmit(h);
    if (h->server_stands)
        return;
    h->memory->workers[0].now = h->now / 1000;
    worker_turn(&h->memory->workers[0]);
}

void harness_run(struct harness *h, unsigned turns)
{
    while (turns-- > 0)
        harness_turn(h);
}

void harness_connect(struct harness *h)
{
    unsigned turns = 0;
    do {
        harness_turn(h);
        assert_true(++turns < 500000);
    } while (!load_generator_is_ready(h->generator));
}

struct load_plan harness_begin(struct harness *h, double rate, enum load_arrival_kind kind,
                               uint64_t ns)
{
    const struct load_plan plan = {
        .start = h->now,
        .measure = h->now + ns / 10,
        .end = h->now + ns,
        .give_up = h->now + ns + 1000000000,
        .rate = rate,
        .arrivals = kind,
    };
    load_generator_begin(h->generator, &plan);
    return plan;
}

void harness_finish(struct harness *h)
{
    do
        harness_turn(h);
    while (!load_generator_is_done(h->generator));
    load_generator_end(h->generator);
}

void harness_load(struct harness *h, double rate, enum load_arrival_kind kind, uint64_t ns)
{
    harness_connect(h);
    harness_begin(h, rate, kind, ns);
    harness_finish(h);
}

void harness_close(struct harness *h)
{
    load_generator_close(h->generator);
    for (unsigned turns = 0; !load_generator_is_closed(h->generator); turns++) {
        harness_turn(h);
        assert_true(turns < 500000);
    }
    harness_run(h, 10);
}

uint64_t harness_counter(const struct harness *h, enum load_counter counter)
{
    return load_generator_counters(h->generator)[counter];
}

uint64_t harness_rpc_counter(const struct harness *h, enum rpc_counter counter)
{
    return rpc_counters(h->memory->workers[0].rpc)[counter];
}

void harness_assert_clean(const struct harness *h)
{
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++) {
        if (load_counter_rows[i].kind == BASE_COUNTER_DROP &&
            harness_counter(h, (enum load_counter)i) > 0)
            fail_msg("%s: %llu", load_counter_rows[i].name,
                     (unsigned long long)harness_counter(h, (enum load_counter)i));
    }
}

int harness_start_eal(void **state)
{
    (void)state;
    return memory_eal_init("test_load") ? 0 : -1;
}
