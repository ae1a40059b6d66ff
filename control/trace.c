#include "control/trace.h"

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

// Of a worker's rows, those that are wanted; the newest `last` of them, in their order.
static void append_rows(json_t *records, unsigned worker, const struct control_trace_row *rows,
                        unsigned count, unsigned last, const char *connection)
{
    unsigned begin = count, taken = 0;
    while (begin > 0 && taken < last) {
        begin--;
        taken += connection == NULL || strcmp(rows[begin].remote, connection) == 0;
    }
    for (unsigned i = begin; i < count; i++) {
        if (connection == NULL || strcmp(rows[i].remote, connection) == 0)
            json_array_append_new(records, record_of(worker, &rows[i]));
    }
}

json_t *control_trace_report(const struct control_options *options, unsigned last,
                             const char *connection)
{
    struct control_trace_row *rows = calloc(CONTROL_TRACE_LAST_MAX, sizeof *rows);
    json_t *records = rows != NULL ? json_array() : NULL;
    for (unsigned i = 0; i < options->worker_count && records != NULL; i++) {
        const struct control_worker *worker = &options->workers[i];
        if (worker->trace == NULL)
            continue;
        unsigned count = worker->trace(worker->trace_context, rows, CONTROL_TRACE_LAST_MAX);
        append_rows(records, i, rows, count, last, connection);
    }
    free(rows);
    return records;
}
