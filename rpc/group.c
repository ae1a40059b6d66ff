#include "rpc/group.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "rpc/rpc.h"

enum { CACHE_LINE = 64 };

#define NO_LINE UINT32_MAX

struct group {
    _Atomic uint64_t state; // id << 32 | connections
    union {
        uint64_t client;    // of a group: written by the maker before the state is
        uint32_t next_free; // of a line in a list
    };
    _Atomic uint32_t opened;                   // cursors so far: where to look for the oldest
    _Atomic uint32_t epoch[RPC_GROUP_CURSORS]; // odd: live
} __attribute__((aligned(CACHE_LINE)));

_Static_assert(sizeof(struct group) == CACHE_LINE, "a group is one cache line");

struct partition {
    _Atomic uint32_t ended; // a stack of lines whose groups have ended: any worker pushes
    uint32_t free;          // a list of lines to make groups of: only the owning worker
    uint32_t end;           // where the next worker's lines begin
} __attribute__((aligned(CACHE_LINE)));

struct rpc_groups {
    uint32_t slot_mask; // id & slot_mask is the line; the rest of the id tells lives apart
    unsigned workers;
    _Atomic unsigned cursors; // of a group; control writes, workers read. Nothing hangs on it.
    struct partition *partitions;
    struct group *lines;
};

static void init_lines(struct rpc_groups *groups)
{
    uint32_t count = groups->slot_mask + 1, i = 0;
    for (unsigned w = 0; w < groups->workers; w++) {
        uint32_t end = (uint32_t)((uint64_t)count * (w + 1) / groups->workers);
        groups->partitions[w] = (struct partition){.ended = NO_LINE, .free = i, .end = end};
        for (; i < end; i++) {
            struct group *line = &groups->lines[i];
            line->next_free = i + 1 < end ? i + 1 : NO_LINE;
            atomic_init(&line->state, (uint64_t)i << 32);
            atomic_init(&line->opened, 0);
            for (unsigned c = 0; c < RPC_GROUP_CURSORS; c++)
                atomic_init(&line->epoch[c], 0);
        }
    }
}

struct rpc_groups *rpc_groups_create(uint32_t capacity, unsigned workers)
{
    uint32_t lines = 1;
    while (lines < capacity || lines < workers)
        lines *= 2;
    struct rpc_groups *groups = calloc(1, sizeof *groups);
    if (!groups)
        return NULL;
    groups->slot_mask = lines - 1;
    groups->workers = workers;
    atomic_init(&groups->cursors, RPC_GROUP_CURSORS);
    groups->partitions = aligned_alloc(CACHE_LINE, workers * sizeof(struct partition));
    groups->lines = aligned_alloc(CACHE_LINE, lines * sizeof(struct group));
    if (!groups->partitions || !groups->lines) {
        rpc_groups_destroy(groups);
        return NULL;
    }
    init_lines(groups);
    return groups;
}

void rpc_groups_limit_cursors(struct rpc_groups *groups, unsigned cursors)
{
    atomic_store_explicit(&groups->cursors,
                          cursors < RPC_GROUP_CURSORS ? cursors : RPC_GROUP_CURSORS,
                          memory_order_relaxed);
}

void rpc_groups_destroy(struct rpc_groups *groups)
{
    if (!groups)
        return;
    free(groups->partitions);
    free(groups->lines);
    free(groups);
}

static struct group *line_of(const struct rpc_groups *groups, uint32_t id)
{
    return &groups->lines[id & groups->slot_mask];
}

// Cursors of the line's former group die with it: their epochs become even and go on growing.
static void retire_cursors(struct group *line)
{
    for (unsigned i = 0; i < RPC_GROUP_CURSORS; i++) {
        uint32_t epoch = atomic_load_explicit(&line->epoch[i], memory_order_relaxed);
        atomic_store_explicit(&line->epoch[i], epoch + (epoch & 1), memory_order_relaxed);
    }
}

static struct group *take_free_line(struct rpc_groups *groups, struct partition *mine)
{
    // Acquire: pairs with the release of everyone who pushed (each push goes on with the release
    // sequence of those before it).
    if (mine->free == NO_LINE)
        mine->free = atomic_exchange_explicit(&mine->ended, NO_LINE, memory_order_acquire);
    if (mine->free == NO_LINE)
        return NULL;
    struct group *line = &groups->lines[mine->free];
    mine->free = line->next_free;
    return line;
}

static void give_line_back(struct rpc_groups *groups, struct group *line)
{
    uint32_t slot = (uint32_t)(line - groups->lines);
    struct partition *owner = groups->partitions;
    while (slot >= owner->end)
        owner++;
    uint32_t top = atomic_load_explicit(&owner->ended, memory_order_relaxed);
    do {
        line->next_free = top;
    } while (!atomic_compare_exchange_weak_explicit(&owner->ended, &top, slot, memory_order_release,
                                                    memory_order_relaxed));
}

uint32_t rpc_group_new(struct rpc_groups *groups, unsigned worker, uint64_t client)
{
    struct group *line = take_free_line(groups, &groups->partitions[worker]);
    if (!line)
        return 0;
    uint64_t state = atomic_load_explicit(&line->state, memory_order_relaxed);
    uint32_t id = (uint32_t)(state >> 32) + groups->slot_mask + 1;
    if (id <= groups->slot_mask) // wrapped: ids below that stand for "no group yet"
        id += groups->slot_mask + 1;
    retire_cursors(line);
    line->client = client;
    // Release: whoever joins by this id sees the client and the epochs.
    atomic_store_explicit(&line->state, (uint64_t)id << 32 | 1, memory_order_release);
    return id;
}

bool rpc_group_join(struct rpc_groups *groups, uint32_t id, uint64_t client)
{
    struct group *line = line_of(groups, id);
    uint64_t state = atomic_load_explicit(&line->state, memory_order_acquire);
    do {
        if ((uint32_t)(state >> 32) != id || (uint32_t)state == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&line->state, &state, state + 1,
                                                    memory_order_acq_rel, memory_order_acquire));
    // Only now is the line held and `client` certain to be this group's.
    if (line->client == client)
        return true;
    rpc_group_leave(groups, id);
    return false;
}

void rpc_group_leave(struct rpc_groups *groups, uint32_t id)
{
    struct group *line = line_of(groups, id);
    uint64_t state = atomic_fetch_sub_explicit(&line->state, 1, memory_order_acq_rel);
    if ((uint32_t)state == 1)
        give_line_back(groups, line);
}

// From `epoch` to the next odd one: from dead to live, or from one life to another.
static bool take_cursor(_Atomic uint32_t *cursor, uint32_t epoch, uint32_t *ret_epoch)
{
    *ret_epoch = epoch + 1 + (epoch & 1);
    return atomic_compare_exchange_strong_explicit(cursor, &epoch, *ret_epoch, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

unsigned rpc_group_cursor_open(struct rpc_groups *groups, uint32_t id, uint32_t *ret_epoch)
{
    struct group *line = line_of(groups, id);
    unsigned cursors = atomic_load_explicit(&groups->cursors, memory_order_relaxed);
    for (;;) {
        // Cursors are opened in turn, so when none is dead the one whose turn it is is the oldest.
        // An exchange fails only when another worker's has succeeded: somebody always gets on.
        uint32_t turn = atomic_fetch_add_explicit(&line->opened, 1, memory_order_relaxed);
        for (unsigned i = 0; i < cursors; i++) {
            unsigned index = (turn + i) % cursors;
            uint32_t epoch = atomic_load_explicit(&line->epoch[index], memory_order_relaxed);
            if (!(epoch & 1) && take_cursor(&line->epoch[index], epoch, ret_epoch))
                return index;
        }
        unsigned oldest = turn % cursors;
        uint32_t epoch = atomic_load_explicit(&line->epoch[oldest], memory_order_relaxed);
        if (take_cursor(&line->epoch[oldest], epoch, ret_epoch))
            return oldest;
    }
}

uint32_t rpc_group_cursor_epoch(const struct rpc_groups *groups, uint32_t id, unsigned index)
{
    if (index >= RPC_GROUP_CURSORS)
        return 0;
    uint32_t epoch = atomic_load_explicit(&line_of(groups, id)->epoch[index], memory_order_acquire);
    return epoch & 1 ? epoch : 0;
}

void rpc_group_cursor_close(struct rpc_groups *groups, uint32_t id, unsigned index, uint32_t epoch)
{
    // Fails when another connection of the group closed it first: just as well.
    atomic_compare_exchange_strong_explicit(&line_of(groups, id)->epoch[index], &epoch, epoch + 1,
                                            memory_order_acq_rel, memory_order_relaxed);
}
