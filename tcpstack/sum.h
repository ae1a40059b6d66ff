// The ones' complement sum of RFC 1071, in memory order as its section 2 (B) allows: what is summed
// as it lies in memory may be stored the same way. Any thread.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "base/bytes.h"

static inline uint16_t tcpstack_sum_fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16); // at most 33 bits before, 18 after
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

// What is left of `bytes` when fewer than eight are, zeros behind them.
static inline uint64_t tcpstack_sum_rest(const uint8_t *bytes, uint32_t size)
{
    uint64_t word = 0;
    unsigned shift = 0;
    if (size & 4) {
        word = base_load_le32(bytes);
        bytes += 4;
        shift = 32;
    }
    if (size & 2) {
        word |= (uint64_t)base_load_le16(bytes) << shift;
        bytes += 2;
        shift += 16;
    }
    return size & 1 ? word | (uint64_t)*bytes << shift : word;
}

// Sum of `size` bytes, an odd one padded with a zero behind it. 2^64 is 1 in this arithmetic, so a
// carry out of a word goes back in at its lowest bit.
static inline uint16_t tcpstack_sum(const void *from, uint32_t size)
{
    const uint8_t *bytes = from;
    unsigned long long sum = 0;
    unsigned char carry = 0;
    for (; size >= 32; size -= 32, bytes += 32) {
        carry = _addcarry_u64(0, sum, base_load_le64(bytes), &sum);
        carry = _addcarry_u64(carry, sum, base_load_le64(bytes + 8), &sum);
        carry = _addcarry_u64(carry, sum, base_load_le64(bytes + 16), &sum);
        carry = _addcarry_u64(carry, sum, base_load_le64(bytes + 24), &sum);
        sum += carry; // not beyond: after a carry the sum is not all ones
    }
    for (; size >= 8; size -= 8, bytes += 8) {
        carry = _addcarry_u64(0, sum, base_load_le64(bytes), &sum);
        sum += carry;
    }
    carry = _addcarry_u64(0, sum, tcpstack_sum_rest(bytes, size), &sum);
    return tcpstack_sum_fold((sum & UINT32_MAX) + (sum >> 32) + carry);
}
