// Answers portolan-load over a port with the cheapest server there can be (perf/reflect.h), and
// says how busy that was: what the generator reaches against it is what it reaches by itself.
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mbuf.h>

#include "dataplane/eal.h"
#include "dataplane/port.h"
#include "perf/reflect.h"

enum { BURST = 64, MBUFS = 16383, CACHE = 256 };

struct reflector {
    struct dataplane_port port;
    // The reflecting thread's.
    struct reflect reflect;
    uint64_t frames;
    uint64_t first, last, busy; // TSC at the first burst and the last, and of work in between
};

static atomic_bool stopped;

static void stop(int number)
{
    (void)number;
    atomic_store_explicit(&stopped, true, memory_order_relaxed);
}

static void send_all(const struct reflector *r, struct rte_mbuf **frames, uint16_t count)
{
    uint16_t sent = 0;
    while (sent < count && !atomic_load_explicit(&stopped, memory_order_relaxed))
        sent += rte_eth_tx_burst(r->port.port_id, 0, frames + sent, (uint16_t)(count - sent));
    if (sent < count)
        rte_pktmbuf_free_bulk(frames + sent, (unsigned)(count - sent));
}

static int reflect(void *arg)
{
    struct reflector *r = arg;
    struct rte_mbuf *frames[BURST];
    while (!atomic_load_explicit(&stopped, memory_order_relaxed)) {
        uint16_t count = rte_eth_rx_burst(r->port.port_id, 0, frames, BURST), kept = 0;
        if (count == 0)
            continue;
        uint64_t begun = rte_rdtsc();
        r->first = r->frames ? r->first : begun;
        r->frames += count;
        for (uint16_t i = 0; i < count; i++)
            rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
        for (uint16_t i = 0; i < count; i++) {
            if (reflect_turn(&r->reflect, frames[i]))
                frames[kept++] = frames[i];
            else
                rte_pktmbuf_free(frames[i]);
        }
        send_all(r, frames, kept);
        r->last = rte_rdtsc();
        r->busy += r->last - begun;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct reflector r;
    if (argc != 3) {
        fputs("Usage: reflector DEVICE CORE\nAnswers portolan-load until SIGINT or SIGTERM.\n",
              stderr);
        return EX_USAGE;
    }
    const char *const device = argv[1];
    const unsigned core = (unsigned)strtoul(argv[2], NULL, 10);
    const struct dataplane_eal_options eal = {.program = "reflector",
                                              .devices = &device,
                                              .device_count = 1,
                                              .cores = &core,
                                              .core_count = 1,
                                              .hugepages = DATAPLANE_HUGEPAGES_OFF,
                                              .memory = 256,
                                              .hugepages_setting = "memory"};
    reflect_init(&r.reflect);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (!dataplane_eal_init(&eal))
        return EX_UNAVAILABLE;
    struct rte_mempool *pool = tcpstack_pool_create("reflector", MBUFS, CACHE, SOCKET_ID_ANY);
    if (!pool || !dataplane_port_start((uint16_t)rte_eth_find_next(0), 1, &pool, &r.port))
        return EX_UNAVAILABLE;
    memcpy(r.reflect.mac, r.port.stack.mac, sizeof r.reflect.mac);
    rte_eal_remote_launch(reflect, &r, dataplane_eal_lcore(0));
    rte_eal_mp_wait_lcore();
    printf("%" PRIu64 " frames, %" PRIu64 " answers, %" PRIu64 " segments refused, "
           "%.0f%% of the time was busy\n",
           r.frames, r.reflect.answers, r.reflect.refused,
           100.0 * (double)r.busy / (double)(r.last - r.first));
    dataplane_port_stop(&r.port);
    return 0;
}
