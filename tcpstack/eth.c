// Ethernet II (IEEE 802.3 clause 3) and one 802.1Q tag (IEEE 802.1Q 9.6).
#include <string.h>

#include "tcpstack/stack.h"

enum { VLAN_ID_MASK = 0x0fff };

static int port_index(const struct tcpstack *stack, uint16_t port_id)
{
    for (unsigned i = 0; i < stack->options.port_count; i++) {
        if (stack->options.ports[i].port_id == port_id)
            return (int)i;
    }
    return -1;
}

// 802.1Q 6.9.1: identifier 0 only carries a priority.
static bool is_member(const struct tcpstack_port *port, uint16_t vlan)
{
    if (vlan == 0)
        return true;
    for (unsigned i = 0; i < port->vlan_count; i++) {
        if (port->vlans[i] == vlan)
            return true;
    }
    return false;
}

// Takes the tag off; *type becomes that of what is behind it.
static bool take_tag(const struct tcpstack *stack, struct tcpstack_packet *packet, uint16_t *type)
{
    if (packet->network_size < sizeof(struct rte_vlan_hdr))
        return false;
    const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)packet->network;
    packet->link.tagged = true;
    packet->link.tci = base_be16(tag->vlan_tci);
    packet->network += sizeof *tag;
    packet->network_size = (uint16_t)(packet->network_size - sizeof *tag);
    *type = base_be16(tag->eth_proto);
    return is_member(&stack->options.ports[packet->link.port], packet->link.tci & VLAN_ID_MASK);
}

// RFC 2464 7: the group address that the last four bytes of the packet's destination make. Whether
// we belong to the group is for IPv6 to say.
static bool is_ipv6_group(const struct tcpstack_packet *packet)
{
    const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)packet->network;
    const uint8_t *mac = packet->eth->dst_addr.addr_bytes;
    return mac[0] == 0x33 && mac[1] == 0x33 && packet->network_size >= sizeof *ip &&
           memcmp(mac + 2, ip->dst_addr + 12, 4) == 0;
}

static unsigned hand_on(struct tcpstack *stack, struct tcpstack_packet *packet, uint16_t type)
{
    const struct rte_ether_addr *destination = &packet->eth->dst_addr;
    const uint8_t *mac = stack->options.ports[packet->link.port].mac;
    bool ours = memcmp(destination->addr_bytes, mac, sizeof packet->link.mac) == 0;
    switch (type) {
    case RTE_ETHER_TYPE_ARP:
        if (!ours && !rte_is_broadcast_ether_addr(destination))
            return TCPSTACK_RX_DROP_ETH_NOT_OURS;
        return tcpstack_arp_input(stack, packet);
    case RTE_ETHER_TYPE_IPV4:
        // RFC 1122 3.3.6: an IP datagram in a link-layer broadcast must have a broadcast
        // destination, and we serve none.
        return ours ? tcpstack_ipv4_input(stack, packet) : TCPSTACK_RX_DROP_ETH_NOT_OURS;
    case RTE_ETHER_TYPE_IPV6:
        if (!ours && !is_ipv6_group(packet))
            return TCPSTACK_RX_DROP_ETH_NOT_OURS;
        return tcpstack_ipv6_input(stack, packet);
    case RTE_ETHER_TYPE_VLAN:
    case RTE_ETHER_TYPE_QINQ:
        return TCPSTACK_RX_DROP_ETH_VLAN;
    default:
        return ours ? TCPSTACK_RX_DROP_ETH_TYPE : TCPSTACK_RX_DROP_ETH_NOT_OURS;
    }
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
    packet->network = (uint8_t *)(packet->eth + 1);
    packet->network_size = (uint16_t)(frame->data_len - sizeof *packet->eth);
    packet->link = (struct tcpstack_link){.port = (uint8_t)port};
    memcpy(packet->link.mac, packet->eth->src_addr.addr_bytes, sizeof packet->link.mac);
    if (!rte_is_valid_assigned_ether_addr(&packet->eth->src_addr))
        return TCPSTACK_RX_DROP_ETH_SOURCE;

    uint16_t type = base_be16(packet->eth->ether_type);
    if (type == RTE_ETHER_TYPE_VLAN && !take_tag(stack, packet, &type))
        return TCPSTACK_RX_DROP_ETH_VLAN;
    return hand_on(stack, packet, type);
}

uint8_t *tcpstack_eth_write(struct tcpstack *stack, struct rte_mbuf *frame,
                            const struct tcpstack_link *to, uint16_t type)
{
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    memcpy(eth->dst_addr.addr_bytes, to->mac, 6);
    memcpy(eth->src_addr.addr_bytes, stack->options.ports[to->port].mac, 6);
    frame->l2_len = tcpstack_eth_size(to);
    if (!to->tagged) {
        eth->ether_type = base_be16(type);
        return (uint8_t *)(eth + 1);
    }
    struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);
    eth->ether_type = base_be16(RTE_ETHER_TYPE_VLAN);
    tag->vlan_tci = base_be16(to->tci);
    tag->eth_proto = base_be16(type);
    return (uint8_t *)(tag + 1);
}
