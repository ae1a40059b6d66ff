// The generator of one worker: connections over a stack, calls over connections, answers checked
// and timed. Pure: frames go in and out of the stack elsewhere, and the caller passes the time, so
// a test can join it to a server in memory.
//
// Each turn: tcpstack_input, load_generator_turn, tcpstack_timers, tcpstack_flush. All functions
// but create and destroy: only the worker that owns the generator. Times are nanoseconds of the
// clock whose microseconds the stack is given.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "load/arrivals.h"
#include "load/call.h"
#include "load/counters.h"
#include "load/names.h"
#include "tcpstack/tcpstack.h"

enum {
    LOAD_BURST = 64,
    LOAD_DEPTH_MAX = 256,
    // The largest answer is 256 KiB and its headers; it waits unread until it is whole.
    LOAD_RECEIVE_WINDOW = 512 << 10,
    LOAD_TRANSMIT_LIMIT = 256 << 10,
};

// What a generator does instead of its calls.
enum load_misbehaviour {
    LOAD_BEHAVES,
    LOAD_SYN_ONLY,     // never completes a handshake
    LOAD_SILENT,       // completes it and says nothing
    LOAD_HALF_REQUEST, // binds, sends a request but for its last byte
    LOAD_NO_ACK,       // binds, sends requests, acknowledges no answer
    LOAD_NO_CLOSE,     // binds, makes a call, and leaves the connection open without an end
};

struct load_generator_options {
    struct tcpstack *stack;       // the caller's
    uint16_t port_id;             // to send on
    const uint8_t (*sources)[16]; // addresses that names count; the caller's
    uint8_t target[16];
    uint16_t target_port;
    uint32_t connections;
    uint32_t depth;               // calls under way at once of one connection
    int64_t calls_per_connection; // -1: connections stay
    enum load_misbehaviour misbehaviour;
    uint64_t seed;
};

// One stretch of load.
struct load_plan {
    uint64_t start;
    uint64_t measure; // calls meant for from here ...
    uint64_t end;     // ... to here are measured; none is begun for later
    uint64_t give_up; // what is not answered by then is lost
    double rate;      // calls per second; 0: closed loop, as many as depth allows
    enum load_arrival_kind arrivals;
};

// What was measured, from plan.measure to plan.end.
struct load_result {
    uint64_t due;      // calls meant for that time
    uint64_t answered; // right answers that came in that time
    uint64_t answers_by_kind[LOAD_KINDS];
    struct base_histogram latency; // from the time a call was meant for to its answer
    struct base_histogram service; // from when its request was written to its answer
    struct base_histogram setup;   // from SYN to bind_ack
};

struct load_generator;

// `calls` and `names` stay the caller's. NULL when there is no memory. Main thread.
struct load_generator *load_generator_create(const struct load_generator_options *options,
                                             struct load_calls *calls, struct load_names *names);
void load_generator_destroy(struct load_generator *generator);

// Takes the stack's events, checks answers, and begins what is due.
void load_generator_turn(struct load_generator *generator, uint64_t now);

// Whether the connections that are to be there before the first call are there.
bool load_generator_is_ready(const struct load_generator *generator);
// Begins a stretch; what the last one measured is cleared.
void load_generator_begin(struct load_generator *generator, const struct load_plan *plan);
// Whether the stretch is over: nothing is under way any more, or it was given up.
bool load_generator_is_done(const struct load_generator *generator);
// Books what was not sent and not answered as lost.
void load_generator_end(struct load_generator *generator);
// Ends all connections in order (misbehaving ones: not at all).
void load_generator_close(struct load_generator *generator);
bool load_generator_is_closed(const struct load_generator *generator);

// Whether load_generator_withholds is to be asked about each frame at all.
bool load_generator_may_withhold(const struct load_generator *generator);
// Whether a received frame is to be dropped before the stack sees it (misbehaviour).
bool load_generator_withholds(struct load_generator *generator);

// Whole once the stretch is over; until then others may read the rows of its histograms by
// base_counter_read.
const struct load_result *load_generator_result(const struct load_generator *generator);
// LOAD_COUNTER_COUNT values. The worker adds to them; others read by base_counter_read.
uint64_t *load_generator_counters(struct load_generator *generator);
