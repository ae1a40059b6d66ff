// An IP address with its prefix length, of either family.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control_prefix {
    bool ipv6;
    uint8_t length;
    uint8_t address[16]; // network order; 4 bytes of it for IPv4
};

// Reads "10.135.0.2/24" or "fd00:135::2/64". False when it is neither. Any thread.
bool control_prefix_parse(const char *text, struct control_prefix *ret_prefix);
// Reads an address without a length, which gets the whole address's.
bool control_address_parse(const char *text, struct control_prefix *ret_prefix);
// Whether `address` lies within `prefix`.
bool control_prefix_contains(const struct control_prefix *prefix,
                             const struct control_prefix *address);
