#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mapper/map.h"
#include "tests/unit/control/server.h"

#define LSA  "12345778-1234-abcd-ef00-0123456789ab"
#define SAMR "12345778-1234-abcd-ef00-0123456789ac"
#define ENDPOINT(interface, port, annotation)                                                      \
    "    - interface: " interface "\n      version: \"1.0\"\n"                                     \
    "      binding: \"ncacn_ip_tcp:10.135.0.2[" port "]\"\n      annotation: " annotation "\n"
#define ENDPOINTS "mapper:\n  endpoints:\n"

static json_t *reload(struct server *s, const char *text)
{
    server_write_config(s, text);
    return server_ask(s, "{\"command\":\"reload\"}");
}

static void reload_well(struct server *s, const char *text)
{
    json_t *reply = reload(s, text);
    assert_true(server_says_ok(reply));
    json_decref(reply);
}

static int count_of(const json_t *reply, const char *what)
{
    return (int)json_integer_value(json_object_get(json_object_get(reply, "endpoints"), what));
}

static unsigned entries(struct server *s)
{
    return __atomic_load_n(&s->replica_entries, __ATOMIC_ACQUIRE);
}

static void a_reload_adds_endpoints_and_waits_for_the_workers(void **state)
{
    struct server *s = *state;
    json_t *reply = reload(s, ENDPOINTS ENDPOINT(LSA, "1", "a") ENDPOINT(SAMR, "2", "b"));
    assert_true(server_says_ok(reply));
    assert_int_equal(count_of(reply, "added"), 2);
    assert_int_equal(entries(s), 2);
    json_decref(reply);
}

static void a_reload_removes_and_changes_endpoints(void **state)
{
    struct server *s = *state;
    reload_well(s, ENDPOINTS ENDPOINT(LSA, "1", "a") ENDPOINT(SAMR, "2", "b"));
    json_t *reply = reload(s, ENDPOINTS ENDPOINT(LSA, "1", "other") ENDPOINT(SAMR, "3", "b"));
    assert_int_equal(count_of(reply, "added"), 1);
    assert_int_equal(count_of(reply, "removed"), 1);
    assert_int_equal(count_of(reply, "changed"), 1);
    assert_int_equal(entries(s), 2);
    json_decref(reply);
}

static void a_reload_of_the_same_file_changes_nothing(void **state)
{
    struct server *s = *state;
    reload_well(s, ENDPOINTS ENDPOINT(LSA, "1", "a"));
    uint64_t head = mapper_log_head(s->log);
    json_t *reply = reload(s, ENDPOINTS ENDPOINT(LSA, "1", "a"));
    assert_true(server_says_ok(reply));
    assert_int_equal(json_array_size(json_object_get(reply, "changed")), 0);
    assert_int_equal(mapper_log_head(s->log), head);
    json_decref(reply);
}

static void what_others_registered_stays(void **state)
{
    struct server *s = *state;
    json_t *reply = server_ask(s, "{\"command\":\"register\",\"interface\":\"" SAMR
                                  "\",\"version\":\"1.0\",\"binding\":"
                                  "\"ncacn_ip_tcp:10.135.0.2[9]\"}");
    assert_true(server_says_ok(reply));
    json_decref(reply);
    reload_well(s, ENDPOINTS ENDPOINT(LSA, "1", "a"));
    reload_well(s, "");
    assert_int_equal(entries(s), 1);
}

static void a_broken_file_changes_nothing_and_every_problem_is_told(void **state)
{
    struct server *s = *state;
    reload_well(s, ENDPOINTS ENDPOINT(LSA, "1", "a"));
    json_t *reply = reload(s, "limits: {calls: 0}\ncolour: blue\n");
    assert_false(server_says_ok(reply));
    assert_string_equal(server_text(reply, "reason"), "invalid");
    const json_t *problems = json_object_get(reply, "problems");
    assert_int_equal(json_array_size(problems), 2);
    assert_non_null(strstr(json_string_value(json_array_get(problems, 0)),
                           "portoland.yaml:9:17: limits.calls: found '0', expected"));
    assert_int_equal(entries(s), 1);
    assert_int_equal(s->reloads, 1);
    json_decref(reply);
}

static void more_endpoints_than_the_map_holds_change_nothing(void **state)
{
    struct server *s = *state;
    reload_well(s, ENDPOINTS ENDPOINT(LSA, "1", "a"));
    char text[4096] = ENDPOINTS;
    for (int i = 0; i < 17; i++) {
        char one[256];
        snprintf(one, sizeof one,
                 "    - interface: " SAMR "\n      version: \"1.0\"\n"
                 "      binding: \"ncacn_ip_tcp:10.135.0.2[%d]\"\n",
                 1000 + i);
        strcat(text, one);
    }
    json_t *reply = reload(s, text);
    assert_string_equal(server_text(reply, "reason"), "full");
    assert_int_equal(mapper_map_count(s->map), 1);
    json_decref(reply);
}

static void settings_go_to_the_workers_and_the_rest_needs_a_restart(void **state)
{
    struct server *s = *state;
    json_t *reply = reload(s, "limits:\n  calls: 7\n  connections: 9\n");
    assert_true(server_says_ok(reply));
    const json_t *changed = json_object_get(reply, "changed");
    const json_t *restart = json_object_get(reply, "restart");
    assert_int_equal(json_array_size(changed), 1);
    assert_string_equal(json_string_value(json_array_get(changed, 0)), "limits.calls");
    assert_int_equal(json_array_size(restart), 1);
    assert_string_equal(json_string_value(json_array_get(restart, 0)), "limits.connections");
    assert_int_equal(__atomic_load_n(&s->calls, __ATOMIC_ACQUIRE), 7);
    json_decref(reply);
}

static int limit_of(const json_t *reply, const char *name)
{
    const json_t *limits = json_object_get(json_object_get(reply, "config"), "limits");
    return (int)json_integer_value(json_object_get(limits, name));
}

static void show_tells_what_the_server_goes_by(void **state)
{
    struct server *s = *state;
    reload_well(s, "limits:\n  calls: 7\n  connections: 9\n");
    json_t *reply = server_ask(s, "{\"command\":\"config_show\"}");
    assert_true(server_says_ok(reply));
    assert_int_equal(limit_of(reply, "calls"), 7);
    assert_int_equal(limit_of(reply, "connections"), 16384);
    json_decref(reply);
}

static void diff_tells_what_the_file_says_otherwise(void **state)
{
    struct server *s = *state;
    server_write_config(s, "limits: {calls: 7}\n" ENDPOINTS ENDPOINT(LSA, "1", "a"));
    json_t *reply = server_ask(s, "{\"command\":\"config_diff\"}");
    assert_true(server_says_ok(reply));
    const json_t *rows = json_object_get(reply, "differences");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(server_text(json_array_get(rows, 0), "key"), "mapper.endpoints");
    assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "added")), 1);
    assert_string_equal(server_text(json_array_get(rows, 1), "key"), "limits.calls");
    assert_string_equal(server_text(json_array_get(rows, 1), "read"), "reload");
    assert_int_equal(s->reloads, 0);
    json_decref(reply);
}

static void check_tells_whether_the_file_is_good(void **state)
{
    struct server *s = *state;
    json_t *reply = server_ask(s, "{\"command\":\"config_check\"}");
    assert_true(server_says_ok(reply));
    json_decref(reply);
    server_write_config(s, "colour: blue\n");
    reply = server_ask(s, "{\"command\":\"config_check\"}");
    assert_string_equal(server_text(reply, "reason"), "invalid");
    json_decref(reply);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_reload_adds_endpoints_and_waits_for_the_workers),
        SERVER_TEST(a_reload_removes_and_changes_endpoints),
        SERVER_TEST(a_reload_of_the_same_file_changes_nothing),
        SERVER_TEST(what_others_registered_stays),
        SERVER_TEST(a_broken_file_changes_nothing_and_every_problem_is_told),
        SERVER_TEST(more_endpoints_than_the_map_holds_change_nothing),
        SERVER_TEST(settings_go_to_the_workers_and_the_rest_needs_a_restart),
        SERVER_TEST(show_tells_what_the_server_goes_by),
        SERVER_TEST(diff_tells_what_the_file_says_otherwise),
        SERVER_TEST(check_tells_whether_the_file_is_good),
    };
    return cmocka_run_group_tests_name("control_reload", tests, NULL, NULL);
}
