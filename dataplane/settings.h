// What a reload gives to the workers: a block that control makes and never changes, and a pointer
// to it for each worker (the argument stands in settings.c).
#pragma once

#include <stdbool.h>

#include "rpc/rpc.h"

struct control_config;
struct worker;

struct dataplane_settings {
    struct dataplane_settings *before; // control's own: those that a worker may still go by
    struct rpc_settings rpc;           // its prefixes are those below
    struct rpc_prefix allow[];
};

// As `config` says. NULL: no memory. Any thread.
struct dataplane_settings *dataplane_settings_create(const struct control_config *config);
// With all that were before. When no worker runs.
void dataplane_settings_destroy(struct dataplane_settings *settings);

// ---- control
// Hands `next` to all workers, and waits up to 20 ms for them to go by it. `settings`, what they
// went by, is freed then, and otherwise by one of the next calls. Returns what to give as
// `settings` the next time.
struct dataplane_settings *dataplane_settings_publish(struct dataplane_settings *settings,
                                                      struct dataplane_settings *next,
                                                      struct worker *workers, unsigned count);

// ---- a worker, at the beginning of a turn
void dataplane_settings_take(struct worker *worker);
