// A picture of runs: rate against percentiles, and the percentile curve of each.
#pragma once

#include "load/options.h"

// Reads the JSON that portolan-load wrote into the files, and has gnuplot draw options->output.
// Returns the exit status, after saying why when it is not 0. Main thread.
int load_plot(const struct load_options *options);
