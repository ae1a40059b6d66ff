// ICMP (RFC 792, RFC 1122 3.2.2) and ICMPv6 (RFC 4443): answers echo requests, and hands what is
// about our own packets on. We send no errors: a closed TCP port answers with RST.
#include <netinet/in.h>

#include "base/sum.h"
#include "tcpstack/checksum.h"
#include "tcpstack/icmp_error.h"
#include "tcpstack/stack.h"

enum { ICMP_UNREACHABLE = 3, ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER_PROBLEM = 12 };

// RFC 1122 3.2.2.6, RFC 4443 4.2: the data comes back as it was. Options and extension headers do
// not: a source route could send the reply anywhere. So the plain headers are written right before
// the message. `type` of the answer takes the place of the request's.
static void send_echo(struct tcpstack *stack, struct tcpstack_packet *packet, uint8_t type)
{
    struct rte_mbuf *frame = packet->frame;
    bool ipv6 = packet->ipv6 != NULL;
    uint16_t size = packet->transport_size;
    uint16_t before =
        (uint16_t)(tcpstack_eth_size(&packet->link) +
                   (ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr)));
    const uint8_t *local = stack->options.addresses[packet->key.local].address;
    rte_pktmbuf_adj(frame,
                    (uint16_t)(packet->transport - rte_pktmbuf_mtod(frame, uint8_t *) - before));
    frame->data_len = (uint16_t)(before + size);
    frame->pkt_len = frame->data_len;
    frame->ol_flags = 0;
    struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod_offset(frame, struct rte_icmp_hdr *, before);
    void *ip = tcpstack_eth_write(stack, frame, &packet->link,
                                  ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
    icmp->icmp_type = type;
    icmp->icmp_cksum = 0;
    if (ipv6) {
        tcpstack_ipv6_write(ip, local, packet->key.remote, IPPROTO_ICMPV6, size);
        icmp->icmp_cksum =
            (uint16_t)~tcpstack_ipv6_sum(ip, IPPROTO_ICMPV6, (const uint8_t *)icmp, size);
    } else {
        uint64_t sum =
            tcpstack_ipv4_write(ip, tcpstack_address_ipv4(local),
                                tcpstack_address_ipv4(packet->key.remote), IPPROTO_ICMP, size);
        icmp->icmp_cksum = (uint16_t)~base_sum(icmp, size);
        tcpstack_ipv4_checksum_write(stack, frame, packet->link.port, ip, sum);
    }
    tcpstack_push(stack, frame, packet->link.port);
    packet->frame = NULL;
    tcpstack_count(stack, TCPSTACK_ICMP_ECHOES);
}

static unsigned answer_echo(struct tcpstack *stack, struct tcpstack_packet *packet, uint8_t type)
{
    if (!tcpstack_limit_take(&stack->echo_limit, stack->now))
        return TCPSTACK_RX_DROP_ICMP_LIMITED;
    if (!stack->options.silent)
        send_echo(stack, packet, type);
    return TCPSTACK_RX_ACCEPTED;
}

unsigned tcpstack_icmp_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    const struct rte_icmp_hdr *icmp = (const struct rte_icmp_hdr *)packet->transport;
    if (packet->transport_size < sizeof *icmp)
        return TCPSTACK_RX_DROP_ICMP_SHORT;
    if (base_sum(icmp, packet->transport_size) != 0xffff)
        return TCPSTACK_RX_DROP_ICMP_CHECKSUM;
    switch (icmp->icmp_type) {
    case RTE_IP_ICMP_ECHO_REQUEST:
        return icmp->icmp_code == 0 ? answer_echo(stack, packet, RTE_IP_ICMP_ECHO_REPLY)
                                    : TCPSTACK_RX_DROP_ICMP_TYPE;
    case ICMP_UNREACHABLE:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        return tcpstack_icmp_error(stack, packet);
    default:
        return TCPSTACK_RX_DROP_ICMP_TYPE;
    }
}

// RFC 4861 6.1 and 7.1 want discovery's messages from the link alone; nd.c looks.
unsigned tcpstack_icmpv6_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    const uint8_t *message = packet->transport;
    if (packet->transport_size < sizeof(struct rte_icmp_hdr))
        return TCPSTACK_RX_DROP_ICMP_SHORT;
    if (tcpstack_ipv6_sum(packet->ipv6, IPPROTO_ICMPV6, message, packet->transport_size) != 0xffff)
        return TCPSTACK_RX_DROP_ICMP_CHECKSUM;
    if (message[0] >= ICMPV6_ROUTER_SOLICITATION && message[0] <= ICMPV6_REDIRECT)
        return tcpstack_nd_input(stack, packet);
    if (packet->multicast || tcpstack_ipv6_is_unspecified(packet->key.remote))
        return TCPSTACK_RX_DROP_IP_NOT_OURS;
    switch (message[0]) {
    case ICMPV6_ECHO_REQUEST:
        return message[1] == 0 ? answer_echo(stack, packet, ICMPV6_ECHO_REPLY)
                               : TCPSTACK_RX_DROP_ICMP_TYPE;
    case ICMPV6_UNREACHABLE:
    case ICMPV6_PACKET_TOO_BIG:
    case ICMPV6_TIME_EXCEEDED:
    case ICMPV6_PARAMETER_PROBLEM:
        return tcpstack_icmpv6_error(stack, packet);
    default:
        return TCPSTACK_RX_DROP_ICMP_TYPE;
    }
}
