// Answers of ept_map that stand ready: the same octets as the general way writes, in fewer frames.
#include <stdlib.h>
#include <string.h>

#include "harness_epm.h"

enum { QUESTIONS_MAX = RPC_BATCH_MAX, PDU_SIZE = 152 };

static const char *const bindings[] = {
    "ncacn_ip_tcp:192.0.2.10[1024]", "ncacn_ip_tcp:192.0.2.10[1025]", "ncadg_ip_udp:192.0.2.10[9]",
    "ncacn_http:192.0.2.10[593]",    "ncacn_np:HOST[\\pipe\\a]",      "ncacn_np:HOST[\\pipe\\ab]",
    "ncacn_np:HOST[\\pipe\\abc]",    "ncacn_np:HOST[\\pipe\\abcd]",   "ncalrpc:[name]",
};

static struct ndr_syntax_id interface_number(unsigned i)
{
    struct ndr_syntax_id id = echo_id;
    id.uuid.bytes[15] = (uint8_t)i;
    return id;
}

static struct base_uuid object_number(unsigned i)
{
    return (struct base_uuid){{(uint8_t)i}};
}

static uint32_t tower_of(unsigned interface, const char *text, uint8_t tower[256])
{
    struct ndr_binding binding;
    struct ndr_syntax_id id = interface_number(interface);
    assert_null(ndr_binding_parse(text, &binding));
    return (uint32_t)ndr_tower_build(&id, &ndr_syntax_id_20, &binding, tower, 256);
}

// An entry for each interface and binding: the even ones without an object, and of those the
// multiples of four for object 1, too. So some questions find one tower, some find several or none.
static void fill_map(struct bench *bench)
{
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned b = 0; b < ROWS(bindings); b++) {
            uint8_t tower[256];
            struct ndr_epm_entry entry = {.tower = tower,
                                          .tower_size = tower_of(i, bindings[b], tower)};
            if ((i + b) % 2 == 0)
                mapper_map_insert(bench->map, &entry, 1, false, MAPPER_ORIGIN_STATIC);
            entry.object = object_number(1);
            if ((i + b) % 4 == 0)
                mapper_map_insert(bench->map, &entry, 1, false, MAPPER_ORIGIN_STATIC);
        }
    }
    mapper_replica_apply(bench->replica);
}

// Appends a request PDU of context 0.
static void put_question(struct octets *o, uint32_t number, enum ndr_syntax syntax)
{
    static const uint32_t maxima[] = {1, 0, 2, 500, 4};
    uint8_t stub[512], tower[256];
    struct base_uuid object = object_number(number % 3);
    struct ndr_context_handle handle = {.attributes = number % 7};
    uint32_t size = tower_of(number % 9, bindings[number / 3 % ROWS(bindings)], tower);
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, syntax, false);
    ndr_epm_encode_map(&w, number % 5 ? &object : NULL, tower, size, &handle,
                       maxima[number / 2 % ROWS(maxima)]);
    assert_false(w.failed);
    put_request(o, &(struct request){.flags = RPC_WHOLE,
                                     .call_id = number * 0x01010101,
                                     .opnum = NDR_EPM_MAP,
                                     .stub = stub,
                                     .stub_size = (uint32_t)ndr_writer_size(&w)});
}

// Sends `count` questions from `first` on as one batch.
static void ask(struct conn *conn, uint32_t first, unsigned count, enum ndr_syntax syntax)
{
    static struct octets o;
    o.size = 0;
    for (unsigned i = 0; i < count; i++)
        put_question(&o, first + i, syntax);
    conn_send(conn, o.bytes, o.size);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_TAKEN);
    assert_int_equal(bench_run(conn->bench), count);
}

// The same question `count` times, which finds one tower of 75 octets.
static void ask_usual(struct conn *conn, unsigned count)
{
    static struct octets o;
    uint8_t stub[256], tower[256];
    static const struct ndr_context_handle null;
    uint32_t size = tower_of(1, "ncacn_ip_tcp:0.0.0.0[135]", tower);
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_map(&w, NULL, tower, size, &null, 1);
    o.size = 0;
    for (unsigned i = 0; i < count; i++)
        put_request(&o, &(struct request){.flags = RPC_WHOLE,
                                          .call_id = i,
                                          .opnum = NDR_EPM_MAP,
                                          .stub = stub,
                                          .stub_size = (uint32_t)ndr_writer_size(&w)});
    conn_send(conn, o.bytes, o.size);
}

static void assert_usual(struct conn *conn, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        assert_int_equal(assert_response(conn, i).size, PDU_SIZE);
    assert_no_answer(conn);
}

// A rule for a network that nobody is in: no call meets it, and every call goes the general way.
static void go_the_general_way(struct bench *bench)
{
    const struct rpc_inject_rule rule = {.source = {.address = {0x20, 1}, .length = 16},
                                         .chance = 1000000,
                                         .action = RPC_INJECT_FAULT,
                                         .status = 1};
    bench_inject(bench, &rule);
}

static void assert_both_ways_agree(struct bench *bench, enum ndr_syntax syntax)
{
    enum { BATCHES = 40 };
    fill_map(bench);
    struct conn *ready, *general;
    if (syntax == NDR_SYNTAX_64) {
        ready = conn_open_ndr64(bench, &epmapper_id);
        general = conn_open_ndr64(bench, &epmapper_id);
    } else {
        ready = conn_open_bound(bench, RPC_WHOLE);
        general = conn_open_bound(bench, RPC_WHOLE);
    }
    uint32_t before = ready->out_size;
    assert_int_equal(general->out_size, before);
    for (unsigned i = 0; i < BATCHES; i++)
        ask(ready, i * QUESTIONS_MAX, QUESTIONS_MAX, syntax);
    go_the_general_way(bench);
    for (unsigned i = 0; i < BATCHES; i++)
        ask(general, i * QUESTIONS_MAX, QUESTIONS_MAX, syntax);
    assert_int_equal(ready->ready_commits > BATCHES, syntax == NDR_SYNTAX_20);
    assert_int_equal(general->ready_commits, 0);
    assert_int_equal(ready->out_size, general->out_size);
    // The handles of continued answers are sealed under their cursors and differ.
    struct answer a, b;
    for (unsigned i = 0; i < BATCHES * QUESTIONS_MAX; i++) {
        a = conn_answer(ready);
        b = conn_answer(general);
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.bytes, b.bytes, RPC_RESPONSE_HEADER_SIZE);
        struct ndr_context_handle handles[2];
        memcpy(&handles[0], a.stub, sizeof handles[0]);
        memcpy(&handles[1], b.stub, sizeof handles[1]);
        assert_int_equal(is_null(&handles[0]), is_null(&handles[1]));
        assert_memory_equal(a.stub + 20, b.stub + 20, a.stub_size - 20);
    }
}

static void ready_answers_are_the_octets_of_the_general_way(void **state)
{
    assert_both_ways_agree(*state, NDR_SYNTAX_20);
}

static void ndr64_is_answered_the_general_way(void **state)
{
    assert_both_ways_agree(*state, NDR_SYNTAX_64);
}

static void ready_answers_of_a_connection_share_a_frame(void **state)
{
    struct bench *bench = *state;
    struct ndr_syntax_id id = interface_number(1);
    bench_register(bench, &id, 1024, 1);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    ask_usual(conn, 8);
    conn_serve(conn);
    assert_int_equal(conn->commits, 1);
    assert_usual(conn, 0, 8);
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP), 8);
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP_FOUND), 8);
}

static void ready_answers_fill_no_frame_beyond_its_room(void **state)
{
    static const struct {
        uint32_t segment;
        unsigned frames;
    } rows[] = {{PDU_SIZE * 8, 1},     {PDU_SIZE * 8 - 1, 2}, {PDU_SIZE * 2, 4},
                {PDU_SIZE * 2 - 1, 8}, {PDU_SIZE, 8},         {PDU_SIZE - 1, 0}};
    struct bench *bench = *state;
    struct ndr_syntax_id id = interface_number(1);
    bench_register(bench, &id, 1024, 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
        conn->segment = rows[i].segment;
        ask_usual(conn, 8);
        conn_serve(conn);
        assert_int_equal(conn->commits, rows[i].frames);
        assert_usual(conn, 0, 8);
        conn_close(conn);
    }
}

static void ready_answers_without_room_are_put_off(void **state)
{
    struct bench *bench = *state;
    struct ndr_syntax_id id = interface_number(1);
    bench_register(bench, &id, 1024, 1);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    ask_usual(conn, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_TAKEN);
    conn->room = PDU_SIZE * 3 + 1;
    bench_run(bench);
    assert_usual(conn, 0, 3);
    conn->room = CONN_OUT_MAX / 2;
    rpc_unblock(conn->association);
    conn_serve(conn);
    assert_usual(conn, 3, 8);
    assert_int_equal(bench_counter(bench, RPC_CALLS), 8);
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP_FOUND), 8);
}

static void other_calls_between_ready_ones_keep_their_place(void **state)
{
    struct bench *bench = *state;
    struct ndr_syntax_id id = interface_number(1);
    bench_register(bench, &id, 1024, 1);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    struct octets o = {0};
    ask_usual(conn, 2);
    put_request(&o,
                &(struct request){.flags = RPC_WHOLE, .call_id = 77, .opnum = NDR_EPM_INQ_OBJECT});
    conn_send(conn, o.bytes, o.size);
    ask_usual(conn, 3);
    conn_serve(conn);
    assert_response(conn, 0);
    assert_response(conn, 1);
    assert_int_equal(assert_response(conn, 77).stub_size, 20);
    assert_usual(conn, 0, 3);
    assert_int_equal(conn->ready_commits, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ready_answers_are_the_octets_of_the_general_way),
        TEST(ndr64_is_answered_the_general_way),
        TEST(ready_answers_of_a_connection_share_a_frame),
        TEST(ready_answers_fill_no_frame_beyond_its_room),
        TEST(ready_answers_without_room_are_put_off),
        TEST(other_calls_between_ready_ones_keep_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
