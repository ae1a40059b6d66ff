// Neighbour discovery (RFC 4861), the part of a host with addresses and gateways of its own: it
// asks and answers for neighbours. Router advertisements and redirects are counted and change
// nothing.
#include <string.h>

#include "tcpstack/checksum.h"
#include "tcpstack/stack.h"

enum { HOP_LIMIT = 255 }; // which shows that no router has passed the packet on
enum { OPTION_SOURCE = 1, OPTION_TARGET = 2 };
enum { ADVERTISE_SOLICITED = 0x40, ADVERTISE_OVERRIDE = 0x20 };

// 4.3 and 4.4, with the one option that is sent: a link-layer address (4.6.1).
struct message {
    uint8_t type, code;
    uint16_t checksum;
    uint8_t flags, reserved[3];
    uint8_t target[16];
    uint8_t option_type, option_length; // in units of 8 bytes
    uint8_t mac[6];
};
enum { BARE_SIZE = offsetof(struct message, option_type) };

static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};

// RFC 2464 7.
static struct tcpstack_link group_link(const struct tcpstack_link *on, const uint8_t group[16])
{
    struct tcpstack_link link = *on;
    link.mac[0] = link.mac[1] = 0x33;
    memcpy(link.mac + 2, group + 12, 4);
    return link;
}

// `message` says everything but the option's MAC address, which is ours. NULL without mbufs.
static struct rte_mbuf *build(struct tcpstack *stack, const struct tcpstack_link *to,
                              const uint8_t source[16], const uint8_t destination[16],
                              const struct message *message)
{
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return NULL;
    uint16_t size = message->option_length == 0 ? BARE_SIZE : sizeof *message;
    struct rte_ipv6_hdr *ip =
        (struct rte_ipv6_hdr *)tcpstack_eth_write(stack, frame, to, RTE_ETHER_TYPE_IPV6);
    struct message *out = (struct message *)(ip + 1);
    tcpstack_ipv6_write(ip, source, destination, IPPROTO_ICMPV6, size);
    ip->hop_limits = HOP_LIMIT;
    memcpy(out, message, size);
    if (message->option_length != 0)
        memcpy(out->mac, stack->options.ports[to->port].mac, sizeof out->mac);
    out->checksum = (uint16_t)~tcpstack_ipv6_sum(ip, IPPROTO_ICMPV6, (const uint8_t *)out, size);
    frame->data_len = (uint16_t)(tcpstack_eth_size(to) + sizeof *ip + size);
    frame->pkt_len = frame->data_len;
    return frame;
}

static void send_message(struct tcpstack *stack, const struct tcpstack_link *to,
                         const uint8_t source[16], const uint8_t destination[16],
                         const struct message *message)
{
    struct rte_mbuf *frame = build(stack, to, source, destination, message);
    if (frame != NULL)
        tcpstack_push(stack, frame, to->port);
}

// 7.2.2.
void tcpstack_nd_ask(struct tcpstack *stack, const uint8_t address[16], uint16_t local,
                     uint8_t port, const uint8_t mac[6])
{
    struct message message = {
        .type = ICMPV6_NEIGHBOUR_SOLICITATION, .option_type = OPTION_SOURCE, .option_length = 1};
    struct tcpstack_link link = {.port = port};
    uint8_t destination[16];
    memcpy(message.target, address, sizeof message.target);
    if (mac == NULL) {
        tcpstack_solicited_node(destination, address);
        link = group_link(&link, destination);
    } else {
        memcpy(destination, address, sizeof destination);
        memcpy(link.mac, mac, sizeof link.mac);
    }
    send_message(stack, &link, stack->options.addresses[local].address, destination, &message);
}

// RFC 4862 5.4.2: from nobody, so that no neighbour learns an address that may not be ours.
void tcpstack_nd_check(struct tcpstack *stack, const uint8_t address[16],
                       const struct tcpstack_link *on)
{
    static const uint8_t unspecified[16];
    struct message message = {.type = ICMPV6_NEIGHBOUR_SOLICITATION};
    uint8_t destination[16];
    memcpy(message.target, address, sizeof message.target);
    tcpstack_solicited_node(destination, address);
    struct tcpstack_link link = group_link(on, destination);
    send_message(stack, &link, unspecified, destination, &message);
}

static struct message advertisement(const uint8_t address[16], uint8_t flags)
{
    struct message message = {.type = ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                              .flags = flags,
                              .option_type = OPTION_TARGET,
                              .option_length = 1};
    memcpy(message.target, address, sizeof message.target);
    return message;
}

// 7.2.6.
void tcpstack_nd_announce(struct tcpstack *stack, const uint8_t address[16],
                          const struct tcpstack_link *on)
{
    struct message message = advertisement(address, ADVERTISE_OVERRIDE);
    struct tcpstack_link link = group_link(on, all_nodes);
    send_message(stack, &link, address, all_nodes, &message);
}

// 7.2.4. Somebody who has no address yet is answered by multicast, without the solicited flag.
static void advertise(struct tcpstack *stack, const struct tcpstack_packet *packet,
                      const uint8_t address[16])
{
    if (stack->options.silent)
        return;
    if (tcpstack_ipv6_is_unspecified(packet->key.remote)) {
        tcpstack_nd_announce(stack, address, &packet->link);
    } else {
        struct message message = advertisement(address, ADVERTISE_SOLICITED | ADVERTISE_OVERRIDE);
        send_message(stack, &packet->link, address, packet->key.remote, &message);
    }
    tcpstack_count(stack, TCPSTACK_ND_ADVERTISEMENTS);
}

// 4.6: the link-layer address option of `kind`, NULL when there is none. False when an option has
// the length 0 or goes beyond the message.
static bool find_option(const struct tcpstack_packet *packet, uint8_t kind, const uint8_t **ret_mac)
{
    const uint8_t *option = packet->transport + BARE_SIZE;
    unsigned left = packet->transport_size - BARE_SIZE;
    *ret_mac = NULL;
    while (left > 0) {
        unsigned length = left < 8 ? 0 : option[1] * 8u;
        if (length == 0 || length > left)
            return false;
        if (option[0] == kind && length == 8)
            *ret_mac = option + 2;
        option += length;
        left -= length;
    }
    return true;
}

static bool is_valid_mac(const uint8_t *mac)
{
    struct rte_ether_addr address;
    memcpy(address.addr_bytes, mac, sizeof address.addr_bytes);
    return rte_is_valid_assigned_ether_addr(&address);
}

// What 7.1.1 and 7.1.2 have in common. `kind` is the option that may follow.
static const struct message *validate(const struct tcpstack_packet *packet, uint8_t kind,
                                      const uint8_t **ret_mac)
{
    const struct message *message = (const struct message *)packet->transport;
    if (packet->ipv6->hop_limits != HOP_LIMIT || packet->transport_size < BARE_SIZE ||
        message->code != 0 || message->target[0] == 0xff || !find_option(packet, kind, ret_mac) ||
        (*ret_mac != NULL && !is_valid_mac(*ret_mac)))
        return NULL;
    return message;
}

// The index of the address that is asked about, -1 when it is none of ours.
static int target_of(const struct tcpstack *stack, const struct message *message)
{
    return tcpstack_address_is_ipv4(message->target) ? -1 : tcpstack_local(stack, message->target);
}

static unsigned take_solicitation(struct tcpstack *stack, const struct tcpstack_packet *packet)
{
    const uint8_t *mac;
    const struct message *message = validate(packet, OPTION_SOURCE, &mac);
    bool nobody = tcpstack_ipv6_is_unspecified(packet->key.remote);
    if (message == NULL || (nobody && (mac != NULL || !packet->multicast)))
        return TCPSTACK_RX_DROP_ND_MALFORMED;
    int local = target_of(stack, message);
    // 7.2.3; RFC 4862 5.4.3: who solicits from nobody is checking the same address as we are.
    if (local >= 0 && stack->address_states[local] == TCPSTACK_ADDRESS_TENTATIVE) {
        if (nobody && !tcpstack_is_own_mac(stack, packet->link.mac))
            tcpstack_address_taken(stack, (unsigned)local);
        return TCPSTACK_RX_DROP_IP_NOT_SERVED;
    }
    const struct tcpstack_neighbour_news news = {
        .address = packet->key.remote, .mac = mac, .port = packet->link.port, .overrides = true};
    bool known = mac != NULL && tcpstack_neighbour_learn(stack, &news);
    if (local < 0 || stack->address_states[local] != TCPSTACK_ADDRESS_SERVED)
        return known ? TCPSTACK_RX_ACCEPTED : TCPSTACK_RX_DROP_ND_NOT_OURS;
    advertise(stack, packet, message->target);
    return TCPSTACK_RX_ACCEPTED;
}

static unsigned take_advertisement(struct tcpstack *stack, const struct tcpstack_packet *packet)
{
    const uint8_t *mac;
    const struct message *message = validate(packet, OPTION_TARGET, &mac);
    if (message == NULL || (packet->multicast && message->flags & ADVERTISE_SOLICITED) ||
        tcpstack_ipv6_is_unspecified(packet->key.remote))
        return TCPSTACK_RX_DROP_ND_MALFORMED;
    int local = target_of(stack, message);
    // RFC 4862 5.4.4: somebody has the address that we check, or that we serve.
    if (local >= 0) {
        if (stack->address_states[local] == TCPSTACK_ADDRESS_TENTATIVE)
            tcpstack_address_taken(stack, (unsigned)local);
        else if (stack->address_states[local] == TCPSTACK_ADDRESS_SERVED &&
                 !tcpstack_is_own_mac(stack, packet->link.mac))
            tcpstack_count(stack, TCPSTACK_ADDRESS_CONFLICTS);
        return TCPSTACK_RX_DROP_ND_NOT_OURS;
    }
    const struct tcpstack_neighbour_news news = {
        .address = message->target,
        .mac = mac,
        .port = packet->link.port,
        .solicited = message->flags & ADVERTISE_SOLICITED,
        .overrides = message->flags & ADVERTISE_OVERRIDE,
    };
    return tcpstack_neighbour_learn(stack, &news) ? TCPSTACK_RX_ACCEPTED
                                                  : TCPSTACK_RX_DROP_ND_NOT_OURS;
}

unsigned tcpstack_nd_input(struct tcpstack *stack, const struct tcpstack_packet *packet)
{
    switch (packet->transport[0]) {
    case ICMPV6_NEIGHBOUR_SOLICITATION:
        return take_solicitation(stack, packet);
    case ICMPV6_NEIGHBOUR_ADVERTISEMENT:
        return take_advertisement(stack, packet);
    default:
        return TCPSTACK_RX_DROP_ND_ROUTER;
    }
}
