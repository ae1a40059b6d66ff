// What a worker does by the rules of fault injection (rpc/inject.h): finds the one that decides,
// and acts. Without rules none of this is called: rpc_run and rpc_bind_serve look at server->inject
// once for a batch or a bind.
#include "rpc/inject.h"

#include <math.h>
#include <string.h>

#include "base/siphash.h"
#include "rpc/epmapper.h"
#include "rpc/server.h"

enum { MILLION = 1000000 };

void rpc_inject_follow(struct rpc_server *server)
{
    const struct rpc_inject_table *table =
        rpc_inject_take(server->options.inject, server->options.worker);
    server->inject = table->count ? table : NULL;
}

// ---- chance

// The next of the worker's random numbers: the same ones in every run with the same secret.
static uint64_t draw(struct rpc_server *server)
{
    const uint64_t number[2] = {server->options.worker, ++server->inject_draws};
    return base_siphash(server->options.secret, number, sizeof number);
}

// From 0 to `limit`, without it.
static uint64_t draw_below(struct rpc_server *server, uint64_t limit)
{
    return (uint64_t)((unsigned __int128)draw(server) * limit >> 64);
}

static uint64_t draw_delay(struct rpc_server *server, const struct rpc_inject_rule *rule)
{
    if (rule->delay == RPC_INJECT_FIXED)
        return rule->low_us;
    if (rule->delay == RPC_INJECT_UNIFORM)
        return rule->low_us + draw_below(server, rule->high_us - rule->low_us + 1);
    double uniform = ((double)(draw(server) >> 11) + 1) / 9007199254740992.0; // over 0, up to 1
    double delay = -log(uniform) * (double)rule->low_us;
    return delay < (double)RPC_INJECT_DELAY_MAX ? (uint64_t)delay : RPC_INJECT_DELAY_MAX;
}

// ---- which rule

static bool is_of_binds(const struct rpc_inject_rule *rule)
{
    return rule->action >= RPC_INJECT_BIND_NAK;
}

static bool is_interface(const struct rpc_server *server, const struct rpc_context *context,
                         const struct rpc_inject_rule *rule)
{
    return !rule->has_interface ||
           base_uuid_equal(&server->options.interfaces[context->interface]->id.uuid,
                           &rule->interface);
}

static bool suits_bind(const struct rpc_server *server, const struct rpc_association *association,
                       const struct rpc_inject_rule *rule)
{
    if (!is_of_binds(rule))
        return false;
    // A bind has at most one context accepted, and it is the association's first.
    return !rule->has_interface ||
           (association->context_count > 0 && is_interface(server, association->contexts, rule));
}

static bool suits_call(const struct rpc_server *server, const struct rpc_call *call,
                       const struct rpc_inject_rule *rule)
{
    if (is_of_binds(rule) || (rule->has_operation && rule->operation != call->opnum))
        return false;
    if (rule->action == RPC_INJECT_STALE_PORT &&
        call->operation != &rpc_epmapper.operations[NDR_EPM_MAP])
        return false;
    return is_interface(server, rpc_context_find(call->association, call->context_id), rule);
}

// The row that decides about a call, or about a bind when `call` is NULL; NULL: none does.
static const struct rpc_inject_row *find(struct rpc_server *server,
                                         const struct rpc_association *association,
                                         const struct rpc_call *call)
{
    for (unsigned i = 0; i < server->inject->count; i++) {
        const struct rpc_inject_row *row = &server->inject->rows[i];
        bool suits =
            call ? suits_call(server, call, row->rule) : suits_bind(server, association, row->rule);
        if (suits && rpc_prefix_matches(&row->rule->source, association->peer.address) &&
            (row->rule->chance >= MILLION || draw_below(server, MILLION) < row->rule->chance))
            return row;
    }
    return NULL;
}

static void hit(struct rpc_server *server, const struct rpc_inject_row *row)
{
    uint64_t *counts = rpc_inject_counts(server->options.inject, server->options.worker);
    counts[row->slot]++;
    server->counters[RPC_INJECTED]++;
}

const struct rpc_inject_rule *rpc_inject_bind(struct rpc_server *server,
                                              const struct rpc_association *association)
{
    const struct rpc_inject_row *row = find(server, association, NULL);
    if (!row)
        return NULL;
    hit(server, row);
    server->counters[RPC_DROP_INJECTED_BIND]++;
    return row->rule;
}

// ---- what is done with a call; false: the peer does not read, and the call is put off

static bool refuse(struct rpc_server *server, const struct rpc_call *call, uint32_t status)
{
    const struct rpc_fault fault = {.status = status,
                                    .call_id = call->call_id,
                                    .context_id = call->context_id,
                                    .flags = RPC_WHOLE | RPC_DID_NOT_EXECUTE};
    if (!rpc_ensure(server, call->association, RPC_FAULT_SIZE))
        return false;
    server->counters[RPC_DROP_INJECTED]++;
    rpc_send_fault(server, call->association, &fault);
    return true;
}

static bool delay(struct rpc_server *server, struct rpc_call *call, uint64_t deadline)
{
    if (!rpc_ensure(server, call->association, RPC_FAULT_SIZE))
        return false;
    uint32_t status = rpc_hold(server, call, deadline);
    if (status == RPC_DEFERRED) {
        call->association->deferred++;
        server->counters[RPC_DEFERRED_CALLS]++;
    } else {
        rpc_answer(server, call->association, call->call_id, call->context_id, status, NULL);
    }
    return true;
}

static bool answer_in_fragments(struct rpc_server *server, struct rpc_call *call, uint16_t size)
{
    struct rpc_association *association = call->association;
    uint16_t usual = association->fragment_stub;
    if (size < usual)
        association->fragment_stub = size;
    bool done = rpc_execute(server, call);
    association->fragment_stub = usual;
    return done;
}

static bool answer_in_bytes(struct rpc_server *server, struct rpc_call *call)
{
    bool done = rpc_execute(server, call);
    if (done && call->association->state != RPC_STATE_CLOSED)
        server->options.stream.dribble(call->association->stream);
    return done;
}

static bool act(struct rpc_server *server, struct rpc_call *call,
                const struct rpc_inject_rule *rule)
{
    switch (rule->action) {
    case RPC_INJECT_DELAY:
        return delay(server, call, server->now + draw_delay(server, rule));
    case RPC_INJECT_FAULT:
        return refuse(server, call, rule->status);
    case RPC_INJECT_NEVER_ANSWER:
        server->counters[RPC_DROP_INJECTED]++;
        return true;
    case RPC_INJECT_WRONG_CALL_ID:
        call->call_id++;
        return rpc_execute(server, call);
    case RPC_INJECT_FRAGMENT:
        return answer_in_fragments(server, call, rule->fragment);
    case RPC_INJECT_BYTE_PER_SEGMENT:
        return answer_in_bytes(server, call);
    case RPC_INJECT_STALE_PORT:
        rpc_epmapper_divert(server, call, rule->port);
        return rpc_execute(server, call);
    case RPC_INJECT_BIND_NAK:
    case RPC_INJECT_RESET_AFTER_BIND_ACK:
        break;
    }
    return rpc_execute(server, call);
}

bool rpc_inject_execute(struct rpc_server *server, struct rpc_call *call)
{
    const struct rpc_inject_row *row = find(server, call->association, call);
    if (!row)
        return rpc_execute(server, call);
    bool done = act(server, call, row->rule);
    if (done)
        hit(server, row);
    return done;
}
