// rpcecho: the bytes of every operation in NDR 2.0 and NDR64, and calls that sleep.
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "harness.h"
#include "ndr/echo.h"

enum { MPX = RPC_WHOLE | RPC_CONC_MPX, SECOND = 1000000 };

static const struct rpc_interface *const interfaces[] = {&rpc_echo, NULL};

static int setup(void **state)
{
    bench_setup(state);
    bench_serve(*state, interfaces);
    return 0;
}

// Serves the stub, without the layers around, and returns what `serve` returned.
static uint32_t serve(struct bench *bench, const struct ndr_stub *stub, uint16_t opnum,
                      struct ndr_writer *reply)
{
    struct rpc_call call = {.association = &bench->server->associations[0], .stub = *stub};
    *reply = rpc_reply_writer(bench->server, stub->syntax);
    return rpc_echo.operations[opnum].serve(bench->server, &call, reply);
}

struct row {
    const char *name;
    uint16_t opnum;
    bool big_endian;
    enum ndr_syntax syntax;
    const char *in, *out; // out NULL: bad stub data
};

// From the interface's definition; those in NDR 2.0 agree with Samba's codecs.
static const struct row rows[] = {
    {"AddOne", 0, false, 0, "04030201", "05030201"},
    {"AddOne wraps", 0, false, 0, "ffffffff", "00000000"},
    {"AddOne, big-endian", 0, true, 0, "01020304", "05030201"},
    {"AddOne, NDR64", 0, false, 1, "04030201", "05030201"},
    {"AddOne, short", 0, false, 0, "040302", NULL},
    {"EchoData", 1, false, 0, "03000000 03000000 010203", "03000000 010203"},
    {"EchoData of nothing", 1, false, 0, "00000000 00000000", "00000000"},
    {"EchoData, big-endian", 1, true, 0, "00000003 00000003 010203", "03000000 010203"},
    {"EchoData, NDR64", 1, false, 1, "03000000 00000000 0300000000000000 010203",
     "0300000000000000 010203"},
    {"EchoData, counts that disagree", 1, false, 0, "03000000 04000000 01020304", NULL},
    {"EchoData, short", 1, false, 0, "03000000 03000000 0102", NULL},
    {"EchoData, count of 2^32 and more", 1, false, 1, "03000000 00000000 0300000001000000 010203",
     NULL},
    {"SinkData", 2, false, 0, "03000000 03000000 010203", ""},
    {"SinkData, big-endian", 2, true, 0, "00000003 00000003 010203", ""},
    {"SinkData, NDR64", 2, false, 1, "03000000 00000000 0300000000000000 010203", ""},
    {"SinkData, NDR64, a count of 32 bits", 2, false, 1, "03000000 03000000 010203", NULL},
    {"SinkData, short", 2, false, 0, "ffffffff ffffffff 010203", NULL},
    {"SourceData", 3, false, 0, "05000000", "05000000 0001020304"},
    {"SourceData, big-endian", 3, true, 0, "00000005", "05000000 0001020304"},
    {"SourceData, NDR64", 3, false, 1, "02000000", "0200000000000000 0001"},
    {"TestCall", 4, false, 0, "03000000 00000000 03000000 610062000000",
     "00000200 03000000 00000000 03000000 610062000000"},
    {"TestCall, big-endian", 4, true, 0, "00000003 00000000 00000003 006100620000",
     "00000200 03000000 00000000 03000000 610062000000"},
    {"TestCall, NDR64", 4, false, 1, "0200000000000000 0000000000000000 0200000000000000 61000000",
     "0000020000000000 0200000000000000 0000000000000000 0200000000000000 61000000"},
    {"TestCall, room to spare", 4, false, 0, "09000000 00000000 02000000 61000000",
     "00000200 02000000 00000000 02000000 61000000"},
    {"TestCall, no NUL", 4, false, 0, "01000000 00000000 01000000 6100", NULL},
    {"TestCall, empty array", 4, false, 0, "01000000 00000000 00000000", NULL},
    {"TestCall, an offset", 4, false, 0, "02000000 01000000 01000000 0000", NULL},
    {"TestCall, more than there may be", 4, false, 0, "01000000 00000000 02000000 61000000", NULL},
    {"TestCall, short", 4, false, 0, "000000ff 00000000 00000080 0000", NULL},
    {"TestCall2 1", 5, false, 0, "0100", "0100 0a 00 00000000"},
    {"TestCall2 2", 5, false, 0, "0200", "0200 1400 00000000"},
    {"TestCall2 3", 5, false, 0, "0300", "0300 0000 1e000000 00000000"},
    {"TestCall2 4", 5, false, 0, "0400", "0400 000000000000 2800000000000000 00000000"},
    {"TestCall2 5", 5, false, 0, "0500",
     "0500 000000000000 32 00000000000000 3c00000000000000 00000000"},
    {"TestCall2 6", 5, true, 0, "0006", "0600 46 50 00000000"},
    {"TestCall2 7", 5, false, 0, "0700",
     "0700 000000000000 50 00000000000000 5a00000000000000 00000000"},
    {"TestCall2 1, NDR64", 5, false, 1, "0100", "0100 000000000000 0a 000000 00000000"},
    {"TestCall2 2, NDR64", 5, false, 1, "0200", "0200 000000000000 1400 0000 00000000"},
    {"TestCall2 3, NDR64", 5, false, 1, "0300", "0300 000000000000 1e000000 00000000"},
    {"TestCall2 4, NDR64", 5, false, 1, "0400", "0400 000000000000 2800000000000000 00000000"},
    {"TestCall2 5, NDR64", 5, false, 1, "0500",
     "0500 000000000000 32 00000000000000 3c00000000000000 00000000"},
    {"TestCall2 6, NDR64", 5, false, 1, "0600", "0600 000000000000 46 50 0000 00000000"},
    {"TestCall2 7, NDR64", 5, false, 1, "0700",
     "0700 000000000000 50 00000000000000 5a00000000000000 00000000"},
    {"TestCall2, short", 5, false, 0, "01", NULL},
    {"TestEnum, arm 1", 7, false, 0, "01000000 4c000000 01000000 01000200",
     "01000000 02000000 01000000 01000200"},
    {"TestEnum, arm 1, big-endian", 7, true, 0, "00010000 004c0000 00000001 00010002",
     "01000000 02000000 01000000 01000200"},
    {"TestEnum, arm 2", 7, false, 0, "02000000 01000000 02000000 02000000 01000000 09000000",
     "02000000 02000000 02000000 02000000 01000000 09000000"},
    {"TestEnum, arm 2, big-endian", 7, true, 0,
     "00020000 00010000 00000002 00020000 00010000 00000009",
     "02000000 02000000 02000000 02000000 01000000 09000000"},
    {"TestEnum, arm 1, NDR64", 7, false, 1, "01000000 4c000000 01000000 01000000 02000000",
     "01000000 02000000 01000000 01000000 02000000"},
    {"TestEnum, arm 2, NDR64", 7, false, 1, "02000000 4c000000 01000000 02000000 02000000 07000000",
     "02000000 02000000 01000000 02000000 02000000 07000000"},
    {"TestEnum, another arm than selected", 7, false, 0, "01000000 01000000 01000000 02000200",
     NULL},
    {"TestEnum, no such arm", 7, false, 0, "03000000 01000000 01000000 03000200", NULL},
    {"TestEnum, short", 7, false, 0, "01000000 4c000000 01000000 0100", NULL},
    {"TestSurrounding", 8, false, 0, "02000000 02000000 aaaabbbb",
     "04000000 04000000 0000000000000000"},
    {"TestSurrounding of nothing", 8, false, 0, "00000000 00000000", "00000000 00000000"},
    {"TestSurrounding, big-endian", 8, true, 0, "00000002 00000002 aaaabbbb",
     "04000000 04000000 0000000000000000"},
    {"TestSurrounding, NDR64", 8, false, 1, "0100000000000000 01000000 aaaa",
     "0200000000000000 02000000 00000000"},
    {"TestSurrounding, NDR64, count of 2^32 and more", 8, false, 1,
     "0100000001000000 01000000 aaaa", NULL},
    {"TestSurrounding, counts that disagree", 8, false, 0, "01000000 02000000 aaaabbbb", NULL},
    {"TestSurrounding, short", 8, false, 0, "02000000 02000000 aaaabb", NULL},
    {"TestSurrounding, half of 2^32", 8, false, 0, "00000080 00000080 aaaabbbb", NULL},
    {"TestDoublePointer", 9, false, 0, "01000000 02000000 3930", "3930"},
    {"TestDoublePointer, big-endian", 9, true, 0, "00000001 00000002 3039", "3930"},
    {"TestDoublePointer, NDR64", 9, false, 1, "0100000000000000 0200000000000000 3930", "3930"},
    {"TestDoublePointer, NDR64, referents of more than 32 bits", 9, false, 1,
     "0000000001000000 0000000002000000 3930", "3930"},
    {"TestDoublePointer to NULL, NDR64", 9, false, 1, "0100000000000000 0000000000000000", "0000"},
    {"TestDoublePointer to NULL", 9, false, 0, "01000000 00000000", "0000"},
    {"TestDoublePointer, NULL", 9, false, 0, "00000000", "0000"},
    {"TestDoublePointer, short", 9, false, 0, "01000000 02000000 39", NULL},
};

static void each_operation_answers_its_bytes(void **state)
{
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct octets in = {0}, out = {0};
        print_message("  %s\n", row->name);
        put_hex(&in, row->in);
        uint8_t *exact = malloc(in.size); // so that a sanitizer sees a read past it
        memcpy(exact, in.bytes, in.size);
        const struct ndr_stub stub = {exact, in.size, row->big_endian, row->syntax};
        struct ndr_writer reply;
        uint32_t status = serve(*state, &stub, row->opnum, &reply);
        assert_int_equal(status, row->out ? RPC_SERVED : RPC_FAULT_BAD_STUB_DATA);
        if (row->out) {
            put_hex(&out, row->out);
            assert_int_equal(ndr_writer_size(&reply), out.size);
            assert_memory_equal(reply.start, out.bytes, out.size);
        }
        free(exact);
    }
}

// ---- over a connection

static void ask(struct conn *conn, uint32_t call_id, uint16_t opnum, uint32_t number)
{
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = call_id,
                                         .opnum = opnum,
                                         .stub = &number,
                                         .stub_size = sizeof number});
}

static void a_union_without_an_arm_is_an_invalid_tag(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_interface(bench, &echo_id, RPC_WHOLE);
    ask(conn, 2, NDR_ECHO_TEST_CALL2, 0);
    assert_fault(conn, RPC_FAULT_INVALID_TAG, 0x03, 2, 0);
    ask(conn, 3, NDR_ECHO_TEST_CALL2, 8);
    assert_fault(conn, RPC_FAULT_INVALID_TAG, 0x03, 3, 0);
    assert_int_equal(bench_counter(bench, RPC_DROP_TAG), 2);
    assert_open(conn);
}

static void source_data_comes_in_fragments_up_to_the_largest_reply(void **state)
{
    enum { SIZE = RPC_STUB_MAX - 4 };
    struct conn *conn = conn_open_interface(*state, &echo_id, RPC_WHOLE);
    ask(conn, 2, NDR_ECHO_SOURCE_DATA, SIZE);
    uint32_t at = 0;
    for (struct answer a = {0}; !(a.flags & RPC_LAST_FRAG);) {
        a = conn_answer(conn);
        assert_int_equal(a.ptype, RPC_RESPONSE);
        assert_int_equal(a.flags & RPC_FIRST_FRAG, at == 0 ? RPC_FIRST_FRAG : 0);
        assert_int_equal(a.alloc_hint, RPC_STUB_MAX - at);
        for (uint32_t i = at == 0 ? 4 : 0; i < a.stub_size; i++)
            assert_int_equal(a.stub[i], (uint8_t)(at + i - 4));
        at += a.stub_size;
    }
    assert_int_equal(at, RPC_STUB_MAX);
    assert_open(conn);
}

static void a_reply_over_the_limit_is_a_fault(void **state)
{
    static const uint32_t sizes[] = {RPC_STUB_MAX - 3, RPC_STUB_MAX, UINT32_MAX};
    struct bench *bench = *state;
    struct conn *conn = conn_open_interface(bench, &echo_id, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(sizes); i++) {
        ask(conn, i, NDR_ECHO_SOURCE_DATA, sizes[i]);
        assert_fault(conn, RPC_FAULT_OUT_ARGS_TOO_BIG, 0x03, i, 0);
    }
    assert_int_equal(bench_counter(bench, RPC_DROP_REPLY_TOO_BIG), ROWS(sizes));
    assert_open(conn);
}

static void a_small_answer_waits_for_little_room(void **state)
{
    enum { LITTLE = 64 };
    struct conn *conn = conn_open_interface(*state, &echo_id, RPC_WHOLE);
    conn->room = LITTLE;
    ask(conn, 2, NDR_ECHO_ADD_ONE, 41);
    assert_int_equal(base_load_le32(assert_response(conn, 2).stub), 42);
    conn->room = LITTLE;
    ask(conn, 3, NDR_ECHO_SOURCE_DATA, 1); // how long it gets is not known before
    assert_no_answer(conn);
    conn->room = CONN_OUT_MAX;
    rpc_unblock(conn->association);
    conn_serve(conn);
    assert_int_equal(assert_response(conn, 3).stub_size, 5);
}

static void sleeping_calls_are_answered_as_they_wake(void **state)
{
    struct conn *conn = conn_open_interface(*state, &echo_id, MPX);
    bench_time(*state, SECOND);
    for (uint32_t seconds = 3; seconds > 0; seconds--)
        ask(conn, seconds, NDR_ECHO_TEST_SLEEP, seconds);
    ask(conn, 9, NDR_ECHO_ADD_ONE, 41); // not held up
    assert_int_equal(base_load_le32(assert_response(conn, 9).stub), 42);
    for (uint32_t seconds = 1; seconds <= 3; seconds++) {
        bench_time(*state, (1 + (uint64_t)seconds) * SECOND - 1);
        assert_no_answer(conn);
        bench_time(*state, (1 + (uint64_t)seconds) * SECOND);
        assert_int_equal(base_load_le32(assert_response(conn, seconds).stub), seconds);
    }
}

static void the_longest_sleep_does_not_wrap(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_interface(bench, &echo_id, RPC_WHOLE);
    bench_time(bench, SECOND);
    ask(conn, 2, NDR_ECHO_TEST_SLEEP, UINT32_MAX);
    assert_int_equal(rpc_next_timer(bench->server), (1 + (uint64_t)UINT32_MAX) * SECOND);
}

static void a_call_sleeps_in_either_order_and_syntax(void **state)
{
    static const uint8_t two[2][4] = {{2, 0, 0, 0}, {0, 0, 0, 2}};
    for (unsigned i = 0; i < 3; i++) {
        bool big_endian = i == 1;
        struct octets o = {.big_endian = big_endian};
        struct conn *conn = i == 2 ? conn_open_ndr64(*state, &echo_id)
                                   : conn_open_interface(*state, &echo_id, RPC_WHOLE);
        put_request(&o, &(struct request){.flags = RPC_WHOLE,
                                          .call_id = 2,
                                          .opnum = NDR_ECHO_TEST_SLEEP,
                                          .stub = two[big_endian],
                                          .stub_size = 4});
        bench_time(*state, (uint64_t)i * 10 * SECOND);
        conn_talk(conn, &o);
        bench_time(*state, ((uint64_t)i * 10 + 2) * SECOND - 1);
        assert_no_answer(conn);
        bench_time(*state, ((uint64_t)i * 10 + 2) * SECOND);
        assert_int_equal(base_load_le32(assert_response(conn, 2).stub), 2);
    }
}

static void operations_from_10_on_are_out_of_range(void **state)
{
    struct conn *conn = conn_open_interface(*state, &echo_id, RPC_WHOLE);
    for (uint16_t opnum = 10; opnum < 13; opnum++) {
        ask(conn, 2, opnum, 0);
        assert_fault(conn, RPC_FAULT_OP_RANGE, 0x23, 2, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_operation_answers_its_bytes),
        TEST(a_union_without_an_arm_is_an_invalid_tag),
        TEST(source_data_comes_in_fragments_up_to_the_largest_reply),
        TEST(a_reply_over_the_limit_is_a_fault),
        TEST(a_small_answer_waits_for_little_room),
        TEST(sleeping_calls_are_answered_as_they_wake),
        TEST(the_longest_sleep_does_not_wrap),
        TEST(a_call_sleeps_in_either_order_and_syntax),
        TEST(operations_from_10_on_are_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
