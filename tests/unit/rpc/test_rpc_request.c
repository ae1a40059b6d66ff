#include <string.h>

#include "base/bytes.h"
#include "harness.h"

// Over 255, so that what answers make of a wide context id shows.
enum { WIDE = 0x0105, INQ_OBJECT = NDR_EPM_INQ_OBJECT, LOOKUP = NDR_EPM_LOOKUP };

static struct conn *open_wide(struct bench *bench, uint8_t flags)
{
    struct octets o = {0};
    struct conn *conn = conn_open(bench);
    struct bind bind = plain_bind();
    bind.flags = flags;
    bind.offer[0] = plain_offer(WIDE, &epmapper_id);
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    return conn;
}

static void assert_answers(struct conn *conn)
{
    const struct request request = {
        .flags = RPC_WHOLE, .call_id = 77, .context_id = WIDE, .opnum = INQ_OBJECT};
    assert_open(conn);
    conn_request(conn, &request);
    assert_int_equal(assert_response(conn, 77).context_id, WIDE & 0xff);
    assert_open(conn);
}

// ---- what a sequence of PDUs is answered

enum outcome { STAYS, CLOSES };

struct step {
    uint8_t ptype, flags;
    uint32_t call_id;
    uint16_t context_id, opnum;
    bool big_endian;
};

struct script {
    const char *name;
    bool multiplex;
    struct step steps[4];
    // The one answer: of this type, or none.
    uint8_t ptype; // 0: none
    uint32_t status;
    uint8_t flags;
    uint32_t call_id;
    uint16_t context_id;
    enum outcome outcome;
};

#define CALL(flags, id)                                                                            \
    {                                                                                              \
        RPC_REQUEST, flags, id, WIDE, INQ_OBJECT, false                                            \
    }
#define CALL_BE(flags, id)                                                                         \
    {                                                                                              \
        RPC_REQUEST, flags, id, WIDE, INQ_OBJECT, true                                             \
    }
#define CALL_ON(flags, id, c)                                                                      \
    {                                                                                              \
        RPC_REQUEST, flags, id, c, INQ_OBJECT, false                                               \
    }
#define CALL_OP(flags, id, o)                                                                      \
    {                                                                                              \
        RPC_REQUEST, flags, id, WIDE, o, false                                                     \
    }
#define OTHER(ptype, id)                                                                           \
    {                                                                                              \
        ptype, RPC_WHOLE, id, 0, 0, false                                                          \
    }
#define FIRST                    RPC_FIRST_FRAG
#define LAST                     RPC_LAST_FRAG
#define CANCEL                   RPC_PENDING_CANCEL
#define FAULT(status, flags, id) RPC_FAULT, status, flags, id
#define RESPONSE(id)             RPC_RESPONSE, 0, RPC_WHOLE, id, WIDE & 0xff
#define PROTOCOL                 RPC_FAULT_PROTOCOL_ERROR
#define UNKNOWN_IF               RPC_FAULT_UNKNOWN_INTERFACE

static const struct script scripts[] = {
    {"a whole request", 0, {CALL(3, 2)}, RESPONSE(2), STAYS},
    {"a whole big-endian request", 0, {CALL_BE(3, 2)}, RESPONSE(2), STAYS},
    {"MAYBE and the reserved bit", 0, {CALL(0x4b, 2)}, RESPONSE(2), STAYS},
    {"the highest call id", 0, {CALL(3, UINT32_MAX)}, RESPONSE(UINT32_MAX), STAYS},
    {"an unknown context", 0, {CALL_ON(3, 2, 12345)}, FAULT(UNKNOWN_IF, 0x23, 2), 0, STAYS},
    {"the low octet of a context", 0, {CALL_ON(3, 2, 5)}, FAULT(UNKNOWN_IF, 0x23, 2), 0, STAYS},
    {"the first operation that is none",
     0,
     {CALL_OP(3, 2, 7)},
     FAULT(RPC_FAULT_OP_RANGE, 0x23, 2),
     WIDE,
     STAYS},
    {"the last operation number",
     0,
     {CALL_OP(3, 2, 0xffff)},
     FAULT(RPC_FAULT_OP_RANGE, 0x23, 2),
     WIDE,
     STAYS},
    {"an unknown operation in fragments",
     0,
     {CALL_OP(FIRST, 2, 7), CALL_OP(LAST, 2, 7)},
     FAULT(RPC_FAULT_OP_RANGE, 0x23, 2),
     WIDE,
     STAYS},
    {"a stub too short",
     0,
     {CALL_OP(3, 2, LOOKUP)},
     FAULT(RPC_FAULT_BAD_STUB_DATA, 0x03, 2),
     WIDE,
     STAYS},
    {"neither FIRST nor LAST", 0, {CALL(0, 2)}, FAULT(PROTOCOL, 0x03, 2), 0, CLOSES},
    {"LAST alone", 0, {CALL(LAST, 2)}, FAULT(PROTOCOL, 0x03, 2), 0, CLOSES},
    {"LAST alone, multiplexed", 1, {CALL(LAST, 2)}, FAULT(PROTOCOL, 0x03, 2), WIDE, CLOSES},
    {"LAST alone, unknown context, multiplexed",
     1,
     {CALL_ON(LAST, 2, 12345)},
     FAULT(UNKNOWN_IF, 0x23, 2),
     0,
     STAYS},
    {"two fragments", 0, {CALL(FIRST, 2), CALL(LAST, 2)}, RESPONSE(2), STAYS},
    {"three fragments", 0, {CALL(FIRST, 2), CALL(0, 2), CALL(LAST, 2)}, RESPONSE(2), STAYS},
    {"three big-endian fragments",
     0,
     {CALL_BE(FIRST, 2), CALL_BE(0, 2), CALL_BE(LAST, 2)},
     RESPONSE(2),
     STAYS},
    {"a first fragment alone", 0, {CALL(FIRST, 2)}, 0, 0, 0, 0, 0, STAYS},
    {"later fragments of another context and operation",
     0,
     {CALL(FIRST, 2), {RPC_REQUEST, LAST, 2, 12345, 99, false}},
     RESPONSE(2),
     STAYS},
    {"a first fragment with a pending cancel",
     0,
     {CALL(3 | CANCEL, 2)},
     FAULT(RPC_FAULT_NO_CALL_ACTIVE, 0x23, 2),
     0,
     CLOSES},
    {"a later fragment with a pending cancel",
     0,
     {CALL(FIRST, 2), CALL(CANCEL, 2), CALL(LAST | CANCEL, 2)},
     RESPONSE(2),
     STAYS},
    {"FIRST while a call is pending",
     0,
     {CALL(FIRST, 2), CALL_ON(3, 3, 0)},
     FAULT(PROTOCOL, 0x03, 2),
     WIDE,
     CLOSES},
    {"FIRST of the same call again",
     0,
     {CALL(FIRST, 2), CALL(FIRST, 2)},
     FAULT(PROTOCOL, 0x03, 2),
     WIDE,
     CLOSES},
    {"FIRST while a call is pending, multiplexed",
     1,
     {CALL(FIRST, 2), CALL(3, 3)},
     FAULT(PROTOCOL, 0x03, 3),
     0,
     CLOSES},
    {"FIRST of the same call again, multiplexed",
     1,
     {CALL(FIRST, 2), CALL(FIRST, 2)},
     FAULT(PROTOCOL, 0x03, 2),
     WIDE,
     CLOSES},
    {"a later fragment of another call",
     0,
     {CALL(FIRST, 2), CALL(LAST, 3)},
     FAULT(PROTOCOL, 0x03, 2),
     WIDE,
     CLOSES},
    {"a later fragment of another call, multiplexed",
     1,
     {CALL(FIRST, 2), CALL(LAST, 3)},
     FAULT(PROTOCOL, 0x03, 3),
     0,
     CLOSES},
    {"a byte order that changes within a call",
     0,
     {CALL(FIRST, 2), CALL_BE(LAST, 2)},
     FAULT(PROTOCOL, 0x23, 2),
     WIDE,
     CLOSES},
    {"co_cancel of nothing", 0, {OTHER(RPC_CO_CANCEL, 2)}, 0, 0, 0, 0, 0, STAYS},
    {"co_cancel between fragments",
     0,
     {CALL(FIRST, 2), OTHER(RPC_CO_CANCEL, 2), CALL(LAST, 2)},
     RESPONSE(2),
     STAYS},
    {"orphaned without a call", 0, {OTHER(RPC_ORPHANED, 2)}, 0, 0, 0, 0, 0, STAYS},
    {"orphaned between fragments",
     0,
     {CALL(FIRST, 2), OTHER(RPC_ORPHANED, 2), CALL(LAST, 2)},
     RESPONSE(2),
     STAYS},
    {"a new call behind an orphaned one",
     0,
     {CALL(FIRST, 2), OTHER(RPC_ORPHANED, 2), CALL(3, 3)},
     FAULT(PROTOCOL, 0x03, 2),
     WIDE,
     CLOSES},
    {"a new call behind an orphaned one, multiplexed",
     1,
     {CALL(FIRST, 2), OTHER(RPC_ORPHANED, 2), CALL_ON(3, 3, WIDE - 1)},
     FAULT(PROTOCOL, 0x03, 3),
     0,
     CLOSES},
    {"auth3", 0, {OTHER(RPC_AUTH3, 2)}, FAULT(PROTOCOL, 0x23, 2), 0, CLOSES},
    {"a type that nobody knows", 0, {OTHER(99, 2)}, 0, 0, 0, 0, 0, CLOSES},
    {"a type that nobody knows between fragments",
     0,
     {CALL(FIRST, 2), OTHER(21, 2)},
     0,
     0,
     0,
     0,
     0,
     CLOSES},
};

static void put_step(struct octets *o, const struct step *step)
{
    o->big_endian = step->big_endian;
    if (step->ptype != RPC_REQUEST) {
        put_header(o, step->ptype, step->flags, RPC_HEADER_SIZE, step->call_id);
        return;
    }
    put_request(o, &(struct request){.flags = step->flags,
                                     .call_id = step->call_id,
                                     .context_id = step->context_id,
                                     .opnum = step->opnum,
                                     .stub = "\0\0\0\0\0\0\0",
                                     .stub_size = 8});
}

static void assert_outcome(struct conn *conn, const struct script *script)
{
    if (script->ptype == RPC_FAULT) {
        assert_fault(conn, script->status, script->flags, script->call_id, script->context_id);
    } else if (script->ptype == RPC_RESPONSE) {
        struct answer a = assert_response(conn, script->call_id);
        assert_int_equal(a.context_id, script->context_id);
        assert_int_equal(a.stub_size, 20);
    }
    if (script->outcome == CLOSES)
        assert_closed(conn);
    else
        assert_open(conn);
}

// The steps in one stretch or one by one; the answer is the same.
static void play(struct bench *bench, const struct script *script, bool one_by_one)
{
    struct conn *conn = open_wide(bench, script->multiplex ? RPC_WHOLE | RPC_CONC_MPX : RPC_WHOLE);
    assert_int_equal(conn->association->multiplex, script->multiplex);
    struct octets o = {0};
    bool pending = false;
    for (unsigned i = 0; i < 4 && script->steps[i].call_id; i++) {
        put_step(&o, &script->steps[i]);
        if (script->steps[i].ptype == RPC_REQUEST)
            pending = !(script->steps[i].flags & LAST);
        if (one_by_one) {
            conn_talk(conn, &o);
            o.size = 0;
        }
    }
    conn_talk(conn, &o);
    assert_outcome(conn, script);
    if (script->outcome == STAYS && !pending)
        assert_answers(conn);
    conn_close(conn);
}

static void pdus_are_answered_by_the_rules(void **state)
{
    for (unsigned i = 0; i < ROWS(scripts); i++) {
        print_message("  %s\n", scripts[i].name);
        play(*state, &scripts[i], true);
        play(*state, &scripts[i], false);
    }
}

// The same with a whole call in front, which is answered first whatever comes behind it.
static void a_call_in_the_batch_is_answered_before_what_follows(void **state)
{
    for (unsigned i = 0; i < ROWS(scripts); i++) {
        const struct script *script = &scripts[i];
        struct conn *conn = open_wide(*state, script->multiplex ? 0x13 : 0x03);
        struct octets o = {0};
        print_message("  %s\n", script->name);
        put_step(&o, &(struct step)CALL(3, 1000));
        for (unsigned s = 0; s < 4 && script->steps[s].call_id; s++)
            put_step(&o, &script->steps[s]);
        conn_talk(conn, &o);
        assert_response(conn, 1000);
        assert_outcome(conn, script);
        conn_close(conn);
    }
}

static void a_fragment_behind_the_last_one_of_its_call_belongs_to_none(void **state)
{
    static const uint8_t flags[] = {0, LAST};
    for (unsigned i = 0; i < ROWS(flags); i++) {
        struct conn *conn = open_wide(*state, RPC_WHOLE);
        struct octets o = {0};
        put_step(&o, &(struct step)CALL(FIRST, 2));
        put_step(&o, &(struct step)CALL(LAST, 2));
        put_step(&o, &(struct step)CALL(flags[i], 2));
        conn_talk(conn, &o);
        assert_response(conn, 2);
        assert_fault(conn, PROTOCOL, 0x03, 2, 0);
        assert_closed(conn);
        conn_close(conn);
    }
}

static void a_call_in_the_batch_is_answered_before_a_length_below_a_header(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_step(&o, &(struct step)CALL(3, 2));
    put_header(&o, RPC_REQUEST, RPC_WHOLE, 15, 3);
    conn_talk(conn, &o);
    assert_response(conn, 2);
    assert_closed(conn);
}

static void types_that_clients_may_not_send_are_protocol_errors(void **state)
{
    static const uint8_t ptypes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 17, 20};
    for (unsigned i = 0; i < sizeof ptypes; i++) {
        const struct script script = {"", false, {OTHER(ptypes[i], 2)}, FAULT(PROTOCOL, 0x23, 2),
                                      0,  CLOSES};
        play(*state, &script, false);
    }
}

// ---- headers

static void a_header_of_another_version_or_representation_is_refused(void **state)
{
    static const struct {
        const char *name;
        uint8_t at, value;
    } rows[] = {
        {"version 4", 0, 4},
        {"version 6", 0, 6},
        {"minor version 1", 1, 1},
        {"EBCDIC", 4, 0x11},
        {"byte order 2", 4, 0x20},
        {"VAX floating point", 5, 1},
        {"reserved representation", 6, 1},
        {"reserved representation", 7, 1},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct octets o = {0};
        print_message("  %s\n", rows[i].name);
        put_step(&o, &(struct step)CALL(3, 2));
        o.bytes[rows[i].at] = rows[i].value;
        struct conn *bound = open_wide(*state, RPC_WHOLE), *unbound = conn_open(*state);
        conn_talk(bound, &o);
        assert_fault(bound, PROTOCOL, 0x23, 2, 0);
        assert_closed(bound);
        conn_talk(unbound, &o);
        assert_nak(unbound, RPC_NAK_PROTOCOL_VERSION);
        assert_closed(unbound);
        conn_close(bound);
        conn_close(unbound);
    }
}

static void a_length_below_a_header_ends_the_connection_silently(void **state)
{
    struct bench *bench = *state;
    for (uint16_t length = 0; length < RPC_HEADER_SIZE; length++) {
        struct octets o = {0};
        struct conn *conn = length % 2 ? open_wide(bench, RPC_WHOLE) : conn_open(bench);
        put_step(&o, &(struct step)CALL(3, 2));
        set_length(&o, 0, length);
        conn_talk(conn, &o);
        assert_closed(conn);
        conn_close(conn);
    }
    assert_int_equal(bench_counter(bench, RPC_DROP_LENGTH), RPC_HEADER_SIZE);
}

static void a_request_too_short_for_its_header_ends_the_connection_silently(void **state)
{
    for (uint16_t length = RPC_HEADER_SIZE; length < 40; length++) {
        struct octets o = {0};
        struct conn *conn = open_wide(*state, RPC_WHOLE);
        put_step(&o, &(struct step)CALL(length < 24 ? 0x03 : 0x83, 2));
        put_hex(&o, "00000000 00000000");
        o.size = length;
        set_length(&o, 0, length);
        conn_talk(conn, &o);
        assert_closed(conn);
        conn_close(conn);
    }
}

static void an_object_uuid_stands_before_the_stub(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    // ept_lookup_handle_free of a null handle: decodes only if the object was skipped.
    put_request(&o, &(struct request){.flags = RPC_WHOLE | RPC_OBJECT_UUID,
                                      .call_id = 2,
                                      .context_id = WIDE,
                                      .opnum = NDR_EPM_LOOKUP_HANDLE_FREE});
    put_hex(&o, "ffffffff ffffffff ffffffff ffffffff 00000000 00000000 00000000 00000000 00000000");
    set_length(&o, 0, (uint16_t)o.size);
    conn_talk(conn, &o);
    assert_int_equal(assert_response(conn, 2).stub_size, 24);
}

// ---- sizes

static void put_sized(struct octets *o, uint8_t flags, uint32_t call_id, uint32_t hint,
                      uint32_t stub_size)
{
    static const uint8_t zeros[RPC_FRAGMENT_MAX];
    put_request(o, &(struct request){.flags = flags,
                                     .call_id = call_id,
                                     .alloc_hint = hint,
                                     .context_id = WIDE,
                                     .opnum = INQ_OBJECT,
                                     .stub = zeros,
                                     .stub_size = stub_size});
}

static void a_request_of_5840_octets_is_served_after_negotiating_less(void **state)
{
    struct conn *conn = conn_open(*state);
    struct octets o = {0};
    struct bind bind = plain_bind();
    bind.max_transmit = bind.max_receive = 2048;
    bind.offer[0].id = WIDE;
    put_bind(&o, &bind);
    put_sized(&o, RPC_WHOLE, 2, 0, 5840 - RPC_REQUEST_HEADER_SIZE);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    assert_response(conn, 2);
    assert_answers(conn);
}

static void a_request_of_5841_octets_is_a_protocol_error(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_sized(&o, RPC_WHOLE, 2, 0, 5840 - RPC_REQUEST_HEADER_SIZE);
    put_u8(&o, 0);
    set_length(&o, 0, 5841);
    conn_talk(conn, &o);
    assert_fault(conn, PROTOCOL, 0x03, 2, 0);
    assert_closed(conn);
}

static void the_hint_of_a_single_request_is_not_looked_at(void **state)
{
    static const uint32_t hints[] = {0, 1, 8, 0x7fffffff, UINT32_MAX};
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(hints); i++) {
        struct octets o = {0};
        put_sized(&o, RPC_WHOLE, 2 + i, hints[i], 8);
        conn_talk(conn, &o);
        assert_response(conn, 2 + i);
    }
    assert_answers(conn);
}

// A call of `size` octets in fragments of at most 5800, the first of which hints at `hint`.
static void talk_fragments(struct conn *conn, uint32_t size, uint32_t hint)
{
    struct octets o = {0};
    for (uint32_t done = 0; done < size;) {
        uint32_t chunk = size - done < 5800 ? size - done : 5800;
        uint8_t flags = (uint8_t)((done == 0 ? FIRST : 0) | (done + chunk == size ? LAST : 0));
        put_sized(&o, flags, 2, done == 0 ? hint : 0, chunk);
        done += chunk;
    }
    conn_talk(conn, &o);
}

static void a_call_of_exactly_the_limit_is_served(void **state)
{
    static const uint32_t hints[] = {0, 1, 0x1000, BENCH_MAX_REQUEST};
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(hints); i++) {
        talk_fragments(conn, BENCH_MAX_REQUEST, hints[i]);
        assert_response(conn, 2);
    }
    assert_answers(conn);
}

static void a_call_over_the_limit_is_denied(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_wide(bench, RPC_WHOLE);
    talk_fragments(conn, BENCH_MAX_REQUEST + 1, 0);
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x03, 2, WIDE);
    assert_closed(conn);
    assert_int_equal(bench_counter(bench, RPC_DROP_OVERSIZE), 1);
}

static void a_first_fragment_that_hints_at_more_than_the_limit_is_denied_at_once(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_sized(&o, FIRST, 2, BENCH_MAX_REQUEST + 1, 8);
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x03, 2, WIDE);
    assert_closed(conn);
}

static void a_hint_over_the_limit_is_denied_behind_a_call_in_the_batch_too(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_sized(&o, RPC_WHOLE, 1, 0, 8);
    put_sized(&o, FIRST, 2, BENCH_MAX_REQUEST + 1, 8);
    conn_talk(conn, &o);
    assert_response(conn, 1);
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x03, 2, WIDE);
    assert_closed(conn);
}

static void a_later_hint_over_what_is_left_is_denied(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_sized(&o, FIRST, 2, 0, 8);
    put_sized(&o, 0, 2, BENCH_MAX_REQUEST - 8, 8);
    put_sized(&o, 0, 2, BENCH_MAX_REQUEST - 15, 8);
    conn_talk(conn, &o);
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x03, 2, WIDE);
    assert_closed(conn);
}

// Clients fill it in as they like; the call is complete all the same.
static void the_hint_of_a_last_fragment_is_not_looked_at(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_sized(&o, FIRST, 2, 0, 8);
    put_sized(&o, LAST, 2, UINT32_MAX, 8);
    conn_talk(conn, &o);
    assert_response(conn, 2);
}

static void a_call_without_a_buffer_is_told_that_the_server_is_busy(void **state)
{
    struct bench *bench = *state;
    struct octets first = {0}, last = {0};
    struct conn *conns[BENCH_REASSEMBLIES];
    put_sized(&first, FIRST, 2, 0, 8);
    put_sized(&last, LAST, 2, 0, 8);
    for (unsigned i = 0; i < BENCH_REASSEMBLIES; i++) {
        conns[i] = open_wide(bench, RPC_WHOLE);
        conn_talk(conns[i], &first);
    }
    struct conn *refused = open_wide(bench, RPC_WHOLE);
    conn_talk(refused, &first);
    assert_fault(refused, RPC_FAULT_SERVER_TOO_BUSY, 0x23, 2, WIDE);
    assert_closed(refused);
    conn_talk(conns[0], &last); // gives its buffer back
    assert_response(conns[0], 2);
    conn_talk(conns[0], &first);
    assert_open(conns[0]);
}

// ---- flags of old clients

static void requests_without_flags_are_whole_when_the_bind_had_none(void **state)
{
    static const struct {
        uint8_t bind, request;
        bool served;
    } rows[] = {
        {0x00, 0x00, true},  {0x10, 0x00, true},  {0x00, 0x03, true},  {0x01, 0x00, false},
        {0x02, 0x00, false}, {0x03, 0x00, false}, {0x00, LAST, false},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct octets o = {0};
        struct conn *conn = open_wide(*state, rows[i].bind);
        put_step(&o, &(struct step)CALL(rows[i].request, 2));
        conn_talk(conn, &o);
        if (rows[i].served) {
            assert_response(conn, 2);
            assert_answers(conn);
        } else {
            assert_fault(conn, PROTOCOL, 0x03, 2, 0);
            assert_closed(conn);
        }
        conn_close(conn);
    }
}

static void fragments_are_reassembled_after_a_bind_without_flags_too(void **state)
{
    struct octets o = {0};
    struct conn *conn = open_wide(*state, 0);
    put_step(&o, &(struct step)CALL(FIRST, 2));
    put_step(&o, &(struct step)CALL(LAST, 2));
    conn_talk(conn, &o);
    assert_response(conn, 2);
    assert_answers(conn);
}

// ---- authentication trailers

static void a_request_with_an_authentication_trailer_is_denied(void **state)
{
    static const struct {
        const char *name;
        uint16_t auth_length;
        uint32_t status;
    } rows[] = {
        {"a trailer and a token", 8, RPC_FAULT_ACCESS_DENIED},
        {"a trailer that fills the stub", 16, RPC_FAULT_ACCESS_DENIED},
        {"a trailer that begins in the header", 17, PROTOCOL},
        {"a trailer longer than the PDU", 65535, PROTOCOL},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct octets o = {0};
        struct conn *conn = open_wide(*state, RPC_WHOLE);
        print_message("  %s\n", rows[i].name);
        put_sized(&o, RPC_WHOLE, 2, 0, 24);
        set_auth_length(&o, 0, rows[i].auth_length);
        conn_talk(conn, &o);
        assert_fault(conn, rows[i].status, 0x03, 2, WIDE);
        assert_closed(conn);
        conn_close(conn);
    }
}

// ---- cutting

static void every_prefix_asks_for_more_and_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = open_wide(bench, RPC_WHOLE);
    struct octets o = {0};
    put_sized(&o, FIRST, 2, 0, 40);
    conn_send(conn, o.bytes, o.size);
    struct rpc_association before = *conn->association;
    for (uint32_t size = 0; size < o.size; size++) {
        struct rpc_cut cut = conn_offer(conn, size);
        assert_int_equal(cut.result, RPC_CUT_MORE);
        assert_int_equal(cut.length, size < RPC_HEADER_SIZE ? RPC_HEADER_SIZE : o.size);
        assert_memory_equal(conn->association, &before, sizeof before);
    }
    assert_int_equal(bench_counter(bench, RPC_PDUS_IN), 1);
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_TAKEN);
}

static void pdus_in_one_span_are_cut_one_after_another(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    for (uint32_t i = 0; i < 5; i++)
        put_sized(&o, RPC_WHOLE, 10 + i, 0, 8 * i);
    conn_send(conn, o.bytes, o.size);
    for (uint32_t i = 0; i < 5; i++) {
        struct rpc_cut cut = conn_offer(conn, UINT32_MAX);
        assert_int_equal(cut.result, RPC_CUT_TAKEN);
        assert_int_equal(cut.length, RPC_REQUEST_HEADER_SIZE + 8 * i);
    }
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_MORE);
    assert_int_equal(bench_run(*state), 5);
    assert_int_equal(conn->in_size, 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_response(conn, 10 + i);
}

static void the_batch_is_full_at_64_calls_of_all_connections(void **state)
{
    struct conn *first = open_wide(*state, RPC_WHOLE), *second = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    for (uint32_t i = 0; i < 40; i++)
        put_sized(&o, RPC_WHOLE, i, 0, 0);
    conn_send(first, o.bytes, o.size);
    conn_send(second, o.bytes, o.size);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(conn_offer(first, UINT32_MAX).result, RPC_CUT_TAKEN);
    for (uint32_t i = 0; i < 24; i++)
        assert_int_equal(conn_offer(second, UINT32_MAX).result, RPC_CUT_TAKEN);
    assert_int_equal(conn_offer(second, UINT32_MAX).result, RPC_CUT_FULL);
    assert_int_equal(bench_run(*state), RPC_BATCH_MAX);
    conn_serve(second);
    for (uint32_t i = 0; i < 40; i++) {
        assert_response(first, i);
        assert_response(second, i);
    }
    assert_no_answer(second);
}

static void a_last_fragment_waits_for_a_full_batch(void **state)
{
    struct conn *filler = open_wide(*state, RPC_WHOLE), *conn = open_wide(*state, RPC_WHOLE);
    struct octets fill = {0}, o = {0};
    for (uint32_t i = 0; i < RPC_BATCH_MAX; i++)
        put_sized(&fill, RPC_WHOLE, i, 0, 0);
    put_sized(&o, FIRST, 2, 0, 8);
    put_sized(&o, LAST, 2, 0, 8);
    conn_send(filler, fill.bytes, fill.size);
    conn_send(conn, o.bytes, o.size);
    for (uint32_t i = 0; i < RPC_BATCH_MAX; i++)
        conn_offer(filler, UINT32_MAX);
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_TAKEN);
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_FULL);
    assert_int_equal(conn->association->reassembly->size, 8);
    bench_run(*state);
    conn_serve(conn);
    assert_response(conn, 2);
}

static void a_pdu_that_is_no_request_waits_for_the_calls_before_it(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    put_sized(&o, RPC_WHOLE, 2, 0, 8);
    put_bind(&o, &alter);
    conn_send(conn, o.bytes, o.size);
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_TAKEN);
    assert_int_equal(conn_offer(conn, UINT32_MAX).result, RPC_CUT_FULL);
    assert_no_answer(conn);
    bench_run(*state);
    conn_serve(conn);
    assert_response(conn, 2);
    assert_int_equal(conn_answer(conn).ptype, RPC_ALTER_CONTEXT_RESP);
}

static void an_alter_context_between_fragments_is_answered_and_the_call_goes_on(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    struct bind alter = plain_bind();
    alter.ptype = RPC_ALTER_CONTEXT;
    put_sized(&o, FIRST, 2, 0, 8);
    put_bind(&o, &alter);
    put_sized(&o, LAST, 2, 0, 8);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_ALTER_CONTEXT_RESP);
    assert_response(conn, 2);
    assert_answers(conn);
}

static void nothing_is_read_behind_the_pdu_that_ended_the_connection(void **state)
{
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    struct octets o = {0};
    put_step(&o, &(struct step)OTHER(RPC_AUTH3, 2));
    put_sized(&o, RPC_WHOLE, 3, 0, 8);
    conn_talk(conn, &o);
    assert_fault(conn, PROTOCOL, 0x23, 2, 0);
    assert_closed(conn);
}

// ---- responses

// ept_lookup of everything: vers_option 1, at most 500 entries.
static const char lookup_all[] = "00000000 00000000 00000000 01000000"
                                 "00000000 00000000 00000000 00000000 00000000 f4010000";

static void check_fragments(struct bench *bench, uint16_t negotiated)
{
    struct conn *conn = conn_open(bench);
    struct octets o = {0}, stub = {0};
    struct bind bind = plain_bind();
    bind.max_receive = negotiated;
    bind.offer[0].id = WIDE;
    put_bind(&o, &bind);
    put_hex(&stub, lookup_all);
    put_request(&o, &(struct request){.flags = RPC_WHOLE,
                                      .call_id = 9,
                                      .context_id = WIDE,
                                      .opnum = LOOKUP,
                                      .stub = stub.bytes,
                                      .stub_size = stub.size});
    conn_talk(conn, &o);
    conn_answer(conn);
    // One entry: 16 object, 4 pointer, 8 counts, "entry" and NUL padded to 8; its tower 4 + 4 + 76.
    uint32_t left = 36 + 100 * (36 + 84) + 4, chunk_max = (negotiated - 24u) & ~15u;
    bool first = true;
    while (left) {
        struct answer a = conn_answer(conn);
        uint32_t chunk = left < chunk_max ? left : chunk_max;
        assert_int_equal(a.ptype, RPC_RESPONSE);
        assert_int_equal(a.flags, (first ? FIRST : 0) | (chunk == left ? LAST : 0));
        assert_int_equal(a.call_id, 9);
        assert_int_equal(a.context_id, WIDE & 0xff);
        assert_int_equal(a.alloc_hint, left);
        assert_int_equal(a.stub_size, chunk);
        assert_true(a.size <= negotiated);
        left -= chunk;
        first = false;
    }
    assert_no_answer(conn);
    conn_close(conn);
}

static void a_long_response_comes_in_fragments_of_the_negotiated_size(void **state)
{
    bench_register(*state, &echo_id, 1024, 100);
    check_fragments(*state, 5840);
    check_fragments(*state, 4280);
    check_fragments(*state, 2048);
}

static void the_fragments_of_a_response_make_up_its_stub(void **state)
{
    bench_register(*state, &echo_id, 1024, 100);
    struct octets request = {0}, whole = {0};
    put_hex(&request, lookup_all);
    struct conn *conn = open_wide(*state, RPC_WHOLE);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = 9,
                                         .context_id = WIDE,
                                         .opnum = LOOKUP,
                                         .stub = request.bytes,
                                         .stub_size = request.size});
    while (conn->out_taken < conn->out_size) {
        struct answer a = conn_answer(conn);
        put_bytes(&whole, a.stub, a.stub_size);
    }
    struct ndr_epm_entry entries[100];
    struct ndr_context_handle handle;
    uint32_t count, status;
    const struct ndr_stub stub = {.data = whole.bytes, .size = whole.size};
    assert_true(ndr_epm_decode_lookup_reply(&stub, &handle, entries, 100, &count, &status));
    assert_int_equal(count, 100);
    assert_int_equal(status, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct ndr_tower tower;
        assert_int_equal(ndr_tower_parse(entries[i].tower, entries[i].tower_size, &tower), 0);
        assert_int_equal(base_load_be16(tower.floor[3].rhs), 1024 + i);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pdus_are_answered_by_the_rules),
        TEST(a_call_in_the_batch_is_answered_before_what_follows),
        TEST(a_fragment_behind_the_last_one_of_its_call_belongs_to_none),
        TEST(a_call_in_the_batch_is_answered_before_a_length_below_a_header),
        TEST(types_that_clients_may_not_send_are_protocol_errors),
        TEST(a_header_of_another_version_or_representation_is_refused),
        TEST(a_length_below_a_header_ends_the_connection_silently),
        TEST(a_request_too_short_for_its_header_ends_the_connection_silently),
        TEST(an_object_uuid_stands_before_the_stub),
        TEST(a_request_of_5840_octets_is_served_after_negotiating_less),
        TEST(a_request_of_5841_octets_is_a_protocol_error),
        TEST(the_hint_of_a_single_request_is_not_looked_at),
        TEST(a_call_of_exactly_the_limit_is_served),
        TEST(a_call_over_the_limit_is_denied),
        TEST(a_first_fragment_that_hints_at_more_than_the_limit_is_denied_at_once),
        TEST(a_hint_over_the_limit_is_denied_behind_a_call_in_the_batch_too),
        TEST(a_later_hint_over_what_is_left_is_denied),
        TEST(the_hint_of_a_last_fragment_is_not_looked_at),
        TEST(a_call_without_a_buffer_is_told_that_the_server_is_busy),
        TEST(requests_without_flags_are_whole_when_the_bind_had_none),
        TEST(fragments_are_reassembled_after_a_bind_without_flags_too),
        TEST(a_request_with_an_authentication_trailer_is_denied),
        TEST(every_prefix_asks_for_more_and_changes_nothing),
        TEST(pdus_in_one_span_are_cut_one_after_another),
        TEST(the_batch_is_full_at_64_calls_of_all_connections),
        TEST(a_last_fragment_waits_for_a_full_batch),
        TEST(a_pdu_that_is_no_request_waits_for_the_calls_before_it),
        TEST(an_alter_context_between_fragments_is_answered_and_the_call_goes_on),
        TEST(nothing_is_read_behind_the_pdu_that_ended_the_connection),
        TEST(a_long_response_comes_in_fragments_of_the_negotiated_size),
        TEST(the_fragments_of_a_response_make_up_its_stub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
