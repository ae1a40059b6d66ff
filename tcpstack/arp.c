// ARP (RFC 826): answers for our addresses, announces them (RFC 5227 3), and asks for neighbours.
#include <string.h>

#include "tcpstack/stack.h"

static bool well_formed(const struct tcpstack_packet *packet, const struct rte_arp_hdr *arp)
{
    return packet->network_size >= sizeof *arp &&
           arp->arp_hardware == base_be16(RTE_ARP_HRD_ETHER) &&
           arp->arp_protocol == base_be16(RTE_ETHER_TYPE_IPV4) &&
           arp->arp_hlen == sizeof(struct rte_ether_addr) && arp->arp_plen == sizeof(uint32_t) &&
           rte_is_valid_assigned_ether_addr(&arp->arp_data.arp_sha);
}

static bool is_local(const struct tcpstack *stack, rte_be32_t ipv4)
{
    const uint8_t address[16] = TCPSTACK_IPV4(base_be32(ipv4));
    return tcpstack_local(stack, address) >= 0;
}

// RFC 826: the sender's pair replaces the one that is known. Whether it tells of somebody known.
static bool learn(struct tcpstack *stack, const struct tcpstack_packet *packet,
                  const struct rte_arp_hdr *arp, bool for_us)
{
    const uint8_t sender[16] = TCPSTACK_IPV4(base_be32(arp->arp_data.arp_sip));
    if (tcpstack_local(stack, sender) >= 0) {
        // RFC 5227 2.4: somebody else has it, too. We defend it no further than by announcing it.
        if (!tcpstack_is_own_mac(stack, arp->arp_data.arp_sha.addr_bytes))
            tcpstack_count(stack, TCPSTACK_ADDRESS_CONFLICTS);
        return false;
    }
    const struct tcpstack_neighbour_news news = {
        .address = sender,
        .mac = arp->arp_data.arp_sha.addr_bytes,
        .port = packet->link.port,
        .solicited = for_us && arp->arp_opcode == base_be16(RTE_ARP_OP_REPLY),
        .overrides = true,
    };
    return tcpstack_neighbour_learn(stack, &news);
}

// "?Am I the target address?" Swap the two sides and send the same packet back.
static void reply(struct tcpstack *stack, struct tcpstack_packet *packet, struct rte_arp_hdr *arp)
{
    rte_be32_t target = arp->arp_data.arp_tip;
    arp->arp_opcode = base_be16(RTE_ARP_OP_REPLY);
    arp->arp_data.arp_tha = arp->arp_data.arp_sha;
    arp->arp_data.arp_tip = arp->arp_data.arp_sip;
    memcpy(arp->arp_data.arp_sha.addr_bytes, stack->options.ports[packet->link.port].mac, 6);
    arp->arp_data.arp_sip = target;
    tcpstack_eth_write(stack, packet->frame, &packet->link, RTE_ETHER_TYPE_ARP);
    packet->frame->data_len = (uint16_t)(tcpstack_eth_size(&packet->link) + sizeof *arp);
    packet->frame->pkt_len = packet->frame->data_len;
    packet->frame->ol_flags = 0;
    tcpstack_push(stack, packet->frame, packet->link.port);
    packet->frame = NULL;
    tcpstack_count(stack, TCPSTACK_ARP_REPLIES);
}

unsigned tcpstack_arp_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)packet->network;
    if (!well_formed(packet, arp))
        return TCPSTACK_RX_DROP_ARP_MALFORMED;
    bool for_us = is_local(stack, arp->arp_data.arp_tip);
    bool known = learn(stack, packet, arp, for_us);
    if (!for_us || arp->arp_opcode != base_be16(RTE_ARP_OP_REQUEST))
        return known ? TCPSTACK_RX_ACCEPTED : TCPSTACK_RX_DROP_ARP_NOT_OURS;
    if (!stack->options.silent)
        reply(stack, packet, arp);
    return TCPSTACK_RX_ACCEPTED;
}

static void send_request(struct tcpstack *stack, const struct tcpstack_link *to, uint32_t sender,
                         uint32_t target)
{
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return;
    struct rte_arp_hdr *arp =
        (struct rte_arp_hdr *)tcpstack_eth_write(stack, frame, to, RTE_ETHER_TYPE_ARP);
    frame->data_len = (uint16_t)(tcpstack_eth_size(to) + sizeof *arp);
    frame->pkt_len = frame->data_len;
    *arp = (struct rte_arp_hdr){
        .arp_hardware = base_be16(RTE_ARP_HRD_ETHER),
        .arp_protocol = base_be16(RTE_ETHER_TYPE_IPV4),
        .arp_hlen = sizeof(struct rte_ether_addr),
        .arp_plen = sizeof(uint32_t),
        .arp_opcode = base_be16(RTE_ARP_OP_REQUEST),
        .arp_data.arp_sip = base_be32(sender),
        .arp_data.arp_tip = base_be32(target),
    };
    memcpy(arp->arp_data.arp_sha.addr_bytes, stack->options.ports[to->port].mac, 6);
    tcpstack_push(stack, frame, to->port);
}

// RFC 1122 2.3.2.1: unicast when `mac` is known and only to be confirmed.
void tcpstack_arp_ask(struct tcpstack *stack, const uint8_t address[16], uint16_t local,
                      uint8_t port, const uint8_t mac[6])
{
    struct tcpstack_link link = {.port = port};
    if (mac != NULL)
        memcpy(link.mac, mac, sizeof link.mac);
    else
        memset(link.mac, 0xff, sizeof link.mac);
    send_request(stack, &link, tcpstack_address_ipv4(stack->options.addresses[local].address),
                 tcpstack_address_ipv4(address));
}

// RFC 5227 3: an announcement is a request for the address in which both protocol addresses are it.
void tcpstack_arp_announce(struct tcpstack *stack, const uint8_t address[16],
                           const struct tcpstack_link *on)
{
    struct tcpstack_link everybody = *on;
    memset(everybody.mac, 0xff, sizeof everybody.mac);
    send_request(stack, &everybody, tcpstack_address_ipv4(address), tcpstack_address_ipv4(address));
}
