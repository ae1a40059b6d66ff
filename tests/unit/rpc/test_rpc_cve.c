// Classes of faults that other servers of this protocol had, one test each; the comment names the
// record. docs/security.md is the whole table: rows that other tests prove are named there.
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "harness_epm.h"

// ---- what is not served

// CVE-2003-0528, CVE-2003-0605, CVE-2003-0715: activation and the locator share Windows' port 135.
static void interfaces_of_other_services_are_not_served(void **state)
{
    static const struct ndr_syntax_id others[] = {
        // IActivation, ISystemActivator, NsiC
        {BASE_UUID(0x4d9f4ab8, 0x7d1c, 0x11cf, 0x86, 0x1e, 0, 0x20, 0xaf, 0x6e, 0x7c, 0x57), 0, 0},
        {BASE_UUID(0x000001a0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46), 0, 0},
        {BASE_UUID(0xd3fbb514, 0x0e3b, 0x11cb, 0x8f, 0xad, 8, 0, 0x2b, 0x1d, 0x29, 0xc3), 1, 0},
    };
    for (unsigned i = 0; i < ROWS(others); i++) {
        struct conn *conn = conn_open(*state);
        struct bind bind = plain_bind();
        struct octets o = {0};
        bind.offer[0] = plain_offer(0, &others[i]);
        put_bind(&o, &bind);
        conn_talk(conn, &o);
        struct answer a = conn_answer(conn);
        assert_int_equal(a.ptype, RPC_BIND_ACK);
        assert_int_equal(base_load_le16(a.bytes + a.size - 24), RPC_RESULT_PROVIDER_REJECTION);
        conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 2, .opnum = 4});
        assert_fault(conn, RPC_FAULT_UNKNOWN_INTERFACE, RPC_WHOLE | RPC_DID_NOT_EXECUTE, 2, 0);
        conn_close(conn);
    }
}

// ---- null pointers

static bool answered(struct conn *conn)
{
    struct answer a = conn_answer(conn);
    assert_true(a.ptype == RPC_RESPONSE || (a.ptype == RPC_FAULT && a.status != 0));
    assert_open(conn);
    return a.ptype == RPC_RESPONSE;
}

// CVE-2002-1561: a null pointer where the endpoint mapper expected none.
static void every_combination_of_null_pointers_in_a_map_is_answered(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    bench_register(*state, &echo_id, 1024, 2);
    const struct ndr_context_handle handles[] = {{0},
                                                 {0, BASE_UUID(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)}};
    uint8_t stub[512], tower[128];
    uint32_t size = tcp_tower(&echo_id, 135, tower);
    for (unsigned bits = 0; bits < 8; bits++) {
        struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
        ndr_epm_encode_map(&w, bits & 1 ? &echo_id.uuid : NULL, bits & 2 ? tower : NULL,
                           bits & 2 ? size : 0, &handles[bits >> 2], 4);
        epm_request(conn, NDR_EPM_MAP, &w);
        assert_int_equal(answered(conn), !(bits & 4)); // a handle that nobody gave out is a fault
    }
}

static void every_combination_of_null_pointers_in_a_lookup_is_answered(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    bench_register(*state, &echo_id, 1024, 2);
    uint8_t stub[512];
    for (unsigned bits = 0; bits < 32; bits++) {
        struct ndr_epm_lookup lookup = {.inquiry_type = bits >> 3,
                                        .vers_option = NDR_EPM_VERSIONS_ALL,
                                        .has_object = bits & 1,
                                        .has_interface = bits & 2,
                                        .interface = echo_id,
                                        .max_ents = 4};
        if (bits & 4)
            lookup.handle.uuid = echo_id.uuid;
        struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
        ndr_epm_encode_lookup(&w, &lookup);
        epm_request(conn, NDR_EPM_LOOKUP, &w);
        answered(conn);
    }
    assert_alive(conn);
}

static void an_entry_with_a_null_tower_is_refused(void **state)
{
    struct bench *bench = *state;
    bench->server->options.allow_count = 1; // ::/0
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    const struct ndr_epm_entry entry = {.annotation = ""};
    uint32_t replace = 0;
    for (uint16_t opnum = NDR_EPM_INSERT; opnum <= NDR_EPM_DELETE; opnum++) {
        uint8_t stub[512];
        struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
        ndr_epm_encode_entries(&w, &entry, 1, opnum == NDR_EPM_INSERT ? &replace : NULL);
        epm_request(conn, opnum, &w);
        bench_complete_changes(bench);
        struct answer a = conn_answer(conn);
        if (a.ptype == RPC_RESPONSE)
            assert_int_not_equal(base_load_le32(a.stub), NDR_EPM_STATUS_OK);
        assert_int_equal(mapper_map_count(bench->map), 0);
    }
    assert_alive(conn);
}

// ---- fragments

static void send_fragment(struct conn *conn, uint8_t flags, const void *stub, uint32_t size)
{
    conn_request(conn, &(struct request){.flags = flags,
                                         .call_id = 2,
                                         .opnum = NDR_EPM_INQ_OBJECT,
                                         .stub = stub,
                                         .stub_size = size});
}

// CVE-2022-26809, -24492, -24528, -22019: the sum of the fragments in 32 bits.
static void a_sum_of_fragments_that_wraps_is_over_the_limit(void **state)
{
    static const uint8_t stub[5000];
    static const uint32_t sums[] = {BENCH_MAX_REQUEST - 4999, 0x7fffffff,        0x80000000,
                                    UINT32_MAX - 4999,        UINT32_MAX - 4998, UINT32_MAX};
    for (unsigned i = 0; i < ROWS(sums); i++) {
        struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
        send_fragment(conn, RPC_FIRST_FRAG, stub, 16);
        conn->association->reassembly->size = sums[i];
        send_fragment(conn, i % 2 ? RPC_LAST_FRAG : 0, stub, sizeof stub);
        assert_fault(conn, RPC_FAULT_ACCESS_DENIED, RPC_WHOLE, 2, 0);
        assert_closed(conn);
        conn_close(conn);
    }
}

// The same as it would come over the wire: 4 GiB in fragments of the largest size.
static void four_gigabytes_of_fragments_never_pass_the_limit(void **state)
{
    struct bench *bench = *state;
    static struct octets first, later;
    static const uint8_t stub[RPC_FRAGMENT_MAX - RPC_REQUEST_HEADER_SIZE];
    struct request request = {
        .flags = RPC_FIRST_FRAG, .call_id = 2, .stub = stub, .stub_size = sizeof stub};
    first.size = later.size = 0;
    put_request(&first, &request);
    request.flags = 0;
    put_request(&later, &request);
    uint64_t sent = 0, refused = 0;
    while (sent <= UINT32_MAX) {
        struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
        // Straight into the server: what it copies is bounded, so the bytes may stay where they
        // are.
        const struct octets *next = &first;
        while (rpc_input(bench->server, conn->association, next->bytes, next->size).result ==
               RPC_CUT_TAKEN) {
            assert_true(conn->association->reassembly->size <= BENCH_MAX_REQUEST);
            bench->taken++;
            sent += sizeof stub;
            next = &later;
        }
        bench->endings++;
        refused++;
        rpc_take_consumed(conn->association);
        assert_fault(conn, RPC_FAULT_ACCESS_DENIED, RPC_WHOLE, 2, 0);
        conn_close(conn);
    }
    assert_int_equal(bench_counter(bench, RPC_DROP_OVERSIZE), refused);
}

// CVE-2021-23192: what a later fragment says of context and operation is not looked at; another
// call id, byte order or a trailer is an error.
static void later_fragments_are_bound_to_the_first(void **state)
{
    static const struct {
        uint32_t call_id;
        uint16_t context_id, opnum;
        bool big_endian, auth;
        uint32_t fault; // 0: served, as the first fragment says
    } rows[] = {
        {2, 0, NDR_EPM_INQ_OBJECT, false, false, 0},
        {2, 9, NDR_EPM_INQ_OBJECT, false, false, 0},
        {2, 0, NDR_EPM_INSERT, false, false, 0},
        {2, 9, 0xffff, false, false, 0},
        {3, 0, NDR_EPM_INQ_OBJECT, false, false, RPC_FAULT_PROTOCOL_ERROR},
        {2, 0, NDR_EPM_INQ_OBJECT, true, false, RPC_FAULT_PROTOCOL_ERROR},
        {2, 0, NDR_EPM_INQ_OBJECT, false, true, RPC_FAULT_ACCESS_DENIED},
    };
    static const uint8_t stub[32];
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
        struct octets o = {.big_endian = rows[i].big_endian};
        send_fragment(conn, RPC_FIRST_FRAG, stub, sizeof stub);
        put_request(&o, &(struct request){.flags = RPC_LAST_FRAG,
                                          .call_id = rows[i].call_id,
                                          .context_id = rows[i].context_id,
                                          .opnum = rows[i].opnum,
                                          .stub = stub,
                                          .stub_size = sizeof stub});
        set_auth_length(&o, 0, rows[i].auth ? 8 : 0);
        conn_talk(conn, &o);
        if (rows[i].fault == 0)
            assert_response(conn, 2);
        else
            assert_int_equal(conn_answer(conn).status, rows[i].fault);
        conn_close(conn);
    }
}

// CVE-2026-22258: fragments kept without bound. Each connection begins a call and goes away, with
// as many open at once as the bench takes.
static void a_million_half_calls_take_no_more_than_the_buffers(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    enum { HALF_CALLS = 100000 };
#else
    enum { HALF_CALLS = 1000000 };
#endif
    struct bench *bench = *state;
    struct conn *open[BENCH_CONNS - 1] = {0};
    static const uint8_t stub[64];
    for (unsigned i = 0; i < HALF_CALLS; i++) {
        struct conn **conn = &open[i % ROWS(open)];
        if (*conn)
            conn_close(*conn);
        *conn = conn_open_bound(bench, RPC_WHOLE);
        send_fragment(*conn, RPC_FIRST_FRAG, stub, sizeof stub);
    }
    assert_true(bench_counter(bench, RPC_FRAGMENTS_IN) > 0);
    assert_int_equal(bench_counter(bench, RPC_FRAGMENTS_IN) +
                         bench_counter(bench, RPC_DROP_NO_BUFFER),
                     HALF_CALLS);
    for (unsigned i = 0; i < ROWS(open); i++)
        conn_close(open[i]);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    send_fragment(conn, RPC_FIRST_FRAG, stub, sizeof stub);
    send_fragment(conn, RPC_LAST_FRAG, stub, sizeof stub);
    assert_response(conn, 2);
}

// ---- lengths and numbers

// CVE-2013-4408: frag_length believed. Each is offered with exactly as many octets as it says.
static void every_length_of_a_pdu_is_taken_or_ends_the_connection(void **state)
{
    static const uint8_t types[] = {RPC_REQUEST, RPC_BIND, RPC_ALTER_CONTEXT, RPC_CO_CANCEL,
                                    RPC_ORPHANED};
    for (unsigned t = 0; t < ROWS(types); t++)
        for (uint32_t length = 0; length <= UINT16_MAX;
             length += length < 80 || (length > 5830 && length < 5850) ? 1 : 997) {
            static struct octets o;
            struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
            o.size = 0;
            put_header(&o, types[t], RPC_WHOLE, (uint16_t)length, 2);
            memset(o.bytes + o.size, 0, sizeof o.bytes - o.size);
            o.size = length > RPC_HEADER_SIZE ? length : RPC_HEADER_SIZE;
            conn_talk(conn, &o);
            if (length < RPC_HEADER_SIZE)
                assert_true(conn->closed);
            else
                assert_true(conn->closed || conn->in_size == 0);
            conn_close(conn);
        }
}

// CVE-2023-43641 and its like: a number of the peer's used as an index.
static void numbers_at_every_edge_select_nothing_that_is_not_there(void **state)
{
    static const uint16_t edges[] = {0,   1,   5,      7,      15,     16,     127,    128,
                                     255, 256, 0x3fff, 0x7fff, 0x8000, 0xff00, 0xfffe, 0xffff};
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (unsigned c = 0; c < ROWS(edges); c++)
        for (unsigned n = 0; n < ROWS(edges); n++) {
            conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                                 .call_id = 2,
                                                 .context_id = edges[c],
                                                 .opnum = edges[n]});
            struct answer a = conn_answer(conn);
            if (edges[c] == 0 && edges[n] == NDR_EPM_INQ_OBJECT)
                assert_int_equal(a.ptype, RPC_RESPONSE);
            else if (edges[c] != 0)
                assert_int_equal(a.status, RPC_FAULT_UNKNOWN_INTERFACE);
            else if (edges[n] >= NDR_EPM_OPERATION_COUNT)
                assert_int_equal(a.status, RPC_FAULT_OP_RANGE);
            assert_open(conn);
        }
}

// ---- replies

// What `opnum` is answered when every buffer for it held `poison` before.
static struct octets *poisoned(struct bench *bench, uint8_t poison, uint16_t opnum, bool wide)
{
    struct bind bind = plain_bind();
    struct octets o = {0}, *reply = calloc(1, sizeof *reply);
    uint8_t stub[512], tower[128];
    uint32_t size = tcp_tower(&echo_id, 135, tower), replace = 0;
    struct ndr_writer w =
        ndr_writer_init(stub, sizeof stub, wide ? NDR_SYNTAX_64 : NDR_SYNTAX_20, false);
    const struct ndr_epm_entry entry = {.tower = tower, .tower_size = size, .annotation = ""};
    const struct ndr_epm_lookup lookup = {.max_ents = 9};
    static const struct ndr_context_handle null;
    bench->poison = poison;
    memset(bench->server->scratch, poison, sizeof bench->server->scratch);
    if (opnum == NDR_EPM_INSERT || opnum == NDR_EPM_DELETE)
        ndr_epm_encode_entries(&w, &entry, 1, opnum == NDR_EPM_INSERT ? &replace : NULL);
    else if (opnum == NDR_EPM_LOOKUP)
        ndr_epm_encode_lookup(&w, &lookup);
    else if (opnum == NDR_EPM_MAP)
        ndr_epm_encode_map(&w, NULL, tower, size, &null, 9);
    else
        ndr_epm_encode_handle(&w, &null);
    struct conn *conn = conn_open(bench);
    bind.offer[0].transfer[0] = wide ? &ndr_syntax_id_64 : &ndr_syntax_id_20;
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    uint32_t bound = conn->out_size; // its group is new every time
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = 2,
                                         .opnum = opnum,
                                         .stub = stub,
                                         .stub_size = (uint32_t)ndr_writer_size(&w)});
    put_bytes(reply, conn->out + bound, conn->out_size - bound);
    conn_close(conn);
    return reply;
}

// CVE-2015-0240, CVE-2018-1050: octets of a reply that nobody wrote.
static void a_reply_does_not_show_what_its_buffer_held(void **state)
{
    bench_register(*state, &echo_id, 1024, 5);
    for (unsigned row = 0; row < 2 * NDR_EPM_OPERATION_COUNT; row++) {
        uint16_t opnum = (uint16_t)(row / 2);
        struct octets *one = poisoned(*state, 0xa5, opnum, row % 2);
        struct octets *other = poisoned(*state, 0x5a, opnum, row % 2);
        assert_true(one->size > RPC_HEADER_SIZE);
        assert_int_equal(one->size, other->size);
        assert_memory_equal(one->bytes, other->bytes, one->size);
        free(one);
        free(other);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(interfaces_of_other_services_are_not_served),
        TEST(every_combination_of_null_pointers_in_a_map_is_answered),
        TEST(every_combination_of_null_pointers_in_a_lookup_is_answered),
        TEST(an_entry_with_a_null_tower_is_refused),
        TEST(a_sum_of_fragments_that_wraps_is_over_the_limit),
        TEST(four_gigabytes_of_fragments_never_pass_the_limit),
        TEST(later_fragments_are_bound_to_the_first),
        TEST(a_million_half_calls_take_no_more_than_the_buffers),
        TEST(every_length_of_a_pdu_is_taken_or_ends_the_connection),
        TEST(numbers_at_every_edge_select_nothing_that_is_not_there),
        TEST(a_reply_does_not_show_what_its_buffer_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
