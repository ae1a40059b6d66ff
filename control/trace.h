// What `trace` answers.
#pragma once

#include <jansson.h>

struct control_options;

enum { CONTROL_TRACE_LAST_MAX = 8192 };

// Which records. What one query can cost is bounded: at most CONTROL_TRACE_LAST_MAX records of each
// worker are looked at.
struct control_trace_query {
    unsigned last;          // of each worker; 1 to CONTROL_TRACE_LAST_MAX
    const char *connection; // of this peer alone; NULL: of all
    const json_t *since;    // NULL: the newest. Else a number for each worker: those from there on
};

// {records, next, lost}: the records worker by worker, the oldest first; where to go on; how many
// since `since` were overwritten before they could be read. The caller owns it. NULL: no memory.
json_t *control_trace_report(const struct control_options *options,
                             const struct control_trace_query *query);
