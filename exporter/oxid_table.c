#include "exporter/oxid_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS = sizeof(struct exporter_oxid) / sizeof(uint64_t),
    OID_SLOTS =
        2 * EXPORTER_OXIDS_MAX * EXPORTER_OXID_OIDS_MAX, // a power of two, half full at most
};

_Static_assert(sizeof(struct exporter_oxid) % sizeof(uint64_t) == 0, "entries are whole words");
_Static_assert((OID_SLOTS & (OID_SLOTS - 1)) == 0, "the mask needs a power of two");

#define OID_NONE UINT64_C(0)
#define OID_GONE UINT64_MAX

struct row {
    _Atomic uint64_t sequence; // copies[sequence & 1] is valid
    _Atomic uint64_t copies[2][WORDS];
};

struct oxid_table {
    _Atomic uint64_t keys[EXPORTER_OXIDS_MAX]; // the OXID of each row; 0: free
    _Atomic uint64_t oids[OID_SLOTS];          // open addressing
    struct row rows[EXPORTER_OXIDS_MAX];
};

struct oxid_table *oxid_table_create(void)
{
    return calloc(1, sizeof(struct oxid_table));
}

void oxid_table_destroy(struct oxid_table *table)
{
    free(table);
}

static void write_row(struct row *row, const struct exporter_oxid *entry)
{
    uint64_t words[WORDS];
    uint64_t next = atomic_load_explicit(&row->sequence, memory_order_relaxed) + 1;
    memcpy(words, entry, sizeof words);
    atomic_thread_fence(memory_order_release);
    for (unsigned i = 0; i < WORDS; i++)
        atomic_store_explicit(&row->copies[next & 1][i], words[i], memory_order_relaxed);
    atomic_store_explicit(&row->sequence, next, memory_order_release);
}

static void read_row(const struct row *row, struct exporter_oxid *ret_entry)
{
    uint64_t words[WORDS], before, after;
    do {
        before = atomic_load_explicit(&row->sequence, memory_order_acquire);
        for (unsigned i = 0; i < WORDS; i++)
            words[i] = atomic_load_explicit(&row->copies[before & 1][i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&row->sequence, memory_order_relaxed);
    } while (before != after);
    memcpy(ret_entry, words, sizeof words);
}

static unsigned find_row(const struct oxid_table *table, uint64_t oxid)
{
    unsigned i = 0;
    while (i < EXPORTER_OXIDS_MAX &&
           atomic_load_explicit(&table->keys[i], memory_order_acquire) != oxid)
        i++;
    return i;
}

bool oxid_table_row(const struct oxid_table *table, unsigned row, struct exporter_oxid *ret_entry)
{
    uint64_t oxid = atomic_load_explicit(&table->keys[row], memory_order_acquire);
    if (oxid == 0)
        return false;
    read_row(&table->rows[row], ret_entry);
    return ret_entry->oxid == oxid; // the row may have changed hands meanwhile
}

bool oxid_table_find(const struct oxid_table *table, uint64_t oxid, struct exporter_oxid *ret_entry)
{
    unsigned row = oxid == 0 ? EXPORTER_OXIDS_MAX : find_row(table, oxid);
    return row < EXPORTER_OXIDS_MAX && oxid_table_row(table, row, ret_entry) &&
           ret_entry->oxid == oxid;
}

// ---- objects

static unsigned home_of(uint64_t oid)
{
    return (unsigned)((oid * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (OID_SLOTS - 1);
}

// The slot of the object, or OID_SLOTS.
static unsigned find_oid(const struct oxid_table *table, uint64_t oid)
{
    for (unsigned i = 0; i < OID_SLOTS; i++) {
        unsigned slot = (home_of(oid) + i) & (OID_SLOTS - 1);
        uint64_t found = atomic_load_explicit(&table->oids[slot], memory_order_relaxed);
        if (found == oid)
            return slot;
        if (found == OID_NONE)
            break;
    }
    return OID_SLOTS;
}

bool oxid_table_has_oid(const struct oxid_table *table, uint64_t oid)
{
    return oid != OID_NONE && oid != OID_GONE && find_oid(table, oid) < OID_SLOTS;
}

static void add_oid(struct oxid_table *table, uint64_t oid)
{
    unsigned slot = home_of(oid);
    for (;; slot = (slot + 1) & (OID_SLOTS - 1)) {
        uint64_t found = atomic_load_explicit(&table->oids[slot], memory_order_relaxed);
        if (found == OID_NONE || found == OID_GONE)
            break;
    }
    atomic_store_explicit(&table->oids[slot], oid, memory_order_relaxed);
}

// Marks the slot as one to search on behind; marks that nothing stands behind are taken away, so
// that searches stay short however often objects come and go.
static void remove_oid(struct oxid_table *table, uint64_t oid)
{
    unsigned slot = find_oid(table, oid);
    unsigned next = (slot + 1) & (OID_SLOTS - 1);
    atomic_store_explicit(&table->oids[slot], OID_GONE, memory_order_relaxed);
    if (atomic_load_explicit(&table->oids[next], memory_order_relaxed) != OID_NONE)
        return;
    while (atomic_load_explicit(&table->oids[slot], memory_order_relaxed) == OID_GONE) {
        atomic_store_explicit(&table->oids[slot], OID_NONE, memory_order_relaxed);
        slot = (slot - 1) & (OID_SLOTS - 1);
    }
}

static bool oids_are_new(const struct oxid_table *table, const struct exporter_oxid *entry)
{
    for (uint32_t i = 0; i < entry->oid_count; i++) {
        uint64_t oid = entry->oids[i];
        if (oid == OID_NONE || oid == OID_GONE || oxid_table_has_oid(table, oid))
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (entry->oids[j] == oid)
                return false;
        }
    }
    return true;
}

enum oxid_table_result oxid_table_add(struct oxid_table *table, const struct exporter_oxid *entry)
{
    if (find_row(table, entry->oxid) < EXPORTER_OXIDS_MAX)
        return OXID_TABLE_TAKEN;
    if (!oids_are_new(table, entry))
        return OXID_TABLE_OID_TAKEN;
    unsigned row = find_row(table, 0);
    if (row == EXPORTER_OXIDS_MAX)
        return OXID_TABLE_FULL;
    write_row(&table->rows[row], entry);
    for (uint32_t i = 0; i < entry->oid_count; i++)
        add_oid(table, entry->oids[i]);
    atomic_store_explicit(&table->keys[row], entry->oxid, memory_order_release);
    return OXID_TABLE_OK;
}

enum oxid_table_result oxid_table_remove(struct oxid_table *table, uint64_t oxid)
{
    struct exporter_oxid entry;
    unsigned row = oxid == 0 ? EXPORTER_OXIDS_MAX : find_row(table, oxid);
    if (row == EXPORTER_OXIDS_MAX)
        return OXID_TABLE_UNKNOWN;
    read_row(&table->rows[row], &entry);
    atomic_store_explicit(&table->keys[row], 0, memory_order_release);
    for (uint32_t i = 0; i < entry.oid_count; i++)
        remove_oid(table, entry.oids[i]);
    return OXID_TABLE_OK;
}
