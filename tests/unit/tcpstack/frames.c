#include "tests/unit/tcpstack/frames.h"

#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

const uint8_t frame_all_nodes[16] = {0xff, 0x02, [15] = 1};

void frame_solicited_node(uint8_t group[16], const uint8_t address[16])
{
    static const uint8_t prefix[16] = {0xff, 0x02, [11] = 1, [12] = 0xff};
    memcpy(group, prefix, 16);
    memcpy(group + 13, address + 13, 3);
}

static void write_eth(struct frame *frame, uint16_t type, const uint8_t destination[6])
{
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame->bytes;
    memcpy(eth->dst_addr.addr_bytes, destination, 6);
    memcpy(eth->src_addr.addr_bytes, harness_client_mac, 6);
    eth->ether_type = rte_cpu_to_be_16(type);
}

struct frame frame_ipv6(const uint8_t source[16], const uint8_t destination[16], uint8_t protocol,
                        const void *payload, uint16_t size)
{
    struct frame frame = {.size = (uint16_t)(14 + 40 + size)};
    uint8_t group[6] = {0x33, 0x33};
    memcpy(group + 2, destination + 12, 4);
    write_eth(&frame, RTE_ETHER_TYPE_IPV6, destination[0] == 0xff ? group : harness_server_mac);
    struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame.bytes + 14);
    ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
    ip->payload_len = rte_cpu_to_be_16(size);
    ip->proto = protocol;
    ip->hop_limits = 255;
    memcpy(ip->src_addr, source, 16);
    memcpy(ip->dst_addr, destination, 16);
    memcpy(ip + 1, payload, size);
    return frame;
}

void frame_fix_icmpv6(struct frame *frame)
{
    struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame->bytes + 14);
    struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
    icmp->icmp_cksum = 0;
    icmp->icmp_cksum = rte_ipv6_udptcp_cksum(ip, icmp);
}

struct frame frame_icmpv6(const uint8_t source[16], const uint8_t destination[16],
                          const void *message, uint16_t size)
{
    struct frame frame = frame_ipv6(source, destination, IPPROTO_ICMPV6, message, size);
    frame_fix_icmpv6(&frame);
    return frame;
}

static uint16_t write_discovery(uint8_t message[32], uint8_t type, uint8_t flags,
                                const uint8_t target[16], uint8_t option, const uint8_t mac[6])
{
    memset(message, 0, 32);
    message[0] = type;
    message[4] = flags;
    memcpy(message + 8, target, 16);
    if (mac == NULL)
        return 24;
    message[24] = option;
    message[25] = 1;
    memcpy(message + 26, mac, 6);
    return 32;
}

struct frame frame_solicitation(const uint8_t source[16], const uint8_t target[16],
                                const uint8_t mac[6])
{
    static const uint8_t nobody[16];
    uint8_t message[32], group[16];
    uint16_t size = write_discovery(message, 135, 0, target, 1, mac);
    frame_solicited_node(group, target);
    return frame_icmpv6(source == NULL ? nobody : source, group, message, size);
}

struct frame frame_advertisement(const uint8_t destination[16], const uint8_t target[16],
                                 uint8_t flags, const uint8_t mac[6])
{
    uint8_t message[32];
    uint16_t size = write_discovery(message, 136, flags, target, 2, mac);
    return frame_icmpv6(target, destination, message, size);
}

struct frame frame_arp(uint16_t operation, uint32_t sender, const uint8_t mac[6], uint32_t target)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct frame frame = {.size = 14 + sizeof(struct rte_arp_hdr)};
    write_eth(&frame, RTE_ETHER_TYPE_ARP,
              operation == RTE_ARP_OP_REQUEST ? everybody : harness_server_mac);
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(frame.bytes + 14);
    *arp = (struct rte_arp_hdr){
        .arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
        .arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
        .arp_hlen = 6,
        .arp_plen = 4,
        .arp_opcode = rte_cpu_to_be_16(operation),
        .arp_data.arp_sip = rte_cpu_to_be_32(sender),
        .arp_data.arp_tip = rte_cpu_to_be_32(target),
    };
    memcpy(arp->arp_data.arp_sha.addr_bytes, mac, 6);
    return frame;
}

static struct frame icmp_message(const struct harness *h, const uint8_t *message, uint16_t size)
{
    if (!tcpstack_address_is_ipv4(h->server))
        return frame_icmpv6(h->client, h->server, message, size);
    struct frame frame = {.size = (uint16_t)(14 + 20 + size)};
    write_eth(&frame, RTE_ETHER_TYPE_IPV4, harness_server_mac);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame.bytes + 14);
    struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
    *ip = (struct rte_ipv4_hdr){
        .version_ihl = RTE_IPV4_VHL_DEF,
        .total_length = rte_cpu_to_be_16((uint16_t)(20 + size)),
        .time_to_live = 64,
        .next_proto_id = IPPROTO_ICMP,
        .src_addr = rte_cpu_to_be_32(HARNESS_CLIENT_IPV4),
        .dst_addr = rte_cpu_to_be_32(HARNESS_SERVER_IPV4),
    };
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    memcpy(icmp, message, size);
    icmp->icmp_cksum = 0;
    icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, size);
    return frame;
}

struct frame frame_echo(const struct harness *h, uint16_t size)
{
    uint8_t message[1500] = {tcpstack_address_is_ipv4(h->server) ? 8 : 128, 0, 0, 0, 0x12, 0x34};
    harness_pattern(message + 8, 0, size);
    return icmp_message(h, message, (uint16_t)(8 + size));
}

struct frame frame_error(const struct harness *h, uint8_t type, uint8_t code, uint32_t rest,
                         const uint8_t *sent, uint16_t quoted)
{
    uint8_t message[600] = {type, code};
    base_store_be32(message + 4, rest);
    memcpy(message + 8, sent + 14, quoted);
    return icmp_message(h, message, (uint16_t)(8 + quoted));
}

void frame_tag(struct frame *frame, uint16_t tci)
{
    const uint8_t tag[4] = {0x81, 0x00, (uint8_t)(tci >> 8), (uint8_t)tci};
    memmove(frame->bytes + 16, frame->bytes + 12, frame->size - 12u);
    memcpy(frame->bytes + 12, tag, sizeof tag);
    frame->size = (uint16_t)(frame->size + sizeof tag);
}

void frame_input(struct harness *h, const struct frame *frame)
{
    harness_input(h, harness_frame(h, frame->bytes, frame->size));
}

struct frame frame_of(struct rte_mbuf *mbuf)
{
    struct frame frame = {.size = mbuf->data_len};
    memcpy(frame.bytes, rte_pktmbuf_mtod(mbuf, void *), mbuf->data_len);
    rte_pktmbuf_free(mbuf);
    return frame;
}
