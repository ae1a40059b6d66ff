#include "tests/unit/mapper/chart.h"

#include "control/transfer.h"

#define HERE "ncacn_ip_tcp:10.135.0.2[49153]"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

// The reply to a request given as text; what was held back is released.
static json_t *ask(struct chart *chart, const char *request)
{
    bool holds = false;
    json_t *members = json_loads(request, 0, NULL);
    assert_non_null(members);
    json_t *reply = strstr(request, "\"export\"") != NULL
                        ? control_transfer_export(chart->map, members)
                        : control_transfer_import(chart->map, members, &holds);
    json_decref(members);
    assert_non_null(reply);
    if (holds)
        assert_int_equal(mapper_map_release(chart->map), NDR_EPM_STATUS_OK);
    return reply;
}

static void expect_refusal(struct chart *chart, const char *request, const char *error)
{
    json_t *reply = ask(chart, request);
    assert_true(json_is_false(json_object_get(reply, "ok")));
    assert_non_null(strstr(text_of(reply, "error"), error));
    assert_int_equal(mapper_map_count(chart->map), 0);
    json_decref(reply);
}

static void register_octets(struct chart *chart, const uint8_t *tower, uint32_t size,
                            const char *annotation)
{
    const struct ndr_epm_entry entry = {.tower = tower,
                                        .tower_size = size,
                                        .annotation = annotation,
                                        .annotation_size = (uint32_t)strlen(annotation)};
    assert_int_equal(mapper_map_insert(chart->map, &entry, 1, false, MAPPER_ORIGIN_NETWORK), 0);
}

// Exports, imports that into another map, and exports again.
static json_t *export_again(struct chart *chart, uint32_t expected)
{
    struct chart other = chart_create(CHART_CAPACITY, CHART_LOG, 1);
    json_t *reply = ask(chart, "{\"command\":\"export\"}");
    assert_int_equal(json_array_size(json_object_get(reply, "entries")), expected);
    json_t *request =
        json_pack("{s:s, s:O}", "command", "import", "entries", json_object_get(reply, "entries"));
    bool holds = false;
    json_t *imported = control_transfer_import(other.map, request, &holds);
    assert_true(json_is_true(json_object_get(imported, "ok")));
    assert_true(holds);
    assert_int_equal(mapper_map_release(other.map), NDR_EPM_STATUS_OK);
    json_t *again = ask(&other, "{\"command\":\"export\"}");
    assert_true(json_equal(json_object_get(again, "entries"), json_object_get(reply, "entries")));
    json_decref(imported);
    json_decref(request);
    json_decref(reply);
    chart_destroy(&other);
    return again;
}

static void what_was_exported_is_exported_again_the_same(void **state)
{
    static const char *const bindings[] = {HERE, "ncacn_np:SRV[\\pipe\\lsarpc]", "ncalrpc:[LRPC-1]",
                                           "ncadg_ip_udp:10.135.0.2[1024]",
                                           "ncacn_http:10.135.0.2[593]"};
    struct chart *chart = *state;
    for (uint32_t i = 0; i < 5; i++) {
        struct registration r;
        registration_fill(&r, interface_number(i + 1, 1, (uint16_t)i), i, bindings[i]);
        registration_annotate(&r, i % 2 == 0 ? "\xc3\xa4 text" : "");
        assert_int_equal(insert(chart, &r, false), 0);
    }
    json_t *again = export_again(chart, 5);
    const json_t *first = json_array_get(json_object_get(again, "entries"), 0);
    assert_string_equal(text_of(first, "binding"), HERE);
    assert_string_equal(text_of(first, "annotation"), "\xc3\xa4 text");
    json_decref(again);
}

static void a_tower_that_words_do_not_give_back_is_exported_as_octets(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    r.tower[r.entry.tower_size++] = 0xff; // behind the last floor
    register_octets(chart, r.tower, r.entry.tower_size, "");
    json_t *again = export_again(chart, 1);
    const json_t *first = json_array_get(json_object_get(again, "entries"), 0);
    assert_int_equal(strlen(text_of(first, "tower")), 2 * r.entry.tower_size);
    json_decref(again);
}

static void an_annotation_that_is_no_text_is_exported_as_octets(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    register_octets(chart, r.tower, r.entry.tower_size, "\xff\x01");
    json_t *again = export_again(chart, 1);
    const json_t *first = json_array_get(json_object_get(again, "entries"), 0);
    assert_string_equal(text_of(first, "annotation_hex"), "ff01");
    json_decref(again);
}

static void endpoints_of_the_configuration_are_not_exported(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(mapper_map_insert(chart->map, &r.entry, 1, false, MAPPER_ORIGIN_STATIC), 0);
    json_t *reply = ask(chart, "{\"command\":\"export\"}");
    assert_int_equal(json_array_size(json_object_get(reply, "entries")), 0);
    assert_null(json_object_get(reply, "next"));
    json_decref(reply);
}

static void a_long_list_is_exported_in_pages(void **state)
{
    (void)state;
    struct chart chart = chart_create(8192, 8192, 1);
    for (uint32_t i = 1; i <= CONTROL_EXPORT_MAX + 10; i++)
        must_register(&chart, interface_number(i, 1, 0), 0, HERE);
    json_t *first = ask(&chart, "{\"command\":\"export\"}");
    assert_int_equal(json_array_size(json_object_get(first, "entries")), CONTROL_EXPORT_MAX);
    assert_int_equal(json_integer_value(json_object_get(first, "next")), CONTROL_EXPORT_MAX);
    json_t *second = ask(&chart, "{\"command\":\"export\",\"from\":4096}");
    assert_int_equal(json_array_size(json_object_get(second, "entries")), 10);
    assert_null(json_object_get(second, "next"));
    json_decref(first);
    json_decref(second);
    chart_destroy(&chart);
}

#define LSA                                                                                          \
    "\"interface\":\"12345778-1234-abcd-ef00-0123456789ab\",\"version\":\"0.0\",\"binding\":\"" HERE \
    "\""
#define SAM                                                                                          \
    "\"interface\":\"12345778-1234-abcd-ef00-0123456789ac\",\"version\":\"1.0\",\"binding\":\"" HERE \
    "\""

static void one_bad_entry_refuses_the_others(void **state)
{
    expect_refusal(*state,
                   "{\"command\":\"import\",\"entries\":[{" LSA "},{" SAM ",\"color\":\"red\"}]}",
                   "entries[1].entry");
}

static void bad_entries_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"{\"command\":\"import\",\"entries\":[7]}", "entries[0].entry: expected an object"},
        {"{\"command\":\"import\",\"entries\":[{}]}", "interface, version and binding, or tower"},
        {"{\"command\":\"import\",\"entries\":[{" LSA ",\"tower\":\"00\"}]}", "or tower"},
        {"{\"command\":\"import\",\"entries\":[{\"tower\":\"0\"}]}", "two an octet"},
        {"{\"command\":\"import\",\"entries\":[{\"tower\":\"0g\"}]}", "two an octet"},
        {"{\"command\":\"import\",\"entries\":[{\"tower\":\"0500\"}]}", "past the end"},
        {"{\"command\":\"import\",\"entries\":[{" LSA ",\"object\":\"x\"}]}", "entries[0].object"},
        {"{\"command\":\"import\",\"entries\":[{" LSA ",\"annotation_hex\":\"f\"}]}", "63 octets"},
        {"{\"command\":\"import\",\"entries\":[{" LSA
         ",\"annotation_hex\":\"ff\",\"annotation\":\"a\"}]}",
         "found both"},
        {"{\"command\":\"import\",\"entries\":[]}", "1 to 1024"},
        {"{\"command\":\"import\"}", "expected entries"},
        {"{\"command\":\"export\",\"from\":-1}", "what next said"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refusal(*state, cases[i][0], cases[i][1]);
}

static void a_dry_run_counts_and_changes_nothing(void **state)
{
    struct chart *chart = *state;
    json_t *reply =
        ask(chart, "{\"command\":\"import\",\"dry_run\":true,\"entries\":[{" LSA "},{" SAM "}]}");
    assert_int_equal(json_integer_value(json_object_get(reply, "changed")), 2);
    assert_int_equal(json_integer_value(json_object_get(reply, "room")), CHART_CAPACITY);
    assert_int_equal(mapper_map_count(chart->map), 0);
    assert_int_equal(mapper_log_head(chart->log), 0);
    json_decref(reply);
}

static void what_is_there_already_is_not_new(void **state)
{
    struct chart *chart = *state;
    json_decref(ask(chart, "{\"command\":\"import\",\"entries\":[{" LSA "}]}"));
    json_t *reply = ask(chart, "{\"command\":\"import\",\"entries\":[{" LSA "},{" SAM "}]}");
    assert_int_equal(json_integer_value(json_object_get(reply, "changed")), 1);
    assert_int_equal(mapper_map_count(chart->map), 2);
    json_decref(reply);
}

static void removing_passes_over_what_is_not_there(void **state)
{
    struct chart *chart = *state;
    json_decref(ask(chart, "{\"command\":\"import\",\"entries\":[{" LSA "}]}"));
    json_t *reply =
        ask(chart, "{\"command\":\"import\",\"remove\":true,\"entries\":[{" LSA "},{" SAM "}]}");
    assert_int_equal(json_integer_value(json_object_get(reply, "changed")), 1);
    assert_int_equal(mapper_map_count(chart->map), 0);
    json_decref(reply);
}

#define CHART_TEST(name) cmocka_unit_test_setup_teardown(name, chart_setup, chart_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHART_TEST(what_was_exported_is_exported_again_the_same),
        CHART_TEST(a_tower_that_words_do_not_give_back_is_exported_as_octets),
        CHART_TEST(an_annotation_that_is_no_text_is_exported_as_octets),
        CHART_TEST(endpoints_of_the_configuration_are_not_exported),
        CHART_TEST(a_long_list_is_exported_in_pages),
        CHART_TEST(one_bad_entry_refuses_the_others),
        CHART_TEST(bad_entries_are_named),
        CHART_TEST(a_dry_run_counts_and_changes_nothing),
        CHART_TEST(what_is_there_already_is_not_new),
        CHART_TEST(removing_passes_over_what_is_not_there),
    };
    return cmocka_run_group_tests_name("control_transfer", tests, NULL, NULL);
}
