// ept_map over 1,000 connections, the common request: what a request costs on the server's side.
#include "perf/map_load.h"
#include "perf/rows.h"

enum { CONNECTIONS = 1000, ENTRIES = 1000, MBUFS = 16383, REQUESTS = 200000, GOAL_NS = 100 };

static void measure(struct perf_program *program, const char *name, unsigned per_segment)
{
    if (!perf_program_wants(program, name))
        return;
    const struct memory_options options = {
        .workers = 1, .connections = 2 * CONNECTIONS, .entries = ENTRIES, .mbufs = MBUFS};
    const struct map_load_options load_options = {.connections = CONNECTIONS,
                                                  .per_segment = per_segment};
    struct perf_row row = perf_row_make("cycles", "ns/request", "%s", name);
    row.limit = (struct perf_part){.name = "goal", .number = GOAL_NS};
    map_load_report(program, &row, &options, &load_options, REQUESTS);
}

void rows_map(struct perf_program *program)
{
    measure(program, "ept_map 1 per segment", 1);
    measure(program, "ept_map 8 per segment", MAP_LOAD_PER_SEGMENT_MAX);
}
