// Frames of several segments for a port that cuts them (TSO).
#include <string.h>

#include <rte_ethdev.h>

#include "tests/unit/tcpstack/harness.h"

enum { MSS = HARNESS_MSS, TEN = 10 * MSS, RTT = 10000 };

static uint8_t pattern[TCPSTACK_LARGE_SEGMENTS * MSS * 2];

static struct tcp_conn *open_on_cutting_port(struct harness *h, struct harness_peer *peer)
{
    h->options.ports[0].tx_offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                      RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    harness_restart(h);
    *peer = harness_peer(40000);
    peer->may_sack = true;
    return harness_open(h, peer);
}

static void write_and_flush(struct harness *h, struct tcp_conn *conn, uint32_t from, uint32_t size)
{
    assert_true(tcp_write(conn, pattern + from, size));
    harness_flush(h);
}

// `count` full segments from the `index`th on, the last with `flags`.
static void expect_segments(struct harness *h, const struct harness_peer *peer, unsigned index,
                            unsigned count, uint8_t flags)
{
    for (unsigned i = index; i < index + count; i++) {
        uint8_t has = i + 1 == index + count ? flags : ACK;
        struct harness_segment segment =
            harness_expect(h, has, peer->ack + i * MSS, peer->seq, MSS);
        assert_memory_equal(segment.data, pattern + (size_t)i * MSS, MSS);
    }
}

static void a_long_write_is_one_frame(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    write_and_flush(h, conn, 0, TEN);
    struct rte_mbuf *frame = harness_take(h);
    assert_int_equal(frame->nb_segs, 10);
    assert_int_equal(frame->tso_segsz, MSS);
    assert_int_equal(frame->pkt_len, h->headers + TEN);
    assert_true(frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_LARGE_SENT), 1);
    rte_pktmbuf_free(frame);
    harness_expect_none(h);
}

static void its_segments_are_those_of_any_port(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    write_and_flush(h, conn, 0, TEN - 60);
    expect_segments(h, &peer, 0, 9, ACK);
    struct harness_segment last =
        harness_expect(h, ACK | PSH, peer.ack + 9 * MSS, peer.seq, MSS - 60);
    assert_memory_equal(last.data, pattern + (size_t)9 * MSS, MSS - 60);
    harness_expect_none(h);
}

static void its_last_segment_carries_the_fin(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    assert_true(tcp_write(conn, pattern, 4 * MSS));
    tcp_close(conn);
    harness_flush(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_LARGE_SENT), 1);
    expect_segments(h, &peer, 0, 4, ACK | PSH | FIN);
}

static void one_segment_is_an_ordinary_frame(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    write_and_flush(h, conn, 0, MSS);
    struct rte_mbuf *frame = harness_take(h);
    assert_int_equal(frame->nb_segs, 1);
    assert_false(frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
    rte_pktmbuf_free(frame);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_LARGE_SENT), 0);
}

static void only_full_segments_are_followed(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    for (unsigned i = 0; i < 2; i++) { // two segments: the second does not fit behind the first
        assert_non_null(tcp_reserve(conn, 1000));
        tcp_commit(conn, 1000);
    }
    harness_flush(h);
    harness_expect(h, ACK, peer.ack, peer.seq, 1000);
    harness_expect(h, ACK | PSH, peer.ack + 1000, peer.seq, 1000);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_LARGE_SENT), 0);
}

static void both_windows_bound_it(void **state)
{
    for (unsigned narrow = 0; narrow < 2; narrow++) {
        struct harness *h = *state;
        struct harness_peer peer;
        struct tcp_conn *conn = open_on_cutting_port(h, &peer);
        peer.window = narrow ? 3 * MSS + 100 : 65535;
        harness_send(h, &peer, ACK, NULL, 0);
        write_and_flush(h, conn, 0, 20 * MSS);
        expect_segments(h, &peer, 0, narrow ? 3 : 10, ACK); // RFC 6928's ten
        harness_expect_none(h);
    }
}

static void a_lost_segment_of_it_is_sent_again_alone(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    uint32_t began = peer.ack;
    write_and_flush(h, conn, 0, TEN);
    expect_segments(h, &peer, 0, 10, ACK | PSH);
    h->now += RTT;
    peer.ack += 3 * MSS;
    peer.sack[0] = (struct harness_block){began + 4 * MSS, began + TEN};
    peer.sack_count = 1;
    harness_send(h, &peer, ACK, NULL, 0);
    struct rte_mbuf *frame = harness_take(h);
    assert_int_equal(frame->nb_segs, 1);
    assert_null(frame->next);
    assert_int_equal(frame->pkt_len, h->headers + MSS);
    assert_memory_equal(rte_pktmbuf_mtod_offset(frame, uint8_t *, h->headers),
                        pattern + (size_t)3 * MSS, MSS);
    rte_pktmbuf_free(frame);
    harness_expect_none(h);
}

static void after_a_time_out_its_segments_are_sent_again_one_by_one(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    write_and_flush(h, conn, 0, 3 * MSS);
    rte_pktmbuf_free(harness_take(h));
    harness_advance(h, 4000000);
    unsigned again = 0;
    struct rte_mbuf *frame;
    while (tcpstack_take_output(h->stack, &frame, 1) == 1) {
        assert_int_equal(frame->nb_segs, 1);
        assert_null(frame->next);
        rte_pktmbuf_free(frame);
        again++;
    }
    assert_true(again >= 2);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_LARGE_SENT), 1);
}

// The teardown asserts that every mbuf is back, once.
static void it_may_be_acknowledged_while_the_port_holds_it(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = open_on_cutting_port(h, &peer);
    write_and_flush(h, conn, 0, TEN);
    struct rte_mbuf *frame = harness_take(h);
    peer.ack += 5 * MSS;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_memory_equal(rte_pktmbuf_mtod_offset(frame->next, uint8_t *, 0), pattern + MSS, MSS);
    rte_pktmbuf_free(frame);
    peer.ack += 5 * MSS;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(tcp_writable(conn), h->options.transmit_limit);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_long_write_is_one_frame),
        TEST(its_segments_are_those_of_any_port),
        TEST(its_last_segment_carries_the_fin),
        TEST(one_segment_is_an_ordinary_frame),
        TEST(only_full_segments_are_followed),
        TEST(both_windows_bound_it),
        TEST(a_lost_segment_of_it_is_sent_again_alone),
        TEST(after_a_time_out_its_segments_are_sent_again_one_by_one),
        TEST(it_may_be_acknowledged_while_the_port_holds_it),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
