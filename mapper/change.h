// A change of the map on its way from a worker to the control thread and back.
// The worker fills it from its pool, the control thread carries it out and writes `status`, the
// worker answers the call it belongs to and puts it back. It is owned by whoever holds it.
#pragma once

#include <stdint.h>

#include "ndr/epm.h"

enum mapper_change_kind {
    MAPPER_CHANGE_INSERT,
    MAPPER_CHANGE_DELETE,
    MAPPER_CHANGE_MGMT_DELETE,
};

enum { MAPPER_CHANGE_STUB_MAX = 64 * 1024 };

struct mapper_change {
    // Worker writes, control reads.
    enum mapper_change_kind kind;
    uint32_t count;                                    // entries used
    uint32_t replace;                                  // INSERT
    uint32_t worker;                                   // whom to hand it back to
    struct ndr_epm_entry entries[NDR_EPM_ENTRIES_MAX]; // spans point into `stub`
    struct ndr_epm_mgmt_delete mgmt_delete;            // spans point into `stub`
    // Control writes, worker reads.
    uint32_t status; // ept_* status
    // Control only: the log position at which the change is complete.
    uint64_t sequence;
    // Worker only: which call to answer (rpc layer).
    uint8_t token[48];
    // Worker only, while filling: the request's stub, copied so that the packet can go.
    uint32_t stub_size;
    uint8_t stub[MAPPER_CHANGE_STUB_MAX];
};
