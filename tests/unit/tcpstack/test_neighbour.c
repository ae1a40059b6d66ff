// How the stack finds the neighbour of a connection it opens: by ARP and by neighbour discovery,
// the states of RFC 4861 7.3.2, gateways.
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>

#include "tests/unit/tcpstack/frames.h"

enum { SECOND = 1000000 };

static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9};

static bool over_ipv6(const struct harness *h)
{
    return !tcpstack_address_is_ipv4(h->server);
}

static struct tcp_conn *open_to(struct harness *h, const uint8_t remote[16], uint16_t local_port)
{
    struct tcp_endpoints ends = harness_endpoints(local_port, 135);
    memcpy(ends.remote, remote, sizeof ends.remote);
    return tcp_connect(h->stack, &ends, HARNESS_PORT, NULL);
}

// The stack asks for `address`, everybody or one MAC address.
static void expect_request(struct harness *h, const uint8_t address[16], const uint8_t *mac)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct frame frame = frame_of(harness_take(h));
    uint8_t group_mac[6] = {0x33, 0x33, 0xff};
    memcpy(group_mac + 3, address + 13, 3);
    if (over_ipv6(h)) {
        struct frame expected = frame_solicitation(h->server, address, harness_server_mac);
        if (mac != NULL)
            memcpy(expected.bytes + 38, address, 16);
        memcpy(expected.bytes, mac != NULL ? mac : group_mac, 6);
        memcpy(expected.bytes + 6, harness_server_mac, 6);
        frame_fix_icmpv6(&expected);
        assert_int_equal(frame.size, expected.size);
        assert_memory_equal(frame.bytes, expected.bytes, frame.size);
        return;
    }
    struct frame expected = frame_arp(RTE_ARP_OP_REQUEST, HARNESS_SERVER_IPV4, harness_server_mac,
                                      tcpstack_address_ipv4(address));
    memcpy(expected.bytes, mac != NULL ? mac : everybody, 6);
    memcpy(expected.bytes + 6, harness_server_mac, 6);
    assert_int_equal(frame.size, expected.size);
    assert_memory_equal(frame.bytes, expected.bytes, frame.size);
}

// `address` answers the stack.
static void answer(struct harness *h, const uint8_t address[16], const uint8_t mac[6])
{
    struct frame frame =
        over_ipv6(h)
            ? frame_advertisement(h->server, address, FRAME_SOLICITED | FRAME_OVERRIDE, mac)
            : frame_arp(RTE_ARP_OP_REPLY, tcpstack_address_ipv4(address), mac, HARNESS_SERVER_IPV4);
    frame_input(h, &frame);
}

// `address` asks for somebody else, and so tells where it is.
static void speak(struct harness *h, const uint8_t address[16], const uint8_t mac[6])
{
    struct frame frame = over_ipv6(h)
                             ? frame_solicitation(address, h->server, mac)
                             : frame_arp(RTE_ARP_OP_REQUEST, tcpstack_address_ipv4(address), mac,
                                         HARNESS_SERVER_IPV4);
    frame_input(h, &frame);
    rte_pktmbuf_free(harness_take(h)); // the answer
}

static void expect_syn(struct harness *h, const uint8_t mac[6])
{
    struct harness_segment syn;
    assert_true(harness_receive(h, &syn));
    assert_int_equal(syn.flags, SYN);
    assert_memory_equal(syn.destination_mac, mac, 6);
}

static void an_open_waits_for_its_neighbour(void **state)
{
    struct harness *h = *state;
    assert_non_null(open_to(h, h->client, 50000));
    expect_request(h, h->client, NULL);
    assert_non_null(open_to(h, h->client, 50001)); // asked for already
    harness_expect_none(h);
    answer(h, h->client, other_mac);
    expect_syn(h, other_mac);
    expect_syn(h, other_mac);
    assert_non_null(open_to(h, h->client, 50002));
    expect_syn(h, other_mac);
    assert_int_equal(harness_counter(h, TCPSTACK_NEIGHBOUR_REQUESTS), 1);
}

static void a_connection_that_found_its_neighbour_opens(void **state)
{
    struct harness *h = *state;
    struct harness_segment syn;
    open_to(h, h->client, 50000);
    expect_request(h, h->client, NULL);
    answer(h, h->client, harness_client_mac);
    assert_true(harness_receive(h, &syn));
    struct harness_peer peer = harness_peer(135);
    peer.server_port = 50000;
    peer.ack = syn.seq + 1;
    harness_send(h, &peer, SYN | ACK, NULL, 0);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_OPENED);
    harness_expect(h, ACK, peer.ack, peer.seq, 0);
}

static void a_neighbour_that_does_not_answer_is_left_alone_for_a_while(void **state)
{
    struct harness *h = *state;
    open_to(h, h->client, 50000);
    for (unsigned i = 0; i < 3; i++) {
        expect_request(h, h->client, NULL);
        harness_advance(h, SECOND);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_NEIGHBOURS_FAILED), 1);
    // The first SYN, and those sent again while nobody answered.
    assert_true(harness_counter(h, TCPSTACK_TX_DROP_UNRESOLVED) > 0);
    open_to(h, h->client, 50001);
    harness_expect_none(h);
    harness_advance(h, 3 * SECOND);
    open_to(h, h->client, 50002);
    expect_request(h, h->client, NULL);
}

static void a_neighbour_not_heard_of_for_long_is_used_and_asked_again(void **state)
{
    struct harness *h = *state;
    tcp_abort(open_to(h, h->client, 50000));
    expect_request(h, h->client, NULL);
    answer(h, h->client, harness_client_mac);
    expect_syn(h, harness_client_mac);
    harness_advance(h, 31 * (uint64_t)SECOND);
    tcp_abort(open_to(h, h->client, 50001));
    expect_request(h, h->client, harness_client_mac);
    expect_syn(h, harness_client_mac);
    answer(h, h->client, harness_client_mac);
    tcp_abort(open_to(h, h->client, 50002));
    expect_syn(h, harness_client_mac);
    harness_expect_none(h);

    harness_advance(h, 31 * (uint64_t)SECOND);
    tcp_abort(open_to(h, h->client, 50003));
    for (unsigned i = 0; i < 3; i++) {
        expect_request(h, h->client, harness_client_mac);
        if (i == 0)
            expect_syn(h, harness_client_mac);
        harness_advance(h, SECOND);
    }
    tcp_abort(open_to(h, h->client, 50004)); // forgotten
    expect_request(h, h->client, NULL);
    assert_int_equal(tcpstack_next_timer(h->stack), h->now + SECOND);
}

static void a_neighbour_that_moves_is_followed_and_asked(void **state)
{
    struct harness *h = *state;
    tcp_abort(open_to(h, h->client, 50000));
    expect_request(h, h->client, NULL);
    answer(h, h->client, harness_client_mac);
    expect_syn(h, harness_client_mac);
    speak(h, h->client, other_mac);
    tcp_abort(open_to(h, h->client, 50001));
    expect_request(h, h->client, other_mac);
    expect_syn(h, other_mac);
}

static void a_neighbour_that_speaks_while_asked_for_is_found(void **state)
{
    struct harness *h = *state;
    tcp_abort(open_to(h, h->client, 50000));
    expect_request(h, h->client, NULL);
    struct frame frame = over_ipv6(h) ? frame_solicitation(h->client, h->server, other_mac)
                                      : frame_arp(RTE_ARP_OP_REQUEST, HARNESS_CLIENT_IPV4,
                                                  other_mac, HARNESS_SERVER_IPV4);
    frame_input(h, &frame);
    expect_syn(h, other_mac);
    rte_pktmbuf_free(harness_take(h)); // the answer
}

// RFC 4861 7.2.5, the override flag.
static void a_proxy_does_not_replace_the_neighbour(void **state)
{
    struct harness *h = *state;
    tcp_abort(open_to(h, h->client, 50000));
    expect_request(h, h->client, NULL);
    answer(h, h->client, harness_client_mac);
    expect_syn(h, harness_client_mac);
    struct frame frame = frame_advertisement(h->server, h->client, FRAME_SOLICITED, other_mac);
    frame_input(h, &frame);
    tcp_abort(open_to(h, h->client, 50001));
    expect_request(h, h->client, harness_client_mac); // no longer sure
    expect_syn(h, harness_client_mac);
}

static void strangers_that_speak_are_not_entered(void **state)
{
    struct harness *h = *state;
    speak(h, h->client, other_mac);
    open_to(h, h->client, 50000);
    expect_request(h, h->client, NULL);
}

static void far_away(const struct harness *h, uint8_t address[16])
{
    memcpy(address, h->client, 16);
    address[over_ipv6(h) ? 1 : 13] = 77; // fd4d:135::1, 10.77.0.1
}

static void what_is_not_on_the_link_goes_to_a_gateway(void **state)
{
    struct harness *h = *state;
    uint8_t remote[16], first[16], second[16];
    far_away(h, remote);
    assert_null(open_to(h, remote, 50000)); // no way
    memcpy(first, h->client, 16);
    first[15] = 100;
    memcpy(second, first, 16);
    second[15] = 101;
    memcpy(h->options.gateways[0], first, 16);
    memcpy(h->options.gateways[1], second, 16);
    // Of the other family, and never asked.
    memcpy(h->options.gateways[2],
           over_ipv6(h) ? (const uint8_t[16])TCPSTACK_IPV4(1) : harness_client_ipv6, 16);
    h->options.gateway_count = 3;
    harness_restart(h);
    struct tcp_conn *conn = open_to(h, remote, 50000);
    for (unsigned i = 0; i < 3; i++) {
        expect_request(h, first, NULL);
        if (i == 0)
            tcp_abort(conn);
        harness_advance(h, SECOND);
    }
    tcp_abort(open_to(h, remote, 50001)); // the first does not answer
    expect_request(h, second, NULL);
    answer(h, second, other_mac);
    expect_syn(h, other_mac);
}

static void the_gateway_within_the_longest_prefix_is_preferred(void **state)
{
    struct harness *h = *state;
    uint8_t remote[16];
    bool ipv6 = over_ipv6(h);
    far_away(h, remote);
    h->options.addresses[1] = h->options.addresses[0];
    h->options.addresses[1].address[ipv6 ? 2 : 13] ^= 3; // another network
    h->options.address_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        memcpy(h->options.gateways[i], h->options.addresses[1 - i].address, 16);
        h->options.gateways[i][15] = 100;
    }
    h->options.gateway_count = 2;
    harness_restart(h);
    open_to(h, remote, 50000);
    expect_request(h, h->options.gateways[1], NULL); // in the network of our source address
}

static void requests_are_limited(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 400;
    harness_restart(h);
    uint8_t remote[16];
    memcpy(remote, h->client, 16);
    for (unsigned i = 3; i < 203; i++) {
        remote[15] = (uint8_t)i;
        open_to(h, remote, (uint16_t)(50000 + i));
    }
    assert_int_equal(harness_counter(h, TCPSTACK_NEIGHBOUR_REQUESTS), 100);
    assert_int_equal(harness_counter(h, TCPSTACK_NEIGHBOUR_REQUESTS_LIMITED), 100);
    assert_int_equal(harness_counter(h, TCPSTACK_TX_FRAMES), 100);
}

static void few_frames_wait_for_one_neighbour(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 100;
    harness_restart(h);
    for (unsigned i = 0; i < 100; i++)
        open_to(h, h->client, (uint16_t)(50000 + i));
    assert_int_equal(harness_counter(h, TCPSTACK_TX_DROP_UNRESOLVED), 100 - 64);
    expect_request(h, h->client, NULL);
    answer(h, h->client, other_mac);
    for (unsigned i = 0; i < 64; i++)
        expect_syn(h, other_mac);
    harness_expect_none(h);
}

static void the_table_is_bounded(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = 2000;
    h->options.addresses[0].prefix_length = over_ipv6(h) ? 64 : 96 + 8;
    harness_restart(h);
    uint8_t remote[16];
    memcpy(remote, h->client, 16);
    for (unsigned i = 0; i < 1000; i++) {
        remote[14] = (uint8_t)(1 + i / 200);
        remote[15] = (uint8_t)(1 + i % 200);
        assert_non_null(open_to(h, remote, (uint16_t)(1000 + i)));
    }
    // All but as many SYNs as the table has places are gone.
    assert_in_range(harness_counter(h, TCPSTACK_TX_DROP_UNRESOLVED), 1000 - 256, 1000);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(an_open_waits_for_its_neighbour),
        TEST(a_connection_that_found_its_neighbour_opens),
        TEST(a_neighbour_that_does_not_answer_is_left_alone_for_a_while),
        TEST(a_neighbour_not_heard_of_for_long_is_used_and_asked_again),
        TEST(a_neighbour_that_moves_is_followed_and_asked),
        TEST(a_neighbour_that_speaks_while_asked_for_is_found),
        cmocka_unit_test_setup_teardown(a_proxy_does_not_replace_the_neighbour, harness_setup_ipv6,
                                        harness_teardown),
        TEST(strangers_that_speak_are_not_entered),
        TEST(what_is_not_on_the_link_goes_to_a_gateway),
        TEST(the_gateway_within_the_longest_prefix_is_preferred),
        TEST(requests_are_limited),
        TEST(few_frames_wait_for_one_neighbour),
        TEST(the_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
