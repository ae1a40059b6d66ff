// Flow control both ways, silly windows, and sequence numbers that wrap.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

static uint8_t pattern[200000];

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void a_closed_window_is_probed_as_long_as_the_peer_answers(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 0;
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 500));
    harness_flush(h);
    harness_expect_none(h);
    for (unsigned i = 0; i < 40; i++) { // well beyond any limit on retransmissions
        harness_advance(h, 61000000);
        struct harness_segment probe = harness_expect(h, ACK, peer.ack, peer.seq, 1);
        assert_int_equal(probe.data[0], pattern[0]);
        drain_output(h); // the first ones come faster
        harness_send(h, &peer, ACK, NULL, 0);
    }
    peer.window = 1000;
    harness_send(h, &peer, ACK, NULL, 0);
    struct harness_segment all = harness_expect(h, ACK | PSH, peer.ack, peer.seq, 500);
    assert_memory_equal(all.data, pattern, 500);
    assert_int_not_equal(harness_counter(h, TCPSTACK_TCP_WINDOW_PROBES), 0);
}

static void probes_nobody_answers_end_the_connection(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 0;
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 500));
    harness_flush(h);
    for (unsigned i = 0; i < 60; i++) {
        harness_advance(h, 10000000);
        drain_output(h);
    }
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_TIMED_OUT);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_WINDOW_PROBES), 10);
}

static void a_peer_that_never_reads_is_given_up_after_close(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 0;
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 500));
    tcp_close(conn);
    harness_flush(h);
    for (unsigned i = 0; i < 60; i++) {
        harness_advance(h, 10000000);
        drain_output(h);
        if (harness_events(h, &conn) == TCP_EVENT_CLOSED)
            break;
        harness_send(h, &peer, ACK, NULL, 0);
    }
    assert_int_equal(tcpstack_connections(h->stack), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_TIMED_OUT), 1);
}

static void a_taken_probe_byte_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 0;
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 3));
    harness_flush(h);
    for (unsigned i = 0; i < 3; i++) {
        harness_advance(h, 10000000);
        struct harness_segment probe = harness_expect(h, ACK, peer.ack, peer.seq, 1);
        assert_int_equal(probe.data[0], pattern[i]);
        drain_output(h);
        peer.ack++;
        harness_send(h, &peer, ACK, NULL, 0);
    }
    harness_advance(h, 100000000);
    harness_expect_none(h);
    assert_int_equal(tcp_writable(conn), h->options.transmit_limit);
}

static void the_peers_window_is_never_exceeded(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 4000;
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment segment;
    assert_true(tcp_write(conn, pattern, 20000));
    harness_flush(h);
    uint32_t total = 0;
    while (total < 20000) {
        uint32_t in_flight = 0;
        while (harness_receive(h, &segment))
            in_flight += segment.size;
        assert_in_range(in_flight, 1, 4000);
        total += in_flight;
        peer.ack += in_flight;
        harness_send(h, &peer, ACK, NULL, 0);
    }
    assert_int_equal(total, 20000);
}

static void a_scaled_window_is_used_in_full(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.scale = 3;
    peer.window = 200; // unscaled in the SYN
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment segment;
    assert_true(tcp_write(conn, pattern, 10000));
    harness_flush(h);
    uint32_t sent = 0;
    while (harness_receive(h, &segment))
        sent += segment.size;
    assert_int_equal(sent, HARNESS_MSS); // 1,600 bytes: one whole segment
}

static void no_small_segment_is_squeezed_into_a_small_window(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 8000;
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment segment;
    assert_true(tcp_write(conn, pattern, 8 * HARNESS_MSS));
    harness_flush(h);
    uint32_t sent = 0;
    while (harness_receive(h, &segment))
        sent += segment.size;
    assert_int_equal(sent, 5 * HARNESS_MSS);
    peer.ack += sent;
    peer.window = 100;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect_none(h);
    harness_advance(h, 300000); // the override time-out of RFC 9293 3.8.6.2.1
    harness_expect(h, ACK, peer.ack, peer.seq, 100);
    harness_expect_none(h);
}

static void half_of_a_window_never_larger_than_a_segment_is_used(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.window = 600;
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 1000));
    harness_flush(h);
    struct harness_segment part = harness_expect(h, ACK, peer.ack, peer.seq, 600);
    assert_memory_equal(part.data, pattern, 600);
    peer.ack += 600;
    peer.window = 299;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect_none(h);
    peer.window = 300;
    harness_send(h, &peer, ACK, NULL, 0);
    part = harness_expect(h, ACK, peer.ack, peer.seq, 300);
    assert_memory_equal(part.data, pattern + 600, 300);
    peer.ack += 300;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
}

static void our_window_closes_as_bytes_wait_and_opens_as_they_are_read(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment ack = {.window = 65535};
    uint32_t room = 65535;
    while (room >= 1000) {
        harness_send(h, &peer, ACK, pattern, 1000);
        room -= 1000;
        while (harness_receive(h, &ack)) {
        }
    }
    harness_send(h, &peer, ACK, pattern, (uint16_t)room);
    harness_advance(h, 50000);
    while (harness_receive(h, &ack)) {
    }
    assert_int_equal(ack.window, 0);
    // Bytes into the closed window are refused, their ACK field is not.
    harness_send_at(h, &peer, ACK, peer.seq, "x", 1);
    ack = harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(ack.window, 0);
    harness_send_at(h, &peer, ACK, peer.seq + 1, "x", 1);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW), 2);
    assert_int_equal(tcp_readable(conn), 65535);
    // A crumb is not announced, a segment's worth is.
    tcp_consume(conn, 500);
    harness_flush(h);
    harness_expect_none(h);
    tcp_consume(conn, 1500);
    harness_flush(h);
    ack = harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(ack.window, 2000);
    harness_events(h, NULL);
}

// RFC 7323 2.4: by less than the scale's unit it may seem to.
static void an_announced_edge_never_moves_back(void **state)
{
    struct harness *h = *state;
    h->options.receive_window = 1000000; // scale 4
    harness_restart(h);
    struct harness_peer peer = harness_peer(40000);
    peer.scale = 0;
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment ack;
    uint32_t edge = peer.seq + 65535, limit = 1000000 + 16;
    for (unsigned i = 0; i < 1500; i++) {
        harness_send(h, &peer, ACK, pattern, (uint16_t)(1 + i * 7 % 1400));
        while (harness_receive(h, &ack)) {
            uint32_t now = ack.ack + ((uint32_t)ack.window << 4);
            assert_true((int32_t)(now - edge) > -16);
            edge = now;
            assert_in_range(tcp_readable(conn) + ((uint32_t)ack.window << 4), 1, limit);
        }
        if (tcp_readable(conn) > 600000)
            tcp_consume(conn, 500001);
    }
}

static void a_fin_is_taken_into_a_closed_window(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    for (unsigned i = 0; i < 65; i++)
        harness_send(h, &peer, ACK, pattern, 1000);
    harness_send(h, &peer, ACK, pattern, 535);
    harness_advance(h, 50000);
    drain_output(h);
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_READABLE | TCP_EVENT_FINISHED);
    assert_int_equal(harness_expect(h, ACK, peer.ack, peer.seq, 0).window, 0);
}

static void the_peers_numbers_may_wrap_anywhere(void **state)
{
    struct harness *h = *state;
    for (uint32_t before = 0; before < 300; before += 7) {
        struct harness_peer peer = harness_peer((uint16_t)(2000 + before));
        peer.seq = 0u - before;
        struct tcp_conn *conn = harness_open(h, &peer);
        uint8_t copy[300];
        harness_send_at(h, &peer, ACK, peer.seq + 200, pattern + 200, 100);
        harness_send_at(h, &peer, ACK, peer.seq, pattern, 120);
        harness_send_at(h, &peer, ACK, peer.seq + 100, pattern + 100, 100);
        assert_int_equal(tcp_readable(conn), 300);
        tcp_copy(conn, 0, copy, 300);
        assert_memory_equal(copy, pattern, 300);
        harness_send_at(h, &peer, RST, peer.seq + 300, NULL, 0);
        assert_int_equal(harness_events(h, &conn) & TCP_EVENT_CLOSED, TCP_EVENT_CLOSED);
        drain_output(h);
    }
}

// The stack's own numbers follow the clock: choose it so that they wrap within the stream.
static void our_numbers_may_wrap_anywhere(void **state)
{
    struct harness *h = *state;
    struct harness_segment segment;
    struct harness_peer probe = harness_peer(40000);
    harness_send_syn(h, &probe);
    assert_true(harness_receive(h, &segment));
    harness_send_at(h, &probe, RST, probe.seq, NULL, 0);
    h->now += (uint64_t)(0u - segment.seq - 3000) * 4; // the next one is 2^32 - 3000
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_int_equal(peer.ack, 0u - 3000 + 1);
    uint32_t received = 0;
    assert_true(tcp_write(conn, pattern, 100000));
    harness_flush(h);
    for (unsigned i = 0; received < 100000 && i < 10000; i++) {
        bool lost = i % 13 == 5;
        if (!harness_receive(h, &segment)) {
            harness_advance(h, 250000);
        } else if (!lost && segment.seq == peer.ack) {
            assert_memory_equal(segment.data, pattern + received, segment.size);
            received += segment.size;
            peer.ack += segment.size;
            harness_send(h, &peer, ACK, NULL, 0);
        } else {
            harness_send(h, &peer, ACK, NULL, 0);
        }
    }
    assert_int_equal(received, 100000);
    drain_output(h);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_closed_window_is_probed_as_long_as_the_peer_answers),
        TEST(probes_nobody_answers_end_the_connection),
        TEST(a_peer_that_never_reads_is_given_up_after_close),
        TEST(a_taken_probe_byte_is_not_sent_again),
        TEST(the_peers_window_is_never_exceeded),
        TEST(a_scaled_window_is_used_in_full),
        TEST(no_small_segment_is_squeezed_into_a_small_window),
        TEST(half_of_a_window_never_larger_than_a_segment_is_used),
        TEST(our_window_closes_as_bytes_wait_and_opens_as_they_are_read),
        TEST(an_announced_edge_never_moves_back),
        TEST(a_fin_is_taken_into_a_closed_window),
        TEST(the_peers_numbers_may_wrap_anywhere),
        TEST(our_numbers_may_wrap_anywhere),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
