// Ethernet II (IEEE 802.3 clause 3). VLAN tags are refused for now, and counted.
#include <string.h>

#include "tcpstack/stack.h"

static int port_index(const struct tcpstack *stack, uint16_t port_id)
{
    for (unsigned i = 0; i < stack->options.port_count; i++) {
        if (stack->options.ports[i].port_id == port_id)
            return (int)i;
    }
    return -1;
}

unsigned tcpstack_eth_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_mbuf *frame = packet->frame;
    int port = port_index(stack, frame->port);
    if (port < 0)
        return TCPSTACK_RX_DROP_PORT;
    if (frame->nb_segs != 1)
        return TCPSTACK_RX_DROP_MULTI_SEGMENT;
    if (frame->data_len < sizeof *packet->eth)
        return TCPSTACK_RX_DROP_ETH_SHORT;
    packet->eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    packet->link.port = (uint8_t)port;
    memcpy(packet->link.mac, packet->eth->src_addr.addr_bytes, sizeof packet->link.mac);
    if (!rte_is_valid_assigned_ether_addr(&packet->eth->src_addr))
        return TCPSTACK_RX_DROP_ETH_SOURCE;

    uint16_t type = rte_be_to_cpu_16(packet->eth->ether_type);
    bool ours = memcmp(packet->eth->dst_addr.addr_bytes, stack->options.ports[port].mac, 6) == 0;
    if (type == RTE_ETHER_TYPE_ARP && (ours || rte_is_broadcast_ether_addr(&packet->eth->dst_addr)))
        return tcpstack_arp_input(stack, packet);
    // RFC 1122 3.3.6: an IP datagram in a link-layer broadcast must have a broadcast destination,
    // and we serve none.
    if (!ours)
        return TCPSTACK_RX_DROP_ETH_NOT_OURS;
    if (type == RTE_ETHER_TYPE_IPV4)
        return tcpstack_ipv4_input(stack, packet);
    bool tagged = type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ;
    return tagged ? TCPSTACK_RX_DROP_ETH_VLAN : TCPSTACK_RX_DROP_ETH_TYPE;
}

void tcpstack_eth_write(struct tcpstack *stack, struct rte_ether_hdr *eth,
                        const struct tcpstack_link *to, uint16_t type)
{
    memcpy(eth->dst_addr.addr_bytes, to->mac, 6);
    memcpy(eth->src_addr.addr_bytes, stack->options.ports[to->port].mac, 6);
    eth->ether_type = rte_cpu_to_be_16(type);
}
