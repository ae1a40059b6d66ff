// TCP options: RFC 9293 3.2 (MSS), RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    TCP_OPTIONS_MAX = 40,
    TCP_SCALE_MAX = 14, // RFC 7323 2.3
    TCP_SACK_MAX = 4,   // blocks that fit into a header
    // What timestamps cost every segment (RFC 7323 appendix A).
    TCP_TIMESTAMPS_SIZE = 12,
};

// Bytes received beyond a hole: from `begin` up to, not including, `end` (RFC 2018 3).
struct tcp_sack_block {
    uint32_t begin, end;
};

// What nearly every segment carries, at its usual place (RFC 7323 appendix A): two NOPs, kind,
// length, TSval, TSecr; TCP_TIMESTAMPS_SIZE bytes.
#define TCP_OPTIONS_TIMESTAMPS UINT32_C(0x0101080a)

static inline bool tcp_options_only_timestamps(const uint8_t *options)
{
    return base_load_be32(options) == TCP_OPTIONS_TIMESTAMPS;
}

static inline void tcp_options_write_timestamps(uint32_t timestamp, uint32_t echo, uint8_t *to)
{
    base_store_be32(to, TCP_OPTIONS_TIMESTAMPS);
    base_store_be32(to + 4, timestamp);
    base_store_be32(to + 8, echo);
}

struct tcp_options {
    uint16_t mss; // 0 when absent
    uint8_t scale;
    uint8_t sack_count; // blocks in `sack`
    bool has_scale, has_timestamps;
    bool may_sack; // SACK-permitted; of a SYN
    // TSval and TSecr.
    uint32_t timestamp, timestamp_echo;
    struct tcp_sack_block sack[TCP_SACK_MAX];
};

// Reads `size` bytes of options. False when one is malformed: a length below 2, beyond the header,
// or not the option's own; *ret_options is untouched then. Any thread.
bool tcp_options_parse(const uint8_t *options, uint16_t size, struct tcp_options *ret_options);
// Writes what is set, each option where receivers expect it; returns the size, a multiple of 4.
// SACK blocks that do not fit any more are left out. Any thread.
uint8_t tcp_options_write(const struct tcp_options *options, uint8_t to[TCP_OPTIONS_MAX]);
