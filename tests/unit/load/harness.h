// A generator joined to a real worker of the server in memory: both stacks in one thread, on one
// clock that the test moves, with every frame copied from the one to the other.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/generator.h"
#include "perf/memory_worker.h"

enum { HARNESS_ENTRIES = 50, HARNESS_TURN_NS = 10000 };

struct harness_options {
    const char *mix; // built in, or YAML when it contains a colon
    uint32_t connections, depth;
    enum load_misbehaviour misbehaviour;
    bool unregistered; // the mix asks for an interface that the server does not have
};

struct harness {
    struct memory_workers *memory;
    struct rte_mempool *pool;
    struct tcpstack *stack;
    struct load_mix *mix;
    struct load_calls *calls;
    struct load_names names;
    struct load_generator *generator;
    uint64_t now; // nanoseconds
    bool server_stands;
};

struct harness *harness_start(const struct harness_options *options);
// Checks that every mbuf is back and that the frames of both stacks add up.
void harness_stop(struct harness *h);
// Both sides once.
void harness_turn(struct harness *h);
void harness_run(struct harness *h, unsigned turns);
// Turns until all connections are open.
void harness_connect(struct harness *h);
// Runs a stretch to its end: closed loop when `rate` is 0. The warm-up is a tenth of it.
void harness_load(struct harness *h, double rate, enum load_arrival_kind kind, uint64_t ns);
// Begins one, without turning.
struct load_plan harness_begin(struct harness *h, double rate, enum load_arrival_kind kind,
                               uint64_t ns);
void harness_finish(struct harness *h);
void harness_close(struct harness *h);

uint64_t harness_counter(const struct harness *h, enum load_counter counter);
uint64_t harness_rpc_counter(const struct harness *h, enum rpc_counter counter);
// No row that makes a run fail has counted.
void harness_assert_clean(const struct harness *h);

int harness_start_eal(void **state);
