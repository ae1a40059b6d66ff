// The oracle of stage one: field by field, in the order of the header.
#include "ndr/scalar/kernel.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "ndr/plain_shape.h"

static bool header_is_plain(const struct ndr_pdu *pdu)
{
    if (pdu->size < NDR_PLAIN_HEADER)
        return false;
    const uint8_t *at = pdu->octets;
    bool version = at[0] == 5 && at[1] == 0;
    bool whole_request = at[2] == 0 && (at[3] == 0x03 || at[3] == 0x83);
    bool representation = at[4] == 0x10 && at[5] == 0 && at[6] == 0 && at[7] == 0;
    uint32_t length = base_load_le16(at + 8);
    uint32_t least = NDR_PLAIN_HEADER + (at[3] == 0x83 ? NDR_PLAIN_OBJECT_SIZE : 0);
    return version && whole_request && representation && base_load_le16(at + 10) == 0 &&
           length >= least && length <= NDR_PLAIN_MAX && length <= pdu->size;
}

static bool has_half(const uint8_t *stub, uint32_t size)
{
    for (uint32_t at = 0; at + 4 <= size; at += 4) {
        if (base_load_le32(stub + at) == NDR_PLAIN_TRAILER)
            return true;
    }
    return false;
}

uint64_t ndr_scalar_find_plain(const struct ndr_pdu *pdus, unsigned count)
{
    uint64_t plain = 0;
    for (unsigned i = 0; i < count; i++) {
        if (header_is_plain(&pdus[i]) && !ndr_plain_has_trailer(&pdus[i], has_half))
            plain |= UINT64_C(1) << i;
    }
    return plain;
}
