#include "rpc/server.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/group.h"

const struct base_counter rpc_counter_rows[RPC_COUNTER_COUNT] = {RPC_COUNTERS(BASE_COUNTER_ROW)};

static bool create_associations(struct rpc_server *server)
{
    uint32_t count = server->options.associations;
    // Of calloc, which gives pages of zeros that cost nothing until they are used.
    size_t line = _Alignof(struct rpc_association);
    server->association_memory = calloc((size_t)count + 1, sizeof *server->associations);
    if (!server->association_memory)
        return false;
    uintptr_t first = ((uintptr_t)server->association_memory + line - 1) & ~(line - 1);
    server->associations = (struct rpc_association *)first;
    for (uint32_t i = count; i-- > 0;) {
        server->associations[i].next_free = server->free_associations;
        server->free_associations = &server->associations[i];
    }
    return true;
}

static bool create_reassemblies(struct rpc_server *server)
{
    size_t size = (sizeof(struct rpc_reassembly) + server->options.max_request + 63) & ~(size_t)63;
    server->reassembly_memory = calloc(server->options.reassembly_buffers, size);
    if (!server->reassembly_memory)
        return server->options.reassembly_buffers == 0;
    for (uint32_t i = server->options.reassembly_buffers; i-- > 0;) {
        struct rpc_reassembly *r = (void *)(server->reassembly_memory + i * size);
        r->next = server->free_reassemblies;
        server->free_reassemblies = r;
    }
    return true;
}

static bool create_changes(struct rpc_server *server)
{
    uint32_t count = server->options.changes;
    server->change_memory = calloc(count, sizeof *server->change_memory);
    if (!server->change_memory)
        return count == 0;
    for (uint32_t i = 0; i < count; i++)
        server->free_change[server->free_changes++] = &server->change_memory[i];
    return true;
}

static bool create_waiting(struct rpc_server *server)
{
    uint32_t count = server->options.waiting;
    TAILQ_INIT(&server->waiting);
    TAILQ_INIT(&server->free_waiting);
    server->waiting_memory = calloc(count, sizeof *server->waiting_memory);
    if (server->options.inject)
        server->held_calls = calloc(count, sizeof *server->held_calls);
    if (!server->waiting_memory || (server->options.inject && !server->held_calls))
        return count == 0;
    for (uint32_t i = 0; i < count; i++)
        TAILQ_INSERT_TAIL(&server->free_waiting, &server->waiting_memory[i], link);
    return true;
}

struct rpc_server *rpc_server_create(const struct rpc_options *options)
{
    struct rpc_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->options = *options;
    uint32_t most = sizeof server->free_change / sizeof server->free_change[0];
    if (server->options.changes > most)
        server->options.changes = most;
    while (options->interfaces[server->interface_count] &&
           server->interface_count < RPC_INTERFACE_MAX)
        server->interface_count++;
    if (create_associations(server) && create_reassemblies(server) && create_changes(server) &&
        create_waiting(server) && rpc_contexts_create(server)) {
        rpc_watch_create(server);
        return server;
    }
    rpc_server_destroy(server);
    return NULL;
}

void rpc_configure(struct rpc_server *server, const struct rpc_settings *settings)
{
    server->options.contexts = settings->contexts;
    server->options.calls = settings->calls;
    server->options.half_pdu_timeout = settings->half_pdu_timeout;
    server->options.idle_timeout = settings->idle_timeout;
    server->options.allow = settings->allow;
    server->options.allow_count = settings->allow_count;
}

void rpc_server_destroy(struct rpc_server *server)
{
    if (!server)
        return;
    free(server->association_memory);
    free(server->reassembly_memory);
    free(server->change_memory);
    free(server->waiting_memory);
    free(server->held_calls);
    free(server->chunk_memory);
    free(server);
}

// [MS-RPCH] 2.1.1.2.1: what a server of RPC over HTTP version 1 says first, without an end of line.
static void greet(struct rpc_server *server, struct rpc_association *association)
{
    static const char greeting[14] = "ncacn_http/1.0";
    if (server->options.stream.write(association->stream, greeting, sizeof greeting))
        return;
    server->counters[RPC_DROP_NO_ROOM]++;
    association->state = RPC_STATE_CLOSED;
    server->options.stream.abort(association->stream);
}

struct rpc_association *rpc_open(struct rpc_server *server, void *stream,
                                 const struct rpc_peer *peer)
{
    struct rpc_association *association = server->free_associations;
    if (!association || server->stopping)
        return NULL;
    server->free_associations = association->next_free;
    uint32_t generation = association->generation + 1;
    generation += !generation; // no ticket of a live one has generation 0
    memset(association, 0, sizeof *association);
    association->generation = generation;
    association->stream = stream;
    association->peer = *peer;
    association->state = RPC_STATE_NEW;
    rpc_set_fragment(association, RPC_FRAGMENT_MAX);
    server->counters[RPC_ASSOCIATIONS]++;
    rpc_watch(server, association, 0);
    if (peer->http)
        greet(server, association);
    return association;
}

void rpc_close(struct rpc_server *server, struct rpc_association *association)
{
    if (association->group)
        rpc_group_leave(server->options.groups, association->group);
    rpc_reassembly_free(server, association);
    rpc_contexts_free(server, association);
    rpc_watch_drop(server, association);
    if (association->deferred)
        rpc_waiting_drop(server, association);
    association->state = RPC_STATE_FREE;
    association->stream = NULL;
    association->next_free = server->free_associations;
    server->free_associations = association;
    server->counters[RPC_ASSOCIATIONS]--;
}

bool rpc_prefix_matches(const struct rpc_prefix *prefix, const uint8_t address[16])
{
    unsigned whole = prefix->length / 8, rest = prefix->length % 8;
    if (memcmp(prefix->address, address, whole) != 0)
        return false;
    return rest == 0 || ((prefix->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

uint32_t rpc_offset(const struct rpc_association *association)
{
    return association->cut;
}

uint32_t rpc_take_consumed(struct rpc_association *association)
{
    // After the last answer the stream discards its input by itself.
    uint32_t consumed = association->state == RPC_STATE_CLOSED ? 0 : association->consumed;
    association->cut -= consumed;
    association->consumed = 0;
    return consumed;
}

void rpc_unblock(struct rpc_association *association)
{
    association->blocked = false;
}

void rpc_end_of_input(struct rpc_association *association)
{
    association->ended = true;
}

static bool is_over(const struct rpc_association *association)
{
    return association->ended && association->state != RPC_STATE_CLOSED && !association->batched &&
           !association->deferred && !association->blocked;
}

// C706 12.6.4.11: a server that stops asks its clients to close. Not while calls are under way:
// clients that have one at a time would take it for the answer.
static void ask_to_close(struct rpc_server *server, struct rpc_association *association)
{
    uint8_t pdu[RPC_HEADER_SIZE];
    if (association->state != RPC_STATE_BOUND ||
        !server->options.stream.ensure(association->stream, sizeof pdu))
        return;
    rpc_write_header(pdu, RPC_SHUTDOWN, RPC_WHOLE, sizeof pdu, 0);
    rpc_send(server, association, pdu, sizeof pdu);
}

void rpc_end_answered(struct rpc_server *server, struct rpc_association *association)
{
    if (!is_over(association))
        return;
    if (server->stopping)
        ask_to_close(server, association);
    rpc_finish(server, association);
}

void rpc_settle(struct rpc_server *server, struct rpc_association *association, uint32_t leftover)
{
    if (association->state == RPC_STATE_CLOSED)
        return;
    rpc_watch(server, association, leftover);
    if (leftover && is_over(association) && !server->stopping)
        server->counters[RPC_DROP_PARTIAL]++;
    rpc_end_answered(server, association);
}

void rpc_stop(struct rpc_server *server)
{
    server->stopping = true;
    for (uint32_t i = 0; i < server->options.associations; i++) {
        struct rpc_association *association = &server->associations[i];
        if (!association->stream)
            continue;
        association->ended = true;
        rpc_end_answered(server, association);
    }
}

void rpc_shutdown(struct rpc_server *server)
{
    for (uint32_t i = 0; i < server->options.associations; i++) {
        if (server->associations[i].stream)
            rpc_finish(server, &server->associations[i]);
    }
}

const uint64_t *rpc_counters(const struct rpc_server *server)
{
    return server->counters;
}
