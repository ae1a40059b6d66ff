// When a connection has a block for what is on its way, and when not.
#include "tcpstack/stack.h"
#include "tests/unit/tcpstack/harness.h"

static unsigned lent(const struct harness *h)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < h->stack->traffic.blocks_used; i++)
        count += h->stack->traffic.blocks[i].owner != NULL;
    return count;
}

static void an_idle_connection_has_none(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    assert_int_equal(lent(h), 0);
}

static void unread_bytes_keep_it(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | PSH, "request", 7);
    assert_int_equal(lent(h), 1);
    tcp_consume(conn, 3);
    harness_advance(h, 1000000);
    assert_int_equal(lent(h), 1);
    tcp_consume(conn, 4);
    assert_int_equal(lent(h), 0);
}

static void bytes_not_acknowledged_keep_it(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, "reply", 5));
    harness_flush(h);
    assert_int_equal(lent(h), 1);
    peer.ack += 5;
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(lent(h), 0);
}

static void bytes_out_of_order_keep_it_until_the_hole_is_filled(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send_at(h, &peer, ACK, peer.seq + 4, "5678", 4);
    assert_int_equal(lent(h), 1);
    harness_send_at(h, &peer, ACK, peer.seq, "1234", 4);
    assert_int_equal(lent(h), 1);
    tcp_consume(conn, 8);
    harness_flush(h);
    assert_int_equal(lent(h), 0);
}

static void the_end_of_a_connection_gives_it_back(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    harness_send(h, &peer, ACK | PSH, "request", 7);
    harness_send(h, &peer, RST, NULL, 0);
    assert_int_equal(lent(h), 0);
}

static void time_wait_has_none(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    tcp_close(harness_open(h, &peer));
    harness_flush(h);
    assert_int_equal(lent(h), 1); // our FIN is not acknowledged
    peer.ack++;
    harness_send(h, &peer, ACK | FIN, NULL, 0);
    assert_int_equal(lent(h), 0);
    assert_int_equal(tcpstack_connections(h->stack), 1);
}

static void the_same_block_serves_one_connection_after_the_other(void **state)
{
    struct harness *h = *state;
    for (uint16_t i = 0; i < 10; i++) {
        struct harness_peer peer = harness_peer(40000 + i);
        struct tcp_conn *conn = harness_open(h, &peer);
        harness_send(h, &peer, ACK | PSH, "request", 7);
        assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE);
        tcp_consume(conn, 7);
        harness_flush(h);
    }
    assert_int_equal(h->stack->traffic.blocks_used, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_BOTH(an_idle_connection_has_none),
        HARNESS_BOTH(unread_bytes_keep_it),
        HARNESS_BOTH(bytes_not_acknowledged_keep_it),
        HARNESS_BOTH(bytes_out_of_order_keep_it_until_the_hole_is_filled),
        HARNESS_BOTH(the_end_of_a_connection_gives_it_back),
        HARNESS_BOTH(time_wait_has_none),
        HARNESS_BOTH(the_same_block_serves_one_connection_after_the_other),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
