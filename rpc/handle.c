#include "rpc/handle.h"

#include "base/bytes.h"
#include "base/siphash.h"
#include "rpc/group.h"
#include "rpc/server.h"

enum { POSITION = 0, GROUP = 4, INDEX = 8, FINGERPRINT = 9, SEAL = 12 };

static uint32_t seal_of(const struct rpc_server *server, const uint8_t bytes[16], uint32_t epoch)
{
    uint8_t sealed[16];
    memcpy(sealed, bytes, SEAL);
    base_store_le32(sealed + SEAL, epoch);
    // Never zero, so that no live handle is a null handle.
    return (uint32_t)base_siphash(server->options.secret, sealed, sizeof sealed) | 1;
}

bool rpc_handle_open(struct rpc_server *server, const struct rpc_association *association,
                     const struct ndr_context_handle *handle, struct rpc_cursor *ret_cursor,
                     uint32_t *ret_fingerprint)
{
    const uint8_t *bytes = handle->uuid.bytes;
    if (base_load_le32(bytes + GROUP) != association->group)
        return false;
    unsigned index = bytes[INDEX];
    uint32_t epoch = rpc_group_cursor_epoch(server->options.groups, association->group, index);
    if (epoch == 0 || base_load_le32(bytes + SEAL) != seal_of(server, bytes, epoch))
        return false;
    *ret_cursor = (struct rpc_cursor){
        .index = index, .epoch = epoch, .position = base_load_le32(bytes + POSITION)};
    *ret_fingerprint = base_load_le32(bytes + INDEX) >> 8;
    return true;
}

struct rpc_cursor rpc_handle_new(struct rpc_server *server,
                                 const struct rpc_association *association)
{
    struct rpc_cursor cursor = {.position = 0};
    cursor.index = rpc_group_cursor_open(server->options.groups, association->group, &cursor.epoch);
    return cursor;
}

struct ndr_context_handle rpc_handle_seal(const struct rpc_server *server,
                                          const struct rpc_association *association,
                                          const struct rpc_cursor *cursor, uint32_t fingerprint)
{
    struct ndr_context_handle handle = {.attributes = 0};
    uint8_t *bytes = handle.uuid.bytes;
    base_store_le32(bytes + POSITION, cursor->position);
    base_store_le32(bytes + GROUP, association->group);
    base_store_le32(bytes + INDEX, cursor->index | fingerprint << 8);
    base_store_le32(bytes + SEAL, seal_of(server, bytes, cursor->epoch));
    return handle;
}

bool rpc_handle_is_live(const struct rpc_server *server, const struct rpc_association *association,
                        const struct rpc_cursor *cursor)
{
    return rpc_group_cursor_epoch(server->options.groups, association->group, cursor->index) ==
           cursor->epoch;
}

void rpc_handle_close(struct rpc_server *server, const struct rpc_association *association,
                      const struct rpc_cursor *cursor)
{
    rpc_group_cursor_close(server->options.groups, association->group, cursor->index,
                           cursor->epoch);
}

uint32_t rpc_handle_fingerprint(const struct rpc_server *server, const void *question,
                                uint32_t size)
{
    return (uint32_t)base_siphash(server->options.secret, question, size) & 0xffffff;
}
