// What a report says; its JSON against report.json, which no change of schema 1 may contradict.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/report.h"
#include "tests/unit/capture.h"

static const struct load_options options = {
    .devices = {"net_memif0"},
    .device_count = 1,
    .target_text = "10.135.0.2",
    .connections = 100,
    .depth = 4,
    .rate = 5000,
    .duration = 2,
    .warmup = 0.5,
    .mix = "map",
    .core_count = 1,
};

// Two workers' worth of one run.
static struct load_report *fill(void)
{
    static struct load_report report;
    static struct load_result result;
    uint64_t counters[LOAD_COUNTER_COUNT] = {[LOAD_CALLS] = 550, [LOAD_ANSWERS] = 550};
    memset(&report, 0, sizeof report);
    report.options = &options;
    report.seconds = 2;
    report.result.latency.min = report.result.service.min = report.result.setup.min = UINT64_MAX;
    base_histogram_clear(&result.latency);
    base_histogram_clear(&result.service);
    base_histogram_clear(&result.setup);
    result.due = result.answered = result.answers_by_kind[LOAD_MAP] = 500;
    for (uint64_t i = 1; i <= 500; i++) {
        base_histogram_record(&result.latency, 2 * i);
        base_histogram_record(&result.service, i);
    }
    load_report_add(&report, &result, counters);
    load_report_add(&report, &result, counters);
    return &report;
}

static void the_json_keeps_to_its_schema(void **state)
{
    (void)state;
    json_error_t error;
    json_t *golden = json_load_file(REPORT_GOLDEN, 0, &error);
    json_t *report = load_report_json(fill());
    assert_non_null(golden);
    // Members may be added; none may go, or mean something else.
    json_t *both = json_deep_copy(report);
    json_object_update_recursive(both, golden);
    if (!json_equal(both, report)) {
        json_dumpf(report, stderr, JSON_INDENT(2)); // too long for fail_msg
        fail_msg("the report is not what %s says, but what stands above", REPORT_GOLDEN);
    }
    json_decref(both);
    json_decref(report);
    json_decref(golden);
}

static void the_program_says_its_version(void **state)
{
    (void)state;
    json_t *report = load_report_json(fill());
    assert_string_equal(json_string_value(json_object_get(report, "program")),
                        "portolan-load " PORTOLAN_VERSION);
    json_decref(report);
}

static void one_wrong_or_lost_call_fails_the_run(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++) {
        struct load_report *report = fill();
        report->counters[i]++;
        assert_int_equal(load_report_passed(report),
                         load_counter_rows[i].kind != BASE_COUNTER_DROP);
    }
}

static void print(const struct load_report *report, char *said, size_t size)
{
    struct capture capture = capture_begin(stderr);
    load_report_print(report, stderr);
    capture_end(&capture, said, size);
}

static void the_text_says_rates_times_and_counters(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "open loop, 5000 calls/s wanted, poisson arrivals; 100 connections, depth 4, mix map, 2.0 s",
        "500 calls/s answered, 500 begun; map 1000\n",
        "latency          0.5       0.5       0.9       1.0       1.0       1.0       1.0\n",
        "service          0.3       0.2       0.5       0.5       0.5       0.5       0.5\n",
        "  answers                        1100  calls answered as expected\n",
        "nothing wrong, nothing lost\n",
    };
    char said[4096];
    print(fill(), said, sizeof said);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(said, parts[i]))
            fail_msg("'%s' is not in\n%s", parts[i], said);
    }
}

static void the_text_names_what_is_wrong(void **state)
{
    (void)state;
    char said[4096];
    struct load_report *report = fill();
    report->counters[LOAD_WRONG_TOWER] = 3;
    print(report, said, sizeof said);
    assert_null(strstr(said, "nothing wrong"));
    assert_non_null(strstr(
        said, "wrong or lost:\n  wrong_tower                       3  tower of something else"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_keeps_to_its_schema),
        cmocka_unit_test(the_program_says_its_version),
        cmocka_unit_test(one_wrong_or_lost_call_fails_the_run),
        cmocka_unit_test(the_text_says_rates_times_and_counters),
        cmocka_unit_test(the_text_names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
