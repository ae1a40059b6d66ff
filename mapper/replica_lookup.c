// ept_lookup: a walk over the slots, or over the chain of an object.
#include "mapper/replica_private.h"

struct walk {
    const struct mapper_replica *replica;
    const struct mapper_inquiry *inquiry;
    bool by_interface;
    bool by_object;
    bool chained; // along the object's chain instead of over all slots
    uint32_t interface_tag;
    uint32_t object_tag;
};

static struct walk walk_init(const struct mapper_replica *replica,
                             const struct mapper_inquiry *inquiry)
{
    bool both = inquiry->type == NDR_EPM_INQUIRY_BY_BOTH;
    bool by_object = both || inquiry->type == NDR_EPM_INQUIRY_BY_OBJECT;
    return (struct walk){
        .replica = replica,
        .inquiry = inquiry,
        .by_interface = both || inquiry->type == NDR_EPM_INQUIRY_BY_INTERFACE,
        .by_object = by_object,
        .chained = by_object && !base_uuid_is_nil(&inquiry->object),
        .interface_tag = mapper_uuid_tag(&replica->table, &inquiry->interface.uuid),
        .object_tag = mapper_uuid_tag(&replica->table, &inquiry->object),
    };
}

static uint32_t first_slot(const struct walk *walk, uint32_t position)
{
    const struct mapper_table *table = &walk->replica->table;
    if (position >= table->top)
        return MAPPER_NONE;
    if (!walk->chained)
        return position;
    const struct mapper_index *index = &table->index[MAPPER_REPLICA_OBJECTS];
    struct mapper_key key = mapper_key_object(&walk->inquiry->object);
    uint32_t head = mapper_index_find(index, &key, mapper_key_hash(&key, &index->secret));
    return head == MAPPER_NONE ? MAPPER_NONE : mapper_index_from(index, &key, head, position);
}

static uint32_t next_slot(const struct walk *walk, uint32_t slot)
{
    const struct mapper_table *table = &walk->replica->table;
    if (walk->chained)
        return mapper_index_next(&table->index[MAPPER_REPLICA_OBJECTS], slot);
    return slot + 1 < table->top ? slot + 1 : MAPPER_NONE;
}

// C706 rpc_mgmt_ep_elt_inq_begin, vers_option; 0 is what some clients send for "all".
static bool version_fits(enum ndr_epm_version_option option, const struct ndr_syntax_id *want,
                         const struct ndr_syntax_id *have)
{
    switch ((unsigned)option) {
    case 0:
    case NDR_EPM_VERSIONS_ALL:
        return true;
    case NDR_EPM_VERSIONS_COMPATIBLE:
        return have->major == want->major && have->minor >= want->minor;
    case NDR_EPM_VERSIONS_EXACT:
        return have->major == want->major && have->minor == want->minor;
    case NDR_EPM_VERSIONS_MAJOR_ONLY:
        return have->major == want->major;
    case NDR_EPM_VERSIONS_UPTO:
        return have->major < want->major ||
               (have->major == want->major && have->minor <= want->minor);
    default:
        return false;
    }
}

// The tags spare the entry's cache line for almost everything that does not match.
static bool fits(const struct walk *walk, const struct mapper_slot *slot)
{
    const struct mapper_inquiry *inquiry = walk->inquiry;
    if (slot->entry == NULL)
        return false;
    if (walk->by_interface && slot->interface_tag != walk->interface_tag)
        return false;
    if (walk->by_object && slot->object_tag != walk->object_tag)
        return false;
    if (walk->by_object && !base_uuid_equal(&slot->entry->object, &inquiry->object))
        return false;
    return !walk->by_interface ||
           (base_uuid_equal(&slot->entry->interface.uuid, &inquiry->interface.uuid) &&
            version_fits(inquiry->versions, &inquiry->interface, &slot->entry->interface));
}

uint32_t mapper_replica_lookup(const struct mapper_replica *replica,
                               const struct mapper_inquiry *inquiry, uint32_t position,
                               const struct mapper_entry **ret_entries, uint32_t max,
                               uint32_t *ret_next)
{
    struct walk walk = walk_init(replica, inquiry);
    uint32_t count = 0;
    uint32_t slot = first_slot(&walk, position);
    for (; slot != MAPPER_NONE; slot = next_slot(&walk, slot)) {
        if (!fits(&walk, &replica->table.slots[slot]))
            continue;
        if (count == max) {
            *ret_next = slot;
            return count;
        }
        ret_entries[count++] = replica->table.slots[slot].entry;
    }
    *ret_next = MAPPER_END;
    return count;
}
