// Connection-oriented PDUs (C706 chapter 12; [MS-RPCE] 2.2.2): constants, the common header, and
// builders for the PDUs a server sends. Pure functions over bytes. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sum.h"
#include "ndr/tower.h"

enum rpc_ptype {
    RPC_REQUEST = 0,
    RPC_RESPONSE = 2,
    RPC_FAULT = 3,
    RPC_BIND = 11,
    RPC_BIND_ACK = 12,
    RPC_BIND_NAK = 13,
    RPC_ALTER_CONTEXT = 14,
    RPC_ALTER_CONTEXT_RESP = 15,
    RPC_AUTH3 = 16,
    RPC_SHUTDOWN = 17,
    RPC_CO_CANCEL = 18,
    RPC_ORPHANED = 19,
    RPC_RTS = 20,
    RPC_PTYPE_COUNT
};

enum { // pfc_flags
    RPC_FIRST_FRAG = 0x01,
    RPC_LAST_FRAG = 0x02,
    RPC_WHOLE = RPC_FIRST_FRAG | RPC_LAST_FRAG,
    RPC_HEADER_SIGN = 0x04,    // in bind, alter_context and their answers
    RPC_PENDING_CANCEL = 0x04, // in the others
    RPC_CONC_MPX = 0x10,
    RPC_DID_NOT_EXECUTE = 0x20,
    RPC_MAYBE = 0x40,
    RPC_OBJECT_UUID = 0x80,
};

enum {
    RPC_HEADER_SIZE = 16,
    RPC_REQUEST_HEADER_SIZE = 24,
    RPC_RESPONSE_HEADER_SIZE = 24,
    RPC_FAULT_SIZE = 32,
    RPC_BIND_NAK_SIZE = 24,
    RPC_BIND_HEADER_SIZE = 28,
    RPC_LENGTH_PREFIX = 10,   // bytes that tell how long a PDU is
    RPC_FRAGMENT_MAX = 5840,  // largest request taken and largest size negotiated
    RPC_FRAGMENT_MIN = 2048,  // smallest size negotiated
    RPC_LITTLE_ENDIAN = 0x10, // the data representation of what a server sends, as a u32
};

enum { // fault status
    RPC_FAULT_ACCESS_DENIED = 0x00000005,
    RPC_FAULT_NO_CALL_ACTIVE = 0x000006bd,
    RPC_FAULT_BAD_STUB_DATA = 0x000006f7,
    RPC_FAULT_INVALID_TAG = 0x1c000006,
    RPC_FAULT_CONTEXT_MISMATCH = 0x1c00001a,
    RPC_FAULT_OP_RANGE = 0x1c010002,
    RPC_FAULT_UNKNOWN_INTERFACE = 0x1c010003,
    RPC_FAULT_PROTOCOL_ERROR = 0x1c01000b,
    RPC_FAULT_OUT_ARGS_TOO_BIG = 0x1c010013,
    RPC_FAULT_SERVER_TOO_BUSY = 0x1c010014,
};

enum { // bind_nak reasons
    RPC_NAK_NOT_SPECIFIED = 0,
    RPC_NAK_LOCAL_LIMIT = 2,
    RPC_NAK_PROTOCOL_VERSION = 4,
    RPC_NAK_AUTH_TYPE = 8,
};

enum { // presentation context results and reasons
    RPC_RESULT_ACCEPT = 0,
    RPC_RESULT_PROVIDER_REJECTION = 2,
    RPC_RESULT_NEGOTIATE_ACK = 3,
    RPC_REASON_NOT_SPECIFIED = 0,
    RPC_REASON_ABSTRACT_SYNTAX = 1,
    RPC_REASON_TRANSFER_SYNTAXES = 2,
    RPC_REASON_LOCAL_LIMIT = 3,
};

// The common header, decoded.
struct rpc_header {
    uint8_t version;
    uint8_t version_minor;
    uint8_t ptype;
    uint8_t flags;
    uint8_t drep[4];
    uint16_t frag_length;
    uint16_t auth_length;
    uint32_t call_id;
    bool big_endian;
};

// Integers of a PDU in its own byte order.
static inline uint16_t rpc_read_u16(const uint8_t *at, bool big_endian)
{
    return big_endian ? base_load_be16(at) : base_load_le16(at);
}

static inline uint32_t rpc_read_u32(const uint8_t *at, bool big_endian)
{
    return big_endian ? base_load_be32(at) : base_load_le32(at);
}

// How long the PDU is that begins at `bytes`, of which `have` are there.
// Returns the length (16 to 65535), 0 when more bytes are needed to tell, or -1 when frag_length is
// less than a header.
static inline int rpc_pdu_length(const uint8_t *bytes, size_t have)
{
    if (have < RPC_LENGTH_PREFIX)
        return 0;
    // C706 12.6.3.1: the first eight octets have no byte order; octet 4 gives that of the rest.
    uint16_t length = rpc_read_u16(bytes + 8, !(bytes[4] & 0xf0));
    return length < RPC_HEADER_SIZE ? -1 : length;
}

// Decodes the header of a PDU of at least RPC_HEADER_SIZE bytes.
static inline struct rpc_header rpc_header_read(const uint8_t *pdu)
{
    struct rpc_header header = {
        .version = pdu[0],
        .version_minor = pdu[1],
        .ptype = pdu[2],
        .flags = pdu[3],
        .big_endian = !(pdu[4] & 0xf0),
    };
    memcpy(header.drep, pdu + 4, sizeof header.drep);
    header.frag_length = rpc_read_u16(pdu + 8, header.big_endian);
    header.auth_length = rpc_read_u16(pdu + 10, header.big_endian);
    header.call_id = rpc_read_u32(pdu + 12, header.big_endian);
    return header;
}

// Read UUIDs and syntax ids of a PDU in its own byte order.
struct base_uuid rpc_read_uuid(const uint8_t *at, bool big_endian);       // 16 bytes
struct ndr_syntax_id rpc_read_syntax(const uint8_t *at, bool big_endian); // 20 bytes

// Builders. All write little-endian PDUs.
void rpc_write_header(uint8_t *at, enum rpc_ptype ptype, uint8_t flags, uint16_t frag_length,
                      uint32_t call_id);
void rpc_write_syntax(uint8_t *at, const struct ndr_syntax_id *id); // 20 bytes
// The 24 bytes in front of a response stub; `remaining` is this fragment's stub and what follows
// it. Returns what they sum up to, not folded (base/sum.h).
static inline uint64_t rpc_write_response_header(uint8_t *at, uint8_t flags, uint16_t frag_length,
                                                 uint32_t call_id, uint32_t remaining,
                                                 uint16_t context_id)
{
    uint64_t first = UINT64_C(5) | (uint64_t)RPC_RESPONSE << 16 | (uint64_t)flags << 24 |
                     (uint64_t)RPC_LITTLE_ENDIAN << 32;
    uint64_t second = frag_length | (uint64_t)call_id << 32;
    // Windows answers with the low octet of the context id only, and clients have come to expect
    // it.
    uint64_t third = remaining | (uint64_t)(context_id & 0xff) << 32;
    base_store_le64(at, first);
    base_store_le64(at + 8, second);
    base_store_le64(at + 16, third);
    return base_sum_halves(first) + base_sum_halves(second) + base_sum_halves(third);
}
// RPC_FAULT_SIZE bytes.
void rpc_write_fault(uint8_t *at, uint8_t flags, uint32_t call_id, uint16_t context_id,
                     uint32_t status);
// RPC_BIND_NAK_SIZE bytes.
void rpc_write_bind_nak(uint8_t *at, uint32_t call_id, uint16_t reason);
