// What a connection does when time has passed. The wheel holds each connection at most once, at or
// before its earliest deadline: setting one later or clearing it only writes the deadline, and the
// wheel finds out when it comes there. So an ACK or a reply touches no other connection's lines.
#include "tcpstack/tcp.h"

bool tcp_timer_running(const struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    return conn->deadlines[kind] != WHEEL_NEVER;
}

static void arm(struct tcp_conn *conn, uint64_t when)
{
    if (tcpstack_timer_armed(&conn->timer) && conn->timer.tick << WHEEL_TICK_SHIFT <= when)
        return;
    tcpstack_wheel_arm(&conn->stack->wheel, &conn->timer, when);
}

void tcp_timer_set(struct tcp_conn *conn, enum tcp_timer_kind kind, uint64_t when)
{
    conn->deadlines[kind] = when;
    arm(conn, when);
}

void tcp_timer_clear(struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    conn->deadlines[kind] = WHEEL_NEVER;
}

void tcp_timers_stop(struct tcp_conn *conn)
{
    for (unsigned i = 0; i < TCP_TIMER_COUNT; i++)
        conn->deadlines[i] = WHEEL_NEVER;
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
    conn->rto = RTE_MIN(conn->rto * 2, TCP_RTO_MAX); // until the next valid sample (Karn)
    tcp_timer_set(conn, TCP_TIMER_SEND, conn->stack->now + conn->rto);
    if (synchronizing(conn)) {
        tcp_send_syn(conn);
        return;
    }
    tcp_cc_timed_out(conn, conn->retries == 1);
    conn->snd_nxt = conn->snd_una;
    conn->tx_unsent = conn->tx_head;
    tcp_output(conn);
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
    tcp_timer_set(conn, TCP_TIMER_SEND, conn->stack->now + RTE_MIN(after, (uint64_t)TCP_RTO_MAX));
    tcp_send_probe(conn);
}

// False when the connection is gone.
static bool run(struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    switch (kind) {
    case TCP_TIMER_SEND:
        if (conn->probing)
            persist(conn);
        else
            retransmit(conn);
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
    default:
        tcp_raise(conn, TCP_EVENT_WRITABLE);
        break;
    }
    return conn->state != TCP_STATE_CLOSED;
}

void tcp_timer_fire(struct tcpstack_timer *timer, void *stack)
{
    struct tcp_conn *conn = RTE_PTR_SUB(timer, offsetof(struct tcp_conn, timer));
    uint64_t now = ((struct tcpstack *)stack)->now;
    uint64_t next = WHEEL_NEVER;
    for (unsigned kind = 0; kind < TCP_TIMER_COUNT; kind++) {
        if (conn->deadlines[kind] <= now) {
            conn->deadlines[kind] = WHEEL_NEVER;
            if (!run(conn, kind))
                return;
        }
    }
    for (unsigned kind = 0; kind < TCP_TIMER_COUNT; kind++)
        next = RTE_MIN(next, conn->deadlines[kind]);
    if (next != WHEEL_NEVER)
        arm(conn, next);
}
