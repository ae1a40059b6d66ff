#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static struct base_histogram histogram, other;

static int clear(void **state)
{
    (void)state;
    base_histogram_clear(&histogram);
    base_histogram_clear(&other);
    return 0;
}

static void an_empty_histogram_says_zero(void **state)
{
    (void)state;
    assert_int_equal(base_histogram_percentile(&histogram, 99), 0);
    assert_true(base_histogram_mean(&histogram) == 0);
}

static void values_below_2048_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 2048; value++)
        assert_int_equal(base_histogram_value(base_histogram_row(value)), value);
}

static void every_value_is_known_to_a_tenth_of_a_percent(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << BASE_HISTOGRAM_BITS; value += 1 + value / 77) {
        uint64_t shown = base_histogram_value(base_histogram_row(value));
        assert_true(shown >= value);
        assert_true((shown - value) * 1000 < value);
    }
}

static void rows_follow_each_other_without_gap(void **state)
{
    (void)state;
    for (unsigned row = 0; row + 1 < BASE_HISTOGRAM_ROWS; row++) {
        uint64_t last = base_histogram_value(row);
        assert_int_equal(base_histogram_row(last), row);
        assert_int_equal(base_histogram_row(last + 1), row + 1);
    }
}

static void the_highest_value_ends_in_the_last_row(void **state)
{
    (void)state;
    const uint64_t highest = (UINT64_C(1) << BASE_HISTOGRAM_BITS) - 1;
    assert_int_equal(base_histogram_value(BASE_HISTOGRAM_ROWS - 1), highest);
    assert_int_equal(base_histogram_row(highest), BASE_HISTOGRAM_ROWS - 1);
    assert_int_equal(base_histogram_row(UINT64_MAX), BASE_HISTOGRAM_ROWS - 1);
}

static void a_value_beyond_the_last_row_still_shows_as_the_maximum(void **state)
{
    (void)state;
    base_histogram_record(&histogram, UINT64_C(90000000000));
    assert_int_equal(base_histogram_percentile(&histogram, 100), UINT64_C(90000000000));
    assert_int_equal(base_histogram_percentile(&histogram, 50), UINT64_C(90000000000));
}

static void percentiles_of_one_to_a_thousand(void **state)
{
    static const struct {
        double percent;
        uint64_t value;
    } rows[] = {{0, 1}, {0.1, 1}, {0.11, 2}, {50, 500}, {99, 990}, {99.9, 999}, {100, 1000}};
    (void)state;
    for (uint64_t value = 1000; value > 0; value--)
        base_histogram_record(&histogram, value);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(base_histogram_percentile(&histogram, rows[i].percent), rows[i].value);
    assert_true(base_histogram_mean(&histogram) == 500.5);
    assert_int_equal(histogram.min, 1);
    assert_int_equal(histogram.max, 1000);
}

static void a_percentile_never_exceeds_the_maximum(void **state)
{
    (void)state;
    base_histogram_record(&histogram, 1000000);
    assert_int_equal(base_histogram_percentile(&histogram, 50), 1000000);
}

static void merging_is_recording_both(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        base_histogram_record(i % 2 ? &histogram : &other, i * 1000);
    base_histogram_merge(&histogram, &other);
    assert_int_equal(histogram.count, 100);
    assert_int_equal(histogram.min, 1000);
    assert_int_equal(histogram.max, 100000);
    assert_int_equal(base_histogram_row(base_histogram_percentile(&histogram, 50)),
                     base_histogram_row(50000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_histogram_says_zero, clear),
        cmocka_unit_test_setup(values_below_2048_are_exact, clear),
        cmocka_unit_test_setup(every_value_is_known_to_a_tenth_of_a_percent, clear),
        cmocka_unit_test_setup(rows_follow_each_other_without_gap, clear),
        cmocka_unit_test_setup(the_highest_value_ends_in_the_last_row, clear),
        cmocka_unit_test_setup(a_value_beyond_the_last_row_still_shows_as_the_maximum, clear),
        cmocka_unit_test_setup(percentiles_of_one_to_a_thousand, clear),
        cmocka_unit_test_setup(a_percentile_never_exceeds_the_maximum, clear),
        cmocka_unit_test_setup(merging_is_recording_both, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
