// The usual ept_map reply made beforehand: one tower in little-endian NDR 2.0, a null handle and
// status 0 (C706 appendix O). All that differs between the answers of one entry are two numbers at
// fixed places, so that answering is a copy and two stores.
#pragma once

#include <stdint.h>

#include "ndr/epm.h"

enum {
    // Offsets in the stub of the u32 that are left zero: the client's maximum, and the referent id
    // of the tower.
    NDR_EPM_READY_MAX_TOWERS = 24,
    NDR_EPM_READY_REFERENT = 36,
    // Where the tower begins.
    NDR_EPM_READY_TOWER = 48,
    // The size with the tower that nearly all entries have: five floors over IPv4.
    NDR_EPM_READY_USUAL = 128,
    NDR_EPM_READY_MAX = NDR_EPM_READY_TOWER + NDR_TOWER_MAX + 4,
};

// Octets of the stub for a tower of `tower_size`, at most NDR_TOWER_MAX. Any thread.
static inline uint32_t ndr_epm_ready_size(uint32_t tower_size)
{
    return ((NDR_EPM_READY_TOWER + tower_size + 3) & ~3u) + 4;
}

// Writes ndr_epm_ready_size octets at `stub`. Any thread.
void ndr_epm_ready_write(uint8_t *stub, const uint8_t *tower, uint32_t tower_size);

// The referent id that stands for the tower when the request's highest was `highest`: the one that
// the encoder of replies gives, never 0. Any thread.
static inline uint32_t ndr_epm_ready_referent(uint32_t highest)
{
    return highest == UINT32_MAX ? 1 : highest + 1;
}
