#include "dataplane/spread.h"

#include <stdio.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/worker.h"

enum { RING_SIZE = 2048 };

static struct rte_ring *ring_create(const char *direction, unsigned worker)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof name, "spread-%s-%u", direction, worker);
    return rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

bool spread_create(struct worker *workers, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct rte_ring *received = ring_create("rx", i);
        struct rte_ring *sent = ring_create("tx", i);
        workers[0].spread_out[i] = workers[i].spread_in[0] = received;
        workers[0].spread_in[i] = workers[i].spread_out[0] = sent;
        if (!received || !sent)
            return false;
    }
    return true;
}

static void ring_destroy(struct rte_ring *ring)
{
    struct rte_mbuf *frame;
    while (ring && rte_ring_dequeue(ring, (void **)&frame) == 0)
        rte_pktmbuf_free(frame);
    rte_ring_free(ring);
}

void spread_destroy(struct worker *workers, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        ring_destroy(workers[0].spread_out[i]);
        ring_destroy(workers[0].spread_in[i]);
    }
}

static void pass(struct worker *w, struct rte_ring *ring, struct rte_mbuf **frames, unsigned count)
{
    unsigned passed = rte_ring_sp_enqueue_burst(ring, (void *const *)frames, count, NULL);
    w->counters[WORKER_SPREAD_OUT] += passed;
    w->counters[WORKER_DROP_SPREAD] += count - passed;
    if (passed < count)
        rte_pktmbuf_free_bulk(frames + passed, count - passed);
}

// A copy for every other worker: their stacks look for neighbours and hear of errors themselves.
static void pass_to_all(struct worker *w, const struct rte_mbuf *frame)
{
    for (unsigned i = 1; i < w->worker_count; i++) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(frame, w->pool, 0, UINT32_MAX);
        if (copy)
            pass(w, w->spread_out[i], &copy, 1);
        else
            w->counters[WORKER_DROP_SPREAD]++;
    }
}

unsigned spread_received(struct worker *w, struct rte_mbuf **frames, unsigned count)
{
    if (w->worker_count == 1 || w->index != 0)
        return count;
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned owner = tcpstack_flow_core(tcpstack_flow_hash(frames[i]), w->worker_count);
        if (owner != 0) {
            pass(w, w->spread_out[owner], &frames[i], 1);
            continue;
        }
        if (tcpstack_flow_is_everybodys(frames[i]))
            pass_to_all(w, frames[i]);
        frames[kept++] = frames[i];
    }
    return kept;
}

unsigned spread_take_received(struct worker *w, struct rte_mbuf **frames, unsigned max)
{
    if (w->index == 0)
        return 0;
    unsigned count = rte_ring_sc_dequeue_burst(w->spread_in[0], (void **)frames, max, NULL);
    w->counters[WORKER_SPREAD_IN] += count;
    return count;
}

void spread_send(struct worker *w, struct rte_mbuf **frames, unsigned count)
{
    pass(w, w->spread_out[0], frames, count);
}

unsigned spread_take_sent(struct worker *w, struct rte_mbuf **frames, unsigned max)
{
    if (w->index != 0)
        return 0;
    unsigned count = 0;
    for (unsigned i = 1; i < w->worker_count && count == 0; i++)
        count = rte_ring_sc_dequeue_burst(w->spread_in[i], (void **)frames, max, NULL);
    w->counters[WORKER_SPREAD_IN] += count;
    return count;
}
