#include <string.h>

#include "rpc/server.h"

void rpc_set_fragment(struct rpc_association *association, uint16_t size)
{
    association->max_fragment = size;
    // C706 12.6.3.7 wants multiples of 8 in all fragments but the last; 16 suits security trailers.
    association->fragment_stub = (uint16_t)((size - RPC_RESPONSE_HEADER_SIZE) & ~15);
}

// Octets that a reply stub takes on the wire.
static uint32_t reply_size(uint32_t stub, uint32_t in_fragment)
{
    return stub + (stub / in_fragment + 1) * RPC_RESPONSE_HEADER_SIZE;
}

bool rpc_block(struct rpc_server *server, struct rpc_association *association)
{
    association->blocked = true;
    server->counters[RPC_BLOCKED]++;
    return false;
}

bool rpc_ensure(struct rpc_server *server, struct rpc_association *association, uint32_t size)
{
    return server->options.stream.ensure(association->stream, size) ||
           rpc_block(server, association);
}

uint32_t rpc_reply_room(const struct rpc_association *association, uint32_t stub_max)
{
    uint32_t room = reply_size(stub_max, association->fragment_stub);
    if (room > RPC_REPLY_MAX)
        room = RPC_REPLY_MAX; // rpc_send_response holds to it
    return room < RPC_FAULT_SIZE ? RPC_FAULT_SIZE : room;
}

void rpc_finish(struct rpc_server *server, struct rpc_association *association)
{
    if (association->state == RPC_STATE_CLOSED)
        return;
    association->state = RPC_STATE_CLOSED;
    server->options.stream.close(association->stream);
}

void rpc_send(struct rpc_server *server, struct rpc_association *association, const uint8_t *pdu,
              uint32_t size)
{
    if (server->options.stream.write(association->stream, pdu, size)) {
        server->counters[RPC_PDUS_OUT]++;
        return;
    }
    // The peer waits for an answer that can never come: better that it learns so.
    server->counters[RPC_DROP_NO_ROOM]++;
    association->state = RPC_STATE_CLOSED;
    server->options.stream.abort(association->stream);
}

void rpc_send_fault(struct rpc_server *server, struct rpc_association *association,
                    const struct rpc_fault *fault)
{
    uint8_t pdu[RPC_FAULT_SIZE];
    rpc_write_fault(pdu, fault->flags, fault->call_id, fault->context_id, fault->status);
    server->counters[RPC_FAULTS]++;
    rpc_send(server, association, pdu, sizeof pdu);
}

void rpc_send_nak(struct rpc_server *server, struct rpc_association *association, uint32_t call_id,
                  uint16_t reason)
{
    uint8_t pdu[RPC_BIND_NAK_SIZE];
    rpc_write_bind_nak(pdu, call_id, reason);
    server->counters[RPC_NAKS]++;
    rpc_send(server, association, pdu, sizeof pdu);
}

struct ndr_writer rpc_reply_writer(struct rpc_server *server, enum ndr_syntax syntax)
{
    return ndr_writer_init(server->scratch + RPC_RESPONSE_HEADER_SIZE, RPC_STUB_MAX, syntax, false);
}

static void count_refusal(struct rpc_server *server, uint32_t status)
{
    static const struct {
        uint32_t status;
        enum rpc_counter reason;
    } reasons[] = {
        {RPC_FAULT_ACCESS_DENIED, RPC_DROP_DENIED},
        {RPC_FAULT_BAD_STUB_DATA, RPC_DROP_STUB},
        {RPC_FAULT_CONTEXT_MISMATCH, RPC_DROP_HANDLE},
        {RPC_FAULT_SERVER_TOO_BUSY, RPC_DROP_BUSY},
        {RPC_FAULT_INVALID_TAG, RPC_DROP_TAG},
        {RPC_FAULT_OUT_ARGS_TOO_BIG, RPC_DROP_REPLY_TOO_BIG},
    };
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status)
            server->counters[reasons[i].reason]++;
    }
}

void rpc_answer(struct rpc_server *server, struct rpc_association *association, uint32_t call_id,
                uint16_t context_id, uint32_t status, const struct ndr_writer *reply)
{
    if (status == RPC_SERVED && reply->failed)
        status = RPC_FAULT_OUT_ARGS_TOO_BIG;
    if (status == RPC_SERVED) {
        rpc_send_response(server, association, call_id, context_id,
                          (uint32_t)ndr_writer_size(reply));
        server->counters[RPC_REPLIES]++;
        return;
    }
    const struct rpc_fault fault = {
        .status = status, .call_id = call_id, .context_id = context_id, .flags = RPC_WHOLE};
    count_refusal(server, status);
    rpc_send_fault(server, association, &fault);
}

void rpc_send_response(struct rpc_server *server, struct rpc_association *association,
                       uint32_t call_id, uint16_t context_id, uint32_t size)
{
    uint32_t chunk_max = association->fragment_stub;
    uint32_t done = 0;
    // Smaller fragments than were negotiated, as a fault rule may want them, for as long as all
    // their headers find room.
    while (reply_size(size, chunk_max) > RPC_REPLY_MAX)
        chunk_max *= 2;
    do {
        uint32_t chunk = size - done < chunk_max ? size - done : chunk_max;
        uint8_t flags = (uint8_t)((done == 0 ? RPC_FIRST_FRAG : 0) |
                                  (done + chunk == size ? RPC_LAST_FRAG : 0));
        // The header goes over the end of the chunk before, which was copied away already.
        uint8_t *pdu = server->scratch + done;
        uint32_t length = RPC_RESPONSE_HEADER_SIZE + chunk;
        rpc_write_response_header(pdu, flags, (uint16_t)length, call_id, size - done, context_id);
        rpc_send(server, association, pdu, length);
        done += chunk;
    } while (done < size && association->state != RPC_STATE_CLOSED);
}
