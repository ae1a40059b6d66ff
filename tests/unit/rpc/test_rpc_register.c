// The changing operations of the endpoint mapper: who may, and how they are answered later.
#include <string.h>

#include "harness_epm.h"

enum { CANT_PERFORM_OP = 0x6d8, MPX = RPC_WHOLE | RPC_CONC_MPX };

static void allow(struct bench *bench, const char *address, uint8_t length)
{
    struct octets o = {0};
    put_hex(&o, address);
    assert_int_equal(o.size, 16);
    memcpy(bench->allow.address, o.bytes, 16);
    bench->allow.length = length;
    bench->server->options.allow_count = 1;
}

static void allow_all(struct bench *bench)
{
    allow(bench, "00000000 00000000 00000000 00000000", 0);
}

static uint32_t send_entry(struct conn *conn, uint16_t opnum, uint16_t port)
{
    static uint8_t out[1024];
    static const uint32_t no_replace = 0;
    uint8_t tower[128];
    const struct ndr_epm_entry entry = {.tower = tower,
                                        .tower_size = tcp_tower(&echo_id, port, tower),
                                        .annotation = "over the network",
                                        .annotation_size = 16};
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    ndr_epm_encode_entries(&w, &entry, 1, opnum == NDR_EPM_INSERT ? &no_replace : NULL);
    return epm_request(conn, opnum, &w);
}

static uint32_t send_mgmt_delete(struct conn *conn, uint16_t port)
{
    static uint8_t out[1024];
    uint8_t tower[128];
    uint32_t size = tcp_tower(&echo_id, port, tower);
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    ndr_write_u32(&w, 0);     // object_speced
    ndr_write_pointer(&w, 0); // object
    ndr_write_pointer(&w, 1); // tower
    ndr_write_count(&w, size);
    ndr_write_u32(&w, size);
    ndr_write_bytes(&w, tower, size);
    return epm_request(conn, NDR_EPM_MGMT_DELETE, &w);
}

static void assert_status(struct conn *conn, uint32_t call_id, uint32_t status)
{
    struct answer a = assert_response(conn, call_id);
    const struct ndr_stub stub = {.data = a.stub, .size = a.stub_size};
    uint32_t found;
    assert_int_equal(a.stub_size, 4);
    assert_true(ndr_epm_decode_status_reply(&stub, &found));
    assert_int_equal(found, status);
}

// ---- who may

static void changes_are_refused_unless_they_are_allowed(void **state)
{
    struct bench *bench = *state;
    static const uint16_t opnums[] = {NDR_EPM_INSERT, NDR_EPM_DELETE};
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(opnums); i++) {
        uint32_t call_id = send_entry(conn, opnums[i], 1024);
        assert_fault(conn, CANT_PERFORM_OP, 0x03, call_id, 0);
    }
    uint32_t call_id = send_mgmt_delete(conn, 1024);
    assert_fault(conn, CANT_PERFORM_OP, 0x03, call_id, 0);
    assert_int_equal(bench_counter(bench, RPC_DROP_DENIED), 3);
    assert_int_equal(bench->submitted_count, 0);
    assert_alive(conn);
}

static void the_prefix_decides_who_may(void **state)
{
    static const struct {
        const char *address;
        uint8_t length;
        bool allowed; // 192.0.2.1
    } rows[] = {
        {"00000000 00000000 0000ffff c0000201", 128, true},
        {"00000000 00000000 0000ffff c0000202", 128, false},
        {"00000000 00000000 0000ffff c0000200", 127, true},
        {"00000000 00000000 0000ffff c0000202", 127, false},
        {"00000000 00000000 0000ffff c0000200", 120, true},
        {"00000000 00000000 0000ffff c0000300", 120, false},
        {"00000000 00000000 0000ffff c00002ff", 120, true},
        {"00000000 00000000 0000ffff c0000280", 121, false},
        {"00000000 00000000 0000ffff 00000000", 96, true},
        {"00000000 00000000 0000fffe 00000000", 96, false},
        {"ffffffff ffffffff ffffffff ffffffff", 0, true},
        {"80000000 00000000 00000000 00000000", 1, false},
    };
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        allow(*state, rows[i].address, rows[i].length);
        uint32_t call_id = send_entry(conn, NDR_EPM_DELETE, 1024);
        bench_complete_changes(*state);
        if (rows[i].allowed)
            assert_status(conn, call_id, NDR_EPM_STATUS_NOT_REGISTERED);
        else
            assert_fault(conn, CANT_PERFORM_OP, 0x03, call_id, 0);
    }
}

// ---- answered when complete

static void an_insert_is_answered_when_it_is_complete_and_found_then(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t call_id = send_entry(conn, NDR_EPM_INSERT, 1024);
    assert_no_answer(conn);
    assert_int_equal(bench->submitted_count, 1);
    assert_int_equal(bench_counter(bench, RPC_DEFERRED_CALLS), 1);
    bench_complete_changes(bench);
    assert_status(conn, call_id, 0);
    struct epm_answer a = ask_map(conn, &(struct map_question){&echo_id, NULL, {0}, 1});
    assert_int_equal(a.ports[0], 1024);
}

static void a_delete_takes_back_what_an_insert_put(void **state)
{
    allow_all(*state);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    static const struct {
        uint16_t opnum;
        uint32_t status;
    } rows[] = {
        {NDR_EPM_INSERT, 0}, {NDR_EPM_DELETE, 0}, {NDR_EPM_DELETE, NDR_EPM_STATUS_NOT_REGISTERED}};
    for (unsigned i = 0; i < ROWS(rows); i++) {
        uint32_t call_id = send_entry(conn, rows[i].opnum, 1024);
        bench_complete_changes(*state);
        assert_status(conn, call_id, rows[i].status);
    }
}

static void a_mgmt_delete_removes_what_matches(void **state)
{
    allow_all(*state);
    bench_register(*state, &echo_id, 1024, 2);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    uint32_t call_id = send_mgmt_delete(conn, 1024);
    bench_complete_changes(*state);
    assert_status(conn, call_id, 0);
    struct epm_answer a = ask_map(conn, &(struct map_question){&echo_id, NULL, {0}, 9});
    assert_int_equal(a.count, 1);
    assert_int_equal(a.ports[0], 1025);
}

static void a_change_outlives_the_pdu_it_came_in(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    send_entry(conn, NDR_EPM_INSERT, 1024); // the harness has freed the PDU
    const struct mapper_change *change = bench->submitted[0];
    assert_int_equal(change->count, 1);
    const uint8_t *end = change->stub + change->stub_size;
    assert_true(change->entries[0].tower > change->stub && change->entries[0].tower + 75 <= end);
    assert_memory_equal(change->entries[0].annotation, "over the network", 16);
}

// ---- connections that end meanwhile

static void an_answer_to_a_gone_connection_is_counted_and_dropped(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    send_entry(conn, NDR_EPM_INSERT, 1024);
    conn_close(conn);
    struct conn *successor = conn_open_bound(bench, RPC_WHOLE); // in the same row
    bench_complete_changes(bench);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHAN_REPLY), 1);
    assert_alive(successor);
    assert_int_equal(ask_map(successor, &(struct map_question){&echo_id, NULL, {0}, 1}).count, 1);
}

static void an_answer_to_a_closed_connection_is_counted_and_dropped(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, MPX);
    send_entry(conn, NDR_EPM_INSERT, 1024);
    struct octets o = {0};
    put_header(&o, RPC_AUTH3, RPC_WHOLE, RPC_HEADER_SIZE, 9);
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x23, 9, 0);
    bench_complete_changes(bench);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_ORPHAN_REPLY), 1);
}

static void a_half_closed_connection_is_answered_before_it_ends(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t call_id = send_entry(conn, NDR_EPM_INSERT, 1024);
    rpc_end_of_input(conn->association);
    conn_serve(conn);
    assert_open(conn);
    bench_complete_changes(bench);
    assert_status(conn, call_id, 0);
    assert_closed(conn);
}

// ---- other calls meanwhile

static void another_call_while_one_executes_is_a_protocol_error_without_multiplexing(void **state)
{
    allow_all(*state);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    send_entry(conn, NDR_EPM_INSERT, 1024);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 9, .opnum = 5});
    assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x03, 9, 0);
    assert_closed(conn);
}

// The same when both come in one segment, whichever way the other is answered.
static void a_call_right_behind_an_insert_is_a_protocol_error_without_multiplexing(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    for (unsigned multiplex = 0; multiplex < 2; multiplex++) {
        struct conn *conn = conn_open_bound(bench, multiplex ? MPX : RPC_WHOLE);
        struct octets o = {0};
        conn->room = 0;
        send_entry(conn, NDR_EPM_INSERT, 1024); // put off: still in the stream
        put_request(&o, &(struct request){.flags = RPC_WHOLE, .call_id = 9, .opnum = 5});
        conn_send(conn, o.bytes, o.size);
        conn->room = CONN_OUT_MAX;
        rpc_unblock(conn->association);
        conn_serve(conn);
        if (multiplex) {
            assert_response(conn, 9);
            assert_open(conn);
        } else {
            assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x03, 9, 0);
            assert_closed(conn);
        }
    }
}

static void multiplexed_calls_are_answered_as_they_complete(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, MPX);
    uint32_t first = send_entry(conn, NDR_EPM_INSERT, 1024);
    assert_alive(conn);
    uint32_t second = send_entry(conn, NDR_EPM_INSERT, 1025);
    struct mapper_change *swapped = bench->submitted[0];
    bench->submitted[0] = bench->submitted[1];
    bench->submitted[1] = swapped;
    bench_complete_changes(bench);
    assert_status(conn, second, 0);
    assert_status(conn, first, 0);
}

// ---- refusals

static void a_change_over_the_pool_finds_the_server_too_busy(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, MPX);
    for (uint16_t i = 0; i < BENCH_CHANGES; i++)
        send_entry(conn, NDR_EPM_INSERT, 1024 + i);
    uint32_t call_id = send_entry(conn, NDR_EPM_INSERT, 2000);
    assert_fault(conn, RPC_FAULT_SERVER_TOO_BUSY, 0x03, call_id, 0);
    assert_alive(conn);
    bench_complete_changes(bench);
    conn->out_taken = conn->out_size;
    send_entry(conn, NDR_EPM_INSERT, 2000);
    assert_int_equal(bench->submitted_count, 1);
    assert_int_equal(bench_counter(bench, RPC_DROP_BUSY), 1);
}

static void a_change_that_the_control_thread_cannot_take_finds_it_too_busy(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    bench->refuse_changes = true;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    for (unsigned i = 0; i < BENCH_CHANGES + 1; i++) { // and the change goes back every time
        uint32_t call_id = send_entry(conn, NDR_EPM_INSERT, 1024);
        assert_fault(conn, RPC_FAULT_SERVER_TOO_BUSY, 0x03, call_id, 0);
    }
    assert_alive(conn);
}

static void a_change_that_does_not_decode_is_bad_stub_data(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    static const uint16_t opnums[] = {NDR_EPM_INSERT, NDR_EPM_DELETE, NDR_EPM_MGMT_DELETE};
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(opnums); i++) {
        static const uint8_t stub[8] = {1, 0, 0, 0, 2, 0, 0, 0};
        conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                             .call_id = 9,
                                             .opnum = opnums[i],
                                             .stub = stub,
                                             .stub_size = sizeof stub});
        assert_fault(conn, RPC_FAULT_BAD_STUB_DATA, 0x03, 9, 0);
    }
    assert_int_equal(bench->submitted_count, 0);
    assert_alive(conn);
}

static void an_insert_that_the_map_refuses_is_answered_with_its_status(void **state)
{
    struct bench *bench = *state;
    allow_all(bench);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    uint32_t call_id = send_entry(conn, NDR_EPM_INSERT, 0); // no endpoint
    bench_complete_changes(bench);
    assert_status(conn, call_id, NDR_EPM_STATUS_INVALID_ENTRY);
    assert_alive(conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_are_refused_unless_they_are_allowed),
        TEST(the_prefix_decides_who_may),
        TEST(an_insert_is_answered_when_it_is_complete_and_found_then),
        TEST(a_delete_takes_back_what_an_insert_put),
        TEST(a_mgmt_delete_removes_what_matches),
        TEST(a_change_outlives_the_pdu_it_came_in),
        TEST(an_answer_to_a_gone_connection_is_counted_and_dropped),
        TEST(an_answer_to_a_closed_connection_is_counted_and_dropped),
        TEST(a_half_closed_connection_is_answered_before_it_ends),
        TEST(another_call_while_one_executes_is_a_protocol_error_without_multiplexing),
        TEST(a_call_right_behind_an_insert_is_a_protocol_error_without_multiplexing),
        TEST(multiplexed_calls_are_answered_as_they_complete),
        TEST(a_change_over_the_pool_finds_the_server_too_busy),
        TEST(a_change_that_the_control_thread_cannot_take_finds_it_too_busy),
        TEST(a_change_that_does_not_decode_is_bad_stub_data),
        TEST(an_insert_that_the_map_refuses_is_answered_with_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
