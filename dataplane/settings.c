// Why this needs no lock.
//
// Shared state: per worker, `settings`, written by control alone, and `settings_taken`, written by
// that worker alone. A block is complete before its address is stored with release, and a worker
// loads it with acquire; nobody writes to a block after that.
//
// What a worker may read is not freed. It copies the numbers and keeps the address of the prefixes,
// which it uses within calls of later turns; when it takes another block it first lets go of the
// one before (rpc_configure) and then stores the new address as taken, with release. Control loads
// that with acquire, and frees older blocks only when every worker has taken the newest.
//
// A worker that stops keeps a block from being freed and delays nobody.
#include "dataplane/settings.h"

#include <stdlib.h>
#include <unistd.h>

#include "control/config.h"
#include "dataplane/worker.h"

enum { STEP_US = 500, STEPS = 40 };

struct dataplane_settings *dataplane_settings_create(const struct control_config *config)
{
    unsigned count = config->mapper.registrations.allow_count;
    struct dataplane_settings *settings =
        calloc(1, sizeof *settings + count * sizeof *settings->allow);
    if (!settings)
        return NULL;
    settings->rpc = (struct rpc_settings){
        .contexts = config->limits.contexts,
        .calls = config->limits.calls,
        .half_pdu_timeout = config->limits.half_pdu_timeout * UINT64_C(1000000),
        .idle_timeout = config->limits.idle_timeout * UINT64_C(1000000),
        .allow = settings->allow,
    };
    for (unsigned i = 0; i < count; i++) {
        struct rpc_prefix *prefix = &settings->allow[settings->rpc.allow_count];
        if (control_prefix_parse_mapped(config->mapper.registrations.allow[i], prefix->address,
                                        &prefix->length))
            settings->rpc.allow_count++;
    }
    return settings;
}

void dataplane_settings_destroy(struct dataplane_settings *settings)
{
    while (settings) {
        struct dataplane_settings *before = settings->before;
        free(settings);
        settings = before;
    }
}

static bool all_taken(struct worker *workers, unsigned count,
                      const struct dataplane_settings *settings)
{
    for (unsigned i = 0; i < count; i++) {
        if (atomic_load_explicit(&workers[i].settings_taken, memory_order_acquire) != settings)
            return false;
    }
    return true;
}

struct dataplane_settings *dataplane_settings_publish(struct dataplane_settings *settings,
                                                      struct dataplane_settings *next,
                                                      struct worker *workers, unsigned count)
{
    next->before = settings;
    for (unsigned i = 0; i < count; i++)
        atomic_store_explicit(&workers[i].settings, next, memory_order_release);
    for (unsigned i = 0; i < STEPS && !all_taken(workers, count, next); i++)
        usleep(STEP_US);
    if (all_taken(workers, count, next)) {
        dataplane_settings_destroy(next->before);
        next->before = NULL;
    }
    return next;
}

void dataplane_settings_take(struct worker *worker)
{
    const struct dataplane_settings *next =
        atomic_load_explicit(&worker->settings, memory_order_acquire);
    if (next == atomic_load_explicit(&worker->settings_taken, memory_order_relaxed))
        return;
    rpc_configure(worker->rpc, &next->rpc);
    atomic_store_explicit(&worker->settings_taken, next, memory_order_release);
}
