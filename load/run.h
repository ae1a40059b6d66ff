// A run from start to end: EAL, port, workers, connections, load, report.
#pragma once

#include "load/options.h"

// Runs what the command line says and prints the report. Returns the exit status. Main thread,
// once a process.
int load_run(const struct load_options *options);
