#include "dataplane/eal.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "base/log.h"

enum { ARGUMENTS_MAX = 40, WORD_MAX = 640 };

// EAL keeps pointers into its arguments, and moves them about: they live as long as the process.
struct arguments {
    int count;
    char *words[ARGUMENTS_MAX];
    char room[ARGUMENTS_MAX][WORD_MAX];
};

static void add(struct arguments *a, const char *format, const char *value)
{
    if (a->count == ARGUMENTS_MAX)
        return;
    char *word = a->room[a->count];
    snprintf(word, WORD_MAX, format, value);
    a->words[a->count++] = word;
}

static void add_number(struct arguments *a, unsigned number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    add(a, "%s", digits);
}

// Devices are vdevs when they are named like one, else PCI addresses.
static void add_devices(struct arguments *a, const struct dataplane_eal_options *options)
{
    bool pci = false;
    for (unsigned i = 0; i < options->device_count; i++) {
        const char *device = options->devices[i];
        bool vdev = strncmp(device, "net_", 4) == 0 || strncmp(device, "eth_", 4) == 0;
        pci |= !vdev;
        add(a, vdev ? "--vdev=%s" : "-a%s", device);
    }
    if (!pci)
        add(a, "%s", "--no-pci");
}

// Free huge pages of any size.
static unsigned long free_hugepages(void)
{
    static const char base[] = "/sys/kernel/mm/hugepages";
    unsigned long total = 0;
    DIR *sizes = opendir(base);
    struct dirent *size;
    while (sizes && (size = readdir(sizes))) {
        char path[512];
        unsigned long pages = 0;
        snprintf(path, sizeof path, "%s/%s/free_hugepages", base, size->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fscanf(file, "%lu", &pages) == 1)
            total += pages;
        fclose(file);
    }
    if (sizes)
        closedir(sizes);
    return total;
}

static bool add_memory(struct arguments *a, const struct dataplane_eal_options *options)
{
    bool huge = options->hugepages != DATAPLANE_HUGEPAGES_OFF && free_hugepages() > 0;
    if (options->hugepages == DATAPLANE_HUGEPAGES_REQUIRED && !huge) {
        base_error("%s is 'required' and no huge page is free; reserve some with "
                   "'scripts/hugepages reserve 512', or set it to 'auto' or 'off'",
                   options->hugepages_setting);
        return false;
    }
    // Either way nothing of a crashed run stays behind, and several instances do not meet.
    if (huge) {
        add(a, "%s", "--in-memory");
        return true;
    }
    add(a, "%s", "--no-huge");
    add(a, "%s", "--no-shconf");
    add(a, "%s", "-m");
    add_number(a, options->memory);
    return true;
}

// The cores the main thread may use: those allowed to the process that no worker is pinned to, or
// all when none is left.
static void format_main_cores(const struct dataplane_eal_options *options, char *text, size_t size)
{
    cpu_set_t allowed, rest;
    sched_getaffinity(0, sizeof allowed, &allowed);
    rest = allowed;
    for (unsigned i = 0; i < options->core_count; i++)
        CPU_CLR(options->cores[i], &rest);
    const cpu_set_t *cores = CPU_COUNT(&rest) ? &rest : &allowed;
    size_t used = 0;
    for (unsigned core = 0; core < CPU_SETSIZE && used + 8 < size; core++) {
        if (CPU_ISSET(core, cores))
            used += (size_t)snprintf(text + used, size - used, "%s%u", used ? "," : "", core);
    }
}

static void add_cores(struct arguments *a, const struct dataplane_eal_options *options)
{
    char cores[256] = "", lcores[512];
    format_main_cores(options, cores, sizeof cores);
    size_t used = (size_t)snprintf(lcores, sizeof lcores, "0@(%s)", cores);
    for (unsigned i = 0; i < options->core_count && used < sizeof lcores; i++)
        used += (size_t)snprintf(lcores + used, sizeof lcores - used, ",%u@%u",
                                 dataplane_eal_lcore(i), options->cores[i]);
    add(a, "--lcores=%s", lcores);
    add(a, "%s", "--main-lcore=0");
}

unsigned dataplane_eal_lcore(unsigned index)
{
    return index + 1;
}

bool dataplane_eal_init(const struct dataplane_eal_options *options)
{
    static struct arguments a;
    add(&a, "%s", options->program);
    add_cores(&a, options);
    if (!add_memory(&a, options))
        return false;
    add_devices(&a, options);
    add(&a, "%s", "--no-telemetry");
    // The TAP driver complains about a queueing discipline that it does not need for one queue. Of
    // two levels that match a driver's name, EAL takes the one given first.
    add(&a, "%s", "--log-level=pmd.net.tap:critical");
    add(&a, "%s", "--log-level=*:error");
    int result = rte_eal_init(a.count, a.words);
    if (result >= 0)
        return true;
    base_error("EAL did not start: %s; the lines above say where. Without huge pages set "
               "%s to 'off'; a device needs its driver package (librte-net-*)",
               rte_strerror(rte_errno), options->hugepages_setting);
    return false;
}
