#include "load/live.h"

#include <inttypes.h>

// Rows of counters and of the histogram are aligned words that their worker alone writes.
static void add_words(uint64_t *to, const uint64_t *from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        to[i] += base_counter_read(&from[i]);
}

void load_live_add(struct load_live *live, const uint64_t *counters,
                   const struct load_result *result)
{
    add_words(live->counters, counters, LOAD_COUNTER_COUNT);
    add_words(live->latency, result->latency.rows, BASE_HISTOGRAM_ROWS);
}

static void print_latency(const struct load_live *before, const struct load_live *now, FILE *to)
{
    static struct base_histogram between; // 200 KiB
    base_histogram_clear(&between);
    between.max = UINT64_MAX;
    for (unsigned i = 0; i < BASE_HISTOGRAM_ROWS; i++) {
        between.rows[i] = now->latency[i] - before->latency[i];
        between.count += between.rows[i];
    }
    if (between.count > 0)
        fprintf(to, ", p50 %.1f us, p99 %.1f us",
                (double)base_histogram_percentile(&between, 50) / 1000,
                (double)base_histogram_percentile(&between, 99) / 1000);
}

void load_live_print(const struct load_live *before, const struct load_live *now, double seconds,
                     FILE *to)
{
    uint64_t bad = 0;
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++)
        bad += load_counter_rows[i].kind == BASE_COUNTER_DROP ? now->counters[i] : 0;
    uint64_t answers = now->counters[LOAD_ANSWERS] - before->counters[LOAD_ANSWERS];
    fprintf(to, "%10.0f answers/s", (double)answers / seconds);
    print_latency(before, now, to);
    fprintf(to, ", %" PRIu64 " connections, %" PRIu64 " late, %" PRIu64 " wrong or lost\n",
            now->counters[LOAD_CONNECTIONS], now->counters[LOAD_LATE] - before->counters[LOAD_LATE],
            bad);
}
