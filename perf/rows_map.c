// ept_map over 1,000 connections, the common request: what a request costs on the server's side.
#include "ndr/kernel.h"
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
    struct map_load *load = map_load_create(&options, &load_options);
    if (!load) {
        perf_program_fail(program, name, "the worker could not be set up");
        return;
    }
    struct perf_row row = perf_row_make("cycles", "ns/request", "%s", name);
    row.limit = (struct perf_part){.name = "goal", .number = GOAL_NS};
    perf_parts_add_text(&row.settings, "kernel", ndr_kernel()->name);
    perf_parts_add(&row.settings, "connections", CONNECTIONS);
    perf_parts_add(&row.settings, "entries", ENTRIES);
    perf_parts_add(&row.settings, "per_segment", per_segment);
    map_load_measure(load, &row, program->rounds, perf_program_amount(program, REQUESTS));
    row.correct &= map_load_destroy(load);
    perf_program_report(program, &row);
}

void rows_map(struct perf_program *program)
{
    measure(program, "ept_map 1 per segment", 1);
    measure(program, "ept_map 8 per segment", MAP_LOAD_PER_SEGMENT_MAX);
}
