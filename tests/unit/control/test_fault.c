// Fault rules as text, and the commands about them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/fault.h"
#include "rpc/inject.h"

#define ROWS(array) (sizeof(array) / sizeof(array)[0])
#define ADD(rule)   "{\"command\":\"fault_add\",\"rule\":\"" rule "\"}"

// Reads the rule; "" or what is wrong as "key: text".
static const char *read_rule(const char *text, struct rpc_inject_rule *rule)
{
    static char message[512];
    char copy[512];
    struct control_fault fault;
    struct control_fault_problem problem;
    snprintf(copy, sizeof copy, "%s", text);
    if (control_fault_split(copy, &fault, &problem) && control_fault_read(&fault, rule, &problem))
        return "";
    snprintf(message, sizeof message, "%s: %s", problem.key, problem.text);
    return message;
}

static void every_action_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rpc_inject_action action;
        enum rpc_inject_delay delay;
        uint64_t low_us, high_us;
        uint32_t status;
        uint16_t reason, fragment, port;
    } rows[] = {
        {"delay=20ms", RPC_INJECT_DELAY, .low_us = 20000},
        {"delay=7us", RPC_INJECT_DELAY, .low_us = 7},
        {"delay=600s", RPC_INJECT_DELAY, .low_us = 600000000},
        {"delay=uniform:500us..20ms", RPC_INJECT_DELAY, RPC_INJECT_UNIFORM, 500, 20000},
        {"delay=exponential:3ms", RPC_INJECT_DELAY, RPC_INJECT_EXPONENTIAL, 3000},
        {"fault=nca_s_server_too_busy", RPC_INJECT_FAULT, .status = 0x1c010014},
        {"fault=0x1c010003", RPC_INJECT_FAULT, .status = 0x1c010003},
        {"fault=5", RPC_INJECT_FAULT, .status = 5},
        {"wrong_call_id", RPC_INJECT_WRONG_CALL_ID},
        {"fragment=16", RPC_INJECT_FRAGMENT, .fragment = 16},
        {"byte_per_segment", RPC_INJECT_BYTE_PER_SEGMENT},
        {"reset_after_bind_ack", RPC_INJECT_RESET_AFTER_BIND_ACK},
        {"never_answer=true", RPC_INJECT_NEVER_ANSWER},
        {"bind_nak=local_limit", RPC_INJECT_BIND_NAK, .reason = 2},
        {"bind_nak=77", RPC_INJECT_BIND_NAK, .reason = 77},
        {"stale_port", RPC_INJECT_STALE_PORT, .port = 1},
        {"stale_port=49999", RPC_INJECT_STALE_PORT, .port = 49999},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rpc_inject_rule rule;
        assert_string_equal(read_rule(rows[i].text, &rule), "");
        assert_int_equal(rule.action, rows[i].action);
        assert_int_equal(rule.delay, rows[i].delay);
        assert_int_equal(rule.low_us, rows[i].low_us);
        assert_int_equal(rule.high_us, rows[i].high_us);
        assert_int_equal(rule.status, rows[i].status);
        assert_int_equal(rule.reason, rows[i].reason);
        assert_int_equal(rule.fragment, rows[i].fragment);
        assert_int_equal(rule.port, rows[i].port);
        assert_int_equal(rule.chance, 1000000);
        assert_false(rule.has_interface || rule.has_operation);
        assert_int_equal(rule.source.length, 0);
    }
}

static void every_matcher_is_read(void **state)
{
    (void)state;
    static const struct base_uuid epmapper =
        BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa);
    struct rpc_inject_rule rule;
    assert_string_equal(read_rule("source=10.0.0.0/8 probability=12.5% operation=3 never_answer "
                                  "interface=epmapper",
                                  &rule),
                        "");
    assert_true(rule.has_interface && rule.has_operation);
    assert_memory_equal(&rule.interface, &epmapper, sizeof epmapper);
    assert_int_equal(rule.operation, 3);
    assert_int_equal(rule.source.length, 96 + 8);
    assert_int_equal(rule.chance, 125000);
    assert_string_equal(rule.text, "interface=epmapper operation=3 source=10.0.0.0/8 "
                                   "probability=12.5% never_answer");
    assert_string_equal(read_rule("interface=e1af8308-5d1f-11c9-91a4-08002b14a0fa probability=0.1 "
                                  "source=fd00::/8 delay=1ms",
                                  &rule),
                        "");
    assert_memory_equal(&rule.interface, &epmapper, sizeof epmapper);
    assert_int_equal(rule.source.length, 8);
    assert_int_equal(rule.chance, 100000);
}

static void each_bad_rule_is_refused_with_its_key_and_what_was_expected(void **state)
{
    (void)state;
#define DELAY "', expected up to 600s, like 20ms, uniform:500us..20ms or exponential:20ms"
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"interface=lsa delay=1ms",
         "interface: found 'lsa', expected a UUID, or a name like epmapper"},
        {"operation=65536 delay=1ms",
         "operation: found '65536', expected a number from 0 to 65535"},
        {"operation=map delay=1ms", "operation: found 'map', expected a number from 0 to 65535"},
        {"source=10.0.0.1 delay=1ms",
         "source: found '10.0.0.1', expected a source prefix like 10.0.0.0/8 or fd00::/8"},
        {"probability=1.5 delay=1ms",
         "probability: found '1.5', expected 0 to 1, or a percentage like 25%"},
        {"probability=nan delay=1ms",
         "probability: found 'nan', expected 0 to 1, or a percentage like 25%"},
        {"probability=101% delay=1ms",
         "probability: found '101%', expected 0 to 1, or a percentage like 25%"},
        {"delay=20", "delay: found '20" DELAY},
        {"delay=ms", "delay: found 'ms" DELAY},
        {"delay=1.5ms", "delay: found '1.5ms" DELAY},
        {"delay=601s", "delay: found '601s" DELAY},
        {"delay=uniform:20ms", "delay: found 'uniform:20ms" DELAY},
        {"delay=uniform:20ms..1ms", "delay: found 'uniform:20ms..1ms" DELAY},
        {"delay=exponential:", "delay: found 'exponential:" DELAY},
        {"fault=0", "fault: found '0', expected a status that is not 0, like 0x1c010014, 5 or "
                    "nca_s_server_too_busy"},
        {"fault=0x1234567890", "fault: found '0x1234567890', expected a status that is not 0, "
                               "like 0x1c010014, 5 or nca_s_server_too_busy"},
        {"fragment=0", "fragment: found '0', expected 1 to 5808 bytes"},
        {"fragment=5809", "fragment: found '5809', expected 1 to 5808 bytes"},
        {"bind_nak=no", "bind_nak: found 'no', expected a number up to 65535, or not_specified, "
                        "temporary_congestion, local_limit, protocol_version, auth_type or "
                        "invalid_checksum"},
        {"stale_port=0", "stale_port: found '0', expected true, or 1 to 65535"},
        {"never_answer=false", "never_answer: found 'false', expected true"},
        {"delay=1ms fault=5", "fault: found delay and fault, expected one action"},
        {"operation=3 bind_nak=1",
         "operation: found an operation, expected none beside bind_nak: a bind has none"},
        {"delay=1ms delay=2ms", "delay: found it a second time, expected it once"},
        {"color=blue", ": found 'color', expected KEY=VALUE with one of: interface, operation, "
                       "source, probability, and an action like delay"},
        {"", ": found no action, expected one of: delay, fault, wrong_call_id, fragment, "
             "byte_per_segment, reset_after_bind_ack, never_answer, bind_nak, stale_port"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rpc_inject_rule rule;
        assert_string_equal(read_rule(rows[i].text, &rule), rows[i].message);
    }
}

// ---- commands

typedef json_t *command(struct rpc_inject *inject, unsigned workers, json_t *members);

static json_t *ask(command *run, struct rpc_inject *inject, unsigned workers, const char *request)
{
    json_t *members = json_loads(request, 0, NULL);
    assert_non_null(members);
    json_t *reply = run(inject, workers, members);
    json_decref(members);
    assert_non_null(reply);
    return reply;
}

// The reply's reason; "" when it is ok.
static void assert_reason(command *run, struct rpc_inject *inject, const char *request,
                          const char *expected)
{
    json_t *reply = ask(run, inject, 0, request);
    const char *reason = json_string_value(json_object_get(reply, "reason"));
    assert_string_equal(reason == NULL ? "" : reason, expected);
    json_decref(reply);
}

static void rules_are_added_listed_and_cleared(void **state)
{
    (void)state;
    struct rpc_inject *inject = rpc_inject_create(0);
    json_t *reply = ask(control_fault_add, inject, 0, ADD("delay=20ms"));
    assert_int_equal(json_integer_value(json_object_get(reply, "id")), 1);
    json_decref(reply);
    assert_reason(control_fault_add, inject, ADD("fault=5 probability=10%"), "");
    reply = ask(control_fault_list, inject, 0, "{\"command\":\"fault_list\"}");
    char *text = json_dumps(json_object_get(reply, "rules"), JSON_COMPACT);
    assert_string_equal(
        text, "[{\"id\":1,\"rule\":\"delay=20ms\",\"hits\":0,\"workers\":[]},"
              "{\"id\":2,\"rule\":\"probability=10% fault=5\",\"hits\":0,\"workers\":[]}]");
    free(text);
    json_decref(reply);
    assert_reason(control_fault_clear, inject, "{\"command\":\"fault_clear\",\"id\":1}", "");
    assert_reason(control_fault_clear, inject, "{\"command\":\"fault_clear\",\"id\":1}",
                  "not_registered");
    reply = ask(control_fault_clear, inject, 0, "{\"command\":\"fault_clear\"}");
    assert_int_equal(json_integer_value(json_object_get(reply, "cleared")), 1);
    json_decref(reply);
    assert_int_equal(rpc_inject_current(inject)->count, 0);
    rpc_inject_destroy(inject);
}

static void bad_requests_are_refused_with_their_reason(void **state)
{
    (void)state;
    static const struct {
        command *run;
        const char *request, *reason;
    } rows[] = {
        {control_fault_add, "{\"command\":\"fault_add\"}", "usage"},
        {control_fault_add, "{\"command\":\"fault_add\",\"rule\":5}", "usage"},
        {control_fault_add, "{\"command\":\"fault_add\",\"rule\":\"delay=1ms\",\"x\":1}", "usage"},
        {control_fault_add, ADD("delay=1"), "invalid"},
        {control_fault_list, "{\"command\":\"fault_list\",\"id\":1}", "usage"},
        {control_fault_clear, "{\"command\":\"fault_clear\",\"id\":\"1\"}", "usage"},
        {control_fault_clear, "{\"command\":\"fault_clear\",\"id\":0}", "not_registered"},
        {control_fault_clear, "{\"command\":\"fault_clear\",\"id\":4294967297}", "not_registered"},
    };
    struct rpc_inject *inject = rpc_inject_create(0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_reason(rows[i].run, inject, rows[i].request, rows[i].reason);
        assert_reason(rows[i].run, NULL, rows[i].request, "unavailable");
    }
    rpc_inject_destroy(inject);
}

static void a_full_table_is_told_from_a_worker_that_lags(void **state)
{
    (void)state;
    struct rpc_inject *inject = rpc_inject_create(0);
    for (unsigned i = 0; i < RPC_INJECT_MAX; i++)
        assert_reason(control_fault_add, inject, ADD("delay=1ms"), "");
    assert_reason(control_fault_add, inject, ADD("delay=1ms"), "full");
    rpc_inject_destroy(inject);
    inject = rpc_inject_create(1); // whose worker never takes
    assert_reason(control_fault_add, inject, ADD("delay=1ms"), "unavailable");
    rpc_inject_destroy(inject);
}

static void hits_are_shown_per_worker_and_as_counters(void **state)
{
    (void)state;
    struct rpc_inject *inject = rpc_inject_create(2);
    const struct rpc_inject_rule rule = {.text = "delay=1ms"};
    assert_int_equal(rpc_inject_add(inject, &rule), 1);
    unsigned slot = rpc_inject_take(inject, 0)->rows[0].slot;
    rpc_inject_take(inject, 1);
    rpc_inject_counts(inject, 0)[slot] = 5;
    rpc_inject_counts(inject, 1)[slot] = 7;
    json_t *reply = ask(control_fault_list, inject, 2, "{\"command\":\"fault_list\"}");
    json_t *counters = json_array();
    control_fault_report(inject, 2, counters);
    char *listed = json_dumps(json_object_get(reply, "rules"), JSON_COMPACT);
    char *counted = json_dumps(counters, JSON_COMPACT);
    assert_string_equal(listed,
                        "[{\"id\":1,\"rule\":\"delay=1ms\",\"hits\":12,\"workers\":[5,7]}]");
    assert_string_equal(counted, "[{\"name\":\"fault.1\",\"kind\":\"event\",\"help\":\"delay=1ms\","
                                 "\"total\":12,\"workers\":[5,7]}]");
    free(listed);
    free(counted);
    json_decref(counters);
    json_decref(reply);
    rpc_inject_destroy(inject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_is_read),
        cmocka_unit_test(every_matcher_is_read),
        cmocka_unit_test(each_bad_rule_is_refused_with_its_key_and_what_was_expected),
        cmocka_unit_test(rules_are_added_listed_and_cleared),
        cmocka_unit_test(bad_requests_are_refused_with_their_reason),
        cmocka_unit_test(a_full_table_is_told_from_a_worker_that_lags),
        cmocka_unit_test(hits_are_shown_per_worker_and_as_counters),
    };
    return cmocka_run_group_tests_name("control_fault", tests, NULL, NULL);
}
