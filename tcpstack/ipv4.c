// IPv4 (RFC 791, RFC 1122 3.2.1). Options are skipped, fragments refused by policy. We send with
// DF and identification 0 (RFC 6864 4.1).
#include "tcpstack/checksum.h"
#include "tcpstack/stack.h"

enum { TTL = 64 };

// RFC 1122 3.2.1.3: addresses that must not appear as a source. Our own would answer itself.
bool tcpstack_ipv4_is_peer(const struct tcpstack *stack, uint32_t source)
{
    uint8_t first = source >> 24;
    if (first == 0 || first == 127 || first >= 224)
        return false;
    for (unsigned i = 0; i < stack->options.address_count; i++) {
        const struct tcpstack_address *own = &stack->options.addresses[i];
        if (!tcpstack_address_is_ipv4(own->address))
            continue;
        uint32_t ipv4 = tcpstack_address_ipv4(own->address);
        unsigned length = own->prefix_length - TCPSTACK_IPV4_BITS;
        uint32_t hosts = length >= 31 ? 0 : UINT32_MAX >> length;
        if (source == ipv4 || (hosts != 0 && source == (ipv4 | hosts)))
            return false;
    }
    return true;
}

// Lengths: the header's against the frame, the total's against both. What is beyond the total
// length is Ethernet padding and is never looked at again.
static unsigned check_lengths(const struct rte_ipv4_hdr *ip, uint16_t size)
{
    if (size < sizeof *ip)
        return TCPSTACK_RX_DROP_IP_SHORT;
    if (ip->version_ihl >> 4 != 4)
        return TCPSTACK_RX_DROP_IP_VERSION;
    uint8_t header = rte_ipv4_hdr_len(ip);
    if (header < sizeof *ip || header > size)
        return TCPSTACK_RX_DROP_IP_HEADER_LENGTH;
    uint16_t total = base_be16(ip->total_length);
    if (total < header || total > size)
        return TCPSTACK_RX_DROP_IP_TOTAL_LENGTH;
    return TCPSTACK_RX_ACCEPTED;
}

// False when the packet is not for us.
static bool take_addresses(const struct tcpstack *stack, struct tcpstack_packet *packet)
{
    uint8_t destination[16];
    tcpstack_address_set_ipv4(destination, base_be32(packet->ipv4->dst_addr));
    tcpstack_address_set_ipv4(packet->key.remote, base_be32(packet->ipv4->src_addr));
    int local = tcpstack_local(stack, destination);
    packet->key.local = (uint16_t)local;
    return local >= 0;
}

// RFC 1122 3.2.1.7: a host does not discard a datagram for its TTL, so nothing looks at it.
unsigned tcpstack_ipv4_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet->network;
    unsigned reason = check_lengths(ip, packet->network_size);
    if (reason != TCPSTACK_RX_ACCEPTED)
        return reason;
    packet->ipv4 = ip;
    packet->ipv6 = NULL;
    packet->multicast = false;
    if (!tcpstack_ipv4_checksum_ok(packet))
        return TCPSTACK_RX_DROP_IP_CHECKSUM;
    if (!take_addresses(stack, packet))
        return TCPSTACK_RX_DROP_IP_NOT_OURS;
    if (!tcpstack_ipv4_is_peer(stack, base_be32(ip->src_addr)))
        return TCPSTACK_RX_DROP_IP_SOURCE;
    uint16_t fragment = base_be16(ip->fragment_offset);
    if (fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
        return TCPSTACK_RX_DROP_IP_FRAGMENT;

    uint8_t header = rte_ipv4_hdr_len(ip);
    packet->transport = (const uint8_t *)ip + header;
    packet->transport_size = (uint16_t)(base_be16(ip->total_length) - header);
    if (ip->next_proto_id == IPPROTO_TCP)
        return tcp_parse(stack, packet);
    if (ip->next_proto_id == IPPROTO_ICMP)
        return tcpstack_icmp_input(stack, packet);
    return TCPSTACK_RX_DROP_IP_PROTOCOL;
}

// By words: what is to be summed right after must not be in the processor's store queue in pieces.
uint64_t tcpstack_ipv4_write(struct rte_ipv4_hdr *ip, uint32_t source, uint32_t destination,
                             uint8_t protocol, uint16_t size)
{
    uint16_t total = base_be16((uint16_t)(sizeof *ip + size));
    uint32_t first = RTE_IPV4_VHL_DEF | (uint32_t)total << 16;
    uint32_t second = (uint32_t)RTE_BE16(RTE_IPV4_HDR_DF_FLAG) << 16;
    uint32_t third = TTL | (uint32_t)protocol << 8;
    base_store_le32(&ip->version_ihl, first);
    base_store_le32(&ip->packet_id, second);
    base_store_le32(&ip->time_to_live, third);
    ip->src_addr = base_be32(source);
    ip->dst_addr = base_be32(destination);
    return (uint64_t)first + second + third + base_be32(source) + base_be32(destination);
}
