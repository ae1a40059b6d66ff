// The statistics of a row, and what is written of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "perf/program.h"
#include "perf/row.h"

static struct perf_row row_of(const char *unit, const double *values, unsigned count)
{
    struct perf_row row = perf_row_make("cycles", unit, "row %d", 1);
    for (unsigned i = 0; i < count; i++)
        perf_row_add(&row, values[i]);
    return row;
}

static void the_median_of_an_odd_number_is_the_one_in_the_middle(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", (const double[]){30, 10, 500, 20, 40}, 5);
    assert_float_equal(perf_row_median(&row), 30, 0);
}

static void the_median_of_an_even_number_is_the_mean_of_two(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", (const double[]){40, 10, 20, 500}, 4);
    assert_float_equal(perf_row_median(&row), 30, 0);
}

static void low_and_high_are_the_ends_of_the_rounds(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", (const double[]){30, 10, 500, 20, 40}, 5);
    assert_float_equal(perf_row_low(&row), 10, 0);
    assert_float_equal(perf_row_high(&row), 500, 0);
}

static void a_row_without_rounds_is_all_zero(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", NULL, 0);
    assert_float_equal(perf_row_median(&row), 0, 0);
    assert_float_equal(perf_row_low(&row), 0, 0);
    assert_float_equal(perf_row_high(&row), 0, 0);
}

static void rounds_beyond_the_room_are_left_out(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", NULL, 0);
    for (unsigned i = 0; i < PERF_ROUNDS_MAX + 10; i++)
        perf_row_add(&row, i);
    assert_int_equal(row.rounds, PERF_ROUNDS_MAX);
    assert_float_equal(perf_row_high(&row), PERF_ROUNDS_MAX - 1, 0);
}

static void cycles_are_the_median_at_the_tsc_frequency(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", (const double[]){100}, 1);
    assert_float_equal(perf_row_cycles(&row, 2.5e9), 250, 1e-9);
}

static void what_is_no_time_has_no_cycles(void **state)
{
    (void)state;
    struct perf_row row = row_of("bytes/entry", (const double[]){100}, 1);
    assert_true(perf_row_cycles(&row, 2.5e9) < 0);
}

static json_t *written(const struct perf_row *row)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(perf_row_print_json(row, 2e9, out));
    fclose(out);
    assert_ptr_equal(strchr(text, '\n'), text + size - 1); // one line
    json_t *object = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(object);
    return object;
}

static void json_has_all_that_a_row_has(void **state)
{
    (void)state;
    struct perf_row row = row_of("ns/request", (const double[]){200, 100, 400}, 3);
    perf_parts_add(&row.stages, "input", 60.5);
    perf_parts_add(&row.settings, "connections", 1000);
    perf_parts_add_text(&row.settings, "kernel", "avx2");
    row.limit = (struct perf_part){.name = "goal", .number = 100};
    json_t *object = written(&row);
    json_t *wanted =
        json_pack("{si ss ss ss si si si si si si s{sf} sb s{ss si} ss s{si ss}}", "schema", 1,
                  "row", "row 1", "group", "cycles", "unit", "ns/request", "median", 200, "low",
                  100, "high", 400, "rounds", 3, "cycles", 400, "per_second", 5000000, "stages",
                  "input", 60.5, "correct", 1, "limit", "what", "goal", "value", 100, "better",
                  "less", "settings", "connections", 1000, "kernel", "avx2");
    assert_non_null(wanted);
    assert_true(json_equal(object, wanted));
    json_decref(object);
    json_decref(wanted);
}

static void json_of_no_time_has_null_for_cycles_and_rate(void **state)
{
    (void)state;
    struct perf_row row = row_of("bytes/entry", (const double[]){200.5}, 1);
    row.correct = false;
    json_t *object = written(&row);
    assert_true(json_is_null(json_object_get(object, "cycles")));
    assert_true(json_is_null(json_object_get(object, "per_second")));
    assert_true(json_is_false(json_object_get(object, "correct")));
    assert_null(json_object_get(object, "limit"));
    json_decref(object);
}

static void more_is_better_of_rates_and_ratios_alone(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *better;
    } cases[] = {{"requests/s", "more"}, {"times", "more"},       {"ns/request", "less"},
                 {"us", "less"},         {"bytes/entry", "less"}, {"s", "less"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct perf_row row = row_of(cases[i].unit, (const double[]){1}, 1);
        json_t *object = written(&row);
        assert_string_equal(json_string_value(json_object_get(object, "better")), cases[i].better);
        json_decref(object);
    }
}

static void rows_are_wanted_by_the_beginning_of_their_name(void **state)
{
    (void)state;
    const struct perf_program program = {.prefix = "ept_map"};
    assert_true(perf_program_wants(&program, "ept_map 1 per segment"));
    assert_false(perf_program_wants(&program, "L2 macswap"));
    assert_false(perf_program_wants(&program, "ept_ma"));
}

static void a_wrong_row_makes_the_program_fail(void **state)
{
    (void)state;
    struct perf_program program = {.name = "test", .prefix = ""};
    struct perf_row row = row_of("ns/request", (const double[]){1}, 1);
    perf_program_report(&program, &row);
    assert_false(program.failed);
    row.correct = false;
    perf_program_report(&program, &row);
    assert_true(program.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_of_an_odd_number_is_the_one_in_the_middle),
        cmocka_unit_test(the_median_of_an_even_number_is_the_mean_of_two),
        cmocka_unit_test(low_and_high_are_the_ends_of_the_rounds),
        cmocka_unit_test(a_row_without_rounds_is_all_zero),
        cmocka_unit_test(rounds_beyond_the_room_are_left_out),
        cmocka_unit_test(cycles_are_the_median_at_the_tsc_frequency),
        cmocka_unit_test(what_is_no_time_has_no_cycles),
        cmocka_unit_test(json_has_all_that_a_row_has),
        cmocka_unit_test(json_of_no_time_has_null_for_cycles_and_rate),
        cmocka_unit_test(more_is_better_of_rates_and_ratios_alone),
        cmocka_unit_test(rows_are_wanted_by_the_beginning_of_their_name),
        cmocka_unit_test(a_wrong_row_makes_the_program_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
