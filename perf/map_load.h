// A load of ept_map requests on one worker fed from memory: many connections in turn, one or
// several requests a segment, interfaces at random. Every answer is compared with its question.
// One thread, which is the worker's and the clients' in turn.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "perf/memory_worker.h"
#include "perf/program.h"

enum { MAP_LOAD_PER_SEGMENT_MAX = 8, MAP_LOAD_BURST = 32, MAP_LOAD_REQUEST_MAX = 256 };

struct map_load_options {
    unsigned connections;
    unsigned per_segment;
    unsigned burst; // frames a turn, at most MAP_LOAD_BURST; 0: that
    // Clients acknowledge each answer by a segment of its own, as those that have nothing to ask
    // soon; otherwise with their next request. Without it the answers that wait for that are as
    // many as the connections, and so must be `mbufs`.
    bool acknowledge;
    // Connects flows only that tcpstack_flow_core gives to `core` of `cores`, as a port with RSS
    // would. 0 cores: all.
    unsigned core, cores;
};

struct map_load {
    struct memory_workers *memory;
    struct wire_client *clients;
    uint32_t *asked; // per client: the interface of the next answer
    unsigned client_count;
    unsigned *rows; // of the clients that are connected
    struct map_load_options options;
    unsigned next; // of `rows`
    uint64_t random;
    uint64_t requests;                                             // asked so far
    uint8_t pdus[MAP_LOAD_PER_SEGMENT_MAX * MAP_LOAD_REQUEST_MAX]; // back to back
    uint16_t pdu_size;                                             // of one
    uint16_t interface_at;                                         // in one
};

// Makes workers by `options` and connects clients to them. NULL after saying why on stderr: no
// memory, or a bind was not answered.
struct map_load *map_load_create(const struct memory_options *options,
                                 const struct map_load_options *load);
// False when a packet buffer did not come back.
bool map_load_destroy(struct map_load *load);

// Asks at least `requests` more and returns the TSC ticks of the server's side per request.
double map_load_round(struct map_load *load, unsigned requests);
// Whether every request so far has its answer, and the right one; says on stderr what is missing.
bool map_load_is_right(const struct map_load *load);

// A round of half the length for warming up, then `rounds` of `requests`, each added to the row in
// ns per request, with the stages, and whether the answers are right.
void map_load_measure(struct map_load *load, struct perf_row *row, unsigned rounds,
                      unsigned requests);

// All of it for one row: makes the load, measures, reports the row with its settings, and ends the
// load. Says so when it cannot be made.
void map_load_report(struct perf_program *program, struct perf_row *row,
                     const struct memory_options *options,
                     const struct map_load_options *load_options, unsigned requests);

// Adds to `row` where the worker's ticks since `before` (a copy of its counters) went, in ns per
// each of `count`.
void map_load_add_stages(struct perf_row *row, const struct worker *worker, const uint64_t *before,
                         double count);
