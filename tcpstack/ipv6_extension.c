// IPv6 extension headers (RFC 8200 4): skipped, within limits, on the way to what they precede.
#include <netinet/in.h>

#include "tcpstack/stack.h"

// RFC 8504 5.3 lets a host bound both.
enum { HEADERS_MAX = 8, BYTES_MAX = 256 };

enum { OPTION_PAD1 = 0, OPTION_ACTION_SHIFT = 6 };

// 4.2: the two highest bits say what to do about an option one does not know. Only "skip" lets the
// packet pass; the other three discard it, and we send no Parameter Problem.
static bool options_may_be_skipped(const uint8_t *option, unsigned size)
{
    while (size > 0) {
        if (option[0] == OPTION_PAD1) {
            option++;
            size--;
            continue;
        }
        if (size < 2 || size - 2 < option[1] || option[0] >> OPTION_ACTION_SHIFT != 0)
            return false;
        size -= 2u + option[1];
        option += 2 + option[1];
    }
    return true;
}

// One header of `size` bytes; 4.1: hop-by-hop options stand first or not at all.
static unsigned check(uint8_t kind, bool first, const uint8_t *header, unsigned size)
{
    switch (kind) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_DSTOPTS:
        if ((kind == IPPROTO_HOPOPTS && !first) || !options_may_be_skipped(header + 2, size - 2))
            return TCPSTACK_RX_DROP_IP6_EXTENSION;
        return TCPSTACK_RX_ACCEPTED;
    default: // 4.4: a routing header that is used up is skipped, any other is source routing
        return header[3] == 0 ? TCPSTACK_RX_ACCEPTED : TCPSTACK_RX_DROP_IP6_ROUTING;
    }
}

unsigned tcpstack_ipv6_skip(const uint8_t **at, uint16_t *size, uint8_t *protocol)
{
    unsigned skipped = 0;
    for (unsigned count = 0;; count++) {
        uint8_t kind = *protocol;
        if (kind == IPPROTO_FRAGMENT)
            return TCPSTACK_RX_DROP_IP_FRAGMENT;
        if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_DSTOPTS && kind != IPPROTO_ROUTING)
            return TCPSTACK_RX_ACCEPTED;
        unsigned length = *size < 8 ? 8 : ((*at)[1] + 1u) * 8;
        if (length > *size)
            return TCPSTACK_RX_DROP_IP6_EXTENSION;
        skipped += length;
        if (count == HEADERS_MAX || skipped > BYTES_MAX)
            return TCPSTACK_RX_DROP_IP6_EXTENSION_LIMIT;
        unsigned reason = check(kind, count == 0, *at, length);
        if (reason != TCPSTACK_RX_ACCEPTED)
            return reason;
        *protocol = (*at)[0];
        *at += length;
        *size = (uint16_t)(*size - length);
    }
}
