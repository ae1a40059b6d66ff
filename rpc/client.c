#include "rpc/client.h"

#include <string.h>

#include "base/bytes.h"
#include "rpc/pdu.h"

enum {
    BIND_SIZE = RPC_BIND_HEADER_SIZE + 24 + 20, // one context, one transfer syntax
    CONTEXT_RESULT_SIZE = 24,
};

struct rpc_client rpc_client_init(void)
{
    return (struct rpc_client){.max_transmit = RPC_FRAGMENT_MAX, .max_receive = RPC_FRAGMENT_MAX};
}

size_t rpc_client_build_bind(struct rpc_client *client, const struct ndr_syntax_id *interface,
                             uint8_t *out, size_t size)
{
    if (size < BIND_SIZE)
        return 0;
    memset(out, 0, BIND_SIZE);
    rpc_write_header(out, RPC_BIND, RPC_WHOLE, BIND_SIZE, ++client->call_id);
    base_store_le16(out + 16, client->max_transmit);
    base_store_le16(out + 18, client->max_receive);
    base_store_le32(out + 20, client->group);
    out[24] = 1;                  // contexts
    base_store_le16(out + 28, 0); // context id
    out[30] = 1;                  // transfer syntaxes
    rpc_write_syntax(out + 32, interface);
    rpc_write_syntax(out + 52, &ndr_syntax_id_20);
    return BIND_SIZE;
}

size_t rpc_client_build_request(struct rpc_client *client, uint16_t opnum, const uint8_t *stub,
                                size_t stub_size, uint8_t *out, size_t size)
{
    size_t chunk_max = (client->max_transmit - RPC_REQUEST_HEADER_SIZE) & ~(size_t)7;
    size_t done = 0, used = 0;
    client->call_id++;
    do {
        size_t chunk = stub_size - done < chunk_max ? stub_size - done : chunk_max;
        size_t length = RPC_REQUEST_HEADER_SIZE + chunk;
        if (size - used < length)
            return 0;
        uint8_t flags = (uint8_t)((done == 0 ? RPC_FIRST_FRAG : 0) |
                                  (done + chunk == stub_size ? RPC_LAST_FRAG : 0));
        uint8_t *at = out + used;
        rpc_write_header(at, RPC_REQUEST, flags, (uint16_t)length, client->call_id);
        base_store_le32(at + 16, (uint32_t)(stub_size - done));
        base_store_le16(at + 20, 0); // context id
        base_store_le16(at + 22, opnum);
        if (chunk > 0) // `stub` may be NULL when there is none
            memcpy(at + RPC_REQUEST_HEADER_SIZE, stub + done, chunk);
        done += chunk;
        used += length;
    } while (done < stub_size);
    return used;
}

static struct rpc_client_reply malformed(void)
{
    return (struct rpc_client_reply){.kind = RPC_CLIENT_MALFORMED};
}

// bind_ack: sizes, group, secondary address, padding, then the results (C706 12.6.4.4).
static struct rpc_client_reply parse_bind_ack(struct rpc_client *client, const uint8_t *pdu,
                                              const struct rpc_header *h)
{
    if (h->frag_length < 26)
        return malformed();
    size_t address_end = 26u + rpc_read_u16(pdu + 24, h->big_endian);
    size_t results = (address_end + 3) & ~(size_t)3;
    if (results + 4 + CONTEXT_RESULT_SIZE > h->frag_length || pdu[results] < 1)
        return malformed();
    uint16_t transmit = rpc_read_u16(pdu + 18, h->big_endian); // what the server receives
    if (transmit < RPC_REQUEST_HEADER_SIZE + 8)
        return malformed();
    uint32_t result = rpc_read_u16(pdu + results + 4, h->big_endian);
    uint32_t reason = rpc_read_u16(pdu + results + 6, h->big_endian);
    struct rpc_client_reply reply = {.kind = RPC_CLIENT_BOUND, .call_id = h->call_id};
    if (result != RPC_RESULT_ACCEPT) {
        reply.kind = RPC_CLIENT_REFUSED;
        reply.status = result << 16 | reason;
        return reply;
    }
    client->max_transmit = transmit < RPC_FRAGMENT_MAX ? transmit : RPC_FRAGMENT_MAX;
    client->max_receive = rpc_read_u16(pdu + 16, h->big_endian);
    client->group = rpc_read_u32(pdu + 20, h->big_endian);
    return reply;
}

static struct rpc_client_reply parse_response(const uint8_t *pdu, const struct rpc_header *h)
{
    size_t trailer = h->auth_length ? h->auth_length + 8u : 0;
    if (h->frag_length < RPC_RESPONSE_HEADER_SIZE + trailer)
        return malformed();
    return (struct rpc_client_reply){
        .kind = RPC_CLIENT_RESPONSE,
        .call_id = h->call_id,
        .stub = pdu + RPC_RESPONSE_HEADER_SIZE,
        .stub_size = (uint32_t)(h->frag_length - RPC_RESPONSE_HEADER_SIZE - trailer),
        .big_endian = h->big_endian,
        .last = h->flags & RPC_LAST_FRAG,
    };
}

struct rpc_client_reply rpc_client_parse(struct rpc_client *client, const uint8_t *pdu, size_t size)
{
    if (size < RPC_HEADER_SIZE)
        return malformed();
    struct rpc_header h = rpc_header_read(pdu);
    if (h.version != 5 || h.frag_length != size)
        return malformed();
    struct rpc_client_reply reply = {.call_id = h.call_id};
    switch (h.ptype) {
    case RPC_BIND_ACK:
        return parse_bind_ack(client, pdu, &h);
    case RPC_RESPONSE:
        return parse_response(pdu, &h);
    case RPC_BIND_NAK:
        if (size < RPC_HEADER_SIZE + 2)
            return malformed();
        reply.kind = RPC_CLIENT_NAK;
        reply.status = rpc_read_u16(pdu + 16, h.big_endian);
        return reply;
    case RPC_FAULT:
        if (size < RPC_RESPONSE_HEADER_SIZE + 4)
            return malformed();
        reply.kind = RPC_CLIENT_FAULT;
        reply.status = rpc_read_u32(pdu + 24, h.big_endian);
        return reply;
    default:
        return malformed();
    }
}
