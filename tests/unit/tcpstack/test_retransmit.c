// Loss of what the stack sends: time-outs, their backoff, fast retransmit (RFC 6298, 5681, 6582).
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { TICK = 1024 }; // timers may be this late, never early

static uint8_t pattern[100000];

// A connection whose handshake took `rtt`, so that the RTO is known.
static struct tcp_conn *open_with_rtt(struct harness *h, struct harness_peer *peer, uint64_t rtt)
{
    struct harness_segment answer;
    struct tcp_conn *conn = NULL;
    harness_send_syn(h, peer);
    assert_true(harness_receive(h, &answer));
    peer->ack = answer.seq + 1;
    h->now += rtt;
    harness_send(h, peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
    return conn;
}

static void write_and_flush(struct harness *h, struct tcp_conn *conn, uint32_t size)
{
    assert_true(tcp_write(conn, pattern, size));
    harness_flush(h);
}

// Nothing comes before `after` microseconds, and by then plus a tick the segment does.
static void expect_after(struct harness *h, uint64_t after, uint32_t seq, uint32_t size)
{
    struct harness_segment segment;
    uint64_t start = h->now;
    harness_advance(h, after - 1);
    harness_expect_none(h);
    harness_advance(h, TICK + 1);
    assert_true(harness_receive(h, &segment));
    assert_int_equal(segment.seq, seq);
    assert_int_equal(segment.size, size);
    assert_memory_equal(segment.data, pattern, size);
    assert_in_range(h->now - start, after, after + TICK);
    harness_expect_none(h);
}

// How long it takes until the next segment, which begins at `seq`, is sent.
static uint64_t wait_for_segment(struct harness *h, uint32_t seq)
{
    struct harness_segment segment;
    uint64_t start = h->now;
    while (!harness_receive(h, &segment)) {
        assert_int_not_equal(tcpstack_next_timer(h->stack), UINT64_MAX);
        harness_advance(h, tcpstack_next_timer(h->stack) - h->now);
    }
    assert_int_equal(segment.seq, seq);
    return h->now - start;
}

static void the_time_out_follows_the_round_trip(void **state)
{
    // RFC 6298 2.2: SRTT + 4 * RTTVAR = 3 * R after one sample, within 200 ms and 60 s.
    static const struct {
        uint64_t rtt, rto;
    } rows[] = {{0, 200000},      {10000, 200000},   {66000, 200000},
                {100000, 300000}, {500000, 1500000}, {900000, 2700000}};
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct tcp_conn *conn = open_with_rtt(h, &peer, rows[i].rtt);
        write_and_flush(h, conn, 100);
        harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
        expect_after(h, rows[i].rto, peer.ack, 100);
        tcp_abort(conn);
        harness_events(h, NULL);
        harness_expect(h, RST | ACK, peer.ack + 100, peer.seq, 0);
    }
}

static void a_lost_syn_ack_makes_the_first_time_out_3_seconds(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment answer;
    struct tcp_conn *conn;
    harness_send_syn(h, &peer);
    harness_receive(h, &answer);
    harness_advance(h, 1000000 + TICK);
    assert_true(harness_receive(h, &answer));
    peer.ack = answer.seq + 1;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_events(h, &conn);
    write_and_flush(h, conn, 100);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    expect_after(h, 3000000, peer.ack, 100);
}

static void time_outs_double_up_to_a_minute_then_give_up(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    write_and_flush(h, conn, 100);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    uint64_t rto = 200000;
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(wait_for_segment(h, peer.ack), rto, rto + TICK);
        rto = RTE_MIN(rto * 2, UINT64_C(60000000));
    }
    harness_advance(h, 59000000);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_advance(h, 2000000);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_TIMED_OUT);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_TIMED_OUT), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RETRANSMITS), 10);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

static void an_ack_of_a_retransmission_is_no_sample(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    write_and_flush(h, conn, 100);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    expect_after(h, 200000, peer.ack, 100);
    peer.ack += 100;
    harness_send(h, &peer, ACK, NULL, 0);
    write_and_flush(h, conn, 100); // Karn: the doubled time-out stays until a valid sample
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    expect_after(h, 400000, peer.ack, 100);
}

static void three_duplicate_acks_send_the_first_segment_again(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    struct harness_segment segment;
    write_and_flush(h, conn, 5 * HARNESS_MSS);
    for (unsigned i = 0; i < 5; i++)
        assert_true(harness_receive(h, &segment));
    for (unsigned i = 0; i < 2; i++)
        harness_send(h, &peer, ACK, NULL, 0);
    harness_expect_none(h);
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
    harness_send(h, &peer, ACK, NULL, 0); // a fourth changes nothing
    harness_expect_none(h);
    peer.ack += 5 * HARNESS_MSS;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_advance(h, 5000000);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_FAST_RETRANSMITS), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_DUPLICATE_ACKS), 4);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 0);
}

static void a_partial_ack_sends_the_next_hole(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    struct harness_segment segment;
    write_and_flush(h, conn, 8 * HARNESS_MSS);
    while (harness_receive(h, &segment)) {
    }
    for (unsigned i = 0; i < 3; i++)
        harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    peer.ack += 3 * HARNESS_MSS; // the fourth was lost too
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
}

static void acks_with_data_or_another_window_are_no_duplicates(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    struct harness_segment segment;
    write_and_flush(h, conn, 5 * HARNESS_MSS);
    while (harness_receive(h, &segment)) {
    }
    for (unsigned i = 0; i < 4; i++) {
        harness_send(h, &peer, ACK, pattern, 10);
        peer.window--;
        harness_send(h, &peer, ACK, NULL, 0);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_DUPLICATE_ACKS), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RETRANSMITS), 0);
    assert_int_equal(tcp_readable(conn), 40);
}

static void the_first_window_is_ten_segments_and_grows(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    struct harness_segment segment;
    unsigned sent = 0;
    write_and_flush(h, conn, 40 * HARNESS_MSS);
    while (harness_receive(h, &segment))
        sent++;
    assert_int_equal(sent, 10);
    peer.ack += 2 * HARNESS_MSS;
    harness_send(h, &peer, ACK, NULL, 0); // two left, and slow start adds one
    for (sent = 0; harness_receive(h, &segment);)
        sent++;
    assert_int_equal(sent, 3);
}

static void a_time_out_starts_again_from_one_segment(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    struct harness_segment segment;
    write_and_flush(h, conn, 10 * HARNESS_MSS);
    while (harness_receive(h, &segment)) {
    }
    harness_advance(h, 200000 + TICK);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
    peer.ack += HARNESS_MSS;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    harness_expect(h, ACK, peer.ack + HARNESS_MSS, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
    // The rest had arrived: what is acknowledged is not sent once more.
    peer.ack += 9 * HARNESS_MSS;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_advance(h, 5000000);
    harness_expect_none(h);
}

static void a_frame_the_port_still_holds_is_copied(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
    write_and_flush(h, conn, 100);
    struct rte_mbuf *first = harness_take(h);
    harness_advance(h, 200000 + TICK);
    struct rte_mbuf *second = harness_take(h);
    assert_ptr_not_equal(first, second);
    assert_int_equal(first->data_len, second->data_len);
    rte_pktmbuf_free(first);
    rte_pktmbuf_free(second);
    harness_advance(h, 400000 + TICK);
    struct rte_mbuf *third = harness_take(h);
    assert_ptr_equal(third, first); // given back: used itself
    rte_pktmbuf_free(third);
}

static void a_partly_acknowledged_segment_is_sent_from_there(void **state)
{
    static const uint32_t parts[] = {30, 31}; // the headers before an odd one need a copy
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(parts); i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct tcp_conn *conn = open_with_rtt(h, &peer, 1000);
        write_and_flush(h, conn, 100);
        harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
        peer.ack += parts[i];
        harness_send(h, &peer, ACK, NULL, 0);
        harness_advance(h, 200000 + TICK);
        struct harness_segment rest =
            harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100 - parts[i]);
        assert_memory_equal(rest.data, pattern + parts[i], 100 - parts[i]);
        tcp_abort(conn);
        harness_events(h, NULL);
        harness_expect(h, RST | ACK, peer.ack + 100 - parts[i], peer.seq, 0);
    }
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(the_time_out_follows_the_round_trip),
        TEST(a_lost_syn_ack_makes_the_first_time_out_3_seconds),
        TEST(time_outs_double_up_to_a_minute_then_give_up),
        TEST(an_ack_of_a_retransmission_is_no_sample),
        TEST(three_duplicate_acks_send_the_first_segment_again),
        TEST(a_partial_ack_sends_the_next_hole),
        TEST(acks_with_data_or_another_window_are_no_duplicates),
        TEST(the_first_window_is_ten_segments_and_grows),
        TEST(a_time_out_starts_again_from_one_segment),
        TEST(a_frame_the_port_still_holds_is_copied),
        TEST(a_partly_acknowledged_segment_is_sent_from_there),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
