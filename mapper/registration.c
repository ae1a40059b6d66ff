#include "mapper/registration.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/sum.h"

// Lookups compare what stands in the first 64 bytes: one cache line.
_Static_assert(offsetof(struct mapper_entry, protseq_key) + sizeof(uint64_t) == 64,
               "an entry's identity fills its first cache line");

static bool needs_host_floor(const struct ndr_tower *tower)
{
    switch (tower->floor[3].lhs[0]) {
    case NDR_PROTOCOL_TCP:
    case NDR_PROTOCOL_UDP:
    case NDR_PROTOCOL_HTTP:
    case NDR_PROTOCOL_NAMED_PIPE:
        return true;
    default:
        return false;
    }
}

static bool has_endpoint(const struct ndr_tower *tower)
{
    const struct ndr_floor *endpoint = &tower->floor[3];
    switch (tower->protseq) {
    case NDR_PROTSEQ_NCACN_IP_TCP:
    case NDR_PROTSEQ_NCADG_IP_UDP:
    case NDR_PROTSEQ_NCACN_HTTP:
        return endpoint->rhs_size == 2 && base_load_le16(endpoint->rhs) != 0;
    default:
        return endpoint->rhs_size != 0;
    }
}

// Towers of sequences without a name are kept as they are; a sequence that has an address floor
// must bring it, but what stands in it is the registrant's business.
uint32_t mapper_registration_check(const struct ndr_epm_entry *registration,
                                   bool allow_nil_interface, struct ndr_tower *ret_tower)
{
    struct ndr_tower tower;
    if (registration->tower == NULL ||
        ndr_tower_parse(registration->tower, registration->tower_size, &tower) != NDR_TOWER_OK)
        return NDR_EPM_STATUS_INVALID_ENTRY;
    if (base_uuid_is_nil(&tower.interface.uuid) && !allow_nil_interface)
        return NDR_EPM_STATUS_INVALID_ENTRY;
    if (base_uuid_is_nil(&tower.transfer.uuid))
        return NDR_EPM_STATUS_INVALID_ENTRY;
    if (tower.floors < 4 || !has_endpoint(&tower) || (needs_host_floor(&tower) && tower.floors < 5))
        return NDR_EPM_STATUS_INVALID_ENTRY;
    *ret_tower = tower;
    return NDR_EPM_STATUS_OK;
}

struct mapper_entry *mapper_entry_create(const struct ndr_epm_entry *registration,
                                         const struct ndr_tower *tower, enum mapper_origin origin)
{
    uint32_t annotation_size = registration->annotation_size;
    if (annotation_size >= NDR_EPM_ANNOTATION_MAX)
        annotation_size = NDR_EPM_ANNOTATION_MAX - 1;
    uint32_t reply_size = ndr_epm_ready_size(registration->tower_size);
    size_t size = sizeof(struct mapper_entry) + reply_size + annotation_size + 1;
    struct mapper_entry *entry = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (entry == NULL)
        return NULL;
    ndr_epm_ready_write(entry->reply, registration->tower, registration->tower_size);
    char *annotation = (char *)entry->reply + reply_size;
    if (annotation_size != 0)
        memcpy(annotation, registration->annotation, annotation_size);
    annotation[annotation_size] = '\0';
    *entry = (struct mapper_entry){
        .object = registration->object,
        .interface = tower->interface,
        .transfer = tower->transfer,
        .protseq_key = tower->protseq_key,
        .annotation = annotation,
        .tower = entry->reply + NDR_EPM_READY_TOWER,
        .origin = (uint8_t)origin,
        .annotation_size = (uint8_t)annotation_size,
        .tower_size = (uint16_t)registration->tower_size,
        .reply_size = (uint16_t)reply_size,
        .reply_sum = base_sum(entry->reply, reply_size),
    };
    return entry;
}

void mapper_entry_destroy(const struct mapper_entry *entry)
{
    free((void *)(uintptr_t)entry);
}
