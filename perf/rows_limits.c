// What no server in this harness can beat: frames of the same size through the same ring port with
// only their addresses swapped, and through the TCP stack with an application that echoes.
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include "perf/memory_worker.h"
#include "perf/rows.h"

enum { CONNECTIONS = 1000, MBUFS = 16383, BURST = 32, FRAMES = 200000, REQUEST_MAX = 256 };

struct limit {
    struct memory_workers *memory;
    struct wire_client clients[CONNECTIONS];
    uint8_t request[REQUEST_MAX];
    uint16_t request_size;
    unsigned next; // client
    uint64_t right, wrong;
    // Takes the burst from the port and gives back what it becomes.
    void (*turn)(struct limit *limit);
    void (*collect)(struct limit *limit);
};

// ---- addresses swapped

static void swap_turn(struct limit *l)
{
    struct rte_mbuf *frames[BURST];
    unsigned count = rte_eth_rx_burst(l->memory->port_id, 0, frames, BURST);
    for (unsigned i = 0; i < count; i++) {
        struct rte_ether_hdr *ether = rte_pktmbuf_mtod(frames[i], struct rte_ether_hdr *);
        struct rte_ether_addr from = ether->src_addr;
        ether->src_addr = ether->dst_addr;
        ether->dst_addr = from;
    }
    unsigned sent = rte_eth_tx_burst(l->memory->port_id, 0, frames, (uint16_t)count);
    rte_pktmbuf_free_bulk(frames + sent, count - sent);
}

static void swap_collect(struct limit *l)
{
    struct rte_mbuf *frame;
    while (rte_ring_sc_dequeue(l->memory->from_server, (void **)&frame) == 0) {
        const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);
        bool right =
            frame->data_len > l->request_size &&
            memcmp(bytes, l->memory->wire.client_mac, 6) == 0 &&
            memcmp(bytes + frame->data_len - l->request_size, l->request, l->request_size) == 0;
        l->right += right;
        l->wrong += !right;
        rte_pktmbuf_free(frame);
    }
}

// ---- the TCP stack with an application that echoes

static void echo(struct tcp_conn *conn)
{
    tcp_take_events(conn);
    struct tcp_span span = tcp_peek(conn, 0);
    uint8_t *room = span.size ? tcp_reserve(conn, span.size) : NULL;
    if (!room)
        return;
    memcpy(room, span.data, span.size);
    tcp_commit(conn, span.size);
    tcp_consume(conn, span.size);
}

static void echo_turn(struct limit *l)
{
    struct tcpstack *stack = l->memory->workers[0].stack;
    uint16_t port = l->memory->port_id;
    struct rte_mbuf *frames[BURST];
    struct tcp_conn *conns[BURST];
    uint64_t now = l->memory->now += 10;
    unsigned count = rte_eth_rx_burst(port, 0, frames, BURST);
    tcpstack_input(stack, frames, count, now);
    while ((count = tcpstack_ready(stack, conns, BURST)) > 0) {
        for (unsigned i = 0; i < count; i++)
            echo(conns[i]);
    }
    tcpstack_timers(stack, now);
    tcpstack_flush(stack, now);
    while ((count = tcpstack_take_output(stack, frames, BURST)) > 0) {
        unsigned sent = rte_eth_tx_burst(port, 0, frames, (uint16_t)count);
        rte_pktmbuf_free_bulk(frames + sent, count - sent);
    }
}

static void take_echo(struct wire_client *client, const uint8_t *payload, uint32_t size)
{
    struct limit *l = client->owner;
    if (size == 0)
        return;
    bool right = size == l->request_size && memcmp(payload, l->request, size) == 0;
    l->right += right;
    l->wrong += !right;
}

static void echo_collect(struct limit *l)
{
    memory_collect(l->memory, l->clients, CONNECTIONS);
}

static void echo_connect(struct limit *l)
{
    static const uint8_t flags[] = {RTE_TCP_SYN_FLAG, RTE_TCP_ACK_FLAG};
    for (unsigned row = 0; row < CONNECTIONS; row++) {
        for (unsigned i = 0; i < RTE_DIM(flags); i++) {
            struct rte_mbuf *frame = wire_client_frame(&l->clients[row], &l->memory->wire,
                                                       l->memory->client_pool, flags[i], NULL, 0);
            memory_feed(l->memory, &frame, frame != NULL);
            echo_turn(l);
            echo_collect(l);
        }
    }
}

// ---- the same for both

static double measure_round(struct limit *l, unsigned frames_wanted)
{
    uint64_t ticks = 0;
    unsigned done = 0;
    for (; done < frames_wanted; done += BURST) {
        struct rte_mbuf *frames[BURST];
        unsigned count = 0;
        for (; count < BURST; count++) {
            frames[count] =
                wire_client_frame(&l->clients[l->next], &l->memory->wire, l->memory->client_pool,
                                  RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, l->request, l->request_size);
            if (!frames[count])
                break; // then an answer will be missing
            l->next = l->next + 1 == CONNECTIONS ? 0 : l->next + 1;
        }
        memory_feed(l->memory, frames, count);
        uint64_t start = rte_rdtsc_precise();
        l->turn(l);
        ticks += rte_rdtsc_precise() - start;
        l->collect(l);
    }
    return (double)ticks / done;
}

static void measure(struct perf_program *program, struct limit *l, const char *name)
{
    struct perf_row row = perf_row_make("cycles", "ns/request", "%s", name);
    unsigned frames = perf_program_amount(program, FRAMES);
    perf_parts_add(&row.settings, "connections", CONNECTIONS);
    perf_parts_add(&row.settings, "payload", l->request_size);
    measure_round(l, frames / 2);
    double ns = 1e9 / (double)rte_get_tsc_hz();
    uint64_t sent = (frames / 2 + BURST - 1) / BURST * BURST;
    for (unsigned i = 0; i < program->rounds; i++, sent += (frames + BURST - 1) / BURST * BURST)
        perf_row_add(&row, measure_round(l, frames) * ns);
    row.correct = l->right == sent && l->wrong == 0;
    row.correct &= memory_workers_destroy(l->memory);
    perf_program_report(program, &row);
}

static bool create(struct perf_program *program, struct limit *l, const char *name)
{
    const struct memory_options options = {
        .workers = 1, .connections = 2 * CONNECTIONS, .entries = 1, .mbufs = MBUFS};
    l->memory = memory_workers_create(&options);
    if (!l->memory) {
        perf_program_fail(program, name, "no memory");
        return false;
    }
    l->request_size = memory_map_request(0, 1, l->request, sizeof l->request);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        wire_client_name(&l->clients[i], i);
        l->clients[i].owner = l;
        l->clients[i].take = take_echo;
    }
    return true;
}

void rows_limits(struct perf_program *program)
{
    static struct limit swapping = {.turn = swap_turn, .collect = swap_collect};
    static struct limit echoing = {.turn = echo_turn, .collect = echo_collect};
    const char *swap_name = "L2 macswap", *echo_name = "TCP echo";
    if (perf_program_wants(program, swap_name) && create(program, &swapping, swap_name))
        measure(program, &swapping, swap_name);
    if (perf_program_wants(program, echo_name) && create(program, &echoing, echo_name)) {
        echo_connect(&echoing);
        measure(program, &echoing, echo_name);
    }
}
