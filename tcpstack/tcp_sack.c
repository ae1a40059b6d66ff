// What the peer says it holds beyond SND.UNA: the scoreboard of RFC 6675, kept in the segments.
//
// The peer chooses the blocks, so it chooses what is looked at (CVE-2019-11478's class). Marking
// begins where the last marking ended when the block lies there, as it does while a hole persists
// and more arrives behind it: then only segments newly reported are visited. Otherwise it begins at
// SND.UNA. In all, one ACK visits at most TCP_SACK_STEPS segments beyond those it newly reports.
// What is not reached stays unmarked, at worst to be sent again: SACK is advice.
#include "tcpstack/tcp.h"

enum { TCP_SACK_STEPS = 256 };

// Within what was sent and is not acknowledged yet. A block below SND.UNA is a D-SACK.
static bool is_sound(const struct tcp_conn *conn, const struct tcp_sack_block *block)
{
    return tcp_seq_before(block->begin, block->end) &&
           tcp_seq_at_or_before(conn->snd_una, block->begin) &&
           tcp_seq_at_or_before(block->end, conn->snd_max);
}

// RFC 2883 4: a first block that is acknowledged already, or lies within the second, says that a
// segment arrived twice.
bool tcp_is_dsack(const struct tcpstack_packet *packet)
{
    const struct tcp_options *said = &packet->said;
    if (said->sack_count == 0)
        return false;
    if (tcp_seq_at_or_before(said->sack[0].end, packet->acknowledgment))
        return true;
    return said->sack_count > 1 && tcp_seq_at_or_before(said->sack[1].begin, said->sack[0].begin) &&
           tcp_seq_at_or_before(said->sack[0].end, said->sack[1].end);
}

// From sack_begin to the end of tx_sacked all is marked.
static struct rte_mbuf *first_to_look_at(const struct tcp_conn *conn,
                                         const struct tcp_sack_block *block)
{
    bool beyond = conn->traffic->tx_sacked != NULL &&
                  tcp_seq_at_or_before(conn->traffic->sack_begin, block->begin);
    return beyond ? conn->traffic->tx_sacked : conn->traffic->tx_head;
}

// The furthest place stays remembered: there the next segments will be reported.
static void remember(struct tcp_conn *conn, const struct tcp_sack_block *block,
                     struct rte_mbuf *last)
{
    const struct rte_mbuf *known = conn->traffic->tx_sacked;
    uint32_t known_sequence = known != NULL ? tcp_segment(conn->traffic->tx_sacked)->sequence : 0;
    if (known != NULL && tcp_seq_at_or_before(tcp_segment(last)->sequence, known_sequence))
        return;
    bool joined = known != NULL && tcp_seq_at_or_before(conn->traffic->sack_begin, block->begin) &&
                  tcp_seq_at_or_before(block->begin, known_sequence);
    if (!joined)
        conn->traffic->sack_begin = block->begin;
    conn->traffic->tx_sacked = last;
}

static void mark(struct tcp_conn *conn, const struct tcp_sack_block *block,
                 const struct tcpstack_packet *packet, unsigned *steps)
{
    struct rte_mbuf *frame = first_to_look_at(conn, block), *last = NULL;
    for (; frame != NULL && frame != conn->traffic->tx_unsent; frame = tcp_segment(frame)->next) {
        const struct tcp_segment *segment = tcp_segment(frame);
        if (tcp_seq_before(block->end, segment->sequence + segment->size))
            break;
        bool inside = tcp_seq_at_or_before(block->begin, segment->sequence);
        if (inside)
            last = frame;
        if (inside && segment->fate != TCP_SEGMENT_SACKED) {
            tcp_rack_delivered(conn, segment, packet);
            tcp_flight_sack(conn, frame);
        } else if (--*steps == 0) {
            break;
        }
    }
    if (last != NULL)
        remember(conn, block, last);
}

void tcp_sack_input(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    unsigned steps = TCP_SACK_STEPS;
    for (uint8_t i = 0; i < packet->said.sack_count && steps > 0; i++) {
        if (is_sound(conn, &packet->said.sack[i]))
            mark(conn, &packet->said.sack[i], packet, &steps);
    }
}
