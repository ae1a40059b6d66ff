#include "control/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/clock.h"
#include "control/control.h"
#include "control/fault.h"
#include "control/store.h"
#include "mapper/map.h"

// The gauge that is called `name` in any of the worker's blocks.
static bool find_gauge(const struct control_worker *worker, const char *name, uint64_t *ret_value)
{
    for (unsigned b = 0; b < worker->counters_count; b++) {
        const struct control_counters *block = &worker->counters[b];
        for (unsigned i = 0; i < block->count; i++) {
            if (block->rows[i].kind != BASE_COUNTER_GAUGE || strcmp(block->rows[i].name, name) != 0)
                continue;
            *ret_value = base_counter_read(&block->values[i]);
            return true;
        }
    }
    return false;
}

static json_t *report_worker(const struct control_options *options, unsigned index)
{
    const struct control_worker *worker = &options->workers[index];
    uint64_t position = mapper_log_position(options->log, index);
    uint64_t head = mapper_log_head(options->log);
    json_t *report =
        json_pack("{s:i, s:i, s:I, s:I}", "worker", (int)index, "core", (int)worker->core,
                  "position", (json_int_t)position, "lag", (json_int_t)(head - position));
    uint64_t connections;
    if (find_gauge(worker, "connections", &connections))
        json_object_set_new(report, "connections", json_integer((json_int_t)connections));
    return report;
}

json_t *control_report_status(const struct control_options *options, uint64_t started_us)
{
    json_t *addresses = json_array();
    for (unsigned i = 0; i < options->address_count; i++)
        json_array_append_new(addresses, json_string(options->addresses[i]));
    json_t *workers = json_array();
    for (unsigned i = 0; i < options->worker_count; i++)
        json_array_append_new(workers, report_worker(options, i));
    return json_pack("{s:s, s:i, s:I, s:o, s:i, s:I, s:{s:I, s:I}, s:o}", "version",
                     options->version, "pid", (int)getpid(), "uptime_seconds",
                     (json_int_t)((control_now_us() - started_us) / 1000000), "addresses",
                     addresses, "port", (int)options->listen_port, "entries",
                     (json_int_t)mapper_map_count(options->map), "log", "head",
                     (json_int_t)mapper_log_head(options->log), "applied",
                     (json_int_t)mapper_log_applied(options->log), "workers", workers);
}

static const char *kind_name(enum base_counter_kind kind)
{
    switch (kind) {
    case BASE_COUNTER_EVENT:
        return "event";
    case BASE_COUNTER_DROP:
        return "drop";
    case BASE_COUNTER_GAUGE:
        return "gauge";
    }
    return "event";
}

// Every worker has the blocks of the first one, at the same places.
static json_t *report_counter(const struct control_options *options, unsigned block, unsigned row)
{
    const struct control_counters *first = &options->workers[0].counters[block];
    json_t *values = json_array();
    uint64_t total = 0;
    char name[128];
    for (unsigned w = 0; w < options->worker_count; w++) {
        const struct control_worker *worker = &options->workers[w];
        bool has = block < worker->counters_count && row < worker->counters[block].count;
        uint64_t value = has ? base_counter_read(&worker->counters[block].values[row]) : 0;
        total += value;
        json_array_append_new(values, json_integer((json_int_t)value));
    }
    snprintf(name, sizeof name, "%s.%s", first->name, first->rows[row].name);
    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", name, "kind",
                     kind_name(first->rows[row].kind), "help", first->rows[row].help, "total",
                     (json_int_t)total, "workers", values);
}

json_t *control_report_stats(const struct control_options *options, uint64_t started_us)
{
    (void)started_us;
    json_t *cores = json_array();
    json_t *counters = json_array();
    for (unsigned w = 0; w < options->worker_count; w++)
        json_array_append_new(cores, json_integer((json_int_t)options->workers[w].core));
    unsigned blocks = options->worker_count == 0 ? 0 : options->workers[0].counters_count;
    for (unsigned b = 0; b < blocks; b++) {
        for (unsigned i = 0; i < options->workers[0].counters[b].count; i++)
            json_array_append_new(counters, report_counter(options, b, i));
    }
    if (options->store != NULL)
        control_store_report(options->store, counters);
    if (options->inject != NULL)
        control_fault_report(options->inject, options->worker_count, counters);
    return json_pack("{s:o, s:o}", "cores", cores, "counters", counters);
}
