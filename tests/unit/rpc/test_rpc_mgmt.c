#include <string.h>

#include "base/bytes.h"
#include "harness.h"
#include "ndr/mgmt.h"

static struct conn *open_mgmt(struct bench *bench)
{
    struct conn *conn = conn_open(bench);
    struct octets o = {0};
    struct bind bind = plain_bind();
    bind.offer[0] = plain_offer(0, &mgmt_id);
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    return conn;
}

static void ask(struct conn *conn, uint16_t opnum, const char *stub_hex)
{
    struct octets stub = {0};
    put_hex(&stub, stub_hex);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = 2,
                                         .opnum = opnum,
                                         .stub = stub.bytes,
                                         .stub_size = stub.size});
}

static void assert_stub(struct conn *conn, const char *hex)
{
    struct octets want = {0};
    put_hex(&want, hex);
    struct answer a = assert_response(conn, 2);
    assert_int_equal(a.stub_size, want.size);
    assert_memory_equal(a.stub, want.bytes, want.size);
    assert_open(conn);
}

static void inq_if_ids_lists_the_interfaces_served(void **state)
{
    struct conn *conn = open_mgmt(*state);
    ask(conn, NDR_MGMT_INQ_IF_IDS, "");
    assert_stub(conn, "00000200 02000000 02000000 04000200 08000200"
                      "0883afe1 1f5dc911 91a40800 2b14a0fa 03000000"
                      "80bda8af 8a7dc911 bef40800 2b102989 01000000 00000000");
}

static void inq_if_ids_takes_any_stub(void **state)
{
    static const uint8_t zeros[5816];
    struct conn *conn = open_mgmt(*state);
    conn_request(conn, &(struct request){
                           .flags = RPC_WHOLE, .call_id = 2, .stub = zeros, .stub_size = 5816});
    assert_int_equal(assert_response(conn, 2).stub_size, 64);
}

static void inq_stats_gives_as_many_values_as_are_asked_for_and_there_are(void **state)
{
    static const struct {
        const char *stub;
        uint32_t count;
    } rows[] = {
        {"00000000", 0}, {"01000000", 1}, {"04000000", 4},
        {"05000000", 4}, {"32000000", 4}, {"04000000 00000000", 4}, // as Samba sends it
    };
    struct conn *conn = open_mgmt(*state);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        ask(conn, NDR_MGMT_INQ_STATS, rows[i].stub);
        struct answer a = assert_response(conn, 2);
        assert_int_equal(a.stub_size, 12 + 4 * rows[i].count);
        assert_int_equal(base_load_le32(a.stub), rows[i].count);
        assert_int_equal(base_load_le32(a.stub + 4), rows[i].count);
        assert_int_equal(base_load_le32(a.stub + 8 + 4 * rows[i].count), 0);
    }
}

static void inq_stats_counts_calls_and_pdus(void **state)
{
    struct conn *conn = open_mgmt(*state);
    ask(conn, NDR_MGMT_IS_SERVER_LISTENING, "");
    assert_response(conn, 2);
    ask(conn, NDR_MGMT_INQ_STATS, "04000000");
    // Before it: one call; in: a bind, that call and this one; out: two answers.
    assert_stub(conn, "04000000 04000000 01000000 00000000 03000000 02000000 00000000");
}

static void the_server_listens(void **state)
{
    struct conn *conn = open_mgmt(*state);
    ask(conn, NDR_MGMT_IS_SERVER_LISTENING, "");
    assert_stub(conn, "00000000 01000000");
}

static void the_server_is_not_stopped(void **state)
{
    struct conn *conn = open_mgmt(*state);
    ask(conn, NDR_MGMT_STOP_SERVER_LISTENING, "");
    assert_stub(conn, "05000000");
    ask(conn, NDR_MGMT_IS_SERVER_LISTENING, "");
    assert_stub(conn, "00000000 01000000");
}

static void there_is_no_principal_name(void **state)
{
    struct conn *conn = open_mgmt(*state);
    ask(conn, NDR_MGMT_INQ_PRINC_NAME, "0a000000 64000000");
    assert_stub(conn, "64000000 00000000 01000000 00 000000 d3060000");
}

static void stubs_that_do_not_decode_are_bad_stub_data(void **state)
{
    static const struct {
        const char *name;
        uint16_t opnum;
        const char *stub;
    } rows[] = {
        {"inq_stats without a count", NDR_MGMT_INQ_STATS, ""},
        {"inq_stats, three octets", NDR_MGMT_INQ_STATS, "040000"},
        {"inq_stats, 51 values", NDR_MGMT_INQ_STATS, "33000000"},
        {"inq_princ_name, cut", NDR_MGMT_INQ_PRINC_NAME, "0a000000 640000"},
        {"inq_princ_name, no room", NDR_MGMT_INQ_PRINC_NAME, "0a000000 00000000"},
        {"inq_princ_name, 4097 octets", NDR_MGMT_INQ_PRINC_NAME, "0a000000 01100000"},
    };
    struct conn *conn = open_mgmt(*state);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].name);
        ask(conn, rows[i].opnum, rows[i].stub);
        assert_fault(conn, RPC_FAULT_BAD_STUB_DATA, 0x03, 2, 0);
        assert_open(conn);
    }
}

static void operations_from_5_on_are_out_of_range(void **state)
{
    struct conn *conn = open_mgmt(*state);
    for (uint16_t opnum = 5; opnum < 10; opnum++) {
        ask(conn, opnum, "");
        assert_fault(conn, RPC_FAULT_OP_RANGE, 0x23, 2, 0);
        assert_open(conn);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(inq_if_ids_lists_the_interfaces_served),
        TEST(inq_if_ids_takes_any_stub),
        TEST(inq_stats_gives_as_many_values_as_are_asked_for_and_there_are),
        TEST(inq_stats_counts_calls_and_pdus),
        TEST(the_server_listens),
        TEST(the_server_is_not_stopped),
        TEST(there_is_no_principal_name),
        TEST(stubs_that_do_not_decode_are_bad_stub_data),
        TEST(operations_from_5_on_are_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
