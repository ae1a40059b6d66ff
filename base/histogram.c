#include "base/histogram.h"

#include <string.h>

enum { HALF = 1 << BASE_HISTOGRAM_HALF_BITS };

// The row is the value's leading 11 bits, counted on from one doubling to the next: the shift that
// leaves 11 bits is how many doublings lie below, of HALF rows each.
unsigned base_histogram_row(uint64_t value)
{
    if (value >> BASE_HISTOGRAM_BITS)
        return BASE_HISTOGRAM_ROWS - 1;
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned shift = bits > BASE_HISTOGRAM_HALF_BITS + 1 ? bits - BASE_HISTOGRAM_HALF_BITS - 1 : 0;
    return shift * HALF + (unsigned)(value >> shift);
}

uint64_t base_histogram_value(unsigned row)
{
    unsigned shift = row < 2 * HALF ? 0 : row / HALF - 1;
    uint64_t leading = row - shift * HALF;
    return ((leading + 1) << shift) - 1;
}

void base_histogram_clear(struct base_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->min = UINT64_MAX;
}

void base_histogram_record(struct base_histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->sum += value;
    if (value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
    histogram->rows[base_histogram_row(value)]++;
}

void base_histogram_merge(struct base_histogram *to, const struct base_histogram *from)
{
    to->count += from->count;
    to->sum += from->sum;
    if (from->min < to->min)
        to->min = from->min;
    if (from->max > to->max)
        to->max = from->max;
    for (unsigned row = 0; row < BASE_HISTOGRAM_ROWS; row++)
        to->rows[row] += from->rows[row];
}

uint64_t base_histogram_percentile(const struct base_histogram *histogram, double percent)
{
    if (histogram->count == 0)
        return 0;
    // The first value that reaches the share; what is less than a billionth over is rounding.
    double exact = percent * (double)histogram->count / 100 * (1 - 1e-9);
    uint64_t rank = (uint64_t)exact + 1;
    if (rank > histogram->count)
        rank = histogram->count;
    uint64_t seen = 0;
    for (unsigned row = 0; row < BASE_HISTOGRAM_ROWS - 1; row++) {
        seen += histogram->rows[row];
        if (seen >= rank) {
            uint64_t value = base_histogram_value(row);
            return value < histogram->max ? value : histogram->max;
        }
    }
    return histogram->max;
}

double base_histogram_mean(const struct base_histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double)histogram->sum / (double)histogram->count;
}
