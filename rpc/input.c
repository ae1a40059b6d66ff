// From bytes to PDUs: the common header, and which PDU type may come in which state
// (C706 12.6.3.1 and chapter 9; [MS-RPCE] 3.3.1.5).
#include "rpc/server.h"

static struct rpc_cut cut(enum rpc_cut_result result, uint32_t length)
{
    return (struct rpc_cut){.result = result, .length = length};
}

// What becomes of a PDU, by its type and by the state of its association (C706 chapter 9, the
// server side of the connection-oriented machines; [MS-RPCE] 3.3.1.5). There is no answer to give
// in a state without a column: a connection answered for the last time (RPC_STATE_CLOSED) is not
// read.
enum action {
    ACTION_DROP,    // ends the connection without an answer
    ACTION_UNBOUND, // bind_nak 4: what comes first is a bind
    ACTION_AGAIN,   // bind_nak 0: there is one bind
    ACTION_WRONG,   // protocol error
    ACTION_BIND,
    ACTION_ALTER,
    ACTION_REQUEST, // the rules of fragments follow in request.c
    ACTION_CANCEL,
    ACTION_ORPHAN,
};

enum { COLUMN_NEW, COLUMN_BOUND, COLUMN_COUNT };

// clang-format off
static const uint8_t model[RPC_PTYPE_COUNT][COLUMN_COUNT] = {
    //                           RPC_STATE_NEW    RPC_STATE_BOUND
    [RPC_REQUEST]            = { ACTION_UNBOUND,  ACTION_REQUEST },
    [RPC_RESPONSE]           = { ACTION_UNBOUND,  ACTION_WRONG },
    [RPC_FAULT]              = { ACTION_UNBOUND,  ACTION_WRONG },
    [RPC_BIND]               = { ACTION_BIND,     ACTION_AGAIN },
    [RPC_BIND_ACK]           = { ACTION_UNBOUND,  ACTION_WRONG },
    [RPC_BIND_NAK]           = { ACTION_UNBOUND,  ACTION_WRONG },
    [RPC_ALTER_CONTEXT]      = { ACTION_UNBOUND,  ACTION_ALTER },
    [RPC_ALTER_CONTEXT_RESP] = { ACTION_UNBOUND,  ACTION_WRONG },
    [RPC_AUTH3]              = { ACTION_UNBOUND,  ACTION_WRONG }, // no authentication is under way
    [RPC_SHUTDOWN]           = { ACTION_UNBOUND,  ACTION_WRONG },
    [RPC_CO_CANCEL]          = { ACTION_UNBOUND,  ACTION_CANCEL },
    [RPC_ORPHANED]           = { ACTION_UNBOUND,  ACTION_ORPHAN },
    [RPC_RTS]                = { ACTION_UNBOUND,  ACTION_WRONG },
    // The types of the connectionless protocol (C706 12.5).
    [1]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // ping
    [4]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // working
    [5]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // nocall
    [6]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // reject
    [7]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // ack
    [8]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // cancel
    [9]                      = { ACTION_UNBOUND,  ACTION_WRONG }, // fack
    [10]                     = { ACTION_UNBOUND,  ACTION_WRONG }, // cancel_ack
};
// clang-format on

static enum action action_for(const struct rpc_association *association, uint8_t ptype)
{
    unsigned column = association->state == RPC_STATE_NEW ? COLUMN_NEW : COLUMN_BOUND;
    return ptype < RPC_PTYPE_COUNT ? model[ptype][column] : ACTION_DROP;
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

static struct rpc_cut act(struct rpc_server *server, struct rpc_association *association,
                          const uint8_t *pdu, const struct rpc_header *header, enum action action)
{
    switch (action) {
    case ACTION_DROP:
        return drop(server, association, RPC_DROP_PTYPE);
    case ACTION_UNBOUND:
        return refuse_with_nak(server, association, header, RPC_NAK_PROTOCOL_VERSION,
                               RPC_DROP_NOT_BOUND);
    case ACTION_AGAIN:
        return refuse_with_nak(server, association, header, RPC_NAK_NOT_SPECIFIED,
                               RPC_DROP_SECOND_BIND);
    case ACTION_WRONG:
        return refuse_with_fault(server, association, header, RPC_DROP_WRONG_PTYPE);
    case ACTION_BIND:
        rpc_bind_serve(server, association, pdu, header);
        break;
    case ACTION_ALTER:
        rpc_alter_serve(server, association, pdu, header);
        break;
    case ACTION_REQUEST:
        return rpc_request_cut(server, association, pdu, header);
    case ACTION_CANCEL:
        // Not answered, and the call goes on: so do Windows and Samba.
        server->counters[RPC_CANCELS]++;
        break;
    case ACTION_ORPHAN:
        rpc_orphan(server, association, header->call_id);
        break;
    }
    return cut(RPC_CUT_TAKEN, header->frag_length);
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
    bool acceptable = header_acceptable(header);
    enum action action = action_for(association, header->ptype);
    // All but requests are answered on the spot: calls that were cut before them go first.
    if (!acceptable || action != ACTION_REQUEST) {
        if (association->batched)
            return cut(RPC_CUT_FULL, 0);
        if (!rpc_ensure(server, association, RPC_ANSWER_MAX))
            return cut(RPC_CUT_BLOCKED, 0);
    }
    return acceptable ? act(server, association, pdu, header, action)
                      : refuse_version(server, association, header);
}

struct rpc_cut rpc_input(struct rpc_server *server, struct rpc_association *association,
                         const uint8_t *bytes, uint32_t size)
{
    if (association->state == RPC_STATE_CLOSED)
        return cut(RPC_CUT_CLOSED, 0);
    if (association->blocked || server->stopping)
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
        association->progressed |= !association->reassembly || association->reassembly->complete;
        if (!association->batched)
            association->consumed = association->cut;
    }
    if (result.result == RPC_CUT_TAKEN || result.result == RPC_CUT_CLOSED)
        server->counters[RPC_PDUS_IN]++;
    return association->state == RPC_STATE_CLOSED ? cut(RPC_CUT_CLOSED, 0) : result;
}
