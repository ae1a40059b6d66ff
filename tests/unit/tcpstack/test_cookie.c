// SYN cookies (RFC 4987): what they keep, how long they are good, and what is refused.
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

#define MINUTE UINT64_C(60000000)

static void use_cookies(struct harness *h, enum tcpstack_cookies cookies)
{
    h->options.cookies = cookies;
    harness_restart(h);
}

// Sends a SYN, takes the answer, and leaves the peer ready to send its ACK.
static struct harness_segment knock(struct harness *h, struct harness_peer *peer)
{
    struct harness_segment answer;
    harness_send_syn(h, peer);
    assert_true(harness_receive(h, &answer));
    assert_int_equal(answer.flags, SYN | ACK);
    assert_int_equal(answer.ack, peer->seq);
    peer->ack = answer.seq + 1;
    return answer;
}

static void fill_half_open(struct harness *h)
{
    for (unsigned i = 0; i < h->options.max_half_open; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(1024 + i));
        knock(h, &peer);
    }
}

static void a_full_half_open_table_answers_by_cookie(void **state)
{
    struct harness *h = *state;
    fill_half_open(h);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_COOKIES_SENT), 0);
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_COOKIES_SENT), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_COOKIES_ACCEPTED), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), h->options.max_half_open);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_OPENS_PASSIVE), 1);
}

static void a_cookie_leaves_nothing_behind(void **state)
{
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    for (unsigned i = 0; i < 10000; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(1024 + i));
        knock(h, &peer);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
    assert_int_equal(tcpstack_next_timer(h->stack), UINT64_MAX);
}

static void a_cookie_keeps_the_mss_or_the_next_smaller_one(void **state)
{
    static const struct {
        uint16_t offered, kept;
    } rows[] = {{1460, 1460}, {9000, 1460}, {1459, 1448}, {1300, 1220},
                {536, 536},   {0, 536},     {535, 88},    {1, 88}};
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        peer.mss = rows[i].offered;
        struct tcp_conn *conn = harness_open(h, &peer);
        assert_int_equal(tcp_segment_room(conn), rows[i].kept);
    }
}

static void a_window_scale_that_cannot_be_kept_is_not_offered(void **state)
{
    struct harness *h = *state;
    h->options.receive_window = 1 << 20;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    peer.scale = 7;
    struct harness_segment answer = knock(h, &peer);
    assert_int_equal(answer.scale, -1);
    peer.window = 1000;
    harness_send(h, &peer, ACK, NULL, 0);
    struct tcp_conn *conn;
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
    // 1,000 bytes, not 1,000 << 7.
    static const uint8_t bytes[1400];
    assert_true(tcp_write(conn, bytes, 1400));
    harness_flush(h);
    harness_expect(h, ACK, peer.ack, peer.seq, 1000);
    harness_expect_none(h);
    tcp_abort(conn);
    harness_expect(h, RST | ACK, peer.ack + 1000, peer.seq, 0);
    harness_events(h, NULL);
}

static void timestamps_carry_the_window_scale(void **state)
{
    static const int scales[] = {-1, 0, 7, 14};
    struct harness *h = *state;
    h->options.receive_window = 1 << 20;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    for (size_t i = 0; i < RTE_DIM(scales); i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        peer.timestamps = true;
        peer.timestamp = 77;
        peer.scale = scales[i];
        struct harness_segment answer = knock(h, &peer);
        assert_true(answer.timestamps);
        assert_int_equal(answer.timestamp_echo, 77);
        assert_int_equal(answer.scale, scales[i] < 0 ? -1 : 5);
        peer.timestamp_echo = answer.timestamp;
        peer.window = 5;
        harness_send(h, &peer, ACK, NULL, 0);
        struct tcp_conn *conn;
        assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
        assert_int_equal(tcp_segment_room(conn), 1448); // 1,460 less the timestamps
        static const uint8_t bytes[2000];
        uint32_t window = 5u << RTE_MAX(scales[i], 0);
        assert_true(tcp_write(conn, bytes, sizeof bytes));
        harness_flush(h);
        struct harness_segment first;
        assert_true(harness_receive(h, &first));
        assert_int_equal(first.size, RTE_MIN(window, 1448u));
        assert_true((int32_t)(first.timestamp - answer.timestamp) >= 0);
        while (harness_receive(h, &first)) {
        }
    }
}

// As far as a regular handshake: a hole is answered with SACK blocks only when that was agreed.
static void timestamps_carry_permission_to_sack(void **state)
{
    struct harness *h = *state;
    for (unsigned set = 0; set < 4; set++) {
        bool theirs = set & 1, ours = set & 2;
        h->options.without_sack = !ours;
        use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
        struct harness_peer peer = harness_peer(40000);
        peer.timestamps = true;
        peer.may_sack = theirs;
        struct harness_segment answer = knock(h, &peer);
        assert_int_equal(answer.may_sack, theirs && ours);
        peer.timestamp_echo = answer.timestamp;
        harness_send(h, &peer, ACK, NULL, 0);
        assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
        harness_send_at(h, &peer, ACK, peer.seq + 100, "late", 4);
        assert_true(harness_receive(h, &answer));
        assert_int_equal(answer.sack_count, theirs && ours ? 1 : 0);
    }
}

static void a_stack_without_timestamps_keeps_the_mss_alone(void **state)
{
    struct harness *h = *state;
    h->options.without_timestamps = true;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    peer.timestamps = true;
    peer.scale = 7;
    struct harness_segment answer = knock(h, &peer);
    assert_false(answer.timestamps);
    assert_int_equal(answer.scale, -1);
    harness_send(h, &peer, ACK, NULL, 0);
    struct tcp_conn *conn;
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
    assert_int_equal(tcp_segment_room(conn), 1460);
}

static void malformed_options_do_not_bring_a_cookie_back(void **state)
{
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    knock(h, &peer);
    static const uint8_t bad[4] = {8, 3, 0, 0};
    harness_input(h, harness_build(h, &peer, ACK, peer.seq, peer.ack, bad, 4, NULL, 0));
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_OPTIONS), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
}

static void data_with_the_ack_completes(void **state)
{
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn;
    knock(h, &peer);
    harness_send(h, &peer, ACK | PSH, "hello", 5); // the bare ACK was lost
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED | TCP_EVENT_READABLE);
    assert_int_equal(tcp_readable(conn), 5);
}

static void a_fin_with_the_ack_completes_and_finishes(void **state)
{
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn;
    knock(h, &peer);
    harness_send(h, &peer, ACK | FIN, "bye", 3);
    assert_int_equal(harness_events(h, &conn),
                     TCP_EVENT_OPENED | TCP_EVENT_READABLE | TCP_EVENT_FINISHED);
}

static void a_cookie_is_good_for_two_to_four_minutes(void **state)
{
    static const struct {
        uint64_t sent_at, age;
        bool good;
    } rows[] = {
        {0, 0, true},
        {0, 2 * MINUTE, true},
        {0, 4 * MINUTE - 1, true},
        {0, 4 * MINUTE, false},
        {2 * MINUTE - 1, 0, true},
        {2 * MINUTE - 1, 1, true}, // the slot ends between the two
        {2 * MINUTE - 1, 2 * MINUTE, true},
        {2 * MINUTE - 1, 2 * MINUTE + 1, false},
        {7 * MINUTE, 8 * MINUTE, false}, // the same parity again
        {7 * MINUTE, 60 * MINUTE, false},
    };
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        h->now = rows[i].sent_at;
        use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
        struct harness_peer peer = harness_peer(40000), other = harness_peer(40001);
        knock(h, &peer);
        h->now += rows[i].age;
        knock(h, &other); // so that cookies are out
        harness_send(h, &peer, ACK, NULL, 0);
        assert_int_equal(harness_events(h, NULL), rows[i].good ? TCP_EVENT_OPENED : 0);
        if (!rows[i].good)
            harness_expect(h, RST, peer.ack, 0, 0);
        assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_COOKIE), !rows[i].good);
    }
}

static void a_clock_that_jumps_back_accepts_no_cookie_of_the_future(void **state)
{
    struct harness *h = *state;
    h->now = 9 * MINUTE;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    knock(h, &peer);
    h->now = MINUTE;
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, RST, peer.ack, 0, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_COOKIE), 1);
}

static void a_cookie_belongs_to_its_connection(void **state)
{
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    knock(h, &peer);
    struct harness_peer wrong[] = {peer, peer, peer, peer, peer};
    wrong[0].port++;
    wrong[1].address[15] += 9;
    wrong[2].seq++;
    wrong[3].ack++;
    wrong[4].ack ^= 1u << 28; // another MSS
    for (size_t i = 0; i < RTE_DIM(wrong); i++) {
        harness_send_at(h, &wrong[i], ACK, wrong[i].seq, NULL, 0);
        harness_expect(h, RST, wrong[i].ack, 0, 0);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_COOKIE), RTE_DIM(wrong));
    harness_send(h, &peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
}

static void a_guessed_cookie_does_not_open(void **state)
{
    struct harness *h = *state;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer peer = harness_peer(40000);
    knock(h, &peer);
    uint32_t right = peer.ack;
    for (uint32_t bit = 0; bit < 32; bit++) {
        peer.ack = right ^ 1u << bit;
        harness_send_at(h, &peer, ACK, peer.seq, NULL, 0);
        harness_expect(h, RST, peer.ack, 0, 0);
    }
    assert_int_equal(tcpstack_connections(h->stack), 0);
}

static void no_cookie_is_believed_while_none_is_out(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    knock(h, &peer);
    harness_restart(h); // the same secret: the cookie would fit
    harness_send(h, &peer, ACK, NULL, 0);
    harness_expect(h, RST, peer.ack, 0, 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_NO_CONNECTION), 1);
}

static void a_cookie_for_a_full_table_waits_for_room(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 1;
    use_cookies(h, TCPSTACK_COOKIES_ALWAYS);
    struct harness_peer first = harness_peer(40000), second = harness_peer(40001);
    knock(h, &first);
    knock(h, &second);
    harness_send(h, &first, ACK, NULL, 0);
    harness_send_at(h, &second, ACK, second.seq, NULL, 0);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL), 1);
    harness_events(h, NULL);
    harness_send(h, &first, RST, NULL, 0);
    harness_events(h, NULL);
    harness_send(h, &second, ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_full_half_open_table_answers_by_cookie),
        TEST(a_cookie_leaves_nothing_behind),
        TEST(a_cookie_keeps_the_mss_or_the_next_smaller_one),
        TEST(a_window_scale_that_cannot_be_kept_is_not_offered),
        TEST(timestamps_carry_the_window_scale),
        TEST(timestamps_carry_permission_to_sack),
        TEST(a_stack_without_timestamps_keeps_the_mss_alone),
        TEST(malformed_options_do_not_bring_a_cookie_back),
        TEST(data_with_the_ack_completes),
        TEST(a_fin_with_the_ack_completes_and_finishes),
        TEST(a_cookie_is_good_for_two_to_four_minutes),
        TEST(a_clock_that_jumps_back_accepts_no_cookie_of_the_future),
        TEST(a_cookie_belongs_to_its_connection),
        TEST(a_guessed_cookie_does_not_open),
        TEST(no_cookie_is_believed_while_none_is_out),
        TEST(a_cookie_for_a_full_table_waits_for_room),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
