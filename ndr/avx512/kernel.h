// The two stages of this kernel, for its row in ndr/kernel.c. Private to ndr/.
#pragma once

#include "ndr/kernel.h"

uint64_t ndr_avx512_find_plain(const struct ndr_pdu *pdus, unsigned count);
uint64_t ndr_avx512_decode_map(const struct ndr_stub *stubs, unsigned count,
                               struct ndr_epm_map *ret_maps);
