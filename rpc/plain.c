// The short way of plain requests from the stream into the batch: whole, unauthenticated,
// little-endian, and on an association where nothing is pending. Stage one of the kernel in use
// finds them in the bytes of many connections at once; what is left to check is the association.
// What is not plain, or would be refused, is left to rpc_input: this way refuses nothing and
// answers nothing.
#include "ndr/kernel.h"
#include "rpc/server.h"

_Static_assert((int)RPC_BATCH_MAX <= (int)NDR_KERNEL_BATCH, "one call of the kernel");

// PDUs that follow each other in an offer.
struct run {
    struct rpc_offer *offer;
    unsigned count;
};

// What stage one looks at: the PDUs of some runs.
struct window {
    unsigned room, count, run_count;
    struct ndr_pdu pdus[RPC_BATCH_MAX];
    struct run runs[RPC_BATCH_MAX];
};

// Whether a whole request would go straight into the batch: the conditions of rpc_input and of
// rpc_request_cut, of the association alone.
static bool is_ready(const struct rpc_server *server, const struct rpc_association *association)
{
    return association->state == RPC_STATE_BOUND && !association->blocked && !server->stopping &&
           !association->reassembly && (!association->deferred || association->multiplex);
}

// Walks the offer's PDUs by frag_length, read as little-endian: one of another byte order is not
// plain, and so nothing behind it is taken. Returns whether all of them have found room.
static bool add_run(struct window *window, struct rpc_offer *offer)
{
    const uint8_t *at = offer->bytes;
    uint32_t left = offer->size;
    unsigned first = window->count;
    bool whole = true;
    while (left >= RPC_REQUEST_HEADER_SIZE) {
        uint32_t length = base_load_le16(at + 8);
        if (length < RPC_REQUEST_HEADER_SIZE || length > left)
            break;
        whole = window->count < window->room;
        if (!whole)
            break;
        window->pdus[window->count].octets = at;
        window->pdus[window->count++].size = length;
        at += length;
        left -= length;
        if (left > 2 * length) // requests of one connection are mostly alike
            __builtin_prefetch(at + 2 * length);
    }
    if (window->count > first) {
        window->runs[window->run_count].offer = offer;
        window->runs[window->run_count++].count = window->count - first;
    }
    return whole;
}

static const struct rpc_context *find_context(const struct rpc_association *association,
                                              uint16_t id)
{
    const struct rpc_context *first = &association->contexts[0];
    return association->context_count > 0 && first->id == id ? first
                                                             : rpc_context_find(association, id);
}

static const struct rpc_operation *find_operation(const struct rpc_server *server,
                                                  const struct rpc_context *context, uint16_t opnum)
{
    const struct rpc_interface *interface = server->options.interfaces[context->interface];
    if (opnum >= interface->operation_count || !interface->operations[opnum].serve)
        return NULL;
    return &interface->operations[opnum];
}

// Field by field: what is built aside and copied is read back before it has been written.
static void put(struct rpc_server *server, struct rpc_association *association,
                const struct rpc_context *context, const struct rpc_operation *operation,
                const struct ndr_pdu *pdu)
{
    const uint8_t *octets = pdu->octets;
    bool has_object = octets[3] & RPC_OBJECT_UUID;
    uint32_t stub_at = RPC_REQUEST_HEADER_SIZE + (has_object ? sizeof(struct base_uuid) : 0);
    struct rpc_call *call = &server->batch[server->batch_count];
    if (has_object)
        memcpy(&call->object, octets + RPC_REQUEST_HEADER_SIZE, sizeof call->object);
    else
        memset(&call->object, 0, sizeof call->object);
    call->association = association;
    call->operation = operation;
    call->stub.data = octets + stub_at;
    call->stub.size = pdu->size - stub_at;
    call->stub.big_endian = false;
    call->stub.syntax = (enum ndr_syntax)context->syntax;
    call->call_id = base_load_le32(octets + 12);
    call->offset = association->cut;
    call->stub_before = 0;
    call->context_id = context->id;
    call->opnum = base_load_le16(octets + 22);
    call->slot = (uint8_t)server->batch_count++;
    call->reassembled = false;
    association->cut += pdu->size;
}

// How many calls of the association may join the batch.
static unsigned call_room(const struct rpc_server *server,
                          const struct rpc_association *association)
{
    uint32_t under_way = (uint32_t)association->batched + association->deferred;
    if (!association->multiplex)
        return RPC_BATCH_MAX;
    return under_way < server->options.calls ? server->options.calls - under_way : 0;
}

// Takes plain PDUs up to one that would be refused, or has to wait. Returns how many.
static unsigned take_run(struct rpc_server *server, struct rpc_offer *offer,
                         const struct ndr_pdu *pdus, unsigned count)
{
    struct rpc_association *association = offer->association;
    unsigned room = call_room(server, association), taken = 0;
    uint32_t target = 0; // context id and opnum, mostly those of the PDU before
    const struct rpc_context *context = NULL;
    const struct rpc_operation *operation = NULL;
    for (; taken < count && taken < room; taken++) {
        uint32_t here = base_load_le32(pdus[taken].octets + 20);
        if (!operation || here != target) {
            context = find_context(association, (uint16_t)here);
            operation = context ? find_operation(server, context, (uint16_t)(here >> 16)) : NULL;
            target = here;
        }
        if (!operation)
            break;
        put(server, association, context, operation, &pdus[taken]);
        offer->bytes += pdus[taken].size;
        offer->size -= pdus[taken].size;
    }
    association->batched = (uint16_t)(association->batched + taken);
    association->progressed |= taken > 0;
    server->counters[RPC_PDUS_IN] += taken;
    return taken;
}

// An offer is done with at the first PDU that is not taken.
static void take_window(struct rpc_server *server, const struct window *window)
{
    uint64_t other = ~ndr_kernel()->find_plain(window->pdus, window->count);
    const struct ndr_pdu *pdus = window->pdus;
    for (unsigned i = 0; i < window->run_count; i++) {
        const struct run *run = &window->runs[i];
        unsigned first = (unsigned)(pdus - window->pdus), plain = run->count;
        uint64_t after = other >> first;
        if (after && (unsigned)__builtin_ctzll(after) < plain)
            plain = (unsigned)__builtin_ctzll(after);
        if (take_run(server, run->offer, pdus, plain) < run->count)
            run->offer->done = true;
        pdus += run->count;
    }
}

// Each window takes a call into the batch or is done with an offer, so this ends.
unsigned rpc_input_plain(struct rpc_server *server, struct rpc_offer *offers, unsigned count)
{
    unsigned first = 0; // that is not done with
    while (first < count && server->batch_count < RPC_BATCH_MAX) {
        struct window window;
        window.room = RPC_BATCH_MAX - server->batch_count;
        window.count = window.run_count = 0;
        for (unsigned row = first; row < count && window.count < window.room; row++) {
            struct rpc_offer *offer = &offers[row];
            if (!offer->done)
                offer->done = !is_ready(server, offer->association) || add_run(&window, offer);
        }
        take_window(server, &window);
        while (first < count && offers[first].done)
            first++;
    }
    return first;
}
