// The client half of the connection-oriented protocol: builds what a client sends, reads what a
// server answers. No sockets and no waiting: the caller moves the bytes. Any thread; one
// rpc_client per connection.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ndr/tower.h"

struct rpc_client {
    uint32_t call_id;      // of the last PDU built
    uint16_t max_transmit; // negotiated by bind_ack; 5840 before
    uint16_t max_receive;
    uint32_t group; // association group, 0 before bind_ack
};

struct rpc_client rpc_client_init(void);

// Builds a bind that offers `interface` with NDR 2.0 as context 0.
// Returns its size, or 0 when `size` is too small (72 bytes are needed).
size_t rpc_client_build_bind(struct rpc_client *client, const struct ndr_syntax_id *interface,
                             uint8_t *out, size_t size);

// Builds the request PDUs (as many fragments as the negotiated size asks for) of one call on
// context 0. Returns the bytes written, or 0 when `size` is too small.
size_t rpc_client_build_request(struct rpc_client *client, uint16_t opnum, const uint8_t *stub,
                                size_t stub_size, uint8_t *out, size_t size);

enum rpc_client_kind {
    RPC_CLIENT_BOUND,     // bind_ack, context 0 accepted
    RPC_CLIENT_REFUSED,   // bind_ack, context 0 refused: `status` = result << 16 | reason
    RPC_CLIENT_NAK,       // bind_nak: `status` = reason
    RPC_CLIENT_RESPONSE,  // a fragment of the response: stub, last
    RPC_CLIENT_FAULT,     // `status` = fault status
    RPC_CLIENT_MALFORMED, // not a PDU a server may send here
};

struct rpc_client_reply {
    enum rpc_client_kind kind;
    uint32_t status;
    uint32_t call_id;
    const uint8_t *stub; // spans into the PDU
    uint32_t stub_size;
    bool big_endian;
    bool last;
};

// Reads one whole PDU (its length from rpc_pdu_length in rpc/pdu.h).
struct rpc_client_reply rpc_client_parse(struct rpc_client *client, const uint8_t *pdu,
                                         size_t size);

// Text for people: "context refused: abstract syntax not supported", "nca_s_op_rng_error" ...
const char *rpc_status_text(uint32_t fault_status);
const char *rpc_nak_text(uint32_t reason);
const char *rpc_result_text(uint32_t result_and_reason);
