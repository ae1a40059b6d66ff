#include "ndr/mgmt.h"

// Referent ids as the other implementations hand them out: high, and four apart.
enum { FIRST_REFERENT = 0x20000, REFERENT_STEP = 4 };

bool ndr_mgmt_decode_inq_stats(const struct ndr_stub *stub, uint32_t *ret_count)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t count = ndr_read_u32(&r);
    if (r.failed || count > NDR_MGMT_STATS_MAX)
        return false;
    *ret_count = count;
    return true;
}

bool ndr_mgmt_decode_inq_princ_name(const struct ndr_stub *stub, uint32_t *ret_service,
                                    uint32_t *ret_size)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t service = ndr_read_u32(&r);
    uint32_t size = ndr_read_u32(&r);
    if (r.failed || size == 0 || size > NDR_MGMT_PRINC_NAME_MAX)
        return false;
    *ret_service = service;
    *ret_size = size;
    return true;
}

// rpc_if_id_vector_p_t (C706 appendix Q): a pointer to a count and that many pointers.
void ndr_mgmt_encode_if_ids(struct ndr_writer *w, const struct ndr_syntax_id *ids, uint32_t count,
                            uint32_t status)
{
    ndr_write_pointer(w, count == 0 ? 0 : FIRST_REFERENT);
    if (count != 0) {
        ndr_write_count(w, count);
        ndr_write_u32(w, count);
        for (uint32_t i = 0; i < count; i++)
            ndr_write_pointer(w, FIRST_REFERENT + (i + 1) * REFERENT_STEP);
        for (uint32_t i = 0; i < count; i++) {
            ndr_write_uuid(w, &ids[i].uuid);
            ndr_write_u16(w, ids[i].major);
            ndr_write_u16(w, ids[i].minor);
        }
    }
    ndr_write_u32(w, status);
}

void ndr_mgmt_encode_stats(struct ndr_writer *w, const uint32_t *values, uint32_t count,
                           uint32_t status)
{
    ndr_write_u32(w, count);
    ndr_write_count(w, count);
    for (uint32_t i = 0; i < count; i++)
        ndr_write_u32(w, values[i]);
    ndr_write_u32(w, status);
}

// The status comes before the answer: [out] parameter first, then the function's value.
void ndr_mgmt_encode_listening(struct ndr_writer *w, bool listening)
{
    ndr_write_u32(w, 0);
    ndr_write_u32(w, listening);
}

void ndr_mgmt_encode_princ_name(struct ndr_writer *w, uint32_t size, uint32_t status)
{
    ndr_write_count(w, size);
    ndr_write_count(w, 0);
    ndr_write_count(w, 1);
    ndr_write_u8(w, 0);
    ndr_write_u32(w, status);
}
