#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/arrivals.h"

static void fixed_arrivals_are_equally_far_apart(void **state)
{
    (void)state;
    struct load_arrivals arrivals;
    load_arrivals_init(&arrivals, LOAD_FIXED, 1000, 5000, 1);
    for (uint64_t i = 1; i <= 10000; i++) {
        assert_int_equal(load_arrivals_due(&arrivals), 5000 + i * 1000000);
        load_arrivals_advance(&arrivals);
    }
}

// The gaps of a Poisson process: mean 1/rate, variance its square, 1/e of them above the mean.
static void poisson_gaps_are_exponential(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    const double mean = 1000; // ns
    struct load_arrivals arrivals;
    load_arrivals_init(&arrivals, LOAD_POISSON, 1e6, 0, 7);
    double before = arrivals.offset, sum = 0, squares = 0;
    unsigned above = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        load_arrivals_advance(&arrivals);
        double gap = arrivals.offset - before;
        before = arrivals.offset;
        assert_true(gap >= 0);
        sum += gap;
        squares += gap * gap;
        above += gap > mean;
    }
    double found = sum / COUNT, variance = squares / COUNT - found * found;
    assert_true(found > 0.99 * mean && found < 1.01 * mean);
    assert_true(variance > 0.97 * mean * mean && variance < 1.03 * mean * mean);
    assert_in_range(above, COUNT * 0.363, COUNT * 0.373);
}

static void a_seed_is_a_sequence(void **state)
{
    (void)state;
    struct load_arrivals a, b, c;
    load_arrivals_init(&a, LOAD_POISSON, 1000, 0, 3);
    load_arrivals_init(&b, LOAD_POISSON, 1000, 0, 3);
    load_arrivals_init(&c, LOAD_POISSON, 1000, 0, 4);
    assert_true(load_arrivals_due(&a) == load_arrivals_due(&b));
    assert_true(load_arrivals_due(&a) != load_arrivals_due(&c));
}

static void a_roll_covers_its_range_evenly(void **state)
{
    (void)state;
    struct load_random random = load_random_from(11);
    unsigned rolled[10] = {0};
    for (unsigned i = 0; i < 100000; i++)
        rolled[load_random_below(&random, 10)]++;
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(rolled[i], 9500, 10500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_arrivals_are_equally_far_apart),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(a_seed_is_a_sequence),
        cmocka_unit_test(a_roll_covers_its_range_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
