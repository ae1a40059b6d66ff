// What the benchmark programs have in common: their options, and the report of their rows.
// Main thread.
#pragma once

#include <stdbool.h>

#include "perf/row.h"

struct perf_program {
    const char *name;
    const char *prefix; // of the rows wanted; "": all
    unsigned rounds;    // of each row
    bool quick;         // few short rounds: for the answers, not for the figures
    bool json;
    bool failed; // a row could not be measured, or an answer was wrong
};

// Reads the command line. On --help and on a mistake it prints and sets *ret_exit to the exit code;
// false then. `purpose` is the first line of the help.
bool perf_program_init(struct perf_program *program, int argc, char *const *argv,
                       const char *purpose, int *ret_exit);

// Whether the row of that name was asked for.
bool perf_program_wants(const struct perf_program *program, const char *row);
// Whether a size (of a map, of connections) is measured: when quick, only up to 100,000.
bool perf_program_wants_size(const struct perf_program *program, unsigned size);
// `full` units of work a round, or a tenth of them when quick, but at least one.
unsigned perf_program_amount(const struct perf_program *program, unsigned full);
// Prints the row on stdout. A row that is not correct makes the program fail.
void perf_program_report(struct perf_program *program, struct perf_row *row);
// Says on stderr why a row could not be measured; the program will fail.
void perf_program_fail(struct perf_program *program, const char *row, const char *why);
