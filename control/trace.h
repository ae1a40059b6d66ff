// What `trace` answers.
#pragma once

#include <jansson.h>

struct control_options;

enum { CONTROL_TRACE_LAST_MAX = 8192 };

// The newest `last` records of all workers, those of `connection` alone unless it is NULL; a list,
// worker by worker, the oldest first. The caller owns it. NULL: no memory.
json_t *control_trace_report(const struct control_options *options, unsigned last,
                             const char *connection);
