#include "control/store_record.h"

#include <string.h>

#include "base/bytes.h"

enum { ORIGIN = 0, ANNOTATION_SIZE = 1, TOWER_SIZE = 2, OBJECT = 4, TEXT = 20 };

_Static_assert(MAPPER_ORIGIN_CONTROL == 1 && MAPPER_ORIGIN_NETWORK == 2,
               "numbers that stand on disk");

size_t control_store_record_size(const struct mapper_entry *entry)
{
    return TEXT + (size_t)entry->annotation_size + entry->tower_size;
}

void control_store_record_write(const struct mapper_entry *entry, uint8_t *ret_octets)
{
    ret_octets[ORIGIN] = (uint8_t)entry->origin;
    ret_octets[ANNOTATION_SIZE] = entry->annotation_size;
    base_store_le16(ret_octets + TOWER_SIZE, entry->tower_size);
    memcpy(ret_octets + OBJECT, entry->object.bytes, sizeof entry->object.bytes);
    memcpy(ret_octets + TEXT, entry->annotation, entry->annotation_size);
    memcpy(ret_octets + TEXT + entry->annotation_size, entry->tower, entry->tower_size);
}

bool control_store_record_read(const uint8_t *octets, size_t size,
                               struct control_store_record *ret_record)
{
    if (size < TEXT)
        return false;
    uint32_t annotation_size = octets[ANNOTATION_SIZE];
    uint32_t tower_size = base_load_le16(octets + TOWER_SIZE);
    uint8_t origin = octets[ORIGIN];
    if (size != (size_t)TEXT + annotation_size + tower_size ||
        annotation_size >= NDR_EPM_ANNOTATION_MAX ||
        (origin != MAPPER_ORIGIN_CONTROL && origin != MAPPER_ORIGIN_NETWORK))
        return false;
    *ret_record = (struct control_store_record){
        .entry = {.tower = octets + TEXT + annotation_size,
                  .tower_size = tower_size,
                  .annotation = (const char *)octets + TEXT,
                  .annotation_size = annotation_size},
        .origin = (enum mapper_origin)origin,
    };
    memcpy(ret_record->entry.object.bytes, octets + OBJECT, sizeof ret_record->entry.object.bytes);
    return true;
}
