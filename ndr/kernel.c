#include "ndr/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ndr/avx2/kernel.h"
#include "ndr/avx512/kernel.h"
#include "ndr/scalar/kernel.h"

const struct ndr_kernel ndr_kernel_scalar = {
    .name = "scalar",
    .find_plain = ndr_scalar_find_plain,
    .decode_map = ndr_scalar_decode_map,
};
const struct ndr_kernel ndr_kernel_avx2 = {
    .name = "avx2",
    .find_plain = ndr_avx2_find_plain,
    .decode_map = ndr_avx2_decode_map,
};
const struct ndr_kernel ndr_kernel_avx512 = {
    .name = "avx512",
    .find_plain = ndr_avx512_find_plain,
    .decode_map = ndr_avx512_decode_map,
};

static const struct ndr_kernel *const kernels[] = {&ndr_kernel_scalar, &ndr_kernel_avx2,
                                                   &ndr_kernel_avx512};
enum { KERNEL_COUNT = sizeof kernels / sizeof kernels[0] };

static const struct ndr_kernel *in_use = &ndr_kernel_scalar;

static bool runs_here(const struct ndr_kernel *kernel)
{
    if (kernel == &ndr_kernel_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl");
    return kernel == &ndr_kernel_scalar || __builtin_cpu_supports("avx2");
}

const struct ndr_kernel *ndr_kernel_find(const char *name)
{
    for (unsigned i = KERNEL_COUNT; i-- > 0;) {
        if (runs_here(kernels[i]) && (name == NULL || strcmp(kernels[i]->name, name) == 0))
            return kernels[i];
    }
    return NULL;
}

void ndr_kernel_use(const struct ndr_kernel *kernel)
{
    in_use = kernel;
}

const struct ndr_kernel *ndr_kernel(void)
{
    return in_use;
}

const char *ndr_kernel_names(void)
{
    static char names[64];
    size_t used = 0;
    for (unsigned i = 0; i < KERNEL_COUNT; i++) {
        if (runs_here(kernels[i]))
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                     kernels[i]->name);
    }
    return names;
}
