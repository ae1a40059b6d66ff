// Each mix, and each way to misbehave, against a real server.
#include "load/mix.h"
#include "tests/unit/load/harness.h"

static const uint64_t ms = 1000000;

static struct harness *run_mix(const char *mix, unsigned connections, unsigned depth)
{
    const struct harness_options options = {.mix = mix, .connections = connections, .depth = depth};
    struct harness *h = harness_start(&options);
    harness_load(h, 0, LOAD_FIXED, 20 * ms);
    harness_close(h);
    harness_assert_clean(h);
    assert_true(load_generator_result(h->generator)->answered > 0);
    return h;
}

static void unknown_interfaces_are_not_registered(void **state)
{
    (void)state;
    struct harness *h = run_mix("unknown", 4, 4);
    assert_int_equal(harness_rpc_counter(h, RPC_EPM_MAP), harness_counter(h, LOAD_ANSWERS));
    assert_int_equal(harness_rpc_counter(h, RPC_EPM_MAP_FOUND), 0);
    harness_stop(h);
}

static void an_enumeration_goes_on_to_its_end(void **state)
{
    (void)state;
    struct harness *h = run_mix("calls: [{kind: lookup, max_entries: 7}]", 2, 3);
    // 50 entries, 7 a page: 8 pages, of which 7 hand over a handle. Six enumerations at once are
    // not at their end when the time is up.
    uint64_t answers = harness_counter(h, LOAD_ANSWERS);
    uint64_t ended = answers - harness_counter(h, LOAD_PAGES);
    assert_true(answers > 1000);
    assert_in_range(ended, answers / 8 - 6, answers / 8);
    harness_stop(h);
}

static void an_answer_of_several_fragments_is_put_together(void **state)
{
    (void)state;
    struct harness *h = run_mix("calls: [{kind: lookup, max_entries: 500}]", 2, 2);
    assert_int_equal(harness_counter(h, LOAD_PAGES), 0);
    harness_stop(h);
}

static void malformed_requests_get_the_fault_they_deserve(void **state)
{
    (void)state;
    struct harness *h = run_mix("malformed", 3, 2);
    assert_int_equal(harness_rpc_counter(h, RPC_FAULTS), harness_counter(h, LOAD_ANSWERS));
    assert_true(harness_rpc_counter(h, RPC_DROP_STUB) > 0);
    assert_true(harness_rpc_counter(h, RPC_DROP_OPNUM) > 0);
    assert_true(harness_rpc_counter(h, RPC_DROP_CONTEXT) > 0);
    harness_stop(h);
}

static void one_call_a_connection(void **state)
{
    (void)state;
    struct harness *h = run_mix("connect", 5, 1);
    assert_true(harness_counter(h, LOAD_CONNECTS) > 50);
    assert_int_equal(harness_counter(h, LOAD_CONNECTS), harness_counter(h, LOAD_ANSWERS));
    assert_int_equal(harness_counter(h, LOAD_CLOSED), harness_counter(h, LOAD_CONNECTS));
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 0);
    harness_stop(h);
}

static void binds_without_a_call(void **state)
{
    (void)state;
    struct harness *h = run_mix("bind", 5, 1);
    assert_int_equal(harness_counter(h, LOAD_ANSWERS), harness_rpc_counter(h, RPC_BINDS));
    assert_int_equal(harness_rpc_counter(h, RPC_CALLS), 0);
    harness_stop(h);
}

static void some_calls_a_connection_then_another(void **state)
{
    (void)state;
    struct harness *h = run_mix("{calls_per_connection: 3, calls: [{kind: map}]}", 4, 2);
    uint64_t connects = harness_counter(h, LOAD_CONNECTS);
    assert_true(connects > 20);
    assert_in_range(harness_counter(h, LOAD_ANSWERS), 3 * connects - 3 * 4, 3 * connects);
    harness_stop(h);
}

static void an_open_loop_connects_when_a_call_is_due(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "connect", .connections = 8, .depth = 1};
    struct harness *h = harness_start(&options);
    harness_run(h, 10);
    assert_int_equal(harness_counter(h, LOAD_CONNECTS), 0);
    harness_load(h, 2000, LOAD_FIXED, 100 * ms);
    assert_int_equal(load_generator_result(h->generator)->due, 180);
    harness_close(h);
    harness_assert_clean(h);
    assert_int_equal(harness_counter(h, LOAD_CONNECTS), harness_counter(h, LOAD_ANSWERS));
    harness_stop(h);
}

static void shares_are_kept(void **state)
{
    (void)state;
    struct harness *h = run_mix("mixed", 8, 4);
    const struct load_result *result = load_generator_result(h->generator);
    uint64_t all = result->answered;
    assert_in_range(result->answers_by_kind[LOAD_MAP] * 100 / all, 75, 95);
    assert_true(result->answers_by_kind[LOAD_UNKNOWN] > 0);
    assert_true(result->answers_by_kind[LOAD_LOOKUP] > 0);
    assert_true(result->answers_by_kind[LOAD_MALFORMED] > 0);
    harness_stop(h);
}

// ---- misbehaviour

static struct harness *misbehave(enum load_misbehaviour how)
{
    const struct harness_options options = {
        .mix = "map", .connections = 5, .depth = 4, .misbehaviour = how};
    struct harness *h = harness_start(&options);
    harness_begin(h, 0, LOAD_FIXED, 50 * ms);
    harness_finish(h);
    harness_assert_clean(h);
    assert_int_equal(harness_counter(h, LOAD_CONNECTS), 5);
    return h;
}

static uint64_t server_counter(const struct harness *h, enum tcpstack_counter counter)
{
    return tcpstack_counters(h->memory->workers[0].stack)[counter];
}

static void a_peer_of_syns_only_never_opens(void **state)
{
    (void)state;
    struct harness *h = misbehave(LOAD_SYN_ONLY);
    assert_int_equal(harness_counter(h, LOAD_OPENED), 0);
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 0);
    assert_true(harness_counter(h, LOAD_WITHHELD) >= 5);
    harness_stop(h);
}

static void a_silent_peer_opens_and_says_nothing(void **state)
{
    (void)state;
    struct harness *h = misbehave(LOAD_SILENT);
    assert_int_equal(harness_counter(h, LOAD_OPENED), 5);
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 5);
    assert_int_equal(harness_rpc_counter(h, RPC_PDUS_IN), 0);
    harness_stop(h);
}

static void half_a_request_is_no_call(void **state)
{
    (void)state;
    struct harness *h = misbehave(LOAD_HALF_REQUEST);
    assert_int_equal(harness_rpc_counter(h, RPC_BINDS), 5);
    assert_int_equal(harness_rpc_counter(h, RPC_CALLS), 0);
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 5);
    harness_stop(h);
}

static void answers_without_acknowledgement_are_sent_again(void **state)
{
    (void)state;
    struct harness *h = misbehave(LOAD_NO_ACK);
    assert_int_equal(harness_rpc_counter(h, RPC_CALLS), 5 * 4);
    assert_int_equal(harness_counter(h, LOAD_ANSWERS), 0);
    harness_run(h, 100000);
    assert_true(server_counter(h, TCPSTACK_TCP_RETRANSMITS) > 0);
    harness_stop(h);
}

static void a_connection_that_nobody_closes_stays(void **state)
{
    (void)state;
    struct harness *h = misbehave(LOAD_NO_CLOSE);
    assert_int_equal(harness_counter(h, LOAD_ANSWERS), 5);
    load_generator_close(h->generator);
    harness_run(h, 1000);
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 5);
    harness_stop(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_interfaces_are_not_registered),
        cmocka_unit_test(an_enumeration_goes_on_to_its_end),
        cmocka_unit_test(an_answer_of_several_fragments_is_put_together),
        cmocka_unit_test(malformed_requests_get_the_fault_they_deserve),
        cmocka_unit_test(one_call_a_connection),
        cmocka_unit_test(binds_without_a_call),
        cmocka_unit_test(some_calls_a_connection_then_another),
        cmocka_unit_test(an_open_loop_connects_when_a_call_is_due),
        cmocka_unit_test(shares_are_kept),
        cmocka_unit_test(a_peer_of_syns_only_never_opens),
        cmocka_unit_test(a_silent_peer_opens_and_says_nothing),
        cmocka_unit_test(half_a_request_is_no_call),
        cmocka_unit_test(answers_without_acknowledgement_are_sent_again),
        cmocka_unit_test(a_connection_that_nobody_closes_stays),
    };
    return cmocka_run_group_tests(tests, harness_start_eal, NULL);
}
