// What `status` and `stats` answer.
#pragma once

#include <stdint.h>

#include <jansson.h>

struct control_options;

// The members of the reply; the caller owns it. NULL: no memory.
json_t *control_report_status(const struct control_options *options, uint64_t started_us);
json_t *control_report_stats(const struct control_options *options, uint64_t started_us);
