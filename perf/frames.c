// A source of frames that wants them back: keeps a number of frames under way through a port, and
// counts and checks what the other side returns. With testpmd's macswap there, that is how many
// frames a second the port's driver and two cores can exchange at most, protocol aside.
#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_launch.h>
#include <rte_mbuf.h>

#include "dataplane/eal.h"
#include "dataplane/port.h"

enum {
    BURST = 32,
    MBUFS = 16383,
    FRAME_MIN = 64,
    FRAME_MAX = 1514,
    OUTSTANDING_MAX = 8192,
    ANSWER_SECONDS = 10,
    ETHER_TYPE = 0x88b5, // IEEE 802, for local experiments
};

struct options {
    const char *device;
    unsigned core, size, outstanding;
    double seconds, warmup;
    bool json;
};

// The number of a frame stands behind its header and again at its end.
struct source {
    struct options options;
    struct rte_mempool *pool;
    uint16_t port_id;
    uint64_t next, expected; // numbers: to be given, and to come back
    struct rte_mbuf *waiting[BURST];
    unsigned waiting_count, waiting_at; // made, not taken by the port yet
    uint64_t returned, lost, wrong;
    uint64_t heard; // TSC when a frame came back last
    double seconds; // measured
};

static const struct rte_ether_addr ours = {{2, 0, 0, 0, 0, 1}}, theirs = {{2, 0, 0, 0, 0, 2}};

static struct rte_mbuf *make(struct source *s)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(s->pool);
    if (!frame)
        return NULL;
    uint8_t *bytes = (void *)rte_pktmbuf_append(frame, (uint16_t)s->options.size);
    struct rte_ether_hdr *header = (void *)bytes;
    header->dst_addr = theirs;
    header->src_addr = ours;
    header->ether_type = rte_cpu_to_be_16(ETHER_TYPE);
    memcpy(bytes + sizeof *header, &s->next, sizeof s->next);
    memcpy(bytes + s->options.size - sizeof s->next, &s->next, sizeof s->next);
    s->next++;
    return frame;
}

// Frames come back in their order; a gap in it are frames that the other side dropped.
static void take(struct source *s, const struct rte_mbuf *frame)
{
    const struct rte_ether_hdr *header = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
    const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);
    if (header->ether_type != rte_cpu_to_be_16(ETHER_TYPE))
        return; // somebody's neighbour discovery
    uint64_t first, last;
    memcpy(&first, bytes + sizeof *header, sizeof first);
    memcpy(&last, bytes + frame->data_len - sizeof last, sizeof last);
    bool right = frame->pkt_len == s->options.size && first == last && first >= s->expected &&
                 first < s->next && rte_is_same_ether_addr(&header->dst_addr, &ours) &&
                 rte_is_same_ether_addr(&header->src_addr, &theirs);
    if (!right) {
        s->wrong++;
        return;
    }
    s->lost += first - s->expected;
    s->expected = first + 1;
    s->returned++;
}

static void receive(struct source *s, uint64_t now)
{
    struct rte_mbuf *frames[BURST];
    unsigned count = rte_eth_rx_burst(s->port_id, 0, frames, BURST);
    for (unsigned i = 0; i < count; i++)
        take(s, frames[i]);
    if (count > 0) {
        rte_pktmbuf_free_bulk(frames, count);
        s->heard = now;
    } else if (now - s->heard > rte_get_tsc_hz() / 10) { // all of them are gone
        s->lost += s->next - s->waiting_count + s->waiting_at - s->expected;
        s->expected = s->next - s->waiting_count + s->waiting_at;
        s->heard = now;
    }
}

static void transmit(struct source *s)
{
    if (s->waiting_at == s->waiting_count) {
        s->waiting_at = s->waiting_count = 0;
        while (s->waiting_count < BURST && s->next - s->expected < s->options.outstanding) {
            struct rte_mbuf *frame = make(s);
            if (!frame)
                break;
            s->waiting[s->waiting_count++] = frame;
        }
    }
    s->waiting_at += rte_eth_tx_burst(s->port_id, 0, s->waiting + s->waiting_at,
                                      (uint16_t)(s->waiting_count - s->waiting_at));
}

static double run_for(struct source *s, double seconds)
{
    uint64_t start = s->heard = rte_rdtsc(), now = start;
    uint64_t ticks = (uint64_t)(seconds * (double)rte_get_tsc_hz());
    while (now - start < ticks) {
        receive(s, now);
        transmit(s);
        now = rte_rdtsc();
    }
    return (double)(now - start) / (double)rte_get_tsc_hz();
}

static int run(void *argument)
{
    struct source *s = argument;
    // The other side may need its time to see the link.
    for (double waited = 0; s->returned == 0 && waited < ANSWER_SECONDS;)
        waited += run_for(s, 0.02);
    run_for(s, s->options.warmup);
    s->returned = s->lost = 0;
    s->seconds = run_for(s, s->options.seconds);
    rte_pktmbuf_free_bulk(s->waiting + s->waiting_at, s->waiting_count - s->waiting_at);
    return 0;
}

static void print(const struct source *s)
{
    double rate = (double)s->returned / s->seconds;
    if (s->options.json)
        printf("{\"schema\":1,\"frames_per_s\":%.0f,\"returned\":%" PRIu64 ",\"lost\":%" PRIu64
               ",\"wrong\":%" PRIu64 ",\"seconds\":%.3f,\"settings\":{\"size\":%u,"
               "\"outstanding\":%u}}\n",
               rate, s->returned, s->lost, s->wrong, s->seconds, s->options.size,
               s->options.outstanding);
    else
        printf("%.0f frames of %u octets returned a second, %u under way; %" PRIu64
               " lost, %" PRIu64 " wrong\n",
               rate, s->options.size, s->options.outstanding, s->lost, s->wrong);
}

static _Noreturn void usage(void)
{
    fputs("usage: frames --port DEVICE [--lcore N] [--size OCTETS] [--outstanding N]\n"
          "              [--duration SECONDS] [--warmup SECONDS] [--json]\n"
          "\n"
          "Keeps N frames (1000; 1 to 8192) of OCTETS (222; 64 to 1514, without FCS) under way\n"
          "through a DPDK port for SECONDS (1, after 0.2), and checks that each comes back with\n"
          "its MAC addresses swapped. Exit status 1 when none did, or one came back wrong.\n",
          stderr);
    exit(EX_USAGE);
}

static unsigned number(const char *text, unsigned low, unsigned high)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < low || value > high)
        usage();
    return (unsigned)value;
}

static struct options parse(int argc, char **argv)
{
    static const struct option words[] = {
        {"port", required_argument, NULL, 'p'},     {"lcore", required_argument, NULL, 'l'},
        {"size", required_argument, NULL, 'z'},     {"outstanding", required_argument, NULL, 'n'},
        {"duration", required_argument, NULL, 's'}, {"warmup", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},           {0}};
    struct options o = {.size = 222, .outstanding = 1000, .seconds = 1, .warmup = 0.2};
    for (int option; (option = getopt_long(argc, argv, "", words, NULL)) != -1;) {
        if (option == 'p')
            o.device = optarg;
        else if (option == 'l')
            o.core = number(optarg, 0, 1023);
        else if (option == 'z')
            o.size = number(optarg, FRAME_MIN, FRAME_MAX);
        else if (option == 'n')
            o.outstanding = number(optarg, 1, OUTSTANDING_MAX);
        else if (option == 's')
            o.seconds = atof(optarg);
        else if (option == 'w')
            o.warmup = atof(optarg);
        else if (option == 'j')
            o.json = true;
        else
            usage();
    }
    if (!o.device || optind != argc || !(o.seconds > 0 && o.seconds <= 3600 && o.warmup >= 0))
        usage();
    return o;
}

static bool start(struct source *s, struct dataplane_port *port)
{
    const struct dataplane_eal_options eal = {.program = "frames",
                                              .devices = &s->options.device,
                                              .device_count = 1,
                                              .cores = &s->options.core,
                                              .core_count = 1,
                                              .memory = 256,
                                              .hugepages_setting = "hugepages"};
    if (!dataplane_eal_init(&eal))
        return false;
    s->pool = tcpstack_pool_create("frames", MBUFS, 256, SOCKET_ID_ANY);
    if (!s->pool)
        fputs("frames: no memory for packet buffers\n", stderr);
    return s->pool && dataplane_port_start((uint16_t)rte_eth_find_next(0), 1, &s->pool, port);
}

int main(int argc, char **argv)
{
    static struct source s;
    struct dataplane_port port;
    s.options = parse(argc, argv);
    if (!start(&s, &port))
        return EX_UNAVAILABLE;
    s.port_id = port.port_id;
    rte_eal_remote_launch(run, &s, dataplane_eal_lcore(0));
    rte_eal_mp_wait_lcore();
    dataplane_port_stop(&port);
    print(&s);
    if (s.returned == 0)
        fputs("frames: found no frame that came back, expected the other side to return them "
              "(dpdk-testpmd --forward-mode=macswap)\n",
              stderr);
    return s.returned > 0 && s.wrong == 0 ? 0 : 1;
}
