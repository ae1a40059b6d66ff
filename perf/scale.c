// How the cost of a request grows: with workers, entries, connections and changes of the map; and
// what an entry costs in memory. Workers are fed from memory as in perf/cycles.c, and every answer
// is checked.
#include <sched.h>
#include <stdio.h>
#include <sysexits.h>

#include "dataplane/kernel.h"
#include "perf/memory_worker.h"
#include "perf/rows.h"

// The first two cores that this process may use, or the one there is.
static void name_cores(char *text, size_t size)
{
    cpu_set_t allowed;
    unsigned found = 0;
    size_t used = 0;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    text[0] = '\0';
    for (unsigned core = 0; core < CPU_SETSIZE && found < 2; core++) {
        if (!CPU_ISSET(core, &allowed))
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%u", found ? "," : "", core);
        found++;
    }
}

int main(int argc, char **argv)
{
    struct perf_program program;
    char cores[24];
    int code;
    if (!perf_program_init(&program, argc, argv, "Measures how workers fed from memory scale.",
                           &code))
        return code;
    if (!dataplane_choose_kernel())
        return EX_USAGE;
    name_cores(cores, sizeof cores);
    if (!memory_eal_init_on(program.name, cores)) {
        fprintf(stderr, "%s: EAL did not start\n", program.name);
        return 1;
    }
    rows_memory(&program); // first, while the heap is whole
    rows_workers(&program);
    rows_entries(&program);
    rows_connections(&program);
    rows_updates(&program);
    return program.failed;
}
