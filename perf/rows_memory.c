// What an entry costs in memory: the shared part (entry, authoritative map) and each core's index.
#include <malloc.h>

#include "perf/memory_map.h"
#include "perf/rows.h"

enum { ENTRIES = 1000000, SPARE = 64, GOAL_BYTES = 256 };

// Bytes that malloc holds, gaps between blocks included, without the free end of its heap.
static double held(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)info.arena - (double)info.keepcost + (double)info.hblkhd;
}

static void report(struct perf_program *program, const char *name, double bytes, unsigned entries,
                   double goal)
{
    struct perf_row row = perf_row_make("scale", "bytes/entry", "%s", name);
    if (!perf_program_wants(program, row.name))
        return;
    perf_parts_add(&row.settings, "entries", entries);
    if (goal > 0)
        row.limit = (struct perf_part){.name = "goal", .number = goal};
    perf_row_add(&row, bytes / entries);
    perf_program_report(program, &row);
}

void rows_memory(struct perf_program *program)
{
    const char *all = "memory of map and replica", *one = "memory of another replica";
    if (!perf_program_wants(program, all) && !perf_program_wants(program, one))
        return;
    unsigned entries = perf_program_amount(program, ENTRIES);
    double before = held();
    struct memory_map *memory = memory_map_create(entries, 1);
    double filled = held();
    // All that a replica needs it takes when it is made.
    struct mapper_replica *replica =
        memory ? mapper_replica_create(entries + SPARE, memory->log, 0) : NULL;
    double another = held();
    if (replica) {
        report(program, all, filled - before, entries, GOAL_BYTES);
        report(program, one, another - filled, entries, 0);
        mapper_replica_destroy(replica);
    } else {
        perf_program_fail(program, all, "no memory");
    }
    if (memory)
        memory_map_destroy(memory);
}
