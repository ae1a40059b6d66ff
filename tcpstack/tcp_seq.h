// Arithmetic on sequence numbers, which wrap (RFC 9293 3.4).
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline bool tcp_seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline bool tcp_seq_at_or_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) <= 0;
}

static inline uint32_t tcp_seq_max(uint32_t a, uint32_t b)
{
    return tcp_seq_before(a, b) ? b : a;
}
