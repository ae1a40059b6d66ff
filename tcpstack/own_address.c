// Our addresses: taking them into use (RFC 4862 5.4, RFC 5227 3) and telling the link.
#include <string.h>

#include "tcpstack/stack.h"

// RFC 4861 10, RETRANS_TIMER: who has the address answers within this time. One check is made
// (RFC 4862 5.1, DupAddrDetectTransmits).
#define CHECK_TIME UINT64_C(1000000)

bool tcpstack_is_own_mac(const struct tcpstack *stack, const uint8_t mac[6])
{
    for (unsigned i = 0; i < stack->options.port_count; i++) {
        if (memcmp(stack->options.ports[i].mac, mac, sizeof stack->options.ports[i].mac) == 0)
            return true;
    }
    return false;
}

int tcpstack_local(const struct tcpstack *stack, const uint8_t address[16])
{
    for (unsigned i = 0; i < stack->options.address_count; i++) {
        if (tcpstack_address_equal(stack->options.addresses[i].address, address))
            return (int)i;
    }
    return -1;
}

typedef void message_function(struct tcpstack *stack, const uint8_t address[16],
                              const struct tcpstack_link *on);

// Says it on every port, without a tag and on each of its VLANs.
static void say(struct tcpstack *stack, message_function *message, const uint8_t address[16])
{
    if (stack->options.silent)
        return;
    for (unsigned i = 0; i < stack->options.port_count; i++) {
        const struct tcpstack_port *port = &stack->options.ports[i];
        struct tcpstack_link link = {.port = (uint8_t)i};
        message(stack, address, &link);
        link.tagged = true;
        for (unsigned vlan = 0; vlan < port->vlan_count; vlan++) {
            link.tci = port->vlans[vlan];
            message(stack, address, &link);
        }
    }
}

void tcpstack_announce(struct tcpstack *stack, uint64_t now)
{
    stack->now = now;
    for (unsigned i = 0; i < stack->options.address_count; i++) {
        const uint8_t *address = stack->options.addresses[i].address;
        if (tcpstack_address_is_ipv4(address)) {
            say(stack, tcpstack_arp_announce, address);
            continue;
        }
        stack->address_states[i] = TCPSTACK_ADDRESS_TENTATIVE;
        stack->address_check_ends = now + CHECK_TIME;
        say(stack, tcpstack_nd_check, address);
    }
}

void tcpstack_address_taken(struct tcpstack *stack, unsigned index)
{
    stack->address_states[index] = TCPSTACK_ADDRESS_TAKEN;
    tcpstack_count(stack, TCPSTACK_ADDRESSES_TAKEN);
}

void tcpstack_own_addresses_run(struct tcpstack *stack)
{
    if (likely(stack->now < stack->address_check_ends))
        return;
    stack->address_check_ends = UINT64_MAX;
    for (unsigned i = 0; i < stack->options.address_count; i++) {
        if (stack->address_states[i] != TCPSTACK_ADDRESS_TENTATIVE)
            continue;
        stack->address_states[i] = TCPSTACK_ADDRESS_SERVED;
        say(stack, tcpstack_nd_announce, stack->options.addresses[i].address);
    }
}
