// The trace ring: the last events of a stack's connections, always on. Written by the stack's
// worker, read by any thread.
//
// It holds what happens to connections, not their traffic: an ordinary request writes no record, so
// the ring reaches back far enough to be of use after the fact, and costs the fast path nothing.
// Neither do SYNs: a flood of them would push everything else out (they are counted).
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcpstack;

// Rows: event, its name, what `sequence` and `size` of the record are.
#define TCPSTACK_TRACE_EVENTS(X)                                                                   \
    X(TCPSTACK_TRACE_CONNECT, "connect", "SYN sent; 0")                                            \
    X(TCPSTACK_TRACE_OPENED, "opened", "SND.UNA; the segment size to send")                        \
    X(TCPSTACK_TRACE_OPENED_BY_COOKIE, "cookie", "the cookie; the MSS in it")                      \
    X(TCPSTACK_TRACE_OUT_OF_ORDER, "out-of-order", "the segment's; its size")                      \
    X(TCPSTACK_TRACE_RETRANSMIT, "retransmit", "the segment's; its size")                          \
    X(TCPSTACK_TRACE_TIME_OUT, "time-out", "SND.UNA; bytes in flight")                             \
    X(TCPSTACK_TRACE_PROBE, "window-probe", "SND.UNA; the peer's window")                          \
    X(TCPSTACK_TRACE_CHALLENGE, "challenge", "SND.MAX; 0")                                         \
    X(TCPSTACK_TRACE_RESET_SENT, "reset-sent", "SND.MAX; bytes not acknowledged")                  \
    X(TCPSTACK_TRACE_RESET_RECEIVED, "reset-received", "SND.UNA; bytes not acknowledged")          \
    X(TCPSTACK_TRACE_FIN_RECEIVED, "fin-received", "SND.UNA; bytes not read")                      \
    X(TCPSTACK_TRACE_CLOSE, "close", "SND.UNA; bytes not acknowledged")                            \
    X(TCPSTACK_TRACE_STUCK, "stuck", "SND.UNA; bytes not acknowledged")                            \
    X(TCPSTACK_TRACE_ENDED, "ended", "SND.UNA; enum tcp_close_reason")

#define TCPSTACK_TRACE_ENUM(event, name, meaning) event,
enum tcpstack_trace_event { TCPSTACK_TRACE_EVENTS(TCPSTACK_TRACE_ENUM) TCPSTACK_TRACE_EVENT_COUNT };

// Host byte order.
struct tcpstack_trace_record {
    uint64_t time; // microseconds of the stack's clock
    uint8_t remote[16];
    uint16_t remote_port, local_port;
    uint8_t event; // enum tcpstack_trace_event
    uint8_t state; // enum tcp_state
    uint16_t spare;
    uint32_t sequence, acknowledgment; // the latter is RCV.NXT
    uint32_t size;
    uint32_t spare_too;
};

enum {
    TCPSTACK_TRACE_SIZE = 8192, // records; a power of two
    TCPSTACK_TRACE_WORDS = sizeof(struct tcpstack_trace_record) / sizeof(uint64_t),
};

_Static_assert(sizeof(struct tcpstack_trace_record) == 48, "a third of it the peer's address");

struct tcpstack_trace {
    _Atomic uint64_t head; // records ever written
    _Atomic uint64_t words[TCPSTACK_TRACE_SIZE][TCPSTACK_TRACE_WORDS];
};

// The worker.
void tcpstack_trace_event(const struct tcp_conn *conn, enum tcpstack_trace_event event,
                          uint32_t sequence, uint32_t size);

// Any thread, as long as the stack lives.
const struct tcpstack_trace *tcpstack_trace(const struct tcpstack *stack);
// Records ever written: they are numbered from 0.
uint64_t tcpstack_trace_head(const struct tcpstack_trace *trace);
// Copies record `number`. False when it was not written yet or is overwritten by now.
bool tcpstack_trace_read(const struct tcpstack_trace *trace, uint64_t number,
                         struct tcpstack_trace_record *ret_record);
const char *tcpstack_trace_event_name(uint8_t event); // "?" for none of them
const char *tcpstack_trace_state_name(uint8_t state); // as RFC 9293 writes it
