#include "load/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "base/sum.h"
#include "dataplane/eal.h"
#include "dataplane/port.h"
#include "load/live.h"
#include "load/recording.h"
#include "load/report.h"
#include "load/search.h"
#include "load/worker.h"

enum {
    POOL_CACHE = 256,
    POOL_BASE = 8191, // descriptors, ARP, bursts
    MBUF_BYTES = 2560,
    MEMORY_BASE = 192, // MiB
    POLL_US = 2000,
    FIRST_RATE = 10000, // of a search
};

// A port, and which of the addresses are used there.
struct run_port {
    struct dataplane_port port;
    struct tcpstack_address addresses[TCPSTACK_ADDRESS_MAX];
    uint8_t sources[TCPSTACK_ADDRESS_MAX][16]; // the same, without prefix lengths
    unsigned address_count;
};

// Worker i has port i, or if there is one port alone, its queue i.
struct run {
    const struct load_options *options;
    struct load_mix *mix; // NULL with a recording
    struct run_port ports[LOAD_PORT_MAX];
    unsigned port_count; // started
    struct rte_mempool *pools[LOAD_WORKER_MAX];
    struct load_worker *workers;
    uint8_t secret[16];
    unsigned launched;
    struct load_calls *recorded[LOAD_WORKER_MAX]; // until the workers have them
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

// ---- memory, EAL and port

static unsigned pool_size(const struct load_options *o)
{
    // In each direction a connection has at most a few segments under way.
    unsigned each = 2 + 2 * (o->depth / 8 + 1);
    unsigned share = o->connections / o->core_count + 1;
    return POOL_BASE + share * each;
}

static bool start_eal(const struct load_options *o)
{
    const struct dataplane_eal_options eal = {
        .program = "portolan-load",
        .devices = o->devices,
        .device_count = o->device_count,
        .cores = o->cores,
        .core_count = o->core_count,
        .hugepages = strcmp(o->hugepages, "off") == 0    ? DATAPLANE_HUGEPAGES_OFF
                     : strcmp(o->hugepages, "auto") == 0 ? DATAPLANE_HUGEPAGES_AUTO
                                                         : DATAPLANE_HUGEPAGES_REQUIRED,
        .memory =
            MEMORY_BASE + (unsigned)((uint64_t)o->core_count * pool_size(o) * MBUF_BYTES >> 20),
        .hugepages_setting = "--hugepages",
    };
    return dataplane_eal_init(&eal);
}

static bool no_memory(const char *what)
{
    base_error("no memory for %s; lower --connections or --depth", what);
    return false;
}

static bool create_pools(struct run *run)
{
    for (unsigned i = 0; i < run->options->core_count; i++) {
        char name[RTE_MEMPOOL_NAMESIZE];
        snprintf(name, sizeof name, "load-%u", i);
        run->pools[i] =
            tcpstack_pool_create(name, pool_size(run->options), POOL_CACHE, SOCKET_ID_ANY);
        if (!run->pools[i])
            return no_memory("packet buffers");
    }
    return true;
}

// Every port has its share of the addresses: one that answers at two ports confuses its peers.
static void share_addresses(struct run *run)
{
    const struct load_options *o = run->options;
    for (unsigned i = 0; i < o->address_count; i++) {
        struct run_port *port = &run->ports[i % o->device_count];
        memcpy(port->sources[port->address_count], o->addresses[i].address, 16);
        port->addresses[port->address_count++] = o->addresses[i];
    }
}

static bool start_port(struct run *run, uint16_t port_id, const char *device)
{
    const struct load_options *o = run->options;
    unsigned workers = o->core_count / o->device_count;
    if (port_id >= RTE_MAX_ETHPORTS) {
        base_error("no port came up from --port %s; a device needs its driver package "
                   "(librte-net-*), and a PCI device must be bound ('scripts/nic list')",
                   device);
        return false;
    }
    struct dataplane_port *port = &run->ports[run->port_count].port;
    if (!dataplane_port_start(port_id, workers, &run->pools[run->port_count], port))
        return false;
    run->port_count++;
    if (port->queues >= workers)
        return true;
    base_error("--port %s has %u queue that spreads nothing, expected %u for the workers; use one "
               "worker, a port with RSS, or a port a worker",
               device, port->queues, workers);
    return false;
}

static bool start_ports(struct run *run)
{
    uint16_t port_id = (uint16_t)rte_eth_find_next(0);
    share_addresses(run);
    for (unsigned i = 0; i < run->options->device_count; i++) {
        if (!start_port(run, port_id, run->options->devices[i]))
            return false;
        port_id = (uint16_t)rte_eth_find_next((uint16_t)(port_id + 1));
    }
    return true;
}

// ---- workers

static struct tcpstack *create_stack(const struct run *run, unsigned index,
                                     const struct run_port *port, uint32_t connections)
{
    const struct load_options *o = run->options;
    struct tcpstack_options options = {
        .ports = {port->port.stack},
        .port_count = 1,
        .address_count = port->address_count,
        .gateway_count = o->has_gateway,
        .pool = run->pools[index],
        // Room for names in TIME-WAIT; the oldest go first.
        .max_connections = 2 * connections + 64,
        .max_half_open = 1,
        .receive_window = LOAD_RECEIVE_WINDOW,
        .transmit_limit = LOAD_TRANSMIT_LIMIT,
        .silent = run->workers[index].queue != 0,
    };
    memcpy(options.addresses, port->addresses, sizeof options.addresses);
    memcpy(options.gateways[0], o->gateway, sizeof o->gateway);
    memcpy(options.secret, run->secret, sizeof options.secret);
    return tcpstack_create(&options, 0);
}

static bool create_worker(struct run *run, unsigned index, uint64_t tsc_start)
{
    const struct load_options *o = run->options;
    const bool alone = o->device_count > 1; // on its port
    const struct run_port *port = &run->ports[alone ? index : 0];
    struct load_worker *w = &run->workers[index];
    w->index = index;
    w->core = o->cores[index];
    w->port_id = port->port.port_id;
    w->queue = (uint16_t)(alone ? 0 : index);
    w->pool = run->pools[index];
    w->tsc_start = tsc_start;
    w->tsc_to_ns = (uint64_t)(((unsigned __int128)1000000000 << 32) / rte_get_tsc_hz());
    uint32_t connections = o->connections / o->core_count;
    connections += index < o->connections % o->core_count;
    uint64_t seed;
    memcpy(&seed, run->secret, sizeof seed);
    struct load_generator_options options = {
        .port_id = w->port_id,
        .sources = port->sources,
        .target_port = o->target_port,
        .connections = connections,
        .depth = o->depth,
        .calls_per_connection = run->mix && run->mix->calls_per_connection
                                    ? (int64_t)*run->mix->calls_per_connection
                                    : -1,
        .misbehaviour = o->misbehaviour,
        .seed = seed + index,
    };
    memcpy(options.target, o->target, sizeof options.target);
    w->calls = run->mix ? load_calls_create(run->mix, seed) : run->recorded[index];
    run->recorded[index] = NULL;
    if (!w->calls || !load_names_create(&w->names, port->addresses, port->address_count, o->target,
                                        o->target_port, w->queue, alone ? 1 : o->core_count, seed))
        return no_memory("source ports");
    options.stack = w->stack = create_stack(run, index, port, connections);
    w->generator = w->stack ? load_generator_create(&options, w->calls, &w->names) : NULL;
    return w->generator || no_memory("a worker");
}

static bool create_workers(struct run *run)
{
    size_t size = run->options->core_count * sizeof *run->workers;
    run->workers = aligned_alloc(64, size);
    if (!run->workers)
        return no_memory("the workers");
    memset(run->workers, 0, size);
    uint64_t start = rte_rdtsc();
    for (unsigned i = 0; i < run->options->core_count; i++) {
        if (!create_worker(run, i, start))
            return false;
    }
    return true;
}

static bool launch(struct run *run)
{
    for (unsigned i = 0; i < run->options->core_count; i++) {
        int result =
            rte_eal_remote_launch(load_worker_main, &run->workers[i], dataplane_eal_lcore(i));
        if (result != 0) {
            base_error("worker %u did not start on core %u: %s", i, run->workers[i].core,
                       rte_strerror(-result));
            return false;
        }
        run->launched++;
    }
    return true;
}

// ---- orders

static void read_counters(const struct run *run, uint64_t sums[LOAD_COUNTER_COUNT])
{
    memset(sums, 0, LOAD_COUNTER_COUNT * sizeof *sums);
    for (unsigned w = 0; w < run->launched; w++) {
        const uint64_t *counters = load_generator_counters(run->workers[w].generator);
        for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++)
            sums[i] += base_counter_read(&counters[i]);
    }
}

static bool all_have_done(const struct run *run)
{
    for (unsigned i = 0; i < run->launched; i++) {
        if (!load_worker_has_done(&run->workers[i]))
            return false;
    }
    return true;
}

static void read_live(const struct run *run, struct load_live *live)
{
    memset(live, 0, sizeof *live);
    for (unsigned i = 0; i < run->launched; i++)
        load_live_add(live, load_generator_counters(run->workers[i].generator),
                      load_generator_result(run->workers[i].generator));
}

// A line about the last second.
static void say_live(const struct run *run, struct load_live *before, double seconds)
{
    static struct load_live now;
    read_live(run, &now);
    load_live_print(before, &now, seconds, stderr);
    *before = now;
}

// Gives an order to all and waits for it, at most `seconds` (negative: as long as it takes), with a
// live line every second on a terminal.
static bool order(struct run *run, enum load_order order, const struct load_plan *plan,
                  double seconds)
{
    static struct load_live before;
    bool live = order == LOAD_ORDER_LOAD && isatty(STDERR_FILENO);
    read_live(run, &before);
    memset(before.latency, 0, sizeof before.latency); // each stretch begins with none
    for (unsigned i = 0; i < run->launched; i++)
        load_worker_give(&run->workers[i], order, plan);
    uint64_t begun = load_worker_clock(&run->workers[0]), said = begun;
    for (;;) {
        if (all_have_done(run))
            return true;
        uint64_t time = load_worker_clock(&run->workers[0]);
        if ((seconds >= 0 && (double)(time - begun) > seconds * 1e9) || interrupted)
            return false;
        if (live && time - said >= 1000000000) {
            say_live(run, &before, (double)(time - said) / 1e9);
            said = time;
        }
        usleep(POLL_US);
    }
}

static bool nobody_answered(const struct run *run)
{
    uint64_t counters[LOAD_COUNTER_COUNT];
    read_counters(run, counters);
    return counters[LOAD_OPENED] == 0;
}

static bool connect_all(struct run *run)
{
    const struct load_options *o = run->options;
    uint64_t counters[LOAD_COUNTER_COUNT];
    if (order(run, LOAD_ORDER_CONNECT, NULL, o->timeout + o->connections / 20000.0))
        return true;
    read_counters(run, counters);
    base_error(
        "%llu of %u connections were bound after %.1f s (%llu opened, %llu reset, %llu binds "
        "refused); look at the server, its limits.connections and the way to %s",
        (unsigned long long)counters[LOAD_BOUND], o->connections, o->timeout,
        (unsigned long long)counters[LOAD_OPENED], (unsigned long long)counters[LOAD_LOST_RESET],
        (unsigned long long)counters[LOAD_WRONG_BIND], o->target_text);
    return false;
}

static void start_report(struct load_report *report, const struct load_options *options)
{
    memset(report, 0, sizeof *report);
    report->options = options;
    report->result.latency.min = UINT64_MAX;
    report->result.service.min = UINT64_MAX;
    report->result.setup.min = UINT64_MAX;
}

// One stretch at `rate` (0: closed loop), with what it measured in *report.
static bool stretch(struct run *run, double rate, double warmup, double duration,
                    struct load_report *report)
{
    start_report(report, run->options);
    const struct load_options *o = run->options;
    uint64_t start = load_worker_clock(&run->workers[0]) + 1000000;
    struct load_plan plan = {
        .start = start,
        .measure = start + (uint64_t)(warmup * 1e9),
        .end = start + (uint64_t)((warmup + duration) * 1e9),
        .give_up = start + (uint64_t)((warmup + duration + o->timeout) * 1e9),
        .rate = rate / run->launched,
        .arrivals = o->arrivals,
    };
    if (!order(run, LOAD_ORDER_LOAD, &plan, -1))
        return false;
    report->seconds = duration;
    for (unsigned i = 0; i < run->launched; i++)
        load_report_add(report, load_generator_result(run->workers[i].generator),
                        load_generator_counters(run->workers[i].generator));
    return true;
}

static void print(const struct load_report *report)
{
    if (!report->options->json) {
        load_report_print(report, stdout);
        return;
    }
    json_t *json = load_report_json(report);
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
}

// ---- the whole

// A misbehaving crowd is held for the time asked for.
static int misbehave(struct run *run)
{
    static struct load_report report;
    if (!stretch(run, 0, 0, run->options->duration, &report))
        return EX_TEMPFAIL;
    print(&report);
    return 0;
}

// 0, or an exit status after saying why not.
static int connect_or_say(struct run *run)
{
    if (connect_all(run))
        return 0;
    order(run, LOAD_ORDER_CLOSE, NULL, 1);
    return nobody_answered(run) ? EX_TEMPFAIL : 1;
}

static int measure(struct run *run)
{
    static struct load_report report;
    const struct load_options *o = run->options;
    int result = connect_or_say(run);
    if (result != 0)
        return result;
    if (!stretch(run, o->rate, o->warmup, o->duration, &report))
        return EX_TEMPFAIL;
    if (nobody_answered(run)) {
        base_error("nobody answered at %s", o->target_text);
        return EX_TEMPFAIL;
    }
    order(run, LOAD_ORDER_CLOSE, NULL, 2);
    print(&report);
    return load_report_passed(&report) ? 0 : 1;
}

// The counters of a report go on from stretch to stretch; a step is judged by its own.
static void subtract(struct load_report *report, const uint64_t before[LOAD_COUNTER_COUNT])
{
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++)
        report->counters[i] -= before[i];
}

static bool step(struct run *run, double rate, struct load_report *report, json_t *steps,
                 bool *ret_kept)
{
    struct load_options options = *run->options;
    uint64_t before[LOAD_COUNTER_COUNT];
    read_counters(run, before);
    if (!stretch(run, rate, options.warmup, options.duration, report))
        return false;
    subtract(report, before);
    options.rate = rate;
    report->options = &options;
    double p99 = (double)base_histogram_percentile(&report->result.latency, 99) / 1000;
    bool passed = load_report_passed(report);
    *ret_kept = passed && p99 <= options.p99;
    fprintf(stderr, "%10.0f calls/s: %.0f answered, p99 %.1f us%s: %s\n", rate,
            (double)report->result.answered / report->seconds, p99,
            passed ? "" : ", some wrong or lost", *ret_kept ? "kept" : "broken");
    json_array_append_new(steps, load_report_json(report));
    report->options = run->options;
    return true;
}

static void print_found(const struct run *run, const struct load_search *search, json_t *steps)
{
    if (run->options->json) {
        json_t *json = json_pack("{s:i, s:f, s:f, s:O}", "schema", LOAD_SCHEMA, "max_rate",
                                 search->kept, "p99_us", run->options->p99, "steps", steps);
        json_dumpf(json, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(json);
    } else {
        printf("%.0f calls/s is the highest rate found with nothing lost and p99 under %g us\n",
               search->kept, run->options->p99);
    }
}

static int find_max(struct run *run)
{
    static struct load_report report;
    struct load_search search = load_search_begin(FIRST_RATE);
    json_t *steps = json_array();
    bool kept = false, finished;
    int result = connect_or_say(run);
    if (result != 0)
        return result;
    do
        finished = step(run, search.rate, &report, steps, &kept);
    while (finished && load_search_go_on(&search, kept));
    order(run, LOAD_ORDER_CLOSE, NULL, 2);
    if (finished)
        print_found(run, &search, steps);
    json_decref(steps);
    return !finished ? EX_TEMPFAIL : search.kept > 0 ? 0 : 1;
}

static int run_workers(struct run *run)
{
    if (run->options->misbehaviour != LOAD_BEHAVES)
        return misbehave(run);
    return run->options->verb == LOAD_FIND_MAX ? find_max(run) : measure(run);
}

static int build_and_run(struct run *run)
{
    if (getrandom(run->secret, sizeof run->secret, 0) != sizeof run->secret) {
        base_error("the kernel gives no random numbers");
        return EX_OSERR;
    }
    if (!create_pools(run) || !start_ports(run) || !create_workers(run) || !launch(run))
        return EX_UNAVAILABLE;
    return run_workers(run);
}

static void take_down(struct run *run)
{
    interrupted = 0;
    if (run->launched > 0)
        order(run, LOAD_ORDER_STOP, NULL, 5);
    rte_eal_mp_wait_lcore();
    for (unsigned i = 0; i < run->port_count; i++)
        dataplane_port_stop(&run->ports[i].port);
    for (unsigned i = 0; run->workers && i < run->options->core_count; i++) {
        struct load_worker *w = &run->workers[i];
        load_generator_destroy(w->generator);
        if (w->stack)
            tcpstack_destroy(w->stack);
        load_calls_destroy(w->calls);
        load_names_destroy(&w->names);
    }
    for (unsigned i = 0; i < run->options->core_count && run->pools[i]; i++) {
        unsigned missing = run->pools[i]->size - rte_mempool_avail_count(run->pools[i]);
        if (missing)
            base_error("worker %u: %u packet buffers did not come back", i, missing);
        rte_mempool_free(run->pools[i]);
    }
    free(run->workers);
}

static bool load_mix(struct run *run)
{
    run->mix = load_mix_load(run->options->mix, run->options->interface);
    return run->mix != NULL;
}

// Each worker has its own, because it writes to it.
static bool load_recordings(struct run *run)
{
    for (unsigned i = 0; i < run->options->core_count; i++) {
        run->recorded[i] =
            load_recording_load(run->options->pcap, (uint16_t)run->options->pcap_port, i > 0);
        if (!run->recorded[i])
            return false;
    }
    return true;
}

int load_run(const struct load_options *options)
{
    static struct run run;
    run.options = options;
    if (options->pcap ? !load_recordings(&run) : !load_mix(&run))
        return options->pcap ? EX_DATAERR : EX_USAGE;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    int result = EX_UNAVAILABLE;
    base_sum_choose(NULL);
    if (start_eal(options)) {
        result = build_and_run(&run);
        take_down(&run);
        rte_eal_cleanup();
    }
    for (unsigned i = 0; i < options->core_count; i++)
        load_calls_destroy(run.recorded[i]);
    if (run.mix)
        load_mix_free(run.mix);
    return result;
}
