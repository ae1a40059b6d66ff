// The OXID resolver's commands of the control socket, and its bindings from the configuration.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/config.h"
#include "control/oxid.h"
#include "exporter/exporter.h"

#define ADD(members)                                                                               \
    "{\"command\": \"oxid_add\", \"ipid\": \"11111111-2222-3333-4444-555555555555\"" members "}"
#define SRV1 ", \"bindings\": [\"ncacn_ip_tcp:srv1[49153]\", \"ncacn_np:srv1[\\\\pipe\\\\x]\"]"

typedef json_t *command(struct exporter *exporter, json_t *members);

static int setup(void **state)
{
    struct ndr_oxid_bindings bindings;
    ndr_oxid_bindings_init(&bindings);
    ndr_oxid_bindings_add(&bindings, 7, "192.0.2.10");
    *state = exporter_create(&bindings, (const uint8_t *)"sixteen octets!");
    return *state == NULL;
}

static int teardown(void **state)
{
    exporter_destroy(*state);
    return 0;
}

static json_t *ask(struct exporter *exporter, command *run, const char *request)
{
    json_t *members = json_loads(request, 0, NULL);
    assert_non_null(members);
    json_t *reply = run(exporter, members);
    json_decref(members);
    assert_non_null(reply);
    return reply;
}

// The reason of a refusal, "" when there is none.
static void assert_reason(struct exporter *exporter, command *run, const char *request,
                          const char *reason)
{
    json_t *reply = ask(exporter, run, request);
    const char *found = json_string_value(json_object_get(reply, "reason"));
    assert_string_equal(found == NULL ? "" : found, reason);
    assert_int_equal(json_is_true(json_object_get(reply, "ok")), *reason == '\0');
    json_decref(reply);
}

static void an_exporter_that_was_added_is_listed(void **state)
{
    assert_reason(*state, control_oxid_add,
                  ADD(", \"oxid\": \"0x1a\", \"oids\": [\"0xff\"], \"authn_hint\": 2" SRV1), "");
    json_t *reply = ask(*state, control_oxid_list, "{\"command\": \"oxid_list\"}");
    char *text = json_dumps(reply, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text,
        "{\"bindings\":[\"ncacn_ip_tcp:192.0.2.10\"],\"ok\":true,\"oxids\":[{\"authn_hint\":2,"
        "\"bindings\":[\"ncacn_ip_tcp:srv1[49153]\",\"ncacn_np:srv1[\\\\pipe\\\\x]\"],"
        "\"ipid\":\"11111111-2222-3333-4444-555555555555\",\"oids\":[{\"oid\":"
        "\"0x00000000000000ff\",\"ping_sets\":0}],\"oxid\":\"0x000000000000001a\"}],"
        "\"ping_sets\":0,\"schema\":1}");
    free(text);
    json_decref(reply);
}

static void an_exporter_that_was_removed_is_gone(void **state)
{
    static const char remove[] = "{\"command\": \"oxid_remove\", \"oxid\": \"0x1A\"}";
    struct exporter_oxid entry;
    struct exporter *exporter = *state;
    assert_reason(exporter, control_oxid_add, ADD(", \"oxid\": \"0x1a\"" SRV1), "");
    assert_true(oxid_table_find(exporter->oxids, 0x1a, &entry));
    assert_reason(exporter, control_oxid_remove, remove, "");
    assert_false(oxid_table_find(exporter->oxids, 0x1a, &entry));
    assert_reason(exporter, control_oxid_remove, remove, "not_registered");
}

static void bad_requests_are_refused_with_their_reason(void **state)
{
    static const struct {
        command *run;
        const char *request, *reason;
    } rows[] = {
        {control_oxid_add, ADD(SRV1), "usage"},
        {control_oxid_add, ADD(", \"oxid\": 26" SRV1), "usage"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"color\": 1" SRV1), "usage"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"bindings\": \"x\""), "usage"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"oids\": 5" SRV1), "usage"},
        {control_oxid_add, ADD(", \"oxid\": \"1a\"" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x\"" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x0\"" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x12345678901234567\"" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"oids\": [\"0x0\"]" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"oids\": [5]" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"authn_hint\": -1" SRV1), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"bindings\": []"), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"bindings\": [\"srv1\"]"), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"bindings\": [\"tcp:srv1\"]"), "invalid"},
        {control_oxid_add, ADD(", \"oxid\": \"0x1a\", \"bindings\": [\"ncacn_ip_tcp:\"]"),
         "invalid"},
        {control_oxid_remove, "{\"command\": \"oxid_remove\"}", "usage"},
        {control_oxid_remove, "{\"command\": \"oxid_remove\", \"oxid\": \"x\"}", "invalid"},
        {control_oxid_list, "{\"command\": \"oxid_list\", \"oxid\": \"0x1\"}", "usage"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("  %s\n", rows[i].request);
        assert_reason(*state, rows[i].run, rows[i].request, rows[i].reason);
        assert_reason(NULL, rows[i].run, rows[i].request, "unavailable");
    }
}

static void an_exporter_is_added_once(void **state)
{
    assert_reason(*state, control_oxid_add, ADD(", \"oxid\": \"0x1a\"" SRV1), "");
    assert_reason(*state, control_oxid_add, ADD(", \"oxid\": \"0x1a\"" SRV1), "invalid");
}

static void assert_bindings(const struct control_config *config, const char *first,
                            const char *second)
{
    struct ndr_oxid_bindings bindings;
    char problem[160], text[64];
    uint16_t tower_id;
    assert_true(control_oxid_bindings(config, &bindings, problem, sizeof problem));
    unsigned at = ndr_oxid_bindings_next(&bindings, 0, &tower_id, text, sizeof text);
    assert_int_equal(tower_id, 7);
    assert_string_equal(text, first);
    at = ndr_oxid_bindings_next(&bindings, at, &tower_id, text, sizeof text);
    assert_string_equal(text, second);
    assert_int_equal(ndr_oxid_bindings_next(&bindings, at, &tower_id, text, sizeof text), 0);
}

static void the_bindings_are_the_configured_ones_or_the_addresses(void **state)
{
    (void)state;
    char *addresses[] = {(char[]){"10.135.0.2/24"}, (char[]){"fd00:135::2/64"}};
    char *names[] = {(char[]){"srv1"}, (char[]){"srv1.example"}};
    struct control_config config = {.network = {.addresses = addresses, .addresses_count = 2}};
    assert_bindings(&config, "10.135.0.2", "fd00:135::2");
    config.oxid.bindings = names;
    config.oxid.bindings_count = 2;
    assert_bindings(&config, "srv1", "srv1.example");
}

static void bindings_that_a_client_cannot_be_told_are_refused(void **state)
{
    (void)state;
    char name[256], problem[160];
    char *names[] = {name, name, name};
    struct ndr_oxid_bindings bindings;
    struct control_config config = {.oxid = {.bindings = names, .bindings_count = 3}};
    memset(name, 'x', sizeof name - 1);
    name[255] = '\0';
    assert_false(control_oxid_bindings(&config, &bindings, problem, sizeof problem));
    config.oxid.bindings_count = 1;
    assert_true(control_oxid_bindings(&config, &bindings, problem, sizeof problem));
    name[0] = '\0';
    assert_false(control_oxid_bindings(&config, &bindings, problem, sizeof problem));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exporter_that_was_added_is_listed),
        TEST(an_exporter_that_was_removed_is_gone),
        TEST(bad_requests_are_refused_with_their_reason),
        TEST(an_exporter_is_added_once),
        TEST(the_bindings_are_the_configured_ones_or_the_addresses),
        TEST(bindings_that_a_client_cannot_be_told_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
