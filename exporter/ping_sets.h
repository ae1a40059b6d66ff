// Ping sets ([MS-DCOM] 3.1.2.1.3): which objects each client still holds. A client creates a set
// with ComplexPing and keeps it alive with SimplePing every 120 s; it expires when three are
// missed. Shared by all workers, because a set may be pinged over any connection.
//
// No worker ever waits for another:
// - A set is one row of a fixed table. SimplePing compares the row's id and writes the time: two
//   atomic words. When the row changes hands in between, the new set, made this very second, is
//   pinged once more: no harm.
// - ComplexPing takes the row by compare-and-swap for the few microseconds in which it changes it.
//   A worker that finds it taken gives up at once (PING_SETS_BUSY, a fault the client repeats
//   after). Only clients that change one set over two connections at the same moment see that.
// - Taking acquires and giving back releases, so each holder sees what the last one left.
// - An id is the row and 52 bits under the server's secret, new for each life: nobody can ping or
//   change a set that he did not make.
// A client's sets live in the few rows its address picks, so that no client can use up the table
// and a search is short.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/oxid.h"

struct oxid_table;
struct ping_sets;

enum {
    PING_SETS_MAX = 4096,
    PING_SETS_PER_CLIENT = 16,
    PING_SET_OIDS_MAX = 64,
    PING_PERIOD_S = 120,
    PING_EXPIRY_S = 3 * PING_PERIOD_S,
};

#define PING_SETS_BUSY UINT32_MAX

// NULL: no memory. `table` must outlive it.
struct ping_sets *ping_sets_create(const struct oxid_table *table, const uint8_t secret[16]);
void ping_sets_destroy(struct ping_sets *sets);

// ---- any thread. `now` is in seconds of a clock that all share.

// NDR_OXID_STATUS_OK or NDR_OXID_STATUS_INVALID_SET.
uint32_t ping_sets_simple(struct ping_sets *sets, uint64_t set, uint32_t now);
// Creates or changes a set of `client` (a hash of its address). Returns a status or PING_SETS_BUSY;
// *ret_set is the set's id when the status is OK.
uint32_t ping_sets_complex(struct ping_sets *sets, uint64_t client,
                           const struct ndr_oxid_ping *ping, uint32_t now, uint64_t *ret_set);
// How many sets are alive.
unsigned ping_sets_count(const struct ping_sets *sets, uint32_t now);
// How many live sets hold the object.
unsigned ping_sets_holders(const struct ping_sets *sets, uint64_t oid, uint32_t now);
