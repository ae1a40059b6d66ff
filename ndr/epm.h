// The stubs of the endpoint mapper, e1af8308-5d1f-11c9-91a4-08002b14a0fa 3.0 (C706 appendix O;
// [MS-RPCE] 2.2.1.2): decoders for what a server receives, encoders for what it answers, and
// the other halves for a client. Decoders leave spans into the stub, which must outlive them.
// All functions: any thread, no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"
#include "ndr/tower.h"

enum {
    NDR_EPM_INSERT = 0,
    NDR_EPM_DELETE = 1,
    NDR_EPM_LOOKUP = 2,
    NDR_EPM_MAP = 3,
    NDR_EPM_LOOKUP_HANDLE_FREE = 4,
    NDR_EPM_INQ_OBJECT = 5,
    NDR_EPM_MGMT_DELETE = 6,
    NDR_EPM_OPERATION_COUNT = 7,

    NDR_EPM_ENTRIES_MAX = 500,   // [range] of num_ents, max_ents and max_towers
    NDR_EPM_ANNOTATION_MAX = 64, // with its NUL
};

enum {
    NDR_EPM_STATUS_OK = 0,
    NDR_EPM_STATUS_CANT_PERFORM_OP = 0x16c9a0cd,
    NDR_EPM_STATUS_NO_MEMORY = 0x16c9a0ce,
    NDR_EPM_STATUS_INVALID_ENTRY = 0x16c9a0d3,
    NDR_EPM_STATUS_UPDATE_FAILED = 0x16c9a0d4,
    NDR_EPM_STATUS_INVALID_CONTEXT = 0x16c9a0d5,
    NDR_EPM_STATUS_NOT_REGISTERED = 0x16c9a0d6,
    NDR_EPM_STATUS_SERVER_UNAVAILABLE = 0x16c9a0d7,
    NDR_EPM_STATUS_INVALID_INQUIRY_TYPE = 0x16c9a0a9,
    NDR_EPM_STATUS_INVALID_VERS_OPTION = 0x16c9a0bd,
};

// A name for an ept_* status, or NULL.
const char *ndr_epm_status_name(uint32_t status);

enum ndr_epm_inquiry {
    NDR_EPM_INQUIRY_ALL = 0,
    NDR_EPM_INQUIRY_BY_INTERFACE = 1,
    NDR_EPM_INQUIRY_BY_OBJECT = 2,
    NDR_EPM_INQUIRY_BY_BOTH = 3,
};

// C706 numbering; 0 on the wire is Samba's "all".
enum ndr_epm_version_option {
    NDR_EPM_VERSIONS_ALL = 1,
    NDR_EPM_VERSIONS_COMPATIBLE = 2,
    NDR_EPM_VERSIONS_EXACT = 3,
    NDR_EPM_VERSIONS_MAJOR_ONLY = 4,
    NDR_EPM_VERSIONS_UPTO = 5,
};

struct ndr_epm_lookup {
    uint32_t inquiry_type; // as received: may be out of range
    uint32_t vers_option;  // as received
    bool has_object;
    bool has_interface;
    struct base_uuid object;        // nil when absent
    struct ndr_syntax_id interface; // zero when absent
    struct ndr_context_handle handle;
    uint32_t max_ents;
    uint32_t highest_referent; // the reply's referent ids continue from here (C706 14.3.11)
};

struct ndr_epm_map {
    bool valid; // false: the stub could not be decoded (fault 6f7); nothing else is set
    bool has_object;
    enum ndr_tower_reason tower_reason; // of tower_octets, when they are not NULL
    // The object, and what the tower asks for, when tower_octets is not NULL and tower_reason is OK
    // (ndr/tower.h). In this order and without gaps, as an entry of the map begins.
    struct base_uuid object; // nil when absent
    struct ndr_syntax_id interface;
    struct ndr_syntax_id transfer;
    uint64_t protseq_key;
    const uint8_t *tower_octets; // NULL when the map_tower pointer is NULL
    uint32_t tower_size;
    struct ndr_context_handle handle;
    uint32_t max_towers;
    uint32_t highest_referent;
};

// One ept_entry_t. On decoding the spans point into the stub.
struct ndr_epm_entry {
    struct base_uuid object;
    const uint8_t *tower; // NULL when the tower pointer is NULL
    uint32_t tower_size;
    const char *annotation;   // not NUL-terminated
    uint32_t annotation_size; // characters before the NUL, at most 63
};

struct ndr_epm_mgmt_delete {
    bool object_speced;
    bool has_object;
    struct base_uuid object;
    const uint8_t *tower; // NULL when the pointer is NULL
    uint32_t tower_size;
};

struct ndr_epm_tower_span {
    const uint8_t *octets;
    uint32_t size;
};

// ---- server: requests. Each returns false for a stub that cannot be decoded (fault 6f7):
// truncated, counts that disagree, tower_length over 2000, num_ents or max_* over 500.

// Decodes `count` ept_map stubs; result i goes to ret_maps[i], its `valid` says whether it decoded.
// The kernel in use (ndr/kernel.h) takes those of the common shape.
void ndr_epm_decode_map(const struct ndr_stub *stubs, unsigned count, struct ndr_epm_map *ret_maps);
bool ndr_epm_decode_lookup(const struct ndr_stub *stub, struct ndr_epm_lookup *ret_lookup);
// ept_lookup_handle_free.
bool ndr_epm_decode_handle(const struct ndr_stub *stub, struct ndr_context_handle *ret_handle);
// ept_insert and ept_delete (which has no `replace`: pass NULL). Fills at most
// NDR_EPM_ENTRIES_MAX rows of ret_entries. Towers that alias by equal referent id are resolved.
bool ndr_epm_decode_entries(const struct ndr_stub *stub, struct ndr_epm_entry *ret_entries,
                            uint32_t *ret_count, uint32_t *ret_replace);
bool ndr_epm_decode_mgmt_delete(const struct ndr_stub *stub,
                                struct ndr_epm_mgmt_delete *ret_delete);

// ---- server: replies, written at the writer's position (a fresh stub).

// Exact size of the ept_map reply stub, to reserve room before encoding it.
uint32_t ndr_epm_map_reply_size(const struct ndr_epm_tower_span *towers, uint32_t count,
                                enum ndr_syntax syntax);
void ndr_epm_encode_map_reply(struct ndr_writer *w, const struct ndr_context_handle *handle,
                              uint32_t max_towers, uint32_t first_referent,
                              const struct ndr_epm_tower_span *towers, uint32_t count,
                              uint32_t status);
// Upper bound of what one entry adds to an ept_lookup reply, in octets, padding included.
uint32_t ndr_epm_entry_size(const struct ndr_epm_entry *entry, enum ndr_syntax syntax);
void ndr_epm_encode_lookup_reply(struct ndr_writer *w, const struct ndr_context_handle *handle,
                                 uint32_t max_ents, uint32_t first_referent,
                                 const struct ndr_epm_entry *entries, uint32_t count,
                                 uint32_t status);
void ndr_epm_encode_handle_free_reply(struct ndr_writer *w, uint32_t status);
void ndr_epm_encode_inq_object_reply(struct ndr_writer *w, const struct base_uuid *object,
                                     uint32_t status);
void ndr_epm_encode_status_reply(struct ndr_writer *w,
                                 uint32_t status); // insert, delete, mgmt_delete

// ---- client: requests.
void ndr_epm_encode_lookup(struct ndr_writer *w, const struct ndr_epm_lookup *lookup);
void ndr_epm_encode_map(struct ndr_writer *w, const struct base_uuid *object, // NULL: null pointer
                        const uint8_t *tower, uint32_t tower_size,
                        const struct ndr_context_handle *handle, uint32_t max_towers);
void ndr_epm_encode_handle(struct ndr_writer *w, const struct ndr_context_handle *handle);
void ndr_epm_encode_entries(struct ndr_writer *w, const struct ndr_epm_entry *entries,
                            uint32_t count, const uint32_t *replace); // NULL: ept_delete

// ---- client: replies. Each returns false for a stub that cannot be decoded.
// At most `room` entries or towers are accepted; more is a malformed reply.
bool ndr_epm_decode_lookup_reply(const struct ndr_stub *stub, struct ndr_context_handle *ret_handle,
                                 struct ndr_epm_entry *ret_entries, uint32_t room,
                                 uint32_t *ret_count, uint32_t *ret_status);
bool ndr_epm_decode_map_reply(const struct ndr_stub *stub, struct ndr_context_handle *ret_handle,
                              struct ndr_epm_tower_span *ret_towers, uint32_t room,
                              uint32_t *ret_count, uint32_t *ret_status);
bool ndr_epm_decode_status_reply(const struct ndr_stub *stub, uint32_t *ret_status);
