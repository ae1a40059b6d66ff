#include <string.h>

#include "base/bytes.h"
#include "harness.h"
#include "rpc/group.h"

static const struct ndr_syntax_id zero_id;
// Features: the mask is the last eight octets of the UUID, little-endian.
static const struct ndr_syntax_id features_0 = {
    BASE_UUID(0x6cb71c2c, 0x9812, 0x4540, 0, 0, 0, 0, 0, 0, 0, 0), 1, 0};
static const struct ndr_syntax_id features_1 = {
    BASE_UUID(0x6cb71c2c, 0x9812, 0x4540, 1, 0, 0, 0, 0, 0, 0, 0), 1, 0};
static const struct ndr_syntax_id features_3 = {
    BASE_UUID(0x6cb71c2c, 0x9812, 0x4540, 3, 0, 0, 0, 0, 0, 0, 0), 1, 0};
static const struct ndr_syntax_id features_all = {
    BASE_UUID(0x6cb71c2c, 0x9812, 0x4540, 255, 255, 255, 255, 255, 255, 255, 255), 1, 0};

static const struct ndr_syntax_id ndr64_2_0 = {
    BASE_UUID(0x71710533, 0xbeba, 0x4937, 0x83, 0x19, 0xb5, 0xdb, 0xef, 0x9c, 0xcc, 0x36), 2, 0};
static const struct ndr_syntax_id epmapper_minor_1 = {
    BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa), 3, 1};
static const struct ndr_syntax_id epmapper_major_2 = {
    BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa), 2, 0};

#define NDR20    (&ndr_syntax_id_20)
#define NDR64    (&ndr_syntax_id_64)
#define EPMAPPER (&epmapper_id)
#define MGMT     (&mgmt_id)

// ---- what a bind_ack or alter_context_resp says

struct result {
    uint16_t result, reason;
    bool ndr64; // accepted with NDR64 instead of NDR 2.0
};

static void assert_results(const struct answer *a, uint32_t at, const struct result *want,
                           unsigned count)
{
    assert_int_equal(base_load_le32(a->bytes + at), count);
    assert_int_equal(a->size, at + 4 + count * 24);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *row = a->bytes + at + 4 + i * 24;
        assert_int_equal(base_load_le16(row), want[i].result);
        assert_int_equal(base_load_le16(row + 2), want[i].reason);
        struct octets syntax = {0};
        const struct ndr_syntax_id *chosen = want[i].ndr64 ? NDR64 : NDR20;
        put_syntax(&syntax, want[i].result == RPC_RESULT_ACCEPT ? chosen : &zero_id);
        assert_memory_equal(row + 4, syntax.bytes, 20);
    }
}

static struct answer talk_bind(struct conn *conn, const struct bind *bind)
{
    struct octets o = {0};
    put_bind(&o, bind);
    conn_talk(conn, &o);
    return conn_answer(conn);
}

static const struct result accepted = {RPC_RESULT_ACCEPT, 0};

// ---- the worked examples

static void the_bind_of_three_contexts_is_answered_as_documented(void **state)
{
    static const char bind[] =
        "05 00 0b 03 10 00 00 00 a0 00 00 00 01 00 00 00 d0 16 d0 16 00 00 00 00 03 00 00 00"
        "00 00 01 00 08 83 af e1 1f 5d c9 11 91 a4 08 00 2b 14 a0 fa 03 00 00 00"
        "04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 00 00"
        "01 00 01 00 08 83 af e1 1f 5d c9 11 91 a4 08 00 2b 14 a0 fa 03 00 00 00"
        "33 05 71 71 ba be 37 49 83 19 b5 db ef 9c cc 36 01 00 00 00"
        "02 00 01 00 08 83 af e1 1f 5d c9 11 91 a4 08 00 2b 14 a0 fa 03 00 00 00"
        "2c 1c b7 6c 12 98 40 45 03 00 00 00 00 00 00 00 01 00 00 00";
    static const char ack_start[] = "05 00 0c 03 10 00 00 00 6c 00 00 00 01 00 00 00 d0 16 d0 16";
    static const char ack_end[] =
        "04 00 31 33 35 00 00 00 03 00 00 00"
        "00 00 00 00 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 00 00"
        "02 00 02 00 00000000 00000000 00000000 00000000 00000000"
        "03 00 03 00 00000000 00000000 00000000 00000000 00000000";
    struct conn *conn = conn_open(*state);
    struct octets o = {0}, start = {0}, end = {0};
    put_hex(&o, bind);
    put_hex(&start, ack_start);
    put_hex(&end, ack_end);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.size, 108);
    assert_memory_equal(a.bytes, start.bytes, 20);
    assert_int_not_equal(base_load_le32(a.bytes + 20), 0);
    assert_memory_equal(a.bytes + 24, end.bytes, 84);
    assert_alive(conn);
}

static void the_big_endian_bind_is_answered_in_little_endian(void **state)
{
    struct conn *conn = conn_open(*state);
    struct octets o = {0}, want = {0};
    put_hex(&o, "05 00 0b 03 00 00 00 00 00 48 00 00 00 00 00 01 16 d0 16 d0 00 00 00 00"
                "01 00 00 00 00 00 01 00 e1 af 83 08 5d 1f 11 c9 91 a4 08 00 2b 14 a0 fa"
                "00 00 00 03 8a 88 5d 04 1c eb 11 c9 9f e8 08 00 2b 10 48 60 00 00 00 02");
    put_hex(&want, "05 00 0c 03 10 00 00 00 3c 00 00 00 01 00 00 00 d0 16 d0 16");
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_memory_equal(a.bytes, want.bytes, want.size);
    assert_results(&a, 32, &accepted, 1);
    assert_alive(conn);
}

static void a_refused_bind_is_answered_as_documented(void **state)
{
    struct conn *conn = conn_open(*state);
    struct octets o = {0}, want = {0};
    put_request(&o, &(struct request){.flags = RPC_WHOLE, .call_id = 1});
    put_hex(&want, "05 00 0d 03 10 00 00 00 18 00 00 00 01 00 00 00 04 00 01 05 00 00 00 00");
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.size, want.size);
    assert_memory_equal(a.bytes, want.bytes, want.size);
    assert_closed(conn);
}

// ---- presentation contexts

enum { KEPT, BROKEN };

struct context_row {
    const char *name;
    struct offer first[4]; // in the bind
    struct result first_results[4];
    struct offer second[4]; // in an alter_context, when there are any
    struct result second_results[4];
    int second_verdict;
};

#define OFFER(id, abstract, count, ...)                                                            \
    {                                                                                              \
        id, abstract, count,                                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ACCEPT                                                                                     \
    {                                                                                              \
        0, 0                                                                                       \
    }
#define ACCEPT_64                                                                                  \
    {                                                                                              \
        0, 0, true                                                                                 \
    }
#define NO_ABSTRACT                                                                                \
    {                                                                                              \
        2, 1                                                                                       \
    }
#define NO_TRANSFER                                                                                \
    {                                                                                              \
        2, 2                                                                                       \
    }
#define GRANTED(mask)                                                                              \
    {                                                                                              \
        3, mask                                                                                    \
    }

static const struct context_row context_rows[] = {
    {"an interface that is not served",
     {OFFER(0, &unknown_id, 1, NDR20)},
     {NO_ABSTRACT},
     {OFFER(1, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     KEPT},
    {"a higher minor version", {OFFER(0, &epmapper_minor_1, 1, NDR20)}, {NO_ABSTRACT}, {}, {}, 0},
    {"another major version", {OFFER(0, &epmapper_major_2, 1, NDR20)}, {NO_ABSTRACT}, {}, {}, 0},
    {"no transfer syntax that is known",
     {OFFER(0, EPMAPPER, 2, &zero_id, &unknown_id)},
     {NO_TRANSFER},
     {},
     {},
     0},
    {"NDR64 alone", {OFFER(0, EPMAPPER, 1, NDR64)}, {ACCEPT_64}, {}, {}, 0},
    {"NDR64 of another version", {OFFER(0, EPMAPPER, 1, &ndr64_2_0)}, {NO_TRANSFER}, {}, {}, 0},
    {"a zero syntax before NDR 2.0", {OFFER(1, MGMT, 2, &zero_id, NDR20)}, {ACCEPT}, {}, {}, 0},
    {"NDR 2.0 three times", {OFFER(1, MGMT, 3, NDR20, NDR20, NDR20)}, {ACCEPT}, {}, {}, 0},
    {"NDR64 before NDR 2.0", {OFFER(0, EPMAPPER, 2, NDR64, NDR20)}, {ACCEPT_64}, {}, {}, 0},
    {"NDR 2.0 before NDR64", {OFFER(0, EPMAPPER, 2, NDR20, NDR64)}, {ACCEPT}, {}, {}, 0},
    {"as Windows offers both",
     {OFFER(0, EPMAPPER, 1, NDR20), OFFER(1, EPMAPPER, 1, NDR64)},
     {ACCEPT, NO_TRANSFER},
     {},
     {},
     0},
    {"two new contexts",
     {OFFER(0, EPMAPPER, 1, NDR20), OFFER(1, MGMT, 1, NDR20)},
     {ACCEPT, NO_TRANSFER},
     {},
     {},
     0},
    {"a refused context before a new one",
     {OFFER(0, &unknown_id, 1, NDR20), OFFER(1, MGMT, 1, NDR20), OFFER(2, MGMT, 1, NDR20)},
     {NO_ABSTRACT, ACCEPT, NO_TRANSFER},
     {},
     {},
     0},
    {"the same new context twice",
     {OFFER(3, MGMT, 1, NDR20), OFFER(3, MGMT, 1, NDR20)},
     {ACCEPT, NO_TRANSFER},
     {},
     {},
     0},
    {"a further context by alter_context",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(7, MGMT, 1, NDR20)},
     {ACCEPT},
     KEPT},
    {"a context again",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     KEPT},
    {"a context again, twice",
     {OFFER(4, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(4, EPMAPPER, 1, NDR20), OFFER(4, EPMAPPER, 1, NDR20)},
     {ACCEPT, NO_TRANSFER},
     KEPT},
    {"a context again behind a new one",
     {OFFER(3, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(4, EPMAPPER, 1, NDR20), OFFER(3, EPMAPPER, 1, NDR20)},
     {ACCEPT, NO_TRANSFER},
     KEPT},
    {"a context again with unknown syntaxes only",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(0, EPMAPPER, 2, &zero_id, &unknown_id)},
     {NO_TRANSFER},
     KEPT},
    {"a context again with NDR64 beside NDR 2.0",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(0, EPMAPPER, 2, NDR64, NDR20)},
     {ACCEPT},
     KEPT},
    {"an NDR64 context again with NDR 2.0 beside NDR64",
     {OFFER(0, EPMAPPER, 1, NDR64)},
     {ACCEPT_64},
     {OFFER(0, EPMAPPER, 2, NDR20, NDR64)},
     {ACCEPT_64},
     KEPT},
    {"an NDR64 context again with NDR 2.0 alone",
     {OFFER(0, EPMAPPER, 1, NDR64)},
     {ACCEPT_64},
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {},
     BROKEN},
    {"a context again with another syntax",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(0, EPMAPPER, 1, NDR64)},
     {},
     BROKEN},
    {"a context again with another interface",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(0, MGMT, 1, NDR20)},
     {},
     BROKEN},
    {"no transfer syntax in an alter_context",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(1, MGMT, 0)},
     {},
     BROKEN},
    {"features 0",
     {OFFER(0, EPMAPPER, 1, NDR20), OFFER(1, EPMAPPER, 1, &features_0)},
     {ACCEPT, GRANTED(0)},
     {},
     {},
     0},
    {"features 1",
     {OFFER(1, &zero_id, 1, &features_1), OFFER(0, EPMAPPER, 1, NDR20)},
     {GRANTED(1), ACCEPT},
     {},
     {},
     0},
    {"features of the future",
     {OFFER(0, EPMAPPER, 1, NDR20), OFFER(1, EPMAPPER, 1, &features_all)},
     {ACCEPT, GRANTED(3)},
     {},
     {},
     0},
    {"features before NDR 2.0 in one context",
     {OFFER(0, EPMAPPER, 2, &features_3, NDR20)},
     {GRANTED(3)},
     {},
     {},
     0},
    {"features behind NDR 2.0 in one context",
     {OFFER(0, EPMAPPER, 2, NDR20, &features_3)},
     {ACCEPT},
     {},
     {},
     0},
    {"features behind an unknown syntax",
     {OFFER(0, EPMAPPER, 2, &zero_id, &features_3)},
     {NO_TRANSFER},
     {},
     {},
     0},
    {"features in an alter_context",
     {OFFER(0, EPMAPPER, 1, NDR20)},
     {ACCEPT},
     {OFFER(1, EPMAPPER, 1, &features_3)},
     {NO_TRANSFER},
     KEPT},
};

static unsigned count_offers(const struct offer offers[4])
{
    unsigned count = 0;
    while (count < 4 && offers[count].abstract)
        count++;
    return count;
}

static void check_contexts(struct bench *bench, const struct context_row *row, bool big_endian)
{
    struct conn *conn = conn_open(bench);
    struct octets o = {.big_endian = big_endian};
    struct bind bind = plain_bind();
    bind.offers = count_offers(row->first);
    memcpy(bind.offer, row->first, sizeof row->first);
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, RPC_BIND_ACK);
    assert_results(&a, 32, row->first_results, bind.offers);
    bind.ptype = RPC_ALTER_CONTEXT;
    bind.call_id = 2;
    bind.offers = count_offers(row->second);
    memcpy(bind.offer, row->second, sizeof row->second);
    if (bind.offers) {
        o.size = 0;
        put_bind(&o, &bind);
        conn_talk(conn, &o);
        if (row->second_verdict == BROKEN) {
            assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x23, 2, 0);
            assert_closed(conn);
        } else {
            a = conn_answer(conn);
            assert_int_equal(a.ptype, RPC_ALTER_CONTEXT_RESP);
            assert_results(&a, 28, row->second_results, bind.offers);
        }
    }
    if (row->second_verdict != BROKEN)
        assert_open(conn);
    conn_close(conn);
}

static void contexts_are_negotiated_by_the_rules(void **state)
{
    for (unsigned i = 0; i < ROWS(context_rows); i++) {
        print_message("  %s\n", context_rows[i].name);
        check_contexts(*state, &context_rows[i], false);
        check_contexts(*state, &context_rows[i], true);
    }
}

static void a_bind_that_breaks_a_rule_is_refused_and_ends_the_connection(void **state)
{
    static const struct {
        const char *name;
        unsigned offers;
        struct offer offer[2];
    } rows[] = {
        {"no context", 0, {}},
        {"no transfer syntax", 1, {OFFER(0, EPMAPPER, 0)}},
        {"one context with two interfaces",
         2,
         {OFFER(0, EPMAPPER, 1, NDR20), OFFER(0, MGMT, 1, NDR20)}},
        {"one context with two syntaxes",
         2,
         {OFFER(0, EPMAPPER, 1, NDR20), OFFER(0, EPMAPPER, 1, NDR64)}},
        {"features twice",
         2,
         {OFFER(0, EPMAPPER, 1, &features_3), OFFER(1, EPMAPPER, 1, &features_3)}},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct conn *conn = conn_open(*state);
        struct octets o = {0};
        struct bind bind = plain_bind();
        bind.offers = rows[i].offers;
        memcpy(bind.offer, rows[i].offer, sizeof rows[i].offer);
        put_bind(&o, &bind);
        conn_talk(conn, &o);
        assert_nak(conn, RPC_NAK_NOT_SPECIFIED);
        assert_closed(conn);
        conn_close(conn);
    }
}

static void an_alter_context_without_contexts_is_a_protocol_error(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    alter.call_id = 9;
    alter.offers = 0;
    put_bind(&o, &alter);
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x23, 9, 0);
    assert_closed(conn);
}

static void a_connection_without_any_context_stays_and_can_add_one(void **state)
{
    struct conn *conn = conn_open(*state);
    struct bind bind = plain_bind();
    bind.offer[0] = plain_offer(0, &unknown_id);
    talk_bind(conn, &bind);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 2, .opnum = 5});
    assert_fault(conn, RPC_FAULT_UNKNOWN_INTERFACE, 0x23, 2, 0);
    bind.ptype = RPC_ALTER_CONTEXT;
    bind.offer[0] = plain_offer(0, EPMAPPER);
    assert_int_equal(talk_bind(conn, &bind).ptype, RPC_ALTER_CONTEXT_RESP);
    assert_alive(conn);
}

static void a_context_over_the_limit_is_refused_as_such(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    static const struct result local_limit = {2, 3};
    for (uint16_t id = 1; id <= BENCH_CONTEXTS; id++) {
        struct bind alter = plain_bind();
        alter.ptype = RPC_ALTER_CONTEXT;
        alter.offer[0] = plain_offer(id, EPMAPPER);
        struct answer a = talk_bind(conn, &alter);
        assert_results(&a, 28, id < BENCH_CONTEXTS ? &accepted : &local_limit, 1);
    }
    assert_alive(conn);
}

// One association takes most of the pool's chunks; what it leaves does not do for another.
static void contexts_that_the_pool_has_no_room_for_are_refused(void **state)
{
    struct bench *bench = *state;
    static const struct result local_limit = {2, 3};
    struct conn *conns[2] = {conn_open_bound(bench, RPC_WHOLE), conn_open_bound(bench, RPC_WHOLE)};
    for (unsigned i = 0; i < 2; i++) {
        for (uint16_t id = 1; id < BENCH_CONTEXTS; id++) {
            struct bind alter = plain_bind();
            alter.ptype = RPC_ALTER_CONTEXT;
            alter.offer[0] = plain_offer(id, EPMAPPER);
            struct answer a = talk_bind(conns[i], &alter);
            unsigned room = i == 0 ? BENCH_CONTEXTS : RPC_CONTEXT_INLINE + RPC_CONTEXT_CHUNK;
            assert_results(&a, 28, id < room ? &accepted : &local_limit, 1);
        }
        assert_alive(conns[i]);
    }
    assert_true(bench_counter(bench, RPC_DROP_CONTEXT_POOL) > 0);
    conn_close(conns[0]); // gives its chunks back
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    alter.offer[0] = plain_offer(999, EPMAPPER);
    struct answer a = talk_bind(conns[1], &alter);
    assert_results(&a, 28, &accepted, 1);
}

static void every_context_of_many_is_found_again(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (uint16_t id = 1; id < BENCH_CONTEXTS; id++) {
        struct bind alter = plain_bind();
        alter.ptype = RPC_ALTER_CONTEXT;
        alter.offer[0] = plain_offer(id, id % 2 ? MGMT : EPMAPPER);
        talk_bind(conn, &alter);
    }
    for (uint16_t id = 0; id < BENCH_CONTEXTS; id++) {
        // Operation 6 is epmapper's, and past the end of mgmt.
        conn_request(conn, &(struct request){
                               .flags = RPC_WHOLE, .call_id = 2, .context_id = id, .opnum = 6});
        assert_fault(conn, id % 2 ? RPC_FAULT_OP_RANGE : 0x6d8, id % 2 ? 0x23 : 0x03, 2, id);
    }
}

// 255 contexts is what the count can say; all of them are answered.
static void a_bind_of_255_contexts_is_answered_whole(void **state)
{
    struct conn *conn = conn_open(*state);
    struct octets o = {0};
    struct bind bind = plain_bind();
    bind.offers = 1;
    put_bind(&o, &bind);
    for (unsigned i = 1; i < 255; i++)
        put_bytes(&o, o.bytes + RPC_BIND_HEADER_SIZE, 44);
    o.bytes[24] = 255;
    set_length(&o, 0, (uint16_t)o.size);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.size, 32 + 4 + 255 * 24);
    assert_alive(conn);
}

// ---- sizes

static void one_fragment_size_is_negotiated_for_both_directions(void **state)
{
    static const struct {
        uint16_t transmit, receive, negotiated;
    } rows[] = {
        {0xffff, 0xffff, 5840}, {0, 0xffff, 2048},  {0xffff, 0, 2048},  {3199, 0xffff, 3192},
        {0xffff, 3199, 3192},   {5840, 5840, 5840}, {5839, 5839, 5832}, {5841, 5848, 5840},
        {2048, 2048, 2048},     {2047, 5840, 2048}, {2049, 5840, 2048}, {2056, 2055, 2048},
        {4280, 4280, 4280},     {0, 0, 2048},       {5840, 4280, 4280},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open(*state);
        struct bind bind = plain_bind();
        bind.max_transmit = rows[i].transmit;
        bind.max_receive = rows[i].receive;
        struct answer a = talk_bind(conn, &bind);
        assert_int_equal(base_load_le16(a.bytes + 16), rows[i].negotiated);
        assert_int_equal(base_load_le16(a.bytes + 18), rows[i].negotiated);
        conn_close(conn);
    }
}

static void an_alter_context_repeats_size_and_group_of_the_bind(void **state)
{
    struct conn *conn = conn_open(*state);
    struct bind bind = plain_bind();
    bind.max_transmit = bind.max_receive = 4280;
    uint32_t group = base_load_le32(talk_bind(conn, &bind).bytes + 20);
    bind.ptype = RPC_ALTER_CONTEXT;
    bind.max_transmit = bind.max_receive = 2048;
    bind.group = group + 12345;
    struct answer a = talk_bind(conn, &bind);
    assert_int_equal(base_load_le16(a.bytes + 16), 4280);
    assert_int_equal(base_load_le16(a.bytes + 18), 4280);
    assert_int_equal(base_load_le32(a.bytes + 20), group);
    assert_int_equal(base_load_le32(a.bytes + 24), 0); // no secondary address, two octets of pad
    assert_results(&a, 28, &accepted, 1);
}

// ---- flags

static void flags_of_a_bind_are_taken_as_they_are_and_echoed_by_the_rules(void **state)
{
    static const struct {
        uint8_t sent, answered;
    } rows[] = {
        {0x00, 0x03}, {0x01, 0x03}, {0x02, 0x03}, {0x03, 0x03}, {0x07, 0x07}, {0x0b, 0x03},
        {0x13, 0x13}, {0x23, 0x03}, {0x43, 0x03}, {0x83, 0x03}, {0x04, 0x07}, {0xff, 0x17},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open(*state);
        struct bind bind = plain_bind();
        bind.flags = rows[i].sent;
        struct answer a = talk_bind(conn, &bind);
        assert_int_equal(a.ptype, RPC_BIND_ACK);
        assert_int_equal(a.flags, rows[i].answered);
        assert_alive(conn);
        conn_close(conn);
    }
}

static void
flags_of_an_alter_context_that_adds_nothing_are_echoed_without_multiplexing(void **state)
{
    static const struct {
        uint8_t sent, answered;
    } rows[] = {
        {0x00, 0x03}, {0x01, 0x03}, {0x02, 0x03}, {0x07, 0x07}, {0x0b, 0x03},
        {0x13, 0x03}, {0x23, 0x03}, {0x43, 0x03}, {0x83, 0x03}, {0xff, 0x07},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
        struct bind alter = plain_bind();
        alter.ptype = RPC_ALTER_CONTEXT;
        alter.flags = rows[i].sent;
        struct answer a = talk_bind(conn, &alter);
        assert_int_equal(a.ptype, RPC_ALTER_CONTEXT_RESP);
        assert_int_equal(a.flags, rows[i].answered);
        assert_alive(conn);
        conn_close(conn);
    }
}

static void multiplexing_comes_with_a_new_context_only(void **state)
{
    struct conn *conn = conn_open(*state);
    struct bind bind = plain_bind();
    bind.flags = RPC_WHOLE | RPC_CONC_MPX;
    bind.offer[0] = plain_offer(0, &unknown_id);
    assert_int_equal(talk_bind(conn, &bind).flags, RPC_WHOLE);
    assert_false(conn->association->multiplex);
    bind.ptype = RPC_ALTER_CONTEXT;
    bind.offer[0] = plain_offer(0, EPMAPPER);
    assert_int_equal(talk_bind(conn, &bind).flags, RPC_WHOLE | RPC_CONC_MPX);
    assert_true(conn->association->multiplex);
}

// ---- the secondary address

static void the_secondary_address_is_the_port_and_the_results_are_aligned(void **state)
{
    static const struct {
        uint16_t port;
        const char *address;
        uint32_t results;
    } rows[] = {
        {1, "1", 28}, {22, "22", 32}, {135, "135", 32}, {1024, "1024", 32}, {65535, "65535", 32},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open_from(*state, 1, rows[i].port);
        struct bind bind = plain_bind();
        struct answer a = talk_bind(conn, &bind);
        uint32_t size = (uint32_t)strlen(rows[i].address) + 1;
        assert_int_equal(base_load_le16(a.bytes + 24), size);
        assert_memory_equal(a.bytes + 26, rows[i].address, size);
        for (uint32_t at = 26 + size; at < rows[i].results; at++)
            assert_int_equal(a.bytes[at], 0);
        assert_results(&a, rows[i].results, &accepted, 1);
        conn_close(conn);
    }
}

// ---- association groups

static uint32_t bind_group(struct conn *conn, uint32_t group)
{
    struct bind bind = plain_bind();
    bind.group = group;
    struct answer a = talk_bind(conn, &bind);
    return a.ptype == RPC_BIND_ACK ? base_load_le32(a.bytes + 20) : 0;
}

static void every_bind_with_group_zero_makes_a_group_of_its_own(void **state)
{
    uint32_t first = bind_group(conn_open(*state), 0);
    uint32_t second = bind_group(conn_open(*state), 0);
    assert_int_not_equal(first, 0);
    assert_int_not_equal(second, 0);
    assert_int_not_equal(first, second);
}

static void a_group_is_joined_by_its_id(void **state)
{
    uint32_t group = bind_group(conn_open(*state), 0);
    assert_int_equal(bind_group(conn_open(*state), group), group);
}

static void assert_group_refused(struct conn *conn, uint32_t group)
{
    struct octets o = {0};
    struct bind bind = plain_bind();
    bind.group = group;
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    assert_nak(conn, RPC_NAK_NOT_SPECIFIED);
    assert_closed(conn);
}

static void a_group_that_never_was_is_refused(void **state)
{
    struct bench *bench = *state;
    uint32_t group = bind_group(conn_open(bench), 0);
    assert_group_refused(conn_open(bench), group + 1);
    assert_group_refused(conn_open(bench), group ^ 0x80000000);
    assert_group_refused(conn_open(bench), UINT32_MAX);
    assert_int_equal(bench_counter(bench, RPC_DROP_GROUP), 3);
}

static void a_group_ends_with_its_last_connection(void **state)
{
    struct conn *first = conn_open(*state), *second = conn_open(*state);
    uint32_t group = bind_group(first, 0);
    assert_int_equal(bind_group(second, group), group);
    conn_close(first);
    assert_int_equal(bind_group(conn_open(*state), group), group);
    for (struct conn *conn = second->bench->conns; conn < second->bench->conns + 3; conn++) {
        if (conn->association)
            conn_close(conn);
    }
    assert_group_refused(conn_open(*state), group);
}

static void a_group_is_not_joined_from_another_address(void **state)
{
    uint32_t group = bind_group(conn_open(*state), 0);
    assert_group_refused(conn_open_from(*state, 2, 135), group);
    assert_int_equal(bind_group(conn_open(*state), group), group);
}

static void contexts_are_not_shared_within_a_group(void **state)
{
    uint32_t group = bind_group(conn_open(*state), 0);
    struct conn *conn = conn_open(*state);
    struct bind bind = plain_bind();
    bind.group = group;
    bind.offer[0] = plain_offer(1, MGMT);
    talk_bind(conn, &bind);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 3, .opnum = 5});
    assert_fault(conn, RPC_FAULT_UNKNOWN_INTERFACE, 0x23, 3, 0);
    assert_open(conn);
}

static void a_bind_when_no_group_is_left_hits_a_local_limit(void **state)
{
    struct bench *bench = *state;
    uint32_t ids[BENCH_GROUPS];
    for (unsigned i = 0; i < BENCH_GROUPS; i++)
        ids[i] = rpc_group_new(bench->options.groups, 0, 1);
    struct conn *conn = conn_open(bench);
    struct octets o = {0};
    struct bind bind = plain_bind();
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    assert_nak(conn, RPC_NAK_LOCAL_LIMIT);
    assert_closed(conn);
    for (unsigned i = 0; i < BENCH_GROUPS; i++)
        rpc_group_leave(bench->options.groups, ids[i]);
}

// ---- the order of PDUs

static void a_second_bind_is_refused_and_ends_the_connection(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    struct bind bind = plain_bind();
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    assert_nak(conn, RPC_NAK_NOT_SPECIFIED);
    assert_closed(conn);
}

static void any_other_first_pdu_is_refused_and_ends_the_connection(void **state)
{
    for (unsigned ptype = 0; ptype <= RPC_RTS; ptype++) {
        if (ptype == RPC_BIND)
            continue;
        struct conn *conn = conn_open(*state);
        struct octets o = {0};
        put_header(&o, (uint8_t)ptype, RPC_WHOLE, 24, 7);
        put_hex(&o, "00000000 00000000");
        conn_talk(conn, &o);
        assert_nak(conn, RPC_NAK_PROTOCOL_VERSION);
        assert_closed(conn);
        conn_close(conn);
    }
}

static void a_first_pdu_of_unknown_type_ends_the_connection_silently(void **state)
{
    static const uint8_t ptypes[] = {21, 99, 255};
    for (unsigned i = 0; i < sizeof ptypes; i++) {
        struct conn *conn = conn_open(*state);
        struct octets o = {0};
        put_header(&o, ptypes[i], RPC_WHOLE, 16, 7);
        conn_talk(conn, &o);
        assert_closed(conn);
        conn_close(conn);
    }
}

// ---- authentication trailers

static void a_bind_with_an_authentication_trailer_is_refused_by_its_level(void **state)
{
    static const struct {
        uint8_t type, level;
        uint16_t nak;
    } rows[] = {
        {0, 0, 0}, {0, 1, 0},   {0, 2, 8}, {0, 3, 8}, {0, 4, 8},  {0, 5, 8},  {0, 6, 8},
        {0, 7, 0}, {0, 255, 0}, {9, 1, 0}, {9, 6, 8}, {10, 2, 8}, {99, 5, 8}, {99, 0, 0},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open(*state);
        struct octets o = {0};
        struct bind bind = plain_bind();
        put_bind(&o, &bind);
        const uint8_t trailer[16] = {rows[i].type, rows[i].level};
        put_bytes(&o, trailer, sizeof trailer);
        set_length(&o, 0, (uint16_t)o.size);
        set_auth_length(&o, 0, 8);
        conn_talk(conn, &o);
        assert_nak(conn, rows[i].nak);
        assert_closed(conn);
        conn_close(conn);
    }
}

static void a_bind_whose_trailer_does_not_fit_is_refused(void **state)
{
    static const struct {
        uint16_t length, auth_length;
    } rows[] = {{28, 8}, {72, 37}, {72, 65535}, {16, 1}, {28, 1}, {43, 8}};
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct conn *conn = conn_open(*state);
        struct octets o = {0};
        struct bind bind = plain_bind();
        put_bind(&o, &bind);
        o.size = rows[i].length;
        set_length(&o, 0, rows[i].length);
        set_auth_length(&o, 0, rows[i].auth_length);
        conn_talk(conn, &o);
        assert_nak(conn, RPC_NAK_PROTOCOL_VERSION);
        assert_closed(conn);
        conn_close(conn);
    }
}

static void an_alter_context_with_an_authentication_trailer_is_denied(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct octets o = {0};
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    alter.call_id = 4;
    put_bind(&o, &alter);
    put_hex(&o, "09 06 00 00 00 00 00 00 6e 74 6c 6d");
    set_length(&o, 0, (uint16_t)o.size);
    set_auth_length(&o, 0, 4);
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x23, 4, 0);
    assert_closed(conn);
}

// ---- truncation

static void check_truncated(struct bench *bench, struct conn *conn, const struct octets *whole,
                            uint16_t length)
{
    struct octets o = {.big_endian = whole->big_endian};
    put_bytes(&o, whole->bytes, length);
    set_length(&o, 0, length);
    uint64_t before = bench_counter(bench, RPC_DROP_TRUNCATED);
    conn_talk(conn, &o);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_TRUNCATED), before + 1);
    conn_close(conn);
}

static void a_bind_cut_anywhere_ends_the_connection_silently(void **state)
{
    struct bind bind = plain_bind();
    bind.offers = 3;
    bind.offer[0] = (struct offer)OFFER(0, EPMAPPER, 2, NDR64, NDR20);
    bind.offer[1] = plain_offer(1, MGMT);
    bind.offer[2] = (struct offer)OFFER(2, EPMAPPER, 1, &features_3);
    for (unsigned big_endian = 0; big_endian < 2; big_endian++) {
        struct octets whole = {.big_endian = big_endian};
        put_bind(&whole, &bind);
        for (uint16_t length = RPC_HEADER_SIZE; length < whole.size; length++)
            check_truncated(*state, conn_open(*state), &whole, length);
    }
}

static void an_alter_context_cut_anywhere_ends_the_connection_silently(void **state)
{
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    alter.offers = 2;
    alter.offer[0] = (struct offer)OFFER(0, EPMAPPER, 2, NDR64, NDR20);
    alter.offer[1] = plain_offer(1, MGMT);
    struct octets whole = {0};
    put_bind(&whole, &alter);
    for (uint16_t length = RPC_HEADER_SIZE; length < whole.size; length++)
        check_truncated(*state, conn_open_bound(*state, RPC_WHOLE), &whole, length);
}

static void octets_behind_the_last_context_are_ignored(void **state)
{
    struct conn *conn = conn_open(*state);
    struct octets o = {0};
    struct bind bind = plain_bind();
    put_bind(&o, &bind);
    put_hex(&o, "ffffffff ffffffff ff");
    set_length(&o, 0, (uint16_t)o.size);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_results(&a, 32, &accepted, 1);
    assert_alive(conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_bind_of_three_contexts_is_answered_as_documented),
        TEST(the_big_endian_bind_is_answered_in_little_endian),
        TEST(a_refused_bind_is_answered_as_documented),
        TEST(contexts_are_negotiated_by_the_rules),
        TEST(a_bind_that_breaks_a_rule_is_refused_and_ends_the_connection),
        TEST(an_alter_context_without_contexts_is_a_protocol_error),
        TEST(a_connection_without_any_context_stays_and_can_add_one),
        TEST(a_context_over_the_limit_is_refused_as_such),
        TEST(contexts_that_the_pool_has_no_room_for_are_refused),
        TEST(every_context_of_many_is_found_again),
        TEST(a_bind_of_255_contexts_is_answered_whole),
        TEST(one_fragment_size_is_negotiated_for_both_directions),
        TEST(an_alter_context_repeats_size_and_group_of_the_bind),
        TEST(flags_of_a_bind_are_taken_as_they_are_and_echoed_by_the_rules),
        TEST(flags_of_an_alter_context_that_adds_nothing_are_echoed_without_multiplexing),
        TEST(multiplexing_comes_with_a_new_context_only),
        TEST(the_secondary_address_is_the_port_and_the_results_are_aligned),
        TEST(every_bind_with_group_zero_makes_a_group_of_its_own),
        TEST(a_group_is_joined_by_its_id),
        TEST(a_group_that_never_was_is_refused),
        TEST(a_group_ends_with_its_last_connection),
        TEST(a_group_is_not_joined_from_another_address),
        TEST(contexts_are_not_shared_within_a_group),
        TEST(a_bind_when_no_group_is_left_hits_a_local_limit),
        TEST(a_second_bind_is_refused_and_ends_the_connection),
        TEST(any_other_first_pdu_is_refused_and_ends_the_connection),
        TEST(a_first_pdu_of_unknown_type_ends_the_connection_silently),
        TEST(a_bind_with_an_authentication_trailer_is_refused_by_its_level),
        TEST(a_bind_whose_trailer_does_not_fit_is_refused),
        TEST(an_alter_context_with_an_authentication_trailer_is_denied),
        TEST(a_bind_cut_anywhere_ends_the_connection_silently),
        TEST(an_alter_context_cut_anywhere_ends_the_connection_silently),
        TEST(octets_behind_the_last_context_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
