// Loss detection by time, for connections with SACK (RFC 8985): RACK takes a segment for lost when
// one that was sent later has arrived and the time for reordering is over; TLP provokes the ACK
// that RACK needs when the tail of a flight is lost, as of a reply of one segment it always is.
//
// Segments in flight are sorted by the time they were sent, so an ACK looks at those it newly makes
// lost and one more.
#include "tcpstack/tcp.h"

enum { DUPLICATE_THRESHOLD = 3, WINDOW_MULTIPLE_MAX = 200, WINDOW_PERSIST = 16 };

static bool sent_after(uint64_t time, uint32_t end, uint64_t other_time, uint32_t other_end)
{
    return time > other_time || (time == other_time && tcp_seq_before(other_end, end));
}

// An ACK of a segment sent twice may be for the first sending.
static bool is_ambiguous(const struct tcp_conn *conn, const struct tcp_segment *segment,
                         const struct tcpstack_packet *packet, uint64_t rtt)
{
    if (!segment->sent_again)
        return false;
    uint64_t echoed = tcp_timestamp_rtt(conn, packet);
    // A tick of the timestamp's clock may begin before the sending.
    if (echoed > rtt + TCP_TIMESTAMP_TICK)
        return true;
    return rtt < conn->rtt_min;
}

// 6.2 steps 1 to 3, for each segment newly acknowledged or sacked.
void tcp_rack_delivered(struct tcp_conn *conn, const struct tcp_segment *segment,
                        const struct tcpstack_packet *packet)
{
    uint64_t rtt = conn->stack->now - segment->sent_at;
    uint32_t end = segment->sequence + segment->size;
    if (tcp_seq_before(end, conn->traffic->rack_highest) && !segment->sent_again)
        conn->reordering = true;
    conn->traffic->rack_highest = tcp_seq_max(conn->traffic->rack_highest, end);
    if (is_ambiguous(conn, segment, packet, rtt))
        return;
    conn->traffic->rack_rtt = (uint32_t)RTE_MIN(rtt, (uint64_t)TCP_RTO_MAX);
    if (!segment->sent_again)
        conn->rtt_min = RTE_MIN(conn->rtt_min, conn->traffic->rack_rtt);
    if (sent_after(segment->sent_at, end, conn->traffic->rack_sent_at, conn->traffic->rack_end)) {
        conn->traffic->rack_sent_at = segment->sent_at;
        conn->traffic->rack_end = end;
    }
}

// 6.2 step 4, the part that adapts to D-SACK: a round with one says that the window was too short.
static void adapt_window(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    if (!tcp_is_dsack(packet))
        return;
    tcp_traffic_begin(conn); // what arrived twice may have been the last
    if ((conn->rack_multiple > 1 && tcp_seq_before(conn->snd_una, conn->traffic->rack_round)))
        return;
    conn->traffic->rack_round = conn->snd_max;
    if (conn->rack_multiple < WINDOW_MULTIPLE_MAX)
        conn->rack_multiple++;
    conn->rack_persist = WINDOW_PERSIST;
}

void tcp_rack_recovered(struct tcp_conn *conn)
{
    if (conn->rack_persist > 0 && --conn->rack_persist == 0)
        conn->rack_multiple = 1;
}

static uint64_t reordering_window(const struct tcp_conn *conn)
{
    if (!conn->reordering && (conn->cc.recovering || conn->traffic->sacked >= DUPLICATE_THRESHOLD))
        return 0;
    return RTE_MIN((uint64_t)conn->rack_multiple * conn->rtt_min / 4, (uint64_t)conn->srtt);
}

// 6.2 step 5. Waits for the oldest of those that may still arrive, where the RFC waits for the
// youngest: so the walk ends at the first, and the timer comes again for the others.
static bool detect(struct tcp_conn *conn)
{
    uint64_t patience = conn->traffic->rack_rtt + reordering_window(conn);
    bool found = false;
    struct rte_mbuf *frame;
    while ((frame = conn->traffic->flight.first) != NULL) {
        const struct tcp_segment *segment = tcp_segment(frame);
        if (!sent_after(conn->traffic->rack_sent_at, conn->traffic->rack_end, segment->sent_at,
                        segment->sequence + segment->size))
            break;
        if (segment->sent_at + patience > conn->stack->now) {
            tcp_send_timer_set(conn, TCP_SEND_REORDER, segment->sent_at + patience);
            break;
        }
        tcp_flight_lose(conn, frame);
        found = true;
    }
    return found;
}

void tcp_rack_recover(struct tcp_conn *conn)
{
    if (detect(conn) && tcp_cc_lost(conn)) {
        tcpstack_count(conn->stack, TCPSTACK_TCP_FAST_RETRANSMITS);
        tcp_retransmit_first(conn); // whatever the window says (RFC 6675 5 step 4.3)
    }
}

// 7.4.2. What tells that the probe was needless is a D-SACK, or of a peer that sends none, the ACK
// of the second copy; otherwise the probe has repaired a loss, which the window must hear of.
static void probe_answered(struct tcp_conn *conn, const struct tcpstack_packet *packet,
                           bool advanced)
{
    if (!conn->probe_sent)
        return;
    tcp_traffic_begin(conn);
    if (tcp_seq_before(packet->acknowledgment, conn->traffic->probe_end))
        return;
    bool beyond = packet->acknowledgment != conn->traffic->probe_end;
    bool second = !advanced && packet->said.sack_count == 0 && packet->size == 0;
    if (!conn->probe_repeats || tcp_is_dsack(packet) || (!beyond && second)) {
        conn->probe_sent = false;
    } else if (beyond) {
        conn->probe_sent = false;
        tcp_cc_repaired(conn);
    }
}

void tcp_rack_ack(struct tcp_conn *conn, const struct tcpstack_packet *packet, bool advanced)
{
    probe_answered(conn, packet, advanced);
    adapt_window(conn, packet);
    if (packet->said.sack_count != 0)
        tcp_sack_input(conn, packet);
    else if (!advanced)
        return;
    tcp_rack_recover(conn);
}

// 7.2. The peer may hold its ACK of less than two full segments back (RFC 9293 3.8.6.3).
uint64_t tcp_probe_timeout(const struct tcp_conn *conn)
{
    bool quiet = conn->traffic->sacked == 0 && conn->traffic->lost.first == NULL &&
                 !conn->cc.recovering && conn->retries == 0 &&
                 tcp_seq_at_or_before(conn->cc.recover, conn->snd_una);
    if (!conn->sack || !quiet || conn->probe_sent || conn->srtt == 0)
        return UINT64_MAX;
    uint64_t after = RTE_MAX(2 * (uint64_t)conn->srtt, TCP_PROBE_MIN);
    return conn->traffic->pipe < 2u * conn->snd_mss ? after + TCP_PEER_ACK_DELAY : after;
}

// 7.3: new data when there is some and the peer has room, else what was sent last again.
void tcp_rack_probe(struct tcp_conn *conn)
{
    tcpstack_count(conn->stack, TCPSTACK_TCP_TAIL_PROBES);
    conn->probe_repeats = !tcp_send_beyond_window(conn);
    if (conn->probe_repeats)
        tcp_retransmit_last(conn);
    conn->probe_sent = true;
    tcp_traffic_begin(conn); // a FIN alone has none
    conn->traffic->probe_end = conn->snd_max;
}
