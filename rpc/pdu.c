#include "rpc/pdu.h"

#include <string.h>

#include "base/bytes.h"

struct base_uuid rpc_read_uuid(const uint8_t *at, bool big_endian)
{
    struct base_uuid uuid;
    memcpy(uuid.bytes, at, sizeof uuid.bytes);
    if (big_endian)
        base_uuid_swap(&uuid);
    return uuid;
}

struct ndr_syntax_id rpc_read_syntax(const uint8_t *at, bool big_endian)
{
    struct ndr_syntax_id id = {.uuid = rpc_read_uuid(at, big_endian)};
    // One u32 with the major version in its low half (C706 12.6.3.1 p_syntax_id_t).
    uint32_t version = rpc_read_u32(at + 16, big_endian);
    id.major = (uint16_t)version;
    id.minor = (uint16_t)(version >> 16);
    return id;
}

void rpc_write_syntax(uint8_t *at, const struct ndr_syntax_id *id)
{
    memcpy(at, id->uuid.bytes, sizeof id->uuid.bytes);
    base_store_le16(at + 16, id->major);
    base_store_le16(at + 18, id->minor);
}

void rpc_write_header(uint8_t *at, enum rpc_ptype ptype, uint8_t flags, uint16_t frag_length,
                      uint32_t call_id)
{
    at[0] = 5;
    at[1] = 0;
    at[2] = (uint8_t)ptype;
    at[3] = flags;
    base_store_le32(at + 4, RPC_LITTLE_ENDIAN);
    base_store_le16(at + 8, frag_length);
    base_store_le16(at + 10, 0);
    base_store_le32(at + 12, call_id);
}

void rpc_write_fault(uint8_t *at, uint8_t flags, uint32_t call_id, uint16_t context_id,
                     uint32_t status)
{
    rpc_write_header(at, RPC_FAULT, flags, RPC_FAULT_SIZE, call_id);
    base_store_le32(at + 16, RPC_RESPONSE_HEADER_SIZE); // alloc_hint: clients want it non-zero
    base_store_le16(at + 20, context_id);
    base_store_le16(at + 22, 0);
    base_store_le32(at + 24, status);
    base_store_le32(at + 28, 0);
}

void rpc_write_bind_nak(uint8_t *at, uint32_t call_id, uint16_t reason)
{
    rpc_write_header(at, RPC_BIND_NAK, RPC_WHOLE, RPC_BIND_NAK_SIZE, call_id);
    base_store_le16(at + 16, reason);
    at[18] = 1; // one version follows: 5.0
    at[19] = 5;
    at[20] = 0;
    memset(at + 21, 0, 3);
}
