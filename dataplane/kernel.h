// Which kernel this process uses to decode (ndr/kernel.h) and to sum (base/sum.h).
#pragma once

#include <stdbool.h>

// Takes the kernel that the environment variable PORTOLAN_KERNEL names, or the best that this
// processor can run. False, with a message, when it names none of these. Main thread, before the
// workers start.
bool dataplane_choose_kernel(void);
