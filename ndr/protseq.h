// Protocol sequences as data: the one table that towers and string bindings are read and written
// by (C706 appendix I and L). Private to ndr/. All functions: any thread.
#pragma once

#include "ndr/tower.h"

// How an endpoint or a host stands in the right side of its floor.
enum ndr_rhs_form {
    NDR_RHS_PORT,    // 16 bits in network order
    NDR_RHS_ADDRESS, // IPv4, network order
    NDR_RHS_TEXT,    // characters and a NUL
    NDR_RHS_ABSENT,  // no such floor
};

struct ndr_protseq_row {
    const char *name;
    uint8_t protocols[3]; // floors 3 and up
    uint8_t count;
    enum ndr_rhs_form endpoint;
    enum ndr_rhs_form host;
};

// The row of a sequence that has a name; NULL for NDR_PROTSEQ_UNKNOWN.
const struct ndr_protseq_row *ndr_protseq_row(enum ndr_protseq protseq);

// ndr_tower.protseq_key of `count` (at most 4) protocol identifiers.
uint64_t ndr_protseq_key(const uint8_t *protocols, unsigned count);
enum ndr_protseq ndr_protseq_from_key(uint64_t key);
