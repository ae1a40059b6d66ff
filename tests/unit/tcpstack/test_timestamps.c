// Timestamps: agreement, echo, PAWS, round trips, reuse of TIME-WAIT (RFC 7323, RFC 6191).
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { TICK = 1024 };

static uint8_t pattern[20000];

static struct harness_peer dated_peer(uint16_t port)
{
    struct harness_peer peer = harness_peer(port);
    peer.timestamps = true;
    peer.timestamp = 5000;
    return peer;
}

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void they_are_agreed_on_when_both_sides_want_them(void **state)
{
    struct harness *h = *state;
    for (unsigned set = 0; set < 4; set++) {
        bool theirs = set & 1, ours = set & 2;
        h->options.without_timestamps = !ours;
        harness_restart(h);
        struct harness_peer peer = dated_peer(40000);
        struct harness_segment answer;
        peer.timestamps = theirs;
        harness_send_syn(h, &peer);
        assert_true(harness_receive(h, &answer));
        assert_int_equal(answer.timestamps, theirs && ours);
        assert_int_equal(answer.timestamp_echo, theirs && ours ? 5000 : 0);
        peer.ack = answer.seq + 1;
        harness_send(h, &peer, ACK, NULL, 0);
        struct tcp_conn *conn;
        assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
        assert_int_equal(tcp_segment_room(conn), theirs && ours ? 1448 : 1460);
    }
}

static void an_active_open_offers_them(void **state)
{
    struct harness *h = *state;
    const struct tcp_endpoints ends = harness_endpoints(50000, 135);
    struct harness_segment syn;
    struct harness_peer peer = dated_peer(135);
    peer.server_port = 50000;
    struct tcp_conn *conn = tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac);
    assert_true(harness_receive(h, &syn));
    assert_true(syn.timestamps);
    assert_int_equal(syn.timestamp_echo, 0);
    peer.ack = syn.seq + 1;
    peer.timestamp_echo = syn.timestamp;
    harness_send(h, &peer, SYN | ACK, NULL, 0);
    assert_true(harness_expect(h, ACK, peer.ack, peer.seq, 0).timestamps);
    assert_int_equal(tcp_segment_room(conn), 536 - 12);
}

static void every_segment_carries_them(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment segment;
    assert_true(tcp_write(conn, pattern, 3000));
    harness_flush(h);
    uint32_t sizes[] = {1448, 1448, 104}, clock = 0;
    for (size_t i = 0; i < RTE_DIM(sizes); i++) {
        assert_true(harness_receive(h, &segment));
        assert_int_equal(segment.size, sizes[i]);
        assert_true(segment.timestamps);
        assert_int_equal(segment.timestamp_echo, 5000);
        clock = segment.timestamp;
    }
    peer.ack += 3000;
    h->now += 7000;
    peer.timestamp = 5007;
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    segment = harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(segment.timestamp, clock + 7); // a tick a millisecond
    assert_int_equal(segment.timestamp_echo, 5007);
    tcp_abort(conn);
    assert_true(harness_expect(h, RST | ACK, peer.ack, peer.seq, 0).timestamps);
}

static void connections_have_clocks_of_their_own(void **state)
{
    struct harness *h = *state;
    struct harness_segment first, second;
    struct harness_peer peer = dated_peer(40000), other = dated_peer(40001);
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &first));
    harness_send_syn(h, &other);
    assert_true(harness_receive(h, &second));
    assert_int_not_equal(first.timestamp, second.timestamp);
}

static void an_older_timestamp_is_dropped_and_answered(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    peer.timestamp = 4999;
    harness_send_at(h, &peer, ACK, peer.seq, "old", 3);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(tcp_readable(conn), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_PAWS), 1);
    peer.timestamp = 5000; // the same tick will do
    harness_send(h, &peer, ACK, "new", 3);
    assert_int_equal(tcp_readable(conn), 3);
}

static void the_clock_may_wrap(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    peer.timestamp = 0xffffffff;
    struct tcp_conn *conn = harness_open(h, &peer);
    peer.timestamp = 3;
    harness_send(h, &peer, ACK, "abc", 3);
    peer.timestamp = 0xffffffff; // the past now
    harness_send_at(h, &peer, ACK, peer.seq, "def", 3);
    assert_int_equal(tcp_readable(conn), 3);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_PAWS), 1);
    drain_output(h);
}

static void after_24_days_of_silence_any_timestamp_will_do(void **state)
{
    const uint64_t day = UINT64_C(86400000000);
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    peer.timestamp = 5000 + UINT32_C(0x80000000); // looks older by 24.8 days
    h->now += 24 * day;
    harness_send_at(h, &peer, ACK, peer.seq, "abc", 3);
    assert_int_equal(tcp_readable(conn), 0);
    h->now += 2 * day;
    harness_send(h, &peer, ACK, "abc", 3);
    assert_int_equal(tcp_readable(conn), 3);
    drain_output(h);
}

static void a_segment_without_is_dropped_silently(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    peer.timestamps = false;
    harness_send_at(h, &peer, ACK, peer.seq, "abc", 3);
    harness_expect_none(h);
    assert_int_equal(tcp_readable(conn), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_NO_TIMESTAMP), 1);
    harness_send_at(h, &peer, RST, peer.seq, NULL, 0); // RST needs none
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_RESET);
}

static void a_segment_with_malformed_options_is_dropped(void **state)
{
    static const uint8_t bad[4] = {8, 4, 0, 0};
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_input(h, harness_build(h, &peer, ACK, peer.seq, peer.ack, bad, 4, "abc", 3));
    assert_int_equal(tcp_readable(conn), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OPTIONS), 1);
}

// RFC 7323 4.3: (A) of several segments under one delayed ACK the first is echoed, (B) what lies
// beyond a hole is not, (C) what fills the hole is.
static void the_echo_is_of_the_segment_that_the_ack_is_owed_for(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    harness_open(h, &peer);
    peer.timestamp = 5001;
    harness_send(h, &peer, ACK, pattern, 10);
    peer.timestamp = 5002;
    harness_send(h, &peer, ACK, pattern, 10);
    harness_advance(h, 50000);
    assert_int_equal(harness_expect(h, ACK, peer.ack, peer.seq, 0).timestamp_echo, 5001);
    peer.timestamp = 5003;
    harness_send_at(h, &peer, ACK, peer.seq + 10, pattern, 10);
    assert_int_equal(harness_expect(h, ACK, peer.ack, peer.seq, 0).timestamp_echo, 5001);
    peer.timestamp = 5004;
    harness_send(h, &peer, ACK, pattern, 10);
    assert_int_equal(harness_expect(h, ACK, peer.ack, peer.seq + 10, 0).timestamp_echo, 5004);
}

// Without timestamps the doubled time-out would stay (Karn); TSecr names the sending.
static void the_echo_times_a_retransmission(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment segment;
    assert_true(tcp_write(conn, pattern, 100));
    harness_flush(h);
    assert_true(harness_receive(h, &segment));
    harness_advance(h, 200000 + TICK);
    assert_true(harness_receive(h, &segment));
    assert_int_equal(segment.seq, peer.ack);
    h->now += 40000;
    peer.ack += 100;
    peer.timestamp_echo = segment.timestamp;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_true(tcp_write(conn, pattern, 100));
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    harness_advance(h, 200000 + 2 * TICK);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
}

static void an_echo_that_we_never_sent_times_nothing(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 100));
    harness_flush(h);
    harness_advance(h, 200000 + TICK);
    drain_output(h);
    peer.ack += 100;
    peer.timestamp_echo += 0x40000000;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_true(tcp_write(conn, pattern, 100));
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    harness_advance(h, 400000 - 1); // doubled
    harness_expect_none(h);
    harness_advance(h, 2 * TICK);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
}

static void a_syn_takes_the_place_of_time_wait_by_its_timestamp(void **state)
{
    static const struct {
        bool before, after; // whether the old and the new connection have timestamps
        int later;          // ticks
        int further;        // sequence numbers beyond the old connection's
        bool taken;
    } rows[] = {
        {true, true, 1, 10, true},      {true, true, 1, -100, true},
        {true, true, 0, 10, true},      {true, true, 0, -100, false},
        {true, true, -1, 10, false},    {true, false, 0, 10, true},
        {true, false, 0, -100, false},  {false, true, 0, 10, true},
        {false, true, 1, -100, false},  {false, false, 0, 10, true},
        {false, false, 0, -100, false},
    };
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct harness_peer peer = dated_peer((uint16_t)(40000 + i));
        peer.timestamps = rows[i].before;
        struct tcp_conn *conn = harness_open(h, &peer);
        tcp_close(conn);
        harness_flush(h);
        peer.ack++;
        harness_send(h, &peer, ACK | FIN, NULL, 0);
        drain_output(h);
        harness_events(h, NULL);
        peer.timestamps = rows[i].after;
        peer.timestamp += (uint32_t)rows[i].later;
        peer.seq += (uint32_t)rows[i].further;
        struct harness_segment answer;
        harness_send_syn(h, &peer);
        assert_true(harness_receive(h, &answer));
        assert_int_equal(answer.flags, rows[i].taken ? SYN | ACK : ACK);
    }
}

static void a_name_used_again_continues_its_clock(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = dated_peer(40000);
    struct harness_segment first, second;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &first));
    harness_send_at(h, &peer, RST, peer.seq, NULL, 0);
    h->now += 3000;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &second));
    assert_int_equal(second.timestamp - first.timestamp, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(they_are_agreed_on_when_both_sides_want_them),
        TEST(an_active_open_offers_them),
        TEST(every_segment_carries_them),
        TEST(connections_have_clocks_of_their_own),
        TEST(an_older_timestamp_is_dropped_and_answered),
        TEST(the_clock_may_wrap),
        TEST(after_24_days_of_silence_any_timestamp_will_do),
        TEST(a_segment_without_is_dropped_silently),
        TEST(a_segment_with_malformed_options_is_dropped),
        TEST(the_echo_is_of_the_segment_that_the_ack_is_owed_for),
        TEST(the_echo_times_a_retransmission),
        TEST(an_echo_that_we_never_sent_times_nothing),
        TEST(a_syn_takes_the_place_of_time_wait_by_its_timestamp),
        TEST(a_name_used_again_continues_its_clock),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
