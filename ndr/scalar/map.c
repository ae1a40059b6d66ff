#include "ndr/kernel.h"

static uint64_t decode_map(const struct ndr_stub *stubs, unsigned count,
                           struct ndr_epm_map *ret_maps)
{
    (void)stubs;
    (void)count;
    (void)ret_maps;
    return 0;
}

const struct ndr_kernel ndr_kernel_scalar = {.name = "scalar", .decode_map = decode_map};
