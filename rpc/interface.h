// An interface is a table row: what it is called, who it is, what it does. To serve another one,
// write its operations and add its row to the NULL-terminated list given to rpc_server_create.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"
#include "ndr/tower.h"

struct rpc_call;
struct rpc_server;

#define RPC_SERVED   0u          // the reply stub is complete
#define RPC_DEFERRED 0xffffffffu // answered later, through rpc_complete

// Serves one call: decodes call->stub, acts, encodes the reply stub at `reply`.
// Returns RPC_SERVED, RPC_DEFERRED, or the status of the fault to send (and then `reply` is void).
typedef uint32_t rpc_serve(struct rpc_server *server, struct rpc_call *call,
                           struct ndr_writer *reply);

// For operations that gain from seeing a whole batch: decodes and looks up `count` calls of
// this operation, before any of them is served.
typedef void rpc_prepare(struct rpc_server *server, struct rpc_call **calls, unsigned count);

// For operations that know the exact size of their reply stub after rpc_prepare, so that it can be
// encoded in the frame that carries it. 0: not this one, take the general way.
typedef uint32_t rpc_reply_size(struct rpc_server *server, const struct rpc_call *call);

struct rpc_operation {
    const char *name;
    rpc_serve *serve; // NULL: the operation number is not served
    rpc_prepare *prepare;
    rpc_reply_size *reply_size;
};

struct rpc_interface {
    const char *name;
    struct ndr_syntax_id id;
    const struct rpc_operation *operations;
    unsigned operation_count;
};

extern const struct rpc_interface rpc_epmapper;
extern const struct rpc_interface rpc_mgmt;
