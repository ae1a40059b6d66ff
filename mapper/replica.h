// A worker's own copy of the map's index. Only that worker calls these functions; nothing in a
// replica is written by another thread, so a lookup takes no lock and no atomic operation.
// Entries themselves are shared and immutable (mapper/entry.h).
//
// Each entry keeps its slot for life and all replicas give it the same one, so a position in an
// enumeration is a slot number: O(1) to resume, valid on every worker, and an entry that was there
// all the time is listed exactly once whatever came and went around it.
//
// A million entries take some 50 octets each in every replica: 16 for the slot, and in each of two
// indexes 8 for the link and 8 to 16 for the bucket. The entries themselves, 256 octets with a
// tower of 75, are there once.
//
// Limits. mapper_replica_lookup by interface, or for all, scans the slots (16 bytes each) from the
// position on: with a million entries and few matches a call takes milliseconds. By object it does
// not. Changes among thousands of entries with one and the same key slow down (mapper/index.h).
// Listing the mgmt interface's endpoints in several answers may repeat an endpoint that an earlier
// answer had.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mapper/entry.h"
#include "mapper/log.h"

struct mapper_replica;

// An empty replica for up to `capacity` entries that reads `log` as `reader`. NULL: no memory.
struct mapper_replica *mapper_replica_create(uint32_t capacity, struct mapper_log *log,
                                             unsigned reader);
void mapper_replica_destroy(struct mapper_replica *replica);

// Applies what the log holds for this reader, all of it. Returns how many operations.
// Call between bursts: pointers got from this replica before are invalid afterwards.
uint32_t mapper_replica_apply(struct mapper_replica *replica);

enum {
    MAPPER_ANSWER_MAX = 16,      // towers one ept_map answer carries; the rest by continuation
    MAPPER_END = UINT32_MAX - 1, // "no further match"
};

// One ept_map question. It begins as an entry does, so that the two are compared at once.
struct mapper_query {
    struct base_uuid object;        // nil: only entries registered without an object
    struct ndr_syntax_id interface; // minor: the least that will do
    struct ndr_syntax_id transfer;
    uint64_t protseq_key;
    uint32_t position; // slot to start from: 0, or `next` of the answer before
    uint32_t max;      // towers wanted, at least 1
};

struct mapper_answer {
    uint32_t status; // 0, NOT_REGISTERED or INVALID_ENTRY
    uint32_t count;
    uint32_t next; // position of the next match, or MAPPER_END
    const struct mapper_entry *entries[MAPPER_ANSWER_MAX];
};

// Answers `count` questions at once (hash all, probe all, confirm all, each stage prefetching for
// the next). C706 ept_map: entries whose object equals the question's; if there is none, entries
// with a nil object. Asking for the mgmt interface itself: one answer per endpoint of the object,
// INVALID_ENTRY for a nil object.
void mapper_replica_map(const struct mapper_replica *replica, const struct mapper_query *queries,
                        struct mapper_answer *ret_answers, unsigned count);

// The quick half of that, for what nearly all questions are: ret_entries[i] is the one entry that
// answers maps[i] from the first position on, however many towers it wants. NULL: it is not that
// simple, ask mapper_replica_map. `count` is at most MAPPER_FIND_MAX. Of a map only the members
// from object to protseq_key are looked at, set or not.
enum { MAPPER_FIND_MAX = 32 };
void mapper_replica_find(const struct mapper_replica *replica, const struct ndr_epm_map *maps,
                         const struct mapper_entry **ret_entries, unsigned count);

// One ept_lookup question.
struct mapper_inquiry {
    enum ndr_epm_inquiry type;
    enum ndr_epm_version_option versions; // consulted for BY_INTERFACE and BY_BOTH
    struct base_uuid object;
    struct ndr_syntax_id interface;
};

// Lists up to `max` matches from slot `position` on. Returns how many; *ret_next is the position
// of the next match after them, or MAPPER_END.
uint32_t mapper_replica_lookup(const struct mapper_replica *replica,
                               const struct mapper_inquiry *inquiry, uint32_t position,
                               const struct mapper_entry **ret_entries, uint32_t max,
                               uint32_t *ret_next);

// Entries in this replica.
uint32_t mapper_replica_count(const struct mapper_replica *replica);
