#include "tcpstack/checksum.h"

#include <netinet/in.h>

#include <rte_ethdev.h>

#include "base/sum.h"
#include "tcpstack/tcp.h"

bool tcpstack_ipv4_checksum_ok(const struct tcpstack_packet *packet)
{
    uint64_t said = packet->frame->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (said == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
        return true;
    if (said == RTE_MBUF_F_RX_IP_CKSUM_BAD)
        return false;
    return base_sum(packet->ipv4, rte_ipv4_hdr_len(packet->ipv4)) == 0xffff;
}

// RFC 9293 3.1: over addresses, protocol and size.
static uint16_t ipv4_pseudo_sum(const struct rte_ipv4_hdr *ip, uint16_t size)
{
    return base_sum_fold((uint64_t)ip->src_addr + ip->dst_addr + base_be16(IPPROTO_TCP) +
                         base_be16(size));
}

// RFC 8200 8.1: the last header's own protocol and size, not the packet's.
static uint16_t ipv6_pseudo_sum(const struct rte_ipv6_hdr *ip, uint8_t protocol, uint16_t size)
{
    return base_sum_fold(base_sum_words(ip->src_addr, 2 * sizeof ip->src_addr / 4) +
                         base_be16(size) + base_be16(protocol));
}

uint16_t tcpstack_ipv6_sum(const struct rte_ipv6_hdr *ip, uint8_t protocol, const uint8_t *bytes,
                           uint16_t size)
{
    return base_sum_fold((uint32_t)ipv6_pseudo_sum(ip, protocol, size) + base_sum(bytes, size));
}

bool tcpstack_tcp_checksum_ok(const struct tcpstack_packet *packet)
{
    uint64_t said = packet->frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (said == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
        return true;
    if (said == RTE_MBUF_F_RX_L4_CKSUM_BAD)
        return false;
    if (packet->ipv6 != NULL)
        return tcpstack_ipv6_sum(packet->ipv6, IPPROTO_TCP, packet->transport,
                                 packet->transport_size) == 0xffff;
    uint32_t sum = base_sum(packet->transport, packet->transport_size);
    return base_sum_fold(sum + ipv4_pseudo_sum(packet->ipv4, packet->transport_size)) == 0xffff;
}

static bool leaves_tcp_to_port(const struct tcpstack *stack, uint8_t port)
{
    return stack->options.ports[port].tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
}

void tcpstack_ipv4_checksum_write(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                  struct rte_ipv4_hdr *ip, uint64_t sum)
{
    frame->l3_len = sizeof *ip;
    if (stack->options.ports[port].tx_offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
        frame->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    else
        ip->hdr_checksum = (uint16_t)~base_sum_fold(sum);
}

static uint16_t payload_sum(const struct rte_tcp_hdr *tcp, uint16_t size,
                            const struct tcp_header *header)
{
    uint16_t before = (uint16_t)(sizeof *tcp + header->options_size);
    const uint8_t *payload = (const uint8_t *)tcp + before;
    return header->summed ? header->sum : base_sum(payload, (uint32_t)size - before);
}

void tcpstack_tcp_checksum_write_ipv4(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                      struct rte_ipv4_hdr *ip, struct rte_tcp_hdr *tcp,
                                      const struct tcp_header *header, uint64_t header_sum)
{
    uint16_t size = (uint16_t)(base_be16(ip->total_length) - sizeof *ip);
    if (leaves_tcp_to_port(stack, port)) {
        // A port that cuts puts each segment's size in itself.
        frame->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
        tcp->cksum = ipv4_pseudo_sum(ip, header->segment_size != 0 ? 0 : size);
    } else {
        uint64_t sum = header_sum + ipv4_pseudo_sum(ip, size) + payload_sum(tcp, size, header);
        tcp->cksum = (uint16_t)~base_sum_fold(sum);
    }
}

void tcpstack_tcp_checksum_write_ipv6(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                      const struct rte_ipv6_hdr *ip, struct rte_tcp_hdr *tcp,
                                      const struct tcp_header *header, uint64_t header_sum)
{
    uint16_t size = base_be16(ip->payload_len);
    frame->l3_len = sizeof *ip;
    if (leaves_tcp_to_port(stack, port)) {
        frame->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;
        tcp->cksum = ipv6_pseudo_sum(ip, IPPROTO_TCP, header->segment_size != 0 ? 0 : size);
    } else {
        uint64_t sum = header_sum + ipv6_pseudo_sum(ip, IPPROTO_TCP, size);
        tcp->cksum = (uint16_t)~base_sum_fold(sum + payload_sum(tcp, size, header));
    }
}
