// The control thread: one libevent loop that owns the authoritative map, the control socket and the
// answers to registrations. It can stall or die without stopping lookups.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"

struct control;
struct control_channel;
struct control_config;
struct control_reload;
struct control_store;
struct exporter;
struct mapper_log;
struct mapper_map;
struct rpc_inject;

enum { CONTROL_WORKER_MAX = 64, CONTROL_COUNTER_BLOCK_MAX = 8 };

// A block of counters of one worker, shown by `portolan stats` as NAME.counter.
struct control_counters {
    const char *name; // "tcpstack", "rpc", "worker"
    const struct base_counter *rows;
    const uint64_t *values; // owned and written by the worker
    unsigned count;
};

// A record of a worker's trace ring, made readable.
struct control_trace_row {
    uint64_t number;  // counted from the worker's start
    uint64_t time_us; // of the worker's clock, which begins with it
    char remote[56];  // ADDRESS:PORT
    uint16_t local_port;
    const char *event, *state;
    uint32_t sequence, acknowledgment, size;
};

// What control needs to know of one worker.
struct control_worker {
    unsigned core;
    struct control_channel *channel;
    struct control_counters counters[CONTROL_COUNTER_BLOCK_MAX];
    unsigned counters_count;
    // How many records were ever written: they are numbered from 0.
    uint64_t (*trace_head)(const void *context);
    // Fills ret_rows with the records from number `from` on that are still there, at most `max`,
    // the oldest first, while the worker goes on writing; returns how many. May be NULL.
    unsigned (*trace)(const void *context, uint64_t from, struct control_trace_row *ret_rows,
                      unsigned max);
    const void *trace_context;
};

struct control_options {
    const char *socket_path;
    const char *version;    // of the program
    struct mapper_map *map; // filled with the static endpoints already
    struct mapper_log *log;
    struct control_store *store;          // what `map` is recorded in; NULL: changes are not kept
    struct exporter *exporter;            // NULL: the OXID resolver is not served
    struct rpc_inject *inject;            // fault rules; NULL: none can be added
    const struct control_worker *workers; // outlive the control
    unsigned worker_count;
    const char *const *addresses; // listen addresses as text, for `status`
    unsigned address_count;
    uint16_t listen_port;
    const struct control_config *config; // as the server was started with; NULL: none to show
    const char *config_path;             // what a reload reads; NULL: nothing
    // Takes the settings of a file that was read again. False: no memory, nothing is changed.
    bool (*apply)(void *context, const struct control_config *config);
    void *context;
    struct control_reload *reload; // control's own
};

// Creates the socket (mode 0660; a stale one of a dead process is replaced, a live one refused).
// NULL after saying on stderr what failed and what to do.
struct control *control_create(const struct control_options *options);
// Runs until SIGTERM, SIGINT or control_stop. Returns 0, or -1 when the loop failed.
int control_run(struct control *control);
// Ends control_run. Any thread.
void control_stop(struct control *control);
void control_destroy(struct control *control);
