#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/live.h"
#include "tests/unit/capture.h"

static struct load_live before, now;
static struct load_result result;
static uint64_t counters[LOAD_COUNTER_COUNT];

static int clear(void **state)
{
    (void)state;
    memset(&before, 0, sizeof before);
    memset(&now, 0, sizeof now);
    memset(counters, 0, sizeof counters);
    base_histogram_clear(&result.latency);
    return 0;
}

static void print(double seconds, char *said, size_t size)
{
    struct capture capture = capture_begin(stderr);
    load_live_print(&before, &now, seconds, stderr);
    capture_end(&capture, said, size);
}

static void a_line_tells_what_changed_since_the_last(void **state)
{
    (void)state;
    char said[512];
    before.counters[LOAD_ANSWERS] = 1000;
    before.counters[LOAD_LATE] = 5;
    now.counters[LOAD_ANSWERS] = 3000;
    now.counters[LOAD_LATE] = 12;
    now.counters[LOAD_CONNECTIONS] = 9;
    now.counters[LOAD_WRONG_TOWER] = 2;
    now.counters[LOAD_LOST_RESET] = 1;
    print(2, said, sizeof said);
    assert_string_equal(said, "      1000 answers/s, 9 connections, 7 late, 3 wrong or lost\n");
}

static void percentiles_are_those_of_the_time_in_between(void **state)
{
    (void)state;
    char said[512];
    for (unsigned i = 0; i < 1000; i++)
        base_histogram_record(&result.latency, 1000000); // long ago
    load_live_add(&before, counters, &result);
    for (unsigned i = 0; i < 98; i++)
        base_histogram_record(&result.latency, 1000);
    base_histogram_record(&result.latency, 2000);
    base_histogram_record(&result.latency, 2000);
    load_live_add(&now, counters, &result);
    print(1, said, sizeof said);
    assert_non_null(strstr(said, ", p50 1.0 us, p99 2.0 us,"));
}

static void workers_are_added_up(void **state)
{
    (void)state;
    counters[LOAD_CONNECTIONS] = 4;
    base_histogram_record(&result.latency, 3);
    load_live_add(&now, counters, &result);
    load_live_add(&now, counters, &result);
    assert_int_equal(now.counters[LOAD_CONNECTIONS], 8);
    assert_int_equal(now.latency[base_histogram_row(3)], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_tells_what_changed_since_the_last, clear),
        cmocka_unit_test_setup(percentiles_are_those_of_the_time_in_between, clear),
        cmocka_unit_test_setup(workers_are_added_up, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
