// NDR: the data representation of DCE/RPC stubs (C706 chapter 14; NDR64: [MS-RPCE] 2.2.5).
// Cursors that align, swap and never leave the bytes they were given. Errors stick: after the
// first one every read gives zero and every write is dropped, so a decoder checks once, at the end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

enum ndr_syntax { NDR_SYNTAX_20, NDR_SYNTAX_64 };

// The stub of one call as it came: `size` bytes at `data`, which stay the caller's.
struct ndr_stub {
    const uint8_t *data;
    uint32_t size;
    bool big_endian; // from the PDU's drep; NDR64 is always little-endian
    enum ndr_syntax syntax;
};

struct ndr_reader {
    const uint8_t *start; // alignment counts from here
    const uint8_t *at;
    const uint8_t *end;
    bool big_endian;
    bool failed;
    enum ndr_syntax syntax;
};

struct ndr_writer {
    uint8_t *start; // alignment counts from here
    uint8_t *at;
    uint8_t *end;
    bool big_endian;
    bool failed; // ran out of room: what was written is a torso
    enum ndr_syntax syntax;
};

// A 20-byte context handle: attributes and UUID (C706 14.3.x ndr_context_handle;
// [MS-RPCE] 2.2.4.14).
struct ndr_context_handle {
    uint32_t attributes;
    struct base_uuid uuid; // nil uuid = null handle
};

struct ndr_reader ndr_reader_init(const struct ndr_stub *stub);

// Every ndr_read_*: aligns to the size of the primitive relative to the start, reads, advances.
uint8_t ndr_read_u8(struct ndr_reader *r);
uint16_t ndr_read_u16(struct ndr_reader *r);
uint32_t ndr_read_u32(struct ndr_reader *r);
uint64_t ndr_read_u64(struct ndr_reader *r);

// A referent id, max_count, offset or actual count: u32 in NDR 2.0, u64 in NDR64. Values that do
// not fit 32 bits fail for counts (ndr_read_count) and are folded to their low 32 bits for
// pointers, never to zero (ndr_read_pointer): only "NULL or not" and equality matter there.
uint32_t ndr_read_count(struct ndr_reader *r);
uint32_t ndr_read_pointer(struct ndr_reader *r);

// A UUID (aligned to 4). `ret_uuid` is zeroed on failure.
void ndr_read_uuid(struct ndr_reader *r, struct base_uuid *ret_uuid);
void ndr_read_handle(struct ndr_reader *r, struct ndr_context_handle *ret_handle);

// `size` raw bytes, not aligned; NULL on failure. The bytes stay the stub's.
const uint8_t *ndr_read_bytes(struct ndr_reader *r, uint32_t size);

// Skips to a multiple of `alignment` (a power of two, at most 8) from the start.
void ndr_read_align(struct ndr_reader *r, unsigned alignment);

// A writer into `size` bytes at `buffer`. Pad bytes are written as zero.
struct ndr_writer ndr_writer_init(uint8_t *buffer, size_t size, enum ndr_syntax syntax,
                                  bool big_endian);
void ndr_write_u8(struct ndr_writer *w, uint8_t v);
void ndr_write_u16(struct ndr_writer *w, uint16_t v);
void ndr_write_u32(struct ndr_writer *w, uint32_t v);
void ndr_write_u64(struct ndr_writer *w, uint64_t v);
void ndr_write_count(struct ndr_writer *w, uint32_t v);
void ndr_write_pointer(struct ndr_writer *w, uint32_t referent);
void ndr_write_uuid(struct ndr_writer *w, const struct base_uuid *uuid);
void ndr_write_handle(struct ndr_writer *w, const struct ndr_context_handle *handle);
void ndr_write_bytes(struct ndr_writer *w, const void *bytes, size_t size);
void ndr_write_align(struct ndr_writer *w, unsigned alignment);

// Bytes written so far.
static inline size_t ndr_writer_size(const struct ndr_writer *w)
{
    return (size_t)(w->at - w->start);
}
