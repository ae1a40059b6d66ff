// The object exporters that the resolver knows: OXIDs, where each is reached, and the objects it
// exports. The control thread alone writes; every worker reads.
//
// Readers neither wait nor write. An entry has two copies and a sequence number whose lowest bit
// says which one is valid. The writer changes the other copy and then adds 1, so what a reader
// copies stays untouched until the writer has changed the same entry twice; the reader finds that
// out because the number has moved on, and reads again. It does so only when the writer got on
// with its work: a writer that stops in the middle stops nobody.
// - The writer's release fence stands between publishing one copy and writing over the other. So a
//   reader that saw one word of a later change sees, after its acquire fence, a later number.
// - Words are copied with relaxed atomic loads and stores: torn entries are found out by the
//   number, torn words cannot be.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "ndr/oxid.h"

struct oxid_table;

enum {
    EXPORTER_OXIDS_MAX = 256,
    EXPORTER_OXID_OIDS_MAX = 32, // objects of one OXID
};

struct exporter_oxid {
    uint64_t oxid;         // not 0
    struct base_uuid ipid; // of its IRemUnknown
    uint32_t authn_hint;
    uint32_t oid_count;
    uint64_t oids[EXPORTER_OXID_OIDS_MAX]; // neither 0 nor all ones
    struct ndr_oxid_bindings bindings;
};

enum oxid_table_result {
    OXID_TABLE_OK,
    OXID_TABLE_TAKEN,     // this OXID is there
    OXID_TABLE_OID_TAKEN, // one of the OIDs is there, or cannot be one
    OXID_TABLE_FULL,
    OXID_TABLE_UNKNOWN,
};

// NULL: no memory.
struct oxid_table *oxid_table_create(void);
void oxid_table_destroy(struct oxid_table *table);

// ---- control thread
enum oxid_table_result oxid_table_add(struct oxid_table *table, const struct exporter_oxid *entry);
enum oxid_table_result oxid_table_remove(struct oxid_table *table, uint64_t oxid);
// Fills *ret_entry with what stands in row `row`, below EXPORTER_OXIDS_MAX; false when nothing
// does.
bool oxid_table_row(const struct oxid_table *table, unsigned row, struct exporter_oxid *ret_entry);

// ---- any thread
bool oxid_table_find(const struct oxid_table *table, uint64_t oxid,
                     struct exporter_oxid *ret_entry);
// Whether an exporter in the table exports the object.
bool oxid_table_has_oid(const struct oxid_table *table, uint64_t oid);
