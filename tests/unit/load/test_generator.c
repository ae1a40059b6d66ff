// Calls in closed and open loop against a real server, and what becomes of each when it goes wrong.
#include "tests/unit/load/harness.h"

static const uint64_t ms = 1000000;

static void a_closed_loop_keeps_every_slot_of_every_connection_busy(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 8, .depth = 4};
    struct harness *h = harness_start(&options);
    harness_connect(h);
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 8);
    harness_begin(h, 0, LOAD_POISSON, 10 * ms);
    harness_turn(h);
    assert_int_equal(harness_counter(h, LOAD_CALLS), 8 * 4);
    harness_finish(h);
    harness_close(h);
    harness_assert_clean(h);
    assert_int_equal(harness_counter(h, LOAD_ANSWERS), harness_counter(h, LOAD_CALLS));
    assert_int_equal(harness_rpc_counter(h, RPC_EPM_MAP_FOUND), harness_counter(h, LOAD_ANSWERS));
    assert_int_equal(harness_rpc_counter(h, RPC_ASSOCIATIONS), 0);
    harness_stop(h);
}

static void what_the_warm_up_does_is_not_measured(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 2, .depth = 1};
    struct harness *h = harness_start(&options);
    harness_load(h, 0, LOAD_POISSON, 10 * ms);
    const struct load_result *result = load_generator_result(h->generator);
    uint64_t answers = harness_counter(h, LOAD_ANSWERS);
    assert_int_equal(result->latency.count, result->due);
    assert_true(result->answered < answers && result->answered > answers * 8 / 10);
    assert_int_equal(result->answers_by_kind[LOAD_MAP], result->answered);
    harness_close(h);
    harness_stop(h);
}

static void a_latency_is_the_time_between_the_turns(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 1, .depth = 1};
    struct harness *h = harness_start(&options);
    harness_load(h, 0, LOAD_POISSON, 10 * ms);
    const struct load_result *result = load_generator_result(h->generator);
    assert_int_equal(result->latency.min, HARNESS_TURN_NS);
    assert_int_equal(result->latency.max, HARNESS_TURN_NS);
    harness_close(h);
    harness_stop(h);
}

static void an_open_loop_begins_exactly_what_is_due(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 4, .depth = 8};
    struct harness *h = harness_start(&options);
    harness_load(h, 100000, LOAD_FIXED, 100 * ms);
    const struct load_result *result = load_generator_result(h->generator);
    assert_int_equal(result->due, 9000);
    assert_int_equal(result->latency.count, 9000);
    assert_int_equal(harness_counter(h, LOAD_LATE), 0);
    harness_close(h);
    harness_assert_clean(h);
    harness_stop(h);
}

// Coordinated omission: while the server stands still calls are meant to begin, too. They wait,
// count as late, and their latency counts from when they were meant to begin.
static void calls_that_find_no_slot_are_late_and_never_skipped(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 2, .depth = 2};
    struct harness *h = harness_start(&options);
    harness_connect(h);
    harness_begin(h, 10000, LOAD_FIXED, 100 * ms);
    harness_run(h, 5000);
    h->server_stands = true;
    harness_run(h, 2000); // 20 ms, in which 200 calls are due and four find a slot
    h->server_stands = false;
    harness_finish(h);
    const struct load_result *result = load_generator_result(h->generator);
    assert_int_equal(result->due, 900);
    assert_int_equal(result->latency.count, 900);
    // Those, and a few that come while the backlog is worked off.
    assert_in_range(harness_counter(h, LOAD_LATE), 196, 210);
    assert_true(result->latency.max > 19 * ms);
    uint64_t latency = base_histogram_percentile(&result->latency, 85);
    uint64_t service = base_histogram_percentile(&result->service, 85);
    assert_true(latency > 5 * ms && service < ms);
    harness_close(h);
    harness_assert_clean(h);
    harness_stop(h);
}

static void an_answer_that_never_comes_is_lost(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 2, .depth = 2};
    struct harness *h = harness_start(&options);
    harness_connect(h);
    harness_begin(h, 0, LOAD_FIXED, 10 * ms);
    h->server_stands = true;
    harness_finish(h);
    assert_int_equal(harness_counter(h, LOAD_LOST_UNANSWERED), 4);
    h->server_stands = false;
    harness_close(h);
    harness_stop(h);
}

static void what_never_found_a_slot_is_lost_unsent(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 2, .depth = 2};
    struct harness *h = harness_start(&options);
    harness_connect(h);
    harness_begin(h, 1000, LOAD_FIXED, 100 * ms);
    h->server_stands = true;
    harness_finish(h);
    assert_int_equal(harness_counter(h, LOAD_LOST_UNANSWERED), 4);
    assert_in_range(harness_counter(h, LOAD_LOST_UNSENT), 95, 96);
    h->server_stands = false;
    harness_close(h);
    harness_stop(h);
}

static void an_interface_that_is_not_there_is_a_wrong_status(void **state)
{
    (void)state;
    const struct harness_options options = {
        .mix = "map", .connections = 2, .depth = 1, .unregistered = true};
    struct harness *h = harness_start(&options);
    harness_load(h, 1000, LOAD_FIXED, 10 * ms);
    assert_in_range(harness_counter(h, LOAD_CALLS), 9, 10);
    assert_int_equal(harness_counter(h, LOAD_WRONG_STATUS), harness_counter(h, LOAD_CALLS));
    assert_int_equal(harness_counter(h, LOAD_ANSWERS), 0);
    assert_int_equal(load_generator_result(h->generator)->latency.count, 0);
    harness_close(h);
    harness_stop(h);
}

static void an_answer_with_another_binding_is_a_wrong_tower(void **state)
{
    (void)state;
    const struct harness_options options = {
        .mix = "calls: [{kind: map, binding: 'ncacn_ip_tcp:10.135.0.2[1]'}]",
        .connections = 1,
        .depth = 1};
    struct harness *h = harness_start(&options);
    harness_load(h, 1000, LOAD_FIXED, 10 * ms);
    assert_int_equal(harness_counter(h, LOAD_WRONG_TOWER), harness_counter(h, LOAD_CALLS));
    harness_close(h);
    harness_stop(h);
}

static void an_interface_that_is_not_served_is_a_refused_bind(void **state)
{
    (void)state;
    // The context that asks for rpcecho has no server here: only the mapper's interfaces are
    // served.
    const struct harness_options options = {.mix = "echo", .connections = 3, .depth = 1};
    struct harness *h = harness_start(&options);
    harness_run(h, 100);
    assert_int_equal(harness_counter(h, LOAD_WRONG_BIND), 3);
    assert_false(load_generator_is_ready(h->generator));
    harness_close(h);
    harness_stop(h);
}

static void a_connection_that_the_server_ends_is_counted_and_replaced(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 4, .depth = 1};
    struct harness *h = harness_start(&options);
    harness_connect(h);
    rpc_shutdown(h->memory->workers[0].rpc);
    harness_run(h, 100);
    assert_int_equal(harness_counter(h, LOAD_LOST_ENDED), 4);
    assert_int_equal(harness_counter(h, LOAD_CONNECTIONS), 0);
    assert_int_equal(harness_counter(h, LOAD_CONNECTS), 4); // not at once
    harness_run(h, 20000);
    assert_true(harness_counter(h, LOAD_CONNECTS) > 4);
    harness_close(h);
    harness_stop(h);
}

static void stretches_follow_each_other_on_the_same_connections(void **state)
{
    (void)state;
    const struct harness_options options = {.mix = "map", .connections = 4, .depth = 2};
    struct harness *h = harness_start(&options);
    harness_connect(h);
    for (unsigned i = 1; i <= 3; i++) {
        harness_begin(h, i * 10000, LOAD_FIXED, 10 * ms);
        harness_finish(h);
        assert_int_equal(load_generator_result(h->generator)->due, i * 90);
    }
    assert_int_equal(harness_counter(h, LOAD_CONNECTS), 4);
    harness_close(h);
    harness_assert_clean(h);
    harness_stop(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_loop_keeps_every_slot_of_every_connection_busy),
        cmocka_unit_test(what_the_warm_up_does_is_not_measured),
        cmocka_unit_test(a_latency_is_the_time_between_the_turns),
        cmocka_unit_test(an_open_loop_begins_exactly_what_is_due),
        cmocka_unit_test(calls_that_find_no_slot_are_late_and_never_skipped),
        cmocka_unit_test(an_answer_that_never_comes_is_lost),
        cmocka_unit_test(what_never_found_a_slot_is_lost_unsent),
        cmocka_unit_test(an_interface_that_is_not_there_is_a_wrong_status),
        cmocka_unit_test(an_answer_with_another_binding_is_a_wrong_tower),
        cmocka_unit_test(an_interface_that_is_not_served_is_a_refused_bind),
        cmocka_unit_test(a_connection_that_the_server_ends_is_counted_and_replaced),
        cmocka_unit_test(stretches_follow_each_other_on_the_same_connections),
    };
    return cmocka_run_group_tests(tests, harness_start_eal, NULL);
}
