// The stubs of IObjectExporter, 99fcfec4-5260-101b-bbcb-00aa0021347a 0.0 ([MS-DCOM] 3.1.2.5.1):
// server half. Decoders leave spans into the stub, which must outlive them; each returns false for
// a stub that cannot be decoded (fault 6f7). All functions: any thread, no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"
#include "ndr/tower.h"

enum {
    NDR_OXID_RESOLVE = 0,
    NDR_OXID_SIMPLE_PING = 1,
    NDR_OXID_COMPLEX_PING = 2,
    NDR_OXID_SERVER_ALIVE = 3,
    NDR_OXID_RESOLVE2 = 4,
    NDR_OXID_SERVER_ALIVE2 = 5,
    NDR_OXID_OPERATION_COUNT = 6,

    NDR_OXID_BINDINGS_MAX = 512, // 16-bit units of a DUALSTRINGARRAY of ours
    NDR_OXID_AUTHN_NONE = 1,     // RPC_C_AUTHN_LEVEL_NONE

    NDR_COM_MAJOR = 5, // COMVERSION 5.7: what Windows has said since XP SP2
    NDR_COM_MINOR = 7,
};

enum { // error_status_t of every operation
    NDR_OXID_STATUS_OK = 0,
    NDR_OXID_STATUS_NO_PROTSEQ = 0x6a7,   // RPC_S_PROTSEQ_NOT_SUPPORTED
    NDR_OXID_STATUS_NO_RESOURCES = 0x6b9, // RPC_S_OUT_OF_RESOURCES
    NDR_OXID_STATUS_INVALID_OXID = 0x776,
    NDR_OXID_STATUS_INVALID_OID = 0x777,
    NDR_OXID_STATUS_INVALID_SET = 0x778,
};

// DUALSTRINGARRAY ([MS-DCOM] 2.2.19.1): string bindings, then security bindings.
struct ndr_oxid_bindings {
    uint16_t count;    // of units in all
    uint16_t security; // where the security bindings begin
    uint16_t units[NDR_OXID_BINDINGS_MAX];
};

// The tower id of a protocol sequence in a string binding: its endpoint's protocol. 0: unknown.
uint16_t ndr_oxid_tower_id(enum ndr_protseq protseq);
// The sequence's name, or "unknown".
const char *ndr_oxid_protseq_name(uint16_t tower_id);
// Starts an array without bindings.
void ndr_oxid_bindings_init(struct ndr_oxid_bindings *bindings);
// Adds a string binding ([MS-DCOM] 2.2.19.3): the protocol's tower id and "HOST" or
// "HOST[ENDPOINT]" in ASCII. False when there is no room, with nothing changed.
bool ndr_oxid_bindings_add(struct ndr_oxid_bindings *bindings, uint16_t tower_id,
                           const char *address);

// Whether there is a string binding of this tower id.
bool ndr_oxid_bindings_has(const struct ndr_oxid_bindings *bindings, uint16_t tower_id);
// The string binding that begins at unit `at`, 0 for the first: its tower id, and its address in
// `text`, which has `size` octets. Returns where the next one begins, or 0 when none is at `at`.
unsigned ndr_oxid_bindings_next(const struct ndr_oxid_bindings *bindings, unsigned at,
                                uint16_t *ret_tower_id, char *text, size_t size);

struct ndr_oxid_resolve {
    uint64_t oxid;
    uint16_t protseqs; // how many the client can do
    const uint8_t *protseq;
    bool big_endian;
};

// 64-bit object ids as they stand in a stub.
struct ndr_oxid_oids {
    const uint8_t *octets;
    uint16_t count;
    bool big_endian;
};

struct ndr_oxid_ping {
    uint64_t set; // 0: a new one
    uint16_t sequence;
    struct ndr_oxid_oids add, remove;
};

bool ndr_oxid_decode_resolve(const struct ndr_stub *stub, struct ndr_oxid_resolve *ret_resolve);
bool ndr_oxid_decode_simple_ping(const struct ndr_stub *stub, uint64_t *ret_set);
bool ndr_oxid_decode_complex_ping(const struct ndr_stub *stub, struct ndr_oxid_ping *ret_ping);
// The tower id at `index`, below resolve->protseqs.
uint16_t ndr_oxid_protseq(const struct ndr_oxid_resolve *resolve, unsigned index);
// The id at `index`, below oids->count.
uint64_t ndr_oxid_oid(const struct ndr_oxid_oids *oids, unsigned index);

// What an OXID resolves to.
struct ndr_oxid_resolved {
    const struct ndr_oxid_bindings *bindings; // NULL: it does not
    struct base_uuid ipid;                    // of the exporter's IRemUnknown
    uint32_t authn_hint;
};

// ResolveOxid, and with `com_version` ResolveOxid2.
void ndr_oxid_encode_resolved(struct ndr_writer *w, const struct ndr_oxid_resolved *resolved,
                              bool com_version, uint32_t status);
void ndr_oxid_encode_complex_ping(struct ndr_writer *w, uint64_t set, uint32_t status);
void ndr_oxid_encode_server_alive2(struct ndr_writer *w, const struct ndr_oxid_bindings *bindings);
