// The server's half of the endpoint mapper: requests in. Arguments in the order of the IDL (C706
// appendix O).
#include "ndr/epm.h"

#include "ndr/epm_part.h"
#include "ndr/kernel.h"

static uint32_t higher(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void read_question(const struct ndr_epm_tower_span *span, struct ndr_epm_map *map)
{
    struct ndr_tower tower;
    map->tower_reason = ndr_tower_parse(span->octets, span->size, &tower);
    if (map->tower_reason != NDR_TOWER_OK)
        return;
    map->interface = tower.interface;
    map->transfer = tower.transfer;
    map->protseq_key = tower.protseq_key;
}

static bool decode_map(const struct ndr_stub *stub, struct ndr_epm_map *map)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t object = ndr_epm_read_object(&r, &map->object);
    uint32_t referent = ndr_read_pointer(&r);
    struct ndr_epm_tower_span span = {0};
    if (referent != 0)
        span = ndr_epm_read_tower(&r);
    ndr_read_handle(&r, &map->handle);
    map->max_towers = ndr_read_u32(&r);
    if (r.failed || map->max_towers > NDR_EPM_ENTRIES_MAX)
        return false;
    map->has_object = object != 0;
    map->highest_referent = higher(object, referent);
    map->tower_octets = span.octets;
    map->tower_size = span.size;
    if (span.octets != NULL)
        read_question(&span, map);
    return true;
}

static void decode_batch(const struct ndr_stub *stubs, unsigned count, struct ndr_epm_map *ret_maps)
{
    uint64_t decoded = ndr_kernel()->decode_map(stubs, count, ret_maps);
    for (unsigned i = 0; i < count; i++) {
        if (decoded >> i & 1)
            continue;
        ret_maps[i] = (struct ndr_epm_map){0};
        ret_maps[i].valid = decode_map(&stubs[i], &ret_maps[i]);
        if (!ret_maps[i].valid)
            ret_maps[i] = (struct ndr_epm_map){0};
    }
}

void ndr_epm_decode_map(const struct ndr_stub *stubs, unsigned count, struct ndr_epm_map *ret_maps)
{
    for (unsigned done = 0; done < count; done += NDR_KERNEL_BATCH) {
        unsigned left = count - done;
        decode_batch(stubs + done, left < NDR_KERNEL_BATCH ? left : NDR_KERNEL_BATCH,
                     ret_maps + done);
    }
}

bool ndr_epm_decode_lookup(const struct ndr_stub *stub, struct ndr_epm_lookup *ret_lookup)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_epm_lookup lookup = {.inquiry_type = ndr_read_u32(&r)};
    uint32_t object = ndr_epm_read_object(&r, &lookup.object);
    uint32_t interface = ndr_epm_read_interface(&r, &lookup.interface);
    lookup.vers_option = ndr_read_u32(&r);
    ndr_read_handle(&r, &lookup.handle);
    lookup.max_ents = ndr_read_u32(&r);
    if (r.failed || lookup.max_ents > NDR_EPM_ENTRIES_MAX)
        return false;
    lookup.has_object = object != 0;
    lookup.has_interface = interface != 0;
    lookup.highest_referent = higher(object, interface);
    *ret_lookup = lookup;
    return true;
}

bool ndr_epm_decode_handle(const struct ndr_stub *stub, struct ndr_context_handle *ret_handle)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_context_handle handle;
    ndr_read_handle(&r, &handle);
    if (!r.failed)
        *ret_handle = handle;
    return !r.failed;
}

bool ndr_epm_decode_entries(const struct ndr_stub *stub, struct ndr_epm_entry *ret_entries,
                            uint32_t *ret_count, uint32_t *ret_replace)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t count = ndr_read_u32(&r);
    uint32_t conformance = ndr_read_count(&r);
    if (r.failed || count > NDR_EPM_ENTRIES_MAX || conformance != count)
        return false;
    ndr_epm_read_entries(&r, ret_entries, count);
    uint32_t replace = ret_replace == NULL ? 0 : ndr_read_u32(&r);
    if (r.failed)
        return false;
    *ret_count = count;
    if (ret_replace != NULL)
        *ret_replace = replace;
    return true;
}

bool ndr_epm_decode_mgmt_delete(const struct ndr_stub *stub, struct ndr_epm_mgmt_delete *ret_delete)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_epm_mgmt_delete request = {.object_speced = ndr_read_u32(&r) != 0};
    struct ndr_epm_tower_span span = {0};
    request.has_object = ndr_epm_read_object(&r, &request.object) != 0;
    if (ndr_read_pointer(&r) != 0)
        span = ndr_epm_read_tower(&r);
    if (r.failed)
        return false;
    request.tower = span.octets;
    request.tower_size = span.size;
    *ret_delete = request;
    return true;
}
