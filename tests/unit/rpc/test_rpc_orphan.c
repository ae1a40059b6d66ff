// Calls that are answered later, and what becomes of them when the client gives them up or the
// server stops.
#include "harness_epm.h"

enum { MPX = RPC_WHOLE | RPC_CONC_MPX, WAIT_US = 100 };

static uint32_t resume(struct rpc_server *server, uint64_t value, struct ndr_writer *reply)
{
    (void)server;
    ndr_write_u32(reply, (uint32_t)value);
    return RPC_SERVED;
}

static uint32_t wait_serve(struct rpc_server *server, struct rpc_call *call,
                           struct ndr_writer *reply)
{
    (void)reply;
    return rpc_defer(server, call, rpc_now(server) + WAIT_US, resume, 0);
}

static const struct rpc_operation operations[] = {{.name = "wait", .serve = wait_serve}};
static const struct rpc_interface waiter = {
    .name = "waiter",
    .id = {BASE_UUID(0x3a17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 0},
    .operations = operations,
    .operation_count = ROWS(operations),
};
static const struct rpc_interface *const interfaces[] = {&waiter, &rpc_epmapper, NULL};

static struct conn *open_waiter(struct bench *bench, uint8_t flags)
{
    bench_serve(bench, interfaces);
    return conn_open_interface(bench, &waiter.id, flags);
}

static void ask(struct conn *conn, uint32_t call_id)
{
    conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = call_id});
}

static void send(struct conn *conn, uint8_t ptype, uint32_t call_id)
{
    struct octets o = {0};
    put_header(&o, ptype, RPC_WHOLE, RPC_HEADER_SIZE, call_id);
    conn_talk(conn, &o);
}

static uint32_t send_insert(struct conn *conn, uint16_t port)
{
    static uint8_t out[1024];
    static const uint32_t no_replace = 0;
    uint8_t tower[128];
    const struct ndr_epm_entry entry = {
        .tower = tower, .tower_size = tcp_tower(&echo_id, port, tower), .annotation = ""};
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    ndr_epm_encode_entries(&w, &entry, 1, &no_replace);
    conn->bench->server->options.allow_count = 1; // ::/0
    return epm_request(conn, NDR_EPM_INSERT, &w);
}

// ---- orphaned and co_cancel

static void an_orphaned_call_that_waits_is_not_answered(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_waiter(bench, MPX);
    ask(conn, 2);
    ask(conn, 3);
    send(conn, RPC_ORPHANED, 2);
    bench_time(bench, WAIT_US);
    assert_response(conn, 3);
    assert_no_answer(conn);
    assert_open(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHANED), 1);
}

static void another_call_follows_an_orphaned_one_without_multiplexing(void **state)
{
    struct conn *conn = open_waiter(*state, RPC_WHOLE);
    ask(conn, 2);
    send(conn, RPC_ORPHANED, 2);
    ask(conn, 3);
    bench_time(*state, WAIT_US);
    assert_response(conn, 3);
    assert_open(conn);
}

static void an_orphaned_change_is_carried_out_but_not_answered(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, MPX);
    uint32_t call_id = send_insert(conn, 1024);
    send(conn, RPC_ORPHANED, call_id);
    bench_complete_changes(bench);
    assert_no_answer(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHANED), 1);
    assert_int_equal(ask_map(conn, &(struct map_question){&echo_id, NULL, {0}, 1}).count, 1);
}

// The same call id as one that was answered, and as one of another connection.
static void orphaned_names_a_call_of_its_own_connection_under_way(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, MPX), *other = conn_open_bound(bench, MPX);
    uint32_t call_id = send_insert(conn, 1024);
    send(other, RPC_ORPHANED, call_id);
    bench_complete_changes(bench);
    assert_response(conn, call_id);
    send(conn, RPC_ORPHANED, call_id);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHANED), 0);
    assert_int_equal(bench_counter(bench, RPC_CANCELS), 2);
    assert_alive(conn);
}

static void a_cancelled_call_is_answered_all_the_same(void **state)
{
    struct conn *conn = open_waiter(*state, MPX);
    ask(conn, 2);
    send(conn, RPC_CO_CANCEL, 2);
    bench_time(*state, WAIT_US);
    assert_response(conn, 2);
}

// ---- no room for the answer

static void the_answer_to_a_change_waits_for_room(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, MPX);
    uint32_t call_id = send_insert(conn, 1024);
    conn->room = 27; // one octet less than the answer
    bench_complete_changes(bench);
    assert_no_answer(conn);
    assert_open(conn);
    conn->room = CONN_OUT_MAX;
    bench_time(bench, 1);
    assert_response(conn, call_id);
    assert_int_equal(bench_counter(bench, RPC_DROP_NO_ROOM), 0);
}

static void a_connection_may_end_while_an_answer_waits_for_room(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, MPX);
    send_insert(conn, 1024);
    conn->room = 0;
    bench_complete_changes(bench);
    conn_close(conn);
    bench_time(bench, 1);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHAN_REPLY), 1);
}

// ---- the server stops

static void assert_shutdown(struct conn *conn)
{
    struct answer answer = conn_answer(conn);
    assert_int_equal(answer.ptype, RPC_SHUTDOWN);
    assert_int_equal(answer.flags, RPC_WHOLE);
    assert_int_equal(answer.size, RPC_HEADER_SIZE);
    assert_int_equal(answer.call_id, 0);
}

static void a_stop_ends_an_idle_connection_at_once(void **state)
{
    struct bench *bench = *state;
    struct conn *bound = conn_open_bound(bench, RPC_WHOLE), *fresh = conn_open(bench);
    rpc_stop(bench->server);
    assert_shutdown(bound);
    assert_closed(bound);
    assert_no_answer(fresh); // it has no association yet that could be shut down
    assert_closed(fresh);
}

static void a_stop_without_room_for_a_shutdown_ends_the_connection(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    conn->room = RPC_HEADER_SIZE - 1;
    rpc_stop(bench->server);
    assert_no_answer(conn);
    assert_closed(conn);
}

static void a_stop_ends_a_connection_when_its_calls_are_answered(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_waiter(bench, MPX);
    ask(conn, 2);
    rpc_stop(bench->server);
    assert_open(conn);
    bench_time(bench, WAIT_US);
    assert_response(conn, 2);
    assert_shutdown(conn);
    assert_closed(conn);
}

static void a_stopping_server_takes_neither_calls_nor_connections(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_waiter(bench, MPX);
    ask(conn, 2);
    rpc_stop(bench->server);
    ask(conn, 3);
    const struct rpc_peer peer = {.local_port = 135};
    assert_null(rpc_open(bench->server, conn, &peer));
    bench_time(bench, WAIT_US);
    assert_response(conn, 2);
    assert_shutdown(conn);
    assert_no_answer(conn);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_PARTIAL), 0);
}

static void a_shutdown_does_not_wait_for_answers(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_waiter(bench, MPX);
    ask(conn, 2);
    rpc_shutdown(bench->server);
    assert_closed(conn);
    bench_time(bench, WAIT_US);
    assert_no_answer(conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_orphaned_call_that_waits_is_not_answered),
        TEST(another_call_follows_an_orphaned_one_without_multiplexing),
        TEST(an_orphaned_change_is_carried_out_but_not_answered),
        TEST(orphaned_names_a_call_of_its_own_connection_under_way),
        TEST(a_cancelled_call_is_answered_all_the_same),
        TEST(the_answer_to_a_change_waits_for_room),
        TEST(a_connection_may_end_while_an_answer_waits_for_room),
        TEST(a_stop_ends_an_idle_connection_at_once),
        TEST(a_stop_without_room_for_a_shutdown_ends_the_connection),
        TEST(a_stop_ends_a_connection_when_its_calls_are_answered),
        TEST(a_stopping_server_takes_neither_calls_nor_connections),
        TEST(a_shutdown_does_not_wait_for_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
