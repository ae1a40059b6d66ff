// Every PDU type in every state of an association, with the flags that mean something: a second
// statement of the rules, which the server must agree with.
#include <string.h>

#include "harness.h"

// Over 255, so that what answers make of a wide context id shows.
enum { WIDE = 0x0105, OLD_CALL = 7, NEW_CALL = 9, ANSWER = 0, WAIT = 1, WAIT_US = 1000 };

// ---- an interface with one operation that answers and one that is answered later

static uint32_t answer_serve(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply)
{
    (void)server;
    (void)call;
    ndr_write_u32(reply, 0);
    return RPC_SERVED;
}

static uint32_t resume(struct rpc_server *server, uint64_t value, struct ndr_writer *reply)
{
    (void)value;
    return answer_serve(server, NULL, reply);
}

static uint32_t wait_serve(struct rpc_server *server, struct rpc_call *call,
                           struct ndr_writer *reply)
{
    (void)reply;
    return rpc_defer(server, call, rpc_now(server) + WAIT_US, resume, 0);
}

static const struct rpc_operation operations[] = {
    [ANSWER] = {.name = "answer", .serve = answer_serve},
    [WAIT] = {.name = "wait", .serve = wait_serve},
};
static const struct rpc_interface model = {
    .name = "model",
    .id = {BASE_UUID(0x40de1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 0},
    .operations = operations,
    .operation_count = ROWS(operations),
};
static const struct rpc_interface *const interfaces[] = {&model, NULL};

// ---- the rules

enum state {
    NEW,
    BOUND,
    BOUND_MPX,
    PENDING, // the first fragment of OLD_CALL was sent
    PENDING_MPX,
    EXECUTING, // OLD_CALL is answered later
    EXECUTING_MPX,
    CLOSED,
    STATE_COUNT
};

static bool multiplexes(enum state state)
{
    return state == BOUND_MPX || state == PENDING_MPX || state == EXECUTING_MPX;
}

static bool is_pending(enum state state)
{
    return state == PENDING || state == PENDING_MPX;
}

struct outcome {
    uint8_t ptype;   // of the answer; 255: none
    uint32_t status; // of a fault, or the reason of a bind_nak
    uint8_t flags;   // of a fault
    uint32_t call_id;
    uint16_t context_id;
    bool closes;
};

enum { NOTHING = 255 };

static struct outcome silence(bool closes)
{
    return (struct outcome){.ptype = NOTHING, .closes = closes};
}

static struct outcome answered(uint8_t ptype, uint32_t call_id)
{
    return (struct outcome){.ptype = ptype, .call_id = call_id, .context_id = WIDE & 0xff};
}

static struct outcome nak(uint16_t reason)
{
    return (struct outcome){.ptype = RPC_BIND_NAK, .status = reason, .closes = true};
}

static struct outcome fault(uint32_t status, uint8_t flags, uint32_t call_id, uint16_t context_id)
{
    return (struct outcome){RPC_FAULT, status, flags, call_id, context_id, true};
}

static struct outcome first_fragment(enum state state, uint8_t flags, uint32_t call_id)
{
    uint16_t context_id = multiplexes(state) && call_id == OLD_CALL ? WIDE : 0;
    if (flags & RPC_PENDING_CANCEL)
        return fault(RPC_FAULT_NO_CALL_ACTIVE, 0x23, call_id, 0);
    if (state == PENDING)
        return fault(RPC_FAULT_PROTOCOL_ERROR, 0x03, OLD_CALL, WIDE);
    if (state == PENDING_MPX)
        return fault(RPC_FAULT_PROTOCOL_ERROR, 0x03, call_id, context_id);
    if (state == EXECUTING)
        return fault(RPC_FAULT_PROTOCOL_ERROR, 0x03, call_id, 0);
    return flags & RPC_LAST_FRAG ? answered(RPC_RESPONSE, call_id) : silence(false);
}

static struct outcome later_fragment(enum state state, uint8_t flags, uint32_t call_id)
{
    if (!is_pending(state))
        return fault(RPC_FAULT_PROTOCOL_ERROR, 0x03, call_id, multiplexes(state) ? WIDE : 0);
    if (call_id == OLD_CALL)
        return flags & RPC_LAST_FRAG ? answered(RPC_RESPONSE, call_id) : silence(false);
    return state == PENDING ? fault(RPC_FAULT_PROTOCOL_ERROR, 0x03, OLD_CALL, WIDE)
                            : fault(RPC_FAULT_PROTOCOL_ERROR, 0x03, call_id, 0);
}

static struct outcome rule(enum state state, uint8_t ptype, uint8_t flags, uint32_t call_id)
{
    if (state == CLOSED || ptype > RPC_RTS)
        return silence(true);
    if (state == NEW)
        return ptype == RPC_BIND ? answered(RPC_BIND_ACK, call_id) : nak(4);
    switch (ptype) {
    case RPC_BIND:
        return nak(0);
    case RPC_ALTER_CONTEXT:
        return answered(RPC_ALTER_CONTEXT_RESP, call_id);
    case RPC_CO_CANCEL:
    case RPC_ORPHANED:
        return silence(false);
    case RPC_REQUEST:
        return flags & RPC_FIRST_FRAG ? first_fragment(state, flags, call_id)
                                      : later_fragment(state, flags, call_id);
    default:
        return fault(RPC_FAULT_PROTOCOL_ERROR, 0x23, call_id, 0);
    }
}

// ---- the trial

static void put_pdu(struct octets *o, uint8_t ptype, uint8_t flags, uint32_t call_id, uint16_t op)
{
    o->size = 0;
    if (ptype == RPC_BIND || ptype == RPC_ALTER_CONTEXT) {
        struct bind bind = plain_bind();
        bind.ptype = ptype;
        bind.flags = flags;
        bind.call_id = call_id;
        bind.offer[0] = plain_offer(WIDE, &model.id);
        put_bind(o, &bind);
        return;
    }
    if (ptype != RPC_REQUEST) {
        put_header(o, ptype, flags, RPC_HEADER_SIZE, call_id);
        return;
    }
    // Room for an object UUID, should the flags promise one.
    put_request(o, &(struct request){.flags = flags,
                                     .call_id = call_id,
                                     .context_id = WIDE,
                                     .opnum = op,
                                     .stub = "0123456789abcdef0123456",
                                     .stub_size = 24});
}

static void bring_into(struct conn *conn, struct octets *o, enum state state)
{
    if (state == NEW)
        return;
    put_pdu(o, RPC_BIND, multiplexes(state) ? RPC_WHOLE | RPC_CONC_MPX : RPC_WHOLE, 1, 0);
    conn_talk(conn, o);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    if (state == BOUND || state == BOUND_MPX)
        return;
    if (state == CLOSED) {
        put_pdu(o, RPC_AUTH3, RPC_WHOLE, 2, 0);
        conn_talk(conn, o);
        assert_fault(conn, RPC_FAULT_PROTOCOL_ERROR, 0x23, 2, 0);
        return;
    }
    put_pdu(o, RPC_REQUEST, is_pending(state) ? RPC_FIRST_FRAG : RPC_WHOLE, OLD_CALL,
            is_pending(state) ? ANSWER : WAIT);
    conn_talk(conn, o);
    assert_no_answer(conn);
}

static void check_answer(struct conn *conn, const struct outcome *want)
{
    if (want->ptype == NOTHING) {
        assert_no_answer(conn);
        return;
    }
    if (want->ptype == RPC_FAULT) {
        assert_fault(conn, want->status, want->flags, want->call_id, want->context_id);
        return;
    }
    if (want->ptype == RPC_BIND_NAK) {
        assert_nak(conn, (uint16_t)want->status);
        return;
    }
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, want->ptype);
    assert_int_equal(a.call_id, want->call_id);
    if (a.ptype == RPC_RESPONSE)
        assert_int_equal(a.context_id, want->context_id);
    assert_no_answer(conn);
}

static void try_one(struct bench *bench, enum state state, uint8_t ptype, uint8_t flags,
                    uint32_t call_id)
{
    static struct octets o;
    struct conn *conn = conn_open(bench);
    bring_into(conn, &o, state);
    put_pdu(&o, ptype, flags, call_id, ANSWER);
    conn_talk(conn, &o);
    struct outcome want = rule(state, ptype, flags, call_id);
    check_answer(conn, &want);
    if (want.closes)
        assert_closed(conn);
    else
        assert_open(conn);
    conn_close(conn);
}

static void every_type_is_treated_by_the_rules_in_every_state(void **state)
{
    static const uint8_t flags[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x0b,
                                    0x13, 0x23, 0x43, 0x81, 0x83, 0xfb, 0xff};
    bench_serve(*state, interfaces);
    for (enum state s = 0; s < STATE_COUNT; s++) {
        for (unsigned ptype = 0; ptype < 256; ptype++) {
            for (unsigned f = 0; f < ROWS(flags); f++) {
                try_one(*state, s, (uint8_t)ptype, flags[f], NEW_CALL);
                if (ptype == RPC_REQUEST || ptype == RPC_CO_CANCEL || ptype == RPC_ORPHANED)
                    try_one(*state, s, (uint8_t)ptype, flags[f], OLD_CALL);
            }
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_type_is_treated_by_the_rules_in_every_state)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
