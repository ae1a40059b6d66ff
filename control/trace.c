#include "control/trace.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"

static json_t *record_of(unsigned worker, const struct control_trace_row *row)
{
    return json_pack("{s:i, s:I, s:I, s:s, s:i, s:s, s:s, s:I, s:I, s:I}", "worker", (int)worker,
                     "number", (json_int_t)row->number, "time_us", (json_int_t)row->time_us,
                     "remote", row->remote, "local_port", (int)row->local_port, "event", row->event,
                     "state", row->state, "sequence", (json_int_t)row->sequence, "acknowledgment",
                     (json_int_t)row->acknowledgment, "size", (json_int_t)row->size);
}

static bool is_wanted(const struct control_trace_query *query, const struct control_trace_row *row)
{
    return query->connection == NULL || strcmp(row->remote, query->connection) == 0;
}

// What the reply is made of.
struct report {
    json_t *records, *next;
    uint64_t lost;
    struct control_trace_row *rows; // CONTROL_TRACE_LAST_MAX
};

// Of the newest rows, the last that are wanted.
static uint64_t append_newest(struct report *report, unsigned index,
                              const struct control_worker *worker,
                              const struct control_trace_query *query)
{
    uint64_t head = worker->trace_head(worker->trace_context);
    uint64_t from = head > CONTROL_TRACE_LAST_MAX ? head - CONTROL_TRACE_LAST_MAX : 0;
    unsigned count =
        worker->trace(worker->trace_context, from, report->rows, (unsigned)(head - from));
    unsigned begin = count, taken = 0;
    while (begin > 0 && taken < query->last)
        taken += is_wanted(query, &report->rows[--begin]);
    for (unsigned i = begin; i < count; i++) {
        if (is_wanted(query, &report->rows[i]))
            json_array_append_new(report->records, record_of(index, &report->rows[i]));
    }
    return head;
}

// A number that is not reached yet is of an earlier life of the worker: it begins anew.
static uint64_t append_since(struct report *report, unsigned index,
                             const struct control_worker *worker,
                             const struct control_trace_query *query)
{
    uint64_t from = (uint64_t)json_integer_value(json_array_get(query->since, index));
    if (from > worker->trace_head(worker->trace_context))
        from = 0;
    unsigned count = worker->trace(worker->trace_context, from, report->rows, query->last);
    for (unsigned i = 0; i < count; i++) {
        report->lost += report->rows[i].number - from;
        from = report->rows[i].number + 1;
        if (is_wanted(query, &report->rows[i]))
            json_array_append_new(report->records, record_of(index, &report->rows[i]));
    }
    return from;
}

json_t *control_trace_report(const struct control_options *options,
                             const struct control_trace_query *query)
{
    struct report report = {.records = json_array(), .next = json_array()};
    report.rows = calloc(CONTROL_TRACE_LAST_MAX, sizeof *report.rows);
    for (unsigned i = 0; i < options->worker_count && report.rows != NULL; i++) {
        const struct control_worker *worker = &options->workers[i];
        uint64_t next = 0;
        if (worker->trace != NULL)
            next = query->since != NULL ? append_since(&report, i, worker, query)
                                        : append_newest(&report, i, worker, query);
        json_array_append_new(report.next, json_integer((json_int_t)next));
    }
    bool complete = report.rows != NULL && json_array_size(report.next) == options->worker_count;
    free(report.rows);
    if (!complete) {
        json_decref(report.records);
        json_decref(report.next);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:I}", "records", report.records, "next", report.next, "lost",
                     (json_int_t)report.lost);
}
