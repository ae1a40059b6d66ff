// An entry as octets of the store, little-endian:
//   0  origin (enum mapper_origin)    1  octets of the annotation    2  octets of the tower (two)
//   4  object UUID                   20  annotation, then tower
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapper/entry.h"

struct control_store_record {
    struct ndr_epm_entry entry; // its spans point into the octets that were read
    enum mapper_origin origin;
};

size_t control_store_record_size(const struct mapper_entry *entry);
// Writes control_store_record_size(entry) octets.
void control_store_record_write(const struct mapper_entry *entry, uint8_t *ret_octets);
// False, and nothing written, when the lengths within do not make up `size` or the origin is not
// one that is kept. The tower is not looked into.
bool control_store_record_read(const uint8_t *octets, size_t size,
                               struct control_store_record *ret_record);
