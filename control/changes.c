#include "control/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/channel.h"
#include "control/clock.h"
#include "control/control.h"
#include "control/store.h"
#include "mapper/change.h"
#include "mapper/map.h"

enum {
    SPIN_US = 50,   // a busy worker applies within one of its iterations
    RECHECK_MS = 1, // an idle one when it wakes
    TAKE_MAX = 32,  // changes taken from a channel at once
    PENDING_MAX = 65536,
};

struct pending {
    TAILQ_ENTRY(pending) link;
    bool refused;      // by the map
    uint64_t sequence; // from here on only when it is kept
    uint64_t deadline_us;
    control_changes_answer answer; // NULL: the owner has gone
    void *owner;
};

TAILQ_HEAD(pending_list, pending);

struct lane {
    struct control_changes *changes;
    struct control_channel *channel;
    struct event *wake;
};

struct control_changes {
    const struct control_options *options;
    struct pending_list held;    // until the map is released
    struct pending_list pending; // in the order of their sequence, as the log hands them out
    unsigned pending_count;      // in both
    struct event *release;
    struct event *recheck;
    struct lane lanes[CONTROL_WORKER_MAX];
};

static void slowest_worker(const struct control_changes *changes, uint64_t sequence, char *text,
                           size_t size)
{
    const struct control_options *options = changes->options;
    unsigned slowest = 0;
    for (unsigned i = 1; i < options->worker_count; i++) {
        if (mapper_log_position(options->log, i) < mapper_log_position(options->log, slowest))
            slowest = i;
    }
    snprintf(
        text, size,
        "worker %u on core %u stands at log position %llu and has not applied %llu within %d s;"
        " it does so when it runs again",
        slowest, options->workers[slowest].core,
        (unsigned long long)mapper_log_position(options->log, slowest),
        (unsigned long long)sequence, CONTROL_CHANGES_PATIENCE_MS / 1000);
}

// Takes `pending`, which is on no list any more.
static void end(struct control_changes *changes, struct pending *pending, const char *reason,
                const char *error)
{
    changes->pending_count--;
    if (pending->answer != NULL)
        pending->answer(pending->owner, reason, error);
    free(pending);
}

static void answer_first(struct control_changes *changes, struct pending_list *list,
                         const char *reason, const char *error)
{
    struct pending *first = TAILQ_FIRST(list);
    TAILQ_REMOVE(list, first, link);
    end(changes, first, reason, error);
}

// Answers what is complete or too late; comes back in a millisecond while something is left.
static void settle(struct control_changes *changes)
{
    uint64_t applied = mapper_log_applied(changes->options->log);
    uint64_t now = control_now_us();
    struct pending *first;
    while ((first = TAILQ_FIRST(&changes->pending)) != NULL) {
        char error[256];
        bool complete = first->sequence <= applied;
        if (!complete && now < first->deadline_us)
            break;
        if (!complete)
            slowest_worker(changes, first->sequence, error, sizeof error);
        answer_first(changes, &changes->pending, "unavailable", complete ? NULL : error);
    }
    mapper_map_reclaim(changes->options->map);
    const struct timeval delay = {.tv_usec = RECHECK_MS * 1000};
    if (first != NULL)
        evtimer_add(changes->recheck, &delay);
}

static void on_recheck(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    settle(context);
}

// Gives the workers a moment, then settles.
static void spin_and_settle(struct control_changes *changes)
{
    struct pending *last = TAILQ_LAST(&changes->pending, pending_list);
    uint64_t until = control_now_us() + SPIN_US;
    while (last != NULL && mapper_log_applied(changes->options->log) < last->sequence &&
           control_now_us() < until)
        __builtin_ia32_pause();
    settle(changes);
}

// ---- changes held back

// Those that were kept go on to wait for the replicas.
static void answer_held(struct control_changes *changes, const char *reason, const char *error)
{
    uint64_t sequence = mapper_log_head(changes->options->log);
    uint64_t deadline_us = control_now_us() + CONTROL_CHANGES_PATIENCE_MS * 1000;
    struct pending *first;
    while ((first = TAILQ_FIRST(&changes->held)) != NULL) {
        TAILQ_REMOVE(&changes->held, first, link);
        if (error != NULL || first->refused) {
            end(changes, first, reason, error);
            continue;
        }
        first->sequence = sequence;
        first->deadline_us = deadline_us;
        TAILQ_INSERT_TAIL(&changes->pending, first, link);
    }
}

static void release(struct control_changes *changes)
{
    const char *reason = NULL, *error = NULL;
    if (mapper_map_release(changes->options->map) != NDR_EPM_STATUS_OK)
        reason = control_store_problem(changes->options->store, &error);
    answer_held(changes, reason, error);
}

static void on_release(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    release(context);
    spin_and_settle(context);
}

bool control_changes_wait(struct control_changes *changes, bool refused,
                          control_changes_answer answer, void *owner)
{
    // It runs behind the events that are ready by now, and so takes their changes along.
    event_active(changes->release, EV_TIMEOUT, 0);
    struct pending *pending = changes->pending_count < PENDING_MAX ? malloc(sizeof *pending) : NULL;
    if (pending == NULL)
        return false;
    *pending = (struct pending){.refused = refused, .answer = answer, .owner = owner};
    TAILQ_INSERT_TAIL(&changes->held, pending, link);
    changes->pending_count++;
    return true;
}

static void forget(struct pending_list *list, const void *owner)
{
    struct pending *pending;
    TAILQ_FOREACH(pending, list, link)
    {
        if (pending->owner == owner)
            pending->answer = NULL;
    }
}

void control_changes_forget(struct control_changes *changes, const void *owner)
{
    forget(&changes->held, owner);
    forget(&changes->pending, owner);
}

// ---- changes from the workers

static uint32_t carry_out(struct mapper_map *map, const struct mapper_change *change)
{
    switch (change->kind) {
    case MAPPER_CHANGE_INSERT:
        return mapper_map_insert(map, change->entries, change->count, change->replace != 0,
                                 MAPPER_ORIGIN_NETWORK);
    case MAPPER_CHANGE_DELETE:
        return mapper_map_delete(map, change->entries, change->count);
    case MAPPER_CHANGE_MGMT_DELETE:
        return mapper_map_mgmt_delete(map, &change->mgmt_delete);
    }
    return NDR_EPM_STATUS_CANT_PERFORM_OP;
}

// A change that a lane waits for: the pool it comes from keeps it until it is handed back.
struct lane_change {
    struct lane *lane;
    struct mapper_change *change;
};

static void hand_back(void *owner, const char *reason, const char *error)
{
    struct lane_change *waiting = owner;
    (void)reason;
    if (error != NULL)
        waiting->change->status = NDR_EPM_STATUS_UPDATE_FAILED;
    control_channel_done(waiting->lane->channel, waiting->change);
    free(waiting);
}

static void take_change(struct lane *lane, struct mapper_change *change)
{
    struct control_changes *changes = lane->changes;
    mapper_map_hold(changes->options->map);
    change->status = carry_out(changes->options->map, change);
    struct lane_change *waiting = malloc(sizeof *waiting);
    if (waiting != NULL) {
        *waiting = (struct lane_change){lane, change};
        bool refused = change->status != NDR_EPM_STATUS_OK;
        if (control_changes_wait(changes, refused, hand_back, waiting))
            return;
        free(waiting);
    }
    change->status = NDR_EPM_STATUS_NO_MEMORY;
    control_channel_done(lane->channel, change);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct lane *lane = context;
    uint64_t wakes;
    (void)what;
    // The counter is cleared before the ring is read, so a change submitted meanwhile wakes again.
    ssize_t size = read(fd, &wakes, sizeof wakes);
    (void)size;
    struct mapper_change *taken[TAKE_MAX];
    unsigned count;
    while ((count = control_channel_take(lane->channel, taken, TAKE_MAX)) > 0) {
        for (unsigned i = 0; i < count; i++)
            take_change(lane, taken[i]);
    }
}

// ---- life

static bool open_lane(struct control_changes *changes, struct event_base *base, unsigned worker)
{
    struct lane *lane = &changes->lanes[worker];
    lane->changes = changes;
    lane->channel = changes->options->workers[worker].channel;
    if (lane->channel == NULL)
        return true;
    lane->wake = event_new(base, control_channel_wake_fd(lane->channel), EV_READ | EV_PERSIST,
                           on_wake, lane);
    return lane->wake != NULL && event_add(lane->wake, NULL) == 0;
}

struct control_changes *control_changes_create(struct event_base *base,
                                               const struct control_options *options)
{
    struct control_changes *changes = calloc(1, sizeof *changes);
    if (changes == NULL)
        return NULL;
    changes->options = options;
    TAILQ_INIT(&changes->held);
    TAILQ_INIT(&changes->pending);
    changes->release = event_new(base, -1, 0, on_release, changes);
    changes->recheck = evtimer_new(base, on_recheck, changes);
    bool opened = changes->release != NULL && changes->recheck != NULL;
    for (unsigned i = 0; opened && i < options->worker_count; i++)
        opened = open_lane(changes, base, i);
    if (opened)
        return changes;
    control_changes_destroy(changes);
    return NULL;
}

void control_changes_destroy(struct control_changes *changes)
{
    if (changes == NULL)
        return;
    // What the map still holds back is kept: nobody was told that it failed.
    release(changes);
    while (!TAILQ_EMPTY(&changes->pending))
        answer_first(changes, &changes->pending, "unavailable", "the server is stopping");
    for (unsigned i = 0; i < CONTROL_WORKER_MAX; i++) {
        if (changes->lanes[i].wake != NULL)
            event_free(changes->lanes[i].wake);
    }
    if (changes->release != NULL)
        event_free(changes->release);
    if (changes->recheck != NULL)
        event_free(changes->recheck);
    free(changes);
}
