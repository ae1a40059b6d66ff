#include "tests/simulation/world.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/bytes.h"

enum { STEPS_MAX = 2000000, EVENTS = 16 };

// Patience ends what stands still; this, what creeps.
#define END_AT (UINT64_C(100) * 3600 * 1000000)

// ---- sequence numbers shortly before they wrap

// The number of the one frame that the host sends next: a SYN or its answer.
static uint32_t sequence_of_next(struct host *host, struct rte_mbuf **ret_frame)
{
    *ret_frame = NULL;
    if (tcpstack_take_output(host->stack, ret_frame, 1) == 0)
        return 0;
    size_t ip = host->ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
    size_t at = sizeof(struct rte_ether_hdr) + ip + offsetof(struct rte_tcp_hdr, sent_seq);
    return base_load_be32(rte_pktmbuf_mtod_offset(*ret_frame, const uint8_t *, at));
}

// Numbers follow the clock at one in 4 us (RFC 6528): so much must pass until `isn` is `before`
// numbers short of the wrap.
static uint64_t time_until(uint32_t isn, uint32_t before)
{
    return (uint64_t)(uint32_t)(0u - before - isn) * 4;
}

// Opens talk 0 once for trial, looks at the numbers, and sets the hosts' clocks by them.
static void set_clocks_near_wrap(struct world *w)
{
    struct host *opener = &w->hosts[0], *listener = &w->hosts[1];
    struct rte_mbuf *frame;
    uint32_t before = (uint32_t)sim_roll(&w->random, 6000);
    host_connect(opener, 0, w->talks[0].from_port, w->talks[0].to_port);
    uint32_t isn = sequence_of_next(opener, &frame);
    if (frame != NULL) {
        struct link_flight syn = {.size = frame->data_len};
        memcpy(syn.bytes, rte_pktmbuf_mtod(frame, const uint8_t *), frame->data_len);
        rte_pktmbuf_free(frame);
        opener->epoch += time_until(isn, before);
        host_receive(listener, &syn, 0);
        tcpstack_flush(listener->stack, host_now(listener, 0));
        isn = sequence_of_next(listener, &frame);
    }
    if (frame != NULL) {
        rte_pktmbuf_free(frame);
        listener->epoch += time_until(isn, before);
    }
}

// ---- setting up

static bool start_host(struct world *w, unsigned index)
{
    if (host_start(&w->hosts[index], index, w->scenario.mtu[index], w->now))
        return true;
    sim_fail(&w->report, "host %u: no memory for a stack", index);
    return false;
}

static bool start_hosts(struct world *w)
{
    const struct scenario *s = &w->scenario;
    static const char *const names[] = {"host 0", "host 1"};
    for (unsigned i = 0; i < 2; i++) {
        w->hosts[i] = (struct host){
            .name = names[i],
            .report = &w->report,
            .epoch = s->epoch[i],
            .hold = s->hold[i],
            .ipv6 = s->ipv6,
            .options = s->tcp[i],
        };
        struct tcpstack_options *options = &w->hosts[i].options;
        options->pool = host_pool(i, s->pool[i]);
        options->max_connections = s->max_connections[i];
        options->max_half_open = 8;
        options->receive_window = s->receive_window[i];
        options->transmit_limit = s->transmit_limit[i];
        memcpy(options->secret, s->secret[i], sizeof s->secret[i]);
        if (!start_host(w, i))
            return false;
    }
    return true;
}

static void stop_hosts(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        if (w->hosts[i].stack != NULL)
            host_stop(&w->hosts[i]);
    }
}

static bool start(struct world *w)
{
    const struct scenario *s = &w->scenario;
    for (unsigned i = 0; i < 2; i++)
        link_start(&w->links[i], &s->links[i], &w->random);
    for (unsigned i = 0; i < s->talk_count; i++)
        talk_start(&w->talks[i], w->hosts, &w->random, i);
    if (!start_hosts(w))
        return false;
    if (s->near_wrap)
        set_clocks_near_wrap(w);
    for (unsigned i = 0; i < 2; i++) {
        w->hosts[i].resolves = s->resolves[i];
        if (!s->near_wrap)
            continue;
        host_stop(&w->hosts[i]);
        if (!start_host(w, i))
            return false;
    }
    return true;
}

// ---- what befalls the hosts

static void restart_host(struct world *w, unsigned index)
{
    host_check_counters(&w->hosts[index]);
    for (unsigned i = 0; i < w->scenario.talk_count; i++)
        talk_lose(&w->talks[i].sides[index]);
    host_stop(&w->hosts[index]);
    start_host(w, index);
}

static void strike(struct world *w)
{
    const struct scenario *s = &w->scenario;
    if (w->blow_done || s->blow == BLOW_NONE || w->now < s->blow_at)
        return;
    w->blow_done = true;
    sim_trace(&w->report, "the blow falls");
    if (s->blow == BLOW_RESTART) {
        restart_host(w, 1);
        return;
    }
    w->links[1].cut = true;
    w->links[0].cut = s->blow == BLOW_BOTH_WAYS;
}

// Both clocks are set forward together, or the process was stopped for a while.
static void jump(struct world *w)
{
    const struct scenario *s = &w->scenario;
    if (w->jumps_done == s->jump_count || w->now < s->jump_at[w->jumps_done])
        return;
    for (unsigned i = 0; i < s->talk_count; i++)
        talk_shift(&w->talks[i], s->jump_by[w->jumps_done]);
    w->now += s->jump_by[w->jumps_done++];
    w->report.now = w->now;
    sim_trace(&w->report, "the clock has jumped");
}

// ---- a step

// A segment sent again may bring back a cookie whose connection has ended already: the stack keeps
// nothing to tell. It is ended once more.
static bool is_back(const struct world *w, unsigned index, const struct talk_side *side)
{
    return w->scenario.tcp[index].cookies == TCPSTACK_COOKIES_ALWAYS && side->ended &&
           !side->crossing;
}

static void take_events(struct world *w, unsigned index)
{
    struct tcp_conn *conns[EVENTS];
    unsigned count = tcpstack_ready(w->hosts[index].stack, conns, EVENTS);
    for (unsigned i = 0; i < count; i++) {
        struct talk_side *side = tcp_user(conns[i]);
        if (side == NULL) {
            unsigned number = tcp_endpoints(conns[i]).remote_port - w->talks[0].from_port;
            if (number >= w->scenario.talk_count) {
                sim_fail(&w->report, "host %u: a connection that nobody opened", index);
                return;
            }
            side = &w->talks[number].sides[index];
            if (is_back(w, index, side)) {
                tcp_take_events(conns[i]);
                tcp_abort(conns[i]);
                continue;
            }
            tcp_set_user(conns[i], side);
        }
        talk_take_events(side, conns[i], w->now);
    }
}

static void act(struct world *w, unsigned index)
{
    take_events(w, index);
    for (unsigned i = 0; i < w->scenario.talk_count; i++) {
        struct talk *talk = &w->talks[i];
        if (!talk->started && index == 0 && w->now >= talk->start_at)
            talk_connect(talk, w->now);
        talk_act(&talk->sides[index], w->now);
    }
}

static void step(struct world *w)
{
    jump(w);
    strike(w);
    for (unsigned i = 0; i < 2 && !w->report.failed; i++) {
        const struct link_flight *flight;
        while ((flight = link_take(&w->links[!i], w->now)) != NULL)
            host_receive(&w->hosts[i], flight, w->now);
        act(w, i);
        host_run(&w->hosts[i], &w->links[i], w->now);
    }
}

// When something is to happen; UINT64_MAX when all is quiet.
static uint64_t next_time(const struct world *w)
{
    const struct scenario *s = &w->scenario;
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        next = RTE_MIN(next, link_next(&w->links[i]));
        next = RTE_MIN(next, host_next(&w->hosts[i]));
    }
    for (unsigned i = 0; i < s->talk_count; i++)
        next = RTE_MIN(next, talk_next(&w->talks[i]));
    if (next == UINT64_MAX)
        return next;
    if (!w->blow_done && s->blow != BLOW_NONE)
        next = RTE_MIN(next, s->blow_at);
    if (w->jumps_done < s->jump_count)
        next = RTE_MIN(next, s->jump_at[w->jumps_done]);
    return next;
}

static void run(struct world *w)
{
    uint64_t next;
    for (unsigned steps = 0; !w->report.failed; steps++) {
        step(w);
        next = next_time(w);
        if (next == UINT64_MAX)
            return;
        if (steps == STEPS_MAX || next > END_AT) {
            sim_fail(&w->report, "no end after %u steps", steps);
            return;
        }
        w->now = RTE_MAX(next, w->now + 1);
        w->report.now = w->now;
    }
}

// ---- judging

static void judge(struct world *w)
{
    for (unsigned i = 0; i < w->scenario.talk_count; i++) {
        if (!talk_is_over(&w->talks[i]))
            sim_fail(&w->report, "talk %u: all is quiet, but it is not over", i);
        talk_check(&w->talks[i], w->scenario.calm);
    }
    for (unsigned i = 0; i < 2; i++) {
        host_check_counters(&w->hosts[i]);
        host_check_empty(&w->hosts[i]);
    }
}

static void add_up(const struct world *w, uint64_t totals[WORLD_TOTAL_COUNT])
{
    for (unsigned i = 0; i < 2; i++) {
        totals[WORLD_FRAMES] += w->links[i].sent;
        totals[WORLD_LOST] += w->links[i].lost + w->links[i].overflowed;
        totals[WORLD_DAMAGED] += w->links[i].damaged;
        totals[WORLD_NO_MBUF] += w->hosts[i].no_mbuf;
        totals[WORLD_RETRANSMITS] += tcpstack_counters(w->hosts[i].stack)[TCPSTACK_TCP_RETRANSMITS];
    }
    totals[WORLD_TALKS] += w->scenario.talk_count;
    for (unsigned i = 0; i < w->scenario.talk_count; i++) {
        for (unsigned j = 0; j < 2; j++) {
            const struct talk_side *side = &w->talks[i].sides[j];
            totals[WORLD_BYTES] += side->received;
            totals[WORLD_OPENED] += side->opened;
            totals[WORLD_ENDED + side->reason] += side->opened;
        }
    }
}

static void reset(struct world *w, uint64_t seed, bool trace)
{
    w->random = sim_random_from(seed);
    w->report = (struct sim_report){.trace = trace};
    w->now = w->jumps_done = 0;
    w->blow_done = false;
}

bool world_run(struct world *w, uint64_t seed, bool trace, uint64_t totals[WORLD_TOTAL_COUNT])
{
    reset(w, seed, trace);
    scenario_draw(&w->scenario, w->talks, &w->random);
    scenario_trace(&w->scenario, &w->report);
    if (start(w)) {
        run(w);
        if (!w->report.failed)
            judge(w);
        add_up(w, totals);
    }
    stop_hosts(w);
    return !w->report.failed;
}

double world_goodput(struct world *w, uint64_t seed, uint32_t size)
{
    static const struct link_rules rules = {.loss = 10, .delay = 10000};
    struct scenario *s = &w->scenario;
    reset(w, seed, false);
    *s = (struct scenario){.links = {rules, {.delay = 10000}}, .mtu = {1500, 1500}};
    s->talk_count = 1;
    for (unsigned i = 0; i < 2; i++) {
        s->pool[i] = HOST_POOL_SIZES - 1;
        s->receive_window[i] = s->transmit_limit[i] = 1 << 20;
        s->max_connections[i] = 1;
    }
    w->talks[0] = (struct talk){.from_port = 40000, .to_port = HOST_TCP_PORT};
    for (unsigned i = 0; i < 2; i++)
        w->talks[0].sides[i].plan = (struct talk_plan){.piece = 8000, .closes_first = i == 1};
    w->talks[0].sides[0].plan.total = size;
    double rate = 0;
    if (start(w)) {
        while (!w->report.failed && w->talks[0].sides[1].received < size && w->now < END_AT) {
            step(w);
            w->now = RTE_MAX(next_time(w), w->now + 1);
        }
        if (w->talks[0].sides[1].received == size)
            rate = size * 1e6 / (double)w->now;
    }
    stop_hosts(w);
    return rate;
}
