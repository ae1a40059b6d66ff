// Replies: reserve and commit, write, packing into segments, and the limits.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

static uint8_t pattern[300000];

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void put(struct tcp_conn *conn, uint32_t offset, uint32_t size)
{
    uint8_t *to = tcp_reserve(conn, size);
    assert_non_null(to);
    memcpy(to, pattern + offset, size);
    tcp_commit(conn, size);
}

static void replies_of_one_iteration_share_a_segment(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    for (unsigned i = 0; i < 7; i++)
        put(conn, i * 200, 200);
    harness_expect_none(h); // not before the flush
    harness_flush(h);
    struct harness_segment all = harness_expect(h, ACK | PSH, peer.ack, peer.seq, 1400);
    assert_memory_equal(all.data, pattern, 1400);
    harness_expect_none(h);
}

static void a_reply_is_never_cut(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    put(conn, 0, 1000);
    put(conn, 1000, 1000);
    harness_flush(h);
    harness_expect(h, ACK, peer.ack, peer.seq, 1000);
    harness_expect(h, ACK | PSH, peer.ack + 1000, peer.seq, 1000);
    assert_non_null(tcp_reserve(conn, tcp_segment_room(conn)));
    assert_null(tcp_reserve(conn, tcp_segment_room(conn) + 1));
}

static void less_than_reserved_may_be_committed(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    uint8_t *first = tcp_reserve(conn, 1000);
    uint8_t *again = tcp_reserve(conn, 500); // replaces it
    assert_ptr_equal(first, again);
    memcpy(again, pattern, 500);
    tcp_commit(conn, 100);
    tcp_reserve(conn, 10);
    tcp_commit(conn, 0);
    harness_flush(h);
    struct harness_segment part = harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    assert_memory_equal(part.data, pattern, 100);
}

static void what_was_sent_is_not_written_behind(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    put(conn, 0, 50);
    harness_flush(h);
    struct rte_mbuf *first = harness_take(h);
    put(conn, 50, 50);
    harness_flush(h);
    assert_int_equal(first->data_len, h->headers + 50);
    rte_pktmbuf_free(first);
    harness_expect(h, ACK | PSH, peer.ack + 50, peer.seq, 50);
}

static void a_long_write_becomes_full_segments(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 100));
    assert_true(tcp_write(conn, pattern + 100, 3 * HARNESS_MSS));
    harness_flush(h);
    for (unsigned i = 0; i < 3; i++) {
        struct harness_segment segment =
            harness_expect(h, ACK, peer.ack + i * HARNESS_MSS, peer.seq, HARNESS_MSS);
        assert_memory_equal(segment.data, pattern + i * HARNESS_MSS, HARNESS_MSS);
    }
    harness_expect(h, ACK | PSH, peer.ack + 3 * HARNESS_MSS, peer.seq, 100);
}

static void a_write_beyond_the_limit_does_nothing_until_acks_make_room(void **state)
{
    struct harness *h = *state;
    h->options.transmit_limit = 10000;
    harness_restart(h);
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_int_equal(tcp_writable(conn), 10000);
    assert_false(tcp_write(conn, pattern, 10001));
    assert_true(tcp_write(conn, pattern, 9990));
    assert_null(tcp_reserve(conn, 11));
    assert_non_null(tcp_reserve(conn, 10));
    harness_flush(h);
    drain_output(h);
    assert_int_equal(harness_events(h, NULL), 0);
    peer.ack += 5000;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_WRITABLE);
    assert_int_equal(tcp_writable(conn), 5010);
    peer.ack += 1000;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), 0); // nobody waits any more
}

static void small_segments_are_limited_in_number(void **state)
{
    struct harness *h = *state;
    h->options.transmit_limit = 14600;
    harness_restart(h);
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    unsigned segments = 0;
    while (tcp_write(conn, "x", 1)) {
        harness_flush(h); // so that each is a segment of its own
        drain_output(h);
        segments++;
    }
    assert_in_range(segments, 10, 60);
    peer.ack += segments;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_WRITABLE);
    assert_true(tcp_write(conn, "x", 1));
}

static void an_empty_pool_refuses_writes_and_tells_when_to_try_again(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct rte_mbuf *hoard[HARNESS_MBUFS];
    unsigned count = rte_mempool_avail_count(h->pool);
    assert_int_equal(rte_pktmbuf_alloc_bulk(h->pool, hoard, count - 1), 0);
    assert_false(tcp_write(conn, pattern, 5000)); // one mbuf is there: it comes back
    assert_int_equal(rte_mempool_avail_count(h->pool), 1);
    assert_true(tcp_write(conn, pattern, 1000));
    assert_null(tcp_reserve(conn, 1000));
    harness_advance(h, 5000);
    drain_output(h);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_advance(h, 10000);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_WRITABLE);
    rte_pktmbuf_free_bulk(hoard, count - 1);
    harness_flush(h);
    assert_non_null(tcp_reserve(conn, 1000));
    assert_int_not_equal(harness_counter(h, TCPSTACK_TX_DROP_NO_MBUF), 0);
}

static void asking_for_room_that_is_not_there_brings_an_event_later(void **state)
{
    struct harness *h = *state;
    h->options.transmit_limit = 10000;
    harness_restart(h);
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_ensure(conn, 10000));
    assert_true(tcp_write(conn, pattern, 8000));
    harness_flush(h);
    drain_output(h);
    assert_false(tcp_ensure(conn, 2001));
    peer.ack += 1460;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_WRITABLE);
    assert_true(tcp_ensure(conn, 2001));
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(replies_of_one_iteration_share_a_segment),
        TEST(a_reply_is_never_cut),
        TEST(less_than_reserved_may_be_committed),
        TEST(what_was_sent_is_not_written_behind),
        TEST(a_long_write_becomes_full_segments),
        TEST(a_write_beyond_the_limit_does_nothing_until_acks_make_room),
        TEST(small_segments_are_limited_in_number),
        TEST(an_empty_pool_refuses_writes_and_tells_when_to_try_again),
        TEST(asking_for_room_that_is_not_there_brings_an_event_later),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
