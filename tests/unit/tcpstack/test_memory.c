// Short of packet buffers: what is given up first, and that nobody who behaves is stopped.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum {
    LOW = HARNESS_MBUFS / 8,
    CRITICAL = HARNESS_MBUFS / 16,
    GREEDY = 60,
    POLITE_PORT = 39999,
};

static const uint8_t bytes[1460];
static struct rte_mbuf *hoard[HARNESS_MBUFS];
static unsigned hoarded;

// Takes mbufs out of the pool until `left` are free.
static void leave(struct harness *h, unsigned left)
{
    hoarded = rte_mempool_avail_count(h->pool) - left;
    assert_int_equal(rte_pktmbuf_alloc_bulk(h->pool, hoard, hoarded), 0);
}

static void give_back(struct harness *h)
{
    rte_pktmbuf_free_bulk(hoard, hoarded);
    harness_flush(h);
}

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void new_connections_are_shed_first(void **state)
{
    struct harness *h = *state;
    struct harness_peer old = harness_peer(40000), new = harness_peer(40001);
    struct tcp_conn *conn = harness_open(h, &old);
    leave(h, LOW - 1);
    harness_send_syn(h, &new);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_SYN_SHED), 1);
    harness_send(h, &old, ACK | PSH, "hello", 5); // who is here is served
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE);
    assert_true(tcp_write(conn, bytes, sizeof bytes));
    give_back(h);
    drain_output(h);
    new.seq--;
    harness_open(h, &new);
}

static void out_of_order_data_is_dropped_and_what_is_held_given_up(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    harness_send_at(h, &peer, ACK, peer.seq + 100, bytes, 100);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER), 1);
    leave(h, LOW - 10);
    harness_send_at(h, &peer, ACK, peer.seq + 300, bytes, 100);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_SHED), 1);
    harness_advance(h, 10000000);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OUT_OF_ORDER_EVICTED), 1);
    give_back(h);
    drain_output(h);
}

static void the_window_grows_no_further_but_keeps_its_word(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    uint32_t edge = peer.seq + 65535;
    leave(h, LOW - 20);
    for (unsigned i = 0; i < 100; i++) {
        struct harness_segment ack;
        harness_send(h, &peer, ACK | PSH, bytes, 1000);
        tcp_consume(conn, tcp_readable(conn));
        harness_advance(h, 50000);
        while (harness_receive(h, &ack)) {
            uint32_t announced = ack.ack + ack.window;
            assert_true((int32_t)(announced - edge) >= 0);
            if (ack.ack + 2 * HARNESS_MSS - edge < 0x80000000u)
                assert_in_range(ack.window, 0, 2 * HARNESS_MSS);
            edge = announced;
        }
    }
    give_back(h);
    harness_send(h, &peer, ACK | PSH, bytes, 1000);
    tcp_consume(conn, tcp_readable(conn));
    harness_advance(h, 50000);
    struct harness_segment ack;
    assert_true(harness_receive(h, &ack));
    assert_in_range(ack.window, 64000, 65535);
    drain_output(h);
}

// ---- greedy peers and a polite one

static struct tcp_conn *greedy[GREEDY];
static struct harness_peer greedy_peers[GREEDY];

static void open_greedy(struct harness *h)
{
    for (unsigned i = 0; i < GREEDY; i++) {
        greedy_peers[i] = harness_peer((uint16_t)(40000 + i));
        greedy[i] = harness_open(h, &greedy_peers[i]);
    }
}

// Forgets those that the stack has ended; true when `conn` has something to read.
static bool look_at_events(struct harness *h, const struct tcp_conn *conn)
{
    bool readable = false;
    struct tcp_conn *ready[GREEDY + 1];
    unsigned count = tcpstack_ready(h->stack, ready, GREEDY + 1);
    for (unsigned i = 0; i < count; i++) {
        unsigned events = tcp_take_events(ready[i]);
        readable |= ready[i] == conn && (events & TCP_EVENT_READABLE);
        for (unsigned k = 0; k < GREEDY && (events & TCP_EVENT_CLOSED); k++) {
            if (greedy[k] == ready[i])
                greedy[k] = NULL;
        }
    }
    return readable;
}

static bool polite_reply_came(struct harness *h, struct harness_peer *peer)
{
    bool came = false;
    struct harness_segment segment;
    while (harness_receive(h, &segment)) {
        if (segment.destination_port != POLITE_PORT || segment.size == 0)
            continue;
        came = segment.seq == peer->ack;
        peer->ack += came ? segment.size : 0;
    }
    return came;
}

// One request and its reply; how often it had to be sent.
static unsigned ask(struct harness *h, struct harness_peer *peer, struct tcp_conn *conn)
{
    for (unsigned tries = 1; tries < 20; tries++) {
        harness_send_at(h, peer, ACK | PSH, peer->seq, bytes, 156);
        if (look_at_events(h, conn)) {
            tcp_consume(conn, tcp_readable(conn));
            while (!tcp_write(conn, bytes, 160))
                harness_advance(h, 10000);
            harness_flush(h);
        }
        if (polite_reply_came(h, peer)) {
            peer->seq += 156;
            return tries;
        }
        harness_advance(h, 200000);
        look_at_events(h, NULL);
    }
    return UINT32_MAX;
}

static void serve_politely(struct harness *h, void (*misbehave)(struct harness *h, unsigned i))
{
    struct harness_peer peer = harness_peer(POLITE_PORT);
    struct tcp_conn *conn = harness_open(h, &peer);
    open_greedy(h);
    unsigned lowest = HARNESS_MBUFS;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < GREEDY; i++) {
            if (greedy[i] != NULL)
                misbehave(h, i);
        }
        assert_in_range(ask(h, &peer, conn), 1, 2);
        lowest = RTE_MIN(lowest, rte_mempool_avail_count(h->pool));
        harness_advance(h, 100000);
        look_at_events(h, NULL);
        drain_output(h);
    }
    assert_in_range(lowest, 1, LOW);
    assert_int_not_equal(harness_counter(h, TCPSTACK_TCP_STUCK_RESET), 0);
}

// Never acknowledges what it is sent.
static void write_to(struct harness *h, unsigned i)
{
    (void)h;
    while (greedy[i] != NULL && tcp_write(greedy[i], bytes, sizeof bytes)) {
    }
}

static void peers_that_do_not_read_do_not_stop_one_that_does(void **state)
{
    struct harness *h = *state;
    serve_politely(*state, write_to);
    assert_int_not_equal(harness_counter(h, TCPSTACK_TCP_WRITES_HELD_BACK), 0);
}

// Sends what the caller cannot use yet, so that it stays unread.
static void half_a_request(struct harness *h, unsigned i)
{
    harness_send(h, &greedy_peers[i], ACK | PSH, bytes, sizeof bytes);
}

static void requests_without_end_do_not_stop_one_that_ends(void **state)
{
    struct harness *h = *state;
    serve_politely(h, half_a_request);
}

// Leaves a hole and fills the window behind it.
static void a_hole(struct harness *h, unsigned i)
{
    for (uint32_t k = 1; k < 40; k++) {
        harness_send_at(h, &greedy_peers[i], ACK, greedy_peers[i].seq + k * 1460, bytes, 1460);
        drain_output(h);
    }
}

static void out_of_order_data_alone_never_makes_memory_low(void **state)
{
    struct harness *h = *state;
    open_greedy(h);
    for (unsigned i = 0; i < GREEDY; i++)
        a_hole(h, i);
    assert_in_range(rte_mempool_avail_count(h->pool), HARNESS_MBUFS * 3 / 4, HARNESS_MBUFS);
}

static void a_connection_that_makes_progress_is_not_stuck(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    leave(h, CRITICAL - 20);
    assert_true(tcp_write(conn, bytes, 1000));
    for (unsigned i = 0; i < 10; i++) { // one byte of the reply is acknowledged a second
        harness_advance(h, 1000000);
        drain_output(h);
        peer.ack++;
        harness_send(h, &peer, ACK, NULL, 0);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_STUCK_RESET), 0);
    harness_advance(h, 3000000); // and now none
    drain_output(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_STUCK_RESET), 1);
    harness_events(h, NULL);
    give_back(h);
}

// ---- TIME-WAIT

static void leave_in_time_wait(struct harness *h, struct harness_peer *peer)
{
    struct tcp_conn *conn = harness_open(h, peer);
    tcp_close(conn);
    harness_flush(h);
    peer->ack++;
    harness_send(h, peer, ACK | FIN, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_CLOSED);
    drain_output(h);
}

static void the_oldest_time_wait_makes_room_for_a_new_connection(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 3;
    harness_restart(h);
    struct harness_peer peers[4];
    for (unsigned i = 0; i < 4; i++)
        peers[i] = harness_peer((uint16_t)(40000 + i));
    for (unsigned i = 0; i < 3; i++)
        leave_in_time_wait(h, &peers[i]);
    harness_open(h, &peers[3]);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_TIME_WAIT_EVICTED), 1);
    assert_int_equal(tcpstack_connections(h->stack), 3);
    // The first is forgotten, the second is not.
    harness_send_at(h, &peers[0], ACK, peers[0].seq, NULL, 0);
    harness_expect(h, RST, peers[0].ack, 0, 0);
    harness_send_at(h, &peers[1], ACK | FIN, peers[1].seq - 1, NULL, 0);
    harness_expect(h, ACK, peers[1].ack, peers[1].seq, 0);
}

static void a_syn_alone_evicts_nothing(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 1;
    harness_restart(h);
    struct harness_peer old = harness_peer(40000), flood = harness_peer(50000);
    leave_in_time_wait(h, &old);
    for (unsigned i = 0; i < 100; i++) {
        flood.port++;
        flood.seq = 1000;
        harness_send_syn(h, &flood);
    }
    drain_output(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_TIME_WAIT_EVICTED), 0);
    assert_int_equal(tcpstack_connections(h->stack), 1);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(new_connections_are_shed_first),
        TEST(out_of_order_data_is_dropped_and_what_is_held_given_up),
        TEST(the_window_grows_no_further_but_keeps_its_word),
        TEST(peers_that_do_not_read_do_not_stop_one_that_does),
        TEST(requests_without_end_do_not_stop_one_that_ends),
        TEST(out_of_order_data_alone_never_makes_memory_low),
        TEST(a_connection_that_makes_progress_is_not_stuck),
        TEST(the_oldest_time_wait_makes_room_for_a_new_connection),
        TEST(a_syn_alone_evicts_nothing),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
