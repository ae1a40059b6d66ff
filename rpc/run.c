// The batch: decode and look up all calls of one operation together, then answer each in the order
// it came.
#include "rpc/server.h"

// Lets the operation of the call in row `first` prepare all its calls from there on. Their rows are
// added to `prepared`, which it returns.
static uint64_t prepare_same(struct rpc_server *server, unsigned first, uint64_t prepared)
{
    const struct rpc_operation *operation = server->batch[first].operation;
    struct rpc_call *same[RPC_BATCH_MAX];
    unsigned count = 0;
    for (unsigned i = first; i < server->batch_count; i++) {
        if (server->batch[i].operation != operation)
            continue;
        same[count++] = &server->batch[i];
        prepared |= 1ull << i;
    }
    operation->prepare(server, same, count);
    return prepared;
}

static void prepare_all(struct rpc_server *server)
{
    uint64_t prepared = 0;
    for (unsigned i = 0; i < server->batch_count; i++) {
        if (!(prepared >> i & 1) && server->batch[i].operation->prepare)
            prepared = prepare_same(server, i, prepared);
    }
}

// Encodes the reply in the frame that will carry it. False: there is no room now.
static bool answer_in_place(struct rpc_server *server, struct rpc_call *call, uint32_t stub_size)
{
    struct rpc_association *association = call->association;
    const struct rpc_stream *stream = &server->options.stream;
    uint8_t *pdu = stream->reserve(association->stream, RPC_RESPONSE_HEADER_SIZE + stub_size);
    if (!pdu)
        return rpc_block(server, association);
    struct ndr_writer reply =
        ndr_writer_init(pdu + RPC_RESPONSE_HEADER_SIZE, stub_size, call->stub.syntax, false);
    call->operation->serve(server, call, &reply);
    uint32_t size = (uint32_t)ndr_writer_size(&reply);
    uint32_t length = RPC_RESPONSE_HEADER_SIZE + size;
    rpc_write_response_header(pdu, RPC_WHOLE, (uint16_t)length, call->call_id, size,
                              call->context_id);
    stream->commit(association->stream, length);
    server->counters[RPC_PDUS_OUT]++;
    server->counters[RPC_REPLIES]++;
    return true;
}

// Encodes the reply aside, then sends it in as many fragments as it takes. Operations act when they
// are served, so there must be room for whatever they answer before.
static bool answer_aside(struct rpc_server *server, struct rpc_call *call, uint32_t stub_max)
{
    struct rpc_association *association = call->association;
    if (!rpc_ensure(server, association, rpc_reply_room(association, stub_max)))
        return false;
    struct ndr_writer reply = rpc_reply_writer(server, call->stub.syntax);
    reply.end = reply.start + stub_max;
    uint32_t status = call->operation->serve(server, call, &reply);
    if (status == RPC_DEFERRED) {
        association->deferred++;
        server->counters[RPC_DEFERRED_CALLS]++;
    } else {
        rpc_answer(server, association, call->call_id, call->context_id, status, &reply);
    }
    return true;
}

static bool fits_one_frame(const struct rpc_server *server, const struct rpc_call *call,
                           uint32_t stub_size)
{
    uint32_t length = RPC_RESPONSE_HEADER_SIZE + stub_size;
    const struct rpc_association *association = call->association;
    return stub_size <= association->fragment_stub &&
           length <= server->options.stream.room(association->stream);
}

// C706 9.3.2: without multiplexing the client waits for one answer before it makes the next call.
// Here and not where requests are cut, because the call before may be one of the same batch.
static bool refuse_while_executing(struct rpc_server *server, const struct rpc_call *call)
{
    struct rpc_association *association = call->association;
    const struct rpc_fault fault = {
        .status = RPC_FAULT_PROTOCOL_ERROR, .call_id = call->call_id, .flags = RPC_WHOLE};
    if (!rpc_ensure(server, association, RPC_FAULT_SIZE))
        return false;
    server->counters[RPC_DROP_INTERLEAVED]++;
    rpc_send_fault(server, association, &fault);
    rpc_finish(server, association);
    return true;
}

bool rpc_execute(struct rpc_server *server, struct rpc_call *call)
{
    rpc_reply_size *reply_size = call->operation->reply_size;
    uint32_t stub_size = reply_size ? reply_size(server, call) : 0;
    uint32_t stub_max = call->operation->reply_max ? call->operation->reply_max : RPC_STUB_MAX;
    return stub_size && fits_one_frame(server, call, stub_size)
               ? answer_in_place(server, call, stub_size)
               : answer_aside(server, call, stub_size ? stub_size : stub_max);
}

bool rpc_execute_held(struct rpc_server *server, const struct rpc_call *call)
{
    server->batch[0] = *call;
    server->batch[0].slot = 0;
    server->batch_count = 1;
    prepare_all(server);
    bool done = rpc_execute(server, &server->batch[0]);
    server->batch_count = 0;
    return done;
}

typedef bool executor(struct rpc_server *server, struct rpc_call *call);

// False: the peer does not read; the call is put off.
static inline bool answer(struct rpc_server *server, struct rpc_call *call, executor *execute)
{
    struct rpc_association *association = call->association;
    if (association->blocked)
        return false;
    if (association->state == RPC_STATE_CLOSED) {
        server->counters[RPC_DROP_AFTER_CLOSE]++;
        return true;
    }
    if (association->deferred && !association->multiplex)
        return refuse_while_executing(server, call);
    bool done = execute(server, call);
    if (done)
        server->counters[RPC_CALLS]++;
    return done;
}

// Puts the stream back to where the call's last PDU begins. Fragments cut after it come again, too.
static void put_off(struct rpc_server *server, const struct rpc_call *call)
{
    struct rpc_association *association = call->association;
    if (call->offset >= association->cut)
        return; // an earlier call of this association was put off already
    association->cut = association->consumed = call->offset;
    if (call->reassembled) {
        association->reassembly->size = call->stub_before;
        association->reassembly->complete = false;
    } else {
        rpc_reassembly_free(server, association);
    }
}

static void answer_one(struct rpc_server *server, struct rpc_call *call, executor *execute)
{
    call->association->batched--;
    if (!answer(server, call, execute))
        put_off(server, call);
    else if (call->reassembled)
        rpc_reassembly_free(server, call->association);
}

// Answers calls from row `first` on whose replies stand ready. Returns how many.
static unsigned answer_ready(struct rpc_server *server, unsigned first)
{
    const struct rpc_call *call = &server->batch[first];
    struct rpc_association *association = call->association;
    if (!call->operation->answer_ready || association->blocked || association->deferred ||
        association->state == RPC_STATE_CLOSED)
        return 0;
    unsigned done = call->operation->answer_ready(server, first);
    association->batched = (uint16_t)(association->batched - done);
    server->counters[RPC_CALLS] += done;
    server->counters[RPC_PDUS_OUT] += done;
    server->counters[RPC_REPLIES] += done;
    return done;
}

static void answer_all(struct rpc_server *server, unsigned count)
{
    for (unsigned i = 0; i < count;) {
        unsigned done = answer_ready(server, i);
        if (done == 0) {
            answer_one(server, &server->batch[i], rpc_execute);
            done = 1;
        }
        i += done;
    }
}

unsigned rpc_run(struct rpc_server *server)
{
    unsigned count = server->batch_count;
    prepare_all(server);
    if (__builtin_expect(server->inject == NULL, 1)) {
        answer_all(server, count);
    } else {
        for (unsigned i = 0; i < count; i++)
            answer_one(server, &server->batch[i], rpc_inject_execute);
    }
    for (unsigned i = 0; i < count; i++) {
        struct rpc_association *association = server->batch[i].association;
        if (!association->blocked)
            association->consumed = association->cut;
    }
    server->batch_count = 0;
    return count;
}
