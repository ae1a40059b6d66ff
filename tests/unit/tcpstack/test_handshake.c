#include <string.h>

#include "tests/unit/tcpstack/harness.h"

static void a_syn_is_answered_and_its_ack_opens(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct tcp_endpoints ends = tcp_endpoints(conn);
    assert_memory_equal(ends.local, h->server, 16);
    assert_memory_equal(ends.remote, h->client, 16);
    assert_int_equal(ends.local_port, HARNESS_TCP_PORT);
    assert_int_equal(ends.remote_port, 40000);
    assert_int_equal(tcpstack_connections(h->stack), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OPENS_PASSIVE), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
    harness_expect_none(h);
}

static void the_answer_goes_to_the_sender_of_the_syn(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment answer;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &answer));
    assert_memory_equal(answer.destination_mac, harness_client_mac, 6);
    assert_memory_equal(answer.source_mac, harness_server_mac, 6);
    assert_int_equal(answer.destination_port, 40000);
}

static void options_are_offered_as_the_peer_does(void **state)
{
    static const struct {
        uint16_t mss, room;
        int scale, answered;
    } rows[] = {
        {1460, 1460, -1, -1}, {1460, 1460, 7, 4}, {0, 536, -1, -1},
        {9000, 1460, 0, 4},   {1, 88, -1, -1},    {600, 600, 14, 4},
    };
    struct harness *h = *state;
    h->options.receive_window = 65535 * 16;
    harness_restart(h);
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct harness_segment answer;
        peer.mss = rows[i].mss;
        peer.scale = rows[i].scale;
        harness_send_syn(h, &peer);
        assert_true(harness_receive(h, &answer));
        assert_int_equal(answer.mss, 1460);
        assert_int_equal(answer.scale, rows[i].answered);
        assert_int_equal(answer.window, 65535); // never scaled in a SYN
        peer.ack = answer.seq + 1;
        harness_send(h, &peer, ACK, NULL, 0);
        struct tcp_conn *conn;
        assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
        assert_int_equal(tcp_segment_room(conn), rows[i].room);
    }
}

static void the_same_syn_again_gets_the_same_answer(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment first, second;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &first));
    h->now += 1000;
    peer.seq--;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &second));
    assert_int_equal(second.seq, first.seq);
    assert_int_equal(second.flags, SYN | ACK);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_SYN_REPEATED), 1);
}

static void the_answer_is_sent_again_then_given_up(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment answer;
    harness_send_syn(h, &peer);
    unsigned sent = 0;
    for (unsigned second = 0; second < 40; second++) {
        while (harness_receive(h, &answer))
            sent++;
        harness_advance(h, 1000000);
    }
    assert_int_equal(sent, 5); // at 0, 1, 3, 7 and 15 s
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN_EXPIRED), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
    assert_int_equal(harness_events(h, NULL), 0);
}

static void a_wrong_ack_is_reset_and_does_not_open(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment answer;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &answer));
    peer.ack = answer.seq; // one too few
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, RST, answer.seq, 0, 0);
    assert_int_equal(harness_events(h, NULL), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_BAD_ACK), 1);
}

static void data_may_come_with_the_ack_that_opens(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment answer;
    struct tcp_conn *conn;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &answer));
    peer.ack = answer.seq + 1;
    harness_send(h, &peer, ACK | PSH, "hello", 5);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED | TCP_EVENT_READABLE);
    assert_int_equal(tcp_readable(conn), 5);
}

static void initial_sequence_numbers_differ_by_peer_and_rise_with_time(void **state)
{
    struct harness *h = *state;
    struct harness_segment first, other, later;
    struct harness_peer peer = harness_peer(40000), another = harness_peer(40001);
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &first));
    harness_send_syn(h, &another);
    assert_true(harness_receive(h, &other));
    assert_int_not_equal(first.seq, other.seq);
    harness_send_at(h, &peer, RST, peer.seq, NULL, 0);
    h->now += 4000;
    peer.seq--;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &later));
    assert_int_equal(later.seq - first.seq, 1000); // RFC 6528: one every 4 us
}

static void another_syn_in_the_window_goes_back_to_listen(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct harness_segment answer;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &answer));
    harness_send_at(h, &peer, SYN, peer.seq + 100, NULL, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_SYN_RESTART), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
    peer.seq += 100;
    harness_open(h, &peer);
}

static void connections_beyond_the_maximum_are_refused(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 2;
    harness_restart(h);
    struct harness_peer peers[3];
    struct harness_segment answer;
    for (unsigned i = 0; i < 3; i++) {
        peers[i] = harness_peer((uint16_t)(40000 + i));
        harness_send_syn(h, &peers[i]);
        assert_true(harness_receive(h, &answer));
        peers[i].ack = answer.seq + 1;
    }
    for (unsigned i = 0; i < 3; i++)
        harness_send(h, &peers[i], ACK, NULL, 0);
    assert_int_equal(tcpstack_connections(h->stack), 2);
    struct harness_peer fourth = harness_peer(40003);
    harness_send_syn(h, &fourth);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL), 2);
    harness_expect_none(h);
}

static void segments_for_nobody_get_the_reset_of_the_closed_state(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.server_port = 136; // nobody listens
    harness_send_syn(h, &peer);
    harness_expect(h, RST | ACK, 0, peer.seq, 0);
    peer.ack = 777;
    harness_send(h, &peer, ACK, "abc", 3);
    harness_expect(h, RST, 777, 0, 0);
    harness_send_at(h, &peer, FIN, 50, "abc", 3);
    harness_expect(h, RST | ACK, 0, 54, 0);
    harness_send(h, &peer, RST, NULL, 0);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_NO_LISTENER), 3);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_STRAY_RESET), 1);
}

static void a_listener_answers_only_syn_and_ack(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    peer.ack = 999;
    harness_send_at(h, &peer, ACK, 1, NULL, 0);
    harness_expect(h, RST, 999, 0, 0);
    harness_send_at(h, &peer, SYN | ACK, 1, NULL, 0);
    harness_expect(h, RST, 999, 0, 0);
    harness_send_at(h, &peer, FIN, 1, NULL, 0);
    harness_send_at(h, &peer, 0, 1, "x", 1);
    harness_send_at(h, &peer, SYN | FIN, 1, NULL, 0);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_NO_CONNECTION), 4);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_SYN_FIN), 1);
}

static void a_syn_with_malformed_options_is_dropped(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    static const uint8_t bad[4] = {2, 0, 0, 0};
    harness_input(h, harness_build(h, &peer, SYN, 1, 0, bad, 4, NULL, 0));
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OPTIONS), 1);
}

static void a_flood_of_syns_is_bounded_and_passes(void **state)
{
    struct harness *h = *state;
    h->options.cookies = TCPSTACK_COOKIES_NEVER;
    harness_restart(h);
    for (unsigned i = 0; i < 5000; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(1024 + i));
        struct harness_segment answer;
        harness_send_syn(h, &peer);
        harness_receive(h, &answer);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 16);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_HALF_OPEN_FULL), 5000 - 16);
    for (unsigned second = 0; second < 40; second++) {
        struct harness_segment answer;
        harness_advance(h, 1000000);
        while (harness_receive(h, &answer)) {
        }
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
    struct harness_peer peer = harness_peer(999);
    harness_open(h, &peer);
}

static void an_answer_that_finds_no_mbuf_is_sent_by_the_timer(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000), stranger = harness_peer(40001);
    struct harness_segment answer;
    harness_send_syn(h, &peer);
    assert_true(harness_receive(h, &answer)); // and lost on the wire
    struct rte_mbuf *hoard[HARNESS_MBUFS];
    assert_int_equal(rte_pktmbuf_alloc_bulk(h->pool, hoard, HARNESS_MBUFS - 1), 0);
    struct rte_mbuf *ack = harness_build(h, &stranger, ACK, 1, 1, NULL, 0, NULL, 0); // the last
    harness_input(h, ack);
    harness_advance(h, 100000);
    harness_expect_none(h); // the RST found none: the ACK still had it
    assert_int_equal(rte_pktmbuf_alloc_bulk(h->pool, hoard + HARNESS_MBUFS - 1, 1), 0);
    harness_advance(h, 1000000);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TX_DROP_NO_MBUF), 2);
    rte_pktmbuf_free_bulk(hoard, HARNESS_MBUFS);
    harness_advance(h, 2000000);
    assert_true(harness_receive(h, &answer));
    assert_int_equal(answer.flags, SYN | ACK);
    assert_int_equal(answer.ack, peer.seq);
    harness_expect_none(h);
}

static void blocks_whose_end_was_not_told_are_not_given_to_others(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = h->options.max_half_open = 1;
    harness_restart(h);
    for (unsigned i = 0; i < 2; i++) { // both blocks; the caller does not look
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct harness_segment answer;
        harness_send_syn(h, &peer);
        assert_true(harness_receive(h, &answer));
        peer.ack = answer.seq + 1;
        harness_send(h, &peer, ACK, NULL, 0);
        harness_send(h, &peer, RST, NULL, 0);
    }
    assert_int_equal(tcpstack_connections(h->stack), 0);
    struct harness_peer third = harness_peer(40002);
    harness_send_syn(h, &third);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL), 1);
    struct tcp_conn *ended[2];
    assert_int_equal(tcpstack_ready(h->stack, ended, 2), 2);
    harness_open(h, &third);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_syn_is_answered_and_its_ack_opens),
        TEST(the_answer_goes_to_the_sender_of_the_syn),
        TEST(options_are_offered_as_the_peer_does),
        TEST(the_same_syn_again_gets_the_same_answer),
        TEST(the_answer_is_sent_again_then_given_up),
        TEST(a_wrong_ack_is_reset_and_does_not_open),
        TEST(data_may_come_with_the_ack_that_opens),
        TEST(initial_sequence_numbers_differ_by_peer_and_rise_with_time),
        TEST(another_syn_in_the_window_goes_back_to_listen),
        TEST(connections_beyond_the_maximum_are_refused),
        TEST(segments_for_nobody_get_the_reset_of_the_closed_state),
        TEST(a_listener_answers_only_syn_and_ack),
        TEST(a_syn_with_malformed_options_is_dropped),
        TEST(an_answer_that_finds_no_mbuf_is_sent_by_the_timer),
        TEST(blocks_whose_end_was_not_told_are_not_given_to_others),
        TEST(a_flood_of_syns_is_bounded_and_passes),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
