// The server's half of the endpoint mapper: replies out. Arguments in the order of the IDL (C706
// appendix O).
#include "ndr/epm.h"

#include "ndr/epm_part.h"

const char *ndr_epm_status_name(uint32_t status)
{
    switch (status) {
    case NDR_EPM_STATUS_OK:
        return "ok";
    case NDR_EPM_STATUS_CANT_PERFORM_OP:
        return "ept_s_cant_perform_op";
    case NDR_EPM_STATUS_NO_MEMORY:
        return "ept_s_no_memory";
    case NDR_EPM_STATUS_INVALID_ENTRY:
        return "ept_s_invalid_entry";
    case NDR_EPM_STATUS_UPDATE_FAILED:
        return "ept_s_update_failed";
    case NDR_EPM_STATUS_INVALID_CONTEXT:
        return "ept_s_invalid_context";
    case NDR_EPM_STATUS_NOT_REGISTERED:
        return "ept_s_not_registered";
    case NDR_EPM_STATUS_SERVER_UNAVAILABLE:
        return "ept_s_server_unavailable";
    case NDR_EPM_STATUS_INVALID_INQUIRY_TYPE:
        return "rpc_s_invalid_inquiry_type";
    case NDR_EPM_STATUS_INVALID_VERS_OPTION:
        return "rpc_s_invalid_vers_option";
    default:
        return NULL;
    }
}

// What stands before the elements: handle, number, conformance, offset, actual count. The
// conformance is the client's own maximum: it laid out its array by it.
static void write_array_head(struct ndr_writer *w, const struct ndr_context_handle *handle,
                             uint32_t max, uint32_t count)
{
    ndr_write_handle(w, handle);
    ndr_write_u32(w, count);
    ndr_write_count(w, max);
    ndr_write_count(w, 0);
    ndr_write_count(w, count);
}

static uint32_t round_up(uint32_t size, uint32_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

uint32_t ndr_epm_map_reply_size(const struct ndr_epm_tower_span *towers, uint32_t count,
                                enum ndr_syntax syntax)
{
    uint32_t wide = syntax == NDR_SYNTAX_64 ? 8 : 4; // a count or a pointer
    uint32_t size = 20 + 4 + (3 + count) * wide;
    for (uint32_t i = 0; i < count; i++)
        size = round_up(size, wide) + wide + 4 + towers[i].size;
    return round_up(size, 4) + 4;
}

void ndr_epm_encode_map_reply(struct ndr_writer *w, const struct ndr_context_handle *handle,
                              uint32_t max_towers, uint32_t first_referent,
                              const struct ndr_epm_tower_span *towers, uint32_t count,
                              uint32_t status)
{
    uint32_t next = first_referent;
    write_array_head(w, handle, max_towers, count);
    for (uint32_t i = 0; i < count; i++)
        ndr_write_pointer(w, ndr_epm_next_referent(&next));
    for (uint32_t i = 0; i < count; i++)
        ndr_epm_write_tower(w, towers[i].octets, towers[i].size);
    ndr_write_u32(w, status);
}

void ndr_epm_encode_lookup_reply(struct ndr_writer *w, const struct ndr_context_handle *handle,
                                 uint32_t max_ents, uint32_t first_referent,
                                 const struct ndr_epm_entry *entries, uint32_t count,
                                 uint32_t status)
{
    write_array_head(w, handle, max_ents, count);
    ndr_epm_write_entries(w, entries, count, first_referent);
    ndr_write_u32(w, status);
}

// The handle is [in, out] and comes back null (C706 ept_lookup_handle_free).
void ndr_epm_encode_handle_free_reply(struct ndr_writer *w, uint32_t status)
{
    static const struct ndr_context_handle null_handle;
    ndr_write_handle(w, &null_handle);
    ndr_write_u32(w, status);
}

void ndr_epm_encode_inq_object_reply(struct ndr_writer *w, const struct base_uuid *object,
                                     uint32_t status)
{
    ndr_write_uuid(w, object);
    ndr_write_u32(w, status);
}

void ndr_epm_encode_status_reply(struct ndr_writer *w, uint32_t status)
{
    ndr_write_u32(w, status);
}
