#include "control/channel.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ring.h>

// Neither ring can run over: at most `room` changes are between the worker's submit and its
// take_done, wherever they are, and each ring holds `room`.
struct control_channel {
    struct rte_ring *submitted; // worker -> control
    struct rte_ring *done;      // control -> worker
    unsigned room;
    unsigned under_way; // worker only
    int wake_fd;
};

// A ring in ordinary memory: it needs neither the EAL nor a name that is unique in the process.
static struct rte_ring *ring_create(unsigned room)
{
    ssize_t size = rte_ring_get_memsize(rte_align32pow2(room + 1));
    struct rte_ring *ring =
        size < 0 ? NULL : aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN((size_t)size, 64));
    if (ring == NULL)
        return NULL;
    if (rte_ring_init(ring, "control", room, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ) !=
        0) {
        free(ring);
        return NULL;
    }
    return ring;
}

struct control_channel *control_channel_create(unsigned room)
{
    struct control_channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->room = room;
    channel->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    channel->submitted = ring_create(room);
    channel->done = ring_create(room);
    if (channel->wake_fd < 0 || channel->submitted == NULL || channel->done == NULL) {
        control_channel_destroy(channel);
        return NULL;
    }
    return channel;
}

void control_channel_destroy(struct control_channel *channel)
{
    if (channel == NULL)
        return;
    if (channel->wake_fd >= 0)
        close(channel->wake_fd);
    free(channel->submitted);
    free(channel->done);
    free(channel);
}

bool control_channel_submit(struct control_channel *channel, struct mapper_change *change)
{
    if (channel->under_way == channel->room || rte_ring_enqueue(channel->submitted, change) != 0)
        return false;
    channel->under_way++;
    uint64_t one = 1;
    // It can only fail when the counter is at its end, and then the control thread is awake.
    ssize_t written = write(channel->wake_fd, &one, sizeof one);
    (void)written;
    return true;
}

unsigned control_channel_take_done(struct control_channel *channel,
                                   struct mapper_change **ret_changes, unsigned max)
{
    unsigned count = rte_ring_dequeue_burst(channel->done, (void **)ret_changes, max, NULL);
    channel->under_way -= count;
    return count;
}

int control_channel_wake_fd(const struct control_channel *channel)
{
    return channel->wake_fd;
}

unsigned control_channel_take(struct control_channel *channel, struct mapper_change **ret_changes,
                              unsigned max)
{
    return rte_ring_dequeue_burst(channel->submitted, (void **)ret_changes, max, NULL);
}

void control_channel_done(struct control_channel *channel, struct mapper_change *change)
{
    rte_ring_enqueue(channel->done, change);
}
