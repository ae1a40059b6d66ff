// Sizes: a million idle connections, and a flood of ten million SYNs. Frames are as cheap as they
// can be: one header, patched, with checksums that the port is said to have checked.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "tcpstack/tcp_conn.h"
#include "tests/unit/tcpstack/harness.h"

#ifdef __SANITIZE_ADDRESS__
// BYTES_MAX: of an idle connection, all told; here with the shadow, an eighth of what is touched.
enum { IDLE = 50000, FLOOD = 200000, BYTES_MAX = 320 };
#else
enum { IDLE = 1000000, FLOOD = 10000000, BYTES_MAX = 264 };
#endif

enum {
    BURST = 64,
    PORTS = 50000, // of one client address
    CLIENTS = 0x0a880001,
};

struct headers {
    struct rte_ether_hdr eth;
    struct rte_ipv4_hdr ip;
    struct rte_tcp_hdr tcp;
} __attribute__((packed, aligned(2)));

static void fill(struct rte_mbuf *frame, unsigned client, uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct headers *h = (struct headers *)rte_pktmbuf_append(frame, sizeof *h);
    *h = (struct headers){
        .eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
        .ip = {.version_ihl = RTE_IPV4_VHL_DEF,
               .total_length = rte_cpu_to_be_16(sizeof h->ip + sizeof h->tcp),
               .time_to_live = 64,
               .next_proto_id = IPPROTO_TCP,
               .src_addr = rte_cpu_to_be_32(CLIENTS + client / PORTS),
               .dst_addr = rte_cpu_to_be_32(HARNESS_SERVER_IPV4)},
        .tcp = {.src_port = rte_cpu_to_be_16((uint16_t)(10000 + client % PORTS)),
                .dst_port = rte_cpu_to_be_16(HARNESS_TCP_PORT),
                .sent_seq = rte_cpu_to_be_32(seq),
                .recv_ack = rte_cpu_to_be_32(ack),
                .data_off = sizeof h->tcp / 4 << 4,
                .tcp_flags = flags,
                .rx_win = 0xffff},
    };
    memcpy(h->eth.dst_addr.addr_bytes, harness_server_mac, 6);
    memcpy(h->eth.src_addr.addr_bytes, harness_client_mac, 6);
    frame->port = HARNESS_PORT;
    frame->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

// One frame of each of `count` clients from `first` on; acks[i] goes with client first + i.
static void send_burst(struct harness *h, unsigned first, unsigned count, uint8_t flags,
                       const uint32_t *acks)
{
    struct rte_mbuf *frames[BURST];
    assert_int_equal(rte_pktmbuf_alloc_bulk(h->pool, frames, count), 0);
    for (unsigned i = 0; i < count; i++)
        fill(frames[i], first + i, flags, acks != NULL ? 2 : 1, acks != NULL ? acks[i] : 0);
    tcpstack_input(h->stack, frames, count, h->now);
    tcpstack_timers(h->stack, h->now);
    tcpstack_flush(h->stack, h->now);
}

static unsigned take(struct harness *h, uint32_t *acks)
{
    struct rte_mbuf *frames[BURST];
    unsigned count = tcpstack_take_output(h->stack, frames, BURST);
    for (unsigned i = 0; i < count; i++) {
        const struct headers *answer = rte_pktmbuf_mtod(frames[i], const struct headers *);
        acks[i] = rte_be_to_cpu_32(answer->tcp.sent_seq) + 1;
        rte_pktmbuf_free(frames[i]);
    }
    return count;
}

static void open_many(struct harness *h)
{
    uint32_t acks[BURST];
    struct tcp_conn *ready[BURST];
    for (unsigned first = 0; first < IDLE; first += BURST) {
        unsigned count = RTE_MIN(IDLE - first, BURST + 0u);
        h->now += 10;
        send_burst(h, first, count, SYN, NULL);
        assert_int_equal(take(h, acks), count);
        send_burst(h, first, count, ACK, acks);
        assert_int_equal(tcpstack_ready(h->stack, ready, BURST), count);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(tcp_take_events(ready[i]), TCP_EVENT_OPENED);
    }
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void a_million_idle_connections_stay_within_their_size(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = IDLE + 1;
    h->options.max_half_open = BURST;
    harness_restart(h);
    uint64_t before = resident_bytes();
    open_many(h);
    uint64_t each = (resident_bytes() - before) / IDLE;
    printf("%u idle connections: %llu bytes each, %zu of them its block\n", IDLE,
           (unsigned long long)each, sizeof(struct tcp_conn));
    assert_in_range(each, sizeof(struct tcp_conn) / 2, BYTES_MAX);
    assert_int_equal(tcpstack_connections(h->stack), IDLE);
    assert_int_equal(rte_mempool_avail_count(h->pool), HARNESS_MBUFS); // no buffer behind them
    harness_advance(h, 10000000);
    assert_int_equal(tcpstack_next_timer(h->stack), UINT64_MAX); // and no timer
}

static void a_client_among_a_million_is_served(void **state)
{
    struct harness *h = *state;
    h->options.max_connections = IDLE + 1;
    h->options.max_half_open = BURST;
    harness_restart(h);
    open_many(h);
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    harness_send(h, &peer, ACK | PSH, "request", 7);
    assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE);
    tcp_consume(conn, 7);
    assert_true(tcp_write(conn, "reply", 5));
    harness_flush(h);
    harness_expect(h, ACK | PSH, peer.ack, peer.seq, 5);
}

static void a_flood_grows_nothing_and_a_client_gets_through(void **state)
{
    struct harness *h = *state;
    uint32_t acks[BURST];
    uint64_t before = 0;
    unsigned opened = 0;
    for (unsigned sent = 0; sent < FLOOD; sent += BURST) {
        send_burst(h, sent, BURST, SYN, NULL);
        while (take(h, acks) > 0) {
        }
        h->now += 10;
        if (sent / BURST == FLOOD / BURST / 10)
            before = resident_bytes(); // everything has been touched by now
        if (sent / BURST % (FLOOD / BURST / 8) != 0)
            continue;
        struct harness_peer peer = harness_peer((uint16_t)(40000 + opened++));
        struct tcp_conn *conn = harness_open(h, &peer);
        harness_send(h, &peer, ACK | PSH, "request", 7);
        assert_int_equal(tcp_readable(conn), 7);
        assert_int_equal(harness_events(h, NULL), TCP_EVENT_READABLE);
        harness_send(h, &peer, RST, NULL, 0);
        assert_int_equal(harness_events(h, NULL), TCP_EVENT_CLOSED);
        while (take(h, acks) > 0) {
        }
    }
    printf("%u SYNs, %u clients between them\n", FLOOD, opened);
    assert_in_range(resident_bytes(), 0, before + (1 << 20));
    assert_in_range(opened, 8, 9);
    assert_in_range(harness_counter(h, TCPSTACK_TCP_COOKIES_SENT), FLOOD / 2, FLOOD);
    assert_in_range(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0, h->options.max_half_open);
    harness_advance(h, 60000000);
    while (take(h, acks) > 0) {
    }
    assert_int_equal(harness_counter(h, TCPSTACK_TCP_HALF_OPEN), 0);
    assert_int_equal(rte_mempool_avail_count(h->pool), HARNESS_MBUFS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_million_idle_connections_stay_within_their_size),
        TEST(a_client_among_a_million_is_served),
        TEST(a_flood_grows_nothing_and_a_client_gets_through),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
