// Selective acknowledgement, both ways (RFC 2018, RFC 6675).
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { PIECE = 100, TICK = 1024, RTT = 10000 };

static uint8_t pattern[100000];

static struct harness_peer sacking_peer(uint16_t port)
{
    struct harness_peer peer = harness_peer(port);
    peer.may_sack = true;
    return peer;
}

static struct tcp_conn *open_with_rtt(struct harness *h, struct harness_peer *peer)
{
    struct harness_segment answer;
    struct tcp_conn *conn = NULL;
    harness_send_syn(h, peer);
    assert_true(harness_receive(h, &answer));
    assert_true(answer.may_sack);
    peer->ack = answer.seq + 1;
    peer->timestamp_echo = answer.timestamp;
    h->now += RTT;
    harness_send(h, peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
    return conn;
}

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

static void send_piece(struct harness *h, const struct harness_peer *peer, uint32_t index)
{
    harness_send_at(h, peer, ACK, peer->seq + index * PIECE, pattern + index * PIECE, PIECE);
}

// The ACK of a piece must report these runs of pieces, given as first and behind the last.
static void expect_blocks(struct harness *h, const struct harness_peer *peer, unsigned count,
                          const uint32_t (*runs)[2])
{
    struct harness_segment segment = harness_expect(h, ACK, peer->ack, peer->seq, 0);
    assert_int_equal(segment.sack_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(segment.sack[i].begin, peer->seq + runs[i][0] * PIECE);
        assert_int_equal(segment.sack[i].end, peer->seq + runs[i][1] * PIECE);
    }
}

static void it_is_agreed_on_when_both_sides_want_it(void **state)
{
    struct harness *h = *state;
    for (unsigned set = 0; set < 4; set++) {
        struct harness_peer peer = harness_peer(40000);
        struct harness_segment answer;
        h->options.without_sack = set & 1;
        peer.may_sack = set & 2;
        harness_restart(h);
        harness_send_syn(h, &peer);
        assert_true(harness_receive(h, &answer));
        assert_int_equal(answer.may_sack, set == 2);
        peer.ack = answer.seq + 1;
        harness_send(h, &peer, ACK, NULL, 0);
        harness_events(h, NULL);
        send_piece(h, &peer, 1);
        assert_int_equal(harness_expect(h, ACK, peer.ack, peer.seq, 0).sack_count, set == 2);
    }
}

static void the_block_that_grew_last_comes_first(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    harness_open(h, &peer);
    send_piece(h, &peer, 1);
    expect_blocks(h, &peer, 1, (const uint32_t[][2]){{1, 2}});
    send_piece(h, &peer, 3);
    expect_blocks(h, &peer, 2, (const uint32_t[][2]){{3, 4}, {1, 2}});
    send_piece(h, &peer, 7);
    expect_blocks(h, &peer, 3, (const uint32_t[][2]){{7, 8}, {3, 4}, {1, 2}});
    send_piece(h, &peer, 4);
    expect_blocks(h, &peer, 3, (const uint32_t[][2]){{3, 5}, {7, 8}, {1, 2}});
    send_piece(h, &peer, 2); // joins two
    expect_blocks(h, &peer, 2, (const uint32_t[][2]){{1, 5}, {7, 8}});
    send_piece(h, &peer, 9);
    expect_blocks(h, &peer, 3, (const uint32_t[][2]){{9, 10}, {1, 5}, {7, 8}});
    send_piece(h, &peer, 11);
    expect_blocks(h, &peer, 4, (const uint32_t[][2]){{11, 12}, {9, 10}, {1, 5}, {7, 8}});
    send_piece(h, &peer, 13); // a fifth: the oldest is left out
    expect_blocks(h, &peer, 4, (const uint32_t[][2]){{13, 14}, {11, 12}, {9, 10}, {1, 5}});
    harness_send(h, &peer, ACK, pattern, PIECE);
    struct harness_segment segment = harness_expect(h, ACK, peer.ack, peer.seq + 4 * PIECE, 0);
    assert_int_equal(segment.sack_count, 4);
    assert_int_equal(segment.sack[3].begin, peer.seq + 6 * PIECE);
}

static void timestamps_leave_room_for_three_blocks(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    peer.timestamps = true;
    harness_open(h, &peer);
    for (unsigned i = 1; i < 10; i += 2)
        send_piece(h, &peer, i);
    struct harness_segment segment;
    for (unsigned i = 1; i < 10; i += 2)
        segment = harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(segment.sack_count, 3);
    assert_int_equal(segment.sack[0].begin, peer.seq + 9 * PIECE);
}

static void a_fin_out_of_order_is_part_of_its_block(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    harness_open(h, &peer);
    harness_send_at(h, &peer, ACK | FIN, peer.seq + PIECE, pattern + PIECE, PIECE);
    struct harness_segment segment = harness_expect(h, ACK, peer.ack, peer.seq, 0);
    assert_int_equal(segment.sack[0].begin, peer.seq + PIECE);
    assert_int_equal(segment.sack[0].end, peer.seq + 2 * PIECE + 1);
}

// A segment with room carries them; after a full one an ACK of its own does.
static void blocks_ride_on_data_that_leaves_room(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, pattern, 100));
    send_piece(h, &peer, 1);
    struct harness_segment segment = harness_expect(h, ACK | PSH, peer.ack, peer.seq, 100);
    assert_int_equal(segment.sack_count, 1);
    harness_expect_none(h);
    assert_true(tcp_write(conn, pattern, HARNESS_MSS));
    send_piece(h, &peer, 3);
    segment = harness_expect(h, ACK | PSH, peer.ack + 100, peer.seq, HARNESS_MSS);
    assert_int_equal(segment.sack_count, 0);
    segment = harness_expect(h, ACK, peer.ack + 100 + HARNESS_MSS, peer.seq, 0);
    assert_int_equal(segment.sack_count, 2);
    harness_expect_none(h);
}

// ---- what the peer reports

// Sends `count` full segments, which the test takes.
static struct tcp_conn *send_flight(struct harness *h, struct harness_peer *peer, unsigned count)
{
    struct tcp_conn *conn = open_with_rtt(h, peer);
    assert_true(tcp_write(conn, pattern, count * HARNESS_MSS));
    harness_flush(h);
    drain_output(h);
    h->now += RTT;
    return conn;
}

// An ACK at peer->ack that reports the segments from `first` to before `end` of the flight.
static void report(struct harness *h, struct harness_peer *peer, uint32_t una, unsigned first,
                   unsigned end)
{
    memmove(peer->sack + 1, peer->sack, 3 * sizeof *peer->sack);
    peer->sack[0] = (struct harness_block){una + first * HARNESS_MSS, una + end * HARNESS_MSS};
    peer->sack_count = RTE_MIN(peer->sack_count + 1, 4u);
    harness_send(h, peer, ACK, NULL, 0);
}

static void only_the_holes_are_sent_again(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    send_flight(h, &peer, 10);
    uint32_t una = peer.ack;
    report(h, &peer, una, 1, 2);
    report(h, &peer, una, 1, 3);
    harness_expect_none(h);
    report(h, &peer, una, 4, 5); // the third: 0 and 3 were sent before it
    harness_expect(h, ACK, una, peer.seq, HARNESS_MSS);
    harness_expect(h, ACK, una + 3 * HARNESS_MSS, peer.seq, HARNESS_MSS);
    report(h, &peer, una, 4, 10);
    harness_expect_none(h);
    peer.sack_count = 0;
    peer.ack = una + 10 * HARNESS_MSS;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_advance(h, 5000000);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RETRANSMITS), 2);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_FAST_RETRANSMITS), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 0);
}

// RFC 6675 4: what was reported has left the network, and new data takes its place. Of ten segments
// in flight, four were received and one was lost; CUBIC's window is seven.
static void new_data_follows_while_the_pipe_has_room(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    send_flight(h, &peer, 20); // ten of them go
    uint32_t una = peer.ack;
    report(h, &peer, una, 1, 5);
    harness_expect(h, ACK, una, peer.seq, HARNESS_MSS);
    harness_expect(h, ACK, una + 10 * HARNESS_MSS, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
    report(h, &peer, una, 1, 6);
    harness_expect(h, ACK, una + 11 * HARNESS_MSS, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
}

static void unsound_blocks_are_ignored(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    send_flight(h, &peer, 5);
    uint32_t una = peer.ack, end = una + 5 * HARNESS_MSS;
    const struct harness_block rows[] = {
        {una + HARNESS_MSS, end + 1},                   // never sent
        {end, una + HARNESS_MSS},                       // backwards
        {una + HARNESS_MSS, una + HARNESS_MSS},         // empty
        {una - 1, end},                                 // acknowledged in part
        {una + 0x80000000, una + 0x80000010},           // far away
        {una + HARNESS_MSS + 1, una + HARNESS_MSS * 2}, // part of a segment
    };
    peer.sack_count = 1;
    for (unsigned i = 0; i < 4 * RTE_DIM(rows); i++) {
        peer.sack[0] = rows[i % RTE_DIM(rows)];
        harness_send(h, &peer, ACK, NULL, 0);
    }
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RETRANSMITS), 0);
}

// RFC 2018 8: the receiver may drop what it reported; after a time-out everything is sent again.
static void a_receiver_may_renege(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    send_flight(h, &peer, 5);
    uint32_t una = peer.ack;
    report(h, &peer, una, 1, 5);
    harness_expect(h, ACK, una, peer.seq, HARNESS_MSS);
    peer.sack_count = 0;
    peer.ack += HARNESS_MSS; // and segment 1 has gone
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect_none(h);
    harness_advance(h, 200000 + TICK);
    harness_expect(h, ACK, peer.ack, peer.seq, HARNESS_MSS);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_SACK_RENEGED), 1);
    for (unsigned i = 2; i < 5; i++) {
        peer.ack += HARNESS_MSS;
        harness_send(h, &peer, ACK, NULL, 0);
    }
    for (unsigned i = 2; i < 5; i++)
        harness_expect(h, i == 4 ? ACK | PSH : ACK, una + i * HARNESS_MSS, peer.seq, HARNESS_MSS);
    harness_expect_none(h);
}

// More segments than one ACK may visit: while a block grows only what is new is looked at.
static void a_growing_block_is_marked_however_long(void **state)
{
    enum { MSS = 100, COUNT = 600 };
    struct harness *h = *state;
    struct harness_peer peer = sacking_peer(40000);
    peer.mss = MSS;
    peer.scale = 2;
    struct tcp_conn *conn = open_with_rtt(h, &peer);
    for (unsigned i = 0; i < 12; i++) { // slow start, until COUNT fit into the window
        assert_true(tcp_write(conn, pattern, COUNT * MSS));
        for (unsigned j = 0; j < COUNT; j++) {
            harness_flush(h);
            drain_output(h);
            peer.ack += MSS;
            harness_send(h, &peer, ACK, NULL, 0);
        }
        drain_output(h);
    }
    assert_true(tcp_write(conn, pattern, COUNT * MSS));
    harness_flush(h);
    drain_output(h);
    h->now += RTT;
    peer.sack_count = 1;
    for (unsigned i = 2; i <= COUNT; i++) {
        peer.sack[0] = (struct harness_block){peer.ack + MSS, peer.ack + i * MSS};
        harness_send(h, &peer, ACK, NULL, 0);
    }
    harness_expect(h, ACK, peer.ack, peer.seq, MSS);
    harness_expect_none(h);
    // Of all but the first it is known that they have left the network.
    unsigned sent = 0;
    struct harness_segment segment;
    assert_true(tcp_write(conn, pattern, COUNT / 2 * MSS));
    for (harness_flush(h); harness_receive(h, &segment); sent++)
        assert_int_equal(segment.seq, peer.ack + (COUNT + sent) * MSS);
    assert_int_equal(sent, COUNT / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_agreed_on_when_both_sides_want_it),
        TEST(the_block_that_grew_last_comes_first),
        TEST(timestamps_leave_room_for_three_blocks),
        TEST(a_fin_out_of_order_is_part_of_its_block),
        TEST(blocks_ride_on_data_that_leaves_room),
        TEST(only_the_holes_are_sent_again),
        TEST(new_data_follows_while_the_pipe_has_room),
        TEST(unsound_blocks_are_ignored),
        TEST(a_receiver_may_renege),
        TEST(a_growing_block_is_marked_however_long),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
