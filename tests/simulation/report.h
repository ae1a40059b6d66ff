// The first thing that went wrong in a run; what follows from it is not told.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_report {
    bool failed;
    bool trace; // tell every step on stderr
    uint64_t now;
    char what[240];
};

__attribute__((format(printf, 2, 3))) void sim_fail(struct sim_report *report, const char *format,
                                                    ...);
__attribute__((format(printf, 2, 3))) void sim_trace(const struct sim_report *report,
                                                     const char *format, ...);
