// NDR64 contexts: every interface over them, in the layouts of [MS-RPCE] 2.2.5.
#include <string.h>

#include "base/bytes.h"
#include "harness_epm.h"
#include "ndr/mgmt.h"

static struct answer ask(struct conn *conn, uint16_t opnum, const void *stub, uint32_t size)
{
    conn_request(
        conn,
        &(struct request){
            .flags = RPC_WHOLE, .call_id = 2, .opnum = opnum, .stub = stub, .stub_size = size});
    return assert_response(conn, 2);
}

static void an_ept_map_is_asked_in_144_octets_and_answered_in_148(void **state)
{
    struct bench *bench = *state;
    bench_register(bench, &echo_id, 1024, 1);
    struct conn *conn = conn_open_ndr64(bench, &epmapper_id);
    uint8_t stub[256], tower[128];
    static const struct base_uuid nil;
    static const struct ndr_context_handle no_handle;
    uint32_t size = tcp_tower(&echo_id, 135, tower);
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_64, false);
    ndr_epm_encode_map(&w, &nil, tower, size, &no_handle, 1);
    assert_int_equal(ndr_writer_size(&w), 144);
    struct answer a = ask(conn, NDR_EPM_MAP, stub, 144);
    assert_int_equal(a.stub_size, 148);
    assert_int_equal(base_load_le32(a.stub + 20), 1);  // towers
    assert_int_equal(base_load_le64(a.stub + 24), 1);  // at most
    assert_int_equal(base_load_le64(a.stub + 40), 1);  // of them here
    assert_int_equal(base_load_le64(a.stub + 56), 75); // octets
    assert_int_equal(base_load_le32(a.stub + 144), 0); // status
    assert_int_equal(conn->commits, 1);                // encoded in place
}

static void an_ept_lookup_is_asked_in_52_octets_and_continued(void **state)
{
    struct bench *bench = *state;
    bench_register(bench, &echo_id, 1024, 3);
    struct conn *conn = conn_open_ndr64(bench, &epmapper_id);
    uint8_t stub[256];
    struct ndr_epm_lookup lookup = {.vers_option = NDR_EPM_VERSIONS_ALL, .max_ents = 2};
    static const uint32_t counts[] = {2, 1};
    for (unsigned i = 0; i < ROWS(counts); i++) {
        struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_64, false);
        ndr_epm_encode_lookup(&w, &lookup);
        assert_int_equal(ndr_writer_size(&w), 52);
        struct answer a = ask(conn, NDR_EPM_LOOKUP, stub, 52);
        assert_int_equal(base_load_le32(a.stub + 20), counts[i]);
        assert_int_equal(base_load_le64(a.stub + 24), 2);
        const struct ndr_stub answer = {
            .data = a.stub, .size = a.stub_size, .syntax = NDR_SYNTAX_64};
        struct ndr_reader r = ndr_reader_init(&answer);
        ndr_read_handle(&r, &lookup.handle);
        assert_int_equal(is_null(&lookup.handle), i == 1);
    }
}

static void management_answers_in_wide_pointers_and_counts(void **state)
{
    struct conn *conn = conn_open_ndr64(*state, &mgmt_id);
    struct octets want = {0};
    put_hex(&want, "00000200 00000000 02000000 00000000 02000000 00000000"
                   "04000200 00000000 08000200 00000000"
                   "0883afe1 1f5dc911 91a40800 2b14a0fa 03000000"
                   "80bda8af 8a7dc911 bef40800 2b102989 01000000 00000000");
    struct answer a = ask(conn, NDR_MGMT_INQ_IF_IDS, NULL, 0);
    assert_int_equal(a.stub_size, want.size);
    assert_memory_equal(a.stub, want.bytes, want.size);
    a = ask(conn, NDR_MGMT_INQ_STATS, "\4\0\0\0", 4);
    assert_int_equal(a.stub_size, 36); // count, pad, max_count u64, four values, status
    assert_int_equal(base_load_le64(a.stub + 8), 4);
    a = ask(conn, NDR_MGMT_INQ_PRINC_NAME, "\12\0\0\0\144\0\0\0", 8);
    assert_int_equal(a.stub_size, 32); // three u64, the NUL, pad, status
    assert_int_equal(base_load_le64(a.stub), 100);
    assert_int_equal(base_load_le32(a.stub + 28), 0x6d3);
    assert_int_equal(ask(conn, NDR_MGMT_IS_SERVER_LISTENING, NULL, 0).stub_size, 8);
    assert_int_equal(ask(conn, NDR_MGMT_STOP_SERVER_LISTENING, NULL, 0).stub_size, 4);
}

static void contexts_of_both_syntaxes_stand_side_by_side(void **state)
{
    struct octets o = {0};
    struct conn *conn = conn_open_ndr64(*state, &epmapper_id);
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    alter.offer[0] = plain_offer(1, &mgmt_id);
    put_bind(&o, &alter);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_ALTER_CONTEXT_RESP);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 2, .context_id = 1});
    assert_int_equal(assert_response(conn, 2).stub_size, 64); // NDR 2.0
    assert_int_equal(ask(conn, NDR_EPM_INQ_OBJECT, NULL, 0).stub_size, 20);
}

static void a_big_endian_pdu_carries_no_ndr64_stub(void **state)
{
    struct conn *conn = conn_open_ndr64(*state, &epmapper_id);
    struct octets o = {.big_endian = true};
    put_request(&o,
                &(struct request){.flags = RPC_WHOLE, .call_id = 2, .opnum = NDR_EPM_INQ_OBJECT});
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_BAD_STUB_DATA, 0x23, 2, 0);
    assert_int_equal(bench_counter(*state, RPC_DROP_NDR64_ORDER), 1);
    assert_int_equal(ask(conn, NDR_EPM_INQ_OBJECT, NULL, 0).stub_size, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_ept_map_is_asked_in_144_octets_and_answered_in_148),
        TEST(an_ept_lookup_is_asked_in_52_octets_and_continued),
        TEST(management_answers_in_wide_pointers_and_counts),
        TEST(contexts_of_both_syntaxes_stand_side_by_side),
        TEST(a_big_endian_pdu_carries_no_ndr64_stub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
