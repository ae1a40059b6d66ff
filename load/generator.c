#include "load/generator.h"

#include <stdlib.h>
#include <string.h>

#include "load/connection.h"

static bool create_connections(struct load_generator *g)
{
    uint32_t count = g->options.connections, flights = 1;
    while (flights < g->options.depth)
        flights *= 2;
    g->flight_mask = flights - 1;
    g->connections = calloc(count, sizeof *g->connections);
    g->flights = calloc((size_t)count * flights, sizeof *g->flights);
    g->handles = calloc((size_t)count * g->options.depth, sizeof *g->handles);
    g->scratch = malloc(LOAD_SCRATCH_SIZE);
    if (!g->connections || !g->flights || !g->handles || !g->scratch)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        g->connections[i].flights = g->flights + (size_t)i * flights;
        g->connections[i].handles = g->handles + (size_t)i * g->options.depth;
    }
    return true;
}

static void clear_result(struct load_result *result)
{
    memset(result, 0, offsetof(struct load_result, latency));
    base_histogram_clear(&result->latency);
    base_histogram_clear(&result->service);
    base_histogram_clear(&result->setup);
}

struct load_generator *load_generator_create(const struct load_generator_options *options,
                                             struct load_calls *calls, struct load_names *names)
{
    struct load_generator *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->options = *options;
    g->calls = calls;
    g->names = names;
    g->random = load_random_from(options->seed);
    clear_result(&g->result);
    if (!create_connections(g)) {
        load_generator_destroy(g);
        return NULL;
    }
    bool in_advance = options->calls_per_connection < 0 || options->misbehaviour != LOAD_BEHAVES;
    for (uint32_t i = 0; i < options->connections; i++)
        load_queue_move(in_advance ? &g->idle : &g->ready, &g->connections[i]);
    return g;
}

void load_generator_destroy(struct load_generator *g)
{
    if (!g)
        return;
    free(g->connections);
    free(g->flights);
    free(g->handles);
    free(g->scratch);
    free(g);
}

// ---- what is due

static void connect_idle(struct load_generator *g)
{
    while (g->idle.head && load_connect(g, g->idle.head))
        load_queue_move(NULL, g->idle.head);
}

// Begins calls on the connection: one in an open loop, all that it may take in a closed one.
// Returns how many; 0 when it cannot take one now.
static unsigned begin_calls(struct load_generator *g, struct load_connection *c, uint64_t intended)
{
    if (c->state == LOAD_OPEN)
        return load_send_calls(g, c, intended, g->plan.rate > 0 ? 1 : load_slots(g, c));
    if (!load_connect(g, c))
        return 0;
    c->has_first = true;
    c->first = intended;
    g->under_way++;
    return 1;
}

// When the next call is meant to begin; UINT64_MAX when none is left. In a closed loop there is
// always one now.
static uint64_t next_due(const struct load_generator *g)
{
    uint64_t due = g->plan.rate > 0 ? load_arrivals_due(&g->arrivals) : g->now;
    return due < g->plan.end ? due : UINT64_MAX;
}

static void book_due(struct load_generator *g, uint64_t due, unsigned count)
{
    g->result.due += due >= g->plan.measure ? count : 0;
    if (g->plan.rate == 0)
        return;
    g->counters[LOAD_LATE] += due <= g->blocked_until;
    load_arrivals_advance(&g->arrivals);
}

// Gives what is due to the connections in turn. What finds no slot stays due.
static void begin_due(struct load_generator *g)
{
    struct load_connection *c;
    uint64_t due;
    while ((due = next_due(g)) <= g->now && (c = g->ready.head) != NULL) {
        unsigned begun = begin_calls(g, c, due);
        if (begun > 0) {
            book_due(g, due, begun);
            load_queue_move(NULL, c); // behind the others, if it can take more
            load_settle(g, c);
        } else if (c->state == LOAD_IDLE) {
            break; // no room for another handshake: nobody has
        } else {
            load_queue_move(NULL, c); // comes back with TCP_EVENT_WRITABLE
        }
    }
    if (due <= g->now)
        g->blocked_until = g->now;
}

void load_generator_turn(struct load_generator *g, uint64_t now)
{
    struct tcp_conn *ready[LOAD_BURST];
    unsigned count;
    g->now = now;
    while ((count = tcpstack_ready(g->options.stack, ready, LOAD_BURST)) > 0) {
        for (unsigned i = 0; i < count; i++)
            __builtin_prefetch(tcp_user(ready[i]));
        for (unsigned i = 0; i < count; i++)
            load_take_events(g, ready[i]);
    }
    if (!g->closing)
        connect_idle(g);
    if (g->running && now >= g->plan.start && now < g->plan.give_up)
        begin_due(g);
}

// ---- stretches

bool load_generator_is_ready(const struct load_generator *g)
{
    return !g->idle.head && g->connecting == 0;
}

void load_generator_begin(struct load_generator *g, const struct load_plan *plan)
{
    g->plan = *plan;
    g->blocked_until = 0;
    g->running = g->options.misbehaviour == LOAD_BEHAVES;
    clear_result(&g->result);
    if (plan->rate > 0)
        load_arrivals_init(&g->arrivals, plan->arrivals, plan->rate, plan->start,
                           load_random_next(&g->random));
}

// Arrivals that were due and never found a slot.
static void lose_unsent(struct load_generator *g)
{
    if (g->plan.rate == 0)
        return;
    while (load_arrivals_due(&g->arrivals) < g->plan.end) {
        load_count(g, LOAD_LOST_UNSENT);
        g->result.due += load_arrivals_due(&g->arrivals) >= g->plan.measure;
        load_arrivals_advance(&g->arrivals);
    }
}

bool load_generator_is_done(const struct load_generator *g)
{
    if (g->now < g->plan.end)
        return false;
    return g->now >= g->plan.give_up ||
           (g->under_way == 0 && (!g->running || next_due(g) == UINT64_MAX));
}

void load_generator_end(struct load_generator *g)
{
    if (!g->running)
        return;
    g->running = false;
    lose_unsent(g);
    g->counters[LOAD_LOST_UNANSWERED] += g->under_way;
}

void load_generator_close(struct load_generator *g)
{
    load_generator_end(g);
    g->closing = true;
    for (uint32_t i = 0; i < g->options.connections; i++) {
        struct load_connection *c = &g->connections[i];
        g->under_way -= c->under_way + c->has_first;
        memset(c->flights, 0, (g->flight_mask + 1) * sizeof *c->flights);
        c->under_way = 0;
        c->has_first = false;
        if (g->options.misbehaviour != LOAD_BEHAVES)
            continue;
        if (load_is_connecting((enum load_state)c->state))
            load_abort(g, c);
        load_finish(g, c);
    }
}

bool load_generator_is_closed(const struct load_generator *g)
{
    if (g->options.misbehaviour != LOAD_BEHAVES)
        return true;
    for (uint32_t i = 0; i < g->options.connections; i++) {
        if (g->connections[i].state != LOAD_IDLE)
            return false;
    }
    return true;
}

const struct load_result *load_generator_result(const struct load_generator *g)
{
    return &g->result;
}

uint64_t *load_generator_counters(struct load_generator *g)
{
    return g->counters;
}
