// Streams of valid and mutated PDUs, cut at random places, over connections that are not always
// read. RPC_SEED=N runs the streams of one seed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness_epm.h"

enum { SEEDS = 3000, PDUS_MAX = 24 };

// ---- chance

static uint64_t chance; // xorshift64*

static void seed_chance(unsigned seed)
{
    chance = (seed + 1) * 0x9e3779b97f4a7c15;
}

static uint32_t draw(uint32_t below)
{
    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;
    return (uint32_t)((chance * 0x2545f4914f6cdd1d) >> 32) % below;
}

static bool once_in(uint32_t n)
{
    return draw(n) == 0;
}

// The seed at work, for whoever reads the failure.
static unsigned seed_now;
static bool under_way;
static uint64_t plain_ones; // PDUs that went the short way
static uint32_t calm = 1;   // what is out of the ordinary comes so many times more rarely

static int tell_seed(void **state)
{
    (void)state;
    if (under_way)
        print_error("the seed was %u: run again with RPC_SEED=%u\n", seed_now, seed_now);
    under_way = false;
    return 0;
}

// ---- PDUs

static void put_random_bind(struct octets *o, uint8_t ptype)
{
    static const struct ndr_syntax_id features = {
        BASE_UUID(0x6cb71c2c, 0x9812, 0x4540, 3, 0, 0, 0, 0, 0, 0, 0), 1, 0};
    const struct ndr_syntax_id *const abstracts[] = {&epmapper_id, &epmapper_id, &mgmt_id,
                                                     &unknown_id};
    const struct ndr_syntax_id *const transfers[] = {&ndr_syntax_id_20, &ndr_syntax_id_20,
                                                     &ndr_syntax_id_64, &features, &unknown_id};
    struct bind bind = plain_bind();
    bind.ptype = ptype;
    bind.flags = once_in(4) ? (uint8_t)draw(256) : once_in(2) ? 0x13 : 0x03;
    bind.max_receive = once_in(2) ? 5840 : (uint16_t)draw(65536);
    bind.call_id = draw(8);
    bind.group = once_in(8) ? draw(64) : 0;
    bind.offers = once_in(16) ? 0 : 1 + draw(4);
    bind.offer[0].id = (uint16_t)draw(2);
    for (unsigned i = 0; i < bind.offers; i++) {
        if (i == 0 && !once_in(4))
            continue; // the plain offer
        bind.offer[i] = (struct offer){.id = (uint16_t)draw(6), .abstract = abstracts[draw(4)]};
        bind.offer[i].transfers = once_in(16) ? 0 : 1 + draw(4);
        for (unsigned t = 0; t < bind.offer[i].transfers; t++)
            bind.offer[i].transfer[t] = transfers[draw(5)];
    }
    put_bind(o, &bind);
}

// A stub for `opnum` of epmapper, mostly one that decodes (in little-endian PDUs).
static uint32_t random_stub(uint16_t opnum, uint8_t stub[512])
{
    uint8_t tower[128];
    struct ndr_context_handle handle = {0};
    struct ndr_writer w = ndr_writer_init(stub, 512, NDR_SYNTAX_20, false);
    uint32_t tower_size =
        tcp_tower(once_in(3) ? &unknown_id : &echo_id, 1 + (uint16_t)draw(9), tower);
    const struct ndr_epm_entry entry = {.tower = tower, .tower_size = tower_size, .annotation = ""};
    const struct ndr_epm_lookup lookup = {.inquiry_type = draw(5),
                                          .vers_option = draw(7),
                                          .has_object = once_in(4),
                                          .max_ents = draw(40)};
    uint32_t replace = draw(2);
    if (once_in(8))
        handle.uuid.bytes[draw(16)] = (uint8_t)draw(256);
    switch (opnum) {
    case NDR_EPM_INSERT:
    case NDR_EPM_DELETE:
        ndr_epm_encode_entries(&w, &entry, 1, opnum == NDR_EPM_INSERT ? &replace : NULL);
        break;
    case NDR_EPM_LOOKUP:
        ndr_epm_encode_lookup(&w, &lookup);
        break;
    case NDR_EPM_MAP:
        ndr_epm_encode_map(&w, NULL, tower, tower_size, &handle, draw(30));
        break;
    default:
        ndr_epm_encode_handle(&w, &handle);
    }
    return (uint32_t)ndr_writer_size(&w);
}

static void put_random_request(struct octets *o)
{
    uint8_t stub[512];
    struct request request = {
        .flags = once_in(12 * calm) ? (uint8_t)draw(256) : RPC_WHOLE,
        .call_id = draw(4),
        .alloc_hint = once_in(16) ? UINT32_MAX : 0,
        .context_id = (uint16_t)(once_in(12) ? draw(6) : 0),
        .opnum = (uint16_t)(once_in(2) ? NDR_EPM_MAP : draw(8)),
        .stub = stub,
    };
    uint32_t size = random_stub(request.opnum, stub);
    request.stub_size = size;
    if (once_in(4 * calm)) { // in fragments
        request.flags = RPC_FIRST_FRAG;
        request.stub_size = draw(size + 1);
        put_request(o, &request);
        if (once_in(8))
            put_header(o, once_in(2) ? RPC_CO_CANCEL : RPC_ORPHANED, 3, RPC_HEADER_SIZE, 1);
        request.flags = RPC_LAST_FRAG;
        request.stub = stub + request.stub_size;
        request.stub_size = size - request.stub_size;
    }
    put_request(o, &request);
}

// Mutates octets of the PDUs from `start` on.
static void mutate(struct octets *o, uint32_t start)
{
    for (unsigned i = 1 + draw(3); i > 0; i--) {
        uint32_t at = start + (once_in(2) ? draw(RPC_REQUEST_HEADER_SIZE) : draw(o->size - start));
        if (at < o->size)
            o->bytes[at] = (uint8_t)(once_in(2) ? draw(256) : o->bytes[at] ^ 1u << draw(8));
    }
}

static void put_random_pdu(struct octets *o, bool first)
{
    uint32_t start = o->size;
    o->big_endian = once_in(6 * calm);
    if (first && !once_in(20))
        put_random_bind(o, RPC_BIND);
    else if (once_in(10 * calm))
        put_random_bind(o, RPC_ALTER_CONTEXT);
    else if (once_in(60 * calm))
        put_header(o, (uint8_t)draw(24), 3, RPC_HEADER_SIZE, draw(4));
    else
        put_random_request(o);
    if (once_in((first ? 10 : 30) * calm))
        mutate(o, start);
}

static void put_random_stream(struct octets *o)
{
    unsigned count = 1 + draw(PDUS_MAX);
    for (unsigned i = 0; i < count; i++)
        put_random_pdu(o, i == 0);
}

// ---- delivery

static void assert_stays_closed(struct conn *conn, bool was_closed)
{
    if (!was_closed)
        return;
    assert_true(conn->closed || conn->aborted);
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_CLOSED);
}

// One small event on the connection.
static void step(struct conn *conn, const struct octets *o, uint32_t *sent)
{
    bool was_closed = conn->closed || conn->aborted;
    uint32_t some = once_in(2) ? draw(40) : draw(2000);
    if (some > o->size - *sent)
        some = o->size - *sent;
    conn_send(conn, o->bytes + *sent, some);
    *sent += some;
    if (once_in(3))
        conn->room = once_in(2) ? 0 : draw(2000);
    if (once_in(2))
        conn->segment = 40 + draw(1460);
    if (once_in(2)) {
        conn->room = CONN_OUT_MAX - conn->out_size;
        rpc_unblock(conn->association);
    }
    if (once_in(4))
        conn_offer(conn, draw(200));
    conn_serve(conn);
    if (once_in(4))
        bench_complete_changes(conn->bench);
    assert_stays_closed(conn, was_closed);
}

// All is sent, all is read: what stays unread is an unfinished PDU.
static void finish(struct conn *conn, const struct octets *o, uint32_t sent)
{
    conn_send(conn, o->bytes + sent, o->size - sent);
    conn->segment = 1460;
    do {
        conn->room = CONN_OUT_MAX - conn->out_size;
        rpc_unblock(conn->association);
        conn_serve(conn);
        bench_complete_changes(conn->bench);
    } while (conn->association->blocked);
    enum rpc_cut_result result = conn_offer(conn, UINT32_MAX).result;
    assert_int_equal(result, conn->closed || conn->aborted ? RPC_CUT_CLOSED : RPC_CUT_MORE);
}

static void each_seed(void (*play)(struct bench *bench))
{
    const char *one = getenv("RPC_SEED");
    unsigned first = one ? (unsigned)strtoul(one, NULL, 10) : 0;
    unsigned end = one ? first + 1 : SEEDS;
    for (seed_now = first; seed_now < end; seed_now++) {
        void *state;
        if (seed_now % 500 == 0)
            print_message("  seeds from %u on\n", seed_now);
        under_way = true;
        seed_chance(seed_now);
        bench_setup(&state);
        bench_register(state, &echo_id, 1024, draw(30));
        play(state);
        bench_teardown(&state);
        under_way = false;
    }
}

// ---- tests

static void play_many(struct bench *bench)
{
    enum { CONNS = 3 };
    struct conn *conns[CONNS];
    struct octets *streams = calloc(CONNS, sizeof *streams);
    uint32_t sent[CONNS] = {0};
    bench->server->options.allow_count = draw(2); // ::/0
    for (unsigned i = 0; i < CONNS; i++) {
        conns[i] = conn_open(bench);
        put_random_stream(&streams[i]);
    }
    for (unsigned left = 60; left > 0; left--) {
        unsigned i = draw(CONNS);
        step(conns[i], &streams[i], &sent[i]);
    }
    for (unsigned i = 0; i < CONNS; i++) {
        if (once_in(4))
            rpc_end_of_input(conns[i]->association);
        else
            finish(conns[i], &streams[i], sent[i]);
    }
    free(streams);
}

static void random_streams_break_no_invariant(void **state)
{
    (void)state;
    each_seed(play_many);
}

// The same stream in one piece and in random pieces, in two servers that are alike.
static void play_twice(struct bench *bench)
{
    struct octets *o = calloc(1, sizeof *o);
    put_random_stream(o);
    void *state;
    bench_setup(&state);
    struct bench *other = state;
    bench_register(other, &echo_id, 1024, mapper_map_count(bench->map));
    struct conn *whole = conn_open(bench), *pieces = conn_open(other);
    finish(whole, o, 0);
    uint32_t sent = 0;
    while (sent < o->size)
        step(pieces, o, &sent);
    finish(pieces, o, sent);
    assert_int_equal(pieces->out_size, whole->out_size);
    assert_memory_equal(pieces->out, whole->out, whole->out_size);
    assert_int_equal(pieces->closed, whole->closed);
    if (!whole->closed) // then the rest is not looked at
        assert_int_equal(pieces->in_size, whole->in_size);
    bench_teardown(&state);
    free(o);
}

static void answers_do_not_depend_on_how_the_stream_is_cut(void **state)
{
    (void)state;
    each_seed(play_twice);
}

// Counted before the connections end.
static void send_in_pieces(struct bench *bench, const struct octets *o, struct conn **ret_conn,
                           uint64_t counters[RPC_COUNTER_COUNT])
{
    struct conn *conn = conn_open(bench);
    uint32_t sent = 0;
    seed_chance(seed_now + SEEDS); // the same pieces for everybody
    while (sent < o->size)
        step(conn, o, &sent);
    finish(conn, o, sent);
    memcpy(counters, rpc_counters(bench->server), sizeof *counters * RPC_COUNTER_COUNT);
    *ret_conn = conn;
}

// The same pieces by the short way and without it, in two servers that are alike.
static void play_both_ways(struct bench *bench)
{
    struct octets *o = calloc(1, sizeof *o);
    calm = seed_now % 2 ? 1 : 16;
    put_random_stream(o);
    calm = 1;
    void *state;
    bench_setup(&state);
    struct bench *other = state;
    other->general_way = true;
    bench_register(other, &echo_id, 1024, mapper_map_count(bench->map));
    uint64_t short_counters[RPC_COUNTER_COUNT], general_counters[RPC_COUNTER_COUNT];
    struct conn *by_short, *by_general;
    send_in_pieces(bench, o, &by_short, short_counters);
    send_in_pieces(other, o, &by_general, general_counters);
    assert_int_equal(by_short->out_size, by_general->out_size);
    assert_memory_equal(by_short->out, by_general->out, by_general->out_size);
    assert_int_equal(by_short->closed, by_general->closed);
    assert_int_equal(by_short->in_size, by_general->in_size);
    for (unsigned i = 0; i < RPC_COUNTER_COUNT; i++) {
        if (short_counters[i] != general_counters[i])
            fail_msg("%s differs", rpc_counter_rows[i].name);
    }
    plain_ones += bench->taken_plain;
    bench_teardown(&state);
    free(o);
}

static void the_short_way_answers_and_counts_as_the_general_one(void **state)
{
    (void)state;
    plain_ones = 0;
    each_seed(play_both_ways);
    if (!getenv("RPC_SEED"))
        assert_true(plain_ones > SEEDS); // or nothing was compared
}

#define TEST(name) cmocka_unit_test_teardown(name, tell_seed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_streams_break_no_invariant),
        TEST(answers_do_not_depend_on_how_the_stream_is_cut),
        TEST(the_short_way_answers_and_counts_as_the_general_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
