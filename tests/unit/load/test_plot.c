// What gnuplot is told, by a gnuplot of our own that keeps it; and which files are refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/plot.h"
#include "tests/unit/capture.h"

#define RUN(rate, p50)                                                                             \
    "{\"schema\": 1, \"answered_per_s\": " rate ", \"latency_ns\": {\"count\": 9, \"p50\": " p50   \
    ", \"p99\": 2000, \"p99.9\": 3000, \"curve\": [[0, 500], [90, 1500], [99, 2000], [100, "       \
    "9000]]}}"

static char folder[32];

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void give_gnuplot(const char *script)
{
    write_file("gnuplot", script);
    assert_int_equal(chmod(path_of("gnuplot"), 0700), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/plot-XXXXXX");
    if (!mkdtemp(folder) || setenv("PATH", folder, 1) != 0 || chdir(folder) != 0)
        return -1;
    give_gnuplot("#!/bin/sh\nexec /bin/cat > told\n");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"gnuplot", "told", "a.json", "b.json"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(path_of(names[i]));
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static int plot(unsigned count, const char *output, char *said, size_t size)
{
    static char a[] = "a.json", b[] = "b.json";
    static char *const files[] = {a, b};
    const struct load_options options = {.files = files, .file_count = count, .output = output};
    struct capture capture = capture_begin(stderr);
    int result = load_plot(&options);
    capture_end(&capture, said, size);
    return result;
}

// What gnuplot was told; "" when it was not run.
static const char *told(void)
{
    static char text[8192];
    FILE *file = fopen(path_of("told"), "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[size] = '\0';
    if (file)
        fclose(file);
    return text;
}

static void rates_go_up_whatever_the_order_of_the_files(void **state)
{
    (void)state;
    char said[512];
    write_file("a.json", RUN("200000", "1200"));
    write_file("b.json", RUN("100000", "1000"));
    assert_int_equal(plot(2, "out.svg", said, sizeof said), 0);
    assert_non_null(strstr(told(), "set terminal svg"));
    assert_non_null(strstr(told(), "set output 'out.svg'"));
    assert_non_null(strstr(told(), "title 'p50', '-' using 1:2"));
    assert_non_null(strstr(told(), "\n100 1\n200 1.2\ne\n100 2\n200 2\ne\n100 3\n200 3\ne\n"));
}

static void percentiles_are_drawn_by_their_nines(void **state)
{
    (void)state;
    char said[512];
    write_file("a.json", RUN("100000", "1000"));
    assert_int_equal(plot(1, "out.png", said, sizeof said), 0);
    assert_non_null(strstr(told(), "set terminal png"));
    assert_non_null(strstr(told(), "title \"a.json, 100000/s\" noenhanced"));
    assert_non_null(strstr(told(), "\n0 0.5\n1 1.5\n2 2\ne\n")); // 100 has no end of nines
}

static void a_search_is_drawn_step_by_step(void **state)
{
    (void)state;
    char said[512];
    write_file("a.json",
               "{\"schema\": 1, \"steps\": [" RUN("1000", "1") ", " RUN("2000", "1") "]}");
    assert_int_equal(plot(1, "out.svg", said, sizeof said), 0);
    assert_non_null(strstr(told(), "(2 runs)"));
}

static void wrong_files_are_refused_and_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"no json", "a.json:1:"},
        {"{\"schema\": 2}", "a.json: found \"schema\": 2, expected 1"},
        {"{}", "a.json: found \"schema\": 0, expected 1"},
        {"[]", "found \"schema\": 0, expected 1"},
        {"{\"schema\": 1, \"latency_ns\": {\"count\": 0}}", "no latencies to draw"},
        {"{\"schema\": 1, \"steps\": []}", "no latencies to draw"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char said[512];
        write_file("a.json", rows[i].text);
        assert_int_equal(plot(1, "out.svg", said, sizeof said), EX_DATAERR);
        if (!strstr(said, rows[i].says))
            fail_msg("%s: said '%s'", rows[i].text, said);
        assert_string_equal(told(), "");
    }
}

static void a_gnuplot_that_fails_is_said(void **state)
{
    (void)state;
    char said[512];
    write_file("a.json", RUN("100000", "1000"));
    give_gnuplot("#!/bin/sh\n/bin/cat > told\nexit 3\n");
    assert_int_equal(plot(1, "out.svg", said, sizeof said), EX_UNAVAILABLE);
    assert_non_null(strstr(said, "gnuplot failed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rates_go_up_whatever_the_order_of_the_files, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(percentiles_are_drawn_by_their_nines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_search_is_drawn_step_by_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_files_are_refused_and_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gnuplot_that_fails_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
