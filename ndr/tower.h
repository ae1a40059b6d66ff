// Protocol towers: how an endpoint is written in the endpoint mapper (C706 appendix L and I).
// Octets are little-endian inside, whatever the PDU's drep; ports and IPv4 addresses are in
// network order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "ndr/ndr.h"

enum {
    NDR_TOWER_MAX = 2000,    // [MS-RPCE] range of tower_length
    NDR_TOWER_FLOOR_MAX = 6, // more is refused
};

// An interface or transfer-syntax identifier: UUID and version.
struct ndr_syntax_id {
    struct base_uuid uuid;
    uint16_t major;
    uint16_t minor;
};

// Protocol identifiers of floors 3 and up (C706 appendix I).
enum ndr_protocol {
    NDR_PROTOCOL_TCP = 0x07,
    NDR_PROTOCOL_UDP = 0x08,
    NDR_PROTOCOL_IP = 0x09,
    NDR_PROTOCOL_NCADG = 0x0a,
    NDR_PROTOCOL_NCACN = 0x0b,
    NDR_PROTOCOL_NCALRPC = 0x0c,
    NDR_PROTOCOL_UUID = 0x0d,
    NDR_PROTOCOL_NAMED_PIPE = 0x0f,
    NDR_PROTOCOL_LOCAL_PIPE = 0x10,
    NDR_PROTOCOL_NETBIOS = 0x11,
    NDR_PROTOCOL_HTTP = 0x1f,
    NDR_PROTOCOL_UNIX = 0x20,
};

enum ndr_protseq {
    NDR_PROTSEQ_UNKNOWN, // kept and matched by its floors' identifiers
    NDR_PROTSEQ_NCACN_IP_TCP,
    NDR_PROTSEQ_NCADG_IP_UDP,
    NDR_PROTSEQ_NCACN_NP,
    NDR_PROTSEQ_NCACN_HTTP,
    NDR_PROTSEQ_NCALRPC,
    NDR_PROTSEQ_NCACN_UNIX_STREAM,
    NDR_PROTSEQ_NCADG_UNIX_DGRAM,
    NDR_PROTSEQ_COUNT
};

// One floor: spans into the tower's octets.
struct ndr_floor {
    const uint8_t *lhs; // protocol identifier, then its data
    const uint8_t *rhs; // endpoint, address or minor version; may be empty
    uint16_t lhs_size;  // at least 1
    uint16_t rhs_size;
};

// A tower taken apart. Spans point into the octets that were parsed.
struct ndr_tower {
    struct ndr_syntax_id interface; // floor 1
    struct ndr_syntax_id transfer;  // floor 2
    enum ndr_protseq protseq;
    // Identifiers of floors 3 and up, one byte each from the low byte, and their count in the top
    // byte: equal values are the same protocol sequence, also for sequences we have no name for.
    uint64_t protseq_key;
    unsigned floors;
    struct ndr_floor floor[NDR_TOWER_FLOOR_MAX];
};

// Named reasons for a malformed tower.
#define NDR_TOWER_REASONS(X)                                                                       \
    X(NDR_TOWER_OK, "well formed")                                                                 \
    X(NDR_TOWER_SHORT, "a length points past the end of the tower")                                \
    X(NDR_TOWER_TOO_LONG, "longer than 2000 octets")                                               \
    X(NDR_TOWER_FEW_FLOORS, "fewer than three floors")                                             \
    X(NDR_TOWER_MANY_FLOORS, "more than six floors")                                               \
    X(NDR_TOWER_BAD_UUID_FLOOR, "floor 1 or 2 is not a UUID and version")                          \
    X(NDR_TOWER_EMPTY_LHS, "a floor without a protocol identifier")

#define NDR_TOWER_REASON_ENUM(id, text) id,
enum ndr_tower_reason { NDR_TOWER_REASONS(NDR_TOWER_REASON_ENUM) NDR_TOWER_REASON_COUNT };

// The text of a reason. Any thread.
const char *ndr_tower_reason_text(enum ndr_tower_reason reason);

// Takes `size` octets apart. Generous: an empty right side of floor 3 or a host name where an
// address belongs is read as it is; octets after the last floor are ignored. Any thread.
// Returns NDR_TOWER_OK and fills *ret_tower, or the reason and leaves it untouched.
enum ndr_tower_reason ndr_tower_parse(const uint8_t *octets, size_t size,
                                      struct ndr_tower *ret_tower);

// A string binding: "ncacn_ip_tcp:10.135.0.2[49153]", "ncacn_np:HOST[\pipe\name]",
// "ncalrpc:[name]" (C706 3.1 string bindings, without the object part).
struct ndr_binding {
    enum ndr_protseq protseq;
    char host[256];     // empty when the sequence has none or it was left out
    char endpoint[256]; // port number in decimal, or name
};

// Reads the text form at `text`. Checks that the protocol sequence is known, that a port is 1 to
// 65535, and that an address of an IP sequence is dotted IPv4 (a tower cannot carry another).
// Returns NULL and fills *ret_binding, or a message that says what was found and what was expected
// (static storage; *ret_binding untouched). Any thread.
const char *ndr_binding_parse(const char *text, struct ndr_binding *ret_binding);

// Writes the tower of `interface` served with `transfer` at `binding` into `octets`.
// Returns the octets used, or 0 when `size` is too small. Any thread.
size_t ndr_tower_build(const struct ndr_syntax_id *interface, const struct ndr_syntax_id *transfer,
                       const struct ndr_binding *binding, uint8_t *octets, size_t size);

// Writes a tower's binding as text, for people: the string binding, or "protocol NN.NN.NN[hex]"
// for a sequence we have no name for. Unprintable characters are shown as '?'.
// Always terminates `text`; returns it. Any thread.
char *ndr_tower_format_binding(const struct ndr_tower *tower, char *text, size_t size);

// "ncacn_ip_tcp" and so on; "unknown" for the rest. Any thread.
const char *ndr_protseq_name(enum ndr_protseq protseq);
enum ndr_protseq ndr_protseq_from_name(const char *name, size_t length);

// Reads "MAJOR.MINOR", each 0 to 65535 in decimal, into the version of *ret_id; its UUID is left
// alone. False, and nothing written, for any other text. Any thread.
bool ndr_version_parse(const char *text, struct ndr_syntax_id *ret_id);

// The two transfer syntaxes (C706 appendix I; [MS-RPCE] 3.3.1.5.x), and ndr_syntax of an id:
// returns false when it is neither.
extern const struct ndr_syntax_id ndr_syntax_id_20;
extern const struct ndr_syntax_id ndr_syntax_id_64;
bool ndr_syntax_from_id(const struct ndr_syntax_id *id, enum ndr_syntax *ret_syntax);
bool ndr_syntax_id_equal(const struct ndr_syntax_id *a, const struct ndr_syntax_id *b);
