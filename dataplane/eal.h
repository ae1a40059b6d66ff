// The Environment Abstraction Layer: our options in EAL's words. For the daemon and for other
// programs with DPDK ports.
#pragma once

#include <stdbool.h>

enum dataplane_hugepages {
    DATAPLANE_HUGEPAGES_OFF,
    DATAPLANE_HUGEPAGES_AUTO, // when some are free
    DATAPLANE_HUGEPAGES_REQUIRED,
};

// Everything is the caller's and is only read during dataplane_eal_init.
struct dataplane_eal_options {
    const char *program;
    const char *const *devices; // vdevs with their arguments ("net_...", "eth_..."), PCI addresses
    unsigned device_count;
    const unsigned *cores; // of the workers, one each
    unsigned core_count;
    enum dataplane_hugepages hugepages;
    unsigned memory;               // MiB without huge pages
    const char *hugepages_setting; // what the user calls that choice, for messages
};

// Starts EAL with these devices, cores and memory. Workers become EAL threads pinned to
// their cores; the main thread floats over the other cores. Prints, on failure, what failed
// and the command that cures it. Call once, from the main thread.
bool dataplane_eal_init(const struct dataplane_eal_options *options);

// The EAL lcore id of worker `index` (0 and up).
unsigned dataplane_eal_lcore(unsigned index);
