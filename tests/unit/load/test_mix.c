#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/call.h"
#include "load/mix.h"
#include "tests/unit/capture.h"

static const char interface[] = "12345778-1234-abcd-ef00-0123456789ab@0.0";

static void every_built_in_mix_is_right(void **state)
{
    static const char *const names[] = {"map",  "unknown", "lookup",    "echo",
                                        "bind", "connect", "malformed", "mixed"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct load_mix *mix = load_mix_load(names[i], interface);
        assert_non_null(mix);
        struct load_calls *calls = load_calls_create(mix, 1);
        assert_non_null(calls);
        assert_int_equal(calls->count, mix->calls_count);
        load_calls_destroy(calls);
        load_mix_free(mix);
    }
}

static void a_row_says_all_there_is_to_say(void **state)
{
    (void)state;
    struct load_mix *mix = load_mix_parse(
        "test",
        "calls_per_connection: 7\n"
        "calls:\n"
        "  - {kind: map, share: 3, interface: 5b1ce000-0001-4a00-8000-00a0c91e0001@2.7,\n"
        "     binding: 'ncacn_http:10.0.0.1[80]'}\n"
        "  - {kind: unknown, size: 12}\n"
        "  - {kind: lookup, max_entries: 500}\n"
        "  - {kind: malformed, defect: context}\n",
        interface);
    assert_non_null(mix);
    assert_int_equal(*mix->calls_per_connection, 7);
    assert_int_equal(mix->calls[0].share, 3);
    assert_string_equal(mix->calls[0].binding, "ncacn_http:10.0.0.1[80]");
    assert_int_equal(mix->calls[1].size, 12);
    assert_int_equal(mix->calls[1].share, 1);
    assert_string_equal(mix->calls[1].interface, interface);
    assert_int_equal(mix->calls[2].max_entries, 500);
    assert_int_equal(mix->calls[3].defect, LOAD_CONTEXT);
    load_mix_free(mix);
}

static void what_is_wrong_is_refused_and_said(void **state)
{
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"calls: []", ""},
        {"calls: [{share: 1}]", "kind"},
        {"calls: [{kind: dance}]", "dance"},
        {"calls: [{kind: map, speed: 1}]", "speed"},
        {"calls: [{kind: map, interface: LSA}]", "found 'LSA', expected UUID@MAJOR.MINOR"},
        {"calls: [{kind: map, binding: 'ncacn_ip_tcp:10.135.0.2[0]'}]", "binding"},
        {"calls: [{kind: lookup, max_entries: 501}]", "found 501, expected 1 to 500"},
        {"calls: [{kind: echo, size: 60001}]", "found 60001, expected 1 to 60000"},
        {"calls: [{kind: map, share: 1000001}]", "found 1000001"},
        {"calls: {", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct capture capture = capture_begin(stderr);
        struct load_mix *mix = load_mix_parse("test", rows[i].yaml, interface);
        char said[1024];
        capture_end(&capture, said, sizeof said);
        assert_null(mix);
        if (!strstr(said, rows[i].says) || said[0] == '\0')
            fail_msg("%s: said '%s'", rows[i].yaml, said);
    }
}

static void calls_are_picked_by_their_shares(void **state)
{
    (void)state;
    struct load_mix *mix = load_mix_parse(
        "test", "calls: [{kind: map, share: 70}, {kind: unknown, share: 30}]", interface);
    struct load_calls *calls = load_calls_create(mix, 1);
    struct load_random random = load_random_from(2);
    unsigned picked[2] = {0};
    for (unsigned i = 0; i < 100000; i++)
        picked[load_calls_pick(calls, &random)]++;
    assert_in_range(picked[0], 69000, 71000);
    assert_int_equal(picked[0] + picked[1], 100000);
    load_calls_destroy(calls);
    load_mix_free(mix);
}

static void a_call_of_many_fragments_has_its_id_in_each(void **state)
{
    (void)state;
    struct load_mix *mix = load_mix_parse("test", "calls: [{kind: echo, size: 60000}]", interface);
    struct load_calls *calls = load_calls_create(mix, 1);
    static uint8_t pdus[70000];
    unsigned fragments = 0;
    assert_true(calls->calls[0].size < sizeof pdus);
    load_call_write(&calls->calls[0], 0x01020304, NULL, pdus);
    for (uint32_t at = 0; at < calls->calls[0].size; at += pdus[at + 8] | pdus[at + 9] << 8) {
        assert_memory_equal(pdus + at + 12, ((uint8_t[]){4, 3, 2, 1}), 4);
        assert_int_equal(pdus[at + 20], 0);
        fragments++;
    }
    assert_int_equal(fragments, 11);
    load_calls_destroy(calls);
    load_mix_free(mix);
}

static void echo_beside_other_kinds_has_a_context_of_its_own(void **state)
{
    (void)state;
    struct load_mix *mix =
        load_mix_parse("test", "calls: [{kind: map}, {kind: echo}, {kind: unknown}]", interface);
    struct load_calls *calls = load_calls_create(mix, 1);
    assert_int_equal(calls->context_count, 2);
    assert_int_equal(calls->calls[0].pdus[20], 0);
    assert_int_equal(calls->calls[1].pdus[20], 1);
    assert_int_equal(calls->calls[2].pdus[20], 0);
    load_calls_destroy(calls);
    load_mix_free(mix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_built_in_mix_is_right),
        cmocka_unit_test(a_row_says_all_there_is_to_say),
        cmocka_unit_test(what_is_wrong_is_refused_and_said),
        cmocka_unit_test(calls_are_picked_by_their_shares),
        cmocka_unit_test(echo_beside_other_kinds_has_a_context_of_its_own),
        cmocka_unit_test(a_call_of_many_fragments_has_its_id_in_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
