// Calls that are answered when their time has come, by an interface made for it: its one operation
// waits as many microseconds as it is told.
#include <string.h>

#include "harness.h"

enum { MPX = RPC_WHOLE | RPC_CONC_MPX, REFUSED = RPC_FAULT_BAD_STUB_DATA };

static uint32_t resume(struct rpc_server *server, uint64_t value, struct ndr_writer *reply)
{
    (void)server;
    if (value == 0)
        return REFUSED;
    ndr_write_u32(reply, (uint32_t)value);
    return RPC_SERVED;
}

static uint32_t nap_serve(struct rpc_server *server, struct rpc_call *call,
                          struct ndr_writer *reply)
{
    (void)reply;
    struct ndr_reader r = ndr_reader_init(rpc_call_stub(call));
    uint32_t duration = ndr_read_u32(&r);
    return rpc_defer(server, call, rpc_now(server) + duration, resume, duration);
}

static const struct rpc_operation operations[] = {{.name = "nap", .serve = nap_serve}};
static const struct rpc_interface nap = {
    .name = "nap",
    .id = {BASE_UUID(0x0a9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 0},
    .operations = operations,
    .operation_count = ROWS(operations),
};
static const struct rpc_interface *const interfaces[] = {&nap, NULL};

static struct conn *open_nap(struct bench *bench, uint8_t flags)
{
    bench_serve(bench, interfaces);
    return conn_open_interface(bench, &nap.id, flags);
}

static void ask(struct conn *conn, uint32_t call_id, uint32_t duration)
{
    conn_request(conn,
                 &(struct request){
                     .flags = RPC_WHOLE, .call_id = call_id, .stub = &duration, .stub_size = 4});
}

static void a_call_is_answered_when_its_time_has_come(void **state)
{
    struct conn *conn = open_nap(*state, RPC_WHOLE);
    bench_time(*state, 1000);
    ask(conn, 2, 500);
    bench_time(*state, 1499);
    assert_no_answer(conn);
    bench_time(*state, 1500);
    assert_int_equal(assert_response(conn, 2).stub[0], 500 & 0xff);
    assert_open(conn);
}

static void calls_that_wait_are_answered_in_the_order_of_their_times(void **state)
{
    struct conn *conn = open_nap(*state, MPX);
    static const uint32_t durations[BENCH_WAITING] = {300, 100, 400, 200};
    for (unsigned i = 0; i < BENCH_WAITING; i++)
        ask(conn, durations[i], durations[i]);
    bench_time(*state, 1000);
    for (uint32_t call_id = 100; call_id <= 400; call_id += 100)
        assert_response(conn, call_id);
}

static void the_next_timer_is_the_earliest_deadline(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_nap(bench, MPX);
    static const uint32_t durations[] = {300, 100, 200};
    static const uint64_t next[] = {300, 100, 100};
    for (unsigned i = 0; i < ROWS(durations); i++) {
        ask(conn, i, durations[i]);
        assert_int_equal(rpc_next_timer(bench->server), next[i]);
    }
    bench_time(bench, 250);
    assert_int_equal(rpc_next_timer(bench->server), 300);
    bench_time(bench, 300);
}

static void a_call_over_the_pool_finds_the_server_too_busy(void **state)
{
    struct conn *conn = open_nap(*state, MPX);
    for (uint32_t i = 0; i < BENCH_WAITING; i++)
        ask(conn, i, 100);
    ask(conn, 9, 100);
    assert_fault(conn, RPC_FAULT_SERVER_TOO_BUSY, 0x03, 9, 0);
    bench_time(*state, 100);
    for (uint32_t i = 0; i < BENCH_WAITING; i++)
        assert_response(conn, i);
    ask(conn, 9, 100);
    assert_no_answer(conn);
    bench_time(*state, 200);
    assert_response(conn, 9);
}

static void a_connection_that_ends_takes_its_waiting_calls_along(void **state)
{
    struct bench *bench = *state;
    struct conn *gone = open_nap(bench, MPX);
    struct conn *other = open_nap(bench, MPX);
    ask(gone, 1, 100);
    ask(other, 2, 100);
    ask(gone, 3, 50);
    conn_close(gone);
    struct conn *successor = open_nap(bench, MPX); // in the same row
    bench_time(bench, 100);
    assert_response(other, 2);
    assert_no_answer(successor);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHAN_REPLY), 2);
}

static void a_call_whose_connection_was_closed_is_dropped(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_nap(bench, MPX);
    ask(conn, 1, 100);
    struct octets o = {0};
    put_header(&o, RPC_AUTH3, RPC_WHOLE, RPC_HEADER_SIZE, 9);
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x23, 9, 0);
    bench_time(bench, 100);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHAN_REPLY), 1);
}

static void a_half_closed_connection_is_answered_before_it_ends(void **state)
{
    struct conn *conn = open_nap(*state, RPC_WHOLE);
    ask(conn, 1, 100);
    rpc_end_of_input(conn->association);
    conn_serve(conn);
    assert_open(conn);
    bench_time(*state, 100);
    assert_response(conn, 1);
    assert_closed(conn);
}

static void an_answer_without_room_comes_when_there_is_room(void **state)
{
    struct conn *conn = open_nap(*state, RPC_WHOLE);
    ask(conn, 1, 100);
    conn->room = 0;
    bench_time(*state, 100);
    assert_open(conn);
    conn->room = CONN_OUT_MAX;
    bench_time(*state, 1000000);
    assert_response(conn, 1);
}

static void a_call_may_end_in_a_fault(void **state)
{
    struct conn *conn = open_nap(*state, RPC_WHOLE);
    bench_time(*state, 5);
    ask(conn, 1, 0);
    assert_no_answer(conn);
    bench_time(*state, 5);
    assert_fault(conn, REFUSED, 0x03, 1, 0);
    assert_open(conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered_when_its_time_has_come),
        TEST(calls_that_wait_are_answered_in_the_order_of_their_times),
        TEST(the_next_timer_is_the_earliest_deadline),
        TEST(a_call_over_the_pool_finds_the_server_too_busy),
        TEST(a_connection_that_ends_takes_its_waiting_calls_along),
        TEST(a_call_whose_connection_was_closed_is_dropped),
        TEST(a_half_closed_connection_is_answered_before_it_ends),
        TEST(an_answer_without_room_comes_when_there_is_room),
        TEST(a_call_may_end_in_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
