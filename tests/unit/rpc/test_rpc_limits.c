// Time-outs, calls in flight and the object UUID of a request.
#include "harness_epm.h"

enum { MPX = RPC_WHOLE | RPC_CONC_MPX, HALF = 5000000, IDLE = 60000000 };

static void put_call(struct octets *o, uint8_t flags, uint32_t call_id)
{
    put_request(o,
                &(struct request){.flags = flags, .call_id = call_id, .opnum = NDR_EPM_INQ_OBJECT});
}

static void talk_call(struct conn *conn, uint8_t flags, uint32_t call_id)
{
    struct octets o = {0};
    put_call(&o, flags, call_id);
    conn_talk(conn, &o);
}

static struct conn *open_timed(struct bench *bench)
{
    bench->server->options.half_pdu_timeout = HALF;
    return conn_open_bound(bench, RPC_WHOLE);
}

// ---- half a PDU, half a call

static void half_a_pdu_ends_the_connection_after_a_while(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_timed(bench);
    struct octets o = {0};
    put_call(&o, RPC_WHOLE, 2);
    bench_time(bench, 1000);
    conn_send(conn, o.bytes, 10);
    conn_serve(conn);
    bench_time(bench, 1000 + HALF - 1);
    assert_open(conn);
    bench_time(bench, 1000 + HALF);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_HALF_PDU), 1);
}

static void more_octets_of_the_same_pdu_win_no_time(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_timed(bench);
    struct octets o = {0};
    put_call(&o, RPC_WHOLE, 2);
    for (uint32_t i = 0; i < 10; i++) {
        conn_send(conn, o.bytes + i, 1);
        conn_serve(conn);
        bench_time(bench, (i + 1) * (HALF / 10));
    }
    assert_closed(conn);
}

static void the_rest_of_a_pdu_in_time_saves_the_connection(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_timed(bench);
    struct octets o = {0};
    put_call(&o, RPC_WHOLE, 2);
    conn_send(conn, o.bytes, 10);
    conn_serve(conn);
    bench_time(bench, HALF - 1);
    conn_send(conn, o.bytes + 10, o.size - 10);
    conn_serve(conn);
    assert_response(conn, 2);
    assert_int_equal(rpc_next_timer(bench->server), UINT64_MAX);
    bench_time(bench, 10 * HALF);
    assert_open(conn);
}

// Each turn ends within a PDU, but the calls go on.
static void a_stream_that_gets_on_is_not_ended(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_timed(bench);
    struct octets o = {0};
    put_call(&o, RPC_WHOLE, 2);
    conn_send(conn, o.bytes, 10);
    for (unsigned i = 0; i < 20; i++) {
        conn_send(conn, o.bytes + 10, o.size - 10);
        conn_send(conn, o.bytes, 10);
        conn_serve(conn);
        assert_response(conn, 2);
        bench_time(bench, (i + 1) * (HALF / 2));
        assert_open(conn);
    }
}

static void half_a_call_ends_the_connection_and_gives_its_buffer_back(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_timed(bench);
    talk_call(conn, RPC_FIRST_FRAG, 2);
    for (unsigned i = 1; i < 5; i++) {
        bench_time(bench, i * (HALF / 5));
        talk_call(conn, 0, 2); // more fragments win no time
    }
    assert_open(conn);
    bench_time(bench, HALF);
    assert_closed(conn);
    assert_null(conn->association->reassembly);
}

static void a_call_completed_in_time_saves_the_connection(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_timed(bench);
    talk_call(conn, RPC_FIRST_FRAG, 2);
    bench_time(bench, HALF - 1);
    talk_call(conn, RPC_LAST_FRAG, 2);
    assert_response(conn, 2);
    bench_time(bench, 10 * HALF);
    assert_open(conn);
}

static void without_a_limit_half_a_pdu_may_wait(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    conn_send(conn, "\5", 1);
    conn_serve(conn);
    bench_time(bench, UINT64_C(1) << 60);
    assert_open(conn);
}

// ---- idle

static void an_idle_connection_is_ended(void **state)
{
    struct bench *bench = *state;
    bench->server->options.idle_timeout = IDLE;
    struct conn *bound = conn_open_bound(bench, RPC_WHOLE), *fresh = conn_open(bench);
    bench_time(bench, IDLE - 1);
    assert_open(bound);
    assert_open(fresh);
    bench_time(bench, IDLE);
    assert_closed(bound);
    assert_closed(fresh);
    assert_int_equal(bench_counter(bench, RPC_DROP_IDLE), 2);
}

static void input_keeps_a_connection_from_being_idle(void **state)
{
    struct bench *bench = *state;
    bench->server->options.idle_timeout = IDLE;
    struct conn *busy = conn_open_bound(bench, RPC_WHOLE), *idle = conn_open_bound(bench, 3);
    for (unsigned i = 1; i <= 4; i++) {
        bench_time(bench, i * (IDLE / 2));
        assert_alive(busy);
    }
    assert_closed(idle);
    assert_int_equal(rpc_next_timer(bench->server), 3u * IDLE);
}

static void a_connection_that_waits_for_an_answer_is_not_idle(void **state)
{
    struct bench *bench = *state;
    bench->server->options.idle_timeout = IDLE;
    struct conn *conn = conn_open_bound(bench, MPX);
    conn->association->deferred = 1;
    bench_time(bench, IDLE);
    assert_open(conn);
    conn->association->deferred = 0;
    bench_time(bench, 2 * IDLE);
    assert_closed(conn);
}

// ---- calls in flight

static void a_call_over_the_limit_finds_the_server_too_busy(void **state)
{
    struct bench *bench = *state;
    bench->server->options.calls = 2;
    struct conn *conn = conn_open_bound(bench, MPX);
    conn->association->deferred = 2;
    talk_call(conn, RPC_WHOLE, 5);
    assert_fault(conn, RPC_FAULT_SERVER_TOO_BUSY, 0x23, 5, 0);
    talk_call(conn, RPC_FIRST_FRAG, 6);
    talk_call(conn, RPC_LAST_FRAG, 6);
    assert_fault(conn, RPC_FAULT_SERVER_TOO_BUSY, 0x23, 6, 0);
    assert_null(conn->association->reassembly);
    assert_int_equal(bench_counter(bench, RPC_DROP_CALLS), 2);
    conn->association->deferred = 0;
    assert_alive(conn);
}

// They are answered first, and then there is room.
static void calls_of_one_batch_do_not_run_into_the_limit(void **state)
{
    struct bench *bench = *state;
    bench->server->options.calls = 2;
    struct conn *conn = conn_open_bound(bench, MPX);
    struct octets o = {0};
    for (uint32_t id = 1; id <= 5; id++)
        put_call(&o, RPC_WHOLE, id);
    conn_talk(conn, &o);
    for (uint32_t id = 1; id <= 5; id++)
        assert_response(conn, id);
    assert_int_equal(bench_counter(bench, RPC_DROP_CALLS), 0);
}

// ---- object UUID

static struct base_uuid seen;

static uint32_t object_serve(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply)
{
    (void)server;
    (void)reply;
    seen = *rpc_call_object(call);
    return RPC_SERVED;
}

static const struct rpc_operation operations[] = {{.name = "object", .serve = object_serve}};
static const struct rpc_interface objects = {
    .name = "objects",
    .id = {BASE_UUID(0x0b1ec7, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 0},
    .operations = operations,
    .operation_count = ROWS(operations),
};
static const struct rpc_interface *const interfaces[] = {&objects, NULL};

static void put_object_call(struct octets *o, uint8_t flags, const struct base_uuid *object)
{
    struct base_uuid uuid = *object;
    if (o->big_endian)
        base_uuid_swap(&uuid);
    put_request(o, &(struct request){.flags = (uint8_t)(flags | RPC_OBJECT_UUID),
                                     .call_id = 2,
                                     .stub = uuid.bytes,
                                     .stub_size = sizeof uuid.bytes});
}

static void an_operation_sees_the_object_of_its_request(void **state)
{
    static const struct base_uuid object =
        BASE_UUID(0x01020304, 0x0506, 0x0708, 9, 10, 11, 12, 13, 14, 15, 16);
    static const struct base_uuid other = BASE_UUID(0x11, 0, 0, 9, 10, 11, 12, 13, 14, 15, 16);
    bench_serve(*state, interfaces);
    struct conn *conn = conn_open_interface(*state, &objects.id, RPC_WHOLE);
    for (unsigned big_endian = 0; big_endian < 2; big_endian++) {
        struct octets o = {.big_endian = big_endian};
        put_object_call(&o, RPC_WHOLE, &object);
        conn_talk(conn, &o);
        assert_response(conn, 2);
        assert_true(base_uuid_equal(&seen, &object));
        talk_call(conn, RPC_WHOLE, 3); // operation 5: not there
        assert_fault(conn, RPC_FAULT_OP_RANGE, 0x23, 3, 0);
        conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 4});
        assert_response(conn, 4);
        assert_true(base_uuid_is_nil(&seen));
        o.size = 0; // of several fragments, that of the first
        put_object_call(&o, RPC_FIRST_FRAG, &object);
        put_object_call(&o, RPC_LAST_FRAG, &other);
        conn_talk(conn, &o);
        assert_response(conn, 2);
        assert_true(base_uuid_equal(&seen, &object));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(half_a_pdu_ends_the_connection_after_a_while),
        TEST(more_octets_of_the_same_pdu_win_no_time),
        TEST(the_rest_of_a_pdu_in_time_saves_the_connection),
        TEST(a_stream_that_gets_on_is_not_ended),
        TEST(half_a_call_ends_the_connection_and_gives_its_buffer_back),
        TEST(a_call_completed_in_time_saves_the_connection),
        TEST(without_a_limit_half_a_pdu_may_wait),
        TEST(an_idle_connection_is_ended),
        TEST(input_keeps_a_connection_from_being_idle),
        TEST(a_connection_that_waits_for_an_answer_is_not_idle),
        TEST(a_call_over_the_limit_finds_the_server_too_busy),
        TEST(calls_of_one_batch_do_not_run_into_the_limit),
        TEST(an_operation_sees_the_object_of_its_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
