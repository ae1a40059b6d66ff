// TCP options of a SYN (RFC 9293 3.2, RFC 7323 2). Other segments' options are not looked at yet.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    TCP_OPTIONS_MAX = 40,
    TCP_SCALE_MAX = 14, // RFC 7323 2.3
};

struct tcp_options {
    uint16_t mss; // 0 when absent
    uint8_t scale;
    bool has_scale;
};

// Reads `size` bytes of options. False when one is malformed: a length below 2, beyond the header,
// or not the option's own; *ret_options is untouched then. Any thread.
bool tcp_options_parse(const uint8_t *options, uint16_t size, struct tcp_options *ret_options);
// Writes the options of our SYN; returns their size, a multiple of 4.
uint8_t tcp_options_write(const struct tcp_options *options, uint8_t to[TCP_OPTIONS_MAX]);
