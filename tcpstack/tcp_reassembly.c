// Segments that came before their turn: a few, sorted, without overlaps. The bound keeps the cost
// of a hostile peer constant (CVE-2018-5390's class); what does not fit is sent again by its
// sender. Of overlapping bytes those that came first are kept, as for bytes already in order.
#include "tcpstack/tcp.h"

static struct tcp_segment *held(const struct tcp_conn *conn, unsigned at)
{
    return tcp_segment(conn->out_of_order[at]);
}

static uint32_t end_of(const struct tcp_segment *segment)
{
    return segment->sequence + segment->size;
}

static struct rte_mbuf *take(struct tcp_conn *conn, unsigned at)
{
    struct rte_mbuf *frame = conn->out_of_order[at];
    conn->out_of_order_count--;
    conn->stack->out_of_order--;
    for (unsigned i = at; i < conn->out_of_order_count; i++)
        conn->out_of_order[i] = conn->out_of_order[i + 1];
    return frame;
}

static void insert(struct tcp_conn *conn, unsigned at, struct rte_mbuf *frame)
{
    for (unsigned i = conn->out_of_order_count; i > at; i--)
        conn->out_of_order[i] = conn->out_of_order[i - 1];
    conn->out_of_order[at] = frame;
    conn->out_of_order_count++;
    conn->stack->out_of_order++;
}

// Where the segment belongs, cut to what is not held yet. False when nothing new remains.
static bool fit(struct tcp_conn *conn, struct tcp_segment *segment, unsigned *ret_at)
{
    unsigned at = 0;
    while (at < conn->out_of_order_count &&
           tcp_seq_at_or_before(held(conn, at)->sequence, segment->sequence))
        at++;
    if (at > 0) {
        const struct tcp_segment *before = held(conn, at - 1);
        uint32_t end = end_of(before);
        if (before->fin || tcp_seq_before(end_of(segment), end) ||
            (end_of(segment) == end && segment->size != 0))
            return false;
        if (tcp_seq_before(segment->sequence, end))
            tcp_segment_cut(segment, end - segment->sequence);
    }
    // Those that the segment covers make room for it; the first that reaches beyond cuts it.
    while (at < conn->out_of_order_count &&
           tcp_seq_before(held(conn, at)->sequence, end_of(segment))) {
        const struct tcp_segment *after = held(conn, at);
        if (tcp_seq_before(end_of(segment), end_of(after)) || after->fin) {
            segment->size = (uint16_t)(after->sequence - segment->sequence);
            segment->fin = false;
            break;
        }
        rte_pktmbuf_free(take(conn, at));
    }
    *ret_at = at;
    return segment->size != 0 || segment->fin;
}

enum tcpstack_counter tcp_keep_out_of_order(struct tcp_conn *conn, struct tcpstack_packet *packet,
                                            bool fin)
{
    struct rte_mbuf *frame = packet->frame;
    struct tcp_segment *segment = tcp_segment(frame);
    *segment = (struct tcp_segment){
        .sequence = packet->sequence,
        .offset = (uint16_t)(packet->payload - (const uint8_t *)frame->buf_addr),
        .size = packet->size,
        .fin = fin,
    };
    unsigned at;
    if (!fit(conn, segment, &at))
        return TCPSTACK_RX_DROP_TCP_DUPLICATE;
    if (conn->out_of_order_count == TCP_OUT_OF_ORDER_MAX ||
        conn->stack->out_of_order >= conn->stack->out_of_order_max) {
        if (at == conn->out_of_order_count)
            return TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL;
        // The earlier segment is worth more: it lets RCV.NXT advance sooner.
        rte_pktmbuf_free(take(conn, conn->out_of_order_count - 1u));
        tcpstack_count(conn->stack, TCPSTACK_TCP_OUT_OF_ORDER_EVICTED);
    }
    insert(conn, at, frame);
    packet->frame = NULL;
    tcpstack_count(conn->stack, TCPSTACK_TCP_OUT_OF_ORDER);
    return TCPSTACK_RX_ACCEPTED;
}

bool tcp_drain_out_of_order(struct tcp_conn *conn)
{
    while (conn->out_of_order_count > 0 &&
           tcp_seq_at_or_before(held(conn, 0)->sequence, conn->rcv_nxt)) {
        struct rte_mbuf *frame = take(conn, 0);
        struct tcp_segment *segment = tcp_segment(frame);
        uint32_t known = conn->rcv_nxt - segment->sequence;
        if (known > segment->size) {
            rte_pktmbuf_free(frame);
            continue;
        }
        tcp_segment_cut(segment, known);
        bool fin = segment->fin;
        tcp_append(conn, frame);
        if (fin)
            return true;
    }
    return false;
}

void tcp_free_out_of_order(struct tcp_conn *conn)
{
    while (conn->out_of_order_count > 0)
        rte_pktmbuf_free(take(conn, 0));
}
