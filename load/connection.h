// A connection of a generator, and the generator's own structure. Not for other folders.
#pragma once

#include "load/answer.h"
#include "load/generator.h"

enum load_state {
    LOAD_IDLE,       // no TCP connection
    LOAD_CONNECTING, // SYN sent
    LOAD_BINDING,    // bind sent, or an alter_context behind it
    LOAD_OPEN,       // bound
    LOAD_CLOSING,    // FIN sent, or about to be reset
};

// A call under way. Its call id modulo the number of flights is its place.
struct load_flight {
    uint64_t intended; // when it was meant to begin
    uint64_t sent;     // when its request was written
    uint32_t call_id;  // 0: free
    uint32_t call;     // index in the mix
};

struct load_connection {
    struct tcp_conn *tcp;     // NULL while idle
    struct load_queue *queue; // the one it is in, or NULL
    struct load_connection *next, *previous;
    bool has_first;     // a call waits for the connection to be bound
    uint8_t state;      // enum load_state
    uint8_t contexts;   // accepted
    uint16_t cursors;   // entry handles to continue from
    uint32_t under_way; // calls
    uint32_t last_id;   // call id given last
    int64_t calls_left; // of this connection; -1: any number
    uint64_t begun;     // when its SYN was written
    uint64_t first;     // when the waiting call was meant to begin
    struct load_flight *flights;
    struct ndr_context_handle *handles;
};

// First in, first out.
struct load_queue {
    struct load_connection *head, *tail;
};

struct load_generator {
    struct load_generator_options options;
    struct load_calls *calls;
    struct load_names *names;
    struct load_random random;
    uint64_t now;
    struct load_plan plan;
    struct load_arrivals arrivals;
    uint64_t blocked_until; // arrivals up to here found no slot when they were due
    bool running;           // a stretch is under way
    bool closing;
    bool withholding;     // misbehaviour: nothing from the server is heard any more
    uint32_t connecting;  // connections between SYN and bind_ack
    uint64_t under_way;   // calls, of all connections; first calls included
    uint64_t retry_at;    // no connection is begun before that, after one failed
    uint32_t flight_mask; // flights of a connection - 1
    struct load_connection *connections;
    struct load_queue idle;  // to be connected before any call
    struct load_queue ready; // may take a call
    struct load_flight *flights;
    struct ndr_context_handle *handles;
    uint8_t *scratch; // a request that is larger than a segment; an answer that lies across frames
    struct load_result result;
    uint64_t counters[LOAD_COUNTER_COUNT];
};

enum { LOAD_SCRATCH_SIZE = 512 << 10 };

static inline void load_count(struct load_generator *g, enum load_counter counter)
{
    g->counters[counter]++;
}

static inline bool load_is_connecting(enum load_state state)
{
    return state == LOAD_CONNECTING || state == LOAD_BINDING;
}

// The one place where a state changes: what is counted by state follows.
static inline void load_set_state(struct load_generator *g, struct load_connection *c,
                                  enum load_state state)
{
    g->connecting += load_is_connecting(state);
    g->connecting -= load_is_connecting((enum load_state)c->state);
    g->counters[LOAD_CONNECTIONS] += state == LOAD_OPEN;
    g->counters[LOAD_CONNECTIONS] -= c->state == LOAD_OPEN;
    c->state = (uint8_t)state;
}

// Behind the others of `queue`, or out of all with NULL.
void load_queue_move(struct load_queue *queue, struct load_connection *connection);

// connection.c
// Begins a TCP connection under the next free name; false when there is none now.
bool load_connect(struct load_generator *g, struct load_connection *c);
// How many calls may begin on an open connection now.
static inline unsigned load_slots(const struct load_generator *g, const struct load_connection *c)
{
    unsigned free = g->options.depth - c->under_way;
    return c->calls_left >= 0 && c->calls_left < free ? (unsigned)c->calls_left : free;
}
// Whether it may take a call now.
bool load_may_call(const struct load_generator *g, const struct load_connection *c);
// Puts it where it belongs: among those to connect, or those that may take calls.
void load_settle(struct load_generator *g, struct load_connection *c);
// Takes the events of its TCP connection.
void load_take_events(struct load_generator *g, struct tcp_conn *tcp);
// Ends it at once, without counting it as lost.
void load_abort(struct load_generator *g, struct load_connection *c);
// The call, and with calls_per_connection perhaps the connection, is over.
void load_finish(struct load_generator *g, struct load_connection *c);

// exchange.c
// Writes up to `max` requests that were meant for `intended`, as many as one segment takes. Returns
// how many: 0 when TCP has no room now. The caller has seen to it that so many may be under way.
unsigned load_send_calls(struct load_generator *g, struct load_connection *c, uint64_t intended,
                         unsigned max);
// Takes every whole answer the connection has. False when it broke the protocol.
bool load_take_answers(struct load_generator *g, struct load_connection *c);
// Books a call that was answered rightly.
void load_record(struct load_generator *g, uint64_t intended, uint64_t sent, enum load_kind kind);

// misbehave.c
// What a misbehaving connection does once it is open, or bound.
void load_misbehave(struct load_generator *g, struct load_connection *c);
