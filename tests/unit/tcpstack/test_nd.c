// Neighbour discovery (RFC 4861 7) and duplicate address detection (RFC 4862 5.4).
#include <string.h>

#include "tests/unit/tcpstack/frames.h"

static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9};

static void a_solicitation_is_answered(void **state)
{
    struct harness *h = *state;
    struct frame frame = frame_solicitation(h->client, h->server, harness_client_mac);
    frame_input(h, &frame);
    struct frame answer = frame_of(harness_take(h));
    struct frame expected = frame_advertisement(
        h->client, h->server, FRAME_SOLICITED | FRAME_OVERRIDE, harness_server_mac);
    memcpy(expected.bytes, harness_client_mac, 6);
    memcpy(expected.bytes + 6, harness_server_mac, 6);
    assert_int_equal(answer.size, expected.size);
    assert_memory_equal(answer.bytes, expected.bytes, answer.size);
    assert_int_equal(harness_counter(h, TCPSTACK_ND_ADVERTISEMENTS), 1);
}

static void who_has_no_address_yet_is_answered_by_multicast(void **state)
{
    static const uint8_t group_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
    struct harness *h = *state;
    struct frame frame = frame_solicitation(NULL, h->server, NULL);
    frame_input(h, &frame);
    struct frame answer = frame_of(harness_take(h));
    assert_memory_equal(answer.bytes, group_mac, 6);
    assert_memory_equal(answer.bytes + 38, frame_all_nodes, 16);
    assert_int_equal(answer.bytes[58], FRAME_OVERRIDE);
}

// One byte of a sound message changed, the checksum filled in again.
static void invalid_messages_are_refused(void **state)
{
    enum { SOLICITATION, FROM_NOBODY, ADVERTISEMENT };
    static const struct {
        int kind;
        uint16_t at;
        uint8_t value;
    } rows[] = {
        {SOLICITATION, 21, 254},                       // hop limit
        {SOLICITATION, 55, 1},                         // code
        {SOLICITATION, 62, 0xff},                      // target is a group
        {SOLICITATION, 79, 0},                         // option length 0
        {SOLICITATION, 79, 2},                         // option beyond the message
        {SOLICITATION, 80, 1},                         // a group as link-layer address
        {FROM_NOBODY, 21, 254},   {FROM_NOBODY, 0, 0}, // not to the group
        {ADVERTISEMENT, 21, 254}, {ADVERTISEMENT, 55, 1},    {ADVERTISEMENT, 62, 0xff},
        {ADVERTISEMENT, 79, 0},   {ADVERTISEMENT, 58, 0x40}, // solicited, by multicast
    };
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct frame frame;
        if (rows[i].kind == ADVERTISEMENT)
            frame = frame_advertisement(frame_all_nodes, h->client, 0, other_mac);
        else
            frame = frame_solicitation(rows[i].kind == SOLICITATION ? h->client : NULL, h->server,
                                       rows[i].kind == SOLICITATION ? harness_client_mac : NULL);
        if (rows[i].at == 0) {
            memcpy(frame.bytes, harness_server_mac, 6);
            memcpy(frame.bytes + 38, h->server, 16);
        } else {
            frame.bytes[rows[i].at] = rows[i].value;
        }
        frame_fix_icmpv6(&frame);
        frame_input(h, &frame);
        if (harness_counter(h, TCPSTACK_RX_DROP_ND_MALFORMED) != i + 1)
            fail_msg("row %zu is taken", i);
    }
    struct frame frame = frame_solicitation(NULL, h->server, harness_client_mac);
    frame_input(h, &frame); // nobody has no link-layer address
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ND_MALFORMED), RTE_DIM(rows) + 1);
    harness_expect_none(h);
}

static void what_is_not_about_us_is_refused(void **state)
{
    struct harness *h = *state;
    uint8_t stranger[16], message[8] = {134};
    memcpy(stranger, h->server, 16);
    stranger[8] = 1; // of the same solicited-node group
    struct frame frame = frame_solicitation(h->client, stranger, harness_client_mac);
    frame_input(h, &frame);
    frame = frame_advertisement(h->server, h->client, FRAME_SOLICITED, other_mac);
    frame_input(h, &frame); // we did not ask
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ND_NOT_OURS), 2);
    for (message[0] = 133; message[0] <= 137; message[0] += message[0] == 134 ? 3 : 1) {
        frame = frame_icmpv6(h->client, frame_all_nodes, message, sizeof message);
        frame_input(h, &frame);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ND_ROUTER), 3);
    frame = frame_solicitation(h->client, h->server, harness_client_mac);
    frame.bytes[56] ^= 1;
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_CHECKSUM), 1);
    harness_expect_none(h);
}

static struct frame begin_check(struct harness *h)
{
    tcpstack_announce(h->stack, h->now);
    return frame_of(harness_take(h));
}

static void an_address_is_served_when_nobody_objects(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct frame check = begin_check(h), expected = frame_solicitation(NULL, h->server, NULL);
    memcpy(expected.bytes + 6, harness_server_mac, 6);
    assert_int_equal(check.size, expected.size);
    assert_memory_equal(check.bytes, expected.bytes, check.size);
    harness_send_syn(h, &peer);
    frame_input(h, &check); // our own, come back
    struct frame frame = frame_solicitation(h->client, h->server, harness_client_mac);
    frame_input(h, &frame);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_NOT_SERVED), 3);

    assert_int_equal(tcpstack_next_timer(h->stack), h->now + 1000000);
    harness_advance(h, 1000000);
    struct frame news = frame_of(harness_take(h));
    assert_memory_equal(news.bytes + 38, frame_all_nodes, 16);
    assert_int_equal(news.bytes[54], 136);
    assert_int_equal(news.bytes[58], FRAME_OVERRIDE);
    peer = harness_peer(40001);
    harness_open(h, &peer);
}

static void an_address_that_is_taken_is_not_served(void **state)
{
    struct harness *h = *state;
    for (unsigned way = 0; way < 2; way++) {
        harness_restart(h);
        begin_check(h);
        struct frame frame =
            way == 0 ? frame_advertisement(frame_all_nodes, h->server, FRAME_OVERRIDE, other_mac)
                     : frame_solicitation(NULL, h->server, NULL);
        if (way == 0)
            memcpy(frame.bytes + 22, h->client, 16);
        frame_fix_icmpv6(&frame);
        frame_input(h, &frame);
        assert_int_equal(harness_counter(h, TCPSTACK_ADDRESSES_TAKEN), 1);
        harness_advance(h, 2000000);
        struct harness_peer peer = harness_peer(40000);
        harness_send_syn(h, &peer);
        frame = frame_solicitation(h->client, h->server, harness_client_mac);
        frame_input(h, &frame);
        struct tcp_endpoints ends = harness_endpoints(50000, 135);
        assert_null(tcp_connect(h->stack, &ends, HARNESS_PORT, harness_client_mac));
        harness_expect_none(h);
    }
}

static void who_claims_a_served_address_is_counted(void **state)
{
    struct harness *h = *state;
    struct frame frame = frame_advertisement(frame_all_nodes, h->server, FRAME_OVERRIDE, other_mac);
    memcpy(frame.bytes + 22, h->client, 16);
    frame_fix_icmpv6(&frame);
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_ADDRESS_CONFLICTS), 1);
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer); // still ours
}

static void a_silent_stack_listens_and_says_nothing(void **state)
{
    struct harness *h = *state;
    h->options.silent = true;
    harness_restart(h);
    tcpstack_announce(h->stack, h->now);
    harness_advance(h, 1000000);
    struct frame frame = frame_solicitation(h->client, h->server, harness_client_mac);
    frame_input(h, &frame);
    frame = frame_echo(h, 8);
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 2);
    harness_expect_none(h);
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup_ipv6, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_solicitation_is_answered),
        TEST(who_has_no_address_yet_is_answered_by_multicast),
        TEST(invalid_messages_are_refused),
        TEST(what_is_not_about_us_is_refused),
        TEST(an_address_is_served_when_nobody_objects),
        TEST(an_address_that_is_taken_is_not_served),
        TEST(who_claims_a_served_address_is_counted),
        TEST(a_silent_stack_listens_and_says_nothing),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
