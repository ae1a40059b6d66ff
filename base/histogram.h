// A log-linear histogram of durations (the layout is HdrHistogram's): below 2,048 every value has a
// row of its own, above it each doubling is cut into 1,024 rows, so that any value is known to
// within a tenth of a percent. Values are nanoseconds up to 17 s; what is longer is counted in the
// last row. About 200 KiB, a fixed array: nothing is allocated, and one thread owns it.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    BASE_HISTOGRAM_HALF_BITS = 10, // rows of a doubling
    BASE_HISTOGRAM_BITS = 34,      // of the largest value
    BASE_HISTOGRAM_ROWS = (BASE_HISTOGRAM_BITS - BASE_HISTOGRAM_HALF_BITS + 1)
                          << BASE_HISTOGRAM_HALF_BITS,
};

struct base_histogram {
    uint64_t count;
    uint64_t sum;      // of the values as recorded
    uint64_t min, max; // as recorded; min is UINT64_MAX while count is 0
    uint64_t rows[BASE_HISTOGRAM_ROWS];
};

// All functions: only the thread that owns the histogram.
void base_histogram_clear(struct base_histogram *histogram);
void base_histogram_record(struct base_histogram *histogram, uint64_t value);
// Adds what `from` has to `to`.
void base_histogram_merge(struct base_histogram *to, const struct base_histogram *from);
// The value that `percent` (0 to 100) of all values do not exceed, as the highest value its row
// stands for, but never more than max. 0 when there are none.
uint64_t base_histogram_percentile(const struct base_histogram *histogram, double percent);
// 0 when there are none.
double base_histogram_mean(const struct base_histogram *histogram);

// The row of a value, and the highest value of a row.
unsigned base_histogram_row(uint64_t value);
uint64_t base_histogram_value(unsigned row);
