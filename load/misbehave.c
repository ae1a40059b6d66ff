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
        for (unsigned i = 0; i < UNACKNOWLEDGED && i <= g->flight_mask; i++)
            load_send_call(g, c, g->now);
        break;
    case LOAD_NO_CLOSE:
        load_send_call(g, c, g->now);
        break;
    default:
        break;
    }
}

// Frames of the server are not heard: by a peer that sends only SYNs from the beginning, by one
// that acknowledges nothing once all its connections have sent their requests.
bool load_generator_withholds(struct load_generator *g)
{
    if (g->options.misbehaviour == LOAD_NO_ACK && !g->withholding)
        g->withholding = g->counters[LOAD_BOUND] == g->options.connections;
    bool withholds = g->options.misbehaviour == LOAD_SYN_ONLY || g->withholding;
    g->counters[LOAD_WITHHELD] += withholds;
    return withholds;
}
