// The stack as its caller sees it: creation, bursts in, frames out, and who has something to tell.
#include "tcpstack/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_prefetch.h>

#include "tcpstack/tcp.h"

enum { PREFETCH_AHEAD = 3 };

// Echo replies, RSTs in answer to segments of no connection, and requests for neighbours.
enum { ECHOES_PER_SECOND = 1000, RESETS_PER_SECOND = 10000, REQUESTS_PER_SECOND = 100 };

struct rte_mempool *tcpstack_pool_create(const char *name, unsigned count, unsigned cache,
                                         int socket)
{
    uint16_t private_size = RTE_ALIGN_CEIL(sizeof(struct tcp_segment), RTE_MBUF_PRIV_ALIGN);
    return rte_pktmbuf_pool_create_by_ops(name, count, cache, private_size,
                                          RTE_MBUF_DEFAULT_BUF_SIZE, socket, "ring_mp_mc");
}

static bool ports_are_sound(const struct tcpstack_options *options)
{
    if (options->port_count == 0 || options->port_count > TCPSTACK_PORT_MAX)
        return false;
    for (unsigned i = 0; i < options->port_count; i++) {
        if (options->ports[i].mtu < TCPSTACK_MTU_MIN ||
            options->ports[i].vlan_count > TCPSTACK_VLAN_MAX)
            return false;
    }
    return true;
}

static unsigned smallest_mtu(const struct tcpstack_options *options)
{
    unsigned mtu = UINT16_MAX;
    for (unsigned i = 0; i < options->port_count; i++)
        mtu = RTE_MIN(mtu, options->ports[i].mtu);
    return mtu;
}

static bool addresses_are_sound(const struct tcpstack_options *options)
{
    if (options->address_count > TCPSTACK_ADDRESS_MAX ||
        options->gateway_count > TCPSTACK_GATEWAY_MAX)
        return false;
    for (unsigned i = 0; i < options->address_count; i++) {
        const struct tcpstack_address *own = &options->addresses[i];
        bool ipv4 = tcpstack_address_is_ipv4(own->address);
        if (own->prefix_length > 128 || (ipv4 && own->prefix_length < TCPSTACK_IPV4_BITS) ||
            (!ipv4 && smallest_mtu(options) < TCPSTACK_MTU_MIN_IPV6))
            return false;
    }
    return true;
}

static bool options_are_sound(const struct tcpstack_options *options)
{
    return ports_are_sound(options) && addresses_are_sound(options) &&
           options->listen_count <= TCPSTACK_LISTEN_MAX && options->pool != NULL &&
           rte_pktmbuf_priv_size(options->pool) >= sizeof(struct tcp_segment) &&
           options->max_connections > 0 && options->max_connections < UINT32_MAX / 4 &&
           options->max_half_open < UINT32_MAX / 4 && options->keepalive_idle <= TCP_DEADLINE_MAX &&
           options->keepalive_interval <= TCP_DEADLINE_MAX && options->receive_window >= 65536 &&
           options->receive_window <= UINT32_C(1) << 30 && options->transmit_limit > 0 &&
           options->transmit_limit <= UINT32_C(1) << 30;
}

struct tcpstack *tcpstack_create(const struct tcpstack_options *options, uint64_t now)
{
    if (!options_are_sound(options))
        return NULL;
    struct tcpstack *stack = aligned_alloc(
        RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof *stack, (size_t)RTE_CACHE_LINE_SIZE));
    if (stack == NULL)
        return NULL;
    memset(stack, 0, sizeof *stack);
    stack->options = *options;
    stack->now = now;
    tcp_table_key(stack);
    stack->out_of_order_max = options->pool->size / 8;
    for (unsigned i = 0; i < options->port_count; i++) {
        uint16_t *mtu = &stack->options.ports[i].mtu;
        *mtu = RTE_MIN(*mtu, (uint16_t)TCPSTACK_MTU_MAX);
    }
    uint32_t blocks = options->max_connections + options->max_half_open;
    if (tcp_table_init(&stack->table, blocks) != 0 ||
        tcp_traffic_init(&stack->traffic, blocks) != 0) {
        tcp_table_destroy(&stack->table);
        free(stack);
        return NULL;
    }
    STAILQ_INIT(&stack->ready);
    STAILQ_INIT(&stack->told);
    TAILQ_INIT(&stack->output);
    TAILQ_INIT(&stack->time_wait);
    tcp_memory_init(&stack->memory, options->pool);
    tcpstack_wheel_init(&stack->wheel, now);
    tcpstack_neighbours_init(stack);
    stack->address_check_ends = UINT64_MAX;
    stack->echo_limit = tcpstack_limit(ECHOES_PER_SECOND, ECHOES_PER_SECOND / 10, now);
    stack->reset_limit = tcpstack_limit(RESETS_PER_SECOND, RESETS_PER_SECOND / 10, now);
    stack->request_limit = tcpstack_limit(REQUESTS_PER_SECOND, REQUESTS_PER_SECOND, now);
    return stack;
}

static void release_all(struct tcpstack *stack)
{
    for (uint32_t i = 0; i <= stack->table.bucket_mask; i++) {
        struct tcp_conn *conn;
        while ((conn = tcp_table_block(&stack->table, stack->table.buckets[i])) != NULL)
            tcp_conn_release(conn, TCP_CLOSE_ABORTED);
    }
}

void tcpstack_destroy(struct tcpstack *stack)
{
    if (stack == NULL)
        return;
    release_all(stack);
    tcpstack_neighbours_free(stack);
    struct rte_mbuf *frame;
    while (tcpstack_take_output(stack, &frame, 1) == 1)
        rte_pktmbuf_free(frame);
    tcp_table_destroy(&stack->table);
    tcp_traffic_destroy(&stack->traffic);
    free(stack);
}

// First pass: headers, each frame on its own, so that the loads of several overlap; each names the
// bucket of its connection and has it fetched. Second: the buckets name the connections, which are
// fetched. Third: the connections, in the order of arrival. With a million of them each load misses
// the caches; this way a burst waits for the slowest of each pass instead of for their sum.
static void input_burst(struct tcpstack *stack, struct rte_mbuf **frames, unsigned count)
{
    unsigned reasons[TCPSTACK_BURST];
    for (unsigned i = 0; i < RTE_MIN(count, PREFETCH_AHEAD + 0u); i++)
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
    for (unsigned i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + PREFETCH_AHEAD], void *));
        stack->packets[i].frame = frames[i];
        reasons[i] = likely(tcpstack_ordinary_parse(stack, &stack->packets[i]))
                         ? TCPSTACK_STAGED
                         : tcpstack_eth_input(stack, &stack->packets[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (reasons[i] == TCPSTACK_STAGED)
            tcp_conn_prefetch(stack, stack->packets[i].hash);
    }
    for (unsigned i = 0; i < count; i++) {
        struct tcpstack_packet *packet = &stack->packets[i];
        if (reasons[i] == TCPSTACK_STAGED)
            reasons[i] = tcp_input(stack, packet);
        tcpstack_count(stack, reasons[i]);
        if (packet->frame != NULL)
            rte_pktmbuf_free(packet->frame);
    }
    stack->counters[TCPSTACK_RX_FRAMES] += count;
}

void tcpstack_input(struct tcpstack *stack, struct rte_mbuf **frames, unsigned count, uint64_t now)
{
    stack->now = now;
    tcp_reap(stack);
    tcp_memory_look(stack);
    while (count > 0) {
        unsigned burst = RTE_MIN(count, TCPSTACK_BURST + 0u);
        input_burst(stack, frames, burst);
        frames += burst;
        count -= burst;
    }
}

void tcpstack_timers(struct tcpstack *stack, uint64_t now)
{
    stack->now = now;
    tcpstack_own_addresses_run(stack);
    tcpstack_neighbours_run(stack);
    tcpstack_wheel_run(&stack->wheel, now, tcp_timer_fire, stack);
}

uint64_t tcpstack_next_timer(const struct tcpstack *stack)
{
    uint64_t discovery = RTE_MIN(stack->neighbours.due, stack->address_check_ends);
    return RTE_MIN(discovery, tcpstack_wheel_next(&stack->wheel));
}

void tcpstack_flush(struct tcpstack *stack, uint64_t now)
{
    stack->now = now;
    tcp_memory_look(stack);
    tcp_memory_relieve(stack);
    struct tcp_traffic *traffic;
    while ((traffic = TAILQ_FIRST(&stack->output)) != NULL && !tcpstack_output_full(stack)) {
        struct tcp_conn *conn = traffic->owner;
        TAILQ_REMOVE(&stack->output, traffic, output_link);
        conn->on_output = false;
        tcp_output(conn);
        tcp_traffic_end(conn);
    }
}

struct rte_mbuf *tcpstack_alloc(struct tcpstack *stack)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(stack->options.pool);
    if (frame == NULL)
        tcpstack_count(stack, TCPSTACK_TX_DROP_NO_MBUF);
    return frame;
}

void tcpstack_push(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port)
{
    if (tcpstack_output_full(stack)) {
        tcpstack_count(stack, TCPSTACK_TX_DROP_QUEUE_FULL);
        rte_pktmbuf_free(frame);
        return;
    }
    frame->port = stack->options.ports[port].port_id;
    unsigned at = (stack->output_head + stack->output_count) % TCPSTACK_OUTPUT_MAX;
    stack->output_frames[at] = frame;
    stack->output_count++;
    tcpstack_count(stack, TCPSTACK_TX_FRAMES);
}

unsigned tcpstack_take_output(struct tcpstack *stack, struct rte_mbuf **ret_frames, unsigned max)
{
    unsigned count = RTE_MIN(max, stack->output_count);
    for (unsigned i = 0; i < count; i++)
        ret_frames[i] = stack->output_frames[(stack->output_head + i) % TCPSTACK_OUTPUT_MAX];
    stack->output_head = (stack->output_head + count) % TCPSTACK_OUTPUT_MAX;
    stack->output_count -= count;
    return count;
}

const uint64_t *tcpstack_counters(const struct tcpstack *stack)
{
    return stack->counters;
}

unsigned tcpstack_connections(const struct tcpstack *stack)
{
    return (unsigned)stack->counters[TCPSTACK_TCP_CONNECTIONS];
}

void tcp_raise(struct tcp_conn *conn, unsigned events)
{
    if (!conn->known || conn->closed)
        return;
    conn->events |= (uint8_t)events;
    conn->closed = (events & TCP_EVENT_CLOSED) != 0;
    if (conn->on_ready)
        return;
    conn->on_ready = true;
    STAILQ_INSERT_TAIL(&conn->stack->ready, conn, ready_link);
}

// A connection stays in `ready` until it is handed out or, when its events were taken meanwhile,
// passed over; after CLOSED it moves to `told` either way.
unsigned tcpstack_ready(struct tcpstack *stack, struct tcp_conn **ret_conns, unsigned max)
{
    tcp_reap(stack);
    unsigned count = 0;
    struct tcp_conn *conn;
    while (count < max && (conn = STAILQ_FIRST(&stack->ready)) != NULL) {
        STAILQ_REMOVE_HEAD(&stack->ready, ready_link);
        conn->on_ready = false;
        if (conn->closed)
            STAILQ_INSERT_TAIL(&stack->told, conn, ready_link);
        if (conn->events != 0)
            ret_conns[count++] = conn;
    }
    return count;
}

unsigned tcp_take_events(struct tcp_conn *conn)
{
    unsigned events = conn->events;
    conn->events = 0;
    return events;
}

void tcp_set_user(struct tcp_conn *conn, void *user)
{
    conn->user = user;
}

void *tcp_user(const struct tcp_conn *conn)
{
    return conn->user;
}

struct tcp_endpoints tcp_endpoints(const struct tcp_conn *conn)
{
    struct tcp_endpoints ends = {.local_port = conn->key.local_port,
                                 .remote_port = conn->key.remote_port};
    memcpy(ends.local, conn->stack->options.addresses[conn->key.local].address, sizeof ends.local);
    memcpy(ends.remote, conn->key.remote, sizeof ends.remote);
    return ends;
}
