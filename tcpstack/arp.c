// ARP (RFC 826): answers for our addresses and announces them (RFC 5227 3). We keep no table of
// neighbours: every connection carries its peer's MAC address.
#include <string.h>

#include "tcpstack/stack.h"

static bool well_formed(const struct tcpstack_packet *packet, const struct rte_arp_hdr *arp)
{
    return packet->frame->data_len >= sizeof *packet->eth + sizeof *arp &&
           arp->arp_hardware == rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) &&
           arp->arp_protocol == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) &&
           arp->arp_hlen == sizeof(struct rte_ether_addr) && arp->arp_plen == sizeof(uint32_t) &&
           rte_is_valid_assigned_ether_addr(&arp->arp_data.arp_sha);
}

static bool is_local(const struct tcpstack *stack, uint32_t ipv4)
{
    const uint8_t address[16] = TCPSTACK_IPV4(ipv4);
    return tcpstack_local(stack, address) >= 0;
}

unsigned tcpstack_arp_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(packet->eth + 1);
    if (!well_formed(packet, arp))
        return TCPSTACK_RX_DROP_ARP_MALFORMED;
    uint32_t target = rte_be_to_cpu_32(arp->arp_data.arp_tip);
    if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) || !is_local(stack, target))
        return TCPSTACK_RX_DROP_ARP_NOT_OURS;

    // "?Am I the target address?" Swap the two sides and send the same packet back.
    arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    arp->arp_data.arp_tha = arp->arp_data.arp_sha;
    arp->arp_data.arp_tip = arp->arp_data.arp_sip;
    memcpy(arp->arp_data.arp_sha.addr_bytes, stack->options.ports[packet->link.port].mac, 6);
    arp->arp_data.arp_sip = rte_cpu_to_be_32(target);
    tcpstack_eth_write(stack, packet->eth, &packet->link, RTE_ETHER_TYPE_ARP);
    packet->frame->data_len = sizeof *packet->eth + sizeof *arp;
    packet->frame->pkt_len = packet->frame->data_len;
    packet->frame->ol_flags = 0;
    tcpstack_push(stack, packet->frame, packet->link.port);
    packet->frame = NULL;
    tcpstack_count(stack, TCPSTACK_ARP_REPLIES);
    return TCPSTACK_RX_ACCEPTED;
}

// RFC 5227 3: an announcement is a request for the address in which both protocol addresses are it.
static void announce(struct tcpstack *stack, uint8_t port, uint32_t ipv4)
{
    const struct tcpstack_link everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, port};
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return;
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(eth + 1);
    frame->data_len = sizeof *eth + sizeof *arp;
    frame->pkt_len = frame->data_len;
    tcpstack_eth_write(stack, eth, &everybody, RTE_ETHER_TYPE_ARP);
    *arp = (struct rte_arp_hdr){
        .arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
        .arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
        .arp_hlen = sizeof(struct rte_ether_addr),
        .arp_plen = sizeof(uint32_t),
        .arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST),
        .arp_data.arp_sha = eth->src_addr,
        .arp_data.arp_sip = rte_cpu_to_be_32(ipv4),
        .arp_data.arp_tip = rte_cpu_to_be_32(ipv4),
    };
    tcpstack_push(stack, frame, port);
}

static void announce_address(struct tcpstack *stack, uint8_t port, const uint8_t address[16])
{
    if (tcpstack_address_is_ipv4(address))
        announce(stack, port, tcpstack_address_ipv4(address));
}

void tcpstack_announce(struct tcpstack *stack, uint64_t now)
{
    stack->now = now;
    for (unsigned port = 0; port < stack->options.port_count; port++) {
        for (unsigned i = 0; i < stack->options.address_count; i++)
            announce_address(stack, (uint8_t)port, stack->options.addresses[i].address);
    }
}
