// Loss detection by time and tail loss probes (RFC 8985).
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { TICK = 1024, RTT = 40000, RTO = 200000, ACK_DELAY = 50000 };

static uint8_t pattern[100000];

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

// A connection with SACK whose handshake took RTT, and `count` segments of it in flight.
static struct tcp_conn *send_flight(struct harness *h, struct harness_peer *peer, unsigned count)
{
    struct harness_segment answer;
    struct tcp_conn *conn = NULL;
    *peer = harness_peer(40000);
    peer->may_sack = true;
    harness_send_syn(h, peer);
    assert_true(harness_receive(h, &answer));
    peer->ack = answer.seq + 1;
    h->now += RTT;
    harness_send(h, peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
    assert_true(tcp_write(conn, pattern, count * HARNESS_MSS));
    harness_flush(h);
    drain_output(h);
    return conn;
}

// An ACK that reports the segments from `first` to before `end` beyond `una`.
static void report(struct harness *h, struct harness_peer *peer, uint32_t una, unsigned first,
                   unsigned end)
{
    peer->sack_count = 1;
    peer->sack[0] = (struct harness_block){una + first * HARNESS_MSS, una + end * HARNESS_MSS};
    harness_send(h, peer, ACK, NULL, 0);
    peer->sack_count = 0;
}

static void acknowledge(struct harness *h, struct harness_peer *peer, unsigned segments)
{
    peer->ack += segments * HARNESS_MSS;
    harness_send(h, peer, ACK, NULL, 0);
}

// The next segment comes after `after` to `after` plus a tick, and is that at `seq`.
static void expect_after(struct harness *h, uint64_t after, uint32_t seq)
{
    struct harness_segment segment;
    uint64_t start = h->now;
    while (!harness_receive(h, &segment)) {
        assert_int_not_equal(tcpstack_next_timer(h->stack), UINT64_MAX);
        harness_advance(h, tcpstack_next_timer(h->stack) - h->now);
    }
    assert_int_equal(segment.seq, seq);
    assert_in_range(h->now - start, after, after + TICK);
}

// Two segments, of which the second is reported: too few to be sure, but a quarter of a round trip
// later (the reordering window) it is.
static void a_segment_overdue_is_lost_after_the_reordering_window(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    send_flight(h, &peer, 2);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 2);
    harness_expect_none(h);
    expect_after(h, RTT / 4, peer.ack);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_FAST_RETRANSMITS), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 0);
}

static void what_arrives_within_the_window_is_not_sent_again(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    send_flight(h, &peer, 2);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 2);
    harness_advance(h, RTT / 8);
    acknowledge(h, &peer, 2);
    harness_advance(h, 5000000);
    harness_expect_none(h);
}

// Once reordering was seen, three reports are no proof any more; time still is.
static void on_a_reordering_path_three_reports_wait_too(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = send_flight(h, &peer, 2);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 2);
    acknowledge(h, &peer, 2);
    assert_true(tcp_write(conn, pattern, 6 * HARNESS_MSS));
    harness_flush(h);
    drain_output(h);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 6);
    harness_expect_none(h);
    expect_after(h, RTT / 4, peer.ack);
}

static void a_lost_retransmission_is_sent_again_without_a_time_out(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = send_flight(h, &peer, 5);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 5);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    h->now += 1000;
    assert_true(tcp_write(conn, pattern, HARNESS_MSS)); // sent later than the retransmission
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack + 5 * HARNESS_MSS, peer.seq, HARNESS_MSS);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 6);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 0);
}

// RFC 8985 7.2: 2 * SRTT, and for a lone segment the time that the peer may delay its ACK.
static void a_lost_reply_is_probed_before_the_time_out(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    send_flight(h, &peer, 1);
    expect_after(h, 2 * RTT + ACK_DELAY, peer.ack);
    expect_after(h, RTO, peer.ack); // one probe, then the time-out
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_TAIL_PROBES), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 1);
}

static void of_several_the_last_is_probed_and_its_report_finds_the_others(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    send_flight(h, &peer, 4);
    uint64_t start = h->now;
    h->now += RTT;
    acknowledge(h, &peer, 1);
    expect_after(h, 2 * RTT, peer.ack + 2 * HARNESS_MSS);
    h->now += RTT;
    report(h, &peer, peer.ack, 2, 3);
    expect_after(h, 0, peer.ack); // sent long before the probe was
    harness_expect(h, ACK, peer.ack + HARNESS_MSS, peer.seq, HARNESS_MSS);
    assert_in_range(h->now - start, 4 * RTT, 4 * RTT + 2 * TICK);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 0);
}

static void new_data_is_a_better_probe(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    send_flight(h, &peer, 12); // ten fit into the window
    expect_after(h, 2 * RTT, peer.ack + 10 * HARNESS_MSS);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RETRANSMITS), 0);
}

// How many segments of a long write go out at once.
static unsigned window_of(struct harness *h, struct tcp_conn *conn)
{
    struct harness_segment ignored;
    unsigned count = 0;
    assert_true(tcp_write(conn, pattern, 40 * HARNESS_MSS));
    for (harness_flush(h); harness_receive(h, &ignored); count++) {
    }
    return count;
}

// RFC 8985 7.4: a probe that repaired a loss must not hide it from congestion control; one that was
// needless, as its second ACK or a D-SACK shows, must not look like one.
static void a_probe_that_repaired_a_loss_cuts_the_window(void **state)
{
    static const struct {
        bool second_ack, dsack;
        unsigned window;
    } rows[] = {{false, false, 7}, {true, false, 10}, {false, true, 10}};
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct harness_peer peer;
        harness_restart(h);
        struct tcp_conn *conn = send_flight(h, &peer, 1);
        expect_after(h, 2 * RTT + ACK_DELAY, peer.ack);
        if (rows[i].dsack)
            report(h, &peer, peer.ack += HARNESS_MSS, -1, 0);
        else
            acknowledge(h, &peer, 1);
        assert_true(tcp_write(conn, pattern, HARNESS_MSS));
        harness_flush(h);
        drain_output(h);
        if (rows[i].second_ack)
            acknowledge(h, &peer, 0);
        acknowledge(h, &peer, 1);
        assert_int_equal(window_of(h, conn), rows[i].window);
    }
}

// A D-SACK tells of a needless retransmission: the window widens by another quarter.
static void a_dsack_widens_the_reordering_window(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = send_flight(h, &peer, 2);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 2);
    expect_after(h, RTT / 4, peer.ack);
    acknowledge(h, &peer, 2);
    report(h, &peer, peer.ack, -2, -1); // it had only been late
    assert_true(tcp_write(conn, pattern, 2 * HARNESS_MSS));
    harness_flush(h);
    drain_output(h);
    h->now += RTT;
    report(h, &peer, peer.ack, 1, 2);
    expect_after(h, RTT / 2, peer.ack);
}

static void a_lost_fin_is_probed_for(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = send_flight(h, &peer, 1);
    acknowledge(h, &peer, 1);
    tcp_close(conn);
    harness_flush(h);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
    uint64_t start = h->now;
    harness_advance(h, RTO - 20000);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
    harness_expect_none(h);
    assert_true(h->now - start < RTO);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_TAIL_PROBES), 1);
}

// ---- windows: RFC 5681 4.1, RFC 3042

static void after_silence_the_window_begins_anew(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = send_flight(h, &peer, 10);
    acknowledge(h, &peer, 2);
    for (unsigned i = 0; i < 4; i++)
        acknowledge(h, &peer, 2);
    assert_int_equal(window_of(h, conn), 13); // the last of the five used less than half
    for (unsigned i = 0; i < 40; i++)
        acknowledge(h, &peer, 1);
    drain_output(h);
    h->now += 1000000;
    harness_flush(h);
    assert_int_equal(window_of(h, conn), 10);
}

static void two_duplicate_acks_let_a_new_segment_out_each(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000); // without SACK
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_int_equal(window_of(h, conn), 10);
    for (unsigned i = 0; i < 2; i++) {
        harness_send(h, &peer, ACK, NULL, 0);
        harness_expect(h, ACK, peer.ack + (10 + i) * HARNESS_MSS, peer.seq, HARNESS_MSS);
        harness_expect_none(h);
    }
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_segment_overdue_is_lost_after_the_reordering_window),
        TEST(what_arrives_within_the_window_is_not_sent_again),
        TEST(on_a_reordering_path_three_reports_wait_too),
        TEST(a_lost_retransmission_is_sent_again_without_a_time_out),
        TEST(a_lost_reply_is_probed_before_the_time_out),
        TEST(of_several_the_last_is_probed_and_its_report_finds_the_others),
        TEST(new_data_is_a_better_probe),
        TEST(a_probe_that_repaired_a_loss_cuts_the_window),
        TEST(a_dsack_widens_the_reordering_window),
        TEST(a_lost_fin_is_probed_for),
        TEST(after_silence_the_window_begins_anew),
        TEST(two_duplicate_acks_let_a_new_segment_out_each),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
