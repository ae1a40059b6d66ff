// Ethernet, IPv4 and ICMP; and what of TCP is refused before a connection is looked for.
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "tests/unit/tcpstack/harness.h"

// One frame changed at one place, and the counter it must end in.
enum repair { LEAVE, FIX_IP, FIX_TCP };

static void set_checksums(struct rte_mbuf *frame, enum repair repair)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(frame, struct rte_ipv4_hdr *, 14);
    struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
    if (repair == FIX_TCP) {
        tcp->cksum = 0;
        tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
    }
    if (repair != LEAVE) {
        ip->hdr_checksum = 0;
        ip->hdr_checksum = rte_ipv4_cksum(ip);
    }
}

static void every_malformed_header_has_its_reason(void **state)
{
    static const struct {
        uint16_t at;
        uint8_t value;
        enum repair repair;
        enum tcpstack_counter reason;
    } rows[] = {
        {0, 0x06, LEAVE, TCPSTACK_RX_DROP_ETH_NOT_OURS},
        {0, 0xff, LEAVE, TCPSTACK_RX_DROP_ETH_NOT_OURS},
        {6, 0x03, LEAVE, TCPSTACK_RX_DROP_ETH_SOURCE},
        {12, 0x81, LEAVE, TCPSTACK_RX_DROP_ETH_VLAN}, // 0x8100
        {12, 0x86, LEAVE, TCPSTACK_RX_DROP_ETH_TYPE},
        {14, 0x65, FIX_IP, TCPSTACK_RX_DROP_IP_VERSION},
        {14, 0x44, LEAVE, TCPSTACK_RX_DROP_IP_HEADER_LENGTH},
        {14, 0x4f, LEAVE, TCPSTACK_RX_DROP_IP_HEADER_LENGTH},
        {16, 0x01, LEAVE, TCPSTACK_RX_DROP_IP_TOTAL_LENGTH},
        {17, 19, LEAVE, TCPSTACK_RX_DROP_IP_TOTAL_LENGTH},
        {20, 0x20, FIX_IP, TCPSTACK_RX_DROP_IP_FRAGMENT}, // more fragments
        {21, 0x01, FIX_IP, TCPSTACK_RX_DROP_IP_FRAGMENT}, // offset
        {23, 17, FIX_IP, TCPSTACK_RX_DROP_IP_PROTOCOL},
        {24, 0x55, LEAVE, TCPSTACK_RX_DROP_IP_CHECKSUM},
        {26, 127, FIX_IP, TCPSTACK_RX_DROP_IP_SOURCE},
        {26, 224, FIX_IP, TCPSTACK_RX_DROP_IP_SOURCE},
        {26, 255, FIX_IP, TCPSTACK_RX_DROP_IP_SOURCE},
        {26, 0, FIX_IP, TCPSTACK_RX_DROP_IP_SOURCE},
        {29, 255, FIX_IP, TCPSTACK_RX_DROP_IP_SOURCE}, // 10.135.0.255
        {29, 2, FIX_IP, TCPSTACK_RX_DROP_IP_SOURCE},   // ourselves
        {33, 255, FIX_IP, TCPSTACK_RX_DROP_IP_NOT_OURS},
        {30, 224, FIX_IP, TCPSTACK_RX_DROP_IP_NOT_OURS},
        {17, 20 + 19, FIX_IP, TCPSTACK_RX_DROP_TCP_SHORT},
        {46, 0x40, FIX_TCP, TCPSTACK_RX_DROP_TCP_OFFSET},
        {46, 0x60, FIX_TCP, TCPSTACK_RX_DROP_TCP_OFFSET},
        {50, 0x55, LEAVE, TCPSTACK_RX_DROP_TCP_CHECKSUM},
        {22, 1, FIX_IP, TCPSTACK_RX_ACCEPTED}, // TTL: RFC 1122 3.2.1.7
        {22, 0, FIX_IP, TCPSTACK_RX_ACCEPTED},
    };
    struct harness *h = *state;
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct harness_peer peer = harness_peer((uint16_t)(40000 + i));
        struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
        rte_pktmbuf_mtod(frame, uint8_t *)[rows[i].at] = rows[i].value;
        set_checksums(frame, rows[i].repair);
        uint64_t before = harness_counter(h, rows[i].reason);
        harness_input(h, frame);
        if (harness_counter(h, rows[i].reason) != before + 1)
            fail_msg("row %zu: no %s", i, tcpstack_counter_rows[rows[i].reason].name);
    }
}

static void every_truncation_of_a_frame_is_refused(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    for (uint16_t size = 0; size < 54; size++) {
        struct rte_mbuf *whole = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
        rte_pktmbuf_trim(whole, (uint16_t)(whole->data_len - size));
        harness_input(h, whole);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 0);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ETH_SHORT), 14);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_SHORT), 20);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_TOTAL_LENGTH), 20);
}

static void a_port_of_zero_is_refused(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(0);
    harness_send_syn(h, &peer);
    harness_expect_none(h);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_PORT_ZERO), 1);
}

static void frames_of_unknown_ports_and_of_several_mbufs_are_refused(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    frame->port = HARNESS_PORT + 1;
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_PORT), 1);
    frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    assert_int_equal(rte_pktmbuf_chain(frame, harness_frame(h, "tail", 4)), 0);
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_MULTI_SEGMENT), 1);
}

static void what_the_port_says_of_checksums_is_believed(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    rte_pktmbuf_mtod(frame, uint8_t *)[50] ^= 1;
    frame->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 1);
    frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_TCP_CHECKSUM), 1);
    frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    frame->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_BAD;
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_IP_CHECKSUM), 1);
}

static void checksums_are_left_to_a_port_that_offers_it(void **state)
{
    struct harness *h = *state;
    h->options.ports[0].tx_offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    harness_restart(h);
    struct harness_peer peer = harness_peer(40000);
    harness_send_syn(h, &peer);
    struct rte_mbuf *frame = harness_take(h);
    const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(frame, const struct rte_ipv4_hdr *, 14);
    const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 1);
    assert_int_equal(frame->ol_flags,
                     RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
    assert_int_equal(frame->l2_len, 14);
    assert_int_equal(frame->l3_len, 20);
    assert_int_equal(frame->l4_len, 24);
    assert_int_equal(ip->hdr_checksum, 0);
    assert_int_equal(tcp->cksum, rte_ipv4_phdr_cksum(ip, 0));
    rte_pktmbuf_free(frame);
}

static void ethernet_padding_is_no_payload(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct rte_mbuf *frame = harness_build(h, &peer, ACK, peer.seq, peer.ack, NULL, 0, "ab", 2);
    memset(rte_pktmbuf_append(frame, 4), 0xee, 4);
    harness_input(h, frame);
    assert_int_equal(tcp_readable(conn), 2);
    harness_events(h, NULL);
    harness_flush(h);
}

// `options` bytes of IP options before the message.
static struct rte_mbuf *echo_request(struct harness *h, uint8_t options, uint16_t size)
{
    uint8_t bytes[600] = {0};
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)bytes;
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
    struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)((uint8_t *)(ip + 1) + options);
    memcpy(eth->dst_addr.addr_bytes, harness_server_mac, 6);
    memcpy(eth->src_addr.addr_bytes, harness_client_mac, 6);
    eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    uint16_t ip_size = (uint16_t)(20 + options + sizeof *icmp + size);
    *ip = (struct rte_ipv4_hdr){
        .version_ihl = (uint8_t)(0x40 | (20 + options) / 4),
        .total_length = rte_cpu_to_be_16(ip_size),
        .time_to_live = 1,
        .next_proto_id = IPPROTO_ICMP,
        .src_addr = rte_cpu_to_be_32(HARNESS_CLIENT_IPV4),
        .dst_addr = rte_cpu_to_be_32(HARNESS_SERVER_IPV4),
    };
    memset(ip + 1, 1, options);
    icmp->icmp_type = RTE_IP_ICMP_ECHO_REQUEST;
    icmp->icmp_ident = 0x1234;
    harness_pattern((uint8_t *)(icmp + 1), 0, size);
    icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, sizeof *icmp + size);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    return harness_frame(h, bytes, (uint16_t)(14 + ip_size + 3)); // and some padding
}

static void an_echo_request_comes_back_without_its_options(void **state)
{
    struct harness *h = *state;
    static const uint8_t option_sizes[] = {0, 4, 40};
    for (size_t i = 0; i < RTE_DIM(option_sizes); i++) {
        harness_input(h, echo_request(h, option_sizes[i], 101));
        struct rte_mbuf *frame = harness_take(h);
        const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
        const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(eth + 1);
        const struct rte_icmp_hdr *icmp = (const struct rte_icmp_hdr *)(ip + 1);
        uint8_t expected[101];
        harness_pattern(expected, 0, sizeof expected);
        assert_int_equal(frame->data_len, 14 + 20 + 8 + 101);
        assert_memory_equal(eth->dst_addr.addr_bytes, harness_client_mac, 6);
        assert_int_equal(ip->version_ihl, 0x45);
        assert_int_equal(rte_be_to_cpu_32(ip->dst_addr), HARNESS_CLIENT_IPV4);
        assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
        assert_int_equal(icmp->icmp_type, RTE_IP_ICMP_ECHO_REPLY);
        assert_int_equal(icmp->icmp_ident, 0x1234);
        assert_int_equal(rte_raw_cksum(icmp, 8 + 101), 0xffff);
        assert_memory_equal(icmp + 1, expected, sizeof expected);
        rte_pktmbuf_free(frame);
    }
    assert_int_equal(harness_counter(h, TCPSTACK_ICMP_ECHOES), 3);
}

static void other_icmp_is_refused(void **state)
{
    struct harness *h = *state;
    struct rte_mbuf *frame = echo_request(h, 0, 10);
    rte_pktmbuf_mtod(frame, uint8_t *)[40] ^= 1;
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_CHECKSUM), 1);
    frame = echo_request(h, 0, 10);
    uint8_t *icmp = rte_pktmbuf_mtod_offset(frame, uint8_t *, 34);
    icmp[0] = RTE_IP_ICMP_ECHO_REPLY;
    icmp[2] += 8; // the checksum of a type that is 8 less
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_TYPE), 1);
    frame = echo_request(h, 0, 0);
    rte_pktmbuf_mtod(frame, uint8_t *)[17] = 27;
    set_checksums(frame, FIX_IP);
    harness_input(h, frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ICMP_SHORT), 1);
    harness_expect_none(h);
}

static void tcp_behind_ip_options_is_found(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    uint8_t bytes[64];
    memcpy(bytes, rte_pktmbuf_mtod(frame, uint8_t *), 34);
    memset(bytes + 34, 1, 8);
    memcpy(bytes + 42, rte_pktmbuf_mtod_offset(frame, uint8_t *, 34), 20);
    rte_pktmbuf_free(frame);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(bytes + 14);
    ip->version_ihl = 0x47;
    ip->total_length = rte_cpu_to_be_16(48);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    harness_input(h, harness_frame(h, bytes, 62));
    assert_int_equal(harness_counter(h, TCPSTACK_RX_ACCEPTED), 1);
}

static void unsound_options_create_no_stack(void **state)
{
    struct harness *h = *state;
    struct tcpstack_options bad = h->options;
    bad.ports[0].mtu = 575;
    assert_null(tcpstack_create(&bad, 0));
    bad = h->options;
    bad.receive_window = 65535;
    assert_null(tcpstack_create(&bad, 0));
    bad = h->options;
    bad.address_count = TCPSTACK_ADDRESS_MAX + 1;
    assert_null(tcpstack_create(&bad, 0));
    bad = h->options;
    bad.max_connections = 0;
    assert_null(tcpstack_create(&bad, 0));
    bad = h->options;
    bad.pool = rte_pktmbuf_pool_create("no_private_area", 31, 0, 0, 256, SOCKET_ID_ANY);
    assert_null(tcpstack_create(&bad, 0));
    rte_mempool_free(bad.pool);
}

static void an_empty_pool_drops_and_counts(void **state)
{
    struct harness *h = *state;
    h->options.address_count = TCPSTACK_ADDRESS_MAX;
    for (uint32_t i = 1; i < TCPSTACK_ADDRESS_MAX; i++)
        h->options.addresses[i] =
            (struct tcpstack_address){TCPSTACK_IPV4(HARNESS_SERVER_IPV4 + i), 96 + 24};
    harness_restart(h);
    for (unsigned i = 0; i < HARNESS_MBUFS / TCPSTACK_ADDRESS_MAX + 1; i++)
        tcpstack_announce(h->stack, h->now);
    assert_int_equal(harness_counter(h, TCPSTACK_TX_FRAMES), HARNESS_MBUFS);
    assert_int_not_equal(harness_counter(h, TCPSTACK_TX_DROP_NO_MBUF), 0);
}

static void a_full_output_queue_drops_and_counts(void **state)
{
    struct harness *h = *state;
    struct rte_mempool *large = tcpstack_pool_create("large", 8191, 0, SOCKET_ID_ANY);
    struct rte_mempool *small = h->options.pool;
    assert_non_null(large);
    h->options.pool = large;
    harness_restart(h);
    for (unsigned i = 0; i < 4100; i++)
        tcpstack_announce(h->stack, h->now);
    assert_int_equal(harness_counter(h, TCPSTACK_TX_FRAMES), 4096);
    assert_int_equal(harness_counter(h, TCPSTACK_TX_DROP_QUEUE_FULL), 4);
    h->options.pool = small;
    harness_restart(h);
    assert_int_equal(rte_mempool_avail_count(large), 8191);
    rte_mempool_free(large);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_malformed_header_has_its_reason),
        TEST(every_truncation_of_a_frame_is_refused),
        TEST(a_port_of_zero_is_refused),
        TEST(frames_of_unknown_ports_and_of_several_mbufs_are_refused),
        TEST(what_the_port_says_of_checksums_is_believed),
        TEST(checksums_are_left_to_a_port_that_offers_it),
        TEST(ethernet_padding_is_no_payload),
        TEST(an_echo_request_comes_back_without_its_options),
        TEST(other_icmp_is_refused),
        TEST(tcp_behind_ip_options_is_found),
        TEST(unsound_options_create_no_stack),
        TEST(a_full_output_queue_drops_and_counts),
        TEST(an_empty_pool_drops_and_counts),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
