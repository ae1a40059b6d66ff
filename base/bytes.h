// Loads and stores of integers at any alignment, in a stated byte order.
// All functions: any thread; the caller guarantees that the bytes are there.
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint16_t base_load_le16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t base_load_le32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t base_load_le64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint16_t base_load_be16(const void *p)
{
    return __builtin_bswap16(base_load_le16(p));
}

static inline uint32_t base_load_be32(const void *p)
{
    return __builtin_bswap32(base_load_le32(p));
}

static inline void base_store_le16(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void base_store_le32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void base_store_le64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void base_store_be16(void *p, uint16_t v)
{
    base_store_le16(p, __builtin_bswap16(v));
}

static inline void base_store_be32(void *p, uint32_t v)
{
    base_store_le32(p, __builtin_bswap32(v));
}

// Between the host's order and network order, either way. A compiler sees through these, and not
// through DPDK's, which are made of assembler.
static inline uint16_t base_be16(uint16_t v)
{
    return __builtin_bswap16(v);
}

static inline uint32_t base_be32(uint32_t v)
{
    return __builtin_bswap32(v);
}

// The project runs on x86-64 first; a big-endian host would need the loads above rewritten.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "base/bytes.h assumes a little-endian host");
