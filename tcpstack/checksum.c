#include "tcpstack/checksum.h"

#include <rte_ethdev.h>

bool tcpstack_ipv4_checksum_ok(const struct tcpstack_packet *packet)
{
    uint64_t said = packet->frame->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (said == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
        return true;
    if (said == RTE_MBUF_F_RX_IP_CKSUM_BAD)
        return false;
    return rte_raw_cksum(packet->ip, rte_ipv4_hdr_len(packet->ip)) == 0xffff;
}

bool tcpstack_tcp_checksum_ok(const struct tcpstack_packet *packet)
{
    uint64_t said = packet->frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (said == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
        return true;
    if (said == RTE_MBUF_F_RX_L4_CKSUM_BAD)
        return false;
    uint32_t sum = rte_raw_cksum(packet->transport, packet->transport_size);
    sum += rte_ipv4_phdr_cksum(packet->ip, 0);
    return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

void tcpstack_ipv4_checksum_write(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                  struct rte_ipv4_hdr *ip)
{
    frame->l2_len = sizeof(struct rte_ether_hdr);
    frame->l3_len = sizeof *ip;
    if (stack->options.ports[port].tx_offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
        frame->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    else
        ip->hdr_checksum = rte_ipv4_cksum(ip);
}

void tcpstack_tcp_checksum_write(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                 struct rte_ipv4_hdr *ip, struct rte_tcp_hdr *tcp)
{
    if (stack->options.ports[port].tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) {
        frame->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
        tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
    } else {
        tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
    }
    tcpstack_ipv4_checksum_write(stack, frame, port, ip);
}
