// IPv6 (RFC 8200). Fragments are refused by policy, and so is source routing. Of multicast groups
// we belong to all nodes and to the solicited-node groups of our addresses, for neighbour discovery
// alone. There is no MLD: a switch that snoops for it must flood these groups.
#include <string.h>

#include "tcpstack/stack.h"

enum { HOP_LIMIT = 64 };

// RFC 4291 2.7.1.
static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};

void tcpstack_solicited_node(uint8_t group[16], const uint8_t address[16])
{
    static const uint8_t prefix[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};
    memcpy(group, prefix, sizeof prefix);
    memcpy(group + 13, address + 13, 3);
}

static bool is_our_group(const struct tcpstack *stack, const uint8_t destination[16])
{
    if (tcpstack_address_equal(destination, all_nodes))
        return true;
    for (unsigned i = 0; i < stack->options.address_count; i++) {
        const uint8_t *own = stack->options.addresses[i].address;
        uint8_t group[16];
        tcpstack_solicited_node(group, own);
        if (!tcpstack_address_is_ipv4(own) && tcpstack_address_equal(destination, group))
            return true;
    }
    return false;
}

// RFC 4291 2.5.2, 2.5.3, 2.7: what must not be a source. An IPv4 address in this place would name
// another family's connections. The unspecified address is for neighbour discovery to judge.
bool tcpstack_ipv6_is_peer(const struct tcpstack *stack, const uint8_t source[16])
{
    static const uint8_t loopback[16] = {[15] = 1};
    return source[0] != 0xff && !tcpstack_address_equal(source, loopback) &&
           !tcpstack_address_is_ipv4(source) && tcpstack_local(stack, source) < 0;
}

// Who it is for, and from. TCPSTACK_RX_ACCEPTED when both are in order.
static unsigned take_addresses(const struct tcpstack *stack, struct tcpstack_packet *packet)
{
    const struct rte_ipv6_hdr *ip = packet->ipv6;
    packet->multicast = ip->dst_addr[0] == 0xff;
    if (packet->multicast) {
        if (!is_our_group(stack, ip->dst_addr))
            return TCPSTACK_RX_DROP_IP_NOT_OURS;
    } else {
        int local = tcpstack_local(stack, ip->dst_addr);
        if (local < 0 || tcpstack_address_is_ipv4(ip->dst_addr))
            return TCPSTACK_RX_DROP_IP_NOT_OURS;
        if (stack->address_states[local] != TCPSTACK_ADDRESS_SERVED)
            return TCPSTACK_RX_DROP_IP_NOT_SERVED;
        packet->key.local = (uint16_t)local;
    }
    if (!tcpstack_ipv6_is_peer(stack, ip->src_addr))
        return TCPSTACK_RX_DROP_IP_SOURCE;
    memcpy(packet->key.remote, ip->src_addr, sizeof packet->key.remote);
    return TCPSTACK_RX_ACCEPTED;
}

bool tcpstack_ipv6_is_unspecified(const uint8_t address[16])
{
    static const uint8_t unspecified[16];
    return tcpstack_address_equal(address, unspecified);
}

unsigned tcpstack_ipv6_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)packet->network;
    if (packet->network_size < sizeof *ip)
        return TCPSTACK_RX_DROP_IP_SHORT;
    if (packet->network[0] >> 4 != 6)
        return TCPSTACK_RX_DROP_IP_VERSION;
    uint16_t payload = base_be16(ip->payload_len);
    if (payload > packet->network_size - sizeof *ip)
        return TCPSTACK_RX_DROP_IP_TOTAL_LENGTH;
    packet->ipv6 = ip;
    packet->ipv4 = NULL;
    unsigned reason = take_addresses(stack, packet);
    if (reason != TCPSTACK_RX_ACCEPTED)
        return reason;

    uint8_t protocol = ip->proto;
    packet->transport = (const uint8_t *)(ip + 1);
    packet->transport_size = payload;
    reason = tcpstack_ipv6_skip(&packet->transport, &packet->transport_size, &protocol);
    if (reason != TCPSTACK_RX_ACCEPTED)
        return reason;
    if (protocol == IPPROTO_ICMPV6)
        return tcpstack_icmpv6_input(stack, packet);
    if (packet->multicast)
        return TCPSTACK_RX_DROP_IP_NOT_OURS;
    if (tcpstack_ipv6_is_unspecified(ip->src_addr))
        return TCPSTACK_RX_DROP_IP_SOURCE;
    return protocol == IPPROTO_TCP ? tcp_parse(stack, packet) : TCPSTACK_RX_DROP_IP_PROTOCOL;
}

void tcpstack_ipv6_write(struct rte_ipv6_hdr *ip, const uint8_t source[16],
                         const uint8_t destination[16], uint8_t protocol, uint16_t size)
{
    ip->vtc_flow = base_be32(UINT32_C(6) << 28);
    ip->payload_len = base_be16(size);
    ip->proto = protocol;
    ip->hop_limits = HOP_LIMIT;
    memcpy(ip->src_addr, source, sizeof ip->src_addr);
    memcpy(ip->dst_addr, destination, sizeof ip->dst_addr);
}
