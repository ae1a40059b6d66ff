// IPv6 headers and their extensions (RFC 8200), echo (RFC 4443 4), and that no frame of any kind is
// read beyond its end.
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "tests/unit/tcpstack/frames.h"

enum { TCP = 6, HOP = 0, ROUTING = 43, FRAGMENT = 44, NONE = 59, DESTINATION = 60 };

static struct frame syn(struct harness *h, uint16_t port)
{
    struct harness_peer peer = harness_peer(port);
    return frame_of(harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0));
}

static void every_malformed_ipv6_header_has_its_reason(void **state)
{
    static const struct {
        uint16_t at;
        uint8_t value;
        enum tcpstack_counter reason;
    } rows[] = {
        {0, 0x33, TCPSTACK_RX_DROP_ETH_NOT_OURS},
        {14, 0x45, TCPSTACK_RX_DROP_IP_VERSION},
        {18, 1, TCPSTACK_RX_DROP_IP_TOTAL_LENGTH},
        {19, 21, TCPSTACK_RX_DROP_IP_TOTAL_LENGTH},
        {19, 19, TCPSTACK_RX_DROP_TCP_SHORT},
        {20, FRAGMENT, TCPSTACK_RX_DROP_IP_FRAGMENT},
        {20, NONE, TCPSTACK_RX_DROP_IP_PROTOCOL},
        {20, 17, TCPSTACK_RX_DROP_IP_PROTOCOL},
        {20, 51, TCPSTACK_RX_DROP_IP_PROTOCOL}, // AH
        {22, 0xff, TCPSTACK_RX_DROP_IP_SOURCE},
        {37, 2, TCPSTACK_RX_DROP_IP_SOURCE}, // ourselves
        {53, 3, TCPSTACK_RX_DROP_IP_NOT_OURS},
        {38, 0xff, TCPSTACK_RX_DROP_IP_NOT_OURS},
        {70, 0x55, TCPSTACK_RX_DROP_TCP_CHECKSUM},
        {21, 0, TCPSTACK_RX_ACCEPTED},    // hop limit: routers discard, hosts do not
        {15, 0xff, TCPSTACK_RX_ACCEPTED}, // flow label
    };
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct frame frame = syn(h, (uint16_t)(40000 + i));
        frame.bytes[rows[i].at] = rows[i].value;
        uint64_t before = harness_counter(h, rows[i].reason);
        frame_input(h, &frame);
        if (harness_counter(h, rows[i].reason) != before + 1)
            fail_msg("row %zu: no %s", i, tcpstack_counter_rows[rows[i].reason].name);
    }
}

static void the_other_family_cannot_be_named_in_an_ipv6_header(void **state)
{
    static const uint8_t mapped_client[16] = TCPSTACK_IPV4(HARNESS_CLIENT_IPV4);
    static const uint8_t mapped_server[16] = TCPSTACK_IPV4(HARNESS_SERVER_IPV4);
    struct harness *h = *state;
    memcpy(h->options.addresses[1].address, mapped_server, 16);
    h->options.addresses[1].prefix_length = 96 + 24;
    h->options.address_count = 2;
    harness_restart(h);
    struct frame frame = syn(h, 40000);
    memcpy(frame.bytes + 22, mapped_client, 16);
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_SOURCE), 1);
    frame = syn(h, 40000);
    memcpy(frame.bytes + 38, mapped_server, 16);
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_NOT_OURS), 1);
}

static void tcp_to_a_group_or_from_nobody_is_refused(void **state)
{
    struct harness *h = *state;
    struct frame frame = syn(h, 40000);
    frame = frame_ipv6(h->client, frame_all_nodes, TCP, frame.bytes + 54, 20);
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_NOT_OURS), 1);
    frame = syn(h, 40000);
    memset(frame.bytes + 22, 0, 16);
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_SOURCE), 1);
}

// A SYN with `extensions` before it, the first of which is of `kind`.
static struct frame with_extensions(struct harness *h, uint16_t port, uint8_t kind,
                                    const uint8_t *extensions, uint16_t size)
{
    uint8_t payload[1000];
    struct frame frame = syn(h, port);
    memcpy(payload, extensions, size);
    memcpy(payload + size, frame.bytes + 54, 20);
    return frame_ipv6(h->client, h->server, kind, payload, (uint16_t)(size + 20));
}

static void extension_headers_are_skipped_or_refused(void **state)
{
    static const struct {
        uint8_t kind;
        uint8_t size;
        uint8_t bytes[24];
        enum tcpstack_counter reason;
    } rows[] = {
        {HOP, 8, {TCP, 0, 1, 4}, TCPSTACK_RX_ACCEPTED}, // PadN
        {HOP, 8, {TCP, 0}, TCPSTACK_RX_ACCEPTED},       // Pad1
        {HOP, 8, {TCP, 0, 5, 2, 0, 0, 1, 0}, TCPSTACK_RX_ACCEPTED},
        {DESTINATION, 16, {TCP, 1, 0x1e, 12}, TCPSTACK_RX_ACCEPTED}, // unknown, to be skipped
        {DESTINATION, 8, {TCP, 0, 0x5e, 4}, TCPSTACK_RX_DROP_IP6_EXTENSION},
        {DESTINATION, 8, {TCP, 0, 0xde, 4}, TCPSTACK_RX_DROP_IP6_EXTENSION},
        {DESTINATION, 8, {TCP, 0, 1, 5}, TCPSTACK_RX_DROP_IP6_EXTENSION}, // beyond the header
        {DESTINATION, 8, {TCP, 0, 1, 3, 0, 0, 0, 1}, TCPSTACK_RX_DROP_IP6_EXTENSION},
        {DESTINATION, 16, {HOP, 0, 1, 4, [8] = TCP, 0, 1, 4}, TCPSTACK_RX_DROP_IP6_EXTENSION},
        {HOP, 16, {DESTINATION, 0, 1, 4, [8] = TCP, 0, 1, 4}, TCPSTACK_RX_ACCEPTED},
        {ROUTING, 8, {TCP, 0, 0, 0}, TCPSTACK_RX_ACCEPTED},
        {ROUTING, 8, {TCP, 0, 0, 1}, TCPSTACK_RX_DROP_IP6_ROUTING},
        {ROUTING, 24, {TCP, 2, 4, 1}, TCPSTACK_RX_DROP_IP6_ROUTING},
        {HOP, 8, {FRAGMENT, 0, 1, 4}, TCPSTACK_RX_DROP_IP_FRAGMENT},
        {HOP, 8, {NONE, 0, 1, 4}, TCPSTACK_RX_DROP_IP_PROTOCOL},
        {DESTINATION, 8, {TCP, 9, 1, 4}, TCPSTACK_RX_DROP_IP6_EXTENSION}, // beyond the packet
    };
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct frame frame =
            with_extensions(h, (uint16_t)(40000 + i), rows[i].kind, rows[i].bytes, rows[i].size);
        uint64_t before = harness_counter(h, rows[i].reason);
        frame_input(h, &frame);
        if (harness_counter(h, rows[i].reason) != before + 1)
            fail_msg("row %zu: no %s", i, tcpstack_counter_rows[rows[i].reason].name);
    }
}

static void extension_headers_are_limited_in_number_and_size(void **state)
{
    struct harness *h = *state;
    uint8_t bytes[600];
    for (unsigned count = 8; count <= 9; count++) {
        memset(bytes, 0, sizeof bytes);
        for (unsigned i = 0; i < count; i++)
            bytes[8 * i] = i + 1 < count ? DESTINATION : TCP;
        struct frame frame = with_extensions(h, (uint16_t)(40000 + count), DESTINATION, bytes,
                                             (uint16_t)(8 * count));
        frame_input(h, &frame);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 1);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP6_EXTENSION_LIMIT), 1);
    for (unsigned units = 32; units <= 33; units++) {
        memset(bytes, 0, sizeof bytes);
        bytes[0] = TCP;
        bytes[1] = (uint8_t)(units - 1);
        struct frame frame = with_extensions(h, (uint16_t)(41000 + units), DESTINATION, bytes,
                                             (uint16_t)(8 * units));
        frame_input(h, &frame);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 2);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP6_EXTENSION_LIMIT), 2);
}

static void an_echo_request_comes_back(void **state)
{
    struct harness *h = *state;
    struct frame request = frame_echo(h, 101);
    frame_input(h, &request);
    struct frame reply = frame_of(harness_take(h));
    bool ipv6 = !tcpstack_address_is_ipv4(h->server);
    unsigned at = ipv6 ? 54 : 34;
    assert_int_equal(reply.size, request.size);
    assert_memory_equal(reply.bytes, harness_client_mac, 6);
    assert_memory_equal(reply.bytes + at - (ipv6 ? 16 : 4), h->client + (ipv6 ? 0 : 12),
                        ipv6 ? 16 : 4);
    assert_int_equal(reply.bytes[at], ipv6 ? 129 : 0);
    assert_memory_equal(reply.bytes + at + 4, request.bytes + at + 4, 4 + 101);
    if (ipv6) {
        struct frame again = reply;
        frame_fix_icmpv6(&again);
        assert_memory_equal(again.bytes, reply.bytes, reply.size);
    }
}

static void an_echo_reply_leaves_extension_headers_out(void **state)
{
    struct harness *h = *state;
    struct frame request = frame_echo(h, 8);
    uint8_t payload[24] = {IPPROTO_ICMPV6, 0, 1, 4};
    memcpy(payload + 8, request.bytes + 54, 16);
    request = frame_ipv6(h->client, h->server, DESTINATION, payload, sizeof payload);
    frame_input(h, &request);
    struct frame reply = frame_of(harness_take(h));
    assert_int_equal(reply.size, 14 + 40 + 16);
    assert_int_equal(reply.bytes[20], IPPROTO_ICMPV6);
}

static void echo_requests_beyond_the_limit_are_dropped(void **state)
{
    struct harness *h = *state;
    struct frame request = frame_echo(h, 8);
    for (unsigned i = 0; i < 150; i++)
        frame_input(h, &request);
    assert_int_equal(harness_counter(h, TCPSTACK_ICMP_ECHOES), 100);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_LIMITED), 50);
    h->now += 10000;
    harness_flush(h);
    for (unsigned i = 0; i < 20; i++)
        frame_input(h, &request);
    assert_int_equal(harness_counter(h, TCPSTACK_ICMP_ECHOES), 110);
}

static void resets_to_strangers_are_limited(void **state)
{
    struct harness *h = *state;
    for (unsigned i = 0; i < 1100; i++) {
        struct harness_peer peer = harness_peer((uint16_t)(1000 + i));
        harness_send_at(h, &peer, ACK, 1, NULL, 0);
        struct harness_segment ignored;
        harness_receive(h, &ignored);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RESETS_SENT), 1000);
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_RESETS_LIMITED), 100);
}

static unsigned every_kind(struct harness *h, struct frame kinds[8])
{
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 9};
    static const uint8_t extension[8] = {TCP, 0, 1, 4};
    struct frame sent = syn(h, 135);
    unsigned count = 0;
    kinds[count++] = syn(h, 40000);
    kinds[count] = syn(h, 40001);
    frame_tag(&kinds[count++], 0);
    kinds[count++] = frame_echo(h, 20);
    kinds[count++] = frame_error(h, tcpstack_address_is_ipv4(h->server) ? 3 : 1, 4, 0, sent.bytes,
                                 (uint16_t)(sent.size - 14));
    if (tcpstack_address_is_ipv4(h->server)) {
        kinds[count++] = frame_arp(RTE_ARP_OP_REQUEST, HARNESS_CLIENT_IPV4, harness_client_mac,
                                   HARNESS_SERVER_IPV4);
        return count;
    }
    kinds[count++] = with_extensions(h, 40002, HOP, extension, sizeof extension);
    kinds[count++] = frame_solicitation(h->client, h->server, harness_client_mac);
    kinds[count++] = frame_advertisement(h->server, h->client, FRAME_SOLICITED, other);
    return count;
}

static void no_truncated_frame_is_accepted_or_read_beyond(void **state)
{
    struct harness *h = *state;
    static struct frame kinds[8];
    unsigned count = every_kind(h, kinds);
    for (unsigned kind = 0; kind < count; kind++) {
        for (uint16_t size = 0; size < kinds[kind].size; size++)
            harness_input(h, harness_frame_at_edge(h, kinds[kind].bytes, size));
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 0);
    harness_expect_none(h);
}

// The lengths in the headers agree with the truncation, and checksums do not stop it either.
static void fit(struct frame *frame, uint16_t size)
{
    uint16_t network = frame->bytes[12] == 0x81 ? 18 : 14;
    frame->size = size;
    if (size >= network + 40 && frame->bytes[network] == 0x60) {
        base_store_be16(frame->bytes + network + 4, (uint16_t)(size - network - 40));
        if (network == 14 && frame->bytes[20] == IPPROTO_ICMPV6 && size >= 58)
            frame_fix_icmpv6(frame);
    } else if (size >= network + 20 && frame->bytes[network] == 0x45) {
        struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame->bytes + network);
        ip->total_length = rte_cpu_to_be_16((uint16_t)(size - network));
        ip->hdr_checksum = 0;
        ip->hdr_checksum = rte_ipv4_cksum(ip);
        if (ip->next_proto_id == IPPROTO_ICMP && size >= network + 24) {
            base_store_be16(frame->bytes + network + 22, 0);
            uint16_t sum =
                (uint16_t)~rte_raw_cksum(frame->bytes + network + 20, size - network - 20u);
            memcpy(frame->bytes + network + 22, &sum, 2);
        }
    }
}

static void no_shortened_packet_is_read_beyond(void **state)
{
    struct harness *h = *state;
    static struct frame kinds[8];
    unsigned count = every_kind(h, kinds);
    for (unsigned kind = 0; kind < count; kind++) {
        for (uint16_t size = 0; size < kinds[kind].size; size++) {
            struct frame shorter = kinds[kind];
            fit(&shorter, size);
            struct rte_mbuf *frame = harness_frame_at_edge(h, shorter.bytes, size);
            frame->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
            harness_input(h, frame);
            if (tcpstack_take_output(h->stack, &frame, 1) == 1) // echo may be shorter
                rte_pktmbuf_free(frame);
        }
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_SYNS), 0);
}

int main(void)
{
#define TEST(name)      HARNESS_BOTH(name)
#define TEST_IPV6(name) cmocka_unit_test_setup_teardown(name, harness_setup_ipv6, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST_IPV6(every_malformed_ipv6_header_has_its_reason),
        TEST_IPV6(the_other_family_cannot_be_named_in_an_ipv6_header),
        TEST_IPV6(tcp_to_a_group_or_from_nobody_is_refused),
        TEST_IPV6(extension_headers_are_skipped_or_refused),
        TEST_IPV6(extension_headers_are_limited_in_number_and_size),
        TEST_IPV6(an_echo_reply_leaves_extension_headers_out),
        TEST(an_echo_request_comes_back),
        TEST(echo_requests_beyond_the_limit_are_dropped),
        TEST(resets_to_strangers_are_limited),
        TEST(no_truncated_frame_is_accepted_or_read_beyond),
        TEST(no_shortened_packet_is_read_beyond),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
