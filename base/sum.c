#include "base/sum.h"

#include <immintrin.h>
#include <string.h>

base_sum_function *base_sum = base_sum_scalar;

void base_sum_choose(const char *kernel)
{
    bool can = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    bool may = kernel == NULL || strcmp(kernel, "avx512") == 0;
    base_sum = can && may ? base_sum_avx512 : base_sum_scalar;
}

// What is left when fewer than eight bytes are, zeros behind them.
static uint64_t rest(const uint8_t *bytes, uint32_t size)
{
    uint64_t word = 0;
    memcpy(&word, bytes, size);
    return word;
}

// 2^64 is 1 in this arithmetic, so a carry out of a word goes back in at its lowest bit; that sum
// is not all ones, so no second one comes of it.
uint16_t base_sum_scalar(const void *from, uint32_t size)
{
    const uint8_t *bytes = from;
    unsigned long long sum = 0;
    unsigned char carry = 0;
    for (; size >= 32; size -= 32, bytes += 32) {
        carry = _addcarry_u64(0, sum, base_load_le64(bytes), &sum);
        carry = _addcarry_u64(carry, sum, base_load_le64(bytes + 8), &sum);
        carry = _addcarry_u64(carry, sum, base_load_le64(bytes + 16), &sum);
        carry = _addcarry_u64(carry, sum, base_load_le64(bytes + 24), &sum);
        sum += carry;
    }
    for (; size >= 8; size -= 8, bytes += 8) {
        carry = _addcarry_u64(0, sum, base_load_le64(bytes), &sum);
        sum += carry;
    }
    carry = _addcarry_u64(0, sum, rest(bytes, size), &sum);
    return base_sum_fold((sum & UINT32_MAX) + (sum >> 32) + carry);
}
