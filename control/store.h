// The store: registrations on disk, in an LMDB environment. A change is written and synced before
// the replicas see it, so what was acknowledged is there after a crash of the process or of the
// machine. Owned by the control thread, which alone calls these functions (before it runs, the
// thread that builds it).
//
// An entry is kept under the number of its slot, which is its for life, so an operation of the map
// is one put or one removal here. What the configuration file brings is not kept.
//
// Limits. Whoever registers what is a static endpoint already adds nothing to keep. One process at
// a time uses a directory. The files are of the machine's byte order; `portolan export` moves a
// map.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/counter.h"
#include "mapper/map.h"

struct control_store;

enum { CONTROL_STORE_SCHEMA = 1 }; // of the database; a newer one is refused

// Counters of the store: identifier, name, kind, help. Refusals are counted per write, which may
// hold several changes.
#define CONTROL_STORE_COUNTERS(X)                                                                  \
    X(CONTROL_STORE_COMMITS, "commits", BASE_COUNTER_EVENT, "writes that are on disk")             \
    X(CONTROL_STORE_OPERATIONS, "operations", BASE_COUNTER_EVENT,                                  \
      "entries put and removed by them")                                                           \
    X(CONTROL_STORE_DROP_DISK_FULL, "drop_disk_full", BASE_COUNTER_DROP,                           \
      "writes refused because the disk has no space")                                              \
    X(CONTROL_STORE_DROP_FULL, "drop_full", BASE_COUNTER_DROP,                                     \
      "writes refused because the database has reached its largest size")                          \
    X(CONTROL_STORE_DROP_FAILED, "drop_failed", BASE_COUNTER_DROP,                                 \
      "writes that the system or the database failed")

enum control_store_counter {
    CONTROL_STORE_COUNTERS(BASE_COUNTER_ENUM) CONTROL_STORE_COUNTER_COUNT
};

struct control_store_options {
    const char *directory; // made with mode 0750 when only that one is missing
    uint32_t capacity;     // entries at most
    uint64_t size_max;     // bytes of the database at most; 0: enough for `capacity`
};

// Opens the store, or makes an empty one. NULL after saying what is wrong and what to do: the
// directory cannot be used, another process uses it, or its schema is newer.
struct control_store *control_store_open(const struct control_store_options *options);
void control_store_close(struct control_store *store);

// Puts every entry kept into `map`, which is empty, by mapper_map_restore. Before each of them it
// calls `make_room`, which sees to it that the log has room for another operation. False after
// saying which entry is no good.
bool control_store_load(struct control_store *store, struct mapper_map *map,
                        void (*make_room)(void *context), void *context);

// A mapper_record: `store` is the control_store. All operations in one transaction, synced. OK, or
// UPDATE_FAILED with nothing changed.
uint32_t control_store_record(void *store, const struct mapper_op *ops, uint32_t count);

// Why the last write was refused: a reason of the control protocol ("full" or "unavailable"), and a
// sentence for people in *ret_error. Both are valid until the next write.
const char *control_store_problem(const struct control_store *store, const char **ret_error);

// The counters, appended to the rows of `stats`, each with an empty list of workers.
void control_store_report(const struct control_store *store, json_t *counters);
