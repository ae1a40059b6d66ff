// Ends in order: every sequence of FINs, TIME-WAIT, and what comes too late.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

static uint8_t pattern[4000];

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void expect_closed(struct harness *h, enum tcp_close_reason reason)
{
    struct tcp_conn *conn = NULL;
    assert_int_equal(harness_events(h, &conn) & TCP_EVENT_CLOSED, TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), reason);
}

static void the_peer_closes_first(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_FINISHED);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_true(tcp_write(conn, "still", 5)); // the other half is open
    tcp_close(conn);
    harness_flush(h);
    harness_expect(h, ACK | PSH | FIN, peer.ack, peer.seq, 5);
    peer.ack += 6;
    harness_send(h, &peer, ACK, NULL, 0);
    expect_closed(h, TCP_CLOSE_FINISHED);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

static void we_close_first_and_wait(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
    peer.ack++;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    expect_closed(h, TCP_CLOSE_FINISHED);
    assert_int_equal(tcpstack_connections(h->stack), 1); // TIME-WAIT
    harness_advance(h, 9900000);
    assert_int_equal(tcpstack_connections(h->stack), 1);
    harness_advance(h, 200000);
    assert_int_equal(tcpstack_connections(h->stack), 0);
    harness_expect_none(h);
}

static void both_close_at_once(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
    harness_send(h, &peer, ACK | FIN, NULL, 0); // does not acknowledge ours: CLOSING
    harness_expect(h, ACK, peer.ack + 1, peer.seq, 0);
    assert_int_equal(harness_events(h, NULL), 0);
    peer.ack++;
    harness_send(h, &peer, ACK, NULL, 0);
    expect_closed(h, TCP_CLOSE_FINISHED);
    assert_int_equal(tcpstack_connections(h->stack), 1);
}

static void a_fin_that_acknowledges_ours_ends_at_once(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
    peer.ack++;
    harness_send(h, &peer, ACK | FIN, "last words", 10);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    expect_closed(h, TCP_CLOSE_FINISHED);
}

static void a_fin_with_data_delivers_both(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | FIN | PSH, pattern, 700);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE | TCP_EVENT_FINISHED);
    assert_int_equal(tcp_readable(conn), 700);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
}

static void a_fin_waits_behind_what_was_written(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment segment;
    peer.window = 1460;
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 3000));
    tcp_close(conn);
    harness_flush(h);
    uint32_t received = 0;
    while (received < 3000) {
        assert_true(harness_receive(h, &segment));
        received += segment.size;
        assert_int_equal((segment.flags & FIN) != 0, received == 3000);
        peer.ack += segment.size + (segment.flags & FIN);
        harness_send(h, &peer, ACK, NULL, 0);
    }
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    expect_closed(h, TCP_CLOSE_FINISHED);
}

static void nothing_can_be_written_after_close(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_non_null(tcp_reserve(conn, 10)); // never committed: given back
    tcp_close(conn);
    tcp_close(conn); // again: nothing
    assert_null(tcp_reserve(conn, 1));
    assert_false(tcp_write(conn, "x", 1));
    assert_int_equal(tcp_writable(conn), 0);
    harness_flush(h);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
}

static void input_after_close_is_acknowledged_and_discarded(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK, pattern, 1000);
    harness_events(h, NULL);
    tcp_close(conn); // with 1,000 bytes unread
    assert_int_equal(tcp_readable(conn), 0);
    harness_flush(h);
    harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
    peer.ack++;
    unsigned before = rte_mempool_avail_count(h->pool);
    for (unsigned i = 0; i < 100; i++) {
        harness_send(h, &peer, ACK, pattern, 1400);
        drain_output(h);
    }
    assert_int_equal(rte_mempool_avail_count(h->pool), before);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    expect_closed(h, TCP_CLOSE_FINISHED);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RESETS_SENT), 0);
}

static void a_lost_fin_is_sent_again(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    for (unsigned i = 0; i < 4; i++) {
        harness_expect(h, ACK | FIN, peer.ack, peer.seq, 0);
        harness_expect_none(h);
        harness_advance(h, (UINT64_C(200000) << i) + 2000);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RETRANSMITS), 4);
    drain_output(h);
}

static void a_repeated_fin_in_time_wait_is_acknowledged_and_waits_anew(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    peer.ack++;
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    drain_output(h);
    harness_events(h, NULL);
    harness_advance(h, 8000000);
    harness_send_at(h, &peer, ACK | FIN, peer.seq - 1, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    harness_advance(h, 8000000);
    assert_int_equal(tcpstack_connections(h->stack), 1);
    harness_advance(h, 3000000);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

// Leaves a connection of `peer` in TIME-WAIT.
static void enter_time_wait(struct harness *h, struct harness_peer *peer)
{
    struct tcp_conn *conn = harness_open(h, peer);
    tcp_close(conn);
    harness_flush(h);
    peer->ack++;
    harness_send(h, peer, ACK | FIN, NULL, 0);
    drain_output(h);
}

static void a_new_syn_takes_the_place_of_time_wait(void **state)
{
    struct harness *h = *state;
    for (unsigned told = 0; told < 2; told++) { // whether the caller knows of the end already
        struct harness_peer peer = harness_peer((uint16_t)(40000 + told));
        enter_time_wait(h, &peer);
        if (told)
            expect_closed(h, TCP_CLOSE_FINISHED);
        uint32_t last = peer.ack;
        peer.seq += 10;
        harness_send_syn(h, &peer);
        struct harness_segment answer;
        assert_true(harness_receive(h, &answer));
        assert_int_equal(answer.flags, SYN | ACK);
        assert_true((int32_t)(answer.seq - last) > 0);
        if (!told)
            expect_closed(h, TCP_CLOSE_FINISHED);
        peer.ack = answer.seq + 1;
        harness_send(h, &peer, ACK, NULL, 0);
        assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
    }
}

static void an_old_syn_does_not_disturb_time_wait(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    enter_time_wait(h, &peer);
    harness_events(h, NULL);
    harness_send_at(h, &peer, SYN, peer.seq - 100, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    harness_send_at(h, &peer, RST, peer.seq, NULL, 0); // RFC 1337
    assert_int_equal(tcpstack_connections(h->stack), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_RESET_TIME_WAIT), 1);
}

static void bytes_after_the_end_are_reset(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    tcp_close(conn);
    harness_flush(h);
    peer.ack++;
    harness_send(h, &peer, ACK, NULL, 0);
    drain_output(h);
    expect_closed(h, TCP_CLOSE_FINISHED);
    harness_send(h, &peer, ACK, "late", 4);
    harness_expect(h, RST, peer.ack, 0, 0);
}

static void bytes_beyond_the_peers_fin_are_refused(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    harness_send(h, &peer, ACK, "more", 4);
    assert_int_equal(tcp_readable(conn), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_AFTER_FIN), 1);
    drain_output(h);
}

static void fin_wait_2_ends_after_a_minute_of_silence(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    drain_output(h);
    peer.ack++;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_advance(h, 50000000);
    harness_send(h, &peer, ACK, "alive", 5);
    harness_advance(h, 59000000);
    drain_output(h);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_advance(h, 2000000);
    expect_closed(h, TCP_CLOSE_TIMED_OUT);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

static void a_closed_connection_is_told_once_and_its_block_is_used_again(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 1;
    h->options.max_half_open = 1;
    harness_restart(h);
    for (unsigned i = 0; i < 50; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct tcp_conn *conn = harness_open(h, &peer);
        tcp_set_user(conn, &peer);
        assert_ptr_equal(tcp_user(conn), &peer);
        tcp_abort(conn);
        harness_expect(h, RST | ACK, peer.ack, peer.seq, 0);
        expect_closed(h, TCP_CLOSE_ABORTED);
        assert_int_equal(harness_events(h, NULL), 0);
    }
}

static void events_taken_early_do_not_lose_the_block(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 1;
    h->options.max_half_open = 1;
    harness_restart(h);
    for (unsigned i = 0; i < 5; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct tcp_conn *conn = harness_open(h, &peer);
        tcp_abort(conn);
        assert_int_equal(tcp_take_events(conn), TCP_EVENT_CLOSED);
        assert_int_equal(harness_events(h, NULL), 0);
        drain_output(h);
    }
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(the_peer_closes_first),
        TEST(we_close_first_and_wait),
        TEST(both_close_at_once),
        TEST(a_fin_that_acknowledges_ours_ends_at_once),
        TEST(a_fin_with_data_delivers_both),
        TEST(a_fin_waits_behind_what_was_written),
        TEST(nothing_can_be_written_after_close),
        TEST(input_after_close_is_acknowledged_and_discarded),
        TEST(a_lost_fin_is_sent_again),
        TEST(a_repeated_fin_in_time_wait_is_acknowledged_and_waits_anew),
        TEST(a_new_syn_takes_the_place_of_time_wait),
        TEST(an_old_syn_does_not_disturb_time_wait),
        TEST(bytes_after_the_end_are_reset),
        TEST(bytes_beyond_the_peers_fin_are_refused),
        TEST(fin_wait_2_ends_after_a_minute_of_silence),
        TEST(a_closed_connection_is_told_once_and_its_block_is_used_again),
        TEST(events_taken_early_do_not_lose_the_block),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
