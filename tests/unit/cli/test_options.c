#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/options.h"
#include "tests/unit/capture.h"

#define LSA "12345778-1234-abcd-ef00-0123456789ab"

enum { WORDS_MAX = 12 };

// Parses "portolan" and the words. getopt_long wants to move them about, so they are copied to
// where they stay until the next call.
static enum cli_exit parse(const char *const *words, struct cli_options *options)
{
    static char text[WORDS_MAX][128];
    char *argv[WORDS_MAX + 2] = {text[0]};
    int argc = 1;
    strcpy(text[0], "portolan");
    for (; words[argc - 1] != NULL; argc++) {
        strcpy(text[argc], words[argc - 1]);
        argv[argc] = text[argc];
    }
    return cli_options_parse(argc, argv, options);
}

static const struct {
    const char *words[WORDS_MAX];
    const char *message; // after "portolan: ", without the newline
} refusals[] = {
    {{NULL}, "found no command, expected one; see portolan --help"},
    {{"dance"},
     "found command 'dance', expected dump, map, register, unregister, status, stats, trace, oxid, fault, export, import, reload or config; "
     "see portolan --help"},
    {{"dump"}, "dump: found 0 arguments, expected HOST[:PORT]; see portolan --help"},
    {{"dump", "a", "b"}, "dump: found 2 arguments, expected HOST[:PORT]; see portolan --help"},
    {{"map", "a"},
     "map: found 1 arguments, expected HOST[:PORT] UUID[@MAJOR.MINOR]; see portolan --help"},
    {{"status", "x"}, "status: found 1 arguments, expected none; see portolan --help"},
    {{"dump", "a", "--drops"}, "dump does not take --drops; see portolan --help"},
    {{"register", "a", "b", "--json"}, "register does not take --json; see portolan --help"},
    {{"dump", "a", "--bogus"}, "found unknown option '--bogus'; see portolan --help"},
    {{"dump", "a", "--timeout"},
     "found option '--timeout' without its argument; see portolan --help"},
    {{"dump", "a", "--timeout", "soon"},
     "--timeout: found 'soon', expected seconds from 0.001 to 86400"},
    {{"dump", "a", "--timeout", "0"}, "--timeout: found '0', expected seconds from 0.001 to 86400"},
    {{"dump", "a", "--timeout", "nan"},
     "--timeout: found 'nan', expected seconds from 0.001 to 86400"},
    {{"dump", "a", "--object", "x"}, "--object: found 'x', expected a UUID"},
    {{"dump", "a", "-i", LSA "@1"},
     "--interface: found '" LSA "@1', expected UUID or UUID@MAJOR.MINOR"},
    {{"map", "a", LSA, "-p", "tcp"},
     "--protseq: found 'tcp', expected a protocol sequence like ncacn_ip_tcp"},
    {{"trace", "-l", "0"}, "--last: found '0', expected a number from 1 to 8192"},
    {{"trace", "-c", "10.135.0.1"}, "--connection: found '10.135.0.1', expected ADDRESS:PORT"},
    {{"trace", "-f", "-n", "0"}, "--count: found '0', expected a number from 1 to 2147483647"},
    {{"stats", "-f"}, "stats does not take --follow; see portolan --help"},
    {{"stats", "-l", "5"}, "stats does not take --last; see portolan --help"},
    {{"export", "file"}, "export: found 1 arguments, expected none; see portolan --help"},
    {{"import", "file", "more"}, "import: found 2 arguments, expected [FILE]; see portolan --help"},
    {{"--dry-run", "status"}, "status does not take --dry-run; see portolan --help"},
    {{"reload", "file"}, "reload: found 1 arguments, expected none; see portolan --help"},
    {{"config"}, "config: found 0 arguments, expected show | diff | check; see portolan --help"},
};

static void each_bad_command_line_is_refused_with_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct cli_options options;
        char message[512];
        char expected[512];
        struct capture capture = capture_begin(stderr);
        enum cli_exit code = parse(refusals[i].words, &options);
        capture_end(&capture, message, sizeof message);
        assert_int_equal(code, CLI_USAGE);
        snprintf(expected, sizeof expected, "portolan: %s\n", refusals[i].message);
        assert_string_equal(message, expected);
    }
}

static void options_may_stand_before_and_after_the_command(void **state)
{
    (void)state;
    struct cli_options options;
    assert_int_equal(
        parse((const char *const[]){"-j", "dump", "--timeout", "2.5", "host", "-i", LSA, NULL},
              &options),
        CLI_OK);
    assert_int_equal(options.verb, CLI_DUMP);
    assert_true(options.json);
    assert_int_equal(options.timeout_ms, 2500);
    assert_string_equal(options.arguments[0], "host");
    assert_string_equal(options.interface, LSA);
}

static void register_takes_all_its_options(void **state)
{
    (void)state;
    struct cli_options options;
    assert_int_equal(parse((const char *const[]){"register", LSA "@1.0", "ncalrpc:[x]", "--object",
                                                 LSA, "-a", "text", "--replace", "-s", "/x", NULL},
                           &options),
                     CLI_OK);
    assert_int_equal(options.verb, CLI_REGISTER);
    assert_string_equal(options.arguments[1], "ncalrpc:[x]");
    assert_string_equal(options.object, LSA);
    assert_string_equal(options.annotation, "text");
    assert_true(options.replace);
    assert_string_equal(options.socket, "/x");
}

static void the_socket_comes_from_option_then_environment_then_default(void **state)
{
    (void)state;
    struct cli_options options;
    unsetenv("PORTOLAN_SOCKET");
    assert_int_equal(parse((const char *const[]){"status", NULL}, &options), CLI_OK);
    assert_string_equal(options.socket, "/run/portolan/control.sock");
    setenv("PORTOLAN_SOCKET", "/env", 1);
    assert_int_equal(parse((const char *const[]){"status", NULL}, &options), CLI_OK);
    assert_string_equal(options.socket, "/env");
    assert_int_equal(parse((const char *const[]){"status", "--socket", "/opt", NULL}, &options),
                     CLI_OK);
    assert_string_equal(options.socket, "/opt");
    unsetenv("PORTOLAN_SOCKET");
}

static void help_and_version_need_no_command(void **state)
{
    (void)state;
    struct cli_options options;
    assert_int_equal(parse((const char *const[]){"-h", NULL}, &options), CLI_OK);
    assert_int_equal(options.verb, CLI_HELP);
    assert_int_equal(parse((const char *const[]){"--version", NULL}, &options), CLI_OK);
    assert_int_equal(options.verb, CLI_VERSION);
}

static void targets_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port;
    } rows[] = {
        {"dc1", "dc1", "135"},           {"dc1:1135", "dc1", "1135"},
        {"10.0.0.1", "10.0.0.1", "135"}, {"[fd00::1]", "fd00::1", "135"},
        {"[fd00::1]:1", "fd00::1", "1"}, {"fd00::1", "fd00::1", "135"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cli_target target;
        assert_true(cli_target_parse(rows[i].text, &target));
        assert_string_equal(target.host, rows[i].host);
        assert_string_equal(target.port, rows[i].port);
    }
}

static void what_is_no_target_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     ":135",       "a:",       "a:0",
                                        "a:b",  "a:65536",    "[fd00::1", "[fd00::1]x",
                                        "[]:1", "[fd00::1]:", "a:123456"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct cli_target target;
        assert_false(cli_target_parse(texts[i], &target));
    }
}

static void interfaces_are_read_with_and_without_version(void **state)
{
    (void)state;
    struct ndr_syntax_id id;
    bool has_version;
    assert_true(cli_interface_parse(LSA "@65535.7", &id, &has_version));
    assert_true(has_version);
    assert_int_equal(id.major, 65535);
    assert_int_equal(id.minor, 7);
    assert_true(cli_interface_parse(LSA, &id, &has_version));
    assert_false(has_version);
}

static void what_is_no_interface_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",          "lsa",      LSA "@",        LSA "@1",
                                        LSA "@1.",   LSA "@.1",  LSA "@65536.0", LSA "@1.0x",
                                        LSA "@-1.0", LSA "x@1.0"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ndr_syntax_id id;
        bool has_version;
        assert_false(cli_interface_parse(texts[i], &id, &has_version));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_command_line_is_refused_with_what_was_expected),
        cmocka_unit_test(options_may_stand_before_and_after_the_command),
        cmocka_unit_test(register_takes_all_its_options),
        cmocka_unit_test(the_socket_comes_from_option_then_environment_then_default),
        cmocka_unit_test(help_and_version_need_no_command),
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(what_is_no_target_is_refused),
        cmocka_unit_test(interfaces_are_read_with_and_without_version),
        cmocka_unit_test(what_is_no_interface_is_refused),
    };
    return cmocka_run_group_tests_name("cli_options", tests, NULL, NULL);
}
