#include "load/bind.h"

#include <string.h>

#include "rpc/pdu.h"

enum {
    ADDRESS_AT = 24, // of an acknowledgement
    RESULT_SIZE = 24,
};

int load_context_find(struct load_context *contexts, unsigned *count,
                      const struct load_context *context)
{
    for (unsigned i = 0; i < *count; i++) {
        if (ndr_syntax_id_equal(&contexts[i].interface, &context->interface) &&
            ndr_syntax_id_equal(&contexts[i].transfer, &context->transfer))
            return (int)i;
    }
    if (*count == LOAD_CONTEXTS_MAX)
        return -1;
    contexts[*count] = *context;
    return (int)(*count)++;
}

void load_bind_write(const struct load_context *context, uint16_t id, uint32_t call_id, uint8_t *to)
{
    memset(to, 0, LOAD_BIND_SIZE);
    rpc_write_header(to, id == 0 ? RPC_BIND : RPC_ALTER_CONTEXT, RPC_WHOLE, LOAD_BIND_SIZE,
                     call_id);
    base_store_le16(to + 16, RPC_FRAGMENT_MAX);
    base_store_le16(to + 18, RPC_FRAGMENT_MAX);
    to[24] = 1; // contexts
    base_store_le16(to + 28, id);
    to[30] = 1; // transfer syntaxes
    rpc_write_syntax(to + 32, &context->interface);
    rpc_write_syntax(to + 52, &context->transfer);
}

bool load_bind_accepted(const uint8_t *pdu, uint32_t size, uint16_t id)
{
    if (size < ADDRESS_AT + 2)
        return false;
    struct rpc_header header = rpc_header_read(pdu);
    if (header.version != 5 || header.frag_length != size ||
        header.ptype != (id == 0 ? RPC_BIND_ACK : RPC_ALTER_CONTEXT_RESP))
        return false;
    // The list of results is aligned to four octets behind the secondary address.
    uint32_t at = ADDRESS_AT + 2u + rpc_read_u16(pdu + ADDRESS_AT, header.big_endian);
    at = (at + 3) / 4 * 4;
    return size >= at + 4 + RESULT_SIZE && pdu[at] == 1 &&
           rpc_read_u16(pdu + at + 4, header.big_endian) == RPC_RESULT_ACCEPT;
}
