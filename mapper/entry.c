#include "mapper/entry.h"

struct ndr_epm_entry mapper_entry_view(const struct mapper_entry *entry)
{
    return (struct ndr_epm_entry){
        .object = entry->object,
        .tower = entry->tower,
        .tower_size = entry->tower_size,
        .annotation = entry->annotation,
        .annotation_size = entry->annotation_size,
    };
}
