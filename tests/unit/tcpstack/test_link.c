// Two stacks joined by a link that loses, doubles, delays and corrupts frames. Every seed is one
// conversation: the client sends a stream, the server sends it back, both close. Afterwards every
// byte must have come back in order and both sides must have ended in order. That for every choice
// of timestamps, SACK and congestion control.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { SEEDS = 150, CHOICES = 8, FLIGHT_MAX = 1024, STREAM_MAX = 120000 };

struct flight {
    struct rte_mbuf *frame;
    struct tcpstack *to;
    uint64_t at;
};

struct side {
    struct tcpstack *stack;
    struct tcp_conn *conn; // NULL before it opened and after it closed
    uint32_t sent, received;
    bool closing, closed;
    enum tcp_close_reason reason;
};

struct link {
    uint64_t random;
    uint64_t now;
    struct side server, client;
    struct flight flights[FLIGHT_MAX];
    unsigned flight_count;
    unsigned loss, doubling, damage; // per cent
    uint64_t delay, jitter;
    uint32_t total;
    bool failed;
};

static uint32_t roll(struct link *link, uint32_t below)
{
    link->random ^= link->random << 13;
    link->random ^= link->random >> 7;
    link->random ^= link->random << 17;
    return (uint32_t)((link->random * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

static bool chance(struct link *link, unsigned per_cent)
{
    return roll(link, 100) < per_cent;
}

// The sender's stack may still hold `frame`: what arrives is a copy, as from a wire.
static void depart(struct link *link, struct rte_mbuf *frame, struct tcpstack *to)
{
    if (link->flight_count == FLIGHT_MAX || chance(link, link->loss)) {
        rte_pktmbuf_free(frame);
        return;
    }
    uint64_t jitter = link->jitter == 0 ? 0 : roll(link, (uint32_t)link->jitter);
    link->flights[link->flight_count++] =
        (struct flight){frame, to, link->now + link->delay + jitter};
}

static void transmit(struct link *link, struct side *from, struct side *to)
{
    struct rte_mbuf *frame;
    while (tcpstack_take_output(from->stack, &frame, 1) == 1) {
        if (chance(link, link->doubling)) {
            struct rte_mbuf *twin = rte_pktmbuf_copy(frame, frame->pool, 0, UINT32_MAX);
            if (twin != NULL)
                depart(link, twin, to->stack);
        }
        depart(link, frame, to->stack);
    }
}

static uint64_t next_arrival(const struct link *link)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < link->flight_count; i++)
        next = RTE_MIN(next, link->flights[i].at);
    return next;
}

static void arrive(struct link *link)
{
    for (unsigned i = 0; i < link->flight_count;) {
        struct flight flight = link->flights[i];
        if (flight.at > link->now) {
            i++;
            continue;
        }
        link->flights[i] = link->flights[--link->flight_count];
        struct rte_mbuf *copy = rte_pktmbuf_copy(flight.frame, flight.frame->pool, 0, UINT32_MAX);
        rte_pktmbuf_free(flight.frame);
        if (copy == NULL)
            continue;
        copy->port = HARNESS_PORT;
        copy->ol_flags = 0;
        if (chance(link, link->damage)) {
            uint32_t at = 14 + roll(link, copy->data_len - 14u);
            rte_pktmbuf_mtod(copy, uint8_t *)[at] ^= (uint8_t)(1u << roll(link, 8));
        }
        tcpstack_input(flight.to, &copy, 1, link->now);
    }
}

// Writes a piece of the stream, by either way; returns how much.
static uint32_t write_piece(struct link *link, struct side *side, uint32_t limit)
{
    uint8_t bytes[4000];
    uint32_t size = 1 + roll(link, chance(link, 50) ? 200 : sizeof bytes);
    size = RTE_MIN(size, limit);
    if (chance(link, 50) && size <= tcp_segment_room(side->conn)) {
        uint8_t *to = tcp_reserve(side->conn, size);
        if (to == NULL)
            return 0;
        harness_pattern(to, side->sent, size);
        tcp_commit(side->conn, size);
        return size;
    }
    harness_pattern(bytes, side->sent, size);
    return tcp_write(side->conn, bytes, size) ? size : 0;
}

static void write_some(struct link *link, struct side *side, uint32_t end)
{
    for (unsigned i = 0; i < 8 && side->sent < end; i++) {
        uint32_t size = write_piece(link, side, end - side->sent);
        if (size == 0)
            return;
        side->sent += size;
    }
}

static void read_some(struct link *link, struct side *side)
{
    uint8_t expected[4000];
    while (tcp_readable(side->conn) > 0 && !chance(link, 20)) {
        struct tcp_span span = tcp_peek(side->conn, 0);
        uint32_t size = RTE_MIN(1 + roll(link, 4000), span.size);
        harness_pattern(expected, side->received, size);
        if (memcmp(span.data, expected, size) != 0)
            link->failed = true;
        side->received += size;
        tcp_consume(side->conn, size);
    }
}

static void handle_events(struct side *side)
{
    struct tcp_conn *conns[4];
    unsigned count = tcpstack_ready(side->stack, conns, 4);
    for (unsigned i = 0; i < count; i++) {
        unsigned events = tcp_take_events(conns[i]);
        if (events & TCP_EVENT_OPENED)
            side->conn = conns[i];
        if (events & TCP_EVENT_FINISHED)
            side->closing = true;
        if (events & TCP_EVENT_CLOSED) {
            side->closed = true;
            side->reason = tcp_close_reason(conns[i]);
            side->conn = NULL;
        }
    }
}

static void play_client(struct link *link)
{
    struct side *side = &link->client;
    handle_events(side);
    if (side->conn == NULL || side->closing)
        return;
    read_some(link, side);
    write_some(link, side, link->total);
    if (side->received == link->total) {
        side->closing = true;
        tcp_close(side->conn);
    }
}

static void play_server(struct link *link)
{
    struct side *side = &link->server;
    handle_events(side);
    if (side->conn == NULL)
        return;
    read_some(link, side);
    write_some(link, side, side->received);
    if (side->closing && tcp_readable(side->conn) == 0 && side->sent == side->received)
        tcp_close(side->conn);
}

static void step(struct link *link)
{
    struct side *sides[] = {&link->server, &link->client};
    arrive(link);
    play_server(link);
    play_client(link);
    for (unsigned i = 0; i < 2; i++) {
        tcpstack_timers(sides[i]->stack, link->now);
        tcpstack_flush(sides[i]->stack, link->now);
    }
    transmit(link, &link->server, &link->client);
    transmit(link, &link->client, &link->server);
}

// To whatever comes next. Readers that dawdle are looked after every 5 ms.
static void pass_time(struct link *link)
{
    uint64_t next = RTE_MIN(next_arrival(link), tcpstack_next_timer(link->server.stack));
    next = RTE_MIN(next, tcpstack_next_timer(link->client.stack));
    next = RTE_MIN(next, link->now + 5000);
    link->now = RTE_MAX(next, link->now + 1);
}

static void choose(struct tcpstack_options *options, unsigned choice)
{
    options->without_timestamps = choice & 1;
    options->without_sack = choice & 2;
    options->congestion = choice & 4 ? TCPSTACK_RENO : TCPSTACK_CUBIC;
}

static struct tcpstack_options client_options(const struct harness *h, struct link *link)
{
    struct tcpstack_options options = h->options;
    memcpy(options.addresses[0].address, h->client, 16);
    options.listen_count = 0;
    memcpy(options.ports[0].mac, harness_client_mac, 6);
    uint16_t least = tcpstack_address_is_ipv4(h->client) ? 576 : 1280;
    options.ports[0].mtu = (uint16_t)(least + roll(link, 1500));
    options.receive_window = 65536 + roll(link, 200000);
    options.transmit_limit = 2000 + roll(link, 60000);
    if (chance(link, 25)) // the sides need not agree
        choose(&options, roll(link, CHOICES));
    return options;
}

static void start(struct harness *h, struct link *link, uint64_t seed, unsigned choice)
{
    memset(link, 0, sizeof *link);
    link->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    link->now = h->now + roll(link, 1u << 30);
    link->loss = chance(link, 70) ? roll(link, 15) : 0;
    link->doubling = chance(link, 50) ? roll(link, 20) : 0;
    link->damage = chance(link, 30) ? roll(link, 5) : 0;
    link->delay = roll(link, 20000);
    link->jitter = chance(link, 60) ? roll(link, 30000) + 1 : 0;
    link->total = 1 + roll(link, chance(link, 30) ? 500 : STREAM_MAX);
    for (unsigned i = 0; i < 16; i++)
        h->options.secret[i] = (uint8_t)roll(link, 256);
    h->now = link->now;
    h->options.transmit_limit = 8000 + roll(link, 60000);
    choose(&h->options, choice);
    harness_restart(h);
    struct tcpstack_options options = client_options(h, link);
    link->server.stack = h->stack;
    link->client.stack = tcpstack_create(&options, link->now);
    assert_non_null(link->client.stack);
    struct tcp_endpoints ends = {.local_port = 45000, .remote_port = HARNESS_TCP_PORT};
    memcpy(ends.local, h->client, sizeof ends.local);
    memcpy(ends.remote, h->server, sizeof ends.remote);
    assert_non_null(tcp_connect(link->client.stack, &ends, HARNESS_PORT, harness_server_mac));
}

static void finish(struct link *link)
{
    for (unsigned i = 0; i < link->flight_count; i++)
        rte_pktmbuf_free(link->flights[i].frame);
    harness_check_counters(link->client.stack);
    tcpstack_destroy(link->client.stack);
}

static bool ended_well(const struct link *link)
{
    return !link->failed && link->client.closed && link->server.closed &&
           link->client.reason == TCP_CLOSE_FINISHED && link->client.received == link->total &&
           link->server.received == link->total;
}

static void run(struct link *link)
{
    uint64_t deadline = link->now + UINT64_C(900000000);
    while (!(link->client.closed && link->server.closed) && link->now < deadline) {
        step(link);
        pass_time(link);
    }
}

static void converse(struct harness *h, uint64_t seed, unsigned choice)
{
    static struct link link;
    start(h, &link, seed, choice);
    run(&link);
    bool good = ended_well(&link);
    if (!good)
        fprintf(stderr,
                "TEST_SEED=%lu, choice %u: of %u bytes, server got %u and sent %u, client sent %u "
                "and got %u; closed %d %d for %d %d\n",
                (unsigned long)seed, choice, link.total, link.server.received, link.server.sent,
                link.client.sent, link.client.received, link.server.closed, link.client.closed,
                link.server.reason, link.client.reason);
    finish(&link);
    assert_true(good);
}

static void every_byte_comes_back_over_a_bad_link(void **state)
{
    struct harness *h = *state;
    const char *only = getenv("TEST_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : SEEDS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        for (unsigned choice = 0; choice < CHOICES; choice++)
            converse(h, seed, choice);
    }
}

static void a_good_link_needs_no_retransmission(void **state)
{
    struct harness *h = *state;
    static struct link link;
    for (unsigned choice = 0; choice < CHOICES; choice++) {
        start(h, &link, 3, choice);
        link.loss = link.doubling = link.damage = 0;
        link.jitter = 0;
        run(&link);
        bool good = ended_well(&link);
        uint64_t again = harness_counter(h, TCPSTACK_TCP_RETRANSMITS) +
                         tcpstack_counters(link.client.stack)[TCPSTACK_TCP_RETRANSMITS];
        finish(&link);
        assert_true(good);
        assert_int_equal(again, 0);
    }
}

// Both SYNs cross: each side takes the other's for the opening of its own (RFC 9293 3.5).
static void two_active_opens_meet(void **state)
{
    struct harness *h = *state;
    static struct link link;
    start(h, &link, 5, 0);
    link.loss = link.doubling = link.damage = 0;
    struct tcp_endpoints ends = harness_endpoints(HARNESS_TCP_PORT, 45000);
    assert_non_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
    for (unsigned i = 0; i < 2000 && !(link.server.conn && link.client.conn); i++) {
        step(&link);
        pass_time(&link);
    }
    bool opened = link.server.conn != NULL && link.client.conn != NULL;
    finish(&link);
    assert_true(opened);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_good_link_needs_no_retransmission),
        TEST(two_active_opens_meet),
        TEST(every_byte_comes_back_over_a_bad_link),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
