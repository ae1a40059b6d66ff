// The life of a connection: connect, bind, calls, close, and again.
#include "load/connection.h"

#include <string.h>

#include "rpc/pdu.h"

enum {
    CONNECTING_MAX = 128, // at once: a burst of SYNs overflows rings, and is lost for a second
    NAME_TRIES = 64,
};
#define RETRY_NS UINT64_C(100000000) // after a connection failed, before the next is begun

static void leave_queue(struct load_connection *c)
{
    struct load_queue *queue = c->queue;
    if (!queue)
        return;
    *(c->previous ? &c->previous->next : &queue->head) = c->next;
    *(c->next ? &c->next->previous : &queue->tail) = c->previous;
    c->queue = NULL;
}

void load_queue_move(struct load_queue *queue, struct load_connection *c)
{
    leave_queue(c);
    if (!queue)
        return;
    c->queue = queue;
    c->next = NULL;
    c->previous = queue->tail;
    *(queue->tail ? &queue->tail->next : &queue->head) = c;
    queue->tail = c;
}

// ---- connect and bind

// The first connection goes alone: it finds the neighbour, and the link that may only just have
// come up. SYNs that are lost meanwhile cost a second each.
static uint32_t connecting_max(const struct load_generator *g)
{
    bool first = g->counters[LOAD_OPENED] == 0 && g->options.misbehaviour != LOAD_SYN_ONLY;
    return first ? 1 : CONNECTING_MAX;
}

bool load_connect(struct load_generator *g, struct load_connection *c)
{
    if (g->connecting >= connecting_max(g) || g->now < g->retry_at)
        return false;
    struct tcp_endpoints ends = {.remote_port = g->options.target_port};
    memcpy(ends.remote, g->options.target, sizeof ends.remote);
    for (unsigned i = 0; i < NAME_TRIES && !c->tcp; i++) {
        struct load_name name = load_names_take(g->names);
        memcpy(ends.local, g->options.sources[name.address], sizeof ends.local);
        ends.local_port = name.port;
        c->tcp = tcp_connect(g->options.stack, &ends, g->options.port_id, NULL);
        g->counters[LOAD_NAMES_TAKEN] += !c->tcp;
    }
    if (!c->tcp) {
        load_count(g, LOAD_LOST_NO_NAME);
        g->retry_at = g->now + RETRY_NS;
        return false;
    }
    tcp_set_user(c->tcp, c);
    load_set_state(g, c, LOAD_CONNECTING);
    c->begun = g->now;
    c->contexts = 0;
    c->calls_left = g->options.calls_per_connection;
    load_count(g, LOAD_CONNECTS);
    return true;
}

void load_abort(struct load_generator *g, struct load_connection *c)
{
    load_set_state(g, c, LOAD_CLOSING);
    g->retry_at = g->now + RETRY_NS;
    tcp_abort(c->tcp);
}

// Offers the next presentation context.
static void bind(struct load_generator *g, struct load_connection *c)
{
    uint8_t pdu[LOAD_BIND_SIZE];
    load_bind_write(&g->calls->contexts[c->contexts], c->contexts, ++c->last_id, pdu);
    load_set_state(g, c, LOAD_BINDING);
    if (!tcp_write(c->tcp, pdu, sizeof pdu))
        load_abort(g, c);
}

// The bind_ack or alter_context_resp, once it is whole.
static void take_bind_ack(struct load_generator *g, struct load_connection *c)
{
    uint8_t pdu[LOAD_BIND_ACK_MAX];
    uint32_t have = tcp_readable(c->tcp);
    if (have < RPC_LENGTH_PREFIX)
        return;
    tcp_copy(c->tcp, 0, pdu, RPC_LENGTH_PREFIX);
    int size = rpc_pdu_length(pdu, RPC_LENGTH_PREFIX);
    if (size > 0 && (uint32_t)size > have && size <= (int)sizeof pdu)
        return;
    if (size <= 0 || (uint32_t)size > sizeof pdu) {
        load_count(g, LOAD_WRONG_PDU);
        load_abort(g, c);
        return;
    }
    tcp_copy(c->tcp, 0, pdu, (uint32_t)size);
    tcp_consume(c->tcp, (uint32_t)size);
    if (!load_bind_accepted(pdu, (uint32_t)size, c->contexts)) {
        load_count(g, LOAD_WRONG_BIND);
        load_abort(g, c);
        return;
    }
    if (++c->contexts < g->calls->context_count) {
        bind(g, c);
        return;
    }
    load_set_state(g, c, LOAD_OPEN);
    load_count(g, LOAD_BOUND);
    if (c->begun >= g->plan.measure && c->begun < g->plan.end)
        base_histogram_record(&g->result.setup, g->now - c->begun);
}

// The call that the connection was opened for: its request, or nothing more when the bind was all.
static void begin_first(struct load_generator *g, struct load_connection *c)
{
    if (!c->has_first)
        return;
    c->has_first = false;
    g->under_way--;
    if (g->options.calls_per_connection == 0)
        load_record(g, c->first, c->begun, LOAD_MAP);
    else if (load_send_calls(g, c, c->first, 1) == 0)
        load_count(g, LOAD_LOST_UNSENT);
}

// ---- calls and close

bool load_may_call(const struct load_generator *g, const struct load_connection *c)
{
    if (c->state == LOAD_OPEN)
        return load_slots(g, c) > 0;
    return c->state == LOAD_IDLE && g->options.calls_per_connection >= 0;
}

void load_settle(struct load_generator *g, struct load_connection *c)
{
    struct load_queue *queue = NULL;
    if (g->closing || g->options.misbehaviour != LOAD_BEHAVES)
        return;
    if (load_may_call(g, c))
        queue = &g->ready;
    else if (c->state == LOAD_IDLE)
        queue = &g->idle;
    if (c->queue != queue)
        load_queue_move(queue, c);
}

void load_finish(struct load_generator *g, struct load_connection *c)
{
    bool spent = c->calls_left == 0 && c->under_way == 0;
    if (c->state != LOAD_OPEN || !(spent || g->closing))
        return;
    load_set_state(g, c, LOAD_CLOSING);
    load_count(g, LOAD_CLOSED);
    tcp_close(c->tcp);
}

// Forgets what was under way: an answer cannot come any more.
static void lose_calls(struct load_generator *g, struct load_connection *c)
{
    uint32_t lost = c->under_way + c->has_first;
    g->counters[LOAD_LOST_WITH_CONNECTION] += lost;
    g->under_way -= lost;
    memset(c->flights, 0, (g->flight_mask + 1) * sizeof *c->flights);
    c->under_way = 0;
    c->has_first = false;
}

static void count_end(struct load_generator *g, const struct load_connection *c)
{
    static const enum load_counter reasons[] = {
        [TCP_CLOSE_NONE] = LOAD_LOST_ENDED,
        [TCP_CLOSE_FINISHED] = LOAD_LOST_ENDED,
        [TCP_CLOSE_RESET] = LOAD_LOST_RESET,
        [TCP_CLOSE_ABORTED] = LOAD_LOST_ENDED,
        [TCP_CLOSE_TIMED_OUT] = LOAD_LOST_TIMED_OUT,
        [TCP_CLOSE_UNREACHABLE] = LOAD_LOST_UNREACHABLE,
    };
    if (g->options.misbehaviour != LOAD_BEHAVES)
        load_count(g, LOAD_ENDED_BY_SERVER);
    else if (c->state != LOAD_CLOSING)
        load_count(g, reasons[tcp_close_reason(c->tcp)]);
}

static void end(struct load_generator *g, struct load_connection *c)
{
    count_end(g, c);
    if (c->state != LOAD_CLOSING)
        g->retry_at = g->now + RETRY_NS;
    lose_calls(g, c);
    c->tcp = NULL;
    load_set_state(g, c, LOAD_IDLE);
    c->cursors = 0;
    load_settle(g, c);
}

static void take_input(struct load_generator *g, struct load_connection *c)
{
    if (c->state == LOAD_BINDING) {
        take_bind_ack(g, c);
        if (c->state == LOAD_OPEN && g->options.misbehaviour != LOAD_BEHAVES)
            load_misbehave(g, c);
        else if (c->state == LOAD_OPEN)
            begin_first(g, c);
    }
    if (c->state == LOAD_OPEN && !load_take_answers(g, c))
        load_abort(g, c);
}

void load_take_events(struct load_generator *g, struct tcp_conn *tcp)
{
    unsigned events = tcp_take_events(tcp);
    struct load_connection *c = tcp_user(tcp);
    if (!c)
        return;
    if ((events & TCP_EVENT_OPENED) && c->state == LOAD_CONNECTING) {
        load_count(g, LOAD_OPENED);
        if (g->options.misbehaviour == LOAD_SILENT)
            load_misbehave(g, c);
        else
            bind(g, c);
    }
    if (events & (TCP_EVENT_READABLE | TCP_EVENT_FINISHED))
        take_input(g, c);
    if (events & TCP_EVENT_CLOSED) {
        tcp_set_user(tcp, NULL);
        end(g, c);
        return;
    }
    if ((events & TCP_EVENT_FINISHED) && c->state != LOAD_CLOSING &&
        g->options.misbehaviour == LOAD_BEHAVES) {
        load_count(g, LOAD_LOST_ENDED);
        load_abort(g, c);
    }
    load_finish(g, c);
    load_settle(g, c);
}
