// One writer, readers that may not stop it: a sequence lock whose sequence is the ring's head.
//
// The writer fills the slot of record n and then publishes head = n + 1. A reader that sees
// head > n copies the slot and looks at the head again; the copy is good if the head is still below
// n + SIZE. For: the slot is next written for record n + SIZE, by stores that come after a release
// fence, which comes after the store of head = n + SIZE. If any load of the copy has seen one of
// these stores, then that fence synchronizes with the acquire fence behind the copy, and the second
// look sees head >= n + SIZE. The words are atomic and relaxed, so that nothing is a data race; on
// x86 all of this is plain moves.
#include "tcpstack/trace.h"

#include <string.h>

#include "tcpstack/stack.h"

static const char *const event_names[TCPSTACK_TRACE_EVENT_COUNT] = {
#define EVENT_NAME(event, name, meaning) [event] = name,
    TCPSTACK_TRACE_EVENTS(EVENT_NAME)};

static void append(struct tcpstack_trace *trace, const struct tcpstack_trace_record *record)
{
    uint64_t words[TCPSTACK_TRACE_WORDS];
    memcpy(words, record, sizeof words);
    uint64_t number = atomic_load_explicit(&trace->head, memory_order_relaxed);
    _Atomic uint64_t *slot = trace->words[number % TCPSTACK_TRACE_SIZE];
    atomic_thread_fence(memory_order_release);
    for (unsigned i = 0; i < TCPSTACK_TRACE_WORDS; i++)
        atomic_store_explicit(&slot[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&trace->head, number + 1, memory_order_release);
}

void tcpstack_trace_event(const struct tcp_conn *conn, enum tcpstack_trace_event event,
                          uint32_t sequence, uint32_t size)
{
    struct tcpstack_trace_record record = {
        .time = conn->stack->now,
        .remote_port = conn->key.remote_port,
        .local_port = conn->key.local_port,
        .event = (uint8_t)event,
        .state = conn->state,
        .sequence = sequence,
        .acknowledgment = conn->rcv_nxt,
        .size = size,
    };
    memcpy(record.remote, conn->key.remote, sizeof record.remote);
    append(&conn->stack->trace, &record);
}

const struct tcpstack_trace *tcpstack_trace(const struct tcpstack *stack)
{
    return &stack->trace;
}

uint64_t tcpstack_trace_head(const struct tcpstack_trace *trace)
{
    return atomic_load_explicit(&trace->head, memory_order_acquire);
}

bool tcpstack_trace_read(const struct tcpstack_trace *trace, uint64_t number,
                         struct tcpstack_trace_record *ret_record)
{
    if (number >= tcpstack_trace_head(trace))
        return false;
    uint64_t words[TCPSTACK_TRACE_WORDS];
    const _Atomic uint64_t *slot = trace->words[number % TCPSTACK_TRACE_SIZE];
    for (unsigned i = 0; i < TCPSTACK_TRACE_WORDS; i++)
        words[i] = atomic_load_explicit(&slot[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&trace->head, memory_order_relaxed) - number >= TCPSTACK_TRACE_SIZE)
        return false;
    memcpy(ret_record, words, sizeof words);
    return true;
}

const char *tcpstack_trace_event_name(uint8_t event)
{
    return event < TCPSTACK_TRACE_EVENT_COUNT ? event_names[event] : "?";
}

const char *tcpstack_trace_state_name(uint8_t state)
{
    static const char *const names[] = {
        [TCP_STATE_CLOSED] = "CLOSED",
        [TCP_STATE_SYN_SENT] = "SYN-SENT",
        [TCP_STATE_SYN_RECEIVED] = "SYN-RECEIVED",
        [TCP_STATE_ESTABLISHED] = "ESTABLISHED",
        [TCP_STATE_FIN_WAIT_1] = "FIN-WAIT-1",
        [TCP_STATE_FIN_WAIT_2] = "FIN-WAIT-2",
        [TCP_STATE_CLOSE_WAIT] = "CLOSE-WAIT",
        [TCP_STATE_CLOSING] = "CLOSING",
        [TCP_STATE_LAST_ACK] = "LAST-ACK",
        [TCP_STATE_TIME_WAIT] = "TIME-WAIT",
    };
    return state < RTE_DIM(names) ? names[state] : "?";
}
