// Keepalive (RFC 9293 3.8.4).
#include "tests/unit/tcpstack/harness.h"

enum { TICK = 1024, IDLE = 60000000, INTERVAL = 5000000, COUNT = 3 };

static void switch_on(struct harness *h)
{
    h->options.keepalive_idle = IDLE;
    h->options.keepalive_interval = INTERVAL;
    h->options.keepalive_count = COUNT;
    harness_restart(h);
}

static void expect_probe_after(struct harness *h, const struct harness_peer *peer, uint64_t after)
{
    uint64_t start = h->now;
    while (h->now - start < after) {
        harness_expect_none(h);
        harness_advance(h, tcpstack_next_timer(h->stack) - h->now);
    }
    harness_expect(h, ACK, peer->ack - 1, peer->seq, 0);
    harness_expect_none(h);
    assert_in_range(h->now - start, after, after + TICK);
}

static void it_is_off_by_default(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    harness_advance(h, UINT64_C(86400000000));
    harness_expect_none(h);
    assert_int_equal(tcpstack_connections(h->stack), 1);
}

static void a_silent_peer_is_probed_then_given_up(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn;
    switch_on(h);
    harness_open(h, &peer);
    expect_probe_after(h, &peer, IDLE);
    for (unsigned i = 1; i < COUNT; i++)
        expect_probe_after(h, &peer, INTERVAL);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_advance(h, INTERVAL + TICK);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_TIMED_OUT);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_KEEPALIVES), COUNT);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

static void an_answer_begins_the_idle_time_anew(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    switch_on(h);
    harness_open(h, &peer);
    expect_probe_after(h, &peer, IDLE);
    expect_probe_after(h, &peer, INTERVAL);
    for (unsigned i = 0; i < 5; i++) {
        harness_send(h, &peer, ACK, NULL, 0);
        expect_probe_after(h, &peer, IDLE);
    }
}

static void every_segment_puts_the_probe_off(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    switch_on(h);
    harness_open(h, &peer);
    for (unsigned i = 0; i < 5; i++) {
        harness_advance(h, IDLE - 60000);
        harness_send(h, &peer, ACK, "x", 1);
        harness_advance(h, 50000);
        harness_expect(h, ACK, peer.ack, peer.seq, 0); // the delayed ACK, no probe
        harness_expect_none(h);
    }
}

static void what_is_in_flight_asks_instead(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    switch_on(h);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, "x", 1));
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 1);
    struct harness_segment segment;
    harness_advance(h, IDLE + INTERVAL);
    while (harness_receive(h, &segment))
        assert_int_equal(segment.size, 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_KEEPALIVES), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_off_by_default),
        TEST(a_silent_peer_is_probed_then_given_up),
        TEST(an_answer_begins_the_idle_time_anew),
        TEST(every_segment_puts_the_probe_off),
        TEST(what_is_in_flight_asks_instead),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
