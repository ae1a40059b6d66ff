// ICMP (RFC 792, RFC 1122 3.2.2): answers echo requests. Errors about our own packets are counted
// and not acted on yet (no path MTU discovery).
#include <string.h>

#include "tcpstack/checksum.h"
#include "tcpstack/stack.h"

// RFC 1122 3.2.2.6: the data comes back as it was. IP options do not: a source route could send the
// reply anywhere. So the plain headers are written right before the ICMP message.
static void send_reply(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_mbuf *frame = packet->frame;
    uint32_t local = rte_be_to_cpu_32(packet->ip->dst_addr);
    uint32_t remote = rte_be_to_cpu_32(packet->ip->src_addr);

    rte_pktmbuf_adj(frame, (uint16_t)(rte_ipv4_hdr_len(packet->ip) - sizeof *packet->ip));
    frame->data_len = (uint16_t)(sizeof *packet->eth + sizeof *packet->ip + packet->transport_size);
    frame->pkt_len = frame->data_len;
    frame->ol_flags = 0;
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
    struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
    tcpstack_eth_write(stack, eth, &packet->link, RTE_ETHER_TYPE_IPV4);
    tcpstack_ipv4_write(ip, local, remote, IPPROTO_ICMP, packet->transport_size);
    icmp->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
    icmp->icmp_cksum = 0;
    icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, packet->transport_size);
    tcpstack_ipv4_checksum_write(stack, frame, packet->link.port, ip);
    tcpstack_push(stack, frame, packet->link.port);
    packet->frame = NULL;
}

unsigned tcpstack_icmp_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    const struct rte_icmp_hdr *icmp = (const struct rte_icmp_hdr *)packet->transport;
    if (packet->transport_size < sizeof *icmp)
        return TCPSTACK_RX_DROP_ICMP_SHORT;
    if (rte_raw_cksum(icmp, packet->transport_size) != 0xffff)
        return TCPSTACK_RX_DROP_ICMP_CHECKSUM;
    if (icmp->icmp_type != RTE_IP_ICMP_ECHO_REQUEST || icmp->icmp_code != 0)
        return TCPSTACK_RX_DROP_ICMP_TYPE;
    send_reply(stack, packet);
    tcpstack_count(stack, TCPSTACK_ICMP_ECHOES);
    return TCPSTACK_RX_ACCEPTED;
}
