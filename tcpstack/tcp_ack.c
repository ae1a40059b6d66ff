// What an acknowledgement does (RFC 9293 3.10.7.4 "fifth, check the ACK field").
#include "tcpstack/tcp.h"

// RFC 5961 5.2. Above is what was never sent, below what no delayed segment can carry.
bool tcp_ack_acceptable(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    return tcp_seq_at_or_before(conn->snd_una - conn->snd_wnd_max, packet->acknowledgment) &&
           tcp_seq_at_or_before(packet->acknowledgment, conn->snd_max);
}

// RFC 6298 2.2 to 2.4.
void tcp_rtt_sample(struct tcp_conn *conn, uint64_t rtt)
{
    uint32_t sample = rtt > TCP_RTO_MAX ? TCP_RTO_MAX : RTE_MAX((uint32_t)rtt, 1u);
    if (conn->srtt == 0) {
        conn->srtt = sample;
        conn->rttvar = sample / 2;
    } else {
        uint32_t error = conn->srtt > sample ? conn->srtt - sample : sample - conn->srtt;
        conn->rttvar = conn->rttvar - conn->rttvar / 4 + error / 4;
        conn->srtt = conn->srtt - conn->srtt / 8 + sample / 8;
        conn->srtt = RTE_MAX(conn->srtt, 1u);
    }
    uint32_t rto = conn->srtt + RTE_MAX(4 * conn->rttvar, 1u << WHEEL_TICK_SHIFT);
    conn->rto = RTE_MIN(RTE_MAX(rto, TCP_RTO_MIN), TCP_RTO_MAX);
}

// RFC 6298 3, Karn's algorithm: when any of what is acknowledged was sent twice, the ACK does not
// tell which sending it answers, unless a timestamp does (RFC 7323 4.1). Where our own clock will
// do it is taken, because it is finer. `sent_at` is 0 when no segment was acknowledged whole.
static void take_rtt(struct tcp_conn *conn, const struct tcpstack_packet *packet, uint64_t sent_at,
                     bool ambiguous)
{
    if (ambiguous) {
        uint64_t rtt = tcp_timestamp_rtt(conn, packet);
        if (rtt != 0)
            tcp_rtt_sample(conn, rtt);
    } else if (sent_at != 0) {
        tcp_rtt_sample(conn, conn->stack->now - sent_at);
    }
}

// Frees what SND.UNA has passed.
static void free_acknowledged(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    uint64_t sent_at = 0;
    bool ambiguous = false;
    while (conn->traffic->tx_head != NULL) {
        struct rte_mbuf *frame = conn->traffic->tx_head;
        struct tcp_segment *segment = tcp_segment(frame);
        uint32_t acked = conn->snd_una - segment->sequence;
        if (acked == 0 || (int32_t)acked < 0)
            break;
        ambiguous |= segment->sent_again;
        if (acked < segment->size) {
            conn->traffic->pipe -= segment->fate == TCP_SEGMENT_IN_FLIGHT ? acked : 0;
            tcp_segment_cut(segment, acked);
            break;
        }
        if (segment->fate != TCP_SEGMENT_SACKED)
            sent_at = segment->sent_at; // others arrived earlier than this ACK tells
        if (segment->fate == TCP_SEGMENT_IN_FLIGHT || segment->fate == TCP_SEGMENT_LOST)
            tcp_rack_delivered(conn, segment, packet);
        tcp_flight_leave(conn, frame);
        if (conn->traffic->tx_sacked == frame)
            conn->traffic->tx_sacked = NULL;
        if (conn->traffic->tx_unsent == frame)
            conn->traffic->tx_unsent = segment->next;
        conn->traffic->tx_head = segment->next;
        conn->traffic->tx_frames--;
        rte_pktmbuf_free_seg(frame); // not what a large frame has chained to it
    }
    if (conn->traffic->tx_head == NULL)
        conn->traffic->tx_tail = NULL;
    take_rtt(conn, packet, sent_at, ambiguous);
}

static void advance(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    uint32_t acked = packet->acknowledgment - conn->snd_una;
    uint32_t flight = conn->snd_max - conn->snd_una;
    conn->snd_una = packet->acknowledgment;
    free_acknowledged(conn, packet);
    conn->retries = 0;
    conn->stuck = false;
    bool again = tcp_cc_acked(conn, acked, flight);
    // RFC 6298 5.2 and 5.3.
    bool persists = conn->send_timer == TCP_SEND_PERSIST && tcp_has_unsent(conn);
    if (!persists && conn->snd_una == conn->snd_max)
        tcp_send_timer_stop(conn);
    else if (!persists)
        tcp_send_timer_start(conn);
    if (again)
        tcp_retransmit_first(conn);
    if (conn->want_room) {
        conn->want_room = false;
        tcp_raise(conn, TCP_EVENT_WRITABLE);
    }
}

// RFC 5681 2: a duplicate ACK moves nothing while something is in flight.
static bool is_duplicate(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    return packet->acknowledgment == conn->snd_una && packet->size == 0 &&
           (packet->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG)) == 0 &&
           conn->snd_max != conn->snd_una &&
           (uint32_t)packet->window << conn->snd_scale == conn->snd_wnd;
}

static void duplicate(struct tcp_conn *conn)
{
    tcpstack_count(conn->stack, TCPSTACK_TCP_DUPLICATE_ACKS);
    if (conn->sack || !tcp_cc_duplicate(conn))
        return;
    tcpstack_count(conn->stack, TCPSTACK_TCP_FAST_RETRANSMITS);
    tcp_retransmit_first(conn);
}

static void update_window(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    if (!tcp_seq_before(conn->snd_wl1, packet->sequence) &&
        (conn->snd_wl1 != packet->sequence ||
         !tcp_seq_at_or_before(conn->snd_wl2, packet->acknowledgment)))
        return;
    conn->snd_wnd = (uint32_t)packet->window << conn->snd_scale;
    conn->snd_wnd_max = RTE_MAX(conn->snd_wnd_max, conn->snd_wnd);
    conn->snd_wl1 = packet->sequence;
    conn->snd_wl2 = packet->acknowledgment;
}

// Whether the ACK is for all that was written, one segment, sent once, on a connection where
// nothing was lost and the window has no reason to grow: as nearly every reply is acknowledged.
static bool ends_quiet_flight(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    const struct tcp_traffic *traffic = conn->traffic;
    struct rte_mbuf *frame = traffic->tx_head;
    return traffic->tx_frames == 1 && packet->acknowledgment == conn->snd_max &&
           packet->acknowledgment == conn->snd_end && traffic->flight.first == frame &&
           !tcp_segment(frame)->sent_again && !conn->cc.recovering && !conn->probe_sent &&
           !conn->want_room && packet->said.sack_count == 0 &&
           tcp_segment(frame)->size < conn->cc.window / 2;
}

// What tcp_ack does then, without what it would ask for in vain.
static void end_quiet_flight(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    struct tcp_traffic *traffic = conn->traffic;
    const struct tcp_segment *segment = tcp_segment(traffic->tx_head);
    conn->snd_una = packet->acknowledgment;
    tcp_rack_delivered(conn, segment, packet);
    tcp_rtt_sample(conn, conn->stack->now - segment->sent_at);
    rte_pktmbuf_free_seg(traffic->tx_head);
    traffic->tx_head = traffic->tx_tail = traffic->tx_sacked = NULL;
    traffic->flight.first = traffic->flight.last = NULL;
    traffic->pipe = 0;
    traffic->tx_frames = 0;
    conn->retries = 0;
    conn->stuck = false;
    conn->cc.duplicates = 0;
    tcp_send_timer_stop(conn);
    update_window(conn, packet);
}

void tcp_ack(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    conn->unanswered = 0;
    tcp_keepalive_heard(conn);
    if (likely(ends_quiet_flight(conn, packet))) {
        end_quiet_flight(conn, packet);
        return;
    }
    if (tcp_seq_before(packet->acknowledgment, conn->snd_una))
        return; // an old duplicate: its data may still be new
    bool advanced = packet->acknowledgment != conn->snd_una;
    if (advanced)
        advance(conn, packet);
    else if (is_duplicate(conn, packet))
        duplicate(conn);
    if (conn->sack)
        tcp_rack_ack(conn, packet, advanced);
    update_window(conn, packet);
    if (tcp_has_unsent(conn))
        tcp_output_later(conn);
}
