// Connections that do not get on: a PDU or a call of several that stays unfinished, and idle ones.
// A connection is on one list at most, and each list has one time-out, so it stays in the order of
// deadlines when what is watched anew goes to its end; looking at the head is enough.
#include "rpc/server.h"

enum { IDLE_GRAIN_US = 1000000 };

static uint64_t timeout_of(const struct rpc_server *server, enum rpc_watch watch)
{
    return watch == RPC_WATCH_HALF ? server->options.half_pdu_timeout
                                   : server->options.idle_timeout;
}

void rpc_watch_create(struct rpc_server *server)
{
    for (unsigned i = 0; i < RPC_WATCH_COUNT; i++)
        TAILQ_INIT(&server->watched[i]);
}

void rpc_watch_drop(struct rpc_server *server, struct rpc_association *association)
{
    if (association->watch != RPC_WATCH_NONE)
        TAILQ_REMOVE(&server->watched[association->watch], association, watch_link);
    association->watch = RPC_WATCH_NONE;
}

static void watch_anew(struct rpc_server *server, struct rpc_association *association,
                       enum rpc_watch watch)
{
    rpc_watch_drop(server, association);
    if (watch == RPC_WATCH_NONE)
        return;
    association->watch = (uint8_t)watch;
    association->watched_since = server->now;
    TAILQ_INSERT_TAIL(&server->watched[watch], association, watch_link);
}

static enum rpc_watch watch_for(const struct rpc_server *server,
                                const struct rpc_association *association, uint32_t leftover)
{
    // What a peer that does not read has left over are whole PDUs, too, and the wait is not for it
    // to send.
    bool half_pdu = leftover && !association->blocked;
    bool half_call = association->reassembly && !association->reassembly->complete;
    if ((half_pdu || half_call) && server->options.half_pdu_timeout)
        return RPC_WATCH_HALF;
    return server->options.idle_timeout ? RPC_WATCH_IDLE : RPC_WATCH_NONE;
}

void rpc_watch(struct rpc_server *server, struct rpc_association *association, uint32_t leftover)
{
    enum rpc_watch watch = watch_for(server, association, leftover);
    // Moving an idle connection in the list touches two others: once a second is enough.
    bool anew = watch == RPC_WATCH_HALF ? association->progressed
                                        : server->now - association->watched_since >= IDLE_GRAIN_US;
    if (watch != association->watch || anew)
        watch_anew(server, association, watch);
    association->progressed = false;
}

static void expire(struct rpc_server *server, struct rpc_association *association)
{
    enum rpc_watch watch = (enum rpc_watch)association->watch;
    rpc_watch_drop(server, association);
    if (association->state == RPC_STATE_CLOSED)
        return;
    if (association->batched || (watch == RPC_WATCH_IDLE && association->deferred)) {
        watch_anew(server, association, watch); // it is we who have something to do
        return;
    }
    server->counters[watch == RPC_WATCH_HALF ? RPC_DROP_HALF_PDU : RPC_DROP_IDLE]++;
    rpc_reassembly_free(server, association);
    rpc_finish(server, association);
}

static uint64_t deadline_of(const struct rpc_server *server, enum rpc_watch watch)
{
    const struct rpc_association *first = TAILQ_FIRST(&server->watched[watch]);
    // A time-out that was there when the association began to be watched may be gone since.
    uint64_t timeout = timeout_of(server, watch);
    return first && timeout ? first->watched_since + timeout : UINT64_MAX;
}

void rpc_watch_expire(struct rpc_server *server)
{
    for (enum rpc_watch watch = RPC_WATCH_HALF; watch < RPC_WATCH_COUNT; watch++) {
        while (deadline_of(server, watch) <= server->now)
            expire(server, TAILQ_FIRST(&server->watched[watch]));
    }
}

uint64_t rpc_watch_next(const struct rpc_server *server)
{
    uint64_t half = deadline_of(server, RPC_WATCH_HALF), idle = deadline_of(server, RPC_WATCH_IDLE);
    return half < idle ? half : idle;
}
