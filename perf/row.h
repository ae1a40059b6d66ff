// A row of a benchmark's report: one quantity, measured in rounds, with the settings it holds for.
// Main thread.
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum { PERF_ROUNDS_MAX = 99, PERF_PARTS_MAX = 8, PERF_NAME_SIZE = 96 };

// A number with its name, or a text when `text` is not NULL. The strings are the caller's and
// outlive the row.
struct perf_part {
    const char *name;
    double number;
    const char *text;
};

struct perf_parts {
    struct perf_part parts[PERF_PARTS_MAX];
    unsigned count;
};

struct perf_row {
    const char *group; // "cycles", "decode", "lookup", "scale"
    char name[PERF_NAME_SIZE];
    const char
        *unit; // "ns/request", "requests/s", "times", "us", "bytes/entry"; "ns/..." is a time
    double values[PERF_ROUNDS_MAX];
    unsigned rounds;
    struct perf_parts stages; // ns of `unit`'s thing, mean over all rounds; may be empty
    struct perf_parts settings;
    struct perf_part limit; // what to hold the median against; name NULL: nothing
    bool correct;           // every answer was the right one
};

// A row without rounds, correct until found otherwise. `name` as printf takes it.
struct perf_row perf_row_make(const char *group, const char *unit, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

// One more round; those beyond PERF_ROUNDS_MAX are left out.
void perf_row_add(struct perf_row *row, double value);
// One more stage or setting; those beyond PERF_PARTS_MAX are left out.
void perf_parts_add(struct perf_parts *parts, const char *name, double number);
void perf_parts_add_text(struct perf_parts *parts, const char *name, const char *text);

// Of the rounds; 0 without any. Of an even number the median is the mean of the two in the middle.
double perf_row_median(const struct perf_row *row);
double perf_row_low(const struct perf_row *row);
double perf_row_high(const struct perf_row *row);
// TSC cycles of the median at `tsc_hz`; negative when the unit is no time.
double perf_row_cycles(const struct perf_row *row, double tsc_hz);

// A line for people, and a second one for the stages, when there are any.
void perf_row_print(const struct perf_row *row, double tsc_hz, FILE *out);
// One JSON object on one line: schema, row, group, unit, median, low, high, rounds, cycles (null
// when the unit is no time), per_second (likewise), stages, correct, limit (when there is one),
// better ("more" of rates and ratios, otherwise "less") and settings. False when there is no
// memory.
bool perf_row_print_json(const struct perf_row *row, double tsc_hz, FILE *out);
