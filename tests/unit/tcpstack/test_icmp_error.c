// ICMP and ICMPv6 errors about our segments: RFC 5927's checks, path MTU (RFC 1191, RFC 8201).
#include <string.h>

#include "tests/unit/tcpstack/frames.h"

enum kind { HARD, SOFT, TOO_BIG };

static bool over_ipv6(const struct harness *h)
{
    return !tcpstack_address_is_ipv4(h->server);
}

static uint16_t ip_size(const struct harness *h)
{
    return over_ipv6(h) ? 40 : 20;
}

static struct frame error(const struct harness *h, enum kind kind, uint32_t mtu,
                          const struct frame *sent)
{
    static const uint8_t types[2][3][2] = {{{3, 3}, {3, 1}, {3, 4}}, {{1, 4}, {1, 0}, {2, 0}}};
    const uint8_t *type = types[over_ipv6(h)][kind];
    return frame_error(h, type[0], type[1], mtu, sent->bytes, (uint16_t)(ip_size(h) + 8));
}

static void report(struct harness *h, enum kind kind, uint32_t mtu, const struct frame *sent)
{
    struct frame frame = error(h, kind, mtu, sent);
    frame_input(h, &frame);
    harness_flush(h);
}

static struct frame begin(struct harness *h, struct tcp_conn **ret_conn)
{
    struct tcp_endpoints ends = harness_endpoints(50000, 135);
    *ret_conn = tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac);
    return frame_of(harness_take(h));
}

static void a_hard_error_ends_an_open(void **state)
{
    struct harness *h = *state;
    struct tcp_conn *conn, *same;
    struct frame sent = begin(h, &conn);
    report(h, SOFT, 0, &sent);
    assert_int_equal(harness_events(h, NULL), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_ICMP_ERRORS_NOTED), 1);
    report(h, HARD, 0, &sent);
    assert_int_equal(harness_events(h, &same), TCP_EVENT_CLOSED);
    assert_ptr_equal(same, conn);
    assert_int_equal(tcp_close_reason(conn), TCP_CLOSE_UNREACHABLE);
    report(h, HARD, 0, &sent);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_NO_CONNECTION), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_UNREACHABLE), 1);
    harness_expect_none(h);
}

static void errors_end_no_connection(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, "abc", 3));
    harness_flush(h);
    struct frame sent = frame_of(harness_take(h));
    report(h, HARD, 0, &sent);
    assert_int_equal(harness_counter(h, TCPSTACK_ICMP_ERRORS_NOTED), 1);
    assert_int_equal(harness_events(h, NULL), 0);
    assert_int_equal(tcpstack_connections(h->stack), 1);
}

// RFC 6633: type 4 of ICMP; ICMPv6 never had it, and type 4 there is a parameter problem.
static void source_quench_is_ignored(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, "abc", 3));
    harness_flush(h);
    struct frame sent = frame_of(harness_take(h));
    struct frame quench = frame_error(h, 4, 0, 0, sent.bytes, (uint16_t)(ip_size(h) + 8));
    frame_input(h, &quench);
    harness_flush(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_TYPE), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_ICMP_ERRORS_NOTED), 0);
    assert_int_equal(harness_events(h, NULL), 0);
    static const uint8_t bytes[9 * HARNESS_MSS]; // the rest of the first window still goes at once
    assert_true(tcp_write(conn, bytes, sizeof bytes));
    harness_flush(h);
    for (unsigned i = 0; i < 9; i++)
        harness_expect(h, i == 8 ? ACK | PSH : ACK, peer.ack + 3 + i * HARNESS_MSS, peer.seq,
                       HARNESS_MSS);
}

static void errors_about_what_is_not_in_flight_are_refused(void **state)
{
    struct harness *h = *state;
    struct tcp_conn *conn;
    struct frame sent = begin(h, &conn);
    unsigned sequence_at = 14u + ip_size(h) + 4;
    sent.bytes[sequence_at + 3]++;
    report(h, HARD, 0, &sent);
    sent.bytes[sequence_at + 3] = (uint8_t)(sent.bytes[sequence_at + 3] - 2);
    report(h, HARD, 0, &sent);
    report(h, TOO_BIG, 600, &sent);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_SEQUENCE), 3);
    assert_int_equal(harness_events(h, NULL), 0);
}

// One byte of the quoted packet changed.
static void quotes_of_others_packets_are_refused(void **state)
{
    static const struct {
        uint16_t at;
        uint8_t value;
    } rows[2][4] = {{{0, 0x65}, {9, 17}, {15, 3}, {7, 1}},
                    {{0, 0x45}, {6, 17}, {23, 3}, {8, 0xfe}}};
    struct harness *h = *state;
    struct tcp_conn *conn;
    struct frame sent = begin(h, &conn);
    for (size_t i = 0; i < 4; i++) {
        struct frame changed = sent;
        changed.bytes[14 + rows[over_ipv6(h)][i].at] = rows[over_ipv6(h)][i].value;
        report(h, HARD, 0, &changed);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_QUOTE), 4);
    struct frame frame = error(h, HARD, 0, &sent);
    struct frame shorter =
        frame_error(h, over_ipv6(h) ? 1 : 3, 3, 0, sent.bytes, (uint16_t)(ip_size(h) + 7));
    frame_input(h, &shorter);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_QUOTE), 5);
    frame.bytes[14 + ip_size(h)] = 0xff; // an unknown type, and so the checksum is wrong
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_CHECKSUM), 1);
    assert_int_equal(harness_events(h, NULL), 0);
}

static void receive_all(struct harness *h, struct harness_peer *peer, uint32_t *received,
                        uint32_t largest)
{
    struct harness_segment segment;
    while (harness_receive(h, &segment)) {
        uint8_t expected[HARNESS_SEGMENT_MAX];
        assert_in_range(segment.size, 0, largest);
        if (segment.seq != peer->ack)
            continue; // sent before, or behind a hole
        harness_pattern(expected, *received, segment.size);
        assert_memory_equal(segment.data, expected, segment.size);
        *received += segment.size;
        peer->ack += segment.size;
    }
    harness_send(h, peer, ACK, NULL, 0);
}

static void a_narrow_path_gets_smaller_segments(void **state)
{
    enum { SIZE = 20000, MTU = 1400 };
    struct harness *h = *state;
    static uint8_t bytes[SIZE];
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_pattern(bytes, 0, SIZE);
    assert_true(tcp_write(conn, bytes, SIZE));
    harness_flush(h);
    struct frame sent = frame_of(harness_take(h));
    struct harness_segment lost;
    while (harness_receive(h, &lost)) {
    }
    report(h, TOO_BIG, MTU, &sent);
    assert_int_equal(tcp_segment_room(conn), MTU - ip_size(h) - 20);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_PATH_MTU_LOWERED), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RTO_EXPIRED), 0);
    uint32_t received = 0;
    for (unsigned i = 0; i < 60 && received < SIZE; i++)
        receive_all(h, &peer, &received, tcp_segment_room(conn));
    assert_int_equal(received, SIZE);
}

static void the_path_mtu_has_a_floor_and_never_grows(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    assert_true(tcp_write(conn, "abc", 3));
    harness_flush(h);
    struct frame sent = frame_of(harness_take(h));
    report(h, TOO_BIG, 9000, &sent);
    assert_int_equal(tcp_segment_room(conn), HARNESS_MSS);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_MTU), 1);
    report(h, TOO_BIG, 68, &sent);
    uint32_t floor = (over_ipv6(h) ? 1280u : 552u) - ip_size(h) - 20;
    assert_int_equal(tcp_segment_room(conn), floor);
    report(h, TOO_BIG, 0, &sent);
    report(h, TOO_BIG, 1400, &sent);
    assert_int_equal(tcp_segment_room(conn), floor);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_MTU), 3);
    while (harness_receive(h, &(struct harness_segment){0})) {
    }
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_hard_error_ends_an_open),
        TEST(errors_end_no_connection),
        cmocka_unit_test_setup_teardown(source_quench_is_ignored, harness_setup, harness_teardown),
        TEST(errors_about_what_is_not_in_flight_are_refused),
        TEST(quotes_of_others_packets_are_refused),
        TEST(a_narrow_path_gets_smaller_segments),
        TEST(the_path_mtu_has_a_floor_and_never_grows),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
