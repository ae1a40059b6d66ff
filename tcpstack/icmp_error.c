#include "tcpstack/icmp_error.h"

#include <netinet/in.h>
#include <string.h>

// RFC 792: what of a segment an error quotes at least. Ports and sequence number are in it.
enum { QUOTED_MIN = 8, HEADER = 8 };
enum { ICMP_UNREACHABLE = 3, ICMP_PROTOCOL = 2, ICMP_PORT = 3, ICMP_TOO_BIG = 4 };
enum { ICMPV6_CODE_PORT = 4 };

static void take_segment(const uint8_t *tcp, struct icmp_error *error)
{
    error->key.local_port = base_load_be16(tcp);
    error->key.remote_port = base_load_be16(tcp + 2);
    error->sequence = base_load_be32(tcp + 4);
}

// The packet that is quoted must be one that we sent from the address the error came to.
static bool quoted_ipv4(const struct tcpstack *stack, const struct tcpstack_packet *packet,
                        struct icmp_error *error)
{
    const uint8_t *quote = packet->transport + HEADER;
    const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)quote;
    unsigned size = packet->transport_size - (unsigned)HEADER;
    if (size < sizeof *ip || quote[0] >> 4 != 4)
        return false;
    uint8_t header = rte_ipv4_hdr_len(ip);
    const uint8_t *local = stack->options.addresses[packet->key.local].address;
    if (header < sizeof *ip || size < header + (unsigned)QUOTED_MIN ||
        ip->next_proto_id != IPPROTO_TCP ||
        base_be32(ip->src_addr) != tcpstack_address_ipv4(local) ||
        (ip->fragment_offset & base_be16(RTE_IPV4_HDR_OFFSET_MASK)) != 0)
        return false;
    tcpstack_address_set_ipv4(error->key.remote, base_be32(ip->dst_addr));
    take_segment(quote + header, error);
    return true;
}

static bool quoted_ipv6(const struct tcpstack *stack, const struct tcpstack_packet *packet,
                        struct icmp_error *error)
{
    const uint8_t *quote = packet->transport + HEADER;
    const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)quote;
    unsigned size = packet->transport_size - (unsigned)HEADER;
    // We send no extension headers, so none can be quoted.
    if (size < sizeof *ip + QUOTED_MIN || quote[0] >> 4 != 6 || ip->proto != IPPROTO_TCP ||
        !tcpstack_address_equal(ip->src_addr, stack->options.addresses[packet->key.local].address))
        return false;
    memcpy(error->key.remote, ip->dst_addr, sizeof error->key.remote);
    take_segment(quote + sizeof *ip, error);
    return true;
}

unsigned tcpstack_icmp_error(struct tcpstack *stack, const struct tcpstack_packet *packet)
{
    const uint8_t *message = packet->transport;
    struct icmp_error error = {.key.local = packet->key.local};
    // RFC 1122 4.2.3.9: protocol and port unreachable are hard; "fragmentation needed" is RFC
    // 1191's.
    if (message[0] == ICMP_UNREACHABLE && message[1] == ICMP_TOO_BIG) {
        error.kind = ICMP_ERROR_SIZE;
        error.mtu = base_load_be16(message + 6);
    } else if (message[0] == ICMP_UNREACHABLE &&
               (message[1] == ICMP_PROTOCOL || message[1] == ICMP_PORT)) {
        error.kind = ICMP_ERROR_HARD;
    }
    if (!quoted_ipv4(stack, packet, &error))
        return TCPSTACK_RX_DROP_ICMP_QUOTE;
    return tcp_icmp_error(stack, &error);
}

unsigned tcpstack_icmpv6_error(struct tcpstack *stack, const struct tcpstack_packet *packet)
{
    const uint8_t *message = packet->transport;
    struct icmp_error error = {.key.local = packet->key.local};
    if (message[0] == ICMPV6_PACKET_TOO_BIG) {
        error.kind = ICMP_ERROR_SIZE;
        error.mtu = base_load_be32(message + 4);
    } else if (message[0] == ICMPV6_UNREACHABLE && message[1] == ICMPV6_CODE_PORT) {
        error.kind = ICMP_ERROR_HARD;
    }
    if (!quoted_ipv6(stack, packet, &error))
        return TCPSTACK_RX_DROP_ICMP_QUOTE;
    return tcp_icmp_error(stack, &error);
}
