// An interface is a table row: what it is called, who it is, what it does. To serve another one,
// write its operations and add its row to the NULL-terminated list given to rpc_server_create
// (docs/adding-an-interface.md).
//
// An operation runs to completion on the worker, or it is answered later. There are two ways to
// answer later; in both `serve` returns RPC_DEFERRED, the connection's other calls go on if it
// multiplexes, and an answer to a connection that has gone meanwhile is dropped and counted.
// - The worker answers by itself when a time has come: rpc_defer.
// - The control thread does the work: the operation copies what it needs into a mapper_change,
// hands
//   it over with options.submit, and rpc_complete answers (rpc/epmapper_change.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"
#include "ndr/tower.h"

struct rpc_call;
struct rpc_server;

#define RPC_SERVED   0u          // the reply stub is complete
#define RPC_DEFERRED 0xffffffffu // answered later: rpc_defer or rpc_complete

// Serves one call: decodes call->stub, acts, encodes the reply stub at `reply`.
// Returns RPC_SERVED, RPC_DEFERRED, or the status of the fault to send (and then `reply` is void).
typedef uint32_t rpc_serve(struct rpc_server *server, struct rpc_call *call,
                           struct ndr_writer *reply);

// The request's stub; gone when `serve` has returned.
const struct ndr_stub *rpc_call_stub(const struct rpc_call *call);
// The object UUID of the request; nil when it had none.
const struct base_uuid *rpc_call_object(const struct rpc_call *call);
// Microseconds of the worker's clock: when its current turn began.
uint64_t rpc_now(const struct rpc_server *server);

// Ends a call whose time has come: encodes the reply stub; returns as rpc_serve does, but for
// RPC_DEFERRED. `value` is what rpc_defer was given.
typedef uint32_t rpc_resume(struct rpc_server *server, uint64_t value, struct ndr_writer *reply);

// Puts the answer off until `deadline` on the worker's clock. To be returned by `serve`:
// RPC_DEFERRED, or the fault for a server that has options.waiting such calls already.
uint32_t rpc_defer(struct rpc_server *server, const struct rpc_call *call, uint64_t deadline,
                   rpc_resume *resume, uint64_t value);

// For operations that gain from seeing a whole batch: decodes and looks up `count` calls of
// this operation, before any of them is served.
typedef void rpc_prepare(struct rpc_server *server, struct rpc_call **calls, unsigned count);

// For operations that know the exact size of their reply stub after rpc_prepare, so that it can be
// encoded in the frame that carries it. 0: not this one, take the general way.
typedef uint32_t rpc_reply_size(struct rpc_server *server, const struct rpc_call *call);

// For operations whose replies may stand ready after rpc_prepare: answers the call in row `first`
// of the batch and those behind it, as long as they are of the same operation and association,
// their replies stand ready and fit one frame. Returns how many it answered; 0 leaves the call to
// the general way. The association may be written to and has no call that is answered later.
typedef unsigned rpc_answer_ready(struct rpc_server *server, unsigned first);

struct rpc_operation {
    const char *name;
    rpc_serve *serve; // NULL: the operation number is not served
    rpc_prepare *prepare;
    rpc_answer_ready *answer_ready;
    rpc_reply_size *reply_size;
    // Octets a reply stub has at most; 0: RPC_STUB_MAX. A call waits until the peer has read so
    // much that this fits. With reply_size, of the replies for which that gives 0.
    uint32_t reply_max;
};

struct rpc_interface {
    const char *name;
    struct ndr_syntax_id id;
    const struct rpc_operation *operations;
    unsigned operation_count;
};

extern const struct rpc_interface rpc_epmapper;
extern const struct rpc_interface rpc_mgmt;
extern const struct rpc_interface rpc_echo;
extern const struct rpc_interface rpc_oxid;
extern const struct rpc_interface rpc_activation; // IActivation and ISystemActivator: both deny
extern const struct rpc_interface rpc_system_activator;
