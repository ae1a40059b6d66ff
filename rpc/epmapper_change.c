// ept_insert, ept_delete, ept_mgmt_delete: off unless the configuration allows the source.
#include "rpc/epmapper.h"

#include <string.h>

#include "rpc/server.h"

enum { FAULT_CANT_PERFORM_OP = 0x6d8 }; // what Windows gives remote callers of these operations

// Which call a change answers; kept in mapper_change.token while the control thread has it.
struct token {
    uint32_t association; // row
    uint32_t generation;
    uint32_t call_id;
    uint16_t context_id;
    uint16_t syntax; // enum ndr_syntax
};

_Static_assert(sizeof(struct token) <= sizeof((struct mapper_change *)0)->token, "token room");

static bool prefix_matches(const struct rpc_prefix *prefix, const uint8_t address[16])
{
    unsigned whole = prefix->length / 8, rest = prefix->length % 8;
    if (memcmp(prefix->address, address, whole) != 0)
        return false;
    return rest == 0 || ((prefix->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

static bool allowed(const struct rpc_server *server, const struct rpc_association *association)
{
    for (unsigned i = 0; i < server->options.allow_count; i++) {
        if (prefix_matches(&server->options.allow[i], association->peer.address))
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
    server->free_change[server->free_changes++] = change;
}

// Copies the stub into the change, so that the packet can go, and decodes it there.
static uint32_t submit(struct rpc_server *server, struct rpc_call *call,
                       enum mapper_change_kind kind)
{
    const struct rpc_association *association = call->association;
    if (!allowed(server, association)) {
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
    const struct token token = {
        .association = (uint32_t)(association - server->associations),
        .generation = association->generation,
        .call_id = call->call_id,
        .context_id = call->context_id,
        .syntax = (uint16_t)call->stub.syntax,
    };
    memcpy(change->token, &token, sizeof token);
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
    struct token token;
    memcpy(&token, change->token, sizeof token);
    uint32_t status = change->status;
    release(server, change);
    struct rpc_association *association = &server->associations[token.association];
    if (association->generation != token.generation || association->state != RPC_STATE_BOUND) {
        server->counters[RPC_DROP_ORPHAN_REPLY]++;
        return;
    }
    association->deferred--;
    struct ndr_writer reply = ndr_writer_init(server->scratch + RPC_RESPONSE_HEADER_SIZE,
                                              RPC_STUB_MAX, (enum ndr_syntax)token.syntax, false);
    ndr_epm_encode_status_reply(&reply, status);
    rpc_send_response(server, association, token.call_id, token.context_id,
                      (uint32_t)ndr_writer_size(&reply));
    server->counters[RPC_REPLIES]++;
    rpc_settle(server, association, 0);
}
