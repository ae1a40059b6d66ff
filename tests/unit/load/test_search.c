#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/search.h"

static struct load_search search_for(double limit)
{
    struct load_search search = load_search_begin(10000);
    while (load_search_go_on(&search, search.rate <= limit)) {
    }
    return search;
}

static void the_limit_is_found_to_two_percent_from_either_side(void **state)
{
    static const double limits[] = {7, 900, 9999, 10000, 10001, 123456, 5e6, 2e8};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct load_search search = search_for(limits[i]);
        assert_true(search.kept <= limits[i] && search.broken > limits[i]);
        assert_true(search.broken <= search.kept * 1.02);
        assert_true(search.steps < LOAD_SEARCH_STEPS_MAX);
    }
}

static void a_promise_that_nothing_keeps_ends_the_search(void **state)
{
    (void)state;
    struct load_search search = search_for(0);
    assert_true(search.kept == 0);
    assert_in_range(search.steps, 10, 20);
}

static void a_promise_that_nothing_breaks_ends_it_too(void **state)
{
    (void)state;
    struct load_search search = search_for(1e300);
    assert_int_equal(search.steps, LOAD_SEARCH_STEPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_found_to_two_percent_from_either_side),
        cmocka_unit_test(a_promise_that_nothing_keeps_ends_the_search),
        cmocka_unit_test(a_promise_that_nothing_breaks_ends_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
