// The short way of plain requests from the stream into the batch: whole, unauthenticated,
// little-endian, and on an association where nothing is pending. Stage one of the kernel in use
// finds them in the bytes of many connections at once; what is left to check is the association.
// What is not plain, or would be refused, is left to rpc_input: this way refuses nothing and
// answers nothing.
#include "ndr/kernel.h"
#include "rpc/server.h"

_Static_assert((int)RPC_BATCH_MAX <= (int)NDR_KERNEL_BATCH, "one call of the kernel");

// What stage one looks at: PDUs of offers, those of one offer in its order.
struct window {
    unsigned count;
    struct ndr_pdu pdus[RPC_BATCH_MAX];
    uint8_t offer[RPC_BATCH_MAX]; // row of each
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
static bool add_offer(struct window *window, unsigned room, const struct rpc_offer *offer,
                      unsigned row)
{
    const uint8_t *at = offer->bytes;
    uint32_t left = offer->size;
    while (left >= RPC_REQUEST_HEADER_SIZE) {
        uint32_t length = base_load_le16(at + 8);
        if (length < RPC_REQUEST_HEADER_SIZE || length > left)
            return true;
        if (window->count == room)
            return false;
        window->pdus[window->count].octets = at;
        window->pdus[window->count].size = length;
        window->offer[window->count++] = (uint8_t)row;
        at += length;
        left -= length;
    }
    return true;
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
    association->batched++;
    association->cut += pdu->size;
    association->progressed = true;
    server->counters[RPC_PDUS_IN]++;
}

// False: the request would be refused, or has to wait.
static bool take(struct rpc_server *server, struct rpc_association *association,
                 const struct ndr_pdu *pdu)
{
    const struct rpc_context *context = find_context(association, base_load_le16(pdu->octets + 20));
    if (!context)
        return false;
    const struct rpc_operation *operation =
        find_operation(server, context, base_load_le16(pdu->octets + 22));
    if (!operation ||
        (association->multiplex &&
         (uint32_t)association->batched + association->deferred >= server->options.calls))
        return false;
    put(server, association, context, operation, pdu);
    return true;
}

// An offer is done with at the first PDU that is not plain.
static void take_window(struct rpc_server *server, struct rpc_offer *offers,
                        const struct window *window)
{
    uint64_t plain = ndr_kernel()->find_plain(window->pdus, window->count);
    uint64_t stopped = 0;
    for (unsigned i = 0; i < window->count; i++) {
        struct rpc_offer *offer = &offers[window->offer[i]];
        const struct ndr_pdu *pdu = &window->pdus[i];
        uint64_t bit = UINT64_C(1) << window->offer[i];
        if (stopped & bit)
            continue;
        if (plain >> i & 1 && take(server, offer->association, pdu)) {
            offer->bytes += pdu->size;
            offer->size -= pdu->size;
        } else {
            stopped |= bit;
            offer->done = true;
        }
    }
}

// Each window takes a call into the batch or is done with an offer, so this ends.
unsigned rpc_input_plain(struct rpc_server *server, struct rpc_offer *offers, unsigned count)
{
    unsigned first = 0; // that is not done with
    while (first < count && server->batch_count < RPC_BATCH_MAX) {
        unsigned room = RPC_BATCH_MAX - server->batch_count;
        struct window window;
        window.count = 0;
        for (unsigned row = first; row < count && window.count < room; row++) {
            struct rpc_offer *offer = &offers[row];
            if (!offer->done)
                offer->done =
                    !is_ready(server, offer->association) || add_offer(&window, room, offer, row);
        }
        take_window(server, offers, &window);
        while (first < count && offers[first].done)
            first++;
    }
    return first;
}
