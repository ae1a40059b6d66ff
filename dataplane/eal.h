// The Environment Abstraction Layer: our options in EAL's words.
#pragma once

#include <stdbool.h>

#include "control/config.h"

// Starts EAL with the devices, cores and memory of `config`. Workers become EAL threads pinned to
// their cores; the main thread floats over the other cores. Prints, on failure, what failed
// and the command that cures it. Call once, from the main thread.
bool dataplane_eal_init(const struct control_config *config);

// The EAL lcore id of worker `index` (0 and up).
unsigned dataplane_eal_lcore(unsigned index);
