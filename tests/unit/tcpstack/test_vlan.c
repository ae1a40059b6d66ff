// 802.1Q tags: whose are taken, and that answers carry them.
#include <string.h>

#include <rte_arp.h>
#include <rte_ethdev.h>

#include "tests/unit/tcpstack/frames.h"

static void join(struct harness *h)
{
    h->options.ports[0].vlans[0] = 7;
    h->options.ports[0].vlans[1] = 4094;
    h->options.ports[0].vlan_count = 2;
    harness_restart(h);
}

static struct frame syn(struct harness *h, uint16_t port)
{
    struct harness_peer peer = harness_peer(port);
    return frame_of(harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0));
}

static void expect_tag(struct harness *h, uint16_t tci)
{
    struct frame frame = frame_of(harness_take(h));
    assert_int_equal(base_load_be16(frame.bytes + 12), 0x8100);
    assert_int_equal(base_load_be16(frame.bytes + 14), tci);
}

static void answers_carry_the_tag_of_the_question(void **state)
{
    static const uint16_t tags[] = {7, 4094, 0, 0xa007, 0x6000};
    struct harness *h = *state;
    join(h);
    for (size_t i = 0; i < RTE_DIM(tags); i++) {
        struct frame frame = syn(h, (uint16_t)(40000 + i));
        frame_tag(&frame, tags[i]);
        frame_input(h, &frame);
        expect_tag(h, tags[i]);
        frame = frame_echo(h, 20);
        frame_tag(&frame, tags[i]);
        frame_input(h, &frame);
        expect_tag(h, tags[i]);
        frame = tcpstack_address_is_ipv4(h->server)
                    ? frame_arp(RTE_ARP_OP_REQUEST, HARNESS_CLIENT_IPV4, harness_client_mac,
                                HARNESS_SERVER_IPV4)
                    : frame_solicitation(h->client, h->server, harness_client_mac);
        frame_tag(&frame, tags[i]);
        frame_input(h, &frame);
        expect_tag(h, tags[i]);
    }
    struct frame frame = syn(h, 41000);
    frame_input(h, &frame);
    struct harness_segment plain;
    assert_true(harness_receive(h, &plain));
}

static void a_tagged_answer_is_right_behind_its_tag(void **state)
{
    struct harness *h = *state;
    join(h);
    struct frame frame = syn(h, 40000);
    frame_tag(&frame, 7);
    frame_input(h, &frame);
    struct frame answer = frame_of(harness_take(h));
    memmove(answer.bytes + 12, answer.bytes + 16, answer.size - 16u);
    frame = syn(h, 40001);
    frame_input(h, &frame);
    struct frame plain = frame_of(harness_take(h));
    assert_int_equal(answer.size, plain.size + 4);
    // Ports, numbers and checksums aside.
    assert_memory_equal(answer.bytes, plain.bytes, 14 + 4);
    assert_memory_equal(answer.bytes + h->headers - 8, plain.bytes + h->headers - 8, 2);
}

static void tags_of_other_vlans_and_second_tags_are_refused(void **state)
{
    struct harness *h = *state;
    struct frame frame = syn(h, 40000);
    frame_tag(&frame, 7);
    frame_input(h, &frame); // no VLANs configured
    join(h);
    frame = syn(h, 40000);
    frame_tag(&frame, 8);
    frame_input(h, &frame);
    frame = syn(h, 40000);
    frame_tag(&frame, 7);
    frame_tag(&frame, 7);
    frame_input(h, &frame);
    frame = syn(h, 40000);
    frame_tag(&frame, 7);
    frame.bytes[12] = 0x88;
    frame.bytes[13] = 0xa8; // a provider's
    frame_input(h, &frame);
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ETH_VLAN), 3);
    harness_expect_none(h);
}

static void addresses_are_announced_in_every_vlan(void **state)
{
    struct harness *h = *state;
    join(h);
    tcpstack_announce(h->stack, h->now);
    struct frame frame = frame_of(harness_take(h));
    assert_int_not_equal(base_load_be16(frame.bytes + 12), 0x8100);
    expect_tag(h, 7);
    expect_tag(h, 4094);
    harness_expect_none(h);
}

static void a_port_is_told_where_the_headers_are(void **state)
{
    struct harness *h = *state;
    h->options.ports[0].tx_offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    join(h);
    bool ipv6 = !tcpstack_address_is_ipv4(h->server);
    struct frame frame = syn(h, 40000);
    frame_tag(&frame, 7);
    frame_input(h, &frame);
    struct rte_mbuf *answer = harness_take(h);
    assert_int_equal(answer->l2_len, 18);
    assert_int_equal(answer->l3_len, ipv6 ? 40 : 20);
    assert_int_equal(answer->l4_len, 24);
    assert_int_equal(answer->ol_flags,
                     RTE_MBUF_F_TX_TCP_CKSUM |
                         (ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM));
    rte_pktmbuf_free(answer);
}

static void a_tag_does_not_change_the_flow(void **state)
{
    struct harness *h = *state;
    struct frame frame = syn(h, 40000);
    struct tcp_endpoints ends = harness_endpoints(HARNESS_TCP_PORT, 40000);
    frame_tag(&frame, 7);
    struct rte_mbuf *mbuf = harness_frame(h, frame.bytes, frame.size);
    assert_int_equal(tcpstack_flow_hash(mbuf), tcpstack_flow_hash_of(&ends));
    rte_pktmbuf_free(mbuf);
}

static void what_concerns_everybody_is_known_behind_a_tag(void **state)
{
    struct harness *h = *state;
    bool ipv6 = !tcpstack_address_is_ipv4(h->server);
    struct frame sent = syn(h, 40000);
    struct frame kinds[4] = {sent, frame_echo(h, 8),
                             frame_error(h, ipv6 ? 1 : 3, 3, 0, sent.bytes, 28),
                             ipv6 ? frame_solicitation(h->client, h->server, harness_client_mac)
                                  : frame_arp(RTE_ARP_OP_REPLY, HARNESS_CLIENT_IPV4,
                                              harness_client_mac, HARNESS_SERVER_IPV4)};
    for (unsigned i = 0; i < 8; i++) {
        struct frame *frame = &kinds[i / 2];
        if (i % 2 != 0)
            frame_tag(frame, 7);
        struct rte_mbuf *mbuf = harness_frame(h, frame->bytes, frame->size);
        assert_int_equal(tcpstack_flow_is_everybodys(mbuf), i / 2 >= 2);
        rte_pktmbuf_free(mbuf);
    }
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(answers_carry_the_tag_of_the_question),
        TEST(a_tagged_answer_is_right_behind_its_tag),
        TEST(tags_of_other_vlans_and_second_tags_are_refused),
        TEST(addresses_are_announced_in_every_vlan),
        TEST(a_port_is_told_where_the_headers_are),
        TEST(a_tag_does_not_change_the_flow),
        TEST(what_concerns_everybody_is_known_behind_a_tag),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
