// One byte a segment, and a reset behind what was written: how a tester is shown a hostile server.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { FLIGHT = 64 };

static uint8_t pattern[4000];

// Takes `count` segments of one byte each from `from` on; the last has PSH when `last`.
static void expect_bytes(struct harness *h, const struct harness_peer *peer, unsigned from,
                         unsigned count, bool last)
{
    for (unsigned i = from; i < from + count; i++) {
        uint8_t flags = ACK | (last && i == from + count - 1 ? PSH : 0);
        struct harness_segment segment =
            harness_expect(h, flags, peer->ack + i - from, peer->seq, 1);
        assert_int_equal(segment.data[0], pattern[i]);
    }
}

static void what_was_written_goes_out_one_byte_a_segment(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 20));
    tcp_dribble(conn);
    harness_flush(h);
    expect_bytes(h, &peer, 0, 20, true);
    harness_expect_none(h);
}

static void a_flight_has_64_bytes_and_acks_bring_the_next(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, FLIGHT + 10));
    tcp_dribble(conn);
    harness_flush(h);
    expect_bytes(h, &peer, 0, FLIGHT, false);
    harness_expect_none(h);
    peer.ack += FLIGHT;
    harness_send(h, &peer, ACK, NULL, 0);
    expect_bytes(h, &peer, FLIGHT, 10, true);
    harness_expect_none(h);
}

static void what_is_written_afterwards_goes_out_whole(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_dribble(conn); // of nothing
    assert_true(tcp_write(conn, pattern, 5));
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 5);
    assert_true(tcp_write(conn, pattern, 3));
    tcp_dribble(conn);
    harness_flush(h);
    peer.ack += 5;
    expect_bytes(h, &peer, 0, 3, true);
    assert_true(tcp_write(conn, pattern, 1000));
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack + 3, peer.seq, 1000);
}

static void without_mbufs_bytes_stay_together(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct rte_mbuf *hoard[HARNESS_MBUFS];
    assert_true(tcp_write(conn, pattern, 20));
    tcp_dribble(conn);
    unsigned count = rte_mempool_avail_count(h->pool);
    assert_int_equal(rte_pktmbuf_alloc_bulk(h->pool, hoard, count), 0);
    harness_flush(h);
    rte_pktmbuf_free_bulk(hoard, count);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 20);
}

static void a_fin_comes_behind_the_last_byte(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 3));
    tcp_dribble(conn);
    tcp_close(conn);
    harness_flush(h);
    expect_bytes(h, &peer, 0, 2, false);
    harness_expect(h, ACK | PSH | FIN, peer.ack + 2, peer.seq, 1);
}

static void a_reset_comes_behind_what_was_written(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 100));
    tcp_reset(conn);
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    harness_expect(h, ACK | RST, peer.ack + 100, peer.seq, 0);
    harness_expect_none(h);
    assert_int_equal(harness_events(h, NULL) & TCP_EVENT_CLOSED, TCP_EVENT_CLOSED);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_goes_out_one_byte_a_segment),
        TEST(a_flight_has_64_bytes_and_acks_bring_the_next),
        TEST(what_is_written_afterwards_goes_out_whole),
        TEST(without_mbufs_bytes_stay_together),
        TEST(a_fin_comes_behind_the_last_byte),
        TEST(a_reset_comes_behind_what_was_written),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
