#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/socket.h"
#include "tests/unit/capture.h"
#include "tests/unit/control/server.h"

#define LSA      "\"interface\":\"12345778-1234-abcd-ef00-0123456789ab\""
#define BINDING  "\"binding\":\"ncacn_ip_tcp:10.135.0.2[49153]\""
#define VERSION  "\"version\":\"0.0\""
#define REGISTER "\"command\":\"register\","
#define CHANGE   "; expected interface, version, binding and, if wanted, object, annotation, replace"

// ---- requests

static const struct {
    const char *request;
    const char *reason;
    const char *error;
} refusals[] = {
    {"{", "usage",
     "found bad JSON at column 1 (string or '}' expected near end of file), expected one object"},
    {"[]", "usage", "found no object, expected {\"command\": ...}"},
    {"{}", "usage",
     "found command '', expected one of: register, unregister, export, import, status, stats, trace, oxid_add, oxid_remove, oxid_list, fault_add, fault_list, fault_clear, reload, config_show, config_diff, config_check"},
    {"{\"command\":\"dance\"}", "usage",
     "found command 'dance', expected one of: register, unregister, export, import, status, stats, trace, oxid_add, oxid_remove, oxid_list, fault_add, fault_list, fault_clear, reload, config_show, config_diff, config_check"},
    {"{\"command\":7}", "usage",
     "found command '', expected one of: register, unregister, export, import, status, stats, trace, oxid_add, oxid_remove, oxid_list, fault_add, fault_list, fault_clear, reload, config_show, config_diff, config_check"},
    {"{\"command\":\"status\",\"schema\":2}", "usage", "found another schema, expected 1"},
    {"{\"command\":\"status\",\"more\":1}", "usage",
     "1 object item(s) left unpacked: more; expected nothing beside the command"},
    {"{" REGISTER LSA "," VERSION "}", "usage", "Object item not found: binding" CHANGE},
    {"{" REGISTER LSA "," BINDING ",\"version\":1}", "usage",
     "Expected string, got integer" CHANGE},
    {"{" REGISTER VERSION "," BINDING ",\"interface\":\"lsa\"}", "invalid",
     "interface: found 'lsa', expected a UUID like 12345778-1234-abcd-ef00-0123456789ab"},
    {"{" REGISTER LSA "," BINDING ",\"version\":\"1\"}", "invalid",
     "version: found '1', expected \"MAJOR.MINOR\", each from 0 to 65535"},
    {"{" REGISTER LSA "," VERSION ",\"binding\":\"ncacn_ip_tcp:10.135.0.2[0]\"}", "invalid",
     "binding: found port \"0\" for ncacn_ip_tcp: expected a number from 1 to 65535"},
    {"{" REGISTER VERSION "," BINDING ",\"interface\":\"00000000-0000-0000-0000-000000000000\"}",
     "invalid",
     "the map refuses the entry: expected an interface that is not nil, an address, and with "
     "replace no registration of a higher minor version"},
    {"{\"command\":\"unregister\"," LSA "," VERSION "," BINDING "}", "not_registered",
     "found no such registration"},
};

static void each_bad_request_is_refused_with_its_reason(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        json_t *reply = server_ask(*state, refusals[i].request);
        assert_false(server_says_ok(reply));
        assert_string_equal(server_text(reply, "error"), refusals[i].error);
        assert_string_equal(server_text(reply, "reason"), refusals[i].reason);
        json_decref(reply);
    }
}

static void a_connection_outlives_a_bad_request(void **state)
{
    int fd = server_connect(*state);
    server_send(fd, "nonsense\n{\"command\":\"status\"}\n");
    json_t *first = server_receive(fd, 2000);
    json_t *second = server_receive(fd, 2000);
    assert_false(server_says_ok(first));
    assert_true(server_says_ok(second));
    json_decref(first);
    json_decref(second);
    close(fd);
}

static void a_request_may_come_in_pieces(void **state)
{
    int fd = server_connect(*state);
    server_send(fd, "{\"command\":");
    assert_null(server_receive(fd, 50));
    server_send(fd, "\"status\"}\n");
    json_t *reply = server_receive(fd, 2000);
    assert_true(server_says_ok(reply));
    json_decref(reply);
    close(fd);
}

static void a_line_over_the_limit_is_refused_and_ends_the_connection(void **state)
{
    char *line = malloc(CONTROL_LINE_MAX + 100);
    memset(line, ' ', CONTROL_LINE_MAX + 99);
    line[CONTROL_LINE_MAX + 99] = '\0';
    int fd = server_connect(*state);
    server_send(fd, line);
    json_t *reply = server_receive(fd, 5000);
    assert_string_equal(server_text(reply, "error"),
                        "found a line of more than 1048576 bytes, expected less");
    assert_null(server_receive(fd, 5000));
    json_decref(reply);
    close(fd);
    free(line);
}

static void a_line_of_the_limit_is_read(void **state)
{
    static const char status[] = "{\"command\":\"status\"}";
    char *line = malloc(CONTROL_LINE_MAX + 2);
    memset(line, ' ', CONTROL_LINE_MAX);
    memcpy(line, status, sizeof status - 1);
    memcpy(line + CONTROL_LINE_MAX, "\n", 2);
    int fd = server_connect(*state);
    server_send(fd, line);
    json_t *reply = server_receive(fd, 5000);
    assert_true(server_says_ok(reply));
    json_decref(reply);
    close(fd);
    free(line);
}

static void clients_do_not_wait_for_each_other(void **state)
{
    int silent = server_connect(*state);
    server_send(silent, "{\"command\":");
    json_t *reply = server_ask(*state, "{\"command\":\"status\"}");
    assert_true(server_says_ok(reply));
    json_decref(reply);
    close(silent);
}

// ---- reports

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void status_says_what_the_server_is(void **state)
{
    json_decref(server_ask(*state, "{" REGISTER LSA "," VERSION "," BINDING "}"));
    json_t *reply = server_ask(*state, "{\"command\":\"status\"}");
    assert_string_equal(server_text(reply, "version"), "1.2.3");
    assert_int_equal(number(reply, "pid"), getpid());
    assert_int_equal(number(reply, "port"), 135);
    assert_int_equal(number(reply, "entries"), 1);
    assert_in_range(number(reply, "uptime_seconds"), 0, 100);
    json_t *addresses = json_object_get(reply, "addresses");
    assert_string_equal(json_string_value(json_array_get(addresses, 1)), "fd00:135::2");
    assert_int_equal(number(json_object_get(reply, "log"), "head"), 1);
    assert_int_equal(number(json_object_get(reply, "log"), "applied"), 1);
    json_t *worker = json_array_get(json_object_get(reply, "workers"), 0);
    assert_int_equal(number(worker, "core"), SERVER_CORE);
    assert_int_equal(number(worker, "position"), 1);
    assert_int_equal(number(worker, "lag"), 0);
    assert_int_equal(number(worker, "connections"), 5);
    json_decref(reply);
}

static void stats_shows_every_counter_with_its_kind_and_total(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"stats\"}");
    json_t *counters = json_object_get(reply, "counters");
    assert_int_equal(json_array_size(counters), 3);
    json_t *drop = json_array_get(counters, 1);
    assert_string_equal(server_text(drop, "name"), "rpc.drop_short");
    assert_string_equal(server_text(drop, "kind"), "drop");
    assert_string_equal(server_text(drop, "help"), "frames too short");
    assert_int_equal(number(drop, "total"), 2);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(drop, "workers"), 0)), 2);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(reply, "cores"), 0)),
                     SERVER_CORE);
    json_decref(reply);
}

// ---- the socket file and the loop

static void only_owner_and_group_may_connect(void **state)
{
    struct server *s = *state;
    struct stat status;
    assert_int_equal(stat(s->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
}

// Creates a second control at `path`; returns whether it came up and what it said.
static bool try_second(const struct server *s, const char *path, char *message, size_t size)
{
    const struct control_options options = {
        .socket_path = path, .version = "2", .map = s->map, .log = s->log};
    struct capture capture = capture_begin(stderr);
    struct control *second = control_create(&options);
    capture_end(&capture, message, size);
    control_destroy(second);
    return second != NULL;
}

static void a_live_socket_is_not_taken_over(void **state)
{
    struct server *s = *state;
    char message[512];
    assert_false(try_second(s, s->path, message, sizeof message));
    assert_non_null(strstr(message, "another process listens there"));
    json_t *reply = server_ask(s, "{\"command\":\"status\"}");
    assert_string_equal(server_text(reply, "version"), "1.2.3");
    json_decref(reply);
}

// server_start leaves a dead socket at its path before it creates the control.
static void a_socket_left_by_a_dead_process_is_replaced(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"status\"}");
    assert_true(server_says_ok(reply));
    json_decref(reply);
}

static void a_missing_directory_is_told(void **state)
{
    struct server *s = *state;
    char path[128];
    char message[512];
    snprintf(path, sizeof path, "%s/no/such/sock", s->directory);
    assert_false(try_second(s, path, message, sizeof message));
    assert_non_null(strstr(message, "No such file or directory"));
}

static void a_file_in_the_way_is_kept(void **state)
{
    struct server *s = *state;
    char path[128];
    char message[512];
    snprintf(path, sizeof path, "%s/file", s->directory);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_false(try_second(s, path, message, sizeof message));
    assert_non_null(strstr(message, "found a file there"));
    assert_int_equal(unlink(path), 0);
}

static void hangup_reloads(void **state)
{
    struct server *s = *state;
    // An answer means that the loop runs, so the signal is its to take.
    json_decref(server_ask(s, "{\"command\":\"status\"}"));
    kill(getpid(), SIGHUP);
    for (int i = 0; i < 2000 && __atomic_load_n(&s->reloads, __ATOMIC_ACQUIRE) == 0; i++)
        usleep(1000);
    assert_int_equal(s->reloads, 1);
}

static void terminate_ends_the_loop(void **state)
{
    struct server *s = *state;
    json_decref(server_ask(s, "{\"command\":\"status\"}"));
    kill(getpid(), SIGTERM);
    server_join_control(s); // hangs if it does not
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_stop)

static void trace_shows_the_newest_records(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"trace\"}");
    assert_true(server_says_ok(reply));
    const json_t *records = json_object_get(reply, "records");
    assert_int_equal(json_array_size(records), 100);
    const json_t *first = json_array_get(records, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "number")), SERVER_TRACE_ROWS - 100);
    assert_int_equal(json_integer_value(json_object_get(first, "sequence")), 4294967295);
    assert_string_equal(server_text(first, "state"), "ESTABLISHED");
    json_decref(reply);
}

static void trace_shows_one_connection_alone(void **state)
{
    json_t *reply = server_ask(
        *state, "{\"command\":\"trace\",\"last\":7,\"connection\":\"10.135.0.1:40001\"}");
    const json_t *records = json_object_get(reply, "records");
    assert_int_equal(json_array_size(records), 7);
    for (size_t i = 0; i < 7; i++) {
        const json_t *record = json_array_get(records, i);
        assert_string_equal(server_text(record, "remote"), "10.135.0.1:40001");
        assert_int_equal(json_integer_value(json_object_get(record, "number")),
                         SERVER_TRACE_ROWS - 1 - 2 * (6 - i));
    }
    json_decref(reply);
}

static void trace_goes_on_where_it_ended(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"trace\",\"last\":3,\"since\":[10],"
                                       "\"connection\":\"10.135.0.1:40001\"}"); // 10 and 12 are not
    const json_t *records = json_object_get(reply, "records");
    assert_int_equal(json_array_size(records), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(records, 0), "number")), 11);
    const json_t *next = json_array_get(json_object_get(reply, "next"), 0);
    assert_int_equal(json_integer_value(next), 13);
    json_decref(reply);
}

static void trace_begins_anew_behind_the_last_record(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"trace\",\"last\":1,\"since\":[99999]}");
    const json_t *first = json_array_get(json_object_get(reply, "records"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "number")), SERVER_TRACE_OLDEST);
    json_decref(reply);
}

static void trace_says_how_many_records_were_overwritten(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"trace\",\"since\":[0]}");
    assert_int_equal(json_integer_value(json_object_get(reply, "lost")), SERVER_TRACE_OLDEST);
    json_decref(reply);
}

static void trace_refuses_places_that_are_none(void **state)
{
    static const char *const bad[] = {"[]", "[1,2]", "[-1]", "[\"1\"]", "7"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char request[64];
        snprintf(request, sizeof request, "{\"command\":\"trace\",\"since\":%s}", bad[i]);
        json_t *reply = server_ask(*state, request);
        assert_string_equal(server_text(reply, "error"),
                            "since: expected a list of 1 numbers, as in next");
        json_decref(reply);
    }
}

static void trace_refuses_a_number_that_is_none(void **state)
{
    json_t *reply = server_ask(*state, "{\"command\":\"trace\",\"last\":0}");
    assert_string_equal(server_text(reply, "error"), "last: found 0, expected 1 to 8192");
    json_decref(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(each_bad_request_is_refused_with_its_reason),
        SERVER_TEST(a_connection_outlives_a_bad_request),
        SERVER_TEST(a_request_may_come_in_pieces),
        SERVER_TEST(a_line_over_the_limit_is_refused_and_ends_the_connection),
        SERVER_TEST(a_line_of_the_limit_is_read),
        SERVER_TEST(clients_do_not_wait_for_each_other),
        SERVER_TEST(status_says_what_the_server_is),
        SERVER_TEST(stats_shows_every_counter_with_its_kind_and_total),
        SERVER_TEST(trace_shows_the_newest_records),
        SERVER_TEST(trace_shows_one_connection_alone),
        SERVER_TEST(trace_goes_on_where_it_ended),
        SERVER_TEST(trace_begins_anew_behind_the_last_record),
        SERVER_TEST(trace_says_how_many_records_were_overwritten),
        SERVER_TEST(trace_refuses_places_that_are_none),
        SERVER_TEST(trace_refuses_a_number_that_is_none),
        SERVER_TEST(only_owner_and_group_may_connect),
        SERVER_TEST(a_live_socket_is_not_taken_over),
        SERVER_TEST(a_socket_left_by_a_dead_process_is_replaced),
        SERVER_TEST(a_missing_directory_is_told),
        SERVER_TEST(a_file_in_the_way_is_kept),
        SERVER_TEST(hangup_reloads),
        SERVER_TEST(terminate_ends_the_loop),
    };
    return cmocka_run_group_tests_name("control_socket", tests, NULL, NULL);
}
