// Peers that do not read: calls are put off in the stream and cut again when there is room.
#include <string.h>

#include "harness.h"

enum { PDU = RPC_REQUEST_HEADER_SIZE, ANSWER = RPC_RESPONSE_HEADER_SIZE + 20 };

static void put_call(struct octets *o, uint8_t flags, uint32_t call_id, uint16_t opnum,
                     const char *stub_hex)
{
    struct octets stub = {0};
    put_hex(&stub, stub_hex);
    put_request(o, &(struct request){.flags = flags,
                                     .call_id = call_id,
                                     .opnum = opnum,
                                     .stub = stub.bytes,
                                     .stub_size = stub.size});
}

// ept_inq_object, answered aside, and an ept_map of a null tower, answered in place.
static void put_inq_object(struct octets *o, uint32_t call_id)
{
    put_call(o, RPC_WHOLE, call_id, NDR_EPM_INQ_OBJECT, "");
}

static void put_map(struct octets *o, uint32_t call_id)
{
    put_call(o, RPC_WHOLE, call_id, NDR_EPM_MAP,
             "00000000 00000000 00000000 00000000 00000000 00000000 00000000 01000000");
}

static void make_room(struct conn *conn, uint32_t room)
{
    conn->room = room;
    rpc_unblock(conn->association);
    conn_serve(conn);
}

static void a_call_without_room_is_put_off_and_answered_later(void **state)
{
    struct bench *bench = *state;
    void (*const kinds[])(struct octets *, uint32_t) = {put_inq_object, put_map};
    for (unsigned i = 0; i < ROWS(kinds); i++) {
        struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
        struct octets o = {0};
        kinds[i](&o, 7);
        conn->room = 0;
        conn_talk(conn, &o);
        assert_open(conn);
        assert_int_equal(conn->in_size, o.size); // nothing given up
        assert_int_equal(rpc_offset(conn->association), 0);
        assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_BLOCKED);
        make_room(conn, CONN_OUT_MAX);
        assert_response(conn, 7);
        assert_int_equal(conn->in_size, 0);
    }
    assert_int_equal(bench_counter(bench, RPC_BLOCKED), 2);
    assert_int_equal(bench_counter(bench, RPC_CALLS), 2);
}

// A short answer does not wait until the longest one would fit.
static void a_call_is_answered_when_there_is_room_for_its_answer(void **state)
{
    static const struct {
        uint16_t opnum;
        const char *stub;
        uint32_t room;
    } rows[] = {
        {NDR_EPM_INQ_OBJECT, "", ANSWER},
        {NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000 00000000 00000000 00000000", ANSWER + 4},
        {NDR_EPM_MAP, "00", RPC_FAULT_SIZE},
        {NDR_EPM_INSERT, "00", RPC_FAULT_SIZE},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
        struct octets o = {0};
        put_call(&o, RPC_WHOLE, 7, rows[i].opnum, rows[i].stub);
        conn->room = rows[i].room - 1;
        conn_talk(conn, &o);
        assert_no_answer(conn);
        make_room(conn, rows[i].room);
        assert_int_equal(conn_answer(conn).call_id, 7);
        assert_open(conn);
    }
}

static void calls_behind_one_put_off_keep_their_order(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    for (uint32_t i = 0; i < 6; i++)
        i % 2 ? put_inq_object(&o, i) : put_map(&o, i);
    conn->room = RPC_RESPONSE_HEADER_SIZE + 40; // for the first map alone
    conn_talk(conn, &o);
    assert_response(conn, 0);
    assert_open(conn);
    assert_int_equal(conn->in_size, o.size - (PDU + 32));
    make_room(conn, RPC_REPLY_MAX); // for the next, which is answered aside, alone
    conn->room = 0;
    make_room(conn, CONN_OUT_MAX);
    for (uint32_t i = 1; i < 6; i++)
        assert_response(conn, i);
    assert_open(conn);
    assert_int_equal(conn->in_size, 0);
}

static void a_connection_that_is_put_off_holds_nobody_else_up(void **state)
{
    struct conn *slow = conn_open_bound(*state, RPC_WHOLE);
    struct conn *quick = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    put_inq_object(&o, 1);
    put_inq_object(&o, 2);
    slow->room = 0;
    conn_send(slow, o.bytes, o.size);
    conn_send(quick, o.bytes, o.size);
    conn_offer(slow, UINT32_MAX);
    conn_offer(quick, UINT32_MAX);
    conn_offer(slow, UINT32_MAX);
    conn_offer(quick, UINT32_MAX);
    assert_int_equal(bench_run(*state), 4);
    assert_response(quick, 1);
    assert_response(quick, 2);
    assert_open(slow);
    assert_int_equal(slow->in_size, o.size);
    make_room(slow, CONN_OUT_MAX);
    assert_response(slow, 1);
    assert_response(slow, 2);
}

static void fragments_behind_a_call_put_off_come_again(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    struct octets o = {0};
    put_inq_object(&o, 1);
    put_call(&o, RPC_FIRST_FRAG, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000");
    put_call(&o, 0, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000");
    conn->room = 0;
    conn_talk(conn, &o);
    assert_null(conn->association->reassembly);
    assert_int_equal(conn->in_size, o.size);
    make_room(conn, CONN_OUT_MAX);
    assert_response(conn, 1);
    assert_int_equal(conn->association->reassembly->size, 16);
    o.size = 0;
    put_call(&o, RPC_LAST_FRAG, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000");
    conn_talk(conn, &o);
    assert_int_equal(assert_response(conn, 2).stub_size, 24);
}

static void a_reassembled_call_put_off_keeps_its_first_fragments(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets first = {0}, last = {0};
    put_call(&first, RPC_FIRST_FRAG, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000 00000000");
    put_call(&last, RPC_LAST_FRAG, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000");
    put_inq_object(&last, 3);
    conn->room = 0;
    conn_talk(conn, &first);
    assert_int_equal(conn->in_size, 0);
    conn_talk(conn, &last);
    assert_open(conn);
    assert_int_equal(conn->in_size, last.size);
    assert_int_equal(conn->association->reassembly->size, 12);
    assert_false(conn->association->reassembly->complete);
    make_room(conn, CONN_OUT_MAX);
    assert_response(conn, 2);
    assert_response(conn, 3);
}

static void a_call_and_a_reassembled_one_behind_it_are_both_put_off(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    put_inq_object(&o, 1);
    put_call(&o, RPC_FIRST_FRAG, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000 00000000");
    put_call(&o, RPC_LAST_FRAG, 2, NDR_EPM_LOOKUP_HANDLE_FREE, "00000000 00000000");
    conn->room = 0;
    conn_talk(conn, &o);
    assert_int_equal(conn->in_size, o.size);
    assert_null(conn->association->reassembly);
    make_room(conn, CONN_OUT_MAX);
    assert_response(conn, 1);
    assert_response(conn, 2);
}

static void faults_that_leave_the_connection_wait_for_room(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    put_call(&o, RPC_WHOLE, 1, 99, "");
    put_request(&o, &(struct request){.flags = RPC_WHOLE, .call_id = 2, .context_id = 99});
    conn->room = 0;
    conn_talk(conn, &o);
    assert_open(conn);
    assert_int_equal(conn->in_size, o.size);
    make_room(conn, CONN_OUT_MAX);
    assert_fault(conn, RPC_FAULT_OP_RANGE, 0x23, 1, 0);
    assert_fault(conn, RPC_FAULT_UNKNOWN_INTERFACE, 0x23, 2, 0);
    assert_alive(conn);
}

static void a_fault_for_a_fragmented_call_waits_for_room_with_its_fragments(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    put_call(&o, RPC_FIRST_FRAG, 1, 99, "00000000");
    put_call(&o, RPC_LAST_FRAG, 1, 99, "00000000");
    conn->room = 0;
    conn_talk(conn, &o);
    assert_open(conn);
    assert_int_equal(conn->association->reassembly->size, 4); // the last one comes again
    make_room(conn, CONN_OUT_MAX);
    assert_fault(conn, RPC_FAULT_OP_RANGE, 0x23, 1, 0);
    assert_alive(conn);
}

static void an_alter_context_waits_for_room(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    put_bind(&o, &alter);
    conn->room = 0;
    conn_talk(conn, &o);
    assert_open(conn);
    assert_int_equal(conn->in_size, o.size);
    make_room(conn, CONN_OUT_MAX);
    assert_int_equal(conn_answer(conn).ptype, RPC_ALTER_CONTEXT_RESP);
    assert_alive(conn);
}

// ---- ends

static void a_half_closed_connection_ends_when_its_calls_are_answered(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    put_inq_object(&o, 1);
    conn->room = 0;
    rpc_end_of_input(conn->association);
    conn_talk(conn, &o);
    assert_open(conn);
    make_room(conn, CONN_OUT_MAX);
    assert_response(conn, 1);
    assert_closed(conn);
}

static void a_half_closed_connection_without_calls_ends_at_once(void **state)
{
    struct conn *unbound = conn_open(*state), *bound = conn_open_bound(*state, RPC_WHOLE);
    rpc_end_of_input(unbound->association);
    conn_serve(unbound);
    assert_closed(unbound);
    rpc_end_of_input(bound->association);
    conn_serve(bound);
    assert_closed(bound);
}

static void input_that_ends_inside_a_pdu_is_counted(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    struct octets o = {0};
    put_inq_object(&o, 1);
    put_inq_object(&o, 2);
    o.size -= 1;
    rpc_end_of_input(conn->association);
    conn_talk(conn, &o);
    assert_response(conn, 1);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_PARTIAL), 1);
}

static void a_shutdown_ends_every_connection_once(void **state)
{
    struct bench *bench = *state;
    struct conn *conns[] = {conn_open(bench), conn_open_bound(bench, RPC_WHOLE),
                            conn_open_bound(bench, RPC_WHOLE)};
    rpc_end_of_input(conns[2]->association);
    conn_serve(conns[2]);
    rpc_shutdown(bench->server);
    rpc_shutdown(bench->server);
    for (unsigned i = 0; i < ROWS(conns); i++)
        assert_closed(conns[i]);
}

static void a_connection_over_the_limit_is_not_opened(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < BENCH_CONNS; i++)
        conn_open(bench);
    const struct rpc_peer peer = {.local_port = 135};
    assert_null(rpc_open(bench->server, NULL, &peer));
    assert_int_equal(bench_counter(bench, RPC_ASSOCIATIONS), BENCH_CONNS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_without_room_is_put_off_and_answered_later),
        TEST(a_call_is_answered_when_there_is_room_for_its_answer),
        TEST(calls_behind_one_put_off_keep_their_order),
        TEST(a_connection_that_is_put_off_holds_nobody_else_up),
        TEST(fragments_behind_a_call_put_off_come_again),
        TEST(a_reassembled_call_put_off_keeps_its_first_fragments),
        TEST(a_call_and_a_reassembled_one_behind_it_are_both_put_off),
        TEST(faults_that_leave_the_connection_wait_for_room),
        TEST(a_fault_for_a_fragmented_call_waits_for_room_with_its_fragments),
        TEST(an_alter_context_waits_for_room),
        TEST(a_half_closed_connection_ends_when_its_calls_are_answered),
        TEST(a_half_closed_connection_without_calls_ends_at_once),
        TEST(input_that_ends_inside_a_pdu_is_counted),
        TEST(a_shutdown_ends_every_connection_once),
        TEST(a_connection_over_the_limit_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
