// RST and SYN against connections in every state (RFC 5961): only the exact number ends one.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum wanted {
    SYN_RECEIVED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    CLOSE_WAIT,
    CLOSING,
    LAST_ACK,
    TIME_WAIT,
    STATES,
};

static void drain_output(struct harness *h)
{
    struct harness_segment ignored;
    while (harness_receive(h, &ignored)) {
    }
}

// Brings a connection into a state; peer->seq is what the stack expects next.
static void enter(struct harness *h, struct harness_peer *peer, enum wanted wanted)
{
    struct harness_segment answer;
    struct tcp_conn *conn;
    if (wanted == SYN_RECEIVED) {
        harness_send_syn(h, peer);
        assert_true(harness_receive(h, &answer));
        peer->ack = answer.seq + 1;
        return;
    }
    conn = harness_open(h, peer);
    bool peer_first = wanted == CLOSE_WAIT || wanted == LAST_ACK;
    if (peer_first)
        harness_send(h, peer, ACK | FIN, NULL, 0);
    if (wanted != ESTABLISHED && wanted != CLOSE_WAIT)
        tcp_close(conn);
    harness_flush(h);
    if (wanted == CLOSING)
        harness_send(h, peer, ACK | FIN, NULL, 0);
    if (wanted == FIN_WAIT_2 || wanted == TIME_WAIT) {
        peer->ack++;
        harness_send(h, peer, ACK, NULL, 0);
    }
    if (wanted == TIME_WAIT)
        harness_send(h, peer, ACK | FIN, NULL, 0);
    drain_output(h);
    harness_events(h, NULL);
}

static uint64_t alive(const struct harness *h)
{
    return harness_counter(h, TCPSTACK_TCP_CONNECTIONS) +
           harness_counter(h, TCPSTACK_TCP_HALF_OPEN);
}

static void an_exact_reset_ends_every_state_but_time_wait(void **state)
{
    struct harness *h = *state;
    for (unsigned wanted = 0; wanted < STATES; wanted++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + wanted));
        struct tcp_conn *conn;
        uint64_t before = alive(h);
        enter(h, &peer, wanted);
        harness_send_at(h, &peer, RST, peer.seq, NULL, 0);
        harness_expect_none(h);
        assert_int_equal(alive(h), before + (wanted == TIME_WAIT));
        if (wanted == SYN_RECEIVED || wanted == TIME_WAIT) {
            assert_int_equal(harness_events(h, NULL), 0);
        } else {
            assert_int_equal(harness_events(h, &conn), TCP_EVENT_CLOSED);
            assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_RESET);
        }
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RESETS_RECEIVED), STATES - 1);
}

static void a_reset_elsewhere_in_the_window_is_challenged(void **state)
{
    struct harness *h = *state;
    for (unsigned wanted = 0; wanted < TIME_WAIT; wanted++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + wanted));
        struct harness_segment challenge;
        enter(h, &peer, wanted);
        uint64_t before = alive(h);
        harness_send_at(h, &peer, RST | ACK, peer.seq + 1, NULL, 0);
        assert_true(harness_receive(h, &challenge));
        assert_int_equal(challenge.flags, ACK);
        assert_int_equal(challenge.ack, peer.seq);
        assert_int_equal(alive(h), before);
        // The peer, if it has restarted, answers the challenge with the exact one.
        harness_send_at(h, &peer, RST, challenge.ack, NULL, 0);
        assert_int_equal(alive(h), before - 1);
        harness_events(h, NULL);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_RESET_CHALLENGED), TIME_WAIT);
}

static void a_reset_outside_the_window_is_ignored(void **state)
{
    static const uint32_t offsets[] = {UINT32_MAX, 65536, 1u << 31, 0u - 65536};
    struct harness *h = *state;
    for (unsigned wanted = 0; wanted < STATES; wanted++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + wanted));
        enter(h, &peer, wanted);
        uint64_t before = alive(h);
        for (size_t i = 0; i < RTE_DIM(offsets); i++)
            harness_send_at(h, &peer, RST, peer.seq + offsets[i], NULL, 0);
        harness_expect_none(h);
        assert_int_equal(alive(h), before);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW),
                     STATES * RTE_DIM(offsets));
}

static void a_syn_on_a_synchronized_connection_is_challenged(void **state)
{
    struct harness *h = *state;
    for (unsigned wanted = ESTABLISHED; wanted < TIME_WAIT; wanted++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + wanted));
        struct harness_segment challenge;
        enter(h, &peer, wanted);
        harness_send_at(h, &peer, SYN, peer.seq + 5, NULL, 0);
        assert_true(harness_receive(h, &challenge));
        assert_int_equal(challenge.flags, ACK);
        assert_int_equal(challenge.ack, peer.seq);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_SYN_CHALLENGED),
                     TIME_WAIT - ESTABLISHED);
    assert_int_equal(alive(h), TIME_WAIT - ESTABLISHED);
    drain_output(h);
}

static void challenges_are_limited_per_connection(void **state)
{
    struct harness *h = *state;
    struct harness_peer one = harness_peer(40000), other = harness_peer(40001);
    harness_open(h, &one);
    harness_open(h, &other);
    for (unsigned i = 0; i < 100; i++)
        harness_send_at(h, &one, RST, one.seq + 1 + i, NULL, 0);
    harness_expect(h, ACK, one.ack, one.seq, 0);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_CHALLENGES_LIMITED), 99);
    harness_send_at(h, &other, RST, other.seq + 1, NULL, 0); // has its own
    harness_expect(h, ACK, other.ack, other.seq, 0);
    h->now += 50000;
    harness_send_at(h, &one, RST, one.seq + 1, NULL, 0);
    harness_expect(h, ACK, one.ack, one.seq, 0);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(an_exact_reset_ends_every_state_but_time_wait),
        TEST(a_reset_elsewhere_in_the_window_is_challenged),
        TEST(a_reset_outside_the_window_is_ignored),
        TEST(a_syn_on_a_synchronized_connection_is_challenged),
        TEST(challenges_are_limited_per_connection),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
