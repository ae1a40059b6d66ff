// Peers that servers must survive. Each is bounded by the number of connections and by time; what
// they hold is held until the end of the run, and then left as it is.
#include "load/connection.h"

enum { UNACKNOWLEDGED = 16 }; // requests whose answers are not acknowledged

static void send_but_the_last_byte(struct load_generator *g, struct load_connection *c)
{
    const struct load_call *call = &g->calls->calls[0];
    load_call_write(call, ++c->last_id, NULL, g->scratch);
    tcp_write(c->tcp, g->scratch, call->size - 1);
}

// Once all connections are bound, all send their requests, and hear nothing any more.
static void stop_acknowledging(struct load_generator *g)
{
    if (g->counters[LOAD_BOUND] != g->options.connections)
        return;
    g->withholding = true;
    for (uint32_t i = 0; i < g->options.connections; i++) {
        for (unsigned call = 0; call < UNACKNOWLEDGED && call <= g->flight_mask; call++)
            load_send_calls(g, &g->connections[i], g->now, 1);
    }
}

void load_misbehave(struct load_generator *g, struct load_connection *c)
{
    switch (g->options.misbehaviour) {
    case LOAD_SILENT:
        load_set_state(g, c, LOAD_OPEN);
        break;
    case LOAD_HALF_REQUEST:
        send_but_the_last_byte(g, c);
        break;
    case LOAD_NO_ACK:
        stop_acknowledging(g);
        break;
    case LOAD_NO_CLOSE:
        load_send_calls(g, c, g->now, 1);
        break;
    default:
        break;
    }
}

bool load_generator_may_withhold(const struct load_generator *g)
{
    return g->options.misbehaviour != LOAD_BEHAVES;
}

bool load_generator_withholds(struct load_generator *g)
{
    bool withholds = g->options.misbehaviour == LOAD_SYN_ONLY || g->withholding;
    g->counters[LOAD_WITHHELD] += withholds;
    return withholds;
}
