// Segments that arrive for a connection (RFC 9293 3.10.7.4), in its order.
#include "tcpstack/tcp.h"

// After a loss the peer's window is small: it may be that one segment, and then all waits for its
// ACK. RFC 9293 3.8.6.3 allows one for every segment.
enum { QUICK_ACKS = 32 };

static uint32_t window_left(const struct tcp_conn *conn)
{
    return conn->rcv_edge - conn->rcv_nxt;
}

static uint32_t sequence_size(const struct tcpstack_packet *packet)
{
    return packet->size + ((packet->flags & RTE_TCP_SYN_FLAG) != 0) +
           ((packet->flags & RTE_TCP_FIN_FLAG) != 0);
}

// The four cases of the acceptability test. Into a closed window, a FIN without bytes may come (it
// needs no room), and bytes at RCV.NXT for the sake of the ACK they carry.
static bool acceptable(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    uint32_t begin = packet->sequence, size = sequence_size(packet);
    if (begin == conn->rcv_nxt)
        return true;
    if (window_left(conn) == 0)
        return false;
    if (size == 0)
        return begin - conn->rcv_nxt < window_left(conn);
    return tcp_seq_before(begin, conn->rcv_edge) && tcp_seq_before(conn->rcv_nxt, begin + size);
}

// "If an incoming segment is not acceptable, an acknowledgment should be sent in reply." Without
// sequence space of its own it gets one in a while only, or two peers could answer each other
// for ever.
static __rte_noinline enum tcpstack_counter not_acceptable(struct tcp_conn *conn,
                                                           const struct tcpstack_packet *packet)
{
    bool is_syn = (packet->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) == RTE_TCP_SYN_FLAG;
    bool old = tcp_seq_at_or_before(packet->sequence + sequence_size(packet), conn->rcv_nxt);
    if (packet->flags & RTE_TCP_RST_FLAG)
        return TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW;
    if (conn->state == TCP_STATE_SYN_RECEIVED && is_syn && packet->sequence == conn->rcv_nxt - 1) {
        tcp_send_syn(conn); // our SYN-ACK was lost
        return TCPSTACK_RX_DROP_TCP_SYN_REPEATED;
    }
    if (conn->state == TCP_STATE_TIME_WAIT && (packet->flags & RTE_TCP_FIN_FLAG))
        tcp_timer_set(conn, TCP_TIMER_LINGER, conn->stack->now + TCP_TIME_WAIT_TIME);
    if (sequence_size(packet) == 0 || conn->state == TCP_STATE_SYN_RECEIVED)
        tcp_send_challenge_ack(conn);
    else
        tcp_owe_ack(conn, true);
    return old ? TCPSTACK_RX_DROP_TCP_DUPLICATE : TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW;
}

// Second, check the RST bit: RFC 5961 3.2.
static __rte_noinline enum tcpstack_counter reset_arrives(struct tcp_conn *conn,
                                                          const struct tcpstack_packet *packet)
{
    // RFC 1337 3, fix 1: an old RST must not end TIME-WAIT early.
    if (conn->state == TCP_STATE_TIME_WAIT)
        return TCPSTACK_RX_DROP_TCP_RESET_TIME_WAIT;
    // (1) of it asks for the number itself to be in the window; text that reaches into it is not
    // enough.
    if (tcp_seq_before(packet->sequence, conn->rcv_nxt))
        return TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW;
    if (packet->sequence != conn->rcv_nxt) {
        tcp_send_challenge_ack(conn);
        return TCPSTACK_RX_DROP_TCP_RESET_CHALLENGED;
    }
    tcpstack_count(conn->stack, TCPSTACK_TCP_RESETS_RECEIVED);
    tcpstack_trace_event(conn, TCPSTACK_TRACE_RESET_RECEIVED, conn->snd_una, tcp_unacked(conn));
    tcp_conn_release(conn, TCP_CLOSE_RESET);
    return TCPSTACK_RX_ACCEPTED;
}

// Fourth, check the SYN bit: SYN-RECEIVED by a passive open goes back to LISTEN; otherwise
// RFC 5961 4.2.
static __rte_noinline enum tcpstack_counter syn_arrives(struct tcp_conn *conn)
{
    if (tcp_is_half_open(conn)) {
        tcp_conn_release(conn, TCP_CLOSE_ABORTED);
        return TCPSTACK_RX_DROP_TCP_SYN_RESTART;
    }
    tcp_send_challenge_ack(conn);
    return TCPSTACK_RX_DROP_TCP_SYN_CHALLENGED;
}

// Fifth, check the ACK field, SYN-RECEIVED.
static enum tcpstack_counter ack_in_syn_received(struct tcp_conn *conn,
                                                 const struct tcpstack_packet *packet)
{
    struct tcpstack *stack = conn->stack;
    if (packet->acknowledgment != conn->snd_max) {
        tcp_answer_reset(stack, packet);
        return TCPSTACK_RX_DROP_TCP_BAD_ACK;
    }
    if (tcp_is_half_open(conn) && !tcp_make_room(stack))
        return TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL; // it may fit when the peer sends again
    tcp_establish(conn);
    return TCPSTACK_RX_ACCEPTED;
}

// Fifth, the states in which an ACK of our FIN leads on. False when the connection is gone.
static bool fin_acknowledged(struct tcp_conn *conn)
{
    switch (conn->state) {
    case TCP_STATE_FIN_WAIT_1:
        conn->state = TCP_STATE_FIN_WAIT_2;
        tcp_timer_set(conn, TCP_TIMER_LINGER, conn->stack->now + TCP_FIN_WAIT_2_TIME);
        return true;
    case TCP_STATE_FIN_WAIT_2:
        tcp_timer_set(conn, TCP_TIMER_LINGER, conn->stack->now + TCP_FIN_WAIT_2_TIME);
        return true;
    case TCP_STATE_CLOSING:
        tcp_enter_time_wait(conn);
        return true;
    case TCP_STATE_LAST_ACK:
        tcp_conn_release(conn, TCP_CLOSE_FINISHED);
        return false;
    default:
        return true;
    }
}

// Eighth, check the FIN bit.
static void fin_arrives(struct tcp_conn *conn)
{
    tcpstack_trace_event(conn, TCPSTACK_TRACE_FIN_RECEIVED, conn->snd_una, conn->traffic->rx_bytes);
    conn->rcv_nxt++;
    conn->rcv_edge = tcp_seq_max(conn->rcv_edge, conn->rcv_nxt);
    conn->fin_received = true;
    tcp_free_out_of_order(conn); // nothing follows a FIN
    tcp_owe_ack(conn, true);
    switch (conn->state) {
    case TCP_STATE_ESTABLISHED:
        conn->state = TCP_STATE_CLOSE_WAIT;
        tcp_raise(conn, TCP_EVENT_FINISHED);
        break;
    case TCP_STATE_FIN_WAIT_1: // our FIN is not acknowledged, or we were in FIN-WAIT-2 by now
        conn->state = TCP_STATE_CLOSING;
        break;
    default: // FIN-WAIT-2
        tcp_enter_time_wait(conn);
        break;
    }
}

// Cuts off what was received before and what is beyond the window. False when nothing is left.
static bool trim(const struct tcp_conn *conn, struct tcpstack_packet *packet, bool *fin)
{
    if (tcp_seq_before(packet->sequence, conn->rcv_nxt)) {
        uint32_t known = conn->rcv_nxt - packet->sequence;
        if (known > packet->size)
            return false;
        packet->sequence += known;
        packet->payload += known;
        packet->size = (uint16_t)(packet->size - known);
    }
    uint32_t room = conn->rcv_edge - packet->sequence;
    if (packet->size > room) {
        packet->size = (uint16_t)room;
        *fin = false;
    }
    return packet->size != 0 || *fin;
}

// Seventh, process the segment text, and eighth.
static enum tcpstack_counter text_arrives(struct tcp_conn *conn, struct tcpstack_packet *packet)
{
    bool fin = packet->flags & RTE_TCP_FIN_FLAG;
    if (packet->size == 0 && !fin)
        return TCPSTACK_RX_ACCEPTED;
    if (conn->fin_received) {
        tcp_owe_ack(conn, true);
        return TCPSTACK_RX_DROP_TCP_AFTER_FIN;
    }
    if (!trim(conn, packet, &fin)) {
        tcp_owe_ack(conn, true);
        return TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW;
    }
    // RFC 5681 4.2: a hole, and the filling of one, are acknowledged at once.
    if (packet->sequence != conn->rcv_nxt) {
        conn->quick_acks = QUICK_ACKS;
        tcp_owe_ack(conn, true);
        return tcp_keep_out_of_order(conn, packet, fin);
    }
    if (packet->size != 0) {
        enum tcpstack_counter reason = tcp_deliver(conn, packet);
        if (reason != TCPSTACK_RX_ACCEPTED)
            return reason;
    }
    if (conn->out_of_order_runs != 0) {
        tcp_owe_ack(conn, true);
        fin |= tcp_drain_out_of_order(conn);
    }
    if (fin)
        fin_arrives(conn);
    return TCPSTACK_RX_ACCEPTED;
}

static __rte_noinline enum tcpstack_counter segment_arrives(struct tcp_conn *conn,
                                                            struct tcpstack_packet *packet)
{
    // RFC 7323 5.3 R1 stands before RFC 9293's first step.
    enum tcpstack_counter dated = tcp_timestamp_judge(conn, packet);
    if (dated == TCPSTACK_RX_DROP_TCP_PAWS)
        not_acceptable(conn, packet);
    if (dated != TCPSTACK_RX_ACCEPTED)
        return dated;
    // First, check the sequence number.
    if (!acceptable(conn, packet))
        return not_acceptable(conn, packet);
    // Second, check the RST bit.
    if (packet->flags & RTE_TCP_RST_FLAG)
        return reset_arrives(conn, packet);
    // Third, security: none. Fourth, check the SYN bit.
    if (packet->flags & RTE_TCP_SYN_FLAG)
        return syn_arrives(conn);
    // Fifth, check the ACK field.
    if (!(packet->flags & RTE_TCP_ACK_FLAG))
        return TCPSTACK_RX_DROP_TCP_NO_ACK;
    if (conn->state == TCP_STATE_SYN_RECEIVED) {
        enum tcpstack_counter reason = ack_in_syn_received(conn, packet);
        if (reason != TCPSTACK_RX_ACCEPTED)
            return reason;
    }
    if (!tcp_ack_acceptable(conn, packet)) {
        tcp_send_challenge_ack(conn);
        return TCPSTACK_RX_DROP_TCP_BAD_ACK;
    }
    tcp_timestamp_note(conn, packet); // RFC 7323 5.3 R3
    conn->link = packet->link;
    tcp_ack(conn, packet);
    if (conn->fin_sent && conn->snd_una == conn->snd_end + 1 && !fin_acknowledged(conn))
        return TCPSTACK_RX_ACCEPTED;
    // Sixth, check the URG bit: urgent data is read in its place (RFC 6093 6).
    return text_arrives(conn, packet);
}

// What a request or its acknowledgement looks like when nothing is wrong. Everything else takes
// the long way, which decides the same for these.
static bool is_ordinary(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    return conn->state == TCP_STATE_ESTABLISHED &&
           (packet->flags | RTE_TCP_PSH_FLAG) == (RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG) &&
           packet->sequence == conn->rcv_nxt && packet->size <= window_left(conn) &&
           packet->acknowledgment - conn->snd_una <= conn->snd_max - conn->snd_una &&
           conn->out_of_order_runs == 0 &&
           tcp_timestamp_judge(conn, packet) == TCPSTACK_RX_ACCEPTED &&
           (packet->size != 0 || packet->acknowledgment != conn->snd_una);
}

// An ordinary frame of no connection goes through the layers after all: its sender was not judged.
static __rte_noinline struct tcp_conn *open_unknown(struct tcpstack *stack,
                                                    struct tcpstack_packet *packet,
                                                    enum tcpstack_counter *ret_reason)
{
    unsigned judged = packet->ordinary ? tcpstack_eth_input(stack, packet) : TCPSTACK_STAGED;
    packet->ordinary = false;
    *ret_reason = (enum tcpstack_counter)judged;
    return judged == TCPSTACK_STAGED ? tcp_open_by_cookie(stack, packet, ret_reason) : NULL;
}

enum tcpstack_counter tcp_input(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct tcp_conn *conn = tcp_conn_find(stack, &packet->key, packet->hash);
    if (unlikely(conn == NULL)) {
        enum tcpstack_counter reason;
        conn = open_unknown(stack, packet, &reason);
        if (conn == NULL)
            return reason;
    }
    if (unlikely(!packet->ordinary &&
                 !tcp_options_parse(packet->options, packet->options_size, &packet->said)))
        return TCPSTACK_RX_DROP_TCP_OPTIONS;
    if (unlikely(!is_ordinary(conn, packet))) {
        if (conn->state == TCP_STATE_SYN_SENT)
            return tcp_syn_sent_input(conn, packet);
        if (tcp_may_replace(conn, packet))
            return tcp_replace(conn, packet);
        enum tcpstack_counter reason = segment_arrives(conn, packet);
        tcp_traffic_end(conn);
        return reason;
    }
    tcpstack_count(stack, TCPSTACK_TCP_FAST_PATH);
    tcp_timestamp_note(conn, packet);
    conn->link = packet->link;
    tcp_ack(conn, packet);
    if (packet->size != 0)
        return tcp_deliver(conn, packet);
    tcp_traffic_end(conn);
    return TCPSTACK_RX_ACCEPTED;
}
