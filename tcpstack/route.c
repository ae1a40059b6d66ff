// Where a packet goes first: to its destination when one of our prefixes covers it, else to a
// gateway (RFC 1122 3.3.1, RFC 4861 5.2). Every prefix is taken to be on every port.
#include <string.h>

#include "tcpstack/stack.h"

static bool is_on_link(const struct tcpstack *stack, const uint8_t address[16])
{
    bool link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80; // RFC 4291 2.5.6
    for (unsigned i = 0; i < stack->options.address_count && !link_local; i++) {
        const struct tcpstack_address *own = &stack->options.addresses[i];
        if (tcpstack_address_is_ipv4(own->address) == tcpstack_address_is_ipv4(address) &&
            tcpstack_address_within(address, own->address, own->prefix_length))
            return true;
    }
    return link_local;
}

// How well a gateway suits: the longest of our prefixes around it, our source address's above all
// others, and one that has lately not answered below all. 0 when it is of the other family.
static unsigned rate(const struct tcpstack *stack, const uint8_t gateway[16], uint16_t local,
                     uint8_t port)
{
    const struct tcpstack_address *own = stack->options.addresses;
    unsigned best = 0;
    if (tcpstack_address_is_ipv4(gateway) != tcpstack_address_is_ipv4(own[local].address))
        return 0;
    for (unsigned i = 0; i < stack->options.address_count; i++) {
        if (tcpstack_address_within(gateway, own[i].address, own[i].prefix_length))
            best = RTE_MAX(best, own[i].prefix_length + (i == local ? 256u : 0u));
    }
    return 1 + best + (tcpstack_neighbour_failed(stack, gateway, port) ? 0u : 512u);
}

const uint8_t *tcpstack_next_hop(const struct tcpstack *stack, const uint8_t remote[16],
                                 uint16_t local, uint8_t port)
{
    const uint8_t *best = NULL;
    unsigned best_rate = 0;
    if (is_on_link(stack, remote))
        return remote;
    for (unsigned i = 0; i < stack->options.gateway_count; i++) {
        unsigned gateway_rate = rate(stack, stack->options.gateways[i], local, port);
        if (gateway_rate > best_rate) {
            best = stack->options.gateways[i];
            best_rate = gateway_rate;
        }
    }
    return best;
}
