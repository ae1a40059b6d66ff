// ept_map with ever more entries in the map, and over ever more connections.
#include <stdio.h>
#include <string.h>

#include "perf/map_load.h"
#include "perf/rows.h"

enum {
    CONNECTIONS = 1000,
    ENTRIES = 1000,
    MBUFS = 16383,
    REQUESTS = 200000,
    // Memory of a connection with its association and its client, generously.
    CONNECTION_KIB = 4,
};

void rows_entries(struct perf_program *program)
{
    static const unsigned sizes[] = {10, 1000, 65536, 1000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!perf_program_wants_size(program, sizes[i]))
            continue;
        struct perf_row row = perf_row_make("scale", "ns/request", "entries %u", sizes[i]);
        const struct memory_options options = {
            .workers = 1, .connections = 2 * CONNECTIONS, .entries = sizes[i], .mbufs = MBUFS};
        const struct map_load_options load_options = {.connections = CONNECTIONS, .per_segment = 1};
        if (perf_program_wants(program, row.name))
            map_load_report(program, &row, &options, &load_options, REQUESTS);
    }
}

static unsigned long available_kib(void)
{
    unsigned long kib = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file) &&
           sscanf(line, "MemAvailable: %lu kB", &kib) != 1)
        continue;
    if (file)
        fclose(file);
    return kib;
}

// As many as half of the free memory holds.
static unsigned that_fit(const struct perf_program *program, unsigned wanted)
{
    unsigned connections = wanted;
    unsigned long kib = available_kib();
    while (kib && (unsigned long)connections * CONNECTION_KIB > kib / 2 && connections > 1000)
        connections /= 2;
    if (connections < wanted)
        fprintf(stderr, "%s: %u connections instead of %u: %lu MiB of memory are free\n",
                program->name, connections, wanted, kib >> 10);
    return connections;
}

void rows_connections(struct perf_program *program)
{
    static const unsigned sizes[] = {1, 1000, 100000, 1000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!perf_program_wants_size(program, sizes[i]))
            continue;
        unsigned connections = that_fit(program, sizes[i]);
        struct perf_row row = perf_row_make("scale", "ns/request", "connections %u", connections);
        const struct memory_options options = {
            .workers = 1, .connections = connections + 64, .entries = ENTRIES, .mbufs = MBUFS};
        const struct map_load_options load_options = {
            .connections = connections, .per_segment = 1, .acknowledge = true};
        if (perf_program_wants(program, row.name))
            map_load_report(program, &row, &options, &load_options, REQUESTS);
    }
}
