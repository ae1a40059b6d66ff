// Entry handles: the context handle in which ept_lookup and ept_map keep their place ([MS-RPCE]
// 2.2.1.2.5). The handle carries the position itself, under a seal, so a cursor costs no memory
// but its liveness bit in the group (rpc/group.h), resumes in O(1), and works on every
// worker that serves a connection of the group.
//
// The 16 bytes of the UUID: position u32, group u32, cursor index u8, fingerprint of the question
// 3 bytes, seal u32 = SipHash under the server's secret over the rest and the cursor's epoch.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"

struct rpc_association;
struct rpc_server;

struct rpc_cursor {
    unsigned index;
    uint32_t epoch;
    uint32_t position;
};

static inline bool rpc_handle_is_null(const struct ndr_context_handle *handle)
{
    return base_uuid_is_nil(&handle->uuid);
}

// Opens the seal. False when the handle is forged, freed, of another group or of another life.
// *ret_fingerprint is that of the question it was made for.
bool rpc_handle_open(struct rpc_server *server, const struct rpc_association *association,
                     const struct ndr_context_handle *handle, struct rpc_cursor *ret_cursor,
                     uint32_t *ret_fingerprint);

// A fresh cursor for the association's group. The group's oldest dies when it has
// as many as it may already.
struct rpc_cursor rpc_handle_new(struct rpc_server *server,
                                 const struct rpc_association *association);

// The handle that continues at cursor->position.
struct ndr_context_handle rpc_handle_seal(const struct rpc_server *server,
                                          const struct rpc_association *association,
                                          const struct rpc_cursor *cursor, uint32_t fingerprint);

// Whether nobody has closed or replaced the cursor since it was opened.
bool rpc_handle_is_live(const struct rpc_server *server, const struct rpc_association *association,
                        const struct rpc_cursor *cursor);

void rpc_handle_close(struct rpc_server *server, const struct rpc_association *association,
                      const struct rpc_cursor *cursor);

// 24 bits that tell questions apart: a handle only continues the question it was made for.
uint32_t rpc_handle_fingerprint(const struct rpc_server *server, const void *question,
                                uint32_t size);
