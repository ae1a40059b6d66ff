#include "load/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

uint64_t load_worker_clock(const struct load_worker *w)
{
    return (uint64_t)((unsigned __int128)(rte_rdtsc() - w->tsc_start) * w->tsc_to_ns >> 32);
}

// Frames that misbehaviour does not want heard go away here; ARP does not, or nothing would.
static unsigned withhold(struct load_worker *w, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!tcpstack_flow_is_everybodys(w->frames[i]) && load_generator_withholds(w->generator))
            rte_pktmbuf_free(w->frames[i]);
        else
            w->frames[kept++] = w->frames[i];
    }
    return kept;
}

static void receive(struct load_worker *w)
{
    unsigned count = rte_eth_rx_burst(w->port_id, w->queue, w->frames, LOAD_BURST);
    w->now = load_worker_clock(w);
    load_generator_counters(w->generator)[LOAD_RX_FRAMES] += count;
    if (load_generator_may_withhold(w->generator))
        count = withhold(w, count);
    if (count)
        tcpstack_input(w->stack, w->frames, count, w->now / 1000);
}

// What the port does not take waits for the next turn: a lost frame of ours would measure our own
// retransmission.
static bool send_waiting(struct load_worker *w)
{
    uint64_t *counters = load_generator_counters(w->generator);
    unsigned left = w->waiting_count - w->waiting_at;
    if (left == 0)
        return true;
    unsigned sent =
        rte_eth_tx_burst(w->port_id, w->queue, w->waiting + w->waiting_at, (uint16_t)left);
    w->waiting_at += sent;
    counters[LOAD_TX_FRAMES] += sent;
    counters[LOAD_TX_FULL] += sent < left;
    return sent == left;
}

static void transmit(struct load_worker *w)
{
    while (send_waiting(w)) {
        w->waiting_at = 0;
        w->waiting_count = tcpstack_take_output(w->stack, w->waiting, LOAD_BURST);
        if (w->waiting_count == 0)
            return;
    }
}

static void turn(struct load_worker *w)
{
    receive(w);
    load_generator_turn(w->generator, w->now);
    tcpstack_timers(w->stack, w->now / 1000);
    tcpstack_flush(w->stack, w->now / 1000);
    transmit(w);
}

static void take_order(struct load_worker *w)
{
    w->doing = atomic_load_explicit(&w->order, memory_order_relaxed);
    switch (w->doing) {
    case LOAD_ORDER_LOAD:
        load_generator_begin(w->generator, &w->plan);
        break;
    case LOAD_ORDER_CLOSE:
        load_generator_close(w->generator);
        break;
    default:
        break;
    }
}

static bool is_carried_out(struct load_worker *w)
{
    switch (w->doing) {
    case LOAD_ORDER_CONNECT:
        return load_generator_is_ready(w->generator);
    case LOAD_ORDER_LOAD:
        if (!load_generator_is_done(w->generator))
            return false;
        load_generator_end(w->generator);
        return true;
    case LOAD_ORDER_CLOSE:
        return load_generator_is_closed(w->generator);
    default:
        return true;
    }
}

int load_worker_main(void *arg)
{
    struct load_worker *w = arg;
    bool under_way = false, stopped = false;
    w->now = load_worker_clock(w);
    tcpstack_announce(w->stack, w->now / 1000);
    while (!stopped) {
        turn(w);
        unsigned ordered = atomic_load_explicit(&w->ordered, memory_order_acquire);
        if (ordered != w->seen) {
            w->seen = ordered;
            under_way = true;
            take_order(w);
            stopped = w->doing == LOAD_ORDER_STOP;
        } else if (under_way && is_carried_out(w)) {
            under_way = false;
            atomic_store_explicit(&w->done, w->seen, memory_order_release);
        }
    }
    rte_pktmbuf_free_bulk(w->waiting + w->waiting_at, w->waiting_count - w->waiting_at);
    w->waiting_at = w->waiting_count = 0;
    atomic_store_explicit(&w->done, w->seen, memory_order_release);
    return 0;
}

void load_worker_give(struct load_worker *w, enum load_order order, const struct load_plan *plan)
{
    atomic_store_explicit(&w->order, order, memory_order_relaxed);
    if (plan)
        w->plan = *plan;
    unsigned next = atomic_load_explicit(&w->ordered, memory_order_relaxed) + 1;
    atomic_store_explicit(&w->ordered, next, memory_order_release);
}

bool load_worker_has_done(struct load_worker *w)
{
    return atomic_load_explicit(&w->done, memory_order_acquire) ==
           atomic_load_explicit(&w->ordered, memory_order_relaxed);
}
