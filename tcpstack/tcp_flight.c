// Where each segment of the transmit queue stands. A segment that was sent is in flight, lost, or
// reported as received (sacked). Those in flight form a list in the order in which they were last
// sent, the lost ones in the order in which they are to be sent again; both are doubly linked, so
// every change is O(1), what is in flight is always counted (RFC 6675's pipe), and loss detection
// begins at the oldest and stops at the first that is young enough.
#include "tcpstack/tcp.h"

static void link_behind(struct tcp_segment_list *list, struct rte_mbuf *older,
                        struct rte_mbuf *frame)
{
    struct tcp_segment *segment = tcp_segment(frame);
    struct rte_mbuf **next = older != NULL ? &tcp_segment(older)->newer : &list->first;
    segment->older = older;
    segment->newer = *next;
    if (*next != NULL)
        tcp_segment(*next)->older = frame;
    else
        list->last = frame;
    *next = frame;
}

static void unlink_segment(struct tcp_segment_list *list, struct tcp_segment *segment)
{
    if (segment->older != NULL)
        tcp_segment(segment->older)->newer = segment->newer;
    else
        list->first = segment->newer;
    if (segment->newer != NULL)
        tcp_segment(segment->newer)->older = segment->older;
    else
        list->last = segment->older;
}

void tcp_flight_leave(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    struct tcp_segment *segment = tcp_segment(frame);
    switch (segment->fate) {
    case TCP_SEGMENT_IN_FLIGHT:
        unlink_segment(&conn->traffic->flight, segment);
        conn->traffic->pipe -= segment->size;
        break;
    case TCP_SEGMENT_LOST:
        unlink_segment(&conn->traffic->lost, segment);
        break;
    case TCP_SEGMENT_SACKED:
        conn->traffic->sacked--;
        break;
    default:
        break;
    }
    segment->fate = TCP_SEGMENT_UNSENT;
}

void tcp_flight_sent(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    struct tcp_segment *segment = tcp_segment(frame);
    tcp_flight_leave(conn, frame);
    link_behind(&conn->traffic->flight, conn->traffic->flight.last, frame);
    segment->fate = TCP_SEGMENT_IN_FLIGHT;
    segment->sent_at = conn->stack->now;
    conn->sent_at = tcp_tick(conn);
    conn->traffic->pipe += segment->size;
}

void tcp_flight_lose(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    tcp_flight_leave(conn, frame);
    link_behind(&conn->traffic->lost, conn->traffic->lost.last, frame);
    tcp_segment(frame)->fate = TCP_SEGMENT_LOST;
}

void tcp_flight_sack(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    tcp_flight_leave(conn, frame);
    tcp_segment(frame)->fate = TCP_SEGMENT_SACKED;
    conn->traffic->sacked++;
}

// RFC 2018 8: a time-out may mean that the receiver has reneged, so what it said is forgotten.
void tcp_flight_lose_all(struct tcp_conn *conn)
{
    for (struct rte_mbuf *frame = conn->traffic->tx_head; frame != conn->traffic->tx_unsent;
         frame = tcp_segment(frame)->next)
        tcp_flight_lose(conn, frame);
    conn->traffic->tx_sacked = NULL;
}

void tcp_flight_split(struct tcp_conn *conn, struct rte_mbuf *frame, struct rte_mbuf *rest)
{
    struct tcp_segment *to = tcp_segment(rest);
    to->fate = tcp_segment(frame)->fate;
    to->sent_at = tcp_segment(frame)->sent_at;
    if (to->fate == TCP_SEGMENT_IN_FLIGHT)
        link_behind(&conn->traffic->flight, frame, rest);
    else if (to->fate == TCP_SEGMENT_LOST)
        link_behind(&conn->traffic->lost, frame, rest);
    else if (to->fate == TCP_SEGMENT_SACKED)
        conn->traffic->sacked++;
}

void tcp_flight_clear(struct tcp_conn *conn)
{
    conn->traffic->flight = conn->traffic->lost = (struct tcp_segment_list){0};
    conn->traffic->pipe = 0;
    conn->traffic->sacked = 0;
    conn->traffic->tx_sacked = NULL;
}
