#include "ndr/ndr.h"

#include "base/bytes.h"

// Octets to skip so that `offset` becomes a multiple of `alignment`, a power of two.
static size_t pad_after(size_t offset, unsigned alignment)
{
    return -offset & (alignment - 1);
}

// NULL and a sticking failure when the padding and the octets are not all there. Nothing is
// compared as a pointer past the end: the remaining size decides.
static const uint8_t *take(struct ndr_reader *r, unsigned alignment, size_t size)
{
    size_t left = (size_t)(r->end - r->at);
    size_t pad = pad_after((size_t)(r->at - r->start), alignment);
    if (r->failed || left < pad || left - pad < size) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *found = r->at + pad;
    r->at = found + size;
    return found;
}

struct ndr_reader ndr_reader_init(const struct ndr_stub *stub)
{
    return (struct ndr_reader){
        .start = stub->data,
        .at = stub->data,
        .end = stub->data + stub->size,
        .big_endian = stub->big_endian && stub->syntax == NDR_SYNTAX_20,
        .syntax = stub->syntax,
    };
}

uint8_t ndr_read_u8(struct ndr_reader *r)
{
    const uint8_t *p = take(r, 1, 1);
    return p == NULL ? 0 : *p;
}

uint16_t ndr_read_u16(struct ndr_reader *r)
{
    const uint8_t *p = take(r, 2, 2);
    if (p == NULL)
        return 0;
    return r->big_endian ? base_load_be16(p) : base_load_le16(p);
}

uint32_t ndr_read_u32(struct ndr_reader *r)
{
    const uint8_t *p = take(r, 4, 4);
    if (p == NULL)
        return 0;
    return r->big_endian ? base_load_be32(p) : base_load_le32(p);
}

uint64_t ndr_read_u64(struct ndr_reader *r)
{
    const uint8_t *p = take(r, 8, 8);
    if (p == NULL)
        return 0;
    uint64_t v = base_load_le64(p);
    return r->big_endian ? __builtin_bswap64(v) : v;
}

uint32_t ndr_read_count(struct ndr_reader *r)
{
    if (r->syntax == NDR_SYNTAX_20)
        return ndr_read_u32(r);
    uint64_t v = ndr_read_u64(r);
    if (v > UINT32_MAX) {
        r->failed = true;
        return 0;
    }
    return (uint32_t)v;
}

uint32_t ndr_read_pointer(struct ndr_reader *r)
{
    if (r->syntax == NDR_SYNTAX_20)
        return ndr_read_u32(r);
    uint64_t v = ndr_read_u64(r);
    return (uint32_t)v != 0 ? (uint32_t)v : (uint32_t)(v >> 32);
}

void ndr_read_uuid(struct ndr_reader *r, struct base_uuid *ret_uuid)
{
    const uint8_t *p = take(r, 4, sizeof ret_uuid->bytes);
    if (p == NULL) {
        *ret_uuid = (struct base_uuid){0};
        return;
    }
    memcpy(ret_uuid->bytes, p, sizeof ret_uuid->bytes);
    if (r->big_endian)
        base_uuid_swap(ret_uuid);
}

void ndr_read_handle(struct ndr_reader *r, struct ndr_context_handle *ret_handle)
{
    ret_handle->attributes = ndr_read_u32(r);
    ndr_read_uuid(r, &ret_handle->uuid);
}

const uint8_t *ndr_read_bytes(struct ndr_reader *r, uint32_t size)
{
    return take(r, 1, size);
}

void ndr_read_align(struct ndr_reader *r, unsigned alignment)
{
    take(r, alignment, 0);
}

struct ndr_writer ndr_writer_init(uint8_t *buffer, size_t size, enum ndr_syntax syntax,
                                  bool big_endian)
{
    return (struct ndr_writer){
        .start = buffer,
        .at = buffer,
        .end = buffer + size,
        .big_endian = big_endian && syntax == NDR_SYNTAX_20,
        .syntax = syntax,
    };
}

static uint8_t *claim(struct ndr_writer *w, unsigned alignment, size_t size)
{
    size_t left = (size_t)(w->end - w->at);
    size_t pad = pad_after((size_t)(w->at - w->start), alignment);
    if (w->failed || left < pad || left - pad < size) {
        w->failed = true;
        return NULL;
    }
    memset(w->at, 0, pad);
    uint8_t *claimed = w->at + pad;
    w->at = claimed + size;
    return claimed;
}

void ndr_write_u8(struct ndr_writer *w, uint8_t v)
{
    uint8_t *p = claim(w, 1, 1);
    if (p != NULL)
        *p = v;
}

void ndr_write_u16(struct ndr_writer *w, uint16_t v)
{
    uint8_t *p = claim(w, 2, 2);
    if (p != NULL)
        base_store_le16(p, w->big_endian ? __builtin_bswap16(v) : v);
}

void ndr_write_u32(struct ndr_writer *w, uint32_t v)
{
    uint8_t *p = claim(w, 4, 4);
    if (p != NULL)
        base_store_le32(p, w->big_endian ? __builtin_bswap32(v) : v);
}

void ndr_write_u64(struct ndr_writer *w, uint64_t v)
{
    uint8_t *p = claim(w, 8, 8);
    if (p != NULL)
        base_store_le64(p, w->big_endian ? __builtin_bswap64(v) : v);
}

void ndr_write_count(struct ndr_writer *w, uint32_t v)
{
    if (w->syntax == NDR_SYNTAX_20)
        ndr_write_u32(w, v);
    else
        ndr_write_u64(w, v);
}

void ndr_write_pointer(struct ndr_writer *w, uint32_t referent)
{
    ndr_write_count(w, referent);
}

void ndr_write_uuid(struct ndr_writer *w, const struct base_uuid *uuid)
{
    uint8_t *p = claim(w, 4, sizeof uuid->bytes);
    if (p == NULL)
        return;
    struct base_uuid copy = *uuid;
    if (w->big_endian)
        base_uuid_swap(&copy);
    memcpy(p, copy.bytes, sizeof copy.bytes);
}

void ndr_write_handle(struct ndr_writer *w, const struct ndr_context_handle *handle)
{
    ndr_write_u32(w, handle->attributes);
    ndr_write_uuid(w, &handle->uuid);
}

void ndr_write_bytes(struct ndr_writer *w, const void *bytes, size_t size)
{
    uint8_t *p = claim(w, 1, size);
    if (p != NULL && size != 0)
        memcpy(p, bytes, size);
}

void ndr_write_align(struct ndr_writer *w, unsigned alignment)
{
    claim(w, alignment, 0);
}
