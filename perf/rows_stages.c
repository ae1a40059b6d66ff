// The TCP stack alone, stage by stage: no port, no worker, no RPC; with few connections and with
// more than the caches hold.
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "perf/rows.h"
#include "perf/wire_client.h"
#include "tcpstack/tcpstack.h"

enum {
    FEW_CONNECTIONS = 1000,
    MANY_CONNECTIONS = 200000, // more than the caches hold
    MBUFS = 4095,
    BURST = 32,
    REQUEST_SIZE = 156,
    REPLY_SIZE = 160,
    BURSTS = 4000, // a round
};

enum stage { STAGE_SEGMENT, STAGE_REPLY, STAGE_ACK, STAGE_COUNT };

static const char *const stage_names[STAGE_COUNT] = {
    "TCP input of a segment", "TCP output of a reply", "TCP input of an ACK"};

struct stages {
    struct tcpstack *stack;
    struct rte_mempool *pool;
    struct wire_addresses wire;
    struct wire_client *clients;
    struct tcp_conn **conns; // of the clients
    unsigned connections, next;
    uint64_t now;
    uint64_t ticks[STAGE_COUNT];
};

static struct rte_mbuf *frame_of(struct stages *s, unsigned row, uint8_t flags, uint16_t size)
{
    static const uint8_t bytes[REQUEST_SIZE];
    return wire_client_frame(&s->clients[row], &s->wire, s->pool, flags, bytes, size);
}

static void take_output(struct stages *s, unsigned row)
{
    struct rte_mbuf *frame;
    while (tcpstack_take_output(s->stack, &frame, 1) == 1) {
        wire_client_receive(&s->clients[row], frame);
        rte_pktmbuf_free(frame);
    }
}

static bool open_row(struct stages *s, unsigned row)
{
    wire_client_name(&s->clients[row], row);
    static const uint8_t flags[] = {RTE_TCP_SYN_FLAG, RTE_TCP_ACK_FLAG};
    for (unsigned i = 0; i < RTE_DIM(flags); i++) {
        struct rte_mbuf *frame = frame_of(s, row, flags[i], 0);
        if (frame == NULL)
            return false;
        tcpstack_input(s->stack, &frame, 1, s->now);
        tcpstack_flush(s->stack, s->now);
        take_output(s, row);
    }
    bool opened = tcpstack_ready(s->stack, &s->conns[row], 1) == 1;
    return opened && tcp_take_events(s->conns[row]) == TCP_EVENT_OPENED;
}

static unsigned row_at(const struct stages *s, unsigned i)
{
    return (s->next + i) % s->connections;
}

static bool input(struct stages *s, enum stage stage, uint8_t flags, uint16_t size)
{
    struct rte_mbuf *frames[BURST];
    for (unsigned i = 0; i < BURST; i++) {
        frames[i] = frame_of(s, row_at(s, i), flags, size);
        if (frames[i] == NULL)
            return false;
    }
    uint64_t start = rte_rdtsc_precise();
    tcpstack_input(s->stack, frames, BURST, s->now);
    s->ticks[stage] += rte_rdtsc_precise() - start;
    return true;
}

// What the caller does with requests is no part of the measurement.
static void consume(struct stages *s)
{
    struct tcp_conn *conns[BURST];
    unsigned count = tcpstack_ready(s->stack, conns, BURST);
    for (unsigned i = 0; i < count; i++) {
        tcp_take_events(conns[i]);
        tcp_consume(conns[i], tcp_readable(conns[i]));
    }
}

static bool reply(struct stages *s)
{
    static const uint8_t bytes[REPLY_SIZE];
    struct rte_mbuf *frames[BURST];
    uint64_t start = rte_rdtsc_precise();
    for (unsigned i = 0; i < BURST; i++) {
        struct tcp_conn *conn = s->conns[row_at(s, i)];
        uint8_t *room = tcp_reserve(conn, REPLY_SIZE);
        if (room == NULL)
            return false;
        memcpy(room, bytes, REPLY_SIZE);
        tcp_commit(conn, REPLY_SIZE);
    }
    tcpstack_flush(s->stack, s->now);
    unsigned count = tcpstack_take_output(s->stack, frames, BURST);
    s->ticks[STAGE_REPLY] += rte_rdtsc_precise() - start;
    for (unsigned i = 0; i < count; i++) {
        wire_client_receive(&s->clients[row_at(s, i)], frames[i]);
        rte_pktmbuf_free(frames[i]);
    }
    return count == BURST;
}

static bool burst(struct stages *s)
{
    s->now += 10;
    tcpstack_timers(s->stack, s->now);
    if (!input(s, STAGE_SEGMENT, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, REQUEST_SIZE))
        return false;
    consume(s);
    if (!reply(s) || !input(s, STAGE_ACK, RTE_TCP_ACK_FLAG, 0))
        return false;
    s->next = row_at(s, BURST);
    return true;
}

static bool measure(struct perf_program *program, struct stages *s, struct perf_row *rows)
{
    unsigned bursts = perf_program_amount(program, BURSTS);
    double ns = 1e9 / (double)rte_get_tsc_hz();
    for (unsigned round = 0; round <= program->rounds; round++) { // the first is for warming up
        memset(s->ticks, 0, sizeof s->ticks);
        for (unsigned i = 0; i < bursts; i++) {
            if (!burst(s))
                return false;
        }
        for (unsigned stage = 0; round > 0 && stage < STAGE_COUNT; stage++)
            perf_row_add(&rows[stage], (double)s->ticks[stage] * ns / (bursts * BURST));
    }
    return true;
}

static bool create(struct stages *s, unsigned connections)
{
    s->connections = connections;
    s->wire = (struct wire_addresses){.server_mac = {2, 0, 0, 0, 0, 2},
                                      .client_mac = {2, 0, 0, 0, 0, 1},
                                      .server_ipv4 = 0x0a870002,
                                      .client_ipv4 = 0x0a880001,
                                      .server_port = 135};
    s->pool = tcpstack_pool_create("stages", MBUFS, 256, SOCKET_ID_ANY);
    s->clients = calloc(connections, sizeof *s->clients);
    s->conns = calloc(connections, sizeof(struct tcp_conn *));
    const struct tcpstack_options options = {
        .ports = {{.mac = {2, 0, 0, 0, 0, 2}, .mtu = 1500}},
        .port_count = 1,
        .addresses = {{TCPSTACK_IPV4(s->wire.server_ipv4), 96 + 16}},
        .address_count = 1,
        .listen = {s->wire.server_port},
        .listen_count = 1,
        .pool = s->pool,
        .max_connections = connections,
        .max_half_open = 16,
        .receive_window = 128 << 10,
        .transmit_limit = 256 << 10,
    };
    s->stack = s->pool != NULL ? tcpstack_create(&options, 0) : NULL;
    return s->stack != NULL && s->clients != NULL && s->conns != NULL;
}

static bool run(struct perf_program *program, struct stages *s, struct perf_row *rows)
{
    for (unsigned row = 0; row < s->connections; row++) {
        if (!open_row(s, row))
            return false;
    }
    return measure(program, s, rows);
}

static void destroy(struct stages *s)
{
    tcpstack_destroy(s->stack);
    rte_mempool_free(s->pool);
    free(s->clients);
    free(s->conns);
}

static void measure_with(struct perf_program *program, unsigned connections)
{
    struct perf_row rows[STAGE_COUNT];
    bool wanted[STAGE_COUNT], any = false;
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        rows[stage] = perf_row_make("cycles", "ns/segment", "%s, %u connections",
                                    stage_names[stage], connections);
        perf_parts_add(&rows[stage].settings, "connections", connections);
        any |= wanted[stage] = perf_program_wants(program, rows[stage].name);
    }
    if (!any)
        return;
    struct stages s = {0};
    if (!create(&s, connections) || !run(program, &s, rows))
        perf_program_fail(program, rows[0].name, "no memory, or a segment was not answered");
    else
        for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
            if (wanted[stage])
                perf_program_report(program, &rows[stage]);
        }
    destroy(&s);
}

void rows_stages(struct perf_program *program)
{
    measure_with(program, FEW_CONNECTIONS);
    measure_with(program, MANY_CONNECTIONS);
}
