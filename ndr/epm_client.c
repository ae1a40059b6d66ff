// The client's half of the endpoint mapper: requests out, replies in. Arguments in the order of
// the IDL (C706 appendix O).
#include "ndr/epm.h"

#include "ndr/epm_part.h"

static void write_object(struct ndr_writer *w, const struct base_uuid *object, uint32_t *next)
{
    ndr_write_pointer(w, object == NULL ? 0 : ndr_epm_next_referent(next));
    if (object != NULL)
        ndr_write_uuid(w, object);
}

void ndr_epm_encode_lookup(struct ndr_writer *w, const struct ndr_epm_lookup *lookup)
{
    uint32_t next = 1;
    ndr_write_u32(w, lookup->inquiry_type);
    write_object(w, lookup->has_object ? &lookup->object : NULL, &next);
    ndr_write_pointer(w, lookup->has_interface ? ndr_epm_next_referent(&next) : 0);
    if (lookup->has_interface) {
        ndr_write_uuid(w, &lookup->interface.uuid);
        ndr_write_u16(w, lookup->interface.major);
        ndr_write_u16(w, lookup->interface.minor);
    }
    ndr_write_u32(w, lookup->vers_option);
    ndr_write_handle(w, &lookup->handle);
    ndr_write_u32(w, lookup->max_ents);
}

void ndr_epm_encode_map(struct ndr_writer *w, const struct base_uuid *object, const uint8_t *tower,
                        uint32_t tower_size, const struct ndr_context_handle *handle,
                        uint32_t max_towers)
{
    uint32_t next = 1;
    write_object(w, object, &next);
    ndr_write_pointer(w, tower == NULL ? 0 : ndr_epm_next_referent(&next));
    if (tower != NULL)
        ndr_epm_write_tower(w, tower, tower_size);
    ndr_write_handle(w, handle);
    ndr_write_u32(w, max_towers);
}

void ndr_epm_encode_handle(struct ndr_writer *w, const struct ndr_context_handle *handle)
{
    ndr_write_handle(w, handle);
}

void ndr_epm_encode_entries(struct ndr_writer *w, const struct ndr_epm_entry *entries,
                            uint32_t count, const uint32_t *replace)
{
    ndr_write_u32(w, count);
    ndr_write_count(w, count);
    ndr_epm_write_entries(w, entries, count, 1);
    if (replace != NULL)
        ndr_write_u32(w, *replace);
}

// Handle, number of elements, and the counts of the array. Returns the number, or 0 with a failed
// reader: also when it is more than `room`, or than any request may ask for.
static uint32_t read_array_head(struct ndr_reader *r, struct ndr_context_handle *handle,
                                uint32_t room)
{
    ndr_read_handle(r, handle);
    uint32_t count = ndr_read_u32(r);
    uint32_t conformance = ndr_read_count(r);
    ndr_epm_read_variance(r, conformance, count);
    if (count > room || count > NDR_EPM_ENTRIES_MAX)
        r->failed = true;
    return r->failed ? 0 : count;
}

bool ndr_epm_decode_lookup_reply(const struct ndr_stub *stub, struct ndr_context_handle *ret_handle,
                                 struct ndr_epm_entry *ret_entries, uint32_t room,
                                 uint32_t *ret_count, uint32_t *ret_status)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_context_handle handle;
    uint32_t count = read_array_head(&r, &handle, room);
    ndr_epm_read_entries(&r, ret_entries, count);
    uint32_t status = ndr_read_u32(&r);
    if (r.failed)
        return false;
    *ret_handle = handle;
    *ret_count = count;
    *ret_status = status;
    return true;
}

bool ndr_epm_decode_map_reply(const struct ndr_stub *stub, struct ndr_context_handle *ret_handle,
                              struct ndr_epm_tower_span *ret_towers, uint32_t room,
                              uint32_t *ret_count, uint32_t *ret_status)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_context_handle handle;
    uint32_t referents[NDR_EPM_ENTRIES_MAX] = {0};
    uint32_t count = read_array_head(&r, &handle, room);
    for (uint32_t i = 0; i < count; i++)
        referents[i] = ndr_read_pointer(&r);
    ndr_epm_read_towers(&r, referents, count, ret_towers);
    uint32_t status = ndr_read_u32(&r);
    if (r.failed)
        return false;
    *ret_handle = handle;
    *ret_count = count;
    *ret_status = status;
    return true;
}

bool ndr_epm_decode_status_reply(const struct ndr_stub *stub, uint32_t *ret_status)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t status = ndr_read_u32(&r);
    if (!r.failed)
        *ret_status = status;
    return !r.failed;
}
