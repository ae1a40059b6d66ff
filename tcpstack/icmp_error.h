// ICMP and ICMPv6 errors about segments of ours (RFC 1122 4.2.3.9, RFC 5927).
#pragma once

#include "tcpstack/stack.h"

enum icmp_error_kind {
    ICMP_ERROR_SOFT, // may pass: counted
    ICMP_ERROR_HARD, // nobody will ever answer there
    ICMP_ERROR_SIZE, // did not fit into the next link
};

struct icmp_error {
    enum icmp_error_kind kind;
    uint32_t mtu; // SIZE: of the link it did not fit into, 0 when the router does not say
    // The quoted segment.
    struct tcp_key key;
    uint32_t sequence;
};

// The messages' checksums and minimal lengths are right.
unsigned tcpstack_icmp_error(struct tcpstack *stack, const struct tcpstack_packet *packet);
unsigned tcpstack_icmpv6_error(struct tcpstack *stack, const struct tcpstack_packet *packet);
// tcp_icmp.c: what it does to the connection.
enum tcpstack_counter tcp_icmp_error(struct tcpstack *stack, const struct icmp_error *error);
