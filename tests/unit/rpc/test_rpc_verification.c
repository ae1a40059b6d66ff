// The verification trailer at the end of a request stub.
#include <string.h>

#include "harness.h"

// Requests of ept_inq_object, call id 2, context 0x0105, after a bind without HEADER_SIGN.
enum { WIDE = 0x0105, CALL = 2 };

#define SIGNATURE     "8ae31371 02f43671 "
#define END           "40" // high octet of a command's id
#define MUST          "80"
#define MUST_END      "c0"
#define BITMASK(h, v) "01" h " 0400 0" v "000000 "
#define EPMAPPER      "0883afe1 1f5dc911 91a40800 2b14a0fa 03000000 "
#define MGMT          "80bda8af 8a7dc911 bef40800 2b102989 01000000 "
#define NDR20         "045d888a eb1cc911 9fe80800 2b104860 02000000 "
#define NDR64         "33057171 babe3749 8319b5db ef9ccc36 01000000 "
#define CONTEXT(h)    "02" h " 2800 "
#define HEADER2(h)    "03" h " 1000 "
#define REQUEST_2     "00000000 10000000 02000000 0501 0500 "

static struct conn *open_wide(struct bench *bench, uint8_t flags,
                              const struct ndr_syntax_id *syntax)
{
    struct octets o = {0};
    struct conn *conn = conn_open(bench);
    struct bind bind = plain_bind();
    bind.flags = flags;
    bind.offer[0] = plain_offer(WIDE, &epmapper_id);
    bind.offer[0].transfer[0] = syntax;
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    return conn;
}

// `before` octets of stub, then the trailer.
static void ask(struct conn *conn, uint32_t before, const char *trailer)
{
    static const uint8_t zeros[2000];
    struct octets stub = {0};
    put_bytes(&stub, zeros, before);
    put_hex(&stub, trailer);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = CALL,
                                         .context_id = WIDE,
                                         .opnum = NDR_EPM_INQ_OBJECT,
                                         .stub = stub.bytes,
                                         .stub_size = stub.size});
}

static void assert_denied(struct conn *conn)
{
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x23, CALL, WIDE);
    assert_open(conn);
}

static void a_trailer_must_match_the_call(void **state)
{
    static const struct {
        const char *name, *trailer;
        bool denied;
    } rows[] = {
        {"header signing as bound", SIGNATURE BITMASK(END, "0"), false},
        {"header signing not as bound", SIGNATURE BITMASK(END, "1"), true},
        {"other bits of the mask", SIGNATURE BITMASK(END, "e"), false},
        {"the context", SIGNATURE CONTEXT(END) EPMAPPER NDR20, false},
        {"another interface", SIGNATURE CONTEXT(END) MGMT NDR20, true},
        {"another syntax", SIGNATURE CONTEXT(END) EPMAPPER NDR64, true},
        {"the header", SIGNATURE HEADER2(END) REQUEST_2, false},
        {"another type", SIGNATURE HEADER2(END) "01000000 10000000 02000000 0501 0500", true},
        {"another byte order", SIGNATURE HEADER2(END) "00000000 00000000 02000000 0501 0500", true},
        {"another call", SIGNATURE HEADER2(END) "00000000 10000000 03000000 0501 0500", true},
        {"another context id", SIGNATURE HEADER2(END) "00000000 10000000 02000000 0500 0500", true},
        {"another operation", SIGNATURE HEADER2(END) "00000000 10000000 02000000 0501 0300", true},
        {"all three",
         SIGNATURE BITMASK("00", "0") CONTEXT("00") EPMAPPER NDR20 HEADER2(MUST_END) REQUEST_2,
         false},
        {"the first of three differs",
         SIGNATURE BITMASK("00", "1") CONTEXT("00") EPMAPPER NDR20 HEADER2(MUST_END) REQUEST_2,
         true},
        {"a command twice", SIGNATURE BITMASK("00", "0") BITMASK(END, "0"), true},
        {"an unknown command", SIGNATURE "3412 0400 00000000 " BITMASK(END, "0"), false},
        {"an unknown command that must be processed", SIGNATURE "34d2 0000", true},
        {"sixteen octets behind the end",
         SIGNATURE BITMASK(END, "1") "00000000 00000000 00000000 00000000", true},
    };
    struct conn *conn = open_wide(*state, RPC_WHOLE, &ndr_syntax_id_20);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].name);
        ask(conn, 0, rows[i].trailer);
        if (rows[i].denied)
            assert_denied(conn);
        else
            assert_response(conn, CALL);
    }
    assert_true(bench_counter(*state, RPC_DROP_VERIFICATION) > 0);
}

static void what_does_not_parse_is_stub_data(void **state)
{
    static const char *const rows[] = {
        SIGNATURE,
        SIGNATURE "01",
        SIGNATURE "0140 0400 010000",            // cut
        SIGNATURE "0100 0400 01000000",          // no end
        SIGNATURE "0140 0300 01000000",          // length no multiple of 4
        SIGNATURE "0140 0800 01000000 00000000", // length of another command
        SIGNATURE "02c0 ff00 01000000 00000000", // past the end
        SIGNATURE BITMASK(END, "1") "00000000 00000000 00000000 00000000 00",
        "00" SIGNATURE BITMASK(END, "1"), // not aligned
    };
    struct conn *conn = open_wide(*state, RPC_WHOLE, &ndr_syntax_id_20);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i]);
        ask(conn, 0, rows[i]);
        assert_response(conn, CALL);
    }
}

static void a_trailer_is_looked_for_in_the_last_1024_octets(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE, &ndr_syntax_id_20);
    for (uint32_t before = 0; before <= 1200; before += 4) {
        ask(conn, before, SIGNATURE BITMASK(END, "1"));
        assert_denied(conn);
    }
    char long_one[4096] = SIGNATURE "3412 f003 "; // an unknown command, 1008 octets long
    for (unsigned i = 0; i < 1008; i++)
        strcat(long_one, "00");
    strcat(long_one, BITMASK(END, "1"));
    ask(conn, 0, long_one); // 1028 octets in all: it begins too early to be seen
    assert_response(conn, CALL);
}

static void header_signing_is_compared_with_that_of_the_bind(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE | RPC_HEADER_SIGN, &ndr_syntax_id_20);
    ask(conn, 0, SIGNATURE BITMASK(END, "1"));
    assert_response(conn, CALL);
    ask(conn, 0, SIGNATURE BITMASK(END, "0"));
    assert_denied(conn);
}

static void the_syntax_is_compared_with_that_of_the_context(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE, &ndr_syntax_id_64);
    ask(conn, 0, SIGNATURE CONTEXT(END) EPMAPPER NDR64);
    assert_response(conn, CALL);
    ask(conn, 0, SIGNATURE CONTEXT(END) EPMAPPER NDR20);
    assert_denied(conn);
}

static void a_trailer_may_lie_across_fragments(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE, &ndr_syntax_id_20);
    struct octets stub = {0};
    put_hex(&stub, SIGNATURE BITMASK(END, "1"));
    for (uint32_t at = 0; at <= stub.size; at++) {
        struct request request = {.flags = RPC_FIRST_FRAG,
                                  .call_id = CALL,
                                  .context_id = WIDE,
                                  .opnum = NDR_EPM_INQ_OBJECT,
                                  .stub = stub.bytes,
                                  .stub_size = at};
        conn_request(conn, &request);
        request.flags = RPC_LAST_FRAG;
        request.stub = stub.bytes + at;
        request.stub_size = stub.size - at;
        conn_request(conn, &request);
        assert_denied(conn);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trailer_must_match_the_call),
        TEST(what_does_not_parse_is_stub_data),
        TEST(a_trailer_is_looked_for_in_the_last_1024_octets),
        TEST(header_signing_is_compared_with_that_of_the_bind),
        TEST(the_syntax_is_compared_with_that_of_the_context),
        TEST(a_trailer_may_lie_across_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
