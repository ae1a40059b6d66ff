// Requests: the rules of fragments (C706 12.6.3.5; [MS-RPCE] 3.3.1.5.x), then into the batch.
#include <string.h>

#include "rpc/server.h"

// A request PDU taken apart.
struct request {
    const struct rpc_header *header;
    uint16_t context_id;
    uint16_t opnum;
    uint32_t alloc_hint;
    struct base_uuid object;
    const uint8_t *stub;
    uint32_t stub_size;
    bool first, last;
};

static const struct rpc_cut full = {.result = RPC_CUT_FULL};
static const struct rpc_cut blocked = {.result = RPC_CUT_BLOCKED};
static const struct rpc_cut closed = {.result = RPC_CUT_CLOSED};

static struct rpc_cut taken(const struct rpc_header *header)
{
    return (struct rpc_cut){.result = RPC_CUT_TAKEN, .length = header->frag_length};
}

void rpc_reassembly_free(struct rpc_server *server, struct rpc_association *association)
{
    struct rpc_reassembly *r = association->reassembly;
    if (!r)
        return;
    r->next = server->free_reassemblies;
    server->free_reassemblies = r;
    association->reassembly = NULL;
}

// Sends a fault for the call and ends the connection; calls cut before it are answered first, and
// both wait for a peer that does not read.
static struct rpc_cut fault_and_close(struct rpc_server *server,
                                      struct rpc_association *association,
                                      const struct rpc_fault *fault, enum rpc_counter reason)
{
    if (association->batched)
        return full;
    if (!rpc_ensure(server, association, RPC_FAULT_SIZE))
        return blocked;
    server->counters[reason]++;
    rpc_send_fault(server, association, fault);
    rpc_finish(server, association);
    return closed;
}

static struct rpc_fault protocol_error(uint32_t call_id, uint16_t context_id, uint8_t flags)
{
    return (struct rpc_fault){.status = RPC_FAULT_PROTOCOL_ERROR,
                              .call_id = call_id,
                              .context_id = context_id,
                              .flags = flags};
}

// Sends a fault that leaves the connection as it is.
static struct rpc_cut fault_and_stay(struct rpc_server *server, struct rpc_association *association,
                                     const struct request *request, uint32_t status,
                                     uint16_t context_id, enum rpc_counter reason)
{
    if (association->batched)
        return full;
    if (!rpc_ensure(server, association, RPC_FAULT_SIZE))
        return blocked;
    const struct rpc_fault fault = {.status = status,
                                    .call_id = request->header->call_id,
                                    .context_id = context_id,
                                    .flags = RPC_WHOLE | RPC_DID_NOT_EXECUTE};
    server->counters[reason]++;
    rpc_send_fault(server, association, &fault);
    return taken(request->header);
}

static const struct rpc_interface *interface_of(const struct rpc_server *server,
                                                const struct rpc_context *context)
{
    return server->options.interfaces[context->interface];
}

// Why a whole call is not executed, though the connection goes on.
struct refusal {
    uint32_t status;
    enum rpc_counter reason;
};

// Takes a verification trailer off the end of the stub. False: it says something else of the call.
static bool verify(struct rpc_call *call, const struct rpc_header *header,
                   const struct rpc_interface *interface)
{
    const struct rpc_verification want = {
        .header = header,
        .interface = &interface->id,
        .transfer = call->stub.syntax == NDR_SYNTAX_64 ? &ndr_syntax_id_64 : &ndr_syntax_id_20,
        .context_id = call->context_id,
        .opnum = call->opnum,
        .header_sign = call->association->header_sign,
    };
    return rpc_verify(&want, &call->stub);
}

static bool refuse(const struct rpc_server *server, struct rpc_call *call,
                   const struct rpc_header *header, const struct rpc_interface *interface,
                   struct refusal *ret_refusal)
{
    const struct rpc_association *association = call->association;
    if (call->opnum >= interface->operation_count || !interface->operations[call->opnum].serve)
        *ret_refusal = (struct refusal){RPC_FAULT_OP_RANGE, RPC_DROP_OPNUM};
    // [MS-RPCE] 2.2.5: NDR64 is little-endian, and so is the PDU that carries it.
    else if (call->stub.big_endian && call->stub.syntax == NDR_SYNTAX_64)
        *ret_refusal = (struct refusal){RPC_FAULT_BAD_STUB_DATA, RPC_DROP_NDR64_ORDER};
    else if (!verify(call, header, interface))
        *ret_refusal = (struct refusal){RPC_FAULT_ACCESS_DENIED, RPC_DROP_VERIFICATION};
    // Calls in the batch count: each may turn out to be one that is answered later. They go first,
    // and then it is tried again.
    else if (association->multiplex &&
             (uint32_t)association->batched + association->deferred >= server->options.calls)
        *ret_refusal = (struct refusal){RPC_FAULT_SERVER_TOO_BUSY, RPC_DROP_CALLS};
    else
        return false;
    return true;
}

// Puts a whole call into the batch, or faults it.
static struct rpc_cut enqueue(struct rpc_server *server, struct rpc_association *association,
                              const struct request *request, const struct rpc_call *parts)
{
    if (server->batch_count == RPC_BATCH_MAX)
        return full;
    const struct rpc_context *context = rpc_context_find(association, parts->context_id);
    struct rpc_call *call = &server->batch[server->batch_count];
    *call = *parts;
    call->association = association;
    call->stub.big_endian = request->header->big_endian;
    call->stub.syntax = (enum ndr_syntax)context->syntax;
    struct refusal refusal;
    if (refuse(server, call, request->header, interface_of(server, context), &refusal)) {
        struct rpc_cut cut = fault_and_stay(server, association, request, refusal.status,
                                            parts->context_id, refusal.reason);
        if (cut.result == RPC_CUT_TAKEN)
            rpc_reassembly_free(server, association);
        return cut;
    }
    call->operation = &interface_of(server, context)->operations[parts->opnum];
    call->call_id = request->header->call_id;
    call->offset = association->cut;
    call->slot = (uint8_t)server->batch_count++;
    association->batched++;
    return taken(request->header);
}

// Adds a fragment to the pending call; the last one makes it a call of the batch.
static struct rpc_cut append(struct rpc_server *server, struct rpc_association *association,
                             const struct request *request)
{
    struct rpc_reassembly *r = association->reassembly;
    // [MS-RPCE] 3.3.1.5.8: what is there and what is announced, in 64 bits.
    uint64_t total = (uint64_t)r->size + request->stub_size;
    uint64_t announced = (uint64_t)r->size + (request->last ? 0 : request->alloc_hint);
    if (total > server->options.max_request || announced > server->options.max_request) {
        const struct rpc_fault fault = {.status = RPC_FAULT_ACCESS_DENIED,
                                        .call_id = r->call_id,
                                        .context_id = r->context_id,
                                        .flags = RPC_WHOLE};
        return fault_and_close(server, association, &fault, RPC_DROP_OVERSIZE);
    }
    uint32_t before = r->size;
    memcpy(r->stub + r->size, request->stub, request->stub_size);
    r->size += request->stub_size;
    if (!request->last) {
        server->counters[RPC_FRAGMENTS_IN]++;
        return taken(request->header);
    }
    const struct rpc_call parts = {
        .stub = {.data = r->stub, .size = r->size},
        .stub_before = before,
        .context_id = r->context_id,
        .opnum = r->opnum,
        .object = r->object,
        .reassembled = true,
    };
    struct rpc_cut cut = enqueue(server, association, request, &parts);
    if (cut.result == RPC_CUT_TAKEN) {
        server->counters[RPC_FRAGMENTS_IN]++;
        if (association->reassembly)
            r->complete = true;
    } else if (association->reassembly) {
        r->size = before; // it comes again
    }
    return cut;
}

static struct rpc_cut begin(struct rpc_server *server, struct rpc_association *association,
                            const struct request *request)
{
    struct rpc_reassembly *r = server->free_reassemblies;
    if (!r) {
        const struct rpc_fault fault = {.status = RPC_FAULT_SERVER_TOO_BUSY,
                                        .call_id = request->header->call_id,
                                        .context_id = request->context_id,
                                        .flags = RPC_WHOLE | RPC_DID_NOT_EXECUTE};
        return fault_and_close(server, association, &fault, RPC_DROP_NO_BUFFER);
    }
    server->free_reassemblies = r->next;
    r->call_id = request->header->call_id;
    r->context_id = request->context_id;
    r->opnum = request->opnum;
    r->object = request->object;
    memcpy(r->drep, request->header->drep, sizeof r->drep);
    r->complete = false;
    r->size = 0;
    association->reassembly = r;
    struct rpc_cut cut = append(server, association, request);
    if (cut.result != RPC_CUT_TAKEN)
        rpc_reassembly_free(server, association); // refused, or it comes again as a first fragment
    return cut;
}

static struct rpc_cut take_first(struct rpc_server *server, struct rpc_association *association,
                                 const struct request *request)
{
    uint32_t call_id = request->header->call_id;
    const struct rpc_reassembly *pending = association->reassembly;
    if (request->header->flags & RPC_PENDING_CANCEL) {
        struct rpc_fault fault = protocol_error(call_id, 0, RPC_WHOLE | RPC_DID_NOT_EXECUTE);
        fault.status = RPC_FAULT_NO_CALL_ACTIVE;
        return fault_and_close(server, association, &fault, RPC_DROP_CANCELLED);
    }
    if (pending) {
        // Fragments of two calls may not interleave; which call the fault names depends on
        // whether the client may have several under way.
        struct rpc_fault fault = protocol_error(call_id, 0, RPC_WHOLE);
        if (!association->multiplex)
            fault = protocol_error(pending->call_id, pending->context_id, RPC_WHOLE);
        else if (pending->call_id == call_id)
            fault = protocol_error(call_id, request->context_id, RPC_WHOLE);
        return fault_and_close(server, association, &fault, RPC_DROP_INTERLEAVED);
    }
    if (association->deferred && !association->multiplex) {
        // C706 9.3.2: one call at a time. Of calls in one batch, see rpc/run.c.
        const struct rpc_fault fault = protocol_error(call_id, 0, RPC_WHOLE);
        return fault_and_close(server, association, &fault, RPC_DROP_INTERLEAVED);
    }
    if (!rpc_context_find(association, request->context_id))
        return fault_and_stay(server, association, request, RPC_FAULT_UNKNOWN_INTERFACE, 0,
                              RPC_DROP_CONTEXT);
    if (!request->last)
        return begin(server, association, request);
    const struct rpc_call parts = {.stub = {.data = request->stub, .size = request->stub_size},
                                   .context_id = request->context_id,
                                   .opnum = request->opnum,
                                   .object = request->object};
    return enqueue(server, association, request, &parts);
}

static struct rpc_cut take_later(struct rpc_server *server, struct rpc_association *association,
                                 const struct request *request)
{
    uint32_t call_id = request->header->call_id;
    const struct rpc_reassembly *pending = association->reassembly;
    struct rpc_fault fault = protocol_error(call_id, 0, RPC_WHOLE);
    if (!pending) {
        if (association->multiplex) {
            if (!rpc_context_find(association, request->context_id))
                return fault_and_stay(server, association, request, RPC_FAULT_UNKNOWN_INTERFACE, 0,
                                      RPC_DROP_CONTEXT);
            fault.context_id = request->context_id;
        }
        return fault_and_close(server, association, &fault, RPC_DROP_NO_FIRST);
    }
    if (pending->call_id != call_id) {
        if (!association->multiplex)
            fault = protocol_error(pending->call_id, pending->context_id, RPC_WHOLE);
        return fault_and_close(server, association, &fault, RPC_DROP_INTERLEAVED);
    }
    if (memcmp(pending->drep, request->header->drep, sizeof pending->drep) != 0) {
        fault = protocol_error(call_id, pending->context_id, RPC_WHOLE | RPC_DID_NOT_EXECUTE);
        return fault_and_close(server, association, &fault, RPC_DROP_DREP);
    }
    return append(server, association, request);
}

// Authentication trailers (C706 13.2.6.1): no connection of ours is authenticated.
static struct rpc_cut refuse_auth(struct rpc_server *server, struct rpc_association *association,
                                  const struct request *request)
{
    const struct rpc_header *header = request->header;
    struct rpc_fault fault = protocol_error(header->call_id, request->context_id, RPC_WHOLE);
    if (request->stub_size >= header->auth_length + 8u)
        fault.status = RPC_FAULT_ACCESS_DENIED;
    return fault_and_close(server, association, &fault, RPC_DROP_AUTH);
}

struct rpc_cut rpc_request_cut(struct rpc_server *server, struct rpc_association *association,
                               const uint8_t *pdu, const struct rpc_header *header)
{
    // A call of several PDUs holds its buffer until it is answered.
    if (association->reassembly && association->reassembly->complete)
        return full;
    // The receive limit is fixed: it does not follow the negotiated size.
    if (header->frag_length > RPC_FRAGMENT_MAX) {
        const struct rpc_fault fault = protocol_error(header->call_id, 0, RPC_WHOLE);
        return fault_and_close(server, association, &fault, RPC_DROP_TOO_LONG);
    }
    uint32_t stub_at = RPC_REQUEST_HEADER_SIZE;
    if (header->flags & RPC_OBJECT_UUID)
        stub_at += sizeof(struct base_uuid);
    if (header->frag_length < stub_at) {
        if (association->batched)
            return full;
        server->counters[RPC_DROP_TRUNCATED]++;
        rpc_finish(server, association);
        return closed;
    }
    struct request request = {
        .header = header,
        .alloc_hint = rpc_read_u32(pdu + 16, header->big_endian),
        .context_id = rpc_read_u16(pdu + 20, header->big_endian),
        .opnum = rpc_read_u16(pdu + 22, header->big_endian),
        .stub = pdu + stub_at,
        .stub_size = header->frag_length - stub_at,
        .first = header->flags & RPC_FIRST_FRAG,
        .last = header->flags & RPC_LAST_FRAG,
    };
    if (header->flags & RPC_OBJECT_UUID)
        request.object = rpc_read_uuid(pdu + RPC_REQUEST_HEADER_SIZE, header->big_endian);
    if (association->legacy_flags && !(header->flags & RPC_WHOLE))
        request.first = request.last = true;
    if (header->auth_length)
        return refuse_auth(server, association, &request);
    return request.first ? take_first(server, association, &request)
                         : take_later(server, association, &request);
}
