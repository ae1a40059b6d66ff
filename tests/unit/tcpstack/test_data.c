// The receive side while all is well, and what is acknowledged when.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

static uint8_t pattern[4000];

static void bytes_in_order_are_read_where_they_came(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct rte_mbuf *frame =
        harness_build(h, &peer, ACK | PSH, peer.seq, peer.ack, NULL, 0, pattern, 1000);
    const uint8_t *payload = rte_pktmbuf_mtod(frame, const uint8_t *) + h->headers;
    harness_input(h, frame);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE);
    struct tcp_span span = tcp_peek(conn, 0);
    assert_ptr_equal(span.data, payload); // no copy
    assert_int_equal(span.size, 1000);
    assert_ptr_equal(tcp_peek(conn, 999).data, payload + 999);
    assert_int_equal(tcp_peek(conn, 1000).size, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_FAST_PATH), 1);
    tcp_consume(conn, 1000);
    assert_int_equal(tcp_readable(conn), 0);
    harness_flush(h);
}

static void a_part_may_be_consumed(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    uint8_t copy[2000];
    harness_send(h, &peer, ACK, pattern, 1000);
    harness_send(h, &peer, ACK, pattern + 1000, 1000);
    assert_int_equal(tcp_readable(conn), 2000);
    tcp_consume(conn, 300);
    assert_int_equal(tcp_readable(conn), 1700);
    tcp_copy(conn, 0, copy, 1700);
    assert_memory_equal(copy, pattern + 300, 1700);
    tcp_consume(conn, 701); // over the border of two mbufs
    tcp_copy(conn, 9, copy, 500);
    assert_memory_equal(copy, pattern + 1010, 500);
    harness_events(h, NULL);
    while (harness_receive(h, &(struct harness_segment){0})) {
    }
}

static void single_bytes_share_an_mbuf(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment ignored;
    struct tcp_conn *conn = harness_open(h, &peer);
    unsigned before = rte_mempool_avail_count(h->pool);
    for (unsigned i = 0; i < 1200; i++) {
        harness_send(h, &peer, ACK, &pattern[i], 1);
        while (harness_receive(h, &ignored)) {
        }
    }
    uint8_t copy[1200];
    assert_int_equal(tcp_readable(conn), 1200);
    tcp_copy(conn, 0, copy, 1200);
    assert_memory_equal(copy, pattern, 1200);
    assert_in_range(before - rte_mempool_avail_count(h->pool), 1, 2);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_COALESCED), 1199);
}

static void a_request_is_acknowledged_by_its_reply(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_input(h,
                  harness_build(h, &peer, ACK | PSH, peer.seq, peer.ack, NULL, 0, "question", 8));
    tcp_consume(conn, 8);
    assert_true(tcp_write(conn, "answer", 6));
    harness_flush(h);
    struct harness_segment reply = harness_expect(h, ACK | PSH, peer.ack, peer.seq + 8, 6);
    assert_memory_equal(reply.data, "answer", 6);
    harness_expect_none(h);
    peer.seq += 8;
    peer.ack += 6;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_advance(h, 1000000);
    harness_expect_none(h); // no delayed ACK, no retransmission
}

static void a_lone_segment_is_acknowledged_after_40_ms(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    harness_send(h, &peer, ACK | PSH, pattern, 100);
    harness_advance(h, 39000);
    harness_expect_none(h);
    harness_advance(h, 3000);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_DELAYED_ACKS), 1);
    harness_advance(h, 1000000);
    harness_expect_none(h);
}

static void every_second_full_segment_is_acknowledged_at_once(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    for (unsigned i = 0; i < 3; i++) {
        harness_send(h, &peer, ACK, pattern, HARNESS_MSS);
        harness_expect_none(h);
        harness_send(h, &peer, ACK, pattern, HARNESS_MSS);
        harness_expect(h, ACK, peer.ack, peer.seq, 0);
    }
}

static void a_burst_gets_one_ack(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct rte_mbuf *frames[64];
    for (unsigned i = 0; i < 40; i++) {
        frames[i] = harness_build(h, &peer, ACK, peer.seq, peer.ack, NULL, 0, pattern, 1000);
        peer.seq += 1000;
    }
    tcpstack_input(h->stack, frames, 40, h->now);
    harness_flush(h);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    harness_expect_none(h);
    assert_int_equal(tcp_readable(conn), 40000);
}

static void a_segment_seen_before_is_acknowledged_and_dropped(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK, pattern, 100);
    harness_send_at(h, &peer, ACK, peer.seq - 100, pattern, 100);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    harness_send_at(h, &peer, ACK, peer.seq - 50, pattern, 30);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(tcp_readable(conn), 100);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_DUPLICATE), 2);
}

static void the_new_part_of_an_overlapping_segment_is_taken(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    uint8_t copy[200];
    harness_send(h, &peer, ACK, pattern, 100);
    harness_send_at(h, &peer, ACK, peer.seq - 60, pattern + 40, 160);
    assert_int_equal(tcp_readable(conn), 200);
    tcp_copy(conn, 0, copy, 200);
    assert_memory_equal(copy, pattern, 200);
}

static void a_keepalive_probe_is_answered(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    harness_send_at(h, &peer, ACK, peer.seq - 1, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    harness_send_at(h, &peer, ACK, peer.seq - 1, "x", 1);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
}

static void urgent_data_is_read_in_its_place(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | URG, pattern, 10);
    assert_int_equal(tcp_readable(conn), 10);
}

static void acks_of_what_was_never_sent_or_long_ago_are_refused(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    uint32_t right = peer.ack;
    peer.ack = right + 1;
    harness_send_at(h, &peer, ACK, peer.seq, "x", 1);
    harness_expect(h, ACK, right, peer.seq, 0);
    h->now += 1000000;
    peer.ack = right - 65536;
    harness_send_at(h, &peer, ACK, peer.seq, "x", 1);
    harness_expect(h, ACK, right, peer.seq, 0);
    assert_int_equal(tcp_readable(conn), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_BAD_ACK), 2);
    peer.ack = right - 65535; // old, yet possible
    harness_send(h, &peer, ACK, "x", 1);
    assert_int_equal(tcp_readable(conn), 1);
    harness_send_at(h, &peer, PSH, peer.seq, "x", 1);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_NO_ACK), 1);
}

static void replies_follow_the_peer_to_another_mac_address(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    peer.mac[5] = 0x77;
    harness_send(h, &peer, ACK, pattern, 1000);
    harness_send(h, &peer, ACK, pattern, 1000);
    struct harness_segment ack = harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_memory_equal(ack.destination_mac, peer.mac, 6);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(bytes_in_order_are_read_where_they_came),
        TEST(a_part_may_be_consumed),
        TEST(single_bytes_share_an_mbuf),
        TEST(a_request_is_acknowledged_by_its_reply),
        TEST(a_lone_segment_is_acknowledged_after_40_ms),
        TEST(every_second_full_segment_is_acknowledged_at_once),
        TEST(a_burst_gets_one_ack),
        TEST(a_segment_seen_before_is_acknowledged_and_dropped),
        TEST(the_new_part_of_an_overlapping_segment_is_taken),
        TEST(a_keepalive_probe_is_answered),
        TEST(urgent_data_is_read_in_its_place),
        TEST(acks_of_what_was_never_sent_or_long_ago_are_refused),
        TEST(replies_follow_the_peer_to_another_mac_address),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
