// Connections that the stack opens (RFC 9293 3.10.7.3, SYN-SENT).
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

static struct tcp_conn *connect_peer(struct harness *h)
{
    const struct tcp_endpoints ends = harness_endpoints(50000, 135);
    return tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac);
}

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

// Begins an open; the peer's numbers are those of a right answer.
static struct tcp_conn *begin(struct harness *h, struct harness_peer *peer)
{
    struct harness_segment syn;
    struct tcp_conn *conn = connect_peer(h);
    assert_non_null(conn);
    assert_true(harness_receive(h, &syn));
    *peer = harness_peer(135);
    peer->server_port = 50000;
    peer->ack = syn.seq + 1;
    return conn;
}

static void an_active_open_says_syn_and_opens(void **state)
{
    struct harness *h = *state;
    struct harness_segment syn;
    struct tcp_conn *conn = connect_peer(h);
    assert_non_null(conn);
    assert_null(connect_peer(h)); // the name is taken
    assert_true(harness_receive(h, &syn));
    assert_int_equal(syn.flags, SYN);
    assert_int_equal(syn.mss, HARNESS_MSS);
    assert_true(tcp_write(conn, "early", 5)); // waits for the handshake
    harness_flush(h);
    harness_expect_none(h);
    struct harness_peer peer = harness_peer(135);
    peer.server_port = 50000;
    peer.ack = syn.seq + 2; // wrong
    harness_send_at(h, &peer, SYN | ACK, peer.seq, NULL, 0);
    harness_expect(h, RST, syn.seq + 2, 0, 0);
    peer.ack = syn.seq + 1;
    harness_send(h, &peer, SYN | ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 5);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OPENS_ACTIVE), 1);
}

static void an_active_open_may_be_refused_or_stay_unanswered(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(135);
    struct harness_segment syn;
    struct tcp_conn *conn = connect_peer(h);
    assert_true(harness_receive(h, &syn));
    peer.server_port = 50000;
    harness_send_at(h, &peer, RST, 0, NULL, 0); // without ACK it proves nothing
    assert_int_equal(harness_events(h, NULL), 0);
    peer.ack = syn.seq + 1;
    harness_send_at(h, &peer, RST | ACK, 0, NULL, 0);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_RESET);
    assert_non_null(connect_peer(h));
    harness_advance(h, 40000000);
    drain_output(h);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_TIMED_OUT);
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

// RFC 9293 3.5, figure 7: the peer's SYN crosses ours, and agrees to what both offered.
static void a_syn_that_crosses_ours_is_answered_and_opens(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct harness_segment answer;
    begin(h, &peer);
    peer.timestamps = peer.may_sack = true;
    peer.timestamp = 700;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &answer));
    assert_int_equal(answer.flags, SYN | ACK);
    assert_int_equal(answer.seq, peer.ack - 1);
    assert_int_equal(answer.ack, peer.seq);
    assert_true(answer.may_sack);
    assert_int_equal(answer.timestamp_echo, 700);
    assert_int_equal(harness_events(h, NULL), 0);
    // Its answer to ours begins before RCV.NXT: our ACK opens the peer's side, and its ACK ours.
    harness_send_at(h, &peer, SYN | ACK, peer.seq - 1, NULL, 0);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(harness_events(h, NULL), 0);
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OPENS_ACTIVE), 1);
}

static void what_is_no_answer_to_a_syn_is_dropped(void **state)
{
    static const uint8_t bad[4] = {2, 0, 0, 0};
    struct harness *h = *state;
    struct harness_peer peer;
    begin(h, &peer);
    harness_send_at(h, &peer, ACK, peer.seq, NULL, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_NO_SYN), 1);
    harness_send_at(h, &peer, SYN | ACK | FIN, peer.seq, NULL, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_SYN_FIN), 1);
    harness_input(h, harness_build(h, &peer, SYN | ACK, peer.seq, peer.ack, bad, 4, NULL, 0));
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OPTIONS), 1);
    peer.ack++;
    harness_send_at(h, &peer, RST | ACK, peer.seq, NULL, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_BAD_ACK), 1);
    harness_expect_none(h);
    assert_int_equal(harness_events(h, NULL), 0);
}

static void an_open_may_be_closed_before_it_is_answered(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer;
    struct tcp_conn *conn = begin(h, &peer);
    tcp_close(conn);
    harness_flush(h);
    harness_expect_none(h); // nothing to reset yet
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_ABORTED);
    tcp_abort(conn); // over already: nothing
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

static void an_open_that_cannot_begin_is_refused(void **state)
{
    struct harness *h = *state;
    struct tcp_endpoints ends = harness_endpoints(50000, 135);
    assert_null(tcp_connect(h->stack, &ends, HARNESS_PORT + 1, harness_client_mac));
    ends.local[15]++;
    assert_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
    ends = harness_endpoints(50000, 135);
    ends.local_port = 0;
    assert_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
    h->options.max_connections = 1;
    harness_restart(h);
    ends = harness_endpoints(50000, 135);
    assert_non_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
    ends.local_port++;
    assert_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
}

// RFC 9293 3.9.2.3 (MUST-46).
static void an_open_to_a_group_or_broadcast_is_refused(void **state)
{
    struct harness *h = *state;
    static const uint8_t rows[][16] = {
        TCPSTACK_IPV4(0xe0000001), // 224.0.0.1
        TCPSTACK_IPV4(0xffffffff), {0xff, 0x02, [15] = 1}, TCPSTACK_IPV4(0), {0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tcp_endpoints ends = harness_endpoints(50000, 135);
        bool same_family =
            tcpstack_address_is_ipv4(ends.remote) == tcpstack_address_is_ipv4(rows[i]);
        memcpy(ends.remote, rows[i], sizeof ends.remote);
        if (same_family)
            assert_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
    }
    struct tcp_endpoints ends = harness_endpoints(50000, 135);
    assert_non_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(an_active_open_says_syn_and_opens),
        TEST(an_active_open_may_be_refused_or_stay_unanswered),
        TEST(a_syn_that_crosses_ours_is_answered_and_opens),
        TEST(what_is_no_answer_to_a_syn_is_dropped),
        TEST(an_open_may_be_closed_before_it_is_answered),
        TEST(an_open_that_cannot_begin_is_refused),
        TEST(an_open_to_a_group_or_broadcast_is_refused),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
