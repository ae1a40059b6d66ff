// Discard (RFC 863), chargen (RFC 864) and echo (RFC 862) over our stack on a TAP port, for whoever
// wants to move bytes: no RPC in the way. Prints "ready" when it serves, and at SIGTERM every
// counter that is not 0. Chargen is finite: it ends when the client does.
//
// With "cut" the TAP driver cuts large frames: slower than our segments, but TSO all the same.
//
//     bulk INTERFACE ADDRESS [cut]
#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/port.h"

enum { ECHO = 7, DISCARD = 9, CHARGEN = 19 };
enum { BURST = 64, CHUNK = 8192, MBUFS = 32767, CONNECTIONS = 4096, WINDOW = 1 << 20 };

static _Atomic bool stop;
static uint8_t letters[CHUNK];

static uint64_t read_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void on_signal(int number)
{
    (void)number;
    stop = true;
}

static void discard(struct tcp_conn *conn)
{
    tcp_consume(conn, tcp_readable(conn));
}

static void generate(struct tcp_conn *conn)
{
    discard(conn);
    while (tcp_write(conn, letters, sizeof letters)) {
    }
}

static void echo(struct tcp_conn *conn)
{
    struct tcp_span span;
    while ((span = tcp_peek(conn, 0)).size > 0 && tcp_write(conn, span.data, span.size))
        tcp_consume(conn, span.size);
}

static void serve(struct tcp_conn *conn)
{
    unsigned events = tcp_take_events(conn);
    uint16_t port = tcp_endpoints(conn).local_port;
    if (events & TCP_EVENT_CLOSED)
        return;
    // A FIN may have been told while bytes were still to be echoed.
    bool finished = events & TCP_EVENT_FINISHED || tcp_user(conn) != NULL;
    tcp_set_user(conn, finished ? conn : NULL);
    if (port == DISCARD)
        discard(conn);
    else if (port == CHARGEN && !finished)
        generate(conn);
    else if (port == ECHO)
        echo(conn);
    if (finished && (port != ECHO || tcp_readable(conn) == 0))
        tcp_close(conn);
}

static void serve_all(struct tcpstack *stack)
{
    struct tcp_conn *conns[BURST];
    unsigned count;
    while ((count = tcpstack_ready(stack, conns, BURST)) > 0) {
        for (unsigned i = 0; i < count; i++)
            serve(conns[i]);
    }
}

static void turn(struct tcpstack *stack, uint16_t port)
{
    struct rte_mbuf *frames[BURST];
    uint64_t now = read_clock();
    unsigned count = rte_eth_rx_burst(port, 0, frames, BURST);
    unsigned moved = count;
    if (count > 0)
        tcpstack_input(stack, frames, count, now);
    serve_all(stack);
    tcpstack_timers(stack, now);
    tcpstack_flush(stack, now);
    while ((count = tcpstack_take_output(stack, frames, BURST)) > 0) {
        unsigned sent = rte_eth_tx_burst(port, 0, frames, (uint16_t)count);
        moved += sent;
        rte_pktmbuf_free_bulk(frames + sent, count - sent);
    }
    if (moved == 0)
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

static struct rte_mempool *start_eal(const char *interface)
{
    char device[64];
    snprintf(device, sizeof device, "--vdev=net_tap0,iface=%s", interface);
    static char words[][40] = {"bulk",
                               "--no-huge",
                               "-m",
                               "192",
                               "--no-pci",
                               "--no-telemetry",
                               "--no-shconf",
                               "--log-level=*:error",
                               "--log-level=pmd.net.tap:critical",
                               "-l",
                               "0"};
    char *arguments[RTE_DIM(words) + 1];
    for (unsigned i = 0; i < RTE_DIM(words); i++)
        arguments[i] = words[i];
    arguments[RTE_DIM(words)] = device;
    if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
        return NULL;
    return tcpstack_pool_create("frames", MBUFS, 0, SOCKET_ID_ANY);
}

static struct tcpstack *start_stack(const char *address, struct rte_mempool *pool,
                                    const struct tcpstack_port *port)
{
    struct in_addr ipv4;
    struct tcpstack_options options = {
        .ports = {*port},
        .port_count = 1,
        .address_count = 1,
        .listen = {ECHO, DISCARD, CHARGEN},
        .listen_count = 3,
        .pool = pool,
        .max_connections = CONNECTIONS,
        .max_half_open = CONNECTIONS,
        .receive_window = WINDOW,
        .transmit_limit = WINDOW,
    };
    if (inet_pton(AF_INET, address, &ipv4) != 1 ||
        getrandom(options.secret, sizeof options.secret, 0) != (ssize_t)sizeof options.secret)
        return NULL;
    tcpstack_address_set_ipv4(options.addresses[0].address, ntohl(ipv4.s_addr));
    options.addresses[0].prefix_length = TCPSTACK_IPV4_BITS + 24;
    return tcpstack_create(&options, read_clock());
}

static void print_counters(const struct tcpstack *stack, const struct rte_mempool *pool)
{
    const uint64_t *counters = tcpstack_counters(stack);
    for (unsigned i = 0; i < TCPSTACK_COUNTER_COUNT; i++) {
        if (counters[i] != 0)
            printf("%s %lu\n", tcpstack_counter_rows[i].name, (unsigned long)counters[i]);
    }
    printf("mbufs_free %u\n", rte_mempool_avail_count(pool));
}

int main(int count, char **words)
{
    bool cut = count == 4 && strcmp(words[3], "cut") == 0;
    if (count != 3 && !cut) {
        fprintf(stderr, "usage: bulk INTERFACE ADDRESS [cut]\n");
        return 64;
    }
    struct dataplane_port port;
    struct rte_mempool *pool = start_eal(words[1]);
    enum dataplane_offloads offloads = cut ? DATAPLANE_OFFLOADS_ALL : DATAPLANE_OFFLOADS_REAL;
    if (pool == NULL || !dataplane_port_start_with(0, 1, &pool, offloads, &port)) {
        fprintf(stderr, "bulk: no TAP port %s\n", words[1]);
        return 1;
    }
    struct tcpstack *stack = start_stack(words[2], pool, &port.stack);
    if (stack == NULL) {
        fprintf(stderr, "bulk: %s is no IPv4 address, or there is no memory\n", words[2]);
        return 1;
    }
    for (unsigned i = 0; i < CHUNK; i++)
        letters[i] = (uint8_t)('a' + i % 26);
    signal(SIGTERM, on_signal);
    puts("ready");
    fflush(stdout);
    while (!stop)
        turn(stack, port.port_id);
    print_counters(stack, pool);
    tcpstack_destroy(stack);
    dataplane_port_stop(&port);
    return 0;
}
