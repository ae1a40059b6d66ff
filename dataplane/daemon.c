#include "dataplane/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "control/config.h"
#include "control/control.h"
#include "control/endpoint.h"
#include "control/store.h"
#include "dataplane/demo.h"
#include "dataplane/eal.h"
#include "dataplane/interfaces.h"
#include "dataplane/kernel.h"
#include "dataplane/port.h"
#include "dataplane/settings.h"
#include "dataplane/spread.h"
#include "dataplane/trace.h"
#include "dataplane/worker.h"
#include "exporter/exporter.h"
#include "mapper/map.h"
#include "ndr/kernel.h"
#include "rpc/inject.h"
#include "tcpstack/trace.h"

enum {
    LOG_OPERATIONS = 16384,
    POOL_CACHE = 256,
    TRANSMIT_LIMIT = 384 << 10, // more than the largest reply, 256 KiB and its headers
    CHANGES = 16,
    WAITING = 1024, // calls that wait for their time, per worker
};

_Static_assert((int)CONTROL_CONFIG_PORTS_MAX <= (int)TCPSTACK_PORT_MAX, "ports of a file");
_Static_assert((int)CONTROL_CONFIG_ADDRESSES_MAX <= (int)TCPSTACK_ADDRESS_MAX, "its addresses");
_Static_assert((int)CONTROL_CONFIG_GATEWAYS_MAX <= (int)TCPSTACK_GATEWAY_MAX, "its gateways");
_Static_assert((int)CONTROL_CONFIG_VLANS_MAX <= (int)TCPSTACK_VLAN_MAX, "VLANs of a port");
_Static_assert((int)CONTROL_CONFIG_LISTEN_MAX <= (int)TCPSTACK_LISTEN_MAX, "its listeners");

struct daemon {
    const struct control_config *config; // as the server was started with
    const char *config_path;             // NULL: there is no file
    unsigned worker_count;
    unsigned port_count;
    struct dataplane_port ports[TCPSTACK_PORT_MAX];
    struct rte_mempool *pools[WORKER_MAX];
    struct worker *workers;
    struct control_worker control_workers[WORKER_MAX];
    struct mapper_log *log;
    struct mapper_map *map;
    struct control_store *store;
    struct rpc_groups *groups;
    struct rpc_inject *inject;
    struct exporter *exporter;
    const struct rpc_interface *interfaces[DATAPLANE_INTERFACES_MAX];
    struct dataplane_settings *settings; // of the file as it was read last
    uint8_t secret[16];
    struct base_uuid object;
    struct control *control;
};

static bool no_memory(const char *what)
{
    base_error(
        "no memory for %s; lower limits.connections, limits.reassemblies, dataplane.mbufs or "
        "mapper.capacity, or raise dataplane.memory",
        what);
    return false;
}

// ---- map

static bool create_map(struct daemon *d)
{
    const struct mapper_options options = {
        .capacity = d->config->mapper.capacity,
        .allow_nil_interface = d->config->mapper.registrations.allow_nil_interface,
    };
    d->log = mapper_log_create(LOG_OPERATIONS, d->worker_count);
    d->map = d->log ? mapper_map_create(&options, d->log) : NULL;
    return d->map || no_memory("the map");
}

// Until the workers run, this thread applies the log for them.
static void apply_everywhere(struct daemon *d)
{
    for (unsigned i = 0; i < d->worker_count; i++)
        mapper_replica_apply(d->workers[i].replica);
    mapper_map_reclaim(d->map);
}

static void make_room(void *context)
{
    struct daemon *d = context;
    if (mapper_log_room(d->log) < 16)
        apply_everywhere(d);
}

// The store comes before the static endpoints: what is kept has its slot already.
static bool load_store(struct daemon *d)
{
    const struct control_store_options options = {
        .directory = d->config->mapper.state,
        .capacity = d->config->mapper.capacity,
    };
    if (options.directory == NULL) {
        base_info("mapper.state is not set: registrations are gone when the server stops");
        return true;
    }
    d->store = control_store_open(&options);
    if (d->store == NULL || !control_store_load(d->store, d->map, make_room, d))
        return false;
    apply_everywhere(d);
    base_info("%u registrations are kept in %s", mapper_map_count(d->map), options.directory);
    return true;
}

static bool load_endpoint(struct daemon *d, unsigned index)
{
    static struct control_registration registration;
    struct control_endpoint_problem problem;
    const struct control_endpoint *endpoint = &d->config->mapper.endpoints[index];
    if (!control_registration_init(&registration, endpoint, &problem)) {
        base_error("mapper.endpoints[%u].%s: %s", index, problem.key, problem.text);
        return false;
    }
    make_room(d);
    uint32_t status =
        mapper_map_insert(d->map, &registration.entry, 1, false, MAPPER_ORIGIN_STATIC);
    if (status == 0)
        return true;
    const char *name = ndr_epm_status_name(status);
    base_error("mapper.endpoints[%u]: not accepted: %s", index, name ? name : "unknown status");
    return false;
}

static bool load_endpoints(struct daemon *d)
{
    for (unsigned i = 0; i < d->config->mapper.endpoints_count; i++) {
        if (!load_endpoint(d, i))
            return false;
    }
    apply_everywhere(d);
    if (d->store != NULL)
        mapper_map_set_record(d->map, control_store_record, d->store);
    return true;
}

// ---- fault rules

// Until the workers run, this thread takes the rules for them.
static bool load_faults(struct daemon *d)
{
    for (unsigned i = 0; i < d->config->faults_count; i++) {
        struct rpc_inject_rule rule;
        struct control_fault_problem problem;
        if (!control_fault_read(&d->config->faults[i], &rule, &problem) ||
            rpc_inject_add(d->inject, &rule) == 0) {
            base_error("faults[%u]: not accepted", i);
            return false;
        }
        for (unsigned worker = 0; worker < d->worker_count; worker++)
            rpc_inject_take(d->inject, worker);
    }
    return true;
}

// ---- what a reload may change

static bool create_settings(struct daemon *d)
{
    d->settings = dataplane_settings_create(d->config);
    return d->settings || no_memory("the settings");
}

// On the control thread, while the workers run.
static bool apply_settings(void *context, const struct control_config *config)
{
    struct daemon *d = context;
    struct dataplane_settings *next = dataplane_settings_create(config);
    if (!next)
        return false;
    rpc_groups_limit_cursors(d->groups, config->limits.cursors);
    d->settings = dataplane_settings_publish(d->settings, next, d->workers, d->worker_count);
    return true;
}

// ---- workers

static bool create_pools(struct daemon *d)
{
    for (unsigned i = 0; i < d->worker_count; i++) {
        char name[RTE_MEMPOOL_NAMESIZE];
        snprintf(name, sizeof name, "worker-%u", i);
        d->pools[i] =
            tcpstack_pool_create(name, d->config->dataplane.mbufs, POOL_CACHE, SOCKET_ID_ANY);
        if (!d->pools[i])
            return no_memory("packet buffers");
    }
    return true;
}

static void fill_addresses(const struct daemon *d, struct tcpstack_options *options)
{
    for (unsigned i = 0; i < d->config->network.addresses_count; i++) {
        struct tcpstack_address *address = &options->addresses[options->address_count];
        if (control_prefix_parse_mapped(d->config->network.addresses[i], address->address,
                                        &address->prefix_length))
            options->address_count++;
    }
    for (unsigned i = 0; i < d->config->network.gateways_count; i++) {
        if (control_address_parse_mapped(d->config->network.gateways[i],
                                         options->gateways[options->gateway_count]))
            options->gateway_count++;
    }
    for (unsigned i = 0; i < d->config->listen_count; i++) {
        const struct control_listen *listen = &d->config->listen[i];
        options->listen[options->listen_count++] =
            (uint16_t)(listen->ncacn_http ? listen->ncacn_http : listen->ncacn_ip_tcp);
    }
}

static void fill_tcp(const struct control_config *config, struct tcpstack_options *options)
{
    static const enum tcpstack_congestion congestions[] = {
        [CONTROL_CUBIC] = TCPSTACK_CUBIC, [CONTROL_NEWRENO] = TCPSTACK_RENO};
    static const enum tcpstack_cookies cookies[] = {
        [CONTROL_COOKIES_AUTO] = TCPSTACK_COOKIES_WHEN_FULL,
        [CONTROL_COOKIES_ALWAYS] = TCPSTACK_COOKIES_ALWAYS,
        [CONTROL_COOKIES_NEVER] = TCPSTACK_COOKIES_NEVER};
    options->congestion = congestions[config->tcp.congestion];
    options->cookies = cookies[config->tcp.syn_cookies];
    options->without_timestamps = !config->tcp.timestamps;
    options->without_sack = !config->tcp.sack;
    options->receive_window = config->tcp.receive_window;
    options->keepalive_idle = config->tcp.keepalive_time * UINT64_C(1000000);
    options->keepalive_interval = config->tcp.keepalive_interval * UINT64_C(1000000);
    options->keepalive_count = (uint8_t)config->tcp.keepalive_count;
}

static struct tcpstack *create_stack(const struct daemon *d, const struct worker *w)
{
    struct tcpstack_options options = {
        .pool = w->pool,
        .max_connections = d->config->limits.connections,
        .max_half_open = d->config->limits.half_open,
        .transmit_limit = TRANSMIT_LIMIT,
        .silent = w->index != 0,
    };
    for (unsigned i = 0; i < d->port_count; i++)
        options.ports[options.port_count++] = d->ports[i].stack;
    fill_addresses(d, &options);
    fill_tcp(d->config, &options);
    memcpy(options.secret, d->secret, sizeof options.secret);
    return tcpstack_create(&options, 0);
}

static bool submit(void *worker, struct mapper_change *change)
{
    return control_channel_submit(((struct worker *)worker)->channel, change);
}

static struct rpc_server *create_rpc(const struct daemon *d, struct worker *w)
{
    struct rpc_options options = {
        .stream = worker_stream,
        .interfaces = d->interfaces,
        .replica = w->replica,
        .groups = d->groups,
        .inject = d->inject,
        .exporter = d->exporter,
        .worker = w->index,
        .associations = d->config->limits.connections,
        .max_request = d->config->limits.request,
        .reassembly_buffers = d->config->limits.reassemblies,
        .contexts = d->settings->rpc.contexts,
        .calls = d->settings->rpc.calls,
        .half_pdu_timeout = d->settings->rpc.half_pdu_timeout,
        .idle_timeout = d->settings->rpc.idle_timeout,
        .changes = CHANGES,
        .waiting = WAITING,
        .object = d->object,
        .allow = d->settings->rpc.allow,
        .allow_count = d->settings->rpc.allow_count,
        .submit = submit,
        .context = w,
    };
    memcpy(options.secret, d->secret, sizeof options.secret);
    return rpc_server_create(&options);
}

static void fill_http_ports(const struct daemon *d, struct worker *w)
{
    for (unsigned i = 0; i < d->config->listen_count; i++) {
        if (d->config->listen[i].ncacn_http)
            w->http_ports[w->http_port_count++] = (uint16_t)d->config->listen[i].ncacn_http;
    }
}

static bool create_worker(struct daemon *d, unsigned index)
{
    struct worker *w = &d->workers[index];
    w->index = index;
    w->core = d->config->dataplane.workers[index];
    w->worker_count = d->worker_count;
    w->sleeps = d->config->dataplane.idle == CONTROL_IDLE_SLEEP;
    w->pool = d->pools[index];
    w->tsc_start = rte_rdtsc();
    w->tsc_to_us = (uint64_t)(((unsigned __int128)1000000 << 64) / rte_get_tsc_hz());
    w->port_count = d->port_count;
    for (unsigned i = 0; i < d->port_count; i++) {
        bool owned = index < d->ports[i].queues;
        w->ports[i] = (struct worker_port){
            .port_id = d->ports[i].port_id, .queue = (uint16_t)index, .owned = owned};
    }
    fill_http_ports(d, w);
    w->gather = malloc(WORKER_GATHER_SIZE);
    atomic_init(&w->settings, d->settings);
    atomic_init(&w->settings_taken, d->settings);
    w->channel = control_channel_create(CHANGES);
    w->replica = mapper_replica_create(d->config->mapper.capacity, d->log, index);
    w->stack = create_stack(d, w);
    w->rpc = w->replica ? create_rpc(d, w) : NULL;
    return (w->gather && w->channel && w->stack && w->rpc) || no_memory("a worker");
}

static void describe_worker(struct daemon *d, unsigned index)
{
    const struct worker *w = &d->workers[index];
    d->control_workers[index] = (struct control_worker){
        .core = w->core,
        .channel = w->channel,
        .counters = {{"worker", worker_counter_rows, w->counters, WORKER_COUNTER_COUNT},
                     {"tcpstack", tcpstack_counter_rows, tcpstack_counters(w->stack),
                      TCPSTACK_COUNTER_COUNT},
                     {"rpc", rpc_counter_rows, rpc_counters(w->rpc), RPC_COUNTER_COUNT}},
        .counters_count = 3,
        .trace_head = dataplane_trace_head,
        .trace = dataplane_trace_rows,
        .trace_context = tcpstack_trace(w->stack),
    };
}

static bool create_workers(struct daemon *d)
{
    size_t size = d->worker_count * sizeof *d->workers;
    d->workers = aligned_alloc(64, size);
    d->groups = rpc_groups_create(d->worker_count * d->config->limits.connections, d->worker_count);
    d->inject = rpc_inject_create(d->worker_count);
    if (!d->workers || !d->groups || !d->inject)
        return no_memory("the workers");
    rpc_groups_limit_cursors(d->groups, d->config->limits.cursors);
    if (!dataplane_exporter_create(d->config, d->secret, &d->exporter))
        return no_memory("the OXID resolver");
    dataplane_interfaces_choose(d->config, d->interfaces);
    memset(d->workers, 0, size);
    for (unsigned i = 0; i < d->worker_count; i++) {
        if (!create_worker(d, i))
            return false;
        describe_worker(d, i);
    }
    return spread_create(d->workers, d->worker_count) || no_memory("the rings between workers");
}

static void destroy_workers(struct daemon *d)
{
    if (!d->workers)
        return;
    spread_destroy(d->workers, d->worker_count);
    for (unsigned i = 0; i < d->worker_count; i++) {
        struct worker *w = &d->workers[i];
        rpc_server_destroy(w->rpc);
        if (w->stack)
            tcpstack_destroy(w->stack);
        if (w->replica)
            mapper_replica_destroy(w->replica);
        if (w->channel)
            control_channel_destroy(w->channel);
        free(w->gather);
    }
    free(d->workers);
}

static int launch(struct daemon *d)
{
    for (unsigned i = 0; i < d->worker_count; i++) {
        int result = rte_eal_remote_launch(worker_main, &d->workers[i], dataplane_eal_lcore(i));
        if (result != 0) {
            base_error("worker %u did not start on core %u: %s", i, d->workers[i].core,
                       rte_strerror(-result));
            return EX_OSERR;
        }
    }
    return 0;
}

static void stop_workers(struct daemon *d)
{
    for (unsigned i = 0; i < d->worker_count; i++)
        atomic_store_explicit(&d->workers[i].stop, true, memory_order_relaxed);
    rte_eal_mp_wait_lcore();
}

// ---- ports

static bool start_eal(const struct control_config *config)
{
    static const enum dataplane_hugepages hugepages[] = {
        [CONTROL_HUGEPAGES_OFF] = DATAPLANE_HUGEPAGES_OFF,
        [CONTROL_HUGEPAGES_AUTO] = DATAPLANE_HUGEPAGES_AUTO,
        [CONTROL_HUGEPAGES_REQUIRED] = DATAPLANE_HUGEPAGES_REQUIRED,
    };
    const char *devices[CONTROL_CONFIG_PORTS_MAX];
    struct dataplane_eal_options options = {
        .program = "portoland",
        .devices = devices,
        .device_count = config->dataplane.ports_count,
        .cores = config->dataplane.workers,
        .core_count = config->dataplane.workers_count,
        .hugepages = hugepages[config->dataplane.hugepages],
        .memory = config->dataplane.memory,
        .hugepages_setting = "dataplane.hugepages",
    };
    for (unsigned i = 0; i < options.device_count; i++)
        devices[i] = config->dataplane.ports[i].device;
    return dataplane_eal_init(&options);
}

// Whether the configuration's device, with its arguments or a short PCI address, is the port's.
static bool is_device(const char *device, const char *port_name)
{
    size_t size = strcspn(device, ","), name_size = strlen(port_name);
    if (size > name_size || strncmp(device, port_name + name_size - size, size) != 0)
        return false;
    return size == name_size || port_name[name_size - size - 1] == ':';
}

static void fill_vlans(const struct daemon *d, struct dataplane_port *port)
{
    for (unsigned i = 0; i < d->config->dataplane.ports_count; i++) {
        const struct control_port *config = &d->config->dataplane.ports[i];
        if (!is_device(config->device, port->name))
            continue;
        port->stack.vlan_count = config->vlans_count;
        for (unsigned vlan = 0; vlan < config->vlans_count; vlan++)
            port->stack.vlans[vlan] = (uint16_t)config->vlans[vlan];
    }
}

static bool start_ports(struct daemon *d)
{
    uint16_t port_id;
    RTE_ETH_FOREACH_DEV (port_id) {
        if (d->port_count == TCPSTACK_PORT_MAX)
            break;
        if (!dataplane_port_start(port_id, d->worker_count, d->pools, &d->ports[d->port_count]))
            return false;
        fill_vlans(d, &d->ports[d->port_count]);
        d->port_count++;
    }
    if (d->port_count > 0)
        return true;
    base_error("no port came up from dataplane.ports; a device needs its driver package "
               "(librte-net-*), and a PCI device must be bound ('scripts/nic list')");
    return false;
}

// Every mbuf must be home when everything has stopped: a leak is a defect, and said so.
static void check_pools(const struct daemon *d)
{
    for (unsigned i = 0; i < d->worker_count && d->pools[i]; i++) {
        unsigned missing = d->pools[i]->size - rte_mempool_avail_count(d->pools[i]);
        if (missing)
            base_error("worker %u: %u packet buffers did not come back", i, missing);
    }
}

// ---- control

// The port that `status` names: the first one that is no ncacn_http.
static uint16_t main_port(const struct control_config *config)
{
    for (unsigned i = 0; i < config->listen_count; i++) {
        if (config->listen[i].ncacn_ip_tcp)
            return (uint16_t)config->listen[i].ncacn_ip_tcp;
    }
    return (uint16_t)config->listen[0].ncacn_http;
}

static bool create_control(struct daemon *d)
{
    const struct control_options options = {
        .socket_path = d->config->control.socket,
        .version = PORTOLAN_VERSION,
        .map = d->map,
        .log = d->log,
        .store = d->store,
        .inject = d->inject,
        .exporter = d->exporter,
        .workers = d->control_workers,
        .worker_count = d->worker_count,
        .addresses = (const char *const *)d->config->network.addresses,
        .address_count = d->config->network.addresses_count,
        .listen_port = main_port(d->config),
        .config = d->config,
        .config_path = d->config_path,
        .apply = apply_settings,
        .context = d,
    };
    d->control = control_create(&options);
    return d->control != NULL;
}

static void say_ready(const struct daemon *d)
{
    char addresses[512] = "";
    size_t used = 0;
    for (unsigned i = 0; i < d->config->network.addresses_count && used < sizeof addresses; i++)
        used += (size_t)snprintf(addresses + used, sizeof addresses - used, "%s%s", i ? ", " : "",
                                 d->config->network.addresses[i]);
    base_info("serving %u endpoints on %s with %u worker%s (%s decoder); control socket %s",
              mapper_map_count(d->map), addresses, d->worker_count, d->worker_count == 1 ? "" : "s",
              ndr_kernel()->name, d->config->control.socket);
}

static int serve(struct daemon *d)
{
    int result = launch(d);
    if (result == 0) {
        say_ready(d);
        result = control_run(d->control) == 0 ? 0 : EX_OSERR;
    }
    stop_workers(d);
    return result;
}

static bool seed(struct daemon *d)
{
    if (getrandom(d->secret, sizeof d->secret, 0) == sizeof d->secret &&
        getrandom(&d->object, sizeof d->object, 0) == sizeof d->object)
        return true;
    base_error("the kernel gives no random numbers");
    return false;
}

static int build_and_serve(struct daemon *d, bool demo)
{
    if (!dataplane_choose_kernel())
        return EX_USAGE;
    if (!seed(d) || !create_pools(d) || !start_ports(d))
        return EX_UNAVAILABLE;
    if (demo && !dataplane_demo_address())
        return EX_OSERR;
    if (!create_map(d) || !create_settings(d) || !create_workers(d))
        return EX_UNAVAILABLE;
    if (!load_store(d))
        return EX_UNAVAILABLE;
    if (!load_endpoints(d) || !load_faults(d))
        return EX_CONFIG;
    if (!create_control(d))
        return EX_OSERR;
    return serve(d);
}

static void take_down(struct daemon *d)
{
    if (d->control)
        control_destroy(d->control);
    for (unsigned i = 0; i < d->port_count; i++)
        dataplane_port_stop(&d->ports[i]);
    destroy_workers(d);
    check_pools(d);
    for (unsigned i = 0; i < d->worker_count; i++)
        rte_mempool_free(d->pools[i]);
    if (d->map)
        mapper_map_destroy(d->map);
    if (d->log)
        mapper_log_destroy(d->log);
    control_store_close(d->store);
    rpc_groups_destroy(d->groups);
    rpc_inject_destroy(d->inject);
    exporter_destroy(d->exporter);
    dataplane_settings_destroy(d->settings);
}

int dataplane_daemon_run(const struct control_config *config, const char *path, bool demo)
{
    static struct daemon d;
    d.config_path = path;
    d.config = config;
    d.worker_count = config->dataplane.workers_count;
    if (d.worker_count > WORKER_MAX) {
        base_error("dataplane.workers lists %u cores; at most %u workers run", d.worker_count,
                   WORKER_MAX);
        return EX_CONFIG;
    }
    if (!start_eal(config))
        return EX_UNAVAILABLE;
    int result = build_and_serve(&d, demo);
    take_down(&d);
    rte_eal_cleanup();
    return result;
}
