#include "ndr/oxid.h"

#include <string.h>

#include "base/bytes.h"
#include "ndr/protseq.h"

enum { FIRST_REFERENT = 0x20000, END_UNITS = 2 };

uint16_t ndr_oxid_tower_id(enum ndr_protseq protseq)
{
    const struct ndr_protseq_row *row = ndr_protseq_row(protseq);
    return row ? row->protocols[1] : 0;
}

const char *ndr_oxid_protseq_name(uint16_t tower_id)
{
    for (unsigned i = NDR_PROTSEQ_UNKNOWN + 1; i < NDR_PROTSEQ_COUNT; i++) {
        if (ndr_oxid_tower_id((enum ndr_protseq)i) == tower_id)
            return ndr_protseq_name((enum ndr_protseq)i);
    }
    return ndr_protseq_name(NDR_PROTSEQ_UNKNOWN);
}

// A list ends with a zero unit; an empty one is written as two ([MS-DCOM] 2.2.19.1). The security
// bindings are none, because nothing here authenticates.
void ndr_oxid_bindings_init(struct ndr_oxid_bindings *bindings)
{
    memset(bindings, 0, sizeof *bindings);
    bindings->security = END_UNITS;
    bindings->count = END_UNITS * 2;
}

bool ndr_oxid_bindings_add(struct ndr_oxid_bindings *bindings, uint16_t tower_id,
                           const char *address)
{
    size_t length = strlen(address);
    // The first binding takes the place of the empty list's first zero.
    bool empty = bindings->security == END_UNITS && bindings->units[0] == 0;
    unsigned at = empty ? 0 : bindings->security - 1u;
    if (length > NDR_OXID_BINDINGS_MAX || at + 2 + length + 1 + END_UNITS > NDR_OXID_BINDINGS_MAX)
        return false;
    bindings->units[at++] = tower_id;
    for (size_t i = 0; i < length; i++)
        bindings->units[at++] = (uint8_t)address[i];
    bindings->units[at++] = 0;
    bindings->units[at++] = 0;
    bindings->security = (uint16_t)at;
    bindings->units[at++] = 0;
    bindings->units[at++] = 0;
    bindings->count = (uint16_t)at;
    return true;
}

unsigned ndr_oxid_bindings_next(const struct ndr_oxid_bindings *bindings, unsigned at,
                                uint16_t *ret_tower_id, char *text, size_t size)
{
    if (at >= bindings->security || bindings->units[at] == 0)
        return 0;
    size_t length = 0;
    *ret_tower_id = bindings->units[at++];
    while (at < bindings->security && bindings->units[at] != 0) {
        if (length + 1 < size)
            text[length++] = (char)bindings->units[at];
        at++;
    }
    if (size > 0)
        text[length] = '\0';
    return at + 1;
}

bool ndr_oxid_bindings_has(const struct ndr_oxid_bindings *bindings, uint16_t tower_id)
{
    uint16_t found;
    unsigned at = 0;
    while ((at = ndr_oxid_bindings_next(bindings, at, &found, NULL, 0)) != 0) {
        if (found == tower_id)
            return true;
    }
    return false;
}

bool ndr_oxid_decode_resolve(const struct ndr_stub *stub, struct ndr_oxid_resolve *ret_resolve)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_oxid_resolve resolve = {.oxid = ndr_read_u64(&r)};
    resolve.protseqs = ndr_read_u16(&r);
    uint32_t max = ndr_read_count(&r);
    resolve.protseq = ndr_read_bytes(&r, resolve.protseqs * 2u);
    resolve.big_endian = r.big_endian;
    if (r.failed || max != resolve.protseqs)
        return false;
    *ret_resolve = resolve;
    return true;
}

uint16_t ndr_oxid_protseq(const struct ndr_oxid_resolve *resolve, unsigned index)
{
    const uint8_t *at = resolve->protseq + index * sizeof(uint16_t);
    return resolve->big_endian ? base_load_be16(at) : base_load_le16(at);
}

bool ndr_oxid_decode_simple_ping(const struct ndr_stub *stub, uint64_t *ret_set)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint64_t set = ndr_read_u64(&r);
    if (r.failed)
        return false;
    *ret_set = set;
    return true;
}

// [unique, size_is(count)] of 64-bit ids.
static void read_oids(struct ndr_reader *r, struct ndr_oxid_oids *oids)
{
    oids->big_endian = r->big_endian;
    if (ndr_read_pointer(r) == 0) {
        r->failed |= oids->count != 0;
        return;
    }
    r->failed |= ndr_read_count(r) != oids->count;
    ndr_read_align(r, 8);
    oids->octets = ndr_read_bytes(r, oids->count * 8u);
}

bool ndr_oxid_decode_complex_ping(const struct ndr_stub *stub, struct ndr_oxid_ping *ret_ping)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_oxid_ping ping = {.set = ndr_read_u64(&r)};
    ping.sequence = ndr_read_u16(&r);
    ping.add.count = ndr_read_u16(&r);
    ping.remove.count = ndr_read_u16(&r);
    read_oids(&r, &ping.add);
    read_oids(&r, &ping.remove);
    if (r.failed)
        return false;
    *ret_ping = ping;
    return true;
}

uint64_t ndr_oxid_oid(const struct ndr_oxid_oids *oids, unsigned index)
{
    uint64_t oid = base_load_le64(oids->octets + index * sizeof(uint64_t));
    return oids->big_endian ? __builtin_bswap64(oid) : oid;
}

static void write_bindings(struct ndr_writer *w, const struct ndr_oxid_bindings *bindings)
{
    ndr_write_pointer(w, bindings ? FIRST_REFERENT : 0);
    if (!bindings)
        return;
    ndr_write_count(w, bindings->count);
    ndr_write_u16(w, bindings->count);
    ndr_write_u16(w, bindings->security);
    for (unsigned i = 0; i < bindings->count; i++)
        ndr_write_u16(w, bindings->units[i]);
}

static void write_com_version(struct ndr_writer *w)
{
    ndr_write_u16(w, NDR_COM_MAJOR);
    ndr_write_u16(w, NDR_COM_MINOR);
}

void ndr_oxid_encode_resolved(struct ndr_writer *w, const struct ndr_oxid_resolved *resolved,
                              bool com_version, uint32_t status)
{
    write_bindings(w, resolved->bindings);
    ndr_write_uuid(w, &resolved->ipid);
    ndr_write_u32(w, resolved->authn_hint);
    if (com_version)
        write_com_version(w);
    ndr_write_u32(w, status);
}

void ndr_oxid_encode_complex_ping(struct ndr_writer *w, uint64_t set, uint32_t status)
{
    ndr_write_u64(w, set);
    ndr_write_u16(w, 0); // pPingBackoffFactor
    ndr_write_u32(w, status);
}

void ndr_oxid_encode_server_alive2(struct ndr_writer *w, const struct ndr_oxid_bindings *bindings)
{
    write_com_version(w);
    write_bindings(w, bindings);
    ndr_write_u32(w, 0); // reserved
    ndr_write_u32(w, NDR_OXID_STATUS_OK);
}
