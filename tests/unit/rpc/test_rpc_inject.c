// Fault rules: each action, each matcher, chance, and how rules come and go.
#include <string.h>

#include "harness_epm.h"

enum { MPX = RPC_WHOLE | RPC_CONC_MPX, ALWAYS = 1000000, BUSY = RPC_FAULT_SERVER_TOO_BUSY };

static struct rpc_inject_rule rule_of(enum rpc_inject_action action)
{
    return (struct rpc_inject_rule){
        .chance = ALWAYS, .action = action, .status = BUSY, .low_us = 500};
}

static uint32_t inject(struct bench *bench, enum rpc_inject_action action)
{
    struct rpc_inject_rule rule = rule_of(action);
    return bench_inject(bench, &rule);
}

static void clear(struct bench *bench)
{
    assert_true(rpc_inject_remove(bench->options.inject, 0) >= 0);
    bench_time(bench, bench->server->now);
}

static void ask(struct conn *conn, uint32_t call_id)
{
    conn_request(conn, &(struct request){
                           .flags = RPC_WHOLE, .call_id = call_id, .opnum = NDR_EPM_INQ_OBJECT});
}

static struct epm_answer ask_port(struct conn *conn)
{
    return ask_map(conn, &(struct map_question){.interface = &echo_id, .max = 4});
}

static void bind_on(struct conn *conn, const struct ndr_syntax_id *interface)
{
    struct octets o = {0};
    struct bind bind = plain_bind();
    bind.offer[0] = plain_offer(0, interface);
    put_bind(&o, &bind);
    conn_talk(conn, &o);
}

// ---- actions

static void a_fault_comes_instead_of_the_call(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t id = inject(bench, RPC_INJECT_FAULT);
    ask(conn, 2);
    assert_fault(conn, BUSY, 0x23, 2, 0);
    assert_int_equal(bench_hits(bench, id), 1);
    assert_int_equal(bench_counter(bench, RPC_INJECTED), 1);
    assert_int_equal(bench_counter(bench, RPC_DROP_INJECTED), 1);
    clear(bench);
    assert_alive(conn);
}

static void a_call_that_is_never_answered_leaves_nothing_behind(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t id = inject(bench, RPC_INJECT_NEVER_ANSWER);
    for (uint32_t i = 0; i < 1000; i++)
        ask(conn, i);
    assert_no_answer(conn);
    assert_int_equal(bench_hits(bench, id), 1000);
    assert_int_equal(conn->association->deferred, 0);
    assert_int_equal(rpc_next_timer(bench->server), UINT64_MAX);
    clear(bench);
    assert_alive(conn);
    rpc_end_of_input(conn->association);
    conn_serve(conn);
    assert_closed(conn);
}

static void an_answer_carries_another_call_id(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    inject(*state, RPC_INJECT_WRONG_CALL_ID);
    ask(conn, 41);
    assert_response(conn, 42);
}

static void an_answer_comes_in_fragments_of_at_most_so_many_octets(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FRAGMENT);
    rule.fragment = 7; // of the 20 octets of ept_inq_object's answer
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    bench_inject(bench, &rule);
    ask(conn, 2);
    static const struct {
        uint8_t flags;
        uint32_t size, hint;
    } fragments[] = {{RPC_FIRST_FRAG, 7, 20}, {0, 7, 13}, {RPC_LAST_FRAG, 6, 6}};
    for (unsigned i = 0; i < ROWS(fragments); i++) {
        struct answer answer = conn_answer(conn);
        assert_int_equal(answer.flags, fragments[i].flags);
        assert_int_equal(answer.stub_size, fragments[i].size);
        assert_int_equal(answer.alloc_hint, fragments[i].hint);
        assert_memory_equal(answer.stub, bench->options.object.bytes + 7 * i,
                            i == 2 ? 2 : 7); // the status follows the 16 octets
    }
    assert_no_answer(conn);
    clear(bench);
    assert_alive(conn);
}

static void an_answer_too_large_for_its_small_fragments_gets_larger_ones(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FRAGMENT);
    rule.fragment = 1;
    bench_register(bench, &echo_id, 1000, 400); // some 60 KB in one answer
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    bench_inject(bench, &rule);
    struct lookup_question question = {.versions = 1, .max = 500};
    struct epm_answer answer = ask_lookup(conn, &question);
    assert_int_equal(answer.count, 400);
    assert_int_equal(answer.ports[399], 1399);
    assert_true(conn->out_size <= RPC_REPLY_MAX + 200);
    assert_true(conn->out_size > RPC_REPLY_MAX / 2);
}

static void an_answer_goes_out_byte_by_byte(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    inject(bench, RPC_INJECT_BYTE_PER_SEGMENT);
    ask(conn, 2);
    assert_response(conn, 2);
    assert_int_equal(conn->dribbles, 1);
    clear(bench);
    ask(conn, 3);
    assert_response(conn, 3);
    assert_int_equal(conn->dribbles, 1);
}

static void ept_map_answers_with_the_port_of_the_rule(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_STALE_PORT);
    rule.port = 9;
    bench_register(bench, &echo_id, 1000, 3);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t id = bench_inject(bench, &rule);
    struct epm_answer answer = ask_port(conn);
    assert_int_equal(answer.count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(answer.ports[i], 9);
    ask(conn, 1000); // of no ept_map: left alone
    assert_response(conn, 1000);
    assert_int_equal(bench_hits(bench, id), 1);
    clear(bench);
    assert_int_equal(ask_port(conn).ports[0], 1000); // the entry itself was not touched
}

static void a_bind_is_refused_with_the_reason_of_the_rule(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_BIND_NAK);
    rule.reason = 1;
    bench_inject(bench, &rule);
    struct conn *conn = conn_open(bench);
    bind_on(conn, &epmapper_id);
    assert_nak(conn, 1);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_INJECTED_BIND), 1);
    clear(bench);
    assert_alive(conn_open_bound(bench, RPC_WHOLE));
}

static void a_reset_follows_the_bind_ack(void **state)
{
    struct bench *bench = *state;
    uint32_t id = inject(bench, RPC_INJECT_RESET_AFTER_BIND_ACK);
    struct conn *conn = conn_open(bench);
    bind_on(conn, &epmapper_id);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    assert_true(conn->aborted);
    assert_int_equal(bench_hits(bench, id), 1);
}

// ---- delays

static void a_call_is_executed_and_answered_later(void **state)
{
    struct bench *bench = *state;
    bench_register(bench, &echo_id, 1000, 1);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    inject(bench, RPC_INJECT_DELAY);
    uint8_t out[512], tower[128];
    static const struct ndr_context_handle none;
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    ndr_epm_encode_map(&w, NULL, tower, tcp_tower(&echo_id, 135, tower), &none, 1);
    uint32_t call_id = epm_request(conn, NDR_EPM_MAP, &w);
    bench_time(bench, 499);
    assert_no_answer(conn);
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP), 0);
    bench_time(bench, 500);
    assert_int_equal(assert_response(conn, call_id).stub_size > 75, true);
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP_FOUND), 1);
    assert_open(conn);
}

static void a_delay_ends_with_its_own_time_even_when_the_rule_has_gone(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    inject(bench, RPC_INJECT_DELAY);
    ask(conn, 2);
    clear(bench);
    assert_no_answer(conn);
    bench_time(bench, 500);
    assert_response(conn, 2);
}

static void a_uniform_delay_lies_between_its_bounds(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_DELAY);
    rule.delay = RPC_INJECT_UNIFORM;
    rule.low_us = 1000, rule.high_us = 2000;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    bench_inject(bench, &rule);
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t begin = bench->server->now;
        ask(conn, i);
        uint64_t wait = rpc_next_timer(bench->server) - begin;
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        bench_time(bench, begin + wait);
        assert_response(conn, i);
    }
    assert_in_range(least, 1000, 1050);
    assert_in_range(most, 1950, 2000);
}

static void an_exponential_delay_has_the_mean_of_its_rule(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_DELAY);
    rule.delay = RPC_INJECT_EXPONENTIAL;
    rule.low_us = 1000;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    bench_inject(bench, &rule);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        uint64_t begin = bench->server->now;
        ask(conn, i);
        sum += rpc_next_timer(bench->server) - begin;
        bench_time(bench, rpc_next_timer(bench->server));
        assert_response(conn, i);
    }
    assert_in_range(sum / 2000, 930, 1070); // three deviations: 1000 / sqrt(2000) each
}

static void a_call_in_fragments_is_delayed_with_its_buffer(void **state)
{
    struct bench *bench = *state;
    static const uint8_t zeros[100];
    struct conn *conn = conn_open_bound(bench, MPX);
    inject(bench, RPC_INJECT_DELAY);
    struct request request = {
        .call_id = 2, .opnum = NDR_EPM_INQ_OBJECT, .stub = zeros, .stub_size = sizeof zeros};
    for (; request.call_id <= 3; request.call_id++) { // the second while the first waits
        request.flags = RPC_FIRST_FRAG;
        conn_request(conn, &request);
        request.flags = RPC_LAST_FRAG;
        conn_request(conn, &request);
    }
    assert_no_answer(conn);
    bench_time(bench, 500);
    assert_response(conn, 2);
    assert_response(conn, 3);
}

static void a_connection_that_ends_takes_delayed_calls_and_buffers_along(void **state)
{
    struct bench *bench = *state;
    static const uint8_t zeros[100];
    struct conn *conn = conn_open_bound(bench, MPX);
    inject(bench, RPC_INJECT_DELAY);
    ask(conn, 2);
    struct request request = {.call_id = 3,
                              .opnum = NDR_EPM_INQ_OBJECT,
                              .stub = zeros,
                              .stub_size = sizeof zeros,
                              .flags = RPC_FIRST_FRAG};
    conn_request(conn, &request);
    request.flags = RPC_LAST_FRAG;
    conn_request(conn, &request);
    conn_close(conn);
    assert_int_equal(rpc_next_timer(bench->server), UINT64_MAX);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHAN_REPLY), 2);
} // the teardown counts buffers

static void an_orphaned_delayed_call_is_not_answered(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, MPX);
    inject(bench, RPC_INJECT_DELAY);
    ask(conn, 2);
    struct octets o = {0};
    put_header(&o, RPC_ORPHANED, RPC_WHOLE, RPC_HEADER_SIZE, 2);
    conn_talk(conn, &o);
    assert_int_equal(rpc_next_timer(bench->server), UINT64_MAX);
    bench_time(bench, 1000);
    assert_no_answer(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHANED), 1);
}

static void a_delayed_call_without_room_is_tried_again(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    inject(bench, RPC_INJECT_DELAY);
    ask(conn, 2);
    conn->room = 10;
    bench_time(bench, 500);
    assert_no_answer(conn);
    conn->room = CONN_OUT_MAX;
    bench_time(bench, 1000000);
    assert_response(conn, 2);
}

static void delays_beyond_the_pool_find_the_server_too_busy(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, MPX);
    inject(bench, RPC_INJECT_DELAY);
    for (uint32_t i = 0; i <= BENCH_WAITING; i++)
        ask(conn, i);
    assert_fault(conn, BUSY, 0x03, BENCH_WAITING, 0);
    bench_time(bench, 500);
    for (uint32_t i = 0; i < BENCH_WAITING; i++)
        assert_response(conn, i);
}

// ---- matchers

static void a_rule_decides_only_about_its_interface(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FAULT);
    rule.has_interface = true;
    assert_true(rpc_inject_interface("mgmt", &rule.interface));
    bench_inject(bench, &rule);
    struct conn *mgmt = conn_open_interface(bench, &mgmt_id, RPC_WHOLE);
    struct conn *epmapper = conn_open_bound(bench, RPC_WHOLE);
    conn_request(mgmt, &(struct request){.flags = RPC_WHOLE, .call_id = 2, .opnum = 2});
    assert_fault(mgmt, BUSY, 0x23, 2, 0);
    ask(epmapper, 2);
    assert_response(epmapper, 2);
}

static void a_bind_rule_decides_only_about_its_interface(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_BIND_NAK);
    rule.has_interface = true;
    rule.interface = mgmt_id.uuid;
    bench_inject(bench, &rule);
    struct conn *mgmt = conn_open(bench);
    bind_on(mgmt, &mgmt_id);
    assert_nak(mgmt, 0);
    assert_alive(conn_open_bound(bench, RPC_WHOLE));
}

static void a_rule_decides_only_about_its_operation(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FAULT);
    rule.has_operation = true;
    rule.operation = NDR_EPM_INQ_OBJECT;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    bench_inject(bench, &rule);
    assert_int_equal(ask_port(conn).fault, 0);
    ask(conn, 2);
    assert_fault(conn, BUSY, 0x23, 2, 0);
}

static void a_rule_decides_only_about_its_sources(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_BIND_NAK);
    // 192.0.2.8/29
    rule.source = (struct rpc_prefix){
        .address = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 8}, .length = 96 + 29};
    bench_inject(bench, &rule);
    static const struct {
        uint8_t last_octet;
        bool refused;
    } rows[] = {{7, false}, {8, true}, {15, true}, {16, false}};
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open_from(bench, rows[i].last_octet, 135);
        bind_on(conn, &epmapper_id);
        assert_int_equal(conn_answer(conn).ptype, rows[i].refused ? RPC_BIND_NAK : RPC_BIND_ACK);
    }
}

static unsigned faults_of(struct bench *bench, uint32_t chance)
{
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FAULT);
    rule.chance = chance;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t id = bench_inject(bench, &rule);
    for (uint32_t i = 0; i < 1000; i++) {
        ask(conn, i);
        conn_answer(conn);
    }
    unsigned faults = (unsigned)bench_hits(bench, id);
    conn_close(conn);
    clear(bench);
    return faults;
}

static void a_rule_decides_as_often_as_its_chance_says(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(faults_of(bench, 0), 0);
    assert_int_equal(faults_of(bench, ALWAYS), 1000);
    assert_in_range(faults_of(bench, ALWAYS / 4), 200, 300);
    bench->server->inject_draws = 0;
    unsigned once = faults_of(bench, ALWAYS / 4);
    bench->server->inject_draws = 0;
    assert_int_equal(faults_of(bench, ALWAYS / 4), once); // the same numbers in every run
}

static void the_first_rule_that_matches_decides(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule never = rule_of(RPC_INJECT_NEVER_ANSWER);
    never.chance = 0;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t first = bench_inject(bench, &never);
    uint32_t second = inject(bench, RPC_INJECT_FAULT);
    uint32_t third = inject(bench, RPC_INJECT_WRONG_CALL_ID);
    ask(conn, 2);
    assert_fault(conn, BUSY, 0x23, 2, 0);
    assert_int_equal(bench_hits(bench, first), 0);
    assert_int_equal(bench_hits(bench, second), 1);
    assert_int_equal(bench_hits(bench, third), 0);
}

static void a_call_that_was_put_off_counts_once(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t id = inject(bench, RPC_INJECT_FAULT);
    conn->room = 0;
    ask(conn, 2);
    assert_int_equal(bench_hits(bench, id), 0);
    conn->room = CONN_OUT_MAX;
    rpc_unblock(conn->association);
    conn_serve(conn);
    assert_fault(conn, BUSY, 0x23, 2, 0);
    assert_int_equal(bench_hits(bench, id), 1);
}

// ---- the table

static void a_rule_is_removed_by_its_id_and_hits_begin_at_zero(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    for (unsigned round = 0; round < 3 * RPC_INJECT_MAX; round++) { // slots are used again
        uint32_t keep = inject(bench, RPC_INJECT_WRONG_CALL_ID);
        uint32_t gone = inject(bench, RPC_INJECT_FAULT);
        assert_int_equal(bench_hits(bench, keep), 0);
        ask(conn, 2);
        assert_response(conn, 3);
        assert_int_equal(rpc_inject_remove(bench->options.inject, keep), 1);
        assert_int_equal(rpc_inject_remove(bench->options.inject, keep), 0);
        bench_time(bench, 0);
        ask(conn, 2);
        assert_fault(conn, BUSY, 0x23, 2, 0);
        assert_int_equal(bench_hits(bench, gone), 1);
        clear(bench);
    }
    assert_null(bench->server->inject);
}

static void rules_are_bounded_in_number(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FAULT);
    for (unsigned i = 0; i < RPC_INJECT_MAX; i++)
        bench_inject(bench, &rule);
    assert_int_equal(rpc_inject_add(bench->options.inject, &rule), 0);
}

static void a_worker_that_lags_delays_changes_and_keeps_what_it_has(void **state)
{
    struct bench *bench = *state;
    struct rpc_inject_rule rule = rule_of(RPC_INJECT_FAULT);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    bench_inject(bench, &rule);
    assert_int_equal(rpc_inject_remove(bench->options.inject, 0), 1);
    assert_false(rpc_inject_applied(bench->options.inject));
    unsigned changes = 0;
    while (rpc_inject_add(bench->options.inject, &rule) != 0)
        changes++;
    assert_in_range(changes, 1, 4);
    assert_int_equal(rpc_inject_remove(bench->options.inject, 0), -1);
    ask(conn, 2); // by the rule that it took, though that was removed
    assert_fault(conn, BUSY, 0x23, 2, 0);
    bench_time(bench, 0);
    assert_true(rpc_inject_applied(bench->options.inject));
    clear(bench);
    assert_alive(conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_comes_instead_of_the_call),
        TEST(a_call_that_is_never_answered_leaves_nothing_behind),
        TEST(an_answer_carries_another_call_id),
        TEST(an_answer_comes_in_fragments_of_at_most_so_many_octets),
        TEST(an_answer_too_large_for_its_small_fragments_gets_larger_ones),
        TEST(an_answer_goes_out_byte_by_byte),
        TEST(ept_map_answers_with_the_port_of_the_rule),
        TEST(a_bind_is_refused_with_the_reason_of_the_rule),
        TEST(a_reset_follows_the_bind_ack),
        TEST(a_call_is_executed_and_answered_later),
        TEST(a_delay_ends_with_its_own_time_even_when_the_rule_has_gone),
        TEST(a_uniform_delay_lies_between_its_bounds),
        TEST(an_exponential_delay_has_the_mean_of_its_rule),
        TEST(a_call_in_fragments_is_delayed_with_its_buffer),
        TEST(a_connection_that_ends_takes_delayed_calls_and_buffers_along),
        TEST(an_orphaned_delayed_call_is_not_answered),
        TEST(a_delayed_call_without_room_is_tried_again),
        TEST(delays_beyond_the_pool_find_the_server_too_busy),
        TEST(a_rule_decides_only_about_its_interface),
        TEST(a_bind_rule_decides_only_about_its_interface),
        TEST(a_rule_decides_only_about_its_operation),
        TEST(a_rule_decides_only_about_its_sources),
        TEST(a_rule_decides_as_often_as_its_chance_says),
        TEST(the_first_rule_that_matches_decides),
        TEST(a_call_that_was_put_off_counts_once),
        TEST(a_rule_is_removed_by_its_id_and_hits_begin_at_zero),
        TEST(rules_are_bounded_in_number),
        TEST(a_worker_that_lags_delays_changes_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
