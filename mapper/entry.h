// One registered endpoint. Made by the control thread, immutable once it is in the op log, read by
// every worker, freed by the control thread when every replica has applied its removal.
#pragma once

#include <stdint.h>

#include "base/uuid.h"
#include "ndr/epm_ready.h"
#include "ndr/tower.h"

// Who put an entry into the map.
enum mapper_origin {
    MAPPER_ORIGIN_STATIC,  // the configuration file
    MAPPER_ORIGIN_CONTROL, // the control socket
    MAPPER_ORIGIN_NETWORK, // ept_insert
};

struct mapper_entry {
    struct base_uuid object; // nil: for every object
    struct ndr_syntax_id interface;
    struct ndr_syntax_id transfer;
    uint64_t protseq_key; // ndr_tower.protseq_key
    // Both in the entry's own allocation, behind or within the reply.
    const char *annotation;  // with a NUL
    const uint8_t *tower;    // octets as registered
    uint32_t slot;           // its place in every replica, from insertion to removal
    uint8_t origin;          // enum mapper_origin
    uint8_t annotation_size; // without the NUL
    uint16_t tower_size;
    uint16_t reply_size;
    uint16_t reply_sum; // base_sum of the reply
    // What ept_map answers with this entry alone (ndr/epm_ready.h).
    _Alignas(32) uint8_t reply[];
};

// The entry in the form that the NDR encoders take; the spans point into the entry.
struct ndr_epm_entry mapper_entry_view(const struct mapper_entry *entry);
