#include "tests/simulation/host.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

enum { PORT = 3, BURST = 32 };

static const unsigned pool_sizes[HOST_POOL_SIZES] = {95, 191, 511, 2047};
static struct rte_mempool *pools[2][HOST_POOL_SIZES];

bool host_make_pools(void)
{
    for (unsigned host = 0; host < 2; host++) {
        for (unsigned size = 0; size < HOST_POOL_SIZES; size++) {
            char name[] = "pool00";
            name[4] = (char)('0' + host);
            name[5] = (char)('0' + size);
            pools[host][size] = tcpstack_pool_create(name, pool_sizes[size], 0, SOCKET_ID_ANY);
            if (pools[host][size] == NULL)
                return false;
        }
    }
    return true;
}

struct rte_mempool *host_pool(unsigned host, unsigned size)
{
    return pools[host][size];
}

// 10.135.0.1 and .2, fd00:135::1 and ::2. The prefix is 24 or 64 bits long.
static struct tcpstack_address address_of(const struct host *host, unsigned index)
{
    struct tcpstack_address address = {.address = {0xfd, 0, 0x01, 0x35}, .prefix_length = 64};
    address.address[15] = (uint8_t)(1 + index);
    if (host->ipv6)
        return address;
    address.prefix_length = TCPSTACK_IPV4_BITS + 24;
    tcpstack_address_set_ipv4(address.address, 0x0a870001 + index);
    return address;
}

static void set_mac(uint8_t mac[6], unsigned host)
{
    const uint8_t bytes[6] = {0x02, 0, 0, 0, 0, (uint8_t)(1 + host)};
    memcpy(mac, bytes, sizeof bytes);
}

bool host_start(struct host *host, unsigned index, uint16_t mtu, uint64_t now)
{
    struct tcpstack_options *options = &host->options;
    options->port_count = options->address_count = 1;
    options->ports[0] = (struct tcpstack_port){.port_id = PORT, .mtu = mtu};
    set_mac(options->ports[0].mac, index);
    options->addresses[0] = address_of(host, index);
    options->listen[0] = HOST_TCP_PORT;
    options->listen_count = index == 1;
    host->held_first = host->held_count = 0;
    host->received = host->sent = 0;
    host->stack = tcpstack_create(options, host_now(host, now));
    return host->stack != NULL;
}

uint64_t host_now(const struct host *host, uint64_t now)
{
    return host->epoch + now;
}

struct tcp_conn *host_connect(struct host *host, unsigned index, uint16_t from_port,
                              uint16_t to_port)
{
    struct tcp_endpoints ends = {.local_port = from_port, .remote_port = to_port};
    uint8_t peer[6];
    struct tcpstack_address local = address_of(host, index), remote = address_of(host, !index);
    memcpy(ends.local, local.address, sizeof ends.local);
    memcpy(ends.remote, remote.address, sizeof ends.remote);
    set_mac(peer, !index);
    return tcp_connect(host->stack, &ends, PORT, host->resolves ? NULL : peer);
}

// A frame in one line.
static void trace(const struct host *host, const char *what, const uint8_t *bytes, uint16_t size)
{
    if (!host->report->trace)
        return;
    const struct rte_ether_hdr *eth = (const struct rte_ether_hdr *)bytes;
    const uint16_t ip = host->ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
    const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)((const uint8_t *)(eth + 1) + ip);
    uint16_t type = host->ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4;
    if (size < sizeof *eth + ip + sizeof *tcp || eth->ether_type != rte_cpu_to_be_16(type)) {
        sim_trace(host->report, "%s %s %u bytes that are no TCP", host->name, what, size);
        return;
    }
    sim_trace(host->report, "%s %s %u>%u flags %02x seq %u ack %u window %u, %d bytes", host->name,
              what, rte_be_to_cpu_16(tcp->src_port), rte_be_to_cpu_16(tcp->dst_port),
              tcp->tcp_flags, rte_be_to_cpu_32(tcp->sent_seq), rte_be_to_cpu_32(tcp->recv_ack),
              rte_be_to_cpu_16(tcp->rx_win),
              size - (int)sizeof *eth - ip - (tcp->data_off >> 4) * 4);
}

void host_receive(struct host *host, const struct link_flight *flight, uint64_t now)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(host->options.pool);
    trace(host, frame == NULL ? "drops " : "hears ", flight->bytes, flight->size);
    if (frame == NULL) {
        host->no_mbuf++; // as a NIC that found no mbuf for its ring
        return;
    }
    memcpy(rte_pktmbuf_append(frame, flight->size), flight->bytes, flight->size);
    frame->port = PORT;
    host->received++;
    tcpstack_input(host->stack, &frame, 1, host_now(host, now));
}

// Of the frame's bytes (a sum is enough: nobody aims at it).
static uint32_t sum_of(const struct rte_mbuf *frame)
{
    const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);
    uint32_t sum = frame->data_len;
    for (unsigned i = 0; i < frame->data_len; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static void let_go(struct host *host)
{
    struct host_held *held = &host->held[host->held_first];
    if (sum_of(held->frame) != held->sum)
        sim_fail(host->report, "%s: a frame changed while the port held it", host->name);
    rte_pktmbuf_free(held->frame);
    host->held_first = (host->held_first + 1) % HOST_HELD_MAX;
    host->held_count--;
}

static void hold(struct host *host, struct rte_mbuf *frame, uint64_t now)
{
    if (host->held_count == HOST_HELD_MAX)
        let_go(host);
    unsigned at = (host->held_first + host->held_count++) % HOST_HELD_MAX;
    host->held[at] = (struct host_held){frame, now + host->hold, sum_of(frame)};
}

static void transmit(struct host *host, struct rte_mbuf *frame, struct link *link, uint64_t now)
{
    uint32_t limit = host->options.ports[0].mtu + (uint32_t)RTE_ETHER_HDR_LEN;
    if (frame->port != PORT || frame->nb_segs != 1 || frame->pkt_len != frame->data_len ||
        frame->data_len > limit)
        sim_fail(host->report, "%s: a frame of %u bytes in %u mbufs for port %u; the MTU is %u",
                 host->name, frame->pkt_len, frame->nb_segs, frame->port,
                 host->options.ports[0].mtu);
    host->sent++;
    trace(host, "says  ", rte_pktmbuf_mtod(frame, const uint8_t *), frame->data_len);
    link_send(link, rte_pktmbuf_mtod(frame, const uint8_t *), frame->data_len, now);
    hold(host, frame, now);
}

void host_run(struct host *host, struct link *link, uint64_t now)
{
    while (host->held_count > 0 && host->held[host->held_first].until <= now)
        let_go(host);
    tcpstack_timers(host->stack, host_now(host, now));
    tcpstack_flush(host->stack, host_now(host, now));
    struct rte_mbuf *frames[BURST];
    unsigned count;
    while ((count = tcpstack_take_output(host->stack, frames, BURST)) > 0) {
        for (unsigned i = 0; i < count; i++)
            transmit(host, frames[i], link, now);
    }
}

uint64_t host_next(const struct host *host)
{
    uint64_t timer = tcpstack_next_timer(host->stack);
    uint64_t next = timer == UINT64_MAX ? UINT64_MAX : timer - RTE_MIN(timer, host->epoch);
    if (host->held_count > 0)
        next = RTE_MIN(next, host->held[host->held_first].until);
    return next;
}

void host_check_counters(struct host *host)
{
    const uint64_t *counters = tcpstack_counters(host->stack);
    uint64_t sum = counters[TCPSTACK_RX_ACCEPTED];
    for (unsigned i = 0; i < TCPSTACK_COUNTER_COUNT; i++) {
        if (strncmp(tcpstack_counter_rows[i].name, "rx_drop", 7) == 0)
            sum += counters[i];
    }
    if (sum != counters[TCPSTACK_RX_FRAMES] || sum != host->received)
        sim_fail(host->report, "%s: %lu frames received, rx_frames %lu, accepted and dropped %lu",
                 host->name, (unsigned long)host->received,
                 (unsigned long)counters[TCPSTACK_RX_FRAMES], (unsigned long)sum);
    if (counters[TCPSTACK_TX_FRAMES] != host->sent)
        sim_fail(host->report, "%s: %lu frames came out, tx_frames %lu", host->name,
                 (unsigned long)host->sent, (unsigned long)counters[TCPSTACK_TX_FRAMES]);
}

void host_check_empty(struct host *host)
{
    while (host->held_count > 0)
        let_go(host);
    unsigned connections = tcpstack_connections(host->stack);
    uint64_t half_open = tcpstack_counters(host->stack)[TCPSTACK_TCP_HALF_OPEN];
    unsigned available = rte_mempool_avail_count(host->options.pool);
    if (connections != 0 || half_open != 0)
        sim_fail(host->report, "%s: %u connections and %lu half-open ones are left", host->name,
                 connections, (unsigned long)half_open);
    if (tcpstack_next_timer(host->stack) != UINT64_MAX)
        sim_fail(host->report, "%s: no connection is left, but a timer is", host->name);
    if (available != host->options.pool->size)
        sim_fail(host->report, "%s: %u of %u mbufs came back", host->name, available,
                 host->options.pool->size);
}

void host_stop(struct host *host)
{
    while (host->held_count > 0)
        let_go(host);
    tcpstack_destroy(host->stack);
    host->stack = NULL;
}
