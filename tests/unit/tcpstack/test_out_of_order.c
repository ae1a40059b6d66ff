#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { PIECE = 100 };

static uint8_t pattern[10000];

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void assert_received(struct tcp_conn *conn, uint32_t size)
{
    uint8_t copy[sizeof pattern];
    assert_int_equal(tcp_readable(conn), size);
    tcp_copy(conn, 0, copy, size);
    assert_memory_equal(copy, pattern, size);
}

static void send_piece(struct harness *h, const struct harness_peer *peer, uint32_t from,
                       uint32_t size)
{
    harness_send_at(h, peer, ACK, peer->seq + from, pattern + from, (uint16_t)size);
}

// Writes the `index`th permutation of 0..count-1.
static void permute(unsigned index, unsigned count, unsigned order[])
{
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
    for (unsigned i = count; i > 1; i--) {
        unsigned at = index % i, kept = order[i - 1];
        index /= i;
        order[i - 1] = order[at];
        order[at] = kept;
    }
}

static void every_order_of_six_segments_gives_the_stream(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 1000;
    harness_restart(h);
    for (unsigned index = 0; index < 720; index++) {
        struct harness_peer peer = harness_peer((uint16_t)(10000 + index));
        struct tcp_conn *conn = harness_open(h, &peer);
        unsigned order[6];
        permute(index, 6, order);
        for (unsigned i = 0; i < 6; i++)
            send_piece(h, &peer, order[i] * PIECE, PIECE);
        assert_received(conn, 6 * PIECE);
        tcp_consume(conn, 6 * PIECE);
        harness_events(h, NULL);
        tcp_abort(conn);
        harness_events(h, NULL);
        drain_output(h);
    }
}

// Every segment from every start and of every length over a small stream, each against a few that
// are held already: whatever overlaps, the stream is right in the end.
static void every_overlap_gives_the_stream(void **state)
{
    enum { UNIT = 20, UNITS = 8 };
    struct harness *h = *state;
    uint16_t port = 1000;
    for (unsigned from = 0; from < UNITS; from++) {
        for (unsigned to = from + 1; to <= UNITS; to++) {
            for (unsigned held = 0; held < 1u << UNITS; held += 3) {
                struct harness_peer peer = harness_peer(++port);
                struct tcp_conn *conn = harness_open(h, &peer);
                for (unsigned i = 1; i < UNITS; i++) {
                    if (held & 1u << i)
                        send_piece(h, &peer, i * UNIT, UNIT);
                }
                // Also with ends between the held ones' ends.
                uint32_t shift = held % 2 == 0 && to < UNITS ? UNIT / 2 : 0;
                send_piece(h, &peer, from * UNIT + shift, (to - from) * UNIT);
                for (unsigned i = 0; i < UNITS; i++)
                    send_piece(h, &peer, i * UNIT, UNIT);
                assert_received(conn, UNITS * UNIT);
                tcp_abort(conn);
                harness_events(h, NULL);
                drain_output(h);
            }
        }
    }
}

static void a_hole_is_acknowledged_at_once_every_time(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    for (unsigned i = 1; i < 4; i++) {
        send_piece(h, &peer, i * PIECE, PIECE);
        harness_expect(h, ACK, peer.ack, peer.seq, 0);
    }
    send_piece(h, &peer, 0, PIECE);
    harness_expect(h, ACK, peer.ack, peer.seq + 4 * PIECE, 0);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER), 3);
}

static void runs_are_bounded_and_early_ones_preferred(void **state)
{
    enum { HALF = PIECE / 2, MAX = 64 };
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    unsigned before = rte_mempool_avail_count(h->pool);
    for (unsigned i = MAX + 14; i > 0; i--)
        send_piece(h, &peer, i * PIECE, HALF);
    drain_output(h);
    assert_int_equal(before - rte_mempool_avail_count(h->pool), MAX);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER_EVICTED), 14);
    send_piece(h, &peer, (MAX + 15) * PIECE, HALF);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL), 1);
    for (unsigned i = 1; i < MAX; i++) // each joins two runs and needs no room
        send_piece(h, &peer, i * PIECE + HALF, HALF);
    send_piece(h, &peer, 0, PIECE);
    assert_received(conn, MAX * PIECE + HALF);
    drain_output(h);
}

static void what_was_reported_is_not_given_up(void **state)
{
    enum { HALF = PIECE / 2, MAX = 64 };
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.may_sack = true;
    struct tcp_conn *conn = harness_open(h, &peer);
    for (unsigned i = MAX + 1; i > 0; i--)
        send_piece(h, &peer, i * PIECE, HALF);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER_EVICTED), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL), 1);
    send_piece(h, &peer, 2 * PIECE - HALF, HALF); // joins what is held: no run more
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL), 1);
    for (unsigned i = 0; i <= MAX; i++) {
        send_piece(h, &peer, i * PIECE, HALF);
        send_piece(h, &peer, i * PIECE + HALF, HALF);
    }
    assert_received(conn, (MAX + 2) * PIECE - HALF);
    drain_output(h);
}

static void after_a_hole_each_segment_is_acknowledged_at_once(void **state)
{
    enum { COUNT = 32 };
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    send_piece(h, &peer, PIECE, PIECE);
    send_piece(h, &peer, 0, PIECE);
    drain_output(h);
    peer.seq += 2 * PIECE;
    for (unsigned i = 2; i < COUNT; i++) { // the hole's two are among those counted
        harness_send(h, &peer, ACK, pattern, PIECE);
        harness_expect(h, ACK, peer.ack, peer.seq, 0);
    }
    harness_send(h, &peer, ACK, pattern, PIECE);
    harness_expect_none(h); // delayed again
    harness_advance(h, 50000);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
}

static void segments_of_one_run_are_bounded(void **state)
{
    enum { CRUMB = 10, MAX = 192 };
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    unsigned before = rte_mempool_avail_count(h->pool);
    for (unsigned i = 1; i <= MAX + 5; i++)
        send_piece(h, &peer, i * CRUMB, CRUMB);
    drain_output(h);
    assert_int_equal(before - rte_mempool_avail_count(h->pool), MAX);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL), 5);
    send_piece(h, &peer, 0, CRUMB);
    assert_received(conn, (MAX + 1) * CRUMB);
    drain_output(h);
}

static void all_queues_together_hold_an_eighth_of_the_pool(void **state)
{
    struct harness *h = *state;
    unsigned before = rte_mempool_avail_count(h->pool);
    for (unsigned i = 0; i < 50; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        harness_open(h, &peer);
        for (unsigned j = 1; j < 8; j++)
            send_piece(h, &peer, j * PIECE, PIECE);
        drain_output(h);
    }
    assert_int_equal(before - rte_mempool_avail_count(h->pool), HARNESS_MBUFS / 8);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL),
                     50 * 7 - HARNESS_MBUFS / 8);
}

static void a_copy_of_a_held_segment_is_dropped(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    for (unsigned i = 0; i < 3; i++)
        send_piece(h, &peer, PIECE, PIECE);
    send_piece(h, &peer, PIECE + 10, PIECE - 20);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_DUPLICATE), 3);
    drain_output(h);
}

static void a_fin_waits_for_the_hole_before_it(void **state)
{
    struct harness *h = *state;
    for (unsigned bare = 0; bare < 2; bare++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + bare));
        struct tcp_conn *conn = harness_open(h, &peer);
        uint16_t with = bare ? 0 : PIECE;
        if (bare)
            send_piece(h, &peer, PIECE, PIECE);
        harness_send_at(h, &peer, ACK | FIN, peer.seq + 2 * PIECE - with,
                        pattern + 2 * PIECE - with, with);
        assert_int_equal(harness_events(h, NULL), 0);
        send_piece(h, &peer, 0, PIECE);
        assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE | TCP_EVENT_FINISHED);
        assert_received(conn, 2 * PIECE);
        drain_output(h);
    }
}

static void bytes_beyond_the_window_are_cut_off(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send_at(h, &peer, ACK, peer.seq + 65535, pattern, 100); // all of it is outside
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW), 1);
    harness_send_at(h, &peer, ACK, peer.seq + 65535 - 40, pattern, 100);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER), 1);
    assert_int_equal(tcp_readable(conn), 0);
    drain_output(h);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(every_order_of_six_segments_gives_the_stream),
        TEST(every_overlap_gives_the_stream),
        TEST(a_hole_is_acknowledged_at_once_every_time),
        TEST(runs_are_bounded_and_early_ones_preferred),
        TEST(what_was_reported_is_not_given_up),
        TEST(after_a_hole_each_segment_is_acknowledged_at_once),
        TEST(segments_of_one_run_are_bounded),
        TEST(all_queues_together_hold_an_eighth_of_the_pool),
        TEST(a_copy_of_a_held_segment_is_dropped),
        TEST(a_fin_waits_for_the_hole_before_it),
        TEST(bytes_beyond_the_window_are_cut_off),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
