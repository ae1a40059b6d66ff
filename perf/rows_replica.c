// The replica's index: 32 questions at once, at random, against maps of several sizes.
#include <rte_cycles.h>

#include "base/bytes.h"
#include "perf/memory_map.h"
#include "perf/rows.h"

enum { BATCH = 32, BATCHES = 10000, GOAL_NS = 8 };

struct asking {
    struct memory_map *memory;
    struct mapper_query queries[BATCH];
    struct mapper_answer answers[BATCH];
    uint32_t asked[BATCH];
    bool hits;
    uint64_t random;
};

static uint32_t draw(struct asking *a, uint32_t below)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;
    return (uint32_t)((a->random >> 32) * below >> 32);
}

static void aim(struct asking *a)
{
    for (unsigned i = 0; i < BATCH; i++) {
        a->asked[i] = draw(a, a->memory->entries) | (a->hits ? 0 : UINT32_C(1) << 31);
        base_store_le32(a->queries[i].interface.uuid.bytes, a->asked[i]);
    }
}

static bool is_right(const struct asking *a)
{
    for (unsigned i = 0; i < BATCH; i++) {
        const struct mapper_answer *answer = &a->answers[i];
        bool right =
            a->hits ? answer->status == NDR_EPM_STATUS_OK && answer->count == 1 &&
                          base_load_le32(answer->entries[0]->interface.uuid.bytes) == a->asked[i]
                    : answer->status == NDR_EPM_STATUS_NOT_REGISTERED && answer->count == 0;
        if (!right)
            return false;
    }
    return true;
}

// The clock is read around each batch, so that what draws and checks is not in it; reading it
// twice costs about half a nanosecond a question.
static double measure_round(struct asking *a, unsigned batches, bool *correct)
{
    uint64_t ticks = 0;
    for (unsigned i = 0; i < batches; i++) {
        aim(a);
        uint64_t start = rte_rdtsc_precise();
        mapper_replica_map(a->memory->replicas[0], a->queries, a->answers, BATCH);
        ticks += rte_rdtsc_precise() - start;
        *correct &= is_right(a);
    }
    return (double)ticks / ((double)batches * BATCH);
}

static void measure(struct perf_program *program, struct memory_map *memory, struct perf_row *row,
                    bool hits)
{
    static struct asking a;
    a = (struct asking){.memory = memory, .hits = hits, .random = UINT64_C(0x9e3779b97f4a7c15)};
    uint8_t octets[128];
    struct ndr_tower tower;
    uint32_t size = memory_tower(0, "ncacn_ip_tcp:0.0.0.0[135]", octets, sizeof octets);
    if (ndr_tower_parse(octets, size, &tower) != NDR_TOWER_OK) {
        perf_program_fail(program, row->name, "its tower cannot be read");
        return;
    }
    for (unsigned i = 0; i < BATCH; i++)
        a.queries[i] = (struct mapper_query){.interface = tower.interface,
                                             .transfer = tower.transfer,
                                             .protseq_key = tower.protseq_key,
                                             .max = 1};
    unsigned batches = perf_program_amount(program, BATCHES);
    double ns = 1e9 / (double)rte_get_tsc_hz();
    bool correct = true;
    measure_round(&a, batches, &correct);
    for (unsigned i = 0; i < program->rounds; i++)
        perf_row_add(row, measure_round(&a, batches, &correct) * ns);
    row->correct = correct;
    perf_program_report(program, row);
}

static void measure_size(struct perf_program *program, uint32_t entries)
{
    struct memory_map *memory = NULL;
    for (unsigned hits = 2; hits-- > 0;) {
        struct perf_row row = perf_row_make("lookup", "ns/lookup", "lookup %s, %u entries",
                                            hits ? "hit" : "miss", entries);
        row.limit = (struct perf_part){.name = "goal", .number = GOAL_NS};
        perf_parts_add(&row.settings, "entries", entries);
        perf_parts_add(&row.settings, "batch", BATCH);
        if (!perf_program_wants(program, row.name))
            continue;
        if (!memory)
            memory = memory_map_create(entries, 1);
        if (memory)
            measure(program, memory, &row, hits);
        else
            perf_program_fail(program, row.name, "no memory for the map");
    }
    if (memory)
        memory_map_destroy(memory);
}

void rows_replica(struct perf_program *program)
{
    static const uint32_t sizes[] = {10, 1000, 65536, 1000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (perf_program_wants_size(program, sizes[i]))
            measure_size(program, sizes[i]);
    }
}
