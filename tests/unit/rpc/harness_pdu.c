// The harness's PDUs: what a peer sends, in either byte order, and what it makes of the answers.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "harness.h"

const struct ndr_syntax_id epmapper_id = {
    BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa), 3, 0};
const struct ndr_syntax_id mgmt_id = {
    BASE_UUID(0xafa8bd80, 0x7d8a, 0x11c9, 0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89), 1, 0};
const struct ndr_syntax_id echo_id = {
    BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50, 0x56, 0xa2, 0x01, 0x82), 1, 0};
const struct ndr_syntax_id unknown_id = {
    BASE_UUID(0xdeadbeef, 0x0001, 0x0002, 1, 2, 3, 4, 5, 6, 7, 8), 1, 0};

// ---- to send

void put_u8(struct octets *o, uint8_t v)
{
    put_bytes(o, &v, 1);
}

void put_u16(struct octets *o, uint16_t v)
{
    uint16_t wire = o->big_endian ? __builtin_bswap16(v) : v;
    put_bytes(o, &wire, 2);
}

void put_u32(struct octets *o, uint32_t v)
{
    uint32_t wire = o->big_endian ? __builtin_bswap32(v) : v;
    put_bytes(o, &wire, 4);
}

void put_bytes(struct octets *o, const void *bytes, uint32_t size)
{
    assert_true(size <= sizeof o->bytes - o->size);
    if (size)
        memcpy(o->bytes + o->size, bytes, size);
    o->size += size;
}

void put_syntax(struct octets *o, const struct ndr_syntax_id *id)
{
    struct base_uuid uuid = id->uuid;
    if (o->big_endian)
        base_uuid_swap(&uuid);
    put_bytes(o, uuid.bytes, sizeof uuid.bytes);
    put_u32(o, id->major | (uint32_t)id->minor << 16);
}

void put_hex(struct octets *o, const char *hex)
{
    for (; *hex; hex++) {
        if (isspace((unsigned char)*hex))
            continue;
        const char digits[3] = {hex[0], hex[1], '\0'};
        put_u8(o, (uint8_t)strtoul(digits, NULL, 16));
        hex++;
    }
}

void put_header(struct octets *o, uint8_t ptype, uint8_t flags, uint16_t length, uint32_t call_id)
{
    const uint8_t start[] = {5, 0, ptype, flags, o->big_endian ? 0x00 : 0x10, 0, 0, 0};
    put_bytes(o, start, sizeof start);
    put_u16(o, length);
    put_u16(o, 0);
    put_u32(o, call_id);
}

static void set_u16(struct octets *o, uint32_t at, uint16_t v)
{
    uint16_t wire = o->big_endian ? __builtin_bswap16(v) : v;
    memcpy(o->bytes + at, &wire, sizeof wire);
}

void set_length(struct octets *o, uint32_t at, uint16_t length)
{
    set_u16(o, at + 8, length);
}

void set_auth_length(struct octets *o, uint32_t at, uint16_t length)
{
    set_u16(o, at + 10, length);
}

struct offer plain_offer(uint16_t id, const struct ndr_syntax_id *abstract)
{
    return (struct offer){
        .id = id, .abstract = abstract, .transfers = 1, .transfer = {&ndr_syntax_id_20}};
}

struct bind plain_bind(void)
{
    return (struct bind){
        .ptype = RPC_BIND,
        .flags = RPC_WHOLE,
        .max_transmit = 5840,
        .max_receive = 5840,
        .call_id = 1,
        .offers = 1,
        .offer = {plain_offer(0, &epmapper_id)},
    };
}

void put_bind(struct octets *o, const struct bind *bind)
{
    uint32_t start = o->size;
    put_header(o, bind->ptype, bind->flags, 0, bind->call_id);
    put_u16(o, bind->max_transmit);
    put_u16(o, bind->max_receive);
    put_u32(o, bind->group);
    put_u8(o, (uint8_t)bind->offers);
    put_bytes(o, "\0\0", 3);
    for (unsigned i = 0; i < bind->offers; i++) {
        const struct offer *offer = &bind->offer[i];
        put_u16(o, offer->id);
        put_u8(o, (uint8_t)offer->transfers);
        put_u8(o, 0);
        put_syntax(o, offer->abstract);
        for (unsigned t = 0; t < offer->transfers; t++)
            put_syntax(o, offer->transfer[t]);
    }
    set_length(o, start, (uint16_t)(o->size - start));
}

void put_request(struct octets *o, const struct request *request)
{
    put_header(o, RPC_REQUEST, request->flags,
               (uint16_t)(RPC_REQUEST_HEADER_SIZE + request->stub_size), request->call_id);
    put_u32(o, request->alloc_hint);
    put_u16(o, request->context_id);
    put_u16(o, request->opnum);
    put_bytes(o, request->stub, request->stub_size);
}

void conn_talk(struct conn *conn, const struct octets *o)
{
    conn_send(conn, o->bytes, o->size);
    conn_serve(conn);
}

void conn_request(struct conn *conn, const struct request *request)
{
    struct octets o = {0};
    put_request(&o, request);
    conn_talk(conn, &o);
}

// ---- answers

static void read_body(struct answer *a)
{
    const uint8_t *at = a->bytes;
    if (a->ptype != RPC_RESPONSE && a->ptype != RPC_FAULT)
        return;
    assert_true(a->size >= RPC_RESPONSE_HEADER_SIZE);
    a->alloc_hint = base_load_le32(at + 16);
    a->context_id = base_load_le16(at + 20);
    assert_int_equal(base_load_le16(at + 22), 0); // cancel count, reserved
    a->stub = at + RPC_RESPONSE_HEADER_SIZE;
    a->stub_size = a->size - RPC_RESPONSE_HEADER_SIZE;
    if (a->ptype == RPC_FAULT) {
        assert_int_equal(a->size, RPC_FAULT_SIZE);
        assert_int_not_equal(a->alloc_hint, 0);
        a->status = base_load_le32(at + 24);
        assert_int_equal(base_load_le32(at + 28), 0);
    }
}

struct answer conn_answer(struct conn *conn)
{
    const uint8_t *at = conn->out + conn->out_taken;
    uint32_t have = conn->out_size - conn->out_taken;
    assert_true(have >= RPC_HEADER_SIZE);
    struct answer a = {
        .bytes = at,
        .size = base_load_le16(at + 8),
        .ptype = at[2],
        .flags = at[3],
        .call_id = base_load_le32(at + 12),
    };
    static const uint8_t version[] = {5, 0}, little_endian[] = {0x10, 0, 0, 0};
    assert_memory_equal(at, version, sizeof version);
    assert_memory_equal(at + 4, little_endian, sizeof little_endian);
    assert_int_equal(base_load_le16(at + 10), 0);
    assert_true(a.size >= RPC_HEADER_SIZE && a.size <= have);
    read_body(&a);
    conn->out_taken += a.size;
    return a;
}

void assert_no_answer(struct conn *conn)
{
    assert_int_equal(conn->out_taken, conn->out_size);
}

struct answer assert_response(struct conn *conn, uint32_t call_id)
{
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, RPC_RESPONSE);
    assert_int_equal(a.flags, RPC_WHOLE);
    assert_int_equal(a.call_id, call_id);
    assert_int_equal(a.alloc_hint, a.stub_size);
    return a;
}

void assert_fault(struct conn *conn, uint32_t status, uint8_t flags, uint32_t call_id,
                  uint16_t context_id)
{
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, RPC_FAULT);
    assert_int_equal(a.status, status);
    assert_int_equal(a.flags, flags);
    assert_int_equal(a.call_id, call_id);
    assert_int_equal(a.context_id, context_id);
}

void assert_nak(struct conn *conn, uint16_t reason)
{
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, RPC_BIND_NAK);
    assert_int_equal(a.flags, RPC_WHOLE);
    assert_int_equal(a.size, 24);
    assert_int_equal(base_load_le16(a.bytes + 16), reason);
    static const uint8_t versions[] = {1, 5, 0, 0, 0, 0};
    assert_memory_equal(a.bytes + 18, versions, sizeof versions);
}

void assert_closed(struct conn *conn)
{
    assert_no_answer(conn);
    assert_true(conn->closed);
    assert_false(conn->aborted);
    assert_int_equal(conn_offer(conn, 0).result, RPC_CUT_CLOSED);
}

void assert_open(struct conn *conn)
{
    assert_no_answer(conn);
    assert_false(conn->closed);
    assert_false(conn->aborted);
}

void assert_alive(struct conn *conn)
{
    assert_open(conn);
    conn_request(conn, &(struct request){
                           .flags = RPC_WHOLE, .call_id = 0x5eed, .opnum = NDR_EPM_INQ_OBJECT});
    assert_response(conn, 0x5eed);
    assert_open(conn);
}
