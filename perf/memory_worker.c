#include "perf/memory_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include "dataplane/spread.h"
#include "ndr/epm.h"
#include "rpc/client.h"
#include "rpc/interface.h"

enum { RING_SIZE = 1024, CHANGES = 4 };

static const struct ndr_syntax_id epmapper = {
    .uuid = BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa),
    .major = 3,
};

bool memory_eal_init(const char *program)
{
    return memory_eal_init_on(program, "0");
}

bool memory_eal_init_on(const char *program, const char *cores)
{
    // EAL keeps pointers into its arguments.
    static char words[][24] = {"",
                               "--no-huge",
                               "-m",
                               "256",
                               "--no-pci",
                               "--no-shconf",
                               "--no-telemetry",
                               "--log-level=*:error",
                               "-l",
                               ""};
    static char *arguments[sizeof words / sizeof words[0]];
    snprintf(words[0], sizeof words[0], "%s", program);
    snprintf(words[sizeof words / sizeof words[0] - 1], sizeof words[0], "%s", cores);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        arguments[i] = words[i];
    return rte_eal_init(sizeof words / sizeof words[0], arguments) >= 0;
}

// Several of these may be alive at once: the first reader of the map tells them apart.
static const char *own_name(const struct memory_workers *m, const char *what,
                            char name[RTE_RING_NAMESIZE])
{
    snprintf(name, RTE_RING_NAMESIZE, "%s-%u", what, m->options.first_reader);
    return name;
}

static bool make_port(struct memory_workers *m)
{
    unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
    char name[RTE_RING_NAMESIZE];
    m->to_server = rte_ring_create(own_name(m, "to", name), RING_SIZE, SOCKET_ID_ANY, flags);
    m->from_server = rte_ring_create(own_name(m, "from", name), RING_SIZE, SOCKET_ID_ANY, flags);
    if (!m->to_server || !m->from_server)
        return false;
    own_name(m, "memory", name);
    int port = rte_eth_from_rings(name, &m->to_server, 1, &m->from_server, 1, 0);
    if (port < 0)
        return false;
    struct rte_eth_conf conf = {0};
    m->port_id = (uint16_t)port;
    m->has_port = true;
    return rte_eth_dev_configure(m->port_id, 1, 1, &conf) == 0 &&
           rte_eth_rx_queue_setup(m->port_id, 0, RING_SIZE, 0, NULL, m->server_pools[0]) == 0 &&
           rte_eth_tx_queue_setup(m->port_id, 0, RING_SIZE, 0, NULL) == 0 &&
           rte_eth_dev_start(m->port_id) == 0;
}

uint16_t memory_bind_request(uint8_t *pdu, uint16_t size)
{
    struct rpc_client client = rpc_client_init();
    return (uint16_t)rpc_client_build_bind(&client, &epmapper, pdu, size);
}

uint16_t memory_map_request(uint32_t i, uint32_t call_id, uint8_t *pdu, uint16_t size)
{
    uint8_t tower[128], stub[256];
    uint32_t tower_size = memory_tower(i, "ncacn_ip_tcp:0.0.0.0[135]", tower, sizeof tower);
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    const struct base_uuid nil = {0};
    const struct ndr_context_handle null = {0};
    ndr_epm_encode_map(&w, &nil, tower, tower_size, &null, 1);
    struct rpc_client client = rpc_client_init();
    client.call_id = call_id - 1;
    return (uint16_t)rpc_client_build_request(&client, NDR_EPM_MAP, stub, ndr_writer_size(&w), pdu,
                                              size);
}

static bool submit(void *context, struct mapper_change *change)
{
    return control_channel_submit(((struct worker *)context)->channel, change);
}

static struct tcpstack *make_stack(const struct memory_workers *m, unsigned index)
{
    const struct tcpstack_options options = {
        .ports = {{.port_id = m->port_id, .mac = {2, 0, 0, 0, 0, 2}, .mtu = 1500}},
        .port_count = 1,
        .addresses = {{TCPSTACK_IPV4(m->wire.server_ipv4), 96 + 24}},
        .address_count = 1,
        .listen = {m->wire.server_port},
        .listen_count = 1,
        .pool = m->server_pools[index],
        .max_connections = m->options.connections,
        .max_half_open = m->options.connections,
        .receive_window = 128 << 10,
        .transmit_limit = 384 << 10,
        .silent = index != 0,
    };
    return tcpstack_create(&options, 0);
}

static struct rpc_server *make_rpc(const struct memory_workers *m, struct worker *w)
{
    static const struct rpc_interface *const interfaces[] = {&rpc_epmapper, &rpc_mgmt, NULL};
    const struct rpc_options options = {
        .stream = worker_stream,
        .interfaces = interfaces,
        .replica = w->replica,
        .groups = m->groups,
        .worker = m->options.first_reader + w->index,
        .associations = m->options.connections,
        .max_request = 64 << 10,
        .contexts = 16,
        .calls = 64,
        .reassembly_buffers = 4,
        .changes = CHANGES,
        .waiting = CHANGES,
        .allow = m->options.allow,
        .allow_count = m->options.allow_count,
        .submit = submit,
        .context = w,
    };
    return rpc_server_create(&options);
}

static bool make_worker(struct memory_workers *m, unsigned index)
{
    struct worker *w = &m->workers[index];
    w->index = index;
    w->worker_count = m->options.workers;
    w->port_count = 1;
    w->ports[0] = (struct worker_port){.port_id = m->port_id, .owned = index == 0};
    w->pool = m->server_pools[index];
    w->replica = m->map->replicas[m->options.first_reader + index];
    w->channel = control_channel_create(CHANGES);
    w->gather = malloc(WORKER_GATHER_SIZE);
    w->stack = make_stack(m, index);
    w->rpc = make_rpc(m, w);
    return w->channel && w->gather && w->stack && w->rpc;
}

static bool make_pools(struct memory_workers *m)
{
    char name[RTE_RING_NAMESIZE];
    own_name(m, "client", name);
    m->client_pool = tcpstack_pool_create(name, m->options.mbufs, 256, SOCKET_ID_ANY);
    bool made = m->client_pool;
    for (unsigned i = 0; i < m->options.workers; i++) {
        snprintf(name, sizeof name, "server-%u", m->options.first_reader + i);
        m->server_pools[i] = tcpstack_pool_create(name, m->options.mbufs, 256, SOCKET_ID_ANY);
        made = made && m->server_pools[i];
    }
    return made;
}

static bool share_or_make(struct memory_workers *m)
{
    const struct memory_options *o = &m->options;
    m->map = o->map ? o->map : memory_map_create(o->entries, o->workers);
    m->groups = o->groups ? o->groups : rpc_groups_create(o->connections * o->workers, o->workers);
    return m->map && m->groups;
}

static bool make_all(struct memory_workers *m)
{
    size_t size = m->options.workers * sizeof *m->workers;
    m->workers = aligned_alloc(64, size);
    if (!m->workers)
        return false;
    memset(m->workers, 0, size);
    if (!share_or_make(m) || !make_pools(m) || !make_port(m))
        return false;
    m->wire.port_id = m->port_id;
    for (unsigned i = 0; i < m->options.workers; i++) {
        if (!make_worker(m, i))
            return false;
    }
    return spread_create(m->workers, m->options.workers);
}

struct memory_workers *memory_workers_create(const struct memory_options *options)
{
    struct memory_workers *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->options = *options;
    m->wire = (struct wire_addresses){.server_mac = {2, 0, 0, 0, 0, 2},
                                      .client_mac = {2, 0, 0, 0, 0, 1},
                                      .server_ipv4 = 0x0a870002,
                                      .client_ipv4 = 0x0a870001,
                                      .server_port = 135,
                                      .mss = options->mss};
    if (make_all(m))
        return m;
    memory_workers_destroy(m);
    return NULL;
}

static bool pool_is_whole(struct rte_mempool *pool)
{
    bool whole = !pool || rte_mempool_avail_count(pool) == pool->size;
    rte_mempool_free(pool);
    return whole;
}

static void destroy_worker(struct worker *w)
{
    if (w->stack)
        tcpstack_destroy(w->stack);
    rpc_server_destroy(w->rpc);
    if (w->channel)
        control_channel_destroy(w->channel);
    free(w->gather);
}

bool memory_workers_destroy(struct memory_workers *m)
{
    if (m->workers) {
        spread_destroy(m->workers, m->options.workers);
        for (unsigned i = 0; i < m->options.workers; i++)
            destroy_worker(&m->workers[i]);
    }
    if (m->has_port) {
        rte_eth_dev_stop(m->port_id);
        char name[RTE_RING_NAMESIZE];
        rte_vdev_uninit(own_name(m, "net_ring_memory", name));
    }
    rte_ring_free(m->to_server);
    rte_ring_free(m->from_server);
    bool whole = pool_is_whole(m->client_pool);
    for (unsigned i = 0; i < m->options.workers; i++)
        whole &= pool_is_whole(m->server_pools[i]);
    if (m->map && !m->options.map)
        memory_map_destroy(m->map);
    if (!m->options.groups)
        rpc_groups_destroy(m->groups);
    free(m->workers);
    free(m);
    return whole;
}

void memory_feed(struct memory_workers *m, struct rte_mbuf **frames, unsigned count)
{
    unsigned taken = rte_ring_sp_enqueue_burst(m->to_server, (void *const *)frames, count, NULL);
    rte_pktmbuf_free_bulk(frames + taken, count - taken);
}

void memory_collect(struct memory_workers *m, struct wire_client *clients, unsigned client_count)
{
    struct rte_mbuf *out[WORKER_BURST];
    unsigned got;
    while ((got = rte_ring_sc_dequeue_burst(m->from_server, (void **)out, WORKER_BURST, NULL))) {
        for (unsigned i = 0; i < got; i++) {
            unsigned row = wire_client_row(out[i], &m->wire);
            if (row < client_count)
                wire_client_receive(&clients[row], out[i]);
        }
        rte_pktmbuf_free_bulk(out, got);
    }
}

uint64_t memory_turn(struct memory_workers *m, struct rte_mbuf **frames, unsigned count,
                     struct wire_client *clients, unsigned client_count)
{
    memory_feed(m, frames, count);
    m->now += 10;
    uint64_t start = rte_rdtsc_precise();
    for (unsigned i = 0; i < m->options.workers; i++) {
        m->workers[i].now = m->now;
        m->workers[i].booked = rte_rdtsc(); // what the caller did meanwhile is nobody's stage
        worker_turn(&m->workers[i]);
    }
    uint64_t ticks = rte_rdtsc_precise() - start;
    memory_collect(m, clients, client_count);
    return ticks;
}

void memory_send(struct memory_workers *m, struct wire_client *clients, unsigned client_count,
                 unsigned row, uint8_t flags, const void *payload, uint16_t size)
{
    struct rte_mbuf *frame =
        wire_client_frame(&clients[row], &m->wire, m->client_pool, flags, payload, size);
    if (!frame)
        return;
    memory_turn(m, &frame, 1, clients, client_count);
    // With several workers the answer crosses the rings: once more for its way back.
    if (m->options.workers > 1)
        memory_turn(m, NULL, 0, clients, client_count);
}

bool memory_connect(struct memory_workers *m, struct wire_client *clients, unsigned client_count,
                    unsigned row)
{
    struct wire_client *client = &clients[row];
    uint8_t bind[128];
    uint16_t size = memory_bind_request(bind, sizeof bind);
    wire_client_name(client, row);
    memory_send(m, clients, client_count, row, RTE_TCP_SYN_FLAG, NULL, 0);
    memory_send(m, clients, client_count, row, RTE_TCP_ACK_FLAG, NULL, 0);
    memory_send(m, clients, client_count, row, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, bind, size);
    return client->received > 0;
}
