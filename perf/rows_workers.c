// One and two workers at once, each on a core of its own with its own port, connections and
// feeding, on one map. Which connections are whose is the flow-to-core function's to say, as with a
// NIC's RSS. A rate is what the server's side alone would do: the feeding's time is not in it.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "ndr/kernel.h"
#include "perf/map_load.h"
#include "perf/rows.h"

enum { WORKERS = 2, CONNECTIONS = 1000, ENTRIES = 1000, MBUFS = 8191, REQUESTS = 200000 };

static const double goal_ratio = 1.9; // 0.95 of twice

struct lane {
    struct map_load *load;
    pthread_barrier_t *start;
    unsigned requests;
    double ticks; // a request, in the last round
};

struct lanes {
    struct memory_map *map;
    struct rpc_groups *groups;
    struct lane lane[WORKERS];
    pthread_barrier_t start;
};

static int run_lane(void *argument)
{
    struct lane *lane = argument;
    pthread_barrier_wait(lane->start);
    lane->ticks = map_load_round(lane->load, lane->requests);
    return 0;
}

static double rate_of(const struct lane *lane)
{
    return (double)rte_get_tsc_hz() / lane->ticks;
}

static double rate_of_one(struct lanes *l)
{
    l->lane[0].ticks = map_load_round(l->lane[0].load, l->lane[0].requests);
    return rate_of(&l->lane[0]);
}

static double rate_of_two(struct lanes *l, unsigned other)
{
    rte_eal_remote_launch(run_lane, &l->lane[1], other);
    run_lane(&l->lane[0]);
    rte_eal_wait_lcore(other);
    return rate_of(&l->lane[0]) + rate_of(&l->lane[1]);
}

static bool create(struct lanes *l, unsigned requests)
{
    l->map = memory_map_create(ENTRIES, WORKERS);
    l->groups = rpc_groups_create(WORKERS * 2 * CONNECTIONS, WORKERS);
    pthread_barrier_init(&l->start, NULL, WORKERS);
    for (unsigned i = 0; l->map && l->groups && i < WORKERS; i++) {
        const struct memory_options options = {.workers = 1,
                                               .connections = 2 * CONNECTIONS,
                                               .mbufs = MBUFS,
                                               .map = l->map,
                                               .groups = l->groups,
                                               .first_reader = i};
        const struct map_load_options load = {
            .connections = CONNECTIONS, .per_segment = 1, .core = i, .cores = WORKERS};
        l->lane[i] = (struct lane){
            .load = map_load_create(&options, &load), .start = &l->start, .requests = requests};
        if (!l->lane[i].load)
            return false;
    }
    return l->map && l->groups;
}

static bool destroy(struct lanes *l)
{
    bool right = true;
    for (unsigned i = 0; i < WORKERS; i++) {
        struct map_load *load = l->lane[i].load;
        right = (!load || map_load_is_right(load)) && right;
        right = (!load || map_load_destroy(load)) && right;
    }
    pthread_barrier_destroy(&l->start);
    rpc_groups_destroy(l->groups);
    if (l->map)
        memory_map_destroy(l->map);
    return right;
}

enum { ROW_ONE, ROW_TWO, ROW_RATIO, ROW_COUNT };

static void make_rows(struct perf_row rows[ROW_COUNT])
{
    rows[ROW_ONE] = perf_row_make("scale", "requests/s", "workers 1");
    rows[ROW_TWO] = perf_row_make("scale", "requests/s", "workers 2");
    rows[ROW_RATIO] = perf_row_make("scale", "times", "workers 2 over 1");
    rows[ROW_RATIO].limit = (struct perf_part){.name = "goal", .number = goal_ratio};
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        perf_parts_add_text(&rows[i].settings, "kernel", ndr_kernel()->name);
        perf_parts_add(&rows[i].settings, "connections_each", CONNECTIONS);
        perf_parts_add(&rows[i].settings, "entries", ENTRIES);
    }
}

// One and two in turn, so that a change of the machine's mood meets both.
static void measure(struct perf_program *program, struct lanes *l, struct perf_row *rows,
                    unsigned other)
{
    rate_of_two(l, other); // for warming up
    for (unsigned i = 0; i < program->rounds; i++) {
        double one = rate_of_one(l), two = rate_of_two(l, other);
        perf_row_add(&rows[ROW_ONE], one);
        perf_row_add(&rows[ROW_TWO], two);
        perf_row_add(&rows[ROW_RATIO], two / one);
    }
}

void rows_workers(struct perf_program *program)
{
    struct perf_row rows[ROW_COUNT];
    bool wanted = false;
    make_rows(rows);
    for (unsigned i = 0; i < ROW_COUNT; i++)
        wanted |= perf_program_wants(program, rows[i].name);
    unsigned other = rte_get_next_lcore(-1, 1, 0);
    if (!wanted)
        return;
    if (other == RTE_MAX_LCORE) {
        fprintf(stderr, "%s: no second core: two workers are not measured\n", program->name);
        return;
    }
    struct lanes lanes;
    memset(&lanes, 0, sizeof lanes);
    bool made = create(&lanes, perf_program_amount(program, REQUESTS));
    if (made)
        measure(program, &lanes, rows, other);
    bool right = destroy(&lanes);
    if (!made)
        perf_program_fail(program, rows[ROW_TWO].name, "the workers could not be set up");
    for (unsigned i = 0; made && i < ROW_COUNT; i++) {
        rows[i].correct = right;
        if (perf_program_wants(program, rows[i].name))
            perf_program_report(program, &rows[i]);
    }
}
