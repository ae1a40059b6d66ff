// What a run measured, for people and for programs.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "load/options.h"

enum { LOAD_SCHEMA = 1 };

// All workers together.
struct load_report {
    const struct load_options *options;
    double seconds; // measured
    struct load_result result;
    uint64_t counters[LOAD_COUNTER_COUNT];
};

// Adds one worker's.
void load_report_add(struct load_report *report, const struct load_result *result,
                     const uint64_t *counters);
// Whether nothing was wrong or lost.
bool load_report_passed(const struct load_report *report);

// Prints the report as text, or returns it as JSON (docs/portolan-load.md), which is the caller's;
// NULL when there is no memory.
void load_report_print(const struct load_report *report, FILE *to);
json_t *load_report_json(const struct load_report *report);

// Percentiles that reports and curves show, in percent, ascending.
enum { LOAD_CURVE_SIZE = 24 };
extern const double load_curve[LOAD_CURVE_SIZE];
