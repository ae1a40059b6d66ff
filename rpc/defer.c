// Calls that are answered later (rpc/interface.h): how they are found again, and those that wait
// for a time. The pool is bounded and kept in the order of the deadlines. Calls of one operation
// tend to wait equally long, so a new one mostly goes to the end: the search for its place begins
// there.
#include <string.h>

#include "exporter/exporter.h"
#include "rpc/server.h"

enum {
    SECOND_US = 1000000,
    RETRY_US = 10000, // an answer for which the peer has no room now
};

const struct ndr_stub *rpc_call_stub(const struct rpc_call *call)
{
    return &call->stub;
}

const struct base_uuid *rpc_call_object(const struct rpc_call *call)
{
    return &call->object;
}

uint64_t rpc_now(const struct rpc_server *server)
{
    return server->now;
}

struct rpc_ticket rpc_ticket_of(const struct rpc_server *server, const struct rpc_call *call)
{
    return (struct rpc_ticket){
        .association = (uint32_t)(call->association - server->associations),
        .generation = call->association->generation,
        .call_id = call->call_id,
        .context_id = call->context_id,
        .syntax = (uint16_t)call->stub.syntax,
    };
}

struct rpc_association *rpc_ticket_redeem(struct rpc_server *server,
                                          const struct rpc_ticket *ticket)
{
    struct rpc_association *association = &server->associations[ticket->association];
    if (association->generation == ticket->generation && association->state == RPC_STATE_BOUND)
        return association;
    server->counters[RPC_DROP_ORPHAN_REPLY]++;
    return NULL;
}

void rpc_ticket_answer(struct rpc_server *server, struct rpc_association *association,
                       const struct rpc_ticket *ticket, uint32_t status,
                       const struct ndr_writer *reply)
{
    association->deferred--;
    rpc_answer(server, association, ticket->call_id, ticket->context_id, status, reply);
    rpc_end_answered(server, association);
}

static void insert(struct rpc_server *server, struct rpc_waiting *waiting)
{
    struct rpc_waiting *before = TAILQ_LAST(&server->waiting, rpc_waiting_list);
    while (before && before->deadline > waiting->deadline)
        before = TAILQ_PREV(before, rpc_waiting_list, link);
    if (before)
        TAILQ_INSERT_AFTER(&server->waiting, before, waiting, link);
    else
        TAILQ_INSERT_HEAD(&server->waiting, waiting, link);
}

static struct rpc_held_call *held_of(const struct rpc_server *server,
                                     const struct rpc_waiting *waiting)
{
    return &server->held_calls[waiting - server->waiting_memory];
}

static void release(struct rpc_server *server, struct rpc_waiting *waiting)
{
    struct rpc_reassembly *r = waiting->resume ? NULL : held_of(server, waiting)->reassembly;
    if (r) {
        r->next = server->free_reassemblies;
        server->free_reassemblies = r;
    }
    TAILQ_REMOVE(&server->waiting, waiting, link);
    TAILQ_INSERT_HEAD(&server->free_waiting, waiting, link);
}

// A row of the pool, put where its deadline belongs; NULL when all are in use.
static struct rpc_waiting *wait_until(struct rpc_server *server, const struct rpc_call *call,
                                      uint64_t deadline)
{
    struct rpc_waiting *waiting = TAILQ_FIRST(&server->free_waiting);
    if (!waiting)
        return NULL;
    TAILQ_REMOVE(&server->free_waiting, waiting, link);
    waiting->deadline = deadline;
    waiting->ticket = rpc_ticket_of(server, call);
    insert(server, waiting);
    return waiting;
}

uint32_t rpc_defer(struct rpc_server *server, const struct rpc_call *call, uint64_t deadline,
                   rpc_resume *resume, uint64_t value)
{
    struct rpc_waiting *waiting = wait_until(server, call, deadline);
    if (!waiting)
        return RPC_FAULT_SERVER_TOO_BUSY;
    waiting->resume = resume;
    waiting->value = value;
    return RPC_DEFERRED;
}

uint32_t rpc_hold(struct rpc_server *server, struct rpc_call *call, uint64_t deadline)
{
    struct rpc_waiting *waiting = wait_until(server, call, deadline);
    if (!waiting)
        return RPC_FAULT_SERVER_TOO_BUSY;
    waiting->resume = NULL;
    struct rpc_held_call *held = held_of(server, waiting);
    held->call = *call;
    held->reassembly = NULL;
    if (call->reassembled) {
        // The buffer goes with the call; the association may put another one together.
        held->reassembly = call->association->reassembly;
        call->association->reassembly = NULL;
        call->reassembled = false;
        return RPC_DEFERRED;
    }
    memcpy(held->bytes, call->stub.data, call->stub.size); // of one PDU: it has room
    held->call.stub.data = held->bytes;
    return RPC_DEFERRED;
}

// The call of the association that waits under this id, or NULL.
static struct rpc_waiting *find(struct rpc_server *server,
                                const struct rpc_association *association, uint32_t call_id)
{
    uint32_t row = (uint32_t)(association - server->associations);
    struct rpc_waiting *waiting;
    TAILQ_FOREACH(waiting, &server->waiting, link)
    {
        if (waiting->ticket.association == row && waiting->ticket.call_id == call_id)
            return waiting;
    }
    return NULL;
}

void rpc_orphan(struct rpc_server *server, struct rpc_association *association, uint32_t call_id)
{
    bool found = association->deferred && rpc_orphan_change(server, association, call_id);
    if (association->deferred && !found) {
        struct rpc_waiting *waiting = find(server, association, call_id);
        found = waiting;
        if (waiting)
            release(server, waiting);
    }
    association->deferred -= found;
    // A half-sent call stays as it is, and goes on when its other fragments come: so do Windows and
    // Samba.
    server->counters[found ? RPC_DROP_ORPHANED : RPC_CANCELS]++;
}

void rpc_waiting_drop(struct rpc_server *server, const struct rpc_association *association)
{
    uint32_t row = (uint32_t)(association - server->associations);
    struct rpc_waiting *waiting = TAILQ_FIRST(&server->waiting);
    while (waiting) {
        struct rpc_waiting *next = TAILQ_NEXT(waiting, link);
        if (waiting->ticket.association == row) {
            server->counters[RPC_DROP_ORPHAN_REPLY]++;
            release(server, waiting);
        }
        waiting = next;
    }
}

// Executes a call that was held. It is no longer under way, unless it is answered later once more.
static bool execute(struct rpc_server *server, struct rpc_association *association,
                    const struct rpc_waiting *waiting)
{
    association->deferred--;
    if (!rpc_execute_held(server, &held_of(server, waiting)->call)) {
        association->deferred++;
        return false;
    }
    rpc_end_answered(server, association);
    return true;
}

// Answers a call whose time has come; one whose peer does not read waits a little longer.
static void resume(struct rpc_server *server, struct rpc_waiting *waiting)
{
    const struct rpc_ticket *ticket = &waiting->ticket;
    struct rpc_association *association = rpc_ticket_redeem(server, ticket);
    if (association && (!server->options.stream.ensure(association->stream, RPC_REPLY_MAX) ||
                        (!waiting->resume && !execute(server, association, waiting)))) {
        TAILQ_REMOVE(&server->waiting, waiting, link);
        waiting->deadline = server->now + RETRY_US;
        insert(server, waiting);
        return;
    }
    if (association && waiting->resume) {
        struct ndr_writer reply = rpc_reply_writer(server, (enum ndr_syntax)ticket->syntax);
        uint32_t status = waiting->resume(server, waiting->value, &reply);
        rpc_ticket_answer(server, association, ticket, status, &reply);
    }
    release(server, waiting);
}

static uint64_t next_waiting(const struct rpc_server *server)
{
    const struct rpc_waiting *first = TAILQ_FIRST(&server->waiting);
    return first ? first->deadline : UINT64_MAX;
}

void rpc_timers(struct rpc_server *server, uint64_t now)
{
    server->now = now;
    uint32_t second = (uint32_t)(now / SECOND_US);
    if (server->options.exporter && second != server->second) {
        server->second = second;
        exporter_tick(server->options.exporter, second);
    }
    if (server->options.inject)
        rpc_inject_follow(server);
    while (next_waiting(server) <= now)
        resume(server, TAILQ_FIRST(&server->waiting));
    rpc_complete_held(server);
    rpc_watch_expire(server);
}

uint64_t rpc_next_timer(const struct rpc_server *server)
{
    uint64_t waiting = next_waiting(server), watch = rpc_watch_next(server);
    return waiting < watch ? waiting : watch;
}
