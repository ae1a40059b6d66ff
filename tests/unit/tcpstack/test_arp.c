#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>

#include "tests/unit/tcpstack/harness.h"

struct arp_frame {
    struct rte_ether_hdr eth;
    struct rte_arp_hdr arp;
    uint8_t padding[18];
};

static struct arp_frame arp_request(uint32_t target)
{
    struct arp_frame frame = {
        .eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP),
        .arp.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
        .arp.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
        .arp.arp_hlen = 6,
        .arp.arp_plen = 4,
        .arp.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST),
        .arp.arp_data.arp_sip = rte_cpu_to_be_32(HARNESS_CLIENT_IPV4),
        .arp.arp_data.arp_tip = rte_cpu_to_be_32(target),
    };
    memset(frame.eth.dst_addr.addr_bytes, 0xff, 6);
    memcpy(frame.eth.src_addr.addr_bytes, harness_client_mac, 6);
    memcpy(frame.arp.arp_data.arp_sha.addr_bytes, harness_client_mac, 6);
    return frame;
}

static void an_arp_request_for_us_is_answered(void **state)
{
    struct harness *h = *state;
    struct arp_frame request = arp_request(HARNESS_SERVER_IPV4);
    harness_input(h, harness_frame(h, &request, sizeof request));
    struct rte_mbuf *frame = harness_take(h);
    const struct arp_frame *reply = rte_pktmbuf_mtod(frame, const struct arp_frame *);
    assert_int_equal(frame->data_len, 14 + 28);
    assert_memory_equal(reply->eth.dst_addr.addr_bytes, harness_client_mac, 6);
    assert_memory_equal(reply->eth.src_addr.addr_bytes, harness_server_mac, 6);
    assert_int_equal(reply->arp.arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REPLY));
    assert_memory_equal(reply->arp.arp_data.arp_sha.addr_bytes, harness_server_mac, 6);
    assert_memory_equal(reply->arp.arp_data.arp_tha.addr_bytes, harness_client_mac, 6);
    assert_int_equal(reply->arp.arp_data.arp_sip, rte_cpu_to_be_32(HARNESS_SERVER_IPV4));
    assert_int_equal(reply->arp.arp_data.arp_tip, rte_cpu_to_be_32(HARNESS_CLIENT_IPV4));
    rte_pktmbuf_free(frame);
    assert_int_equal(harness_counter(h, TCPSTACK_ARP_REPLIES), 1);
}

static void other_arp_is_refused(void **state)
{
    struct harness *h = *state;
    struct arp_frame request = arp_request(HARNESS_SERVER_IPV4 + 1);
    harness_input(h, harness_frame(h, &request, sizeof request));
    request = arp_request(HARNESS_SERVER_IPV4);
    request.arp.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    harness_input(h, harness_frame(h, &request, sizeof request));
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ARP_NOT_OURS), 2);

    request = arp_request(HARNESS_SERVER_IPV4);
    harness_input(h, harness_frame(h, &request, 14 + 27));
    request.arp.arp_hlen = 8;
    harness_input(h, harness_frame(h, &request, sizeof request));
    request = arp_request(HARNESS_SERVER_IPV4);
    request.arp.arp_data.arp_sha.addr_bytes[0] |= 1;
    harness_input(h, harness_frame(h, &request, sizeof request));
    assert_int_equal(harness_counter(h, TCPSTACK_RX_DROP_ARP_MALFORMED), 3);
    harness_expect_none(h);
}

static void every_address_is_announced_on_every_port(void **state)
{
    struct harness *h = *state;
    h->options.addresses[1] = (struct tcpstack_address){TCPSTACK_IPV4(0x0a870063), 96 + 24};
    h->options.address_count = 2;
    h->options.ports[1] = h->options.ports[0];
    h->options.ports[1].port_id = 9;
    h->options.port_count = 2;
    harness_restart(h);
    tcpstack_announce(h->stack, h->now);
    for (unsigned i = 0; i < 4; i++) {
        struct rte_mbuf *frame;
        assert_int_equal(tcpstack_take_output(h->stack, &frame, 1), 1);
        const struct arp_frame *arp = rte_pktmbuf_mtod(frame, const struct arp_frame *);
        assert_int_equal(frame->port, i % 2 == 0 ? HARNESS_PORT : 9);
        assert_int_equal(arp->arp.arp_data.arp_sip, arp->arp.arp_data.arp_tip);
        assert_int_equal(rte_be_to_cpu_32(arp->arp.arp_data.arp_sip),
                         i < 2 ? HARNESS_SERVER_IPV4 : 0x0a870063);
        rte_pktmbuf_free(frame);
    }
    harness_expect_none(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_arp_request_for_us_is_answered),
        TEST(other_arp_is_refused),
        TEST(every_address_is_announced_on_every_port),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
