// ept_insert, ept_delete, ept_mgmt_delete: off unless the configuration allows the source.
#include "rpc/epmapper.h"

#include <string.h>

#include "rpc/server.h"

enum {
    FAULT_CANT_PERFORM_OP = 0x6d8, // what Windows gives remote callers of these operations
    STATUS_REPLY = 4,              // octets of a reply stub
};

// Which call a change answers is kept in mapper_change.token while the control thread has it.
_Static_assert(sizeof(struct rpc_ticket) <= sizeof((struct mapper_change *)0)->token, "token room");

static bool allowed(const struct rpc_server *server, const struct rpc_association *association)
{
    for (unsigned i = 0; i < server->options.allow_count; i++) {
        if (rpc_prefix_matches(&server->options.allow[i], association->peer.address))
            return true;
    }
    return false;
}

static bool decode(struct mapper_change *change, const struct ndr_stub *stub)
{
    switch (change->kind) {
    case MAPPER_CHANGE_INSERT:
        return ndr_epm_decode_entries(stub, change->entries, &change->count, &change->replace);
    case MAPPER_CHANGE_DELETE:
        return ndr_epm_decode_entries(stub, change->entries, &change->count, NULL);
    case MAPPER_CHANGE_MGMT_DELETE:
        return ndr_epm_decode_mgmt_delete(stub, &change->mgmt_delete);
    }
    return false;
}

static void release(struct rpc_server *server, struct mapper_change *change)
{
    memset(change->token, 0, sizeof change->token); // a ticket of no call
    server->free_change[server->free_changes++] = change;
}

// Copies the stub into the change, so that the packet can go, and decodes it there.
static uint32_t submit(struct rpc_server *server, struct rpc_call *call,
                       enum mapper_change_kind kind)
{
    if (!allowed(server, call->association)) {
        server->counters[RPC_DROP_DENIED]++;
        return FAULT_CANT_PERFORM_OP;
    }
    if (call->stub.size > MAPPER_CHANGE_STUB_MAX)
        return RPC_FAULT_BAD_STUB_DATA;
    if (server->free_changes == 0)
        return RPC_FAULT_SERVER_TOO_BUSY;
    struct mapper_change *change = server->free_change[--server->free_changes];
    change->kind = kind;
    change->worker = server->options.worker;
    change->stub_size = call->stub.size;
    memcpy(change->stub, call->stub.data, call->stub.size);
    struct ndr_stub copy = call->stub;
    copy.data = change->stub;
    if (!decode(change, &copy)) {
        release(server, change);
        return RPC_FAULT_BAD_STUB_DATA;
    }
    const struct rpc_ticket ticket = rpc_ticket_of(server, call);
    memcpy(change->token, &ticket, sizeof ticket);
    if (server->options.submit(server->options.context, change))
        return RPC_DEFERRED;
    release(server, change);
    return RPC_FAULT_SERVER_TOO_BUSY;
}

uint32_t rpc_epmapper_insert(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply)
{
    (void)reply;
    return submit(server, call, MAPPER_CHANGE_INSERT);
}

uint32_t rpc_epmapper_delete(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply)
{
    (void)reply;
    return submit(server, call, MAPPER_CHANGE_DELETE);
}

uint32_t rpc_epmapper_mgmt_delete(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply)
{
    (void)reply;
    return submit(server, call, MAPPER_CHANGE_MGMT_DELETE);
}

void rpc_complete(struct rpc_server *server, struct mapper_change *change)
{
    struct rpc_ticket ticket;
    memcpy(&ticket, change->token, sizeof ticket);
    bool orphaned = ticket.generation == 0;
    struct rpc_association *association = orphaned ? NULL : rpc_ticket_redeem(server, &ticket);
    if (association && !server->options.stream.ensure(association->stream,
                                                      rpc_reply_room(association, STATUS_REPLY))) {
        server->held[server->held_count++] = change;
        return;
    }
    uint32_t status = change->status;
    release(server, change);
    if (!association)
        return;
    struct ndr_writer reply = rpc_reply_writer(server, (enum ndr_syntax)ticket.syntax);
    ndr_epm_encode_status_reply(&reply, status);
    rpc_ticket_answer(server, association, &ticket, RPC_SERVED, &reply);
}

void rpc_complete_held(struct rpc_server *server)
{
    unsigned count = server->held_count;
    server->held_count = 0;
    for (unsigned i = 0; i < count; i++)
        rpc_complete(server, server->held[i]); // may hold it again, at `i` or before
}

bool rpc_orphan_change(struct rpc_server *server, const struct rpc_association *association,
                       uint32_t call_id)
{
    uint32_t row = (uint32_t)(association - server->associations);
    for (uint32_t i = 0; i < server->options.changes; i++) {
        struct rpc_ticket ticket;
        memcpy(&ticket, server->change_memory[i].token, sizeof ticket);
        if (ticket.association != row || ticket.generation != association->generation ||
            ticket.call_id != call_id)
            continue;
        // The control thread may hold the change, but not look at its token.
        memset(server->change_memory[i].token, 0, sizeof ticket);
        return true;
    }
    return false;
}
