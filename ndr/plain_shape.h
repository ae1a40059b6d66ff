// The shape that nearly all PDUs have, for stage one of the kernels: a request of version 5.0,
// little-endian, ASCII and IEEE floating point, in one fragment, not authenticated, with or without
// an object (C706 12.6.4.9), and without a verification trailer ([MS-RPCE] 2.2.2.13).
//
//   0 version 5, 0; type 0; flags FIRST | LAST, perhaps OBJECT_UUID
//   4 data representation 10 00 00 00
//   8 frag_length 2, auth_length 0, call id 4
//  16 alloc_hint 4, context id 2, opnum 2, [object 16], stub
//
// Private to ndr/.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "ndr/kernel.h"

// The first eight octets as one little-endian number; the flag for an object may be either.
#define NDR_PLAIN_WORD   UINT64_C(0x0000001003000005)
#define NDR_PLAIN_OBJECT UINT64_C(0x0000000080000000)
// auth_length in the second eight octets.
#define NDR_PLAIN_AUTH UINT64_C(0x00000000ffff0000)

enum {
    NDR_PLAIN_HEADER = 24,
    NDR_PLAIN_OBJECT_SIZE = 16,
    NDR_PLAIN_MAX = 5840, // RPC_FRAGMENT_MAX
    NDR_PLAIN_LANES_MAX = 8,
};

// The first half of a trailer's signature. A stub that has it anywhere at a multiple of four, where
// a trailer may begin, is for the general way to look at.
#define NDR_PLAIN_TRAILER UINT32_C(0x7113e38a)

// So many PDUs as a kernel takes in one step. Octets that are too few for a header are replaced by
// such that are not plain: a lane may always be read.
struct ndr_plain_lanes {
    const uint8_t *octets[NDR_PLAIN_LANES_MAX];
    uint64_t sizes[NDR_PLAIN_LANES_MAX];
};

static inline __attribute__((always_inline)) void
ndr_plain_load(const struct ndr_pdu *pdus, unsigned lanes, struct ndr_plain_lanes *ret_lanes)
{
    static const uint8_t nothing[NDR_PLAIN_HEADER];
    for (unsigned i = 0; i < lanes; i++) {
        bool there = pdus[i].size >= NDR_PLAIN_HEADER;
        ret_lanes->octets[i] = there ? pdus[i].octets : nothing;
        ret_lanes->sizes[i] = pdus[i].size;
    }
}

// One header by two words: for those that do not fill a step.
static inline bool ndr_plain_header(const struct ndr_pdu *pdu)
{
    if (pdu->size < NDR_PLAIN_HEADER)
        return false;
    uint64_t first = base_load_le64(pdu->octets), second = base_load_le64(pdu->octets + 8);
    uint32_t length = second & 0xffff;
    uint32_t least = NDR_PLAIN_HEADER + (first & NDR_PLAIN_OBJECT ? NDR_PLAIN_OBJECT_SIZE : 0);
    return (first & ~NDR_PLAIN_OBJECT) == NDR_PLAIN_WORD && !(second & NDR_PLAIN_AUTH) &&
           length >= least && length <= NDR_PLAIN_MAX && length <= pdu->size;
}

static inline __attribute__((always_inline)) bool
ndr_plain_has_trailer(const struct ndr_pdu *pdu,
                      bool (*has_half)(const uint8_t *stub, uint32_t size))
{
    // The flag for an object, 0x80, becomes its size.
    uint32_t stub_at = NDR_PLAIN_HEADER + ((pdu->octets[3] & 0x80u) >> 3);
    return has_half(pdu->octets + stub_at, base_load_le16(pdu->octets + 8) - stub_at);
}

// The loop of a kernel: `headers` gives the lanes whose header is right, `has_half` looks for
// NDR_PLAIN_TRAILER. Inlined, so that each kernel gets it compiled for its instruction set.
static inline __attribute__((always_inline)) uint64_t
ndr_plain_find(const struct ndr_pdu *pdus, unsigned count, unsigned lanes,
               unsigned (*headers)(const struct ndr_plain_lanes *lanes),
               bool (*has_half)(const uint8_t *stub, uint32_t size))
{
    uint64_t right = 0;
    unsigned i = 0;
    for (; i + lanes <= count; i += lanes) {
        struct ndr_plain_lanes step;
        ndr_plain_load(pdus + i, lanes, &step);
        right |= (uint64_t)headers(&step) << i;
    }
    for (; i < count; i++)
        right |= (uint64_t)ndr_plain_header(&pdus[i]) << i;
    uint64_t plain = right;
    for (uint64_t left = right; left; left &= left - 1) {
        i = (unsigned)__builtin_ctzll(left);
        plain ^= (uint64_t)ndr_plain_has_trailer(&pdus[i], has_half) << i;
    }
    return plain;
}
