// From bytes to PDUs: the common header, and which PDU type may come in which state
// (C706 12.6.3.1 and chapter 9; [MS-RPCE] 3.3.1.5).
#include "rpc/server.h"

static struct rpc_cut cut(enum rpc_cut_result result, uint32_t length)
{
    return (struct rpc_cut){.result = result, .length = length};
}

struct rpc_context *rpc_context_find(struct rpc_association *association, uint16_t id)
{
    for (unsigned i = 0; i < association->context_count; i++) {
        if (association->contexts[i].id == id)
            return &association->contexts[i];
    }
    return NULL;
}

// Ends the connection without an answer.
static struct rpc_cut drop(struct rpc_server *server, struct rpc_association *association,
                           enum rpc_counter reason)
{
    server->counters[reason]++;
    rpc_finish(server, association);
    return cut(RPC_CUT_CLOSED, 0);
}

static struct rpc_cut refuse_with_nak(struct rpc_server *server,
                                      struct rpc_association *association,
                                      const struct rpc_header *header, uint16_t nak,
                                      enum rpc_counter reason)
{
    rpc_send_nak(server, association, header->call_id, nak);
    return drop(server, association, reason);
}

static struct rpc_cut refuse_with_fault(struct rpc_server *server,
                                        struct rpc_association *association,
                                        const struct rpc_header *header, enum rpc_counter reason)
{
    const struct rpc_fault fault = {.status = RPC_FAULT_PROTOCOL_ERROR,
                                    .call_id = header->call_id,
                                    .flags = RPC_WHOLE | RPC_DID_NOT_EXECUTE};
    rpc_send_fault(server, association, &fault);
    return drop(server, association, reason);
}

// Version 5.0, ASCII, IEEE floating point, either byte order.
static bool header_acceptable(const struct rpc_header *header)
{
    return header->version == 5 && header->version_minor == 0 &&
           (header->drep[0] == 0x10 || header->drep[0] == 0x00) && header->drep[1] == 0 &&
           header->drep[2] == 0 && header->drep[3] == 0;
}

// The first PDU of a connection is a bind.
static struct rpc_cut take_unbound(struct rpc_server *server, struct rpc_association *association,
                                   const uint8_t *pdu, const struct rpc_header *header)
{
    if (header->ptype > RPC_RTS)
        return drop(server, association, RPC_DROP_PTYPE);
    if (header->ptype != RPC_BIND)
        return refuse_with_nak(server, association, header, RPC_NAK_PROTOCOL_VERSION,
                               RPC_DROP_NOT_BOUND);
    rpc_bind_serve(server, association, pdu, header);
    return cut(RPC_CUT_TAKEN, header->frag_length);
}

static struct rpc_cut take_bound(struct rpc_server *server, struct rpc_association *association,
                                 const uint8_t *pdu, const struct rpc_header *header)
{
    switch (header->ptype) {
    case RPC_REQUEST:
        return rpc_request_cut(server, association, pdu, header);
    case RPC_ALTER_CONTEXT:
        rpc_alter_serve(server, association, pdu, header);
        return cut(RPC_CUT_TAKEN, header->frag_length);
    case RPC_CO_CANCEL:
    case RPC_ORPHANED:
        // Neither is answered, and the call they name goes on: so do Windows and Samba.
        server->counters[RPC_CANCELS]++;
        return cut(RPC_CUT_TAKEN, header->frag_length);
    case RPC_BIND:
        return refuse_with_nak(server, association, header, RPC_NAK_NOT_SPECIFIED,
                               RPC_DROP_SECOND_BIND);
    default:
        if (header->ptype > RPC_RTS)
            return drop(server, association, RPC_DROP_PTYPE);
        // auth3 without an authentication under way, and what only servers send.
        return refuse_with_fault(server, association, header, RPC_DROP_WRONG_PTYPE);
    }
}

static struct rpc_cut refuse_version(struct rpc_server *server, struct rpc_association *association,
                                     const struct rpc_header *header)
{
    return association->state == RPC_STATE_NEW
               ? refuse_with_nak(server, association, header, RPC_NAK_PROTOCOL_VERSION,
                                 RPC_DROP_VERSION)
               : refuse_with_fault(server, association, header, RPC_DROP_VERSION);
}

// One PDU: all of it, or at least the header of one that is not acceptable.
static struct rpc_cut take(struct rpc_server *server, struct rpc_association *association,
                           const uint8_t *pdu, const struct rpc_header *header)
{
    bool acceptable = header_acceptable(header), bound = association->state == RPC_STATE_BOUND;
    // All but requests are answered on the spot: calls that were cut before them go first.
    if (!acceptable || !bound || header->ptype != RPC_REQUEST) {
        if (association->batched)
            return cut(RPC_CUT_FULL, 0);
        if (!rpc_ensure(server, association, RPC_ANSWER_MAX))
            return cut(RPC_CUT_BLOCKED, 0);
    }
    if (!acceptable)
        return refuse_version(server, association, header);
    return bound ? take_bound(server, association, pdu, header)
                 : take_unbound(server, association, pdu, header);
}

struct rpc_cut rpc_input(struct rpc_server *server, struct rpc_association *association,
                         const uint8_t *bytes, uint32_t size)
{
    if (association->state == RPC_STATE_CLOSED)
        return cut(RPC_CUT_CLOSED, 0);
    if (association->blocked)
        return cut(RPC_CUT_BLOCKED, 0);
    if (size < RPC_LENGTH_PREFIX)
        return cut(RPC_CUT_MORE, RPC_HEADER_SIZE);
    if (rpc_pdu_length(bytes, size) < 0)
        return association->batched ? cut(RPC_CUT_FULL, 0)
                                    : drop(server, association, RPC_DROP_LENGTH);
    if (size < RPC_HEADER_SIZE)
        return cut(RPC_CUT_MORE, RPC_HEADER_SIZE);

    struct rpc_header header = rpc_header_read(bytes);
    if (size < header.frag_length && header_acceptable(&header))
        return cut(RPC_CUT_MORE, header.frag_length);
    struct rpc_cut result = take(server, association, bytes, &header);
    if (result.result == RPC_CUT_TAKEN) {
        association->cut += result.length;
        if (!association->batched)
            association->consumed = association->cut;
    }
    if (result.result == RPC_CUT_TAKEN || result.result == RPC_CUT_CLOSED)
        server->counters[RPC_PDUS_IN]++;
    return association->state == RPC_STATE_CLOSED ? cut(RPC_CUT_CLOSED, 0) : result;
}
