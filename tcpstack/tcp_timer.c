// What a connection does when time has passed. The wheel holds each connection at most once, at or
// before its earliest deadline: setting one later or clearing it only writes the deadline, and the
// wheel finds out when it comes there. So an ACK or a reply touches no other connection's lines.
#include "tcpstack/tcp.h"

void tcp_timer_arm(struct tcp_conn *conn, uint64_t tick)
{
    tcpstack_wheel_arm(&conn->stack->wheel, &conn->timer, tick << WHEEL_TICK_SHIFT);
}

// How far off, in ticks; 0 and less is due.
static int32_t ticks_to(const struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    return (int32_t)(conn->deadlines[kind] - tcp_tick(conn));
}

void tcp_send_timer_set(struct tcp_conn *conn, enum tcp_send_timer kind, uint64_t when)
{
    conn->send_timer = (uint8_t)kind;
    tcp_timer_set(conn, TCP_TIMER_SEND, when);
}

void tcp_send_timer_start(struct tcp_conn *conn)
{
    uint64_t probe = tcp_probe_timeout(conn);
    bool comes_first = probe < conn->rto;
    tcp_send_timer_set(conn, comes_first ? TCP_SEND_PROBE : TCP_SEND_RETRANSMIT,
                       conn->stack->now + (comes_first ? probe : conn->rto));
}

void tcp_send_timer_stop(struct tcp_conn *conn)
{
    conn->send_timer = TCP_SEND_RETRANSMIT;
    tcp_timer_clear(conn, TCP_TIMER_SEND);
}

void tcp_timers_stop(struct tcp_conn *conn)
{
    conn->timers = 0;
    tcpstack_wheel_cancel(&conn->stack->wheel, &conn->timer);
}

static void give_up(struct tcp_conn *conn)
{
    tcpstack_count(conn->stack, tcp_is_half_open(conn) ? TCPSTACK_TCP_HALF_OPEN_EXPIRED
                                                       : TCPSTACK_TCP_TIMED_OUT);
    tcp_conn_release(conn, TCP_CLOSE_TIMED_OUT);
}

static bool synchronizing(const struct tcp_conn *conn)
{
    return conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_SYN_RECEIVED;
}

// RFC 6298 5.4 to 5.6. Everything beyond SND.UNA is taken for lost and sent again as the window
// grows; what arrived nevertheless is skipped by the next ACK.
static void retransmit(struct tcp_conn *conn)
{
    unsigned limit = synchronizing(conn) ? TCP_SYN_RETRANSMIT_MAX : TCP_RETRANSMIT_MAX;
    if (conn->retries >= limit) {
        give_up(conn);
        return;
    }
    conn->retries++;
    tcpstack_count(conn->stack, TCPSTACK_TCP_RTO_EXPIRED);
    if (!tcp_is_half_open(conn))
        tcpstack_trace_event(conn, TCPSTACK_TRACE_TIME_OUT, conn->snd_una,
                             conn->snd_max - conn->snd_una);
    conn->rto = RTE_MIN(conn->rto * 2, TCP_RTO_MAX); // until the next valid sample (Karn)
    tcp_send_timer_set(conn, TCP_SEND_RETRANSMIT, conn->stack->now + conn->rto);
    if (synchronizing(conn)) {
        tcp_send_syn(conn);
        return;
    }
    if (conn->traffic->tx_head != NULL &&
        tcp_segment(conn->traffic->tx_head)->fate == TCP_SEGMENT_SACKED)
        tcpstack_count(conn->stack, TCPSTACK_TCP_SACK_RENEGED);
    tcp_cc_timed_out(conn, conn->retries == 1);
    tcp_flight_lose_all(conn);
    conn->fin_lost = conn->fin_sent;
    conn->probe_sent = false;
    tcp_output(conn);
}

// RFC 8985 7.3: the retransmission timer runs from the probe on.
static void probe_tail(struct tcp_conn *conn)
{
    if (tcp_probe_timeout(conn) != UINT64_MAX)
        tcp_rack_probe(conn);
    tcp_send_timer_set(conn, TCP_SEND_RETRANSMIT, conn->stack->now + conn->rto);
}

// RFC 8985 6.2: time has made sure of a loss.
static void end_reordering(struct tcp_conn *conn)
{
    tcp_send_timer_set(conn, TCP_SEND_RETRANSMIT, conn->stack->now + conn->rto);
    tcp_rack_recover(conn);
    tcp_output_later(conn);
}

// RFC 9293 3.8.6.1: probe as long as the peer answers, however long its window stays closed. Once
// the caller has closed, nobody here waits any more, and a peer that never reads is given up.
static void persist(struct tcp_conn *conn)
{
    unsigned count = conn->finishing ? conn->probes : conn->unanswered;
    if (count >= TCP_PROBE_MAX) {
        give_up(conn);
        return;
    }
    if (conn->probes < UINT8_MAX)
        conn->probes++;
    conn->unanswered++;
    uint64_t after = (uint64_t)conn->rto << RTE_MIN(conn->probes, 16u);
    after = RTE_MIN(after, (uint64_t)TCP_RTO_MAX);
    tcp_send_timer_set(conn, TCP_SEND_PERSIST, conn->stack->now + after);
    tcp_send_window_probe(conn);
}

static void run_send_timer(struct tcp_conn *conn)
{
    switch (conn->send_timer) {
    case TCP_SEND_PERSIST:
        persist(conn);
        break;
    case TCP_SEND_PROBE:
        probe_tail(conn);
        break;
    case TCP_SEND_REORDER:
        end_reordering(conn);
        break;
    default:
        retransmit(conn);
        break;
    }
}

void tcp_keepalive_heard(struct tcp_conn *conn)
{
    uint64_t idle = conn->stack->options.keepalive_idle;
    if (idle != 0 && conn->state != TCP_STATE_TIME_WAIT)
        tcp_timer_set(conn, TCP_TIMER_KEEPALIVE, conn->stack->now + idle);
}

// RFC 9293 3.8.4: a segment that the peer cannot accept makes it answer. While something is in
// flight its retransmission asks already.
static void keep_alive(struct tcp_conn *conn)
{
    const struct tcpstack_options *options = &conn->stack->options;
    uint64_t after = options->keepalive_idle;
    if (!tcp_timer_running(conn, TCP_TIMER_SEND)) {
        if (conn->unanswered >= options->keepalive_count) {
            give_up(conn);
            return;
        }
        conn->unanswered++;
        tcpstack_count(conn->stack, TCPSTACK_TCP_KEEPALIVES);
        tcp_send_keepalive(conn);
        after = options->keepalive_interval;
    }
    tcp_timer_set(conn, TCP_TIMER_KEEPALIVE, conn->stack->now + after);
}

// False when the connection is gone.
static bool run(struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    switch (kind) {
    case TCP_TIMER_SEND:
        run_send_timer(conn);
        break;
    case TCP_TIMER_ACK:
        tcpstack_count(conn->stack, TCPSTACK_TCP_DELAYED_ACKS);
        tcp_send_ack(conn);
        break;
    case TCP_TIMER_LINGER:
        if (conn->state != TCP_STATE_TIME_WAIT)
            tcpstack_count(conn->stack, TCPSTACK_TCP_TIMED_OUT);
        tcp_conn_release(conn, TCP_CLOSE_TIMED_OUT);
        return false;
    case TCP_TIMER_KEEPALIVE:
        keep_alive(conn);
        break;
    default:
        tcp_raise(conn, TCP_EVENT_WRITABLE);
        break;
    }
    return conn->state != TCP_STATE_CLOSED;
}

void tcp_timer_fire(struct tcpstack_timer *timer, void *stack)
{
    (void)stack;
    struct tcp_conn *conn = RTE_PTR_SUB(timer, offsetof(struct tcp_conn, timer));
    for (unsigned kind = 0; kind < TCP_TIMER_COUNT; kind++) {
        if (!tcp_timer_running(conn, kind) || ticks_to(conn, kind) > 0)
            continue;
        tcp_timer_clear(conn, kind);
        if (!run(conn, kind))
            return;
    }
    int32_t next = INT32_MAX;
    for (unsigned kind = 0; kind < TCP_TIMER_COUNT; kind++) {
        if (tcp_timer_running(conn, kind))
            next = RTE_MIN(next, ticks_to(conn, kind));
    }
    if (conn->timers != 0)
        tcp_timer_come(conn, (conn->stack->now >> WHEEL_TICK_SHIFT) + (uint64_t)(int64_t)next);
}
