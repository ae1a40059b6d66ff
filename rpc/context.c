// The presentation contexts of an association (C706 12.6.3.1; [MS-RPCE] 3.3.1.5.6). Most clients
// have one or two, which stand in the association; those of the few others stand in chunks of a
// pool that all associations of the worker share.
#include <stdlib.h>

#include "rpc/server.h"

enum { CHUNK_SHARE = 8 }; // one chunk for so many associations

bool rpc_contexts_create(struct rpc_server *server)
{
    // At least one association can have as many as one may have.
    uint32_t count = server->options.associations / CHUNK_SHARE + 1 +
                     server->options.contexts / RPC_CONTEXT_CHUNK;
    server->chunk_memory = calloc(count, sizeof *server->chunk_memory);
    if (!server->chunk_memory)
        return false;
    for (uint32_t i = count; i-- > 0;) {
        server->chunk_memory[i].next = server->free_chunks;
        server->free_chunks = &server->chunk_memory[i];
    }
    return true;
}

static const struct rpc_context *find(const struct rpc_context *contexts, unsigned count,
                                      uint16_t id)
{
    for (unsigned i = 0; i < count; i++) {
        if (contexts[i].id == id)
            return &contexts[i];
    }
    return NULL;
}

static unsigned lesser(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

const struct rpc_context *rpc_context_find(const struct rpc_association *association, uint16_t id)
{
    unsigned left = association->context_count;
    unsigned here = lesser(left, RPC_CONTEXT_INLINE);
    const struct rpc_context *found = find(association->contexts, here, id);
    const struct rpc_context_chunk *chunk = association->more_contexts;
    for (left -= here; !found && left > 0; left -= here, chunk = chunk->next) {
        here = lesser(left, RPC_CONTEXT_CHUNK);
        found = find(chunk->contexts, here, id);
    }
    return found;
}

// Room for one more, or NULL when the pool is empty.
static struct rpc_context *make_room(struct rpc_server *server, struct rpc_association *association)
{
    if (association->context_count < RPC_CONTEXT_INLINE)
        return &association->contexts[association->context_count];
    unsigned index = association->context_count - (unsigned)RPC_CONTEXT_INLINE;
    struct rpc_context_chunk **link = &association->more_contexts;
    while (index >= RPC_CONTEXT_CHUNK) {
        link = &(*link)->next;
        index -= RPC_CONTEXT_CHUNK;
    }
    if (!*link) {
        if (!server->free_chunks)
            return NULL;
        *link = server->free_chunks;
        server->free_chunks = (*link)->next;
        (*link)->next = NULL;
    }
    return &(*link)->contexts[index];
}

bool rpc_context_add(struct rpc_server *server, struct rpc_association *association,
                     const struct rpc_context *context)
{
    if (association->context_count >= server->options.contexts) {
        server->counters[RPC_DROP_CONTEXTS]++;
        return false;
    }
    struct rpc_context *room = make_room(server, association);
    if (!room) {
        server->counters[RPC_DROP_CONTEXT_POOL]++;
        return false;
    }
    *room = *context;
    association->context_count++;
    return true;
}

void rpc_contexts_free(struct rpc_server *server, struct rpc_association *association)
{
    association->context_count = 0;
    while (association->more_contexts) {
        struct rpc_context_chunk *chunk = association->more_contexts;
        association->more_contexts = chunk->next;
        chunk->next = server->free_chunks;
        server->free_chunks = chunk;
    }
}
