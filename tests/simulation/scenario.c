#include "tests/simulation/scenario.h"

#include <rte_common.h>

#define SECOND UINT64_C(1000000)

static const char *const blows[] = {"none", "wire cut", "host 1 unheard", "host 1 restarted"};

// Of damage and loss together, so much is survived by every open connection for all practical
// purposes: eleven round trips in a row fail once in 10^8 times.
enum { CALM_LOSS = 80 };

static void draw_link(struct link_rules *rules, struct sim_random *r)
{
    *rules = (struct link_rules){
        .loss = sim_chance(r, 600) ? (unsigned)sim_roll(r, sim_chance(r, 300) ? 301 : 60) : 0,
        .doubling = sim_chance(r, 300) ? (unsigned)sim_roll(r, 200) : 0,
        .damage = sim_chance(r, 300) ? (unsigned)sim_roll(r, 60) : 0,
        .late = sim_chance(r, 200) ? (unsigned)sim_roll(r, 50) : 0,
        .delay = sim_roll(r, sim_chance(r, 200) ? 300000 : 20000),
        .jitter = sim_chance(r, 500) ? sim_roll(r, 40000) : 0,
        .in_order = sim_chance(r, 500),
    };
    if (sim_chance(r, 300)) {
        rules->bytes_per_second = sim_between(r, 20000, 2000000);
        rules->queue = (uint32_t)sim_between(r, 6000, 100000);
    }
}

static void draw_host(struct scenario *s, unsigned i, struct sim_random *r)
{
    s->resolves[i] = sim_chance(r, 500);
    s->mtu[i] = (uint16_t)(sim_chance(r, 500) ? 1500 : sim_between(r, s->ipv6 ? 1280 : 576, 2030));
    s->pool[i] = sim_chance(r, 150) ? (unsigned)sim_roll(r, HOST_POOL_SIZES) : HOST_POOL_SIZES - 1;
    s->receive_window[i] = 65536 + (uint32_t)sim_roll(r, sim_chance(r, 300) ? 400000 : 1);
    s->transmit_limit[i] = (uint32_t)sim_between(r, 2000, 64000);
    s->max_connections[i] = sim_chance(r, 30) ? 2 : 32;
    // Clocks begin anywhere, some of them where 32 bits of milliseconds are used up.
    s->epoch[i] = sim_chance(r, 300) ? (UINT64_C(1000) << 32) - sim_roll(r, 20 * SECOND)
                                     : sim_roll(r, UINT64_C(1) << 42);
    s->hold[i] = sim_chance(r, 300) ? sim_roll(r, 400000) : 0;
    for (unsigned at = 0; at < sizeof s->secret[i]; at++)
        s->secret[i][at] = (uint8_t)sim_roll(r, 256);
}

// How a host's TCP is set up. Half of them are as they come.
static void draw_tcp(struct tcpstack_options *options, struct sim_random *r)
{
    *options = (struct tcpstack_options){.congestion = TCPSTACK_CUBIC};
    if (sim_chance(r, 500))
        return;
    options->without_timestamps = sim_chance(r, 400);
    options->without_sack = sim_chance(r, 400);
    options->congestion = sim_chance(r, 400) ? TCPSTACK_RENO : TCPSTACK_CUBIC;
    options->cookies = (enum tcpstack_cookies)sim_roll(r, 3);
    if (sim_chance(r, 300)) {
        options->keepalive_idle = sim_between(r, 1, 20) * SECOND;
        options->keepalive_interval = sim_between(r, 1, 10) * SECOND;
        options->keepalive_count = (uint8_t)sim_between(r, 6, 12);
    }
}

static void draw_befalls(struct scenario *s, struct sim_random *r)
{
    s->blow = sim_chance(r, 150) ? (enum scenario_blow)sim_between(r, 1, 3) : BLOW_NONE;
    s->blow_at = sim_roll(r, sim_chance(r, 700) ? SECOND : 20 * SECOND);
    s->jump_count = sim_chance(r, 100) ? (unsigned)sim_between(r, 1, SCENARIO_JUMPS_MAX) : 0;
    for (unsigned i = 0; i < s->jump_count; i++) {
        s->jump_at[i] = sim_roll(r, 4 * SECOND);
        s->jump_by[i] = sim_between(r, 1, 20) * 30 * SECOND;
    }
}

static void draw_side(struct talk_side *side, const struct talk *talk, struct sim_random *r)
{
    static const uint32_t totals[] = {0, 300, 5000, 30000, 150000};
    struct talk_plan *plan = &side->plan;
    plan->total = (uint32_t)sim_roll(r, totals[sim_roll(r, RTE_DIM(totals))] + 1);
    plan->piece = (uint32_t)sim_between(r, 1, sim_chance(r, 300) ? 200 : 4000);
    plan->pause = sim_chance(r, 250) ? (unsigned)sim_roll(r, 60) : 0;
    plan->pause_max = sim_between(r, 2000, sim_chance(r, 200) ? 15 * SECOND : SECOND);
    unsigned kind = (unsigned)sim_roll(r, 100);
    plan->ending = kind < 80 ? TALK_ORDERLY : kind < 90 ? TALK_EARLY : TALK_ABORT;
    plan->end_at =
        sim_chance(r, 500) ? talk->start_at + sim_roll(r, sim_chance(r, 500) ? 50000 : SECOND) : 0;
}

static void draw_talk(struct talk *talk, unsigned number, struct sim_random *r)
{
    *talk = (struct talk){
        .start_at = number == 0 ? 0 : sim_roll(r, 2 * SECOND),
        .from_port = (uint16_t)(40000 + number),
        .to_port = HOST_TCP_PORT,
        .crossing = sim_chance(r, 30),
    };
    draw_side(&talk->sides[0], talk, r);
    draw_side(&talk->sides[1], talk, r);
    // Somebody must begin to close, or both would wait for the other's FIN.
    unsigned first = (unsigned)sim_between(r, 1, 3);
    uint32_t both = talk->sides[0].plan.total + talk->sides[1].plan.total;
    for (unsigned i = 0; i < 2; i++) {
        talk->sides[i].plan.closes_first = first >> i & 1;
        talk->sides[i].plan.end_after = (uint32_t)sim_roll(r, both + 1);
    }
}

static bool is_calm(const struct scenario *s)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct link_rules *link = &s->links[i];
        if (link->loss + link->damage > CALM_LOSS || s->pool[i] != HOST_POOL_SIZES - 1 ||
            s->max_connections[i] < SCENARIO_TALKS_MAX)
            return false;
        // What overtakes the ACK with a cookie is reset (tcpstack/tcp_cookie.c).
        if (s->tcp[i].cookies == TCPSTACK_COOKIES_ALWAYS)
            return false;
        if (link->bytes_per_second != 0 && link->queue < 20000)
            return false;
    }
    return s->blow == BLOW_NONE && s->jump_count == 0;
}

void scenario_draw(struct scenario *scenario, struct talk talks[SCENARIO_TALKS_MAX],
                   struct sim_random *random)
{
    *scenario = (struct scenario){.ipv6 = sim_chance(random, 300)};
    for (unsigned i = 0; i < 2; i++) {
        draw_link(&scenario->links[i], random);
        draw_host(scenario, i, random);
    }
    scenario->near_wrap = sim_chance(random, 250);
    draw_befalls(scenario, random);
    for (unsigned i = 0; i < 2; i++)
        draw_tcp(&scenario->tcp[i], random);
    scenario->talk_count =
        sim_chance(random, 700) ? 1 : (unsigned)sim_between(random, 2, SCENARIO_TALKS_MAX);
    for (unsigned i = 0; i < scenario->talk_count; i++) {
        draw_talk(&talks[i], i, random);
        // A host that has lost its own half of a crossing open would take the other for a new one.
        talks[i].crossing &= scenario->blow != BLOW_RESTART;
    }
    scenario->calm = is_calm(scenario);
}

void scenario_trace(const struct scenario *scenario, const struct sim_report *report)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct link_rules *link = &scenario->links[i];
        sim_trace(report,
                  "host %u: MTU %u, pool %u, window %u, transmit limit %u; its link, per mille: "
                  "loss %u, doubling %u, damage %u, late %u; delay %lu+%lu us, %lu bytes/s",
                  i, scenario->mtu[i], scenario->pool[i], scenario->receive_window[i],
                  scenario->transmit_limit[i], link->loss, link->doubling, link->damage, link->late,
                  (unsigned long)link->delay, (unsigned long)link->jitter,
                  (unsigned long)link->bytes_per_second);
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct tcpstack_options *tcp = &scenario->tcp[i];
        sim_trace(report,
                  "host %u: timestamps %d, SACK %d, %s, cookies %d, keepalive after %lu us every "
                  "%lu us, %u times",
                  i, !tcp->without_timestamps, !tcp->without_sack,
                  tcp->congestion == TCPSTACK_RENO ? "reno" : "cubic", tcp->cookies,
                  (unsigned long)tcp->keepalive_idle, (unsigned long)tcp->keepalive_interval,
                  tcp->keepalive_count);
    }
    sim_trace(report, "%u talks over IPv%u, blow: %s, %u clock jumps, near wrap %d, calm %d",
              scenario->talk_count, scenario->ipv6 ? 6 : 4, blows[scenario->blow],
              scenario->jump_count, scenario->near_wrap, scenario->calm);
}
