// How fast a bulk transfer is over a link of 20 ms that loses 1 % of the segments at random, beside
// what the response functions predict (RFC 9438 5.1 and its equation 5 for Reno).
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { FLIGHT_MAX = 2048, DELAY = 10000, LOSS_PER_MILLE = 10, SECONDS = 120, MSS = 1448 };

struct flight {
    struct rte_mbuf *frame;
    uint64_t at;
};

// One direction: what goes in first comes out first, DELAY later.
struct pipe {
    struct flight flights[FLIGHT_MAX];
    unsigned head, count;
    unsigned loss_per_mille;
};

struct transfer {
    uint64_t now, random;
    struct tcpstack *client, *server;
    struct tcp_conn *from, *to;
    struct pipe up, down;
    uint64_t received;
};

static uint32_t roll(struct transfer *t, uint32_t below)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return (uint32_t)((t->random * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

static void enter(struct transfer *t, struct pipe *pipe, struct tcpstack *from)
{
    struct rte_mbuf *frame;
    while (tcpstack_take_output(from, &frame, 1) == 1) {
        if (pipe->count == FLIGHT_MAX || roll(t, 1000) < pipe->loss_per_mille) {
            rte_pktmbuf_free(frame);
            continue;
        }
        unsigned at = (pipe->head + pipe->count++) % FLIGHT_MAX;
        pipe->flights[at] = (struct flight){frame, t->now + DELAY};
    }
}

// What arrives is a copy: the sender may still hold the frame.
static void leave(struct transfer *t, struct pipe *pipe, struct tcpstack *to)
{
    while (pipe->count > 0 && pipe->flights[pipe->head].at <= t->now) {
        struct rte_mbuf *frame = pipe->flights[pipe->head].frame;
        struct rte_mbuf *copy = rte_pktmbuf_copy(frame, frame->pool, 0, UINT32_MAX);
        rte_pktmbuf_free(frame);
        pipe->head = (pipe->head + 1) % FLIGHT_MAX;
        pipe->count--;
        assert_non_null(copy);
        copy->ol_flags = 0;
        tcpstack_input(to, &copy, 1, t->now);
    }
}

static void take_events(struct tcpstack *stack, struct tcp_conn **conn)
{
    struct tcp_conn *ready;
    while (tcpstack_ready(stack, &ready, 1) == 1) {
        assert_int_equal(tcp_take_events(ready) & TCP_EVENT_CLOSED, 0);
        *conn = ready;
    }
}

static void play(struct transfer *t)
{
    static const uint8_t bytes[MSS];
    take_events(t->client, &t->from);
    take_events(t->server, &t->to);
    while (t->from != NULL && tcp_write(t->from, bytes, sizeof bytes)) {
    }
    if (t->to != NULL) {
        uint32_t size = tcp_readable(t->to);
        t->received += size;
        tcp_consume(t->to, size);
    }
}

static void step(struct transfer *t)
{
    leave(t, &t->up, t->server);
    leave(t, &t->down, t->client);
    play(t);
    tcpstack_timers(t->client, t->now);
    tcpstack_timers(t->server, t->now);
    tcpstack_flush(t->client, t->now);
    tcpstack_flush(t->server, t->now);
    enter(t, &t->up, t->client);
    enter(t, &t->down, t->server);
    uint64_t next = RTE_MIN(tcpstack_next_timer(t->client), tcpstack_next_timer(t->server));
    const struct pipe *pipes[] = {&t->up, &t->down};
    for (unsigned i = 0; i < 2; i++) {
        if (pipes[i]->count > 0)
            next = RTE_MIN(next, pipes[i]->flights[pipes[i]->head].at);
    }
    t->now = RTE_MAX(next, t->now + 1);
}

static void drop(struct pipe *pipe)
{
    for (; pipe->count > 0; pipe->count--, pipe->head = (pipe->head + 1) % FLIGHT_MAX)
        rte_pktmbuf_free(pipe->flights[pipe->head].frame);
}

// Bytes per second.
static double transfer(struct harness *h, uint64_t seed)
{
    static struct transfer t;
    struct tcp_endpoints ends = {.local_port = 45000, .remote_port = HARNESS_TCP_PORT};
    harness_restart(h);
    struct tcpstack_options options = h->options;
    memcpy(ends.local, h->client, sizeof ends.local);
    memcpy(ends.remote, h->server, sizeof ends.remote);
    memcpy(options.addresses[0].address, h->client, sizeof ends.local);
    options.listen_count = 0;
    memcpy(options.ports[0].mac, harness_client_mac, 6);
    t = (struct transfer){.now = h->now, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    t.up.loss_per_mille = LOSS_PER_MILLE;
    t.server = h->stack;
    t.client = tcpstack_create(&options, t.now);
    assert_non_null(tcp_connect(t.client, &ends, HARNESS_PORT, harness_server_mac));
    while (t.now < h->now + SECONDS * UINT64_C(1000000))
        step(&t);
    drop(&t.up);
    drop(&t.down);
    tcpstack_destroy(t.client);
    return (double)t.received / SECONDS;
}

// Segments in flight on average. CUBIC's own function, or in its Reno-friendly region Reno's.
static double predicted(enum tcpstack_congestion congestion)
{
    double p = LOSS_PER_MILLE / 1000.0, rtt = 2 * DELAY / 1e6;
    double reno = sqrt(1.5 / p), cubic = 1.054 * pow(rtt / p, 0.75);
    return (congestion == TCPSTACK_CUBIC ? fmax(reno, cubic) : reno) * MSS / rtt;
}

static void goodput_under_loss_is_near_the_response_function(void **state)
{
    static const struct {
        const char *name;
        enum tcpstack_congestion congestion;
        bool without_sack;
        double least; // of the prediction
    } rows[] = {{"CUBIC, SACK", TCPSTACK_CUBIC, false, 0.8},
                {"CUBIC", TCPSTACK_CUBIC, true, 0.4},
                {"Reno, SACK", TCPSTACK_RENO, false, 0.8},
                {"Reno", TCPSTACK_RENO, true, 0.4}};
    struct harness *h = *state;
    h->options.receive_window = h->options.transmit_limit = 512 << 10;
    printf("goodput at %d ms, %.0f %% loss:\n", 2 * DELAY / 1000, LOSS_PER_MILLE / 10.0);
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        h->options.congestion = rows[i].congestion;
        h->options.without_sack = rows[i].without_sack;
        double is = transfer(h, i + 1), should = predicted(rows[i].congestion);
        printf("  %-12s %7.0f kB/s, predicted %7.0f kB/s\n", rows[i].name, is / 1e3, should / 1e3);
        assert_true(is >= rows[i].least * should);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {TEST(goodput_under_loss_is_near_the_response_function)};
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
