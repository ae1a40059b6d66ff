// Closing connections: the caller's side, and TIME-WAIT (RFC 9293 3.6, 3.10.4, 3.10.5).
#include "tcpstack/tcp.h"

void tcp_enter_time_wait(struct tcp_conn *conn)
{
    conn->state = TCP_STATE_TIME_WAIT;
    tcp_send_timer_stop(conn);
    tcp_timer_clear(conn, TCP_TIMER_MEMORY);
    tcp_timer_clear(conn, TCP_TIMER_KEEPALIVE);
    tcp_timer_set(conn, TCP_TIMER_LINGER, conn->stack->now + TCP_TIME_WAIT_TIME);
    tcp_free_out_of_order(conn);
    conn->close_reason = TCP_CLOSE_FINISHED;
    tcp_raise(conn, TCP_EVENT_CLOSED);
}

static bool is_full(const struct tcpstack *stack)
{
    return stack->counters[TCPSTACK_TCP_CONNECTIONS] >= stack->options.max_connections;
}

bool tcp_room_for_another(const struct tcpstack *stack)
{
    return !is_full(stack) || !TAILQ_EMPTY(&stack->time_wait);
}

// TIME-WAIT protects a later connection of the same name from old segments. A new connection that
// is here now is worth more than the rest of the longest wait.
bool tcp_make_room(struct tcpstack *stack)
{
    if (!tcp_room_for_another(stack))
        return false;
    if (is_full(stack)) {
        tcp_conn_release(TAILQ_FIRST(&stack->time_wait), TCP_CLOSE_FINISHED);
        tcpstack_count(stack, TCPSTACK_TCP_TIME_WAIT_EVICTED);
    }
    return true;
}

// 3.10.4 CLOSE. The FIN waits its turn behind what was written; the state does not.
void tcp_close(struct tcp_conn *conn)
{
    switch (conn->state) {
    case TCP_STATE_SYN_SENT:
    case TCP_STATE_SYN_RECEIVED: // 3.10.4 would send what was written first; there is no use for it
        tcp_abort(conn);
        return;
    case TCP_STATE_ESTABLISHED:
        conn->state = TCP_STATE_FIN_WAIT_1;
        break;
    case TCP_STATE_CLOSE_WAIT:
        conn->state = TCP_STATE_LAST_ACK;
        break;
    default:
        return;
    }
    tcpstack_trace_event(conn, TCPSTACK_TRACE_CLOSE, conn->snd_una, tcp_unacked(conn));
    conn->finishing = true;
    conn->want_room = false;
    tcp_drop_reservation(conn);
    tcp_free_readable(conn);
    tcp_output_later(conn);
}

// 3.10.5 ABORT.
void tcp_abort(struct tcp_conn *conn)
{
    switch (conn->state) {
    case TCP_STATE_CLOSED:
        return;
    case TCP_STATE_SYN_RECEIVED:
    case TCP_STATE_ESTABLISHED:
    case TCP_STATE_FIN_WAIT_1:
    case TCP_STATE_FIN_WAIT_2:
    case TCP_STATE_CLOSE_WAIT:
        tcp_send_reset(conn);
        break;
    default:
        break;
    }
    tcp_conn_release(conn, TCP_CLOSE_ABORTED);
}

void tcp_reset(struct tcp_conn *conn)
{
    if (conn->state != TCP_STATE_CLOSED)
        tcp_output(conn);
    tcp_abort(conn);
}

enum tcp_close_reason tcp_close_reason(const struct tcp_conn *conn)
{
    return (enum tcp_close_reason)conn->close_reason;
}
