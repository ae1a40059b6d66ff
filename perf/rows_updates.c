// Changes of the map while a worker answers ept_map at full rate: what they cost a request, and
// how long a change takes from the control thread to the worker's replica. The worker has one core,
// the control thread the other. The worker looks for changes once a turn, and between its turns the
// same thread feeds it, which is in the latency. So it gets bursts of 16: with their feeding they
// take as long as bursts of 32 without.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "base/histogram.h"
#include "ndr/kernel.h"
#include "perf/map_load.h"
#include "perf/rows.h"

enum {
    CONNECTIONS = 1000,
    ENTRIES = 1000,
    SPARE = 32, // entries that come and go
    MBUFS = 16383,
    REQUESTS = 400000,
    BURST = 16,
    PENDING = 1024, // as many as the log holds
    GOAL_US = 10,
};

// A change that the worker may not have seen yet.
struct pending {
    uint64_t sequence, begun; // of the log; TSC
};

struct updates {
    struct map_load *load;
    // Written by main before a launch, read by the worker's thread.
    unsigned requests;
    // Written by the worker's thread; main reads them, and `ticks` after the launch ended.
    _Atomic bool begun, over;
    double ticks; // a request
    // Main's alone.
    struct memory_map *map;
    uint32_t changes; // made so far
    struct pending pending[PENDING];
    uint32_t first, count; // in `pending`
    struct base_histogram latency;
    bool wrong;
};

static int answer(void *argument)
{
    struct updates *u = argument;
    atomic_store_explicit(&u->begun, true, memory_order_release);
    u->ticks = map_load_round(u->load, u->requests);
    atomic_store_explicit(&u->over, true, memory_order_release);
    return 0;
}

// Entries beyond those asked for come and go in turn. False when the log has no room.
static bool change(struct updates *u)
{
    uint64_t begun = rte_rdtsc();
    uint32_t spare = ENTRIES + u->changes / 2 % SPARE;
    uint32_t status =
        u->changes % 2 ? memory_map_delete(u->map, spare) : memory_map_insert(u->map, spare);
    mapper_map_reclaim(u->map->map);
    if (status == NDR_EPM_STATUS_UPDATE_FAILED)
        return false;
    u->wrong |= status != 0;
    u->changes++;
    u->pending[(u->first + u->count++) % PENDING] =
        (struct pending){.sequence = mapper_log_head(u->map->log), .begun = begun};
    return true;
}

static void take_applied(struct updates *u, double ns_per_tick)
{
    uint64_t applied = mapper_log_applied(u->map->log), now = rte_rdtsc();
    while (u->count > 0 && u->pending[u->first].sequence <= applied) {
        uint64_t ticks = now - u->pending[u->first].begun;
        base_histogram_record(&u->latency, (uint64_t)((double)ticks * ns_per_tick));
        u->first = (u->first + 1) % PENDING;
        u->count--;
    }
}

// One round: changes at `rate` a second until the worker has answered its requests.
static void run_round(struct updates *u, unsigned rate, unsigned worker_core)
{
    double hz = (double)rte_get_tsc_hz();
    uint64_t interval = rate ? (uint64_t)(hz / rate) : 0;
    base_histogram_clear(&u->latency);
    atomic_store_explicit(&u->begun, false, memory_order_relaxed);
    atomic_store_explicit(&u->over, false, memory_order_relaxed);
    rte_eal_remote_launch(answer, u, worker_core);
    while (!atomic_load_explicit(&u->begun, memory_order_acquire)) // its core wakes up first
        rte_pause();
    uint64_t due = rte_rdtsc() + interval;
    while (!atomic_load_explicit(&u->over, memory_order_acquire)) {
        uint64_t now = rte_rdtsc();
        if (rate && now >= due && u->count < PENDING) {
            change(u);
            due = due + interval > now ? due + interval : now; // what was missed is not made up
        }
        take_applied(u, 1e9 / hz);
        rte_pause();
    }
    rte_eal_wait_lcore(worker_core);
    // The worker rests now; what it has not seen counts for nothing.
    mapper_replica_apply(u->map->replicas[0]);
    u->count = 0;
}

enum { ROW_COST, ROW_P50, ROW_P99, ROW_MAX, ROW_COUNT };

static bool make_rows(const struct perf_program *program, struct perf_row *rows, unsigned rate)
{
    static const char *const names[ROW_COUNT] = {"ept_map", "latency p50", "latency p99",
                                                 "latency max"};
    bool wanted = false;
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        rows[i] = perf_row_make("scale", i == ROW_COST ? "ns/request" : "us", "updates %u/s, %s",
                                rate, names[i]);
        perf_parts_add_text(&rows[i].settings, "kernel", ndr_kernel()->name);
        perf_parts_add(&rows[i].settings, "connections", CONNECTIONS);
        perf_parts_add(&rows[i].settings, "entries", ENTRIES);
        perf_parts_add(&rows[i].settings, "burst", BURST);
        perf_parts_add(&rows[i].settings, "updates_per_second", rate);
        wanted |= perf_program_wants(program, rows[i].name);
    }
    rows[ROW_P99].limit = (struct perf_part){.name = "goal", .number = GOAL_US};
    return wanted;
}

static void measure(struct perf_program *program, struct updates *u, struct perf_row *rows,
                    unsigned rate, unsigned core)
{
    double ns = 1e9 / (double)rte_get_tsc_hz();
    uint64_t seen = 0;
    u->requests = perf_program_amount(program, REQUESTS);
    run_round(u, rate, core); // for warming up
    for (unsigned i = 0; i < program->rounds; i++) {
        run_round(u, rate, core);
        seen += u->latency.count;
        perf_row_add(&rows[ROW_COST], u->ticks * ns);
        perf_row_add(&rows[ROW_P50], (double)base_histogram_percentile(&u->latency, 50) / 1e3);
        perf_row_add(&rows[ROW_P99], (double)base_histogram_percentile(&u->latency, 99) / 1e3);
        perf_row_add(&rows[ROW_MAX], (double)u->latency.max / 1e3);
    }
    bool right = map_load_is_right(u->load) && !u->wrong;
    for (unsigned i = 0; i < (rate ? ROW_COUNT : 1u); i++) {
        rows[i].correct = right;
        perf_parts_add(&rows[i].settings, "updates", (double)seen);
        if (perf_program_wants(program, rows[i].name))
            perf_program_report(program, &rows[i]);
    }
}

static void measure_rate(struct perf_program *program, unsigned rate, unsigned core)
{
    static struct updates u;
    struct perf_row rows[ROW_COUNT];
    if (!make_rows(program, rows, rate))
        return;
    const struct memory_options options = {
        .workers = 1, .connections = 2 * CONNECTIONS, .entries = ENTRIES, .mbufs = MBUFS};
    const struct map_load_options load = {
        .connections = CONNECTIONS, .per_segment = 1, .burst = BURST};
    memset(&u, 0, sizeof u);
    u.load = map_load_create(&options, &load);
    if (!u.load) {
        perf_program_fail(program, rows[ROW_COST].name, "the worker could not be set up");
        return;
    }
    u.map = u.load->memory->map;
    measure(program, &u, rows, rate, core);
    if (!map_load_destroy(u.load))
        perf_program_fail(program, rows[ROW_COST].name, "a packet buffer did not come back");
}

void rows_updates(struct perf_program *program)
{
    static const unsigned rates[] = {0, 1000, 10000, 100000};
    unsigned core = rte_get_next_lcore(-1, 1, 0);
    if (core == RTE_MAX_LCORE) {
        fprintf(stderr, "%s: no second core: updates are not measured\n", program->name);
        return;
    }
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++)
        measure_rate(program, rates[i], core);
}
