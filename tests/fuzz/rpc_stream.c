// PDU streams into the associations of a real server (tests/unit/rpc/harness.h). The input is a
// list of steps: PDUs, whole or broken, how they are cut into spans, what the peers read, what the
// time is. Afterwards every buffer must be back and the counters must add up.
//
// A step is one byte: its low four bits say what, the others how.
#include <string.h>

#include "base/bytes.h"
#include "tests/fuzz/input.h"
#include "tests/unit/rpc/harness_epm.h"

enum { STEPS_MAX = 64, CONNS = 3, SENT_MAX = CONN_IN_MAX - 16384 };

enum { // how
    BIG_ENDIAN_PDU = 0x80,
    HOLD = 0x40, // the server does not run yet
    SPANS = 0x20 // delivered in spans; a byte says how long they are
};

enum { HALF_PDU_TIMEOUT = 1000000, IDLE_TIMEOUT = 30000000 };

// ---- an interface whose calls are answered when their time has come

static uint32_t resume(struct rpc_server *server, uint64_t value, struct ndr_writer *reply)
{
    (void)server;
    ndr_write_u32(reply, (uint32_t)value);
    return value % 16 == 1 ? RPC_FAULT_BAD_STUB_DATA : RPC_SERVED;
}

static uint32_t nap_serve(struct rpc_server *server, struct rpc_call *call,
                          struct ndr_writer *reply)
{
    (void)reply;
    struct ndr_reader r = ndr_reader_init(rpc_call_stub(call));
    uint32_t duration = ndr_read_u32(&r);
    return rpc_defer(server, call, rpc_now(server) + duration, resume, duration);
}

static const struct rpc_operation nap_operations[] = {{.name = "nap", .serve = nap_serve}};
static const struct rpc_interface nap = {
    .name = "nap",
    .id = {BASE_UUID(0x0a9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 0},
    .operations = nap_operations,
    .operation_count = ROWS(nap_operations),
};
static const struct rpc_interface *const interfaces[] = {&rpc_epmapper, &rpc_mgmt,       &nap,
                                                         &rpc_echo,     &rpc_activation, NULL};

// ---- the world of one input

struct world {
    struct bench *bench;
    struct conn *conns[CONNS]; // NULL: not open
    unsigned current;
    struct ndr_context_handle handle; // the last one an answer carried
    uint32_t group;                   // of the last bind_ack
};

static struct conn *conn_of(struct world *world)
{
    struct conn **conn = &world->conns[world->current];
    if (*conn == NULL)
        *conn = conn_open_from(world->bench, (uint8_t)(1 + world->current % 2), 135);
    return *conn;
}

// What the fragments of an answer may be long. A bind_ack or nak is no fragment.
static void check_pdu(const struct conn *conn, const uint8_t *pdu, uint32_t size)
{
    MUST(base_load_le16(pdu + 10) == 0);
    MUST(pdu[0] == 5 && pdu[4] == 0x10);
    if (pdu[2] == RPC_RESPONSE)
        MUST(size <= conn->association->max_fragment && size >= RPC_RESPONSE_HEADER_SIZE);
    else if (pdu[2] == RPC_FAULT)
        MUST(size == RPC_FAULT_SIZE && base_load_le32(pdu + 24) != 0);
    else
        MUST(size <= RPC_ANSWER_MAX);
}

// Remembers what a peer would: the group and the entry handle.
static void learn(struct world *world, const uint8_t *pdu, uint32_t size)
{
    if (pdu[2] == RPC_BIND_ACK)
        world->group = base_load_le32(pdu + 20);
    if (pdu[2] != RPC_RESPONSE || size < RPC_RESPONSE_HEADER_SIZE + 20)
        return;
    world->handle.attributes = base_load_le32(pdu + 24);
    memcpy(world->handle.uuid.bytes, pdu + 28, sizeof world->handle.uuid.bytes);
}

static void read_answers(struct world *world, struct conn *conn)
{
    while (conn->out_taken < conn->out_size) {
        const uint8_t *pdu = conn->out + conn->out_taken;
        int length = rpc_pdu_length(pdu, conn->out_size - conn->out_taken);
        MUST(length > 0 && (uint32_t)length <= conn->out_size - conn->out_taken);
        check_pdu(conn, pdu, (uint32_t)length);
        learn(world, pdu, (uint32_t)length);
        conn->out_taken += (uint32_t)length;
    }
    // The harness keeps what was sent; the peer has read it.
    conn->out_size = conn->out_taken = 0;
}

static void serve(struct world *world)
{
    struct conn *conn = conn_of(world);
    conn_serve(conn);
    for (unsigned i = 0; i < CONNS; i++)
        if (world->conns[i] != NULL)
            read_answers(world, world->conns[i]);
}

// ---- steps that send

static void deliver(struct world *world, struct input *in, uint8_t step, const struct octets *o)
{
    struct conn *conn = conn_of(world);
    uint32_t span = step & SPANS ? 1 + input_u8(in) : o->size;
    // A connection that is over discards; one that is not has room again when it was served.
    if (conn->closed || conn->aborted || o->size > SENT_MAX - conn->in_size)
        return;
    for (uint32_t at = 0; at < o->size; at += span) {
        conn_send(conn, o->bytes + at, span < o->size - at ? span : o->size - at);
        if (!(step & HOLD))
            serve(world);
    }
}

// Bytes as they are.
static void send_raw(struct world *world, struct input *in, uint8_t step, struct octets *o)
{
    size_t size;
    const uint8_t *bytes =
        input_bytes(in, input_u8(in) * (step & BIG_ENDIAN_PDU ? 32u : 1u), &size);
    put_bytes(o, bytes, (uint32_t)size);
    deliver(world, in, step, o);
}

// A body behind a header that is right, with an authentication trailer at times.
static void send_framed(struct world *world, struct input *in, uint8_t step, struct octets *o)
{
    uint8_t ptype = input_u8(in), flags = input_u8(in), call_id = input_u8(in);
    uint8_t body = input_u8(in), auth = input_u8(in);
    size_t size;
    put_header(o, ptype % 32, flags, 0, call_id);
    const uint8_t *bytes = input_bytes(in, body, &size);
    put_bytes(o, bytes, (uint32_t)size);
    if (auth & 1) {
        put_bytes(o, "\x0a\x02\0\0\0\0\0\0", 8);
        put_bytes(o, "verifier of some octets", auth >> 4);
        set_auth_length(o, 0, auth >> 4);
    }
    set_length(o, 0, (uint16_t)o->size);
    deliver(world, in, step, o);
}

static void send_bind(struct world *world, struct input *in, uint8_t step, struct octets *o)
{
    static const struct ndr_syntax_id features = {
        BASE_UUID(0x6cb71c2c, 0x9812, 0x4540, 3, 0, 0, 0, 0, 0, 0, 0), 1, 0};
    const struct ndr_syntax_id *const abstracts[] = {&epmapper_id, &mgmt_id, &nap.id, &rpc_echo.id};
    const struct ndr_syntax_id *const transfers[] = {&ndr_syntax_id_20, &ndr_syntax_id_64,
                                                     &features, &unknown_id};
    struct bind bind = plain_bind();
    uint8_t kind = input_u8(in);
    bind.ptype = kind & 1 ? RPC_ALTER_CONTEXT : RPC_BIND;
    bind.flags = kind & 2 ? input_u8(in) : RPC_WHOLE | RPC_CONC_MPX;
    bind.group = kind & 4 ? world->group : kind & 8 ? input_u32(in) : 0;
    if (kind & 16)
        bind.max_receive = bind.max_transmit = input_u16(in);
    bind.call_id = input_u8(in);
    bind.offers = kind >> 5;
    for (unsigned i = 0; i < bind.offers; i++) {
        uint8_t offer = input_u8(in);
        bind.offer[i] = (struct offer){.id = offer & 7, .abstract = abstracts[offer >> 3 & 3]};
        bind.offer[i].transfers = offer >> 5 & 3;
        for (unsigned t = 0; t < bind.offer[i].transfers; t++)
            bind.offer[i].transfer[t] = transfers[(t + (offer >> 7)) & 3];
    }
    put_bind(o, &bind);
    deliver(world, in, step, o);
}

// A stub that decodes. In NDR 2.0 or, when `kind` says so, in NDR64.
static uint32_t make_stub(const struct world *world, struct input *in, uint16_t opnum,
                          uint8_t stub[1024])
{
    uint8_t kind = input_u8(in), tower[128];
    const struct ndr_context_handle null = {0}, *handle = kind & 1 ? &world->handle : &null;
    const struct ndr_syntax_id *interface = kind & 2 ? &unknown_id : &echo_id;
    struct ndr_writer w =
        ndr_writer_init(stub, 1024, kind & 4 ? NDR_SYNTAX_64 : NDR_SYNTAX_20, kind & 8);
    uint32_t size = tcp_tower(interface, (uint16_t)(1024 + (kind >> 4)), tower);
    const struct ndr_epm_entry entries[] = {
        {.tower = tower, .tower_size = size, .annotation = "one", .annotation_size = 3},
        {.tower = kind & 32 ? NULL : tower, .tower_size = kind & 32 ? 0 : size, .annotation = ""}};
    uint32_t value = input_u8(in);
    const struct ndr_epm_lookup lookup = {
        .inquiry_type = value & 7,
        .vers_option = value >> 3 & 7,
        .has_object = value & 64,
        .has_interface = value & 128,
        .interface = *interface,
        .handle = *handle,
        .max_ents = kind >> 4,
    };
    switch (opnum) {
    case NDR_EPM_INSERT:
    case NDR_EPM_DELETE:
        ndr_epm_encode_entries(&w, entries, value % 3, opnum == NDR_EPM_INSERT ? &value : NULL);
        break;
    case NDR_EPM_LOOKUP:
        ndr_epm_encode_lookup(&w, &lookup);
        break;
    case NDR_EPM_MAP:
        ndr_epm_encode_map(&w, NULL, value & 1 ? NULL : tower, value & 1 ? 0 : size, handle,
                           value >> 3);
        break;
    default: // a handle, a duration, a count
        ndr_write_u32(&w, value << (kind & 15));
        ndr_epm_encode_handle(&w, handle);
    }
    return (uint32_t)ndr_writer_size(&w);
}

// A request whose stub decodes, in one fragment or in several.
static void send_call(struct world *world, struct input *in, uint8_t step, struct octets *o)
{
    uint8_t stub[1024], how = input_u8(in);
    struct request request = {.flags = RPC_WHOLE, .call_id = how >> 5, .context_id = how & 7};
    request.opnum = input_u8(in) & 7;
    uint32_t left = make_stub(world, in, request.opnum, stub);
    uint32_t piece = how & 8 ? 1 + input_u8(in) : left;
    const uint8_t *at = stub;
    do {
        request.stub = at;
        request.stub_size = piece < left ? piece : left;
        left -= request.stub_size;
        at += request.stub_size;
        request.flags = (at - request.stub_size == stub ? RPC_FIRST_FRAG : 0) |
                        (left == 0 && !(how & 16) ? RPC_LAST_FRAG : 0);
        put_request(o, &request);
    } while (left > 0);
    deliver(world, in, step, o);
}

// A fragment of a request with a stub as it comes.
static void send_fragment(struct world *world, struct input *in, uint8_t step, struct octets *o)
{
    static const uint8_t filling[RPC_FRAGMENT_MAX];
    uint8_t flags = input_u8(in), which = input_u8(in), opnum = input_u8(in);
    uint32_t size = flags & RPC_MAYBE ? input_u16(in) % (RPC_FRAGMENT_MAX + 1) : input_u8(in);
    const struct request request = {
        .flags = flags & (uint8_t)~RPC_MAYBE,
        .call_id = which >> 5,
        .context_id = which & 7,
        .opnum = opnum,
        .alloc_hint = which & 8 ? UINT32_MAX : 0,
        .stub = filling,
        .stub_size = size,
    };
    if (flags & RPC_MAYBE) {
        put_request(o, &request);
    } else {
        struct request own = request;
        size_t have;
        own.stub = input_bytes(in, size, &have);
        own.stub_size = (uint32_t)have;
        put_request(o, &own);
    }
    deliver(world, in, step, o);
}

static void send_bare(struct world *world, struct input *in, uint8_t step, struct octets *o)
{
    uint8_t which = input_u8(in);
    put_header(o, which & 1 ? RPC_ORPHANED : RPC_CO_CANCEL, which >> 1 & 3, RPC_HEADER_SIZE,
               which >> 5);
    deliver(world, in, step, o);
}

// ---- steps of the other kinds

static void limit_output(struct world *world, struct input *in)
{
    struct conn *conn = conn_of(world);
    uint8_t how = input_u8(in);
    conn->room = how & 1 ? input_u16(in) : 0;
    conn->segment = 40 + (how >> 1) * 12u;
}

static void open_room(struct world *world)
{
    struct conn *conn = conn_of(world);
    conn->room = CONN_OUT_MAX / 2;
    conn->segment = 1460;
    rpc_unblock(conn->association);
    serve(world);
}

static void end(struct world *world, bool at_once)
{
    struct conn *conn = conn_of(world);
    if (!at_once) {
        rpc_end_of_input(conn->association);
        serve(world);
        return;
    }
    bench_run(world->bench); // no call of it may be in the batch
    read_answers(world, conn);
    conn_close(conn);
    world->conns[world->current] = NULL;
}

static void settle_policy(struct world *world, struct input *in)
{
    uint8_t policy = input_u8(in);
    world->bench->server->options.allow_count = policy & 1; // ::/0
    world->bench->refuse_changes = policy & 2;
}

static void take_step(struct world *world, struct input *in)
{
    static struct octets o;
    uint8_t step = input_u8(in);
    o.size = 0;
    o.big_endian = step & BIG_ENDIAN_PDU;
    switch (step & 15) {
    case 0:
        send_raw(world, in, step, &o);
        break;
    case 1:
        send_framed(world, in, step, &o);
        break;
    case 2:
        send_bind(world, in, step, &o);
        break;
    case 3:
    case 4:
        send_call(world, in, step, &o);
        break;
    case 5:
        send_fragment(world, in, step, &o);
        break;
    case 6:
        send_bare(world, in, step, &o);
        break;
    case 7:
        limit_output(world, in);
        break;
    case 8:
        open_room(world);
        break;
    case 9:
        if (rpc_offset(conn_of(world)->association) <= conn_of(world)->in_size &&
            world->bench->offer_count < ROWS(world->bench->offers) - 1)
            conn_offer(conn_of(world), input_u8(in));
        break;
    case 10:
        bench_complete_changes(world->bench);
        break;
    case 11:
        bench_time(world->bench, world->bench->server->now + (uint64_t)input_u16(in) * 512);
        break;
    case 12:
        end(world, step & BIG_ENDIAN_PDU);
        break;
    case 13:
        settle_policy(world, in);
        break;
    case 14:
        world->current = input_u8(in) % CONNS;
        break;
    default:
        serve(world);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1); // the harness's assertions
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    void *state;
    struct world world = {0};
    bench_setup(&state);
    world.bench = state;
    bench_serve(world.bench, interfaces);
    world.bench->server->options.half_pdu_timeout = HALF_PDU_TIMEOUT;
    world.bench->server->options.idle_timeout = IDLE_TIMEOUT;
    bench_register(world.bench, &echo_id, 1024, 12);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++)
        take_step(&world, &in);
    bench_run(world.bench);
    for (unsigned i = 0; i < CONNS; i++)
        if (world.conns[i] != NULL)
            read_answers(&world, world.conns[i]);
    bench_teardown(&state);
    return 0;
}
