#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include <cmocka.h>

#include "load/options.h"
#include "tests/unit/capture.h"

// Splits `line` at spaces; what is said on stderr goes to `said`.
static int parse(const char *line, struct load_options *options, char *said, size_t size)
{
    static char words[512];
    static char program[] = "portolan-load";
    char *argv[40] = {program};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    struct capture capture = capture_begin(stderr);
    int result = load_options_parse(argc, argv, options);
    capture_end(&capture, said, size);
    return result;
}

static struct load_options parse_well(const char *line)
{
    struct load_options options = {0};
    char said[512];
    assert_int_equal(parse(line, &options, said, sizeof said), -1);
    assert_string_equal(said, "");
    return options;
}

#define GIVEN "--port net_ring0 --address 10.135.0.1/24 --target 10.135.0.2 "

static void what_is_not_given_has_a_default(void **state)
{
    (void)state;
    struct load_options o = parse_well(GIVEN);
    assert_int_equal(o.target_port, 135);
    assert_int_equal(o.connections, 100);
    assert_int_equal(o.depth, 1);
    assert_true(o.rate == 0);
    assert_int_equal(o.core_count, 1);
    assert_string_equal(o.mix, "map");
}

static void all_options_are_read(void **state)
{
    (void)state;
    struct load_options o = parse_well(
        "-p net_ring0 -a fd00::1/64,fd00::3/64 -t [fd00::2]:1135 -c 7 -d 3 -r 1e4 --arrivals fixed "
        "-s 0.5 --warmup 0 --timeout 2 -m mixed --lcore 0,1 --gateway fd00::9 -j");
    assert_int_equal(o.address_count, 2);
    assert_int_equal(o.addresses[1].prefix_length, 64);
    assert_int_equal(o.target_port, 1135);
    assert_int_equal(o.connections, 7);
    assert_int_equal(o.depth, 3);
    assert_true(o.rate == 10000 && o.duration == 0.5 && o.warmup == 0 && o.timeout == 2);
    assert_int_equal(o.arrivals, LOAD_FIXED);
    assert_int_equal(o.core_count, 2);
    assert_int_equal(o.cores[1], 1);
    assert_true(o.has_gateway && o.json);
}

static void a_capture_takes_the_place_of_the_mix(void **state)
{
    (void)state;
    struct load_options o = parse_well(GIVEN "--pcap a.pcap --pcap-port 1024");
    assert_string_equal(o.pcap, "a.pcap");
    assert_int_equal(o.pcap_port, 1024);
    assert_string_equal(o.mix, "recorded");
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse_well("--help").verb, LOAD_HELP);
    assert_int_equal(parse_well("-c 5 -V").verb, LOAD_VERSION);
}

static void ports_add_up(void **state)
{
    (void)state;
    struct load_options o =
        parse_well(GIVEN "--address 10.135.0.3/24 --port net_ring1 --lcore 0,1");
    assert_int_equal(o.device_count, 2);
    assert_string_equal(o.devices[1], "net_ring1");
    assert_int_equal(o.address_count, 2);
}

static void an_ipv4_address_is_mapped(void **state)
{
    (void)state;
    static const uint8_t expected[16] = TCPSTACK_IPV4(0x0a870001);
    struct load_options o = parse_well(GIVEN);
    assert_memory_equal(o.addresses[0].address, expected, 16);
    assert_int_equal(o.addresses[0].prefix_length, 96 + 24);
}

static void a_wrong_command_line_is_refused_and_said(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"--address 10.135.0.1/24 --target 10.135.0.2", "expected --port, --address and --target"},
        {GIVEN "--connections 0", "--connections: found '0', expected 1 to 1000000"},
        {GIVEN "--depth 257", "expected 1 to 256"},
        {GIVEN "--rate none", "--rate: found 'none'"},
        {GIVEN "--arrivals bursty", "expected poisson or fixed"},
        {GIVEN "--target somewhere", "found 'somewhere'"},
        {GIVEN "--target 10.135.0.2:0", "found '10.135.0.2:0'"},
        {GIVEN "--target fd00::2", "expected IPv6"},
        {GIVEN "--address 10.135.0.1", "--address: found '10.135.0.1'"},
        {GIVEN "--address 10.135.0.1/33", "--address: found '10.135.0.1/33'"},
        {GIVEN "--misbehave badly", "syn-only, silent"},
        {GIVEN "--misbehave silent --rate 5", "without --rate"},
        {GIVEN "--find-max", "go together"},
        {GIVEN "--p99 100", "go together"},
        {GIVEN "--find-max --p99 100 --rate 5", "without --rate"},
        {GIVEN "--lcore x", "--lcore: found 'x'"},
        {GIVEN "--hugepages some", "off, auto or required"},
        {GIVEN "--fast", "unknown option '--fast'"},
        {GIVEN "--mix", "option '--mix' without its argument"},
        {GIVEN "--port net_ring1", "found 2 ports and 1 workers, expected a worker each"},
        {GIVEN "--port net_ring1 --lcore 0,1", "--address: found 1, expected one a port at least"},
        {GIVEN "more", "found 'more'"},
        {GIVEN "-c none", "--connections: found 'none'"},
        {GIVEN "--pcap a.pcap --mix map", "--pcap goes without --mix"},
        {GIVEN "--pcap-port 65536", "--pcap-port: found '65536', expected a port, 1 to 65535"},
        {"plot -o out.svg", "found no file"},
        {"plot a.json", "expected -o OUT.svg or OUT.png"},
        {"plot a.json -o out.gif", "found output 'out.gif'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct load_options options;
        char said[512];
        assert_int_equal(parse(rows[i].line, &options, said, sizeof said), EX_USAGE);
        if (!strstr(said, rows[i].says))
            fail_msg("%s: said '%s'", rows[i].line, said);
    }
}

static void plot_takes_its_files(void **state)
{
    (void)state;
    struct load_options o = parse_well("plot a.json b.json -o out.png");
    assert_int_equal(o.verb, LOAD_PLOT);
    assert_int_equal(o.file_count, 2);
    assert_string_equal(o.output, "out.png");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_has_a_default),
        cmocka_unit_test(all_options_are_read),
        cmocka_unit_test(a_capture_takes_the_place_of_the_mix),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(ports_add_up),
        cmocka_unit_test(an_ipv4_address_is_mapped),
        cmocka_unit_test(a_wrong_command_line_is_refused_and_said),
        cmocka_unit_test(plot_takes_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
