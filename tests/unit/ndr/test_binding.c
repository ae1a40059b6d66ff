#include "tests/unit/ndr/samples.h"

static void good_bindings_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ndr_protseq protseq;
        const char *host;
        const char *endpoint;
    } rows[] = {
        {"ncacn_ip_tcp:10.135.0.2[49153]", NDR_PROTSEQ_NCACN_IP_TCP, "10.135.0.2", "49153"},
        {"ncacn_ip_tcp:[1]", NDR_PROTSEQ_NCACN_IP_TCP, "", "1"},
        {"ncacn_ip_tcp:0.0.0.0[65535]", NDR_PROTSEQ_NCACN_IP_TCP, "0.0.0.0", "65535"},
        {"ncadg_ip_udp:10.0.0.1[135]", NDR_PROTSEQ_NCADG_IP_UDP, "10.0.0.1", "135"},
        {"ncacn_http:10.0.0.1[593]", NDR_PROTSEQ_NCACN_HTTP, "10.0.0.1", "593"},
        {"ncacn_np:HOST[\\pipe\\lsass]", NDR_PROTSEQ_NCACN_NP, "HOST", "\\pipe\\lsass"},
        {"ncacn_np:[\\PIPE\\x]", NDR_PROTSEQ_NCACN_NP, "", "\\PIPE\\x"},
        {"ncalrpc:[epmapper]", NDR_PROTSEQ_NCALRPC, "", "epmapper"},
        {"ncacn_unix_stream:[/run/x]", NDR_PROTSEQ_NCACN_UNIX_STREAM, "", "/run/x"},
        {"ncadg_unix_dgram:[/run/x]", NDR_PROTSEQ_NCADG_UNIX_DGRAM, "", "/run/x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ndr_binding binding;
        assert_null(ndr_binding_parse(rows[i].text, &binding));
        assert_int_equal(binding.protseq, rows[i].protseq);
        assert_string_equal(binding.host, rows[i].host);
        assert_string_equal(binding.endpoint, rows[i].endpoint);
    }
}

// `found` must be quoted in the message and `expected` explained by it.
static void bad_bindings_are_refused_with_what_was_found_and_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *found;
        const char *expected;
    } rows[] = {
        {"", "\"\"", "PROTSEQ:HOST[ENDPOINT]"},
        {"ncacn_ip_tcp", "ncacn_ip_tcp", "PROTSEQ:HOST[ENDPOINT]"},
        {"tcp:10.0.0.1[1]", "\"tcp\"", "ncacn_ip_tcp, ncadg_ip_udp"},
        {"NCACN_IP_TCP:10.0.0.1[1]", "NCACN_IP_TCP", "ncacn_ip_tcp"},
        {"unknown:10.0.0.1[1]", "\"unknown\"", "ncacn_ip_tcp"},
        {"ncacn_ip_tcp:10.0.0.1", "ncacn_ip_tcp:10.0.0.1", "brackets"},
        {"ncacn_ip_tcp:10.0.0.1[1", "10.0.0.1[1", "brackets"},
        {"ncacn_ip_tcp:10.0.0.1[1]x", "[1]x", "brackets"},
        {"ncacn_ip_tcp:10.0.0.1]", "10.0.0.1]", "brackets"},
        {"ncacn_ip_tcp:10.0.0.1[]", "\"\"", "1 to 65535"},
        {"ncacn_ip_tcp:10.0.0.1[0]", "\"0\"", "1 to 65535"},
        {"ncacn_ip_tcp:10.0.0.1[65536]", "65536", "1 to 65535"},
        {"ncacn_ip_tcp:10.0.0.1[4294967297]", "4294967297", "1 to 65535"},
        {"ncacn_ip_tcp:10.0.0.1[-1]", "-1", "1 to 65535"},
        {"ncacn_ip_tcp:10.0.0.1[ 1]", "\" 1\"", "1 to 65535"},
        {"ncacn_ip_tcp:host.example[135]", "host.example", "dotted IPv4"},
        {"ncacn_ip_tcp:fd00::1[135]", "fd00::1", "dotted IPv4"},
        {"ncacn_ip_tcp:10.0.0[135]", "10.0.0", "dotted IPv4"},
        {"ncacn_np:HOST[lsass]", "lsass", "\\pipe\\NAME"},
        {"ncacn_np:HOST[\\pipe\\]", "\\pipe\\", "\\pipe\\NAME"},
        {"ncalrpc:HOST[x]", "HOST", "ncalrpc:[NAME]"},
        {"ncalrpc:[]", "empty endpoint", "name between"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ndr_binding binding = {.host = "untouched"};
        const char *message = ndr_binding_parse(rows[i].text, &binding);
        assert_non_null(message);
        assert_non_null(strstr(message, "expected"));
        assert_non_null(strstr(message, rows[i].found));
        assert_non_null(strstr(message, rows[i].expected));
        assert_string_equal(binding.host, "untouched");
    }
}

static void names_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    char text[600];
    struct ndr_binding binding;
    memset(text, 'a', sizeof text);
    memcpy(text, "ncalrpc:[", 9);
    memcpy(text + 9 + 255, "]", 2);
    assert_null(ndr_binding_parse(text, &binding));
    assert_int_equal(strlen(binding.endpoint), 255);
    memset(text + 9, 'a', 256);
    memcpy(text + 9 + 256, "]", 2);
    assert_non_null(ndr_binding_parse(text, &binding));
}

static size_t build(const char *text, uint8_t *octets, size_t size)
{
    struct ndr_binding binding;
    assert_null(ndr_binding_parse(text, &binding));
    return ndr_tower_build(&echo_interface, &ndr_syntax_id_20, &binding, octets, size);
}

static void a_tcp_tower_is_built_octet_by_octet(void **state)
{
    (void)state;
    struct octets want = octets_from_hex(ECHO_ANSWERED);
    uint8_t octets[NDR_TOWER_MAX];
    assert_int_equal(build("ncacn_ip_tcp:192.0.2.10[49153]", octets, sizeof octets), want.size);
    assert_memory_equal(octets, want.data, want.size);
    octets_free(want);
}

static void towers_have_the_sizes_that_clients_check(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
    } rows[] = {
        {"ncacn_ip_tcp:10.0.0.1[135]", 75},
        {"ncadg_ip_udp:10.0.0.1[135]", 75},
        {"ncacn_http:10.0.0.1[593]", 75},
        {"ncacn_np:HOST[\\pipe\\lsass]", 59 + (5 + 12) + (5 + 5)},
        {"ncacn_np:[\\pipe\\lsass]", 59 + (5 + 12) + (5 + 1)},
        {"ncalrpc:[epmapper]", 59 + 5 + 9},
    };
    uint8_t octets[NDR_TOWER_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(build(rows[i].text, octets, sizeof octets), rows[i].size);
}

static void a_buffer_that_is_too_small_gives_zero(void **state)
{
    (void)state;
    for (size_t size = 0; size < 75; size++) {
        uint8_t *octets = malloc(size == 0 ? 1 : size);
        assert_int_equal(build("ncacn_ip_tcp:10.0.0.1[135]", octets, size), 0);
        free(octets);
    }
}

static void an_empty_binding_gives_the_tower_of_a_request(void **state)
{
    (void)state;
    struct ndr_binding binding = {.protseq = NDR_PROTSEQ_NCACN_IP_TCP};
    struct octets want = octets_from_hex(ECHO_TOWER("00 00", "00 00 00 00"));
    uint8_t octets[NDR_TOWER_MAX];
    assert_int_equal(
        ndr_tower_build(&echo_interface, &ndr_syntax_id_20, &binding, octets, sizeof octets),
        want.size);
    assert_memory_equal(octets, want.data, want.size);
    octets_free(want);
}

static void what_is_built_is_shown_as_it_was_written(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ncacn_ip_tcp:10.135.0.2[49153]", "ncadg_ip_udp:10.0.0.1[135]", "ncacn_http:10.0.0.1[593]",
        "ncacn_np:HOST[\\pipe\\lsass]",   "ncacn_np:[\\pipe\\lsass]",   "ncalrpc:[epmapper]",
        "ncacn_unix_stream:[/run/x]",     "ncadg_unix_dgram:[/run/x]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t octets[NDR_TOWER_MAX];
        char text[64];
        struct ndr_tower tower;
        size_t size = build(texts[i], octets, sizeof octets);
        assert_int_equal(ndr_tower_parse(octets, size, &tower), NDR_TOWER_OK);
        assert_string_equal(ndr_tower_format_binding(&tower, text, sizeof text), texts[i]);
    }
}

static void odd_towers_are_shown_as_far_as_possible(void **state)
{
    (void)state;
#define NCACN_FLOORS                                                                               \
    "13 00 0d c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 01 00 02 00 00 00 "                  \
    "13 00 0d 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 02 00 00 00 "                  \
    "01 00 0b 02 00 00 00 "
    static const struct {
        const char *hex;
        const char *text;
    } rows[] = {
        {"05 00 " NCACN_FLOORS "01 00 07 02 00 00 87 01 00 09 05 00 68 6f 73 74 00",
         "ncacn_ip_tcp:host[135]"},
        {"05 00 " NCACN_FLOORS "01 00 07 00 00 01 00 09 00 00", "ncacn_ip_tcp:[]"},
        {"05 00 " NCACN_FLOORS "01 00 0f 03 00 61 0a ff 01 00 11 01 00 1b", "ncacn_np:?[a??]"},
        {"05 00 " NCACN_FLOORS "01 00 16 02 00 12 ab 01 00 18 00 00", "protocol 0b.16.18[12ab]"},
        {"03 00 " NCACN_FLOORS, "protocol 0b[]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o = octets_from_hex(rows[i].hex);
        struct ndr_tower tower;
        char text[64];
        assert_int_equal(ndr_tower_parse(o.data, o.size, &tower), NDR_TOWER_OK);
        assert_string_equal(ndr_tower_format_binding(&tower, text, sizeof text), rows[i].text);
        octets_free(o);
    }
}

static void a_short_line_is_cut_and_terminated(void **state)
{
    (void)state;
    const char *whole = "ncacn_ip_tcp:192.0.2.10[49153]";
    struct octets o = octets_from_hex(ECHO_ANSWERED);
    struct ndr_tower tower;
    assert_int_equal(ndr_tower_parse(o.data, o.size, &tower), NDR_TOWER_OK);
    for (size_t size = 1; size <= strlen(whole); size++) {
        char *text = malloc(size);
        ndr_tower_format_binding(&tower, text, size);
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, whole, size - 1);
        free(text);
    }
    octets_free(o);
}

static void names_and_sequences_go_both_ways(void **state)
{
    (void)state;
    for (unsigned i = NDR_PROTSEQ_UNKNOWN + 1; i < NDR_PROTSEQ_COUNT; i++) {
        const char *name = ndr_protseq_name((enum ndr_protseq)i);
        assert_int_equal(ndr_protseq_from_name(name, strlen(name)), i);
        assert_int_equal(ndr_protseq_from_name(name, strlen(name) - 1), NDR_PROTSEQ_UNKNOWN);
    }
    assert_string_equal(ndr_protseq_name(NDR_PROTSEQ_UNKNOWN), "unknown");
}

static void a_version_is_two_numbers_and_a_dot(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "1",    "1.",      ".1",    "1.0 ",   " 1.0",
                                      "1.-1", "+1.0", "1.65536", "1.0.0", "99999.0"};
    struct ndr_syntax_id id = {.major = 7, .minor = 8};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ndr_version_parse(bad[i], &id));
    assert_int_equal(id.major, 7);
    assert_int_equal(id.minor, 8);
    assert_true(ndr_version_parse("65535.0", &id));
    assert_int_equal(id.major, 65535);
    assert_int_equal(id.minor, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_two_numbers_and_a_dot),
        cmocka_unit_test(good_bindings_are_read),
        cmocka_unit_test(bad_bindings_are_refused_with_what_was_found_and_expected),
        cmocka_unit_test(names_that_do_not_fit_are_refused),
        cmocka_unit_test(a_tcp_tower_is_built_octet_by_octet),
        cmocka_unit_test(towers_have_the_sizes_that_clients_check),
        cmocka_unit_test(a_buffer_that_is_too_small_gives_zero),
        cmocka_unit_test(an_empty_binding_gives_the_tower_of_a_request),
        cmocka_unit_test(what_is_built_is_shown_as_it_was_written),
        cmocka_unit_test(odd_towers_are_shown_as_far_as_possible),
        cmocka_unit_test(a_short_line_is_cut_and_terminated),
        cmocka_unit_test(names_and_sequences_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
