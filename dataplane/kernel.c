#include "dataplane/kernel.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/sum.h"
#include "ndr/kernel.h"

bool dataplane_choose_kernel(void)
{
    const char *name = getenv("PORTOLAN_KERNEL");
    const struct ndr_kernel *kernel = ndr_kernel_find(name && *name ? name : NULL);
    if (kernel == NULL) {
        base_error("PORTOLAN_KERNEL is '%s'; expected one that this processor can run: %s", name,
                   ndr_kernel_names());
        return false;
    }
    ndr_kernel_use(kernel);
    base_sum_choose(kernel->name);
    return true;
}
