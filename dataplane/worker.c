#include "dataplane/worker.h"

#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "dataplane/settings.h"
#include "dataplane/spread.h"

enum {
    HOUSEKEEPING_US = 10000,
    SPIN_US = 100,   // of idleness before the first sleep
    NAP_MIN_US = 20, // a request that comes meanwhile waits that long
    NAP_MAX_US = 200,
    ANSWER_US = 300000, // for calls under way to be answered when the server stops
    DRAIN_US = 500000,  // and then for connections to end
};

const struct base_counter worker_counter_rows[WORKER_COUNTER_COUNT] = {
    WORKER_COUNTERS(BASE_COUNTER_ROW)};

static void read_clock(struct worker *w)
{
    uint64_t ticks = rte_rdtsc() - w->tsc_start;
    w->now = (uint64_t)((unsigned __int128)ticks * w->tsc_to_us >> 64);
}

void worker_book(struct worker *w, enum worker_counter stage)
{
    uint64_t ticks = rte_rdtsc();
    w->counters[stage] += ticks - w->booked;
    w->booked = ticks;
}

static void take_in(struct worker *w, unsigned count)
{
    if (count == 0)
        return;
    worker_book(w, WORKER_TICKS_RECEIVE);
    tcpstack_input(w->stack, w->frames, count, w->now);
    worker_book(w, WORKER_TICKS_INPUT);
}

static unsigned receive(struct worker *w)
{
    unsigned total = 0;
    for (unsigned i = 0; i < w->port_count; i++) {
        const struct worker_port *port = &w->ports[i];
        if (!port->owned)
            continue;
        unsigned count = rte_eth_rx_burst(port->port_id, port->queue, w->frames, WORKER_BURST);
        w->counters[WORKER_RX_FRAMES] += count;
        total += count;
        take_in(w, spread_received(w, w->frames, count));
    }
    unsigned count = spread_take_received(w, w->frames, WORKER_BURST);
    take_in(w, count);
    worker_book(w, total + count ? WORKER_TICKS_RECEIVE : WORKER_TICKS_IDLE);
    return total + count;
}

static void send_burst(struct worker *w, uint16_t port_id, struct rte_mbuf **frames, unsigned count)
{
    const struct worker_port *port = &w->ports[0];
    while (port->port_id != port_id)
        port++;
    if (!port->owned) {
        spread_send(w, frames, count);
        return;
    }
    unsigned sent = rte_eth_tx_burst(port_id, port->queue, frames, (uint16_t)count);
    w->counters[WORKER_TX_FRAMES] += sent;
    w->counters[WORKER_DROP_TX] += count - sent;
    // What the port did not take is lost as if on the wire; retransmission covers it.
    if (sent < count)
        rte_pktmbuf_free_bulk(frames + sent, count - sent);
}

// Frames go out in runs of the same port.
static void send_runs(struct worker *w, unsigned count)
{
    for (unsigned i = 0; i < count;) {
        unsigned end = i + 1;
        while (end < count && w->frames[end]->port == w->frames[i]->port)
            end++;
        send_burst(w, w->frames[i]->port, w->frames + i, end - i);
        i = end;
    }
}

static unsigned transmit(struct worker *w)
{
    unsigned total = 0, count;
    while ((count = tcpstack_take_output(w->stack, w->frames, WORKER_BURST)) > 0) {
        send_runs(w, count);
        total += count;
    }
    while ((count = spread_take_sent(w, w->frames, WORKER_BURST)) > 0) {
        send_runs(w, count);
        total += count;
    }
    return total;
}

// What came from the control thread: answers to registrations, and the map's changes. The changes
// go first: a registration is answered when this worker has it, too.
static void follow_control(struct worker *w)
{
    dataplane_settings_take(w);
    w->counters[WORKER_MAP_OPS] += mapper_replica_apply(w->replica);
    struct mapper_change *done[16];
    unsigned count = control_channel_take_done(w->channel, done, 16);
    for (unsigned i = 0; i < count; i++)
        rpc_complete(w->rpc, done[i]);
}

static void keep_house(struct worker *w)
{
    if (w->now < w->housekeeping_due)
        return;
    w->housekeeping_due = w->now + HOUSEKEEPING_US;
    w->counters[WORKER_MBUFS_FREE] = rte_mempool_avail_count(w->pool);
    w->counters[WORKER_CONNECTIONS] = tcpstack_connections(w->stack);
}

// Backs off in steps: pause instructions first, then naps that grow with idleness.
static void rest(struct worker *w)
{
    if (w->idle_since == 0)
        w->idle_since = w->now;
    uint64_t idle = w->now - w->idle_since;
    if (!w->sleeps || idle < SPIN_US) {
        rte_pause();
        return;
    }
    uint64_t nap = idle / 16 < NAP_MIN_US ? NAP_MIN_US : idle / 16;
    uint64_t timer = tcpstack_next_timer(w->stack), rpc_timer = rpc_next_timer(w->rpc);
    if (rpc_timer < timer)
        timer = rpc_timer;
    if (nap > NAP_MAX_US)
        nap = NAP_MAX_US;
    if (timer <= w->now + nap)
        nap = NAP_MIN_US;
    const struct timespec time = {.tv_nsec = (long)nap * 1000};
    nanosleep(&time, NULL);
}

unsigned worker_turn(struct worker *w)
{
    unsigned moved = receive(w);
    follow_control(w);
    rpc_timers(w->rpc, w->now);
    worker_book(w, WORKER_TICKS_CONTROL);
    worker_serve(w);
    worker_book(w, WORKER_TICKS_CUT);
    tcpstack_timers(w->stack, w->now);
    tcpstack_flush(w->stack, w->now);
    worker_book(w, WORKER_TICKS_OUTPUT);
    unsigned sent = transmit(w);
    if (sent)
        worker_book(w, WORKER_TICKS_TRANSMIT);
    moved += sent;
    keep_house(w);
    return moved;
}

// Books the turn that just ended and reads the clock, once, for the next.
static void end_turn(struct worker *w, unsigned moved)
{
    if (moved) {
        w->idle_since = 0;
    } else {
        rest(w);
        worker_book(w, WORKER_TICKS_IDLE); // or the next burst would be charged for the nap
    }
    uint64_t before = w->now;
    read_clock(w);
    w->counters[WORKER_ITERATIONS]++;
    w->counters[WORKER_IDLE_ITERATIONS] += moved == 0;
    uint64_t took = w->now - before;
    w->counters[moved ? WORKER_BUSY_US : WORKER_IDLE_US] += took;
    if (moved && took > w->counters[WORKER_TURN_MAX])
        w->counters[WORKER_TURN_MAX] = took;
}

static void run(struct worker *w)
{
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed))
        end_turn(w, worker_turn(w));
}

static void turn_until_empty(struct worker *w, uint64_t until)
{
    while (w->now < until && rpc_counters(w->rpc)[RPC_ASSOCIATIONS] > 0)
        end_turn(w, worker_turn(w));
}

static void drain(struct worker *w)
{
    rpc_stop(w->rpc);
    turn_until_empty(w, w->now + ANSWER_US);
    rpc_shutdown(w->rpc);
    turn_until_empty(w, w->now + DRAIN_US);
    worker_turn(w);
}

int worker_main(void *arg)
{
    struct worker *w = arg;
    read_clock(w);
    w->booked = rte_rdtsc();
    tcpstack_announce(w->stack, w->now);
    run(w);
    drain(w);
    return 0;
}
