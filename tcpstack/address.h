// IP addresses of both families in 16 bytes, network order: an IPv4 address a.b.c.d is
// ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so a prefix of n bits there is one of 96 + n here.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum { TCPSTACK_IPV4_BITS = 96 }; // prefix length of ::ffff:0:0/96

// An initializer for uint8_t[16] from an IPv4 address in host order.
#define TCPSTACK_IPV4(ipv4)                                                                        \
    {                                                                                              \
        [10] = 0xff, [11] = 0xff, [12] = (uint8_t)((ipv4) >> 24), [13] = (uint8_t)((ipv4) >> 16),  \
        [14] = (uint8_t)((ipv4) >> 8), [15] = (uint8_t)(ipv4)                                      \
    }

static inline void tcpstack_address_set_ipv4(uint8_t address[16], uint32_t ipv4)
{
    memset(address, 0, 10);
    memset(address + 10, 0xff, 2);
    base_store_be32(address + 12, ipv4);
}

static inline bool tcpstack_address_is_ipv4(const uint8_t address[16])
{
    return base_load_le64(address) == 0 && base_load_le32(address + 8) == UINT32_C(0xffff0000);
}

// Of an address that is IPv4: host order.
static inline uint32_t tcpstack_address_ipv4(const uint8_t address[16])
{
    return base_load_be32(address + 12);
}

static inline bool tcpstack_address_equal(const uint8_t a[16], const uint8_t b[16])
{
    return base_load_le64(a) == base_load_le64(b) && base_load_le64(a + 8) == base_load_le64(b + 8);
}

// Whether the first `length` bits (at most 128) agree.
static inline bool tcpstack_address_within(const uint8_t address[16], const uint8_t prefix[16],
                                           uint8_t length)
{
    unsigned whole = length / 8;
    uint8_t mask = (uint8_t)(0xff00u >> (length % 8));
    return memcmp(address, prefix, whole) == 0 &&
           (mask == 0 || ((address[whole] ^ prefix[whole]) & mask) == 0);
}
