#include "exporter/ping_sets.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "exporter/oxid_table.h"

enum { ROW_MASK = PING_SETS_MAX - 1, BUCKETS = PING_SETS_MAX / PING_SETS_PER_CLIENT };

struct set {
    _Atomic uint64_t id;                      // 0: never used
    _Atomic uint32_t pinged;                  // when, last
    _Atomic uint32_t taken;                   // a worker changes it
    uint32_t lives;                           // so far; of the holder
    uint16_t sequence;                        // of the holder
    _Atomic uint64_t oids[PING_SET_OIDS_MAX]; // 0: none; of the holder, others only look
} __attribute__((aligned(64)));

struct ping_sets {
    const struct oxid_table *table;
    uint8_t secret[16];
    struct set rows[PING_SETS_MAX];
};

struct ping_sets *ping_sets_create(const struct oxid_table *table, const uint8_t secret[16])
{
    struct ping_sets *sets = aligned_alloc(64, (sizeof *sets + 63) & ~(size_t)63);
    if (!sets)
        return NULL;
    memset(sets, 0, sizeof *sets);
    sets->table = table;
    memcpy(sets->secret, secret, sizeof sets->secret);
    return sets;
}

void ping_sets_destroy(struct ping_sets *sets)
{
    free(sets);
}

static bool is_alive(const struct set *row, uint32_t now)
{
    // Another worker may have written a later second than this one knows: that is alive.
    uint32_t pinged = atomic_load_explicit(&row->pinged, memory_order_relaxed);
    return atomic_load_explicit(&row->id, memory_order_acquire) != 0 &&
           (now < pinged || now - pinged <= PING_EXPIRY_S);
}

static bool take(struct set *row)
{
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(&row->taken, &free, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static void give_back(struct set *row)
{
    atomic_store_explicit(&row->taken, 0, memory_order_release);
}

uint32_t ping_sets_simple(struct ping_sets *sets, uint64_t set, uint32_t now)
{
    struct set *row = &sets->rows[set & ROW_MASK];
    if (set == 0 || atomic_load_explicit(&row->id, memory_order_acquire) != set ||
        !is_alive(row, now))
        return NDR_OXID_STATUS_INVALID_SET;
    atomic_store_explicit(&row->pinged, now, memory_order_relaxed);
    return NDR_OXID_STATUS_OK;
}

// ---- the objects of a set, aside from it while they are changed

static unsigned position(const uint64_t oids[PING_SET_OIDS_MAX], uint64_t oid)
{
    unsigned i = 0;
    while (i < PING_SET_OIDS_MAX && oids[i] != oid)
        i++;
    return i;
}

// Adds what the ping adds; objects nobody exports are skipped or refused.
static uint32_t add_oids(const struct ping_sets *sets, uint64_t oids[PING_SET_OIDS_MAX],
                         const struct ndr_oxid_oids *add, bool skip_unknown)
{
    for (unsigned i = 0; i < add->count; i++) {
        uint64_t oid = ndr_oxid_oid(add, i);
        if (!oxid_table_has_oid(sets->table, oid)) {
            if (skip_unknown)
                continue;
            return NDR_OXID_STATUS_INVALID_OID;
        }
        if (position(oids, oid) < PING_SET_OIDS_MAX)
            continue;
        unsigned room = position(oids, 0);
        if (room == PING_SET_OIDS_MAX)
            return NDR_OXID_STATUS_NO_RESOURCES;
        oids[room] = oid;
    }
    return NDR_OXID_STATUS_OK;
}

static void remove_oids(uint64_t oids[PING_SET_OIDS_MAX], const struct ndr_oxid_oids *remove)
{
    for (unsigned i = 0; i < remove->count; i++) {
        uint64_t oid = ndr_oxid_oid(remove, i);
        unsigned at = position(oids, oid);
        if (at < PING_SET_OIDS_MAX)
            oids[at] = 0;
    }
}

static void store_oids(struct set *row, const uint64_t oids[PING_SET_OIDS_MAX])
{
    for (unsigned i = 0; i < PING_SET_OIDS_MAX; i++)
        atomic_store_explicit(&row->oids[i], oids[i], memory_order_relaxed);
}

// ---- ComplexPing

static uint64_t next_id(const struct ping_sets *sets, const struct set *row)
{
    uint32_t life[2] = {(uint32_t)(row - sets->rows), row->lives};
    // Odd above the row number, so that no id is 0.
    return (base_siphash(sets->secret, life, sizeof life) | 1) * PING_SETS_MAX | life[0];
}

// A row of the client's that is taken and whose set, if it had one, has expired.
static struct set *take_free(struct ping_sets *sets, uint64_t client, uint32_t now)
{
    struct set *bucket = &sets->rows[client % BUCKETS * PING_SETS_PER_CLIENT];
    for (unsigned i = 0; i < PING_SETS_PER_CLIENT; i++) {
        struct set *row = &bucket[i];
        if (is_alive(row, now) || !take(row))
            continue;
        if (!is_alive(row, now))
            return row;
        give_back(row);
    }
    return NULL;
}

static uint32_t create(struct ping_sets *sets, uint64_t client, const struct ndr_oxid_ping *ping,
                       uint32_t now, uint64_t *ret_set)
{
    uint64_t oids[PING_SET_OIDS_MAX] = {0};
    uint32_t status = add_oids(sets, oids, &ping->add, true);
    if (status != NDR_OXID_STATUS_OK)
        return status;
    remove_oids(oids, &ping->remove);
    struct set *row = take_free(sets, client, now);
    if (!row)
        return NDR_OXID_STATUS_NO_RESOURCES;
    row->lives++;
    row->sequence = ping->sequence;
    store_oids(row, oids);
    atomic_store_explicit(&row->pinged, now, memory_order_relaxed);
    *ret_set = next_id(sets, row);
    atomic_store_explicit(&row->id, *ret_set, memory_order_release);
    give_back(row);
    return NDR_OXID_STATUS_OK;
}

// [MS-DCOM] 3.1.2.5.1.3: a ping that was overtaken by a later one changes nothing; additions come
// before removals.
static uint32_t change(const struct ping_sets *sets, struct set *row,
                       const struct ndr_oxid_ping *ping)
{
    if ((int16_t)(uint16_t)(ping->sequence - row->sequence) < 0)
        return NDR_OXID_STATUS_OK;
    uint64_t oids[PING_SET_OIDS_MAX];
    for (unsigned i = 0; i < PING_SET_OIDS_MAX; i++)
        oids[i] = atomic_load_explicit(&row->oids[i], memory_order_relaxed);
    uint32_t status = add_oids(sets, oids, &ping->add, false);
    if (status != NDR_OXID_STATUS_OK)
        return status;
    remove_oids(oids, &ping->remove);
    store_oids(row, oids);
    row->sequence = ping->sequence;
    return NDR_OXID_STATUS_OK;
}

uint32_t ping_sets_complex(struct ping_sets *sets, uint64_t client,
                           const struct ndr_oxid_ping *ping, uint32_t now, uint64_t *ret_set)
{
    if (ping->set == 0)
        return create(sets, client, ping, now, ret_set);
    struct set *row = &sets->rows[ping->set & ROW_MASK];
    if (!take(row))
        return PING_SETS_BUSY;
    uint32_t status = ping_sets_simple(sets, ping->set, now);
    if (status == NDR_OXID_STATUS_OK)
        status = change(sets, row, ping);
    give_back(row);
    *ret_set = ping->set;
    return status;
}

// ---- what the control socket shows

unsigned ping_sets_count(const struct ping_sets *sets, uint32_t now)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PING_SETS_MAX; i++)
        count += is_alive(&sets->rows[i], now);
    return count;
}

unsigned ping_sets_holders(const struct ping_sets *sets, uint64_t oid, uint32_t now)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PING_SETS_MAX; i++) {
        const struct set *row = &sets->rows[i];
        if (!is_alive(row, now))
            continue;
        for (unsigned j = 0; j < PING_SET_OIDS_MAX; j++)
            count += atomic_load_explicit(&row->oids[j], memory_order_relaxed) == oid;
    }
    return count;
}
