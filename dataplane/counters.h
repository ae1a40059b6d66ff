// What a worker counts besides its stack and its RPC server, one row each (base/counter.h).
#pragma once

#include "base/counter.h"

// clang-format off
#define WORKER_COUNTERS(X)                                                                         \
    X(WORKER_ITERATIONS, "iterations", BASE_COUNTER_EVENT, "turns of the poll loop")               \
    X(WORKER_IDLE_ITERATIONS, "idle_iterations", BASE_COUNTER_EVENT, "turns that moved no frame")  \
    X(WORKER_BUSY_US, "busy_us", BASE_COUNTER_EVENT, "microseconds in turns that moved frames")    \
    X(WORKER_IDLE_US, "idle_us", BASE_COUNTER_EVENT, "microseconds in idle turns, sleep included") \
    X(WORKER_BATCHES, "batches", BASE_COUNTER_EVENT, "batches of calls answered")                  \
    X(WORKER_BATCHED_CALLS, "batched_calls", BASE_COUNTER_EVENT, "calls in those batches")         \
    X(WORKER_BATCH_1, "batch_1", BASE_COUNTER_EVENT, "batches of one call")                        \
    X(WORKER_BATCH_3, "batch_2_to_3", BASE_COUNTER_EVENT, "batches of 2 to 3 calls")               \
    X(WORKER_BATCH_7, "batch_4_to_7", BASE_COUNTER_EVENT, "batches of 4 to 7 calls")               \
    X(WORKER_BATCH_15, "batch_8_to_15", BASE_COUNTER_EVENT, "batches of 8 to 15 calls")            \
    X(WORKER_BATCH_31, "batch_16_to_31", BASE_COUNTER_EVENT, "batches of 16 to 31 calls")          \
    X(WORKER_BATCH_63, "batch_32_to_63", BASE_COUNTER_EVENT, "batches of 32 to 63 calls")          \
    X(WORKER_BATCH_64, "batch_64", BASE_COUNTER_EVENT, "full batches, of 64 calls")                \
    X(WORKER_TICKS_RECEIVE, "ticks_receive", BASE_COUNTER_EVENT, "TSC ticks taking frames from ports, when there were some") \
    X(WORKER_TICKS_INPUT, "ticks_input", BASE_COUNTER_EVENT, "TSC ticks from frames to stream bytes")  \
    X(WORKER_TICKS_CONTROL, "ticks_control", BASE_COUNTER_EVENT, "TSC ticks applying changes and running RPC timers") \
    X(WORKER_TICKS_CUT, "ticks_cut", BASE_COUNTER_EVENT, "TSC ticks cutting PDUs out of streams")  \
    X(WORKER_TICKS_ANSWER, "ticks_answer", BASE_COUNTER_EVENT, "TSC ticks decoding, looking up and answering calls") \
    X(WORKER_TICKS_OUTPUT, "ticks_output", BASE_COUNTER_EVENT, "TSC ticks of TCP timers and output")   \
    X(WORKER_TICKS_TRANSMIT, "ticks_transmit", BASE_COUNTER_EVENT, "TSC ticks giving frames to ports") \
    X(WORKER_TICKS_IDLE, "ticks_idle", BASE_COUNTER_EVENT, "TSC ticks of polls that found nothing, sleep included: starvation") \
    X(WORKER_TURN_MAX, "turn_max_us", BASE_COUNTER_GAUGE, "longest time between two polls of the ports, idle turns apart") \
    X(WORKER_GATHERED, "gathered", BASE_COUNTER_EVENT, "PDUs copied together from several frames") \
    X(WORKER_RX_FRAMES, "port_rx", BASE_COUNTER_EVENT, "frames taken from ports")                  \
    X(WORKER_TX_FRAMES, "port_tx", BASE_COUNTER_EVENT, "frames given to ports")                    \
    X(WORKER_SPREAD_OUT, "spread_out", BASE_COUNTER_EVENT, "frames passed to their owner worker")  \
    X(WORKER_SPREAD_IN, "spread_in", BASE_COUNTER_EVENT, "frames got from another worker")         \
    X(WORKER_MAP_OPS, "map_operations", BASE_COUNTER_EVENT, "op log entries applied")              \
    X(WORKER_MBUFS_FREE, "mbufs_free", BASE_COUNTER_GAUGE, "free mbufs of this worker's pool")     \
    X(WORKER_CONNECTIONS, "connections", BASE_COUNTER_GAUGE, "live TCP connections")               \
    X(WORKER_DROP_TX, "drop_port_full", BASE_COUNTER_DROP, "frames a port did not take")           \
    X(WORKER_DROP_SPREAD, "drop_spread_full", BASE_COUNTER_DROP, "frames another worker was too slow for") \
    X(WORKER_DROP_REFUSED, "drop_no_association", BASE_COUNTER_DROP, "connections over the limit of associations")
// clang-format on

enum worker_counter { WORKER_COUNTERS(BASE_COUNTER_ENUM) WORKER_COUNTER_COUNT };

extern const struct base_counter worker_counter_rows[WORKER_COUNTER_COUNT];
