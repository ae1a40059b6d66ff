// The authoritative map. Owned by the control thread, which alone calls these functions.
// It validates a change whole, then appends it to the op log; replicas follow (mapper/replica.h).
//
// Limits. A change of more operations than the log has room for is refused (UPDATE_FAILED), so the
// log's capacity bounds what one mapper_map_mgmt_delete can remove; that call scans the whole map.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mapper/entry.h"
#include "mapper/log.h"

struct mapper_map;

struct mapper_options {
    uint32_t capacity;        // entries at most
    bool allow_nil_interface; // accept a nil interface UUID (C706 and Windows refuse it)
};

// A map that appends to `log` (which stays the caller's). NULL when there is no memory.
struct mapper_map *mapper_map_create(const struct mapper_options *options, struct mapper_log *log);
void mapper_map_destroy(struct mapper_map *map);

// Changes. Each returns an ept_* status of ndr/epm.h; on anything but 0 the map is unchanged.
// After status 0 the change is complete for readers when mapper_log_applied(log) has reached the
// mapper_log_head(log) of that moment. MAPPER: NO_MEMORY when the map is full, UPDATE_FAILED when
// the log has no room because a worker does not read it.

// ept_insert of `count` entries (C706 ept_insert; protocol notes 3.10): exact duplicates only
// update the annotation (and keep the stronger origin: static, control, network); with `replace`,
// entries of the same object, interface, major version, protocol sequence and transfer syntax at
// the same network address give way, but entries of one call not to each other.
uint32_t mapper_map_insert(struct mapper_map *map, const struct ndr_epm_entry *entries,
                           uint32_t count, bool replace, enum mapper_origin origin);
// ept_delete: object and tower must match, the annotation is not compared. NOT_REGISTERED when any
// of them is not there (then none is removed).
uint32_t mapper_map_delete(struct mapper_map *map, const struct ndr_epm_entry *entries,
                           uint32_t count);
// The configuration's entries become others, at once for every reader: those of `leaving` go unless
// somebody else registered them since (those that are not there are passed over), those of `coming`
// are inserted as static ones.
uint32_t mapper_map_exchange(struct mapper_map *map, const struct ndr_epm_entry *leaving,
                             uint32_t leaving_count, const struct ndr_epm_entry *coming,
                             uint32_t coming_count);
// ept_mgmt_delete: interface, exact version, address and (if the tower has one) endpoint, and
// object when it is given.
uint32_t mapper_map_mgmt_delete(struct mapper_map *map, const struct ndr_epm_mgmt_delete *request);

// Puts an entry back into the slot it had when it was recorded (see mapper_record), before anybody
// reads the log. INVALID_ENTRY when it is malformed or the slot is taken; NO_MEMORY when `slot` is
// not below the capacity. A nil interface is let through: it was accepted once.
uint32_t mapper_map_restore(struct mapper_map *map, const struct ndr_epm_entry *registration,
                            enum mapper_origin origin, uint32_t slot);

// Whether mapper_map_insert would take all of `entries` as they are; OK or INVALID_ENTRY. *ret_new
// is how many of them are not in the map yet.
uint32_t mapper_map_check(const struct mapper_map *map, const struct ndr_epm_entry *entries,
                          uint32_t count, uint32_t *ret_new);

// Keeps what changes the map, so that it outlives the process: called with the `count` operations
// of one or more whole changes before any replica sees them. Returns OK when they are safe, or the
// status that the changes fail with, which are undone then.
typedef uint32_t (*mapper_record)(void *context, const struct mapper_op *ops, uint32_t count);
void mapper_map_set_record(struct mapper_map *map, mapper_record record, void *context);

// Puts changes together: those after mapper_map_hold are carried out on the map, one by one whole
// or not at all, and are recorded and appended to the log by mapper_map_release, all of them or
// none. Holding twice is holding once; releasing without holding is OK.
void mapper_map_hold(struct mapper_map *map);
// What the record answered: on anything but OK no change since mapper_map_hold has taken place.
uint32_t mapper_map_release(struct mapper_map *map);

// Frees entries whose removal every replica has applied. Cheap; call after changes settle.
void mapper_map_reclaim(struct mapper_map *map);

// The entry with this object and tower, or NULL; valid until the next change.
const struct mapper_entry *mapper_map_find(const struct mapper_map *map,
                                           const struct ndr_epm_entry *registration);
// Entries now.
uint32_t mapper_map_count(const struct mapper_map *map);
// Entries at most.
uint32_t mapper_map_capacity(const struct mapper_map *map);
// The entry in `slot` (0 <= slot < mapper_map_slots) or NULL: for export and for tests.
const struct mapper_entry *mapper_map_at(const struct mapper_map *map, uint32_t slot);
uint32_t mapper_map_slots(const struct mapper_map *map);
