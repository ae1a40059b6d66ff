#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "harness.h"
#include "rpc/client.h"

// ---- lengths and headers

static void the_length_of_a_pdu_follows_its_own_byte_order(void **state)
{
    (void)state;
    static const struct {
        uint8_t drep;
        uint8_t length[2];
        int found;
    } rows[] = {
        {0x10, {0x48, 0x00}, 72},    {0x00, {0x00, 0x48}, 72},   {0x10, {0xff, 0xff}, 65535},
        {0x00, {0xff, 0xff}, 65535}, {0x10, {0x00, 0x10}, 4096}, {0x00, {0x10, 0x00}, 4096},
        {0x10, {16, 0}, 16},         {0x10, {15, 0}, -1},        {0x00, {0, 15}, -1},
        {0x10, {0, 0}, -1},          {0x11, {0x48, 0x00}, 72},   {0x01, {0x00, 0x48}, 72},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const uint8_t bytes[10] = {
            5, 0, 0, 3, rows[i].drep, 0, 0, 0, rows[i].length[0], rows[i].length[1]};
        assert_int_equal(rpc_pdu_length(bytes, sizeof bytes), rows[i].found);
    }
}

static void fewer_than_ten_octets_do_not_tell_the_length(void **state)
{
    (void)state;
    for (size_t have = 0; have < RPC_LENGTH_PREFIX; have++) {
        uint8_t *bytes = calloc(1, have + (have == 0));
        assert_int_equal(rpc_pdu_length(bytes, have), 0);
        free(bytes);
    }
}

static void a_header_is_read_in_both_byte_orders(void **state)
{
    (void)state;
    for (unsigned big_endian = 0; big_endian < 2; big_endian++) {
        struct octets o = {.big_endian = big_endian};
        put_header(&o, RPC_ALTER_CONTEXT, 0xa5, 0x1234, 0x89abcdef);
        set_auth_length(&o, 0, 0x5678);
        struct rpc_header h = rpc_header_read(o.bytes);
        assert_int_equal(h.version, 5);
        assert_int_equal(h.version_minor, 0);
        assert_int_equal(h.ptype, RPC_ALTER_CONTEXT);
        assert_int_equal(h.flags, 0xa5);
        assert_int_equal(h.frag_length, 0x1234);
        assert_int_equal(h.auth_length, 0x5678);
        assert_int_equal(h.call_id, 0x89abcdef);
        assert_int_equal(h.big_endian, big_endian);
        assert_memory_equal(h.drep, o.bytes + 4, 4);
    }
}

static void a_syntax_is_read_in_both_byte_orders(void **state)
{
    (void)state;
    const struct ndr_syntax_id id = {epmapper_id.uuid, 0x0102, 0x0304};
    for (unsigned big_endian = 0; big_endian < 2; big_endian++) {
        struct octets o = {.big_endian = big_endian};
        put_syntax(&o, &id);
        struct ndr_syntax_id found = rpc_read_syntax(o.bytes, big_endian);
        assert_true(ndr_syntax_id_equal(&found, &id));
    }
}

static void a_syntax_is_written_as_it_is_read(void **state)
{
    (void)state;
    const struct ndr_syntax_id id = {epmapper_id.uuid, 0x0102, 0x0304};
    uint8_t bytes[20];
    rpc_write_syntax(bytes, &id);
    struct ndr_syntax_id found = rpc_read_syntax(bytes, false);
    assert_true(ndr_syntax_id_equal(&found, &id));
}

// ---- what a server sends

static void assert_octets(const uint8_t *bytes, const char *hex)
{
    struct octets want = {0};
    put_hex(&want, hex);
    assert_memory_equal(bytes, want.bytes, want.size);
}

static void a_fault_is_written_octet_for_octet(void **state)
{
    (void)state;
    uint8_t pdu[RPC_FAULT_SIZE];
    rpc_write_fault(pdu, 0x23, 9, 0, RPC_FAULT_OP_RANGE);
    assert_octets(pdu, "05000323 10000000 20000000 09000000 18000000 00000000 0200011c 00000000");
    rpc_write_fault(pdu, 0x03, 0x01020304, 0x0105, RPC_FAULT_BAD_STUB_DATA);
    assert_octets(pdu, "05000303 10000000 20000000 04030201 18000000 05010000 f7060000 00000000");
}

static void a_bind_nak_is_written_octet_for_octet(void **state)
{
    (void)state;
    uint8_t pdu[RPC_BIND_NAK_SIZE];
    memset(pdu, 0xaa, sizeof pdu);
    rpc_write_bind_nak(pdu, 1, RPC_NAK_PROTOCOL_VERSION);
    assert_octets(pdu, "05000d03 10000000 18000000 01000000 04000105 00000000");
}

static void a_response_header_keeps_the_low_octet_of_the_context_only(void **state)
{
    (void)state;
    uint8_t pdu[RPC_RESPONSE_HEADER_SIZE];
    rpc_write_response_header(pdu, RPC_FIRST_FRAG, 0x16d0, 2, 0x12345, 0x0105);
    assert_octets(pdu, "05000201 10000000 d0160000 02000000 45230100 05000000");
}

// ---- what a client sends

static void a_client_binds_octet_for_octet(void **state)
{
    (void)state;
    uint8_t pdu[72];
    struct rpc_client client = rpc_client_init();
    assert_int_equal(rpc_client_build_bind(&client, &epmapper_id, pdu, sizeof pdu), 72);
    assert_octets(pdu, "05000b03 10000000 48000000 01000000 d016d016 00000000 01000000 00000100"
                       "0883afe1 1f5dc911 91a40800 2b14a0fa 03000000"
                       "045d888a eb1cc911 9fe80800 2b104860 02000000");
}

static void a_client_does_not_build_into_too_little_room(void **state)
{
    (void)state;
    struct rpc_client client = rpc_client_init();
    for (size_t size = 0; size < 72; size++) {
        uint8_t *out = malloc(size + (size == 0));
        assert_int_equal(rpc_client_build_bind(&client, &epmapper_id, out, size), 0);
        free(out);
    }
    static const uint8_t stub[6000];
    size_t needed = sizeof stub + 2 * (size_t)RPC_REQUEST_HEADER_SIZE;
    static const size_t sizes[] = {0, 23, 24, 5839, 5840, 5863, 5864, 6047};
    for (unsigned i = 0; i < ROWS(sizes); i++) {
        uint8_t *out = malloc(sizes[i] + (sizes[i] == 0));
        assert_int_equal(rpc_client_build_request(&client, 1, stub, sizeof stub, out, sizes[i]), 0);
        free(out);
    }
    uint8_t *out = malloc(needed);
    assert_int_equal(rpc_client_build_request(&client, 1, stub, sizeof stub, out, needed), needed);
    free(out);
}

static void every_call_of_a_client_has_an_id_of_its_own(void **state)
{
    (void)state;
    uint8_t pdu[72];
    struct rpc_client client = rpc_client_init();
    for (uint32_t id = 1; id < 4; id++) {
        assert_int_equal(rpc_client_build_request(&client, 5, NULL, 0, pdu, sizeof pdu), 24);
        assert_int_equal(rpc_header_read(pdu).call_id, id);
    }
}

static void a_long_request_is_built_in_fragments_of_the_negotiated_size(void **state)
{
    (void)state;
    uint8_t stub[5000], out[6000];
    for (unsigned i = 0; i < sizeof stub; i++)
        stub[i] = (uint8_t)(i * 7);
    struct rpc_client client = rpc_client_init();
    client.max_transmit = 2055; // 2031 of stub, of which 2024 are a multiple of 8
    size_t size = rpc_client_build_request(&client, 3, stub, sizeof stub, out, sizeof out);
    assert_int_equal(size, 5000 + 3 * 24);
    static const struct {
        uint32_t at, stub_size, hint;
        uint8_t flags;
    } rows[] = {{0, 2024, 5000, 0x01}, {2048, 2024, 2976, 0x00}, {4096, 952, 952, 0x02}};
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct rpc_header h = rpc_header_read(out + rows[i].at);
        assert_int_equal(h.ptype, RPC_REQUEST);
        assert_int_equal(h.flags, rows[i].flags);
        assert_int_equal(h.frag_length, 24 + rows[i].stub_size);
        assert_int_equal(h.call_id, 1);
        assert_int_equal(base_load_le32(out + rows[i].at + 16), rows[i].hint);
        assert_int_equal(base_load_le16(out + rows[i].at + 20), 0);
        assert_int_equal(base_load_le16(out + rows[i].at + 22), 3);
        assert_memory_equal(out + rows[i].at + 24, stub + i * 2024, rows[i].stub_size);
    }
}

static void a_client_and_the_server_understand_each_other(void **state)
{
    struct conn *conn = conn_open(*state);
    struct rpc_client client = rpc_client_init();
    struct octets o = {0};
    static const uint8_t stub[9000];
    o.size = (uint32_t)rpc_client_build_bind(&client, &epmapper_id, o.bytes, sizeof o.bytes);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    struct rpc_client_reply reply = rpc_client_parse(&client, a.bytes, a.size);
    assert_int_equal(reply.kind, RPC_CLIENT_BOUND);
    assert_int_equal(client.group, conn->association->group);
    o.size = (uint32_t)rpc_client_build_request(&client, NDR_EPM_INQ_OBJECT, stub, sizeof stub,
                                                o.bytes, sizeof o.bytes);
    conn_talk(conn, &o);
    a = conn_answer(conn);
    reply = rpc_client_parse(&client, a.bytes, a.size);
    assert_int_equal(reply.kind, RPC_CLIENT_RESPONSE);
    assert_int_equal(reply.stub_size, 20);
    assert_int_equal(reply.call_id, client.call_id);
}

// ---- what a client receives

static const char bind_ack[] =
    "05000c03 10000000 3c000000 01000000 b8100010 f0530000 0400 31333500 0000 01000000"
    "0000 0000 045d888a eb1cc911 9fe80800 2b104860 02000000";
static const char bind_ack_be[] =
    "05000c03 00000000 003c0000 00000001 10b81000 000053f0 0004 31333500 0000 01000000"
    "0000 0000 8a885d04 1ceb11c9 9fe80800 2b104860 00000002";
static const char refused[] = "05000c03 10000000 38000000 01000000 b810d016 f0530000 0000 0000"
                              "01000000 0200 0001 00000000 00000000 00000000 00000000 00000000";
static const char nak[] = "05000d03 10000000 18000000 01000000 08000105 00000000";
static const char nak_be[] = "05000d03 00000000 00180000 00000001 00080105 00000000";
static const char response[] = "05000203 10000000 1c000000 07000000 04000000 00000000 cafef00d";
static const char response_first[] =
    "05000201 10000000 1c000000 07000000 08000000 00000000 cafef00d";
static const char response_be[] = "05000203 00000000 001c0000 00000007 00000004 00000000 cafef00d";
static const char response_auth[] = "05000203 10000000 26000200 07000000 04000000 00000000 cafef00d"
                                    "0a020000 00000000 abcd";
static const char fault[] =
    "05000323 10000000 20000000 09000000 18000000 00000000 0200011c 00000000";
static const char fault_be[] =
    "05000323 00000000 00200000 00000009 00000018 00000000 1c010002 00000000";

struct reply_row {
    const char *name, *hex;
    enum rpc_client_kind kind;
    uint32_t status, call_id, stub_size;
    uint32_t least; // octets without which it is malformed
};

static const struct reply_row reply_rows[] = {
    {"bind_ack", bind_ack, RPC_CLIENT_BOUND, 0, 1, 0, 60},
    {"bind_ack, big-endian", bind_ack_be, RPC_CLIENT_BOUND, 0, 1, 0, 60},
    {"bind_ack that refuses", refused, RPC_CLIENT_REFUSED, 0x20100, 1, 0, 56},
    {"bind_nak", nak, RPC_CLIENT_NAK, 8, 1, 0, 18},
    {"bind_nak, big-endian", nak_be, RPC_CLIENT_NAK, 8, 1, 0, 18},
    {"response", response, RPC_CLIENT_RESPONSE, 0, 7, 4, 24},
    {"first fragment of a response", response_first, RPC_CLIENT_RESPONSE, 0, 7, 4, 24},
    {"response, big-endian", response_be, RPC_CLIENT_RESPONSE, 0, 7, 4, 24},
    {"response with a trailer", response_auth, RPC_CLIENT_RESPONSE, 0, 7, 4, 34},
    {"fault", fault, RPC_CLIENT_FAULT, RPC_FAULT_OP_RANGE, 9, 0, 28},
    {"fault, big-endian", fault_be, RPC_CLIENT_FAULT, RPC_FAULT_OP_RANGE, 9, 0, 28},
};

static void answers_are_read_in_both_byte_orders(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS(reply_rows); i++) {
        const struct reply_row *row = &reply_rows[i];
        struct octets o = {0};
        struct rpc_client client = rpc_client_init();
        print_message("  %s\n", row->name);
        put_hex(&o, row->hex);
        struct rpc_client_reply reply = rpc_client_parse(&client, o.bytes, o.size);
        assert_int_equal(reply.kind, row->kind);
        assert_int_equal(reply.status, row->status);
        assert_int_equal(reply.call_id, row->call_id);
        assert_int_equal(reply.stub_size, row->stub_size);
        if (row->kind == RPC_CLIENT_RESPONSE) {
            assert_ptr_equal(reply.stub, o.bytes + 24);
            assert_int_equal(reply.last, row->hex != response_first);
            assert_int_equal(reply.big_endian, row->hex == response_be);
        }
        assert_int_equal(client.max_transmit, row->kind == RPC_CLIENT_BOUND ? 4096 : 5840);
        assert_int_equal(client.max_receive, row->kind == RPC_CLIENT_BOUND ? 4280 : 5840);
        assert_int_equal(client.group, row->kind == RPC_CLIENT_BOUND ? 0x53f0 : 0);
    }
}

// Its length set to what is left of it, so that it is whole for its header but cut for its type.
static void an_answer_cut_anywhere_is_malformed_or_read_without_its_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS(reply_rows); i++) {
        const struct reply_row *row = &reply_rows[i];
        struct octets o = {0};
        put_hex(&o, row->hex);
        o.big_endian = o.bytes[4] == 0;
        for (uint32_t size = RPC_HEADER_SIZE; size < o.size; size++) {
            set_length(&o, 0, (uint16_t)size);
            uint8_t *cut = malloc(size);
            memcpy(cut, o.bytes, size);
            struct rpc_client client = rpc_client_init();
            struct rpc_client_reply reply = rpc_client_parse(&client, cut, size);
            assert_int_equal(reply.kind, size < row->least ? RPC_CLIENT_MALFORMED : row->kind);
            free(cut);
        }
    }
}

static void an_answer_of_another_size_than_it_says_is_malformed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS(reply_rows); i++) {
        struct octets o = {0};
        put_hex(&o, reply_rows[i].hex);
        for (uint32_t size = 0; size < o.size; size++) {
            uint8_t *cut = malloc(size + (size == 0));
            memcpy(cut, o.bytes, size);
            struct rpc_client client = rpc_client_init();
            assert_int_equal(rpc_client_parse(&client, cut, size).kind, RPC_CLIENT_MALFORMED);
            free(cut);
        }
    }
}

static void what_no_server_sends_is_malformed(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "04000203 10000000 1c000000 07000000 04000000 00000000 cafef00d", // version 4
        "05000003 10000000 1c000000 07000000 04000000 00000000 cafef00d", // a request
        "05006303 10000000 10000000 07000000",                            // type 99
        "05000f03 10000000 10000000 07000000",                            // alter_context_resp
        // bind_ack: no results, a secondary address past the end, a size no request fits into
        "05000c03 10000000 3c000000 01000000 b810d016 f0530000 0400 31333500 0000 00000000"
        "0000 0000 045d888a eb1cc911 9fe80800 2b104860 02000000",
        "05000c03 10000000 3c000000 01000000 b810d016 f0530000 ffff 31333500 0000 01000000"
        "0000 0000 045d888a eb1cc911 9fe80800 2b104860 02000000",
        "05000c03 10000000 3c000000 01000000 b8101f00 f0530000 0400 31333500 0000 01000000"
        "0000 0000 045d888a eb1cc911 9fe80800 2b104860 02000000",
        // a response whose trailer is longer than its body
        "05000203 10000000 1c00ffff 07000000 04000000 00000000 cafef00d",
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct octets o = {0};
        struct rpc_client client = rpc_client_init();
        put_hex(&o, rows[i]);
        assert_int_equal(rpc_client_parse(&client, o.bytes, o.size).kind, RPC_CLIENT_MALFORMED);
    }
}

static void a_server_that_takes_more_than_5840_octets_is_not_sent_more(void **state)
{
    (void)state;
    struct octets o = {0};
    struct rpc_client client = rpc_client_init();
    put_hex(&o, bind_ack);
    base_store_le16(o.bytes + 18, 0xffff);
    rpc_client_parse(&client, o.bytes, o.size);
    assert_int_equal(client.max_transmit, RPC_FRAGMENT_MAX);
}

static void every_status_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(rpc_nak_text(4), "protocol version not supported");
    assert_string_equal(rpc_result_text(2 << 16 | 1), "abstract syntax not supported");
    assert_string_equal(rpc_status_text(5), "access denied");
    assert_string_equal(rpc_status_text(0x12345678), "unknown status");
    assert_string_equal(rpc_nak_text(99), "unknown reason");
    assert_string_equal(rpc_result_text(0), "rejected");
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_length_of_a_pdu_follows_its_own_byte_order),
        TEST(fewer_than_ten_octets_do_not_tell_the_length),
        TEST(a_header_is_read_in_both_byte_orders),
        TEST(a_syntax_is_read_in_both_byte_orders),
        TEST(a_syntax_is_written_as_it_is_read),
        TEST(a_fault_is_written_octet_for_octet),
        TEST(a_bind_nak_is_written_octet_for_octet),
        TEST(a_response_header_keeps_the_low_octet_of_the_context_only),
        TEST(a_client_binds_octet_for_octet),
        TEST(a_client_does_not_build_into_too_little_room),
        TEST(every_call_of_a_client_has_an_id_of_its_own),
        TEST(a_long_request_is_built_in_fragments_of_the_negotiated_size),
        cmocka_unit_test_setup_teardown(a_client_and_the_server_understand_each_other, bench_setup,
                                        bench_teardown),
        TEST(answers_are_read_in_both_byte_orders),
        TEST(an_answer_cut_anywhere_is_malformed_or_read_without_its_end),
        TEST(an_answer_of_another_size_than_it_says_is_malformed),
        TEST(what_no_server_sends_is_malformed),
        TEST(a_server_that_takes_more_than_5840_octets_is_not_sent_more),
        TEST(every_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
