// Segments that came before their turn, kept as runs: a run is a chain of segments without a hole
// between them, and runs are sorted. A segment that arrives can only lengthen a run at its ends,
// join two, or begin a new one, so nothing ever walks within a run, and what a hostile peer can
// make us search is TCP_OUT_OF_ORDER_RUNS long (CVE-2018-5390's class). What does not fit is sent
// again by its sender. Of overlapping bytes those that came first are kept, as for bytes already
// in order.
#include "tcpstack/tcp.h"

enum { SEGMENTS_MIN = 192 };

static uint32_t end_of(const struct tcp_segment *segment)
{
    return segment->sequence + segment->size;
}

static uint32_t begin_of_run(struct rte_mbuf *run)
{
    return tcp_segment(run)->sequence;
}

static struct tcp_segment *last_of_run(struct rte_mbuf *run)
{
    return tcp_segment(tcp_segment(run)->run_end);
}

static void count_held(struct tcp_conn *conn, int segments)
{
    conn->traffic->out_of_order_count = (uint16_t)(conn->traffic->out_of_order_count + segments);
    conn->stack->out_of_order += (uint32_t)segments;
}

// Takes the first segment of the run that `link` points to.
static struct rte_mbuf *take(struct tcp_conn *conn, struct rte_mbuf **link)
{
    struct rte_mbuf *frame = *link;
    const struct tcp_segment *segment = tcp_segment(frame);
    if (segment->next != NULL) {
        struct tcp_segment *next = tcp_segment(segment->next);
        next->next_run = segment->next_run;
        next->run_end = segment->run_end;
        next->arrived = segment->arrived;
        *link = segment->next;
    } else {
        *link = segment->next_run;
        conn->out_of_order_runs--;
    }
    count_held(conn, -1);
    return frame;
}

static void free_run(struct tcp_conn *conn, struct rte_mbuf **link)
{
    for (uint8_t runs = conn->out_of_order_runs; conn->out_of_order_runs == runs;)
        rte_pktmbuf_free(take(conn, link));
}

// The place behind the last run that begins at or before the sequence number; that run, or NULL.
static struct rte_mbuf **find(struct tcp_conn *conn, uint32_t sequence, struct rte_mbuf **ret_run)
{
    struct rte_mbuf **link = &conn->traffic->out_of_order;
    *ret_run = NULL;
    while (*link != NULL && tcp_seq_at_or_before(begin_of_run(*link), sequence)) {
        *ret_run = *link;
        link = &tcp_segment(*link)->next_run;
    }
    return link;
}

// Cuts the segment, which belongs behind `before` and at `link`, to what is not held yet. False
// when nothing new remains.
static bool fit(struct tcp_conn *conn, struct tcp_segment *segment, struct rte_mbuf *before,
                struct rte_mbuf **link)
{
    if (before != NULL) {
        const struct tcp_segment *last = last_of_run(before);
        uint32_t end = end_of(last);
        if (last->fin || tcp_seq_before(end_of(segment), end) ||
            (end_of(segment) == end && segment->size != 0))
            return false;
        if (tcp_seq_before(segment->sequence, end))
            tcp_segment_cut(segment, end - segment->sequence);
    }
    // Runs that the segment covers make room for it; the first that reaches beyond cuts it.
    while (*link != NULL && tcp_seq_before(begin_of_run(*link), end_of(segment))) {
        const struct tcp_segment *last = last_of_run(*link);
        if (tcp_seq_before(end_of(segment), end_of(last)) || last->fin) {
            segment->size = (uint16_t)(begin_of_run(*link) - segment->sequence);
            segment->fin = false;
            break;
        }
        free_run(conn, link);
    }
    return segment->size != 0 || segment->fin;
}

// What one connection may make the stack hold: a window, of segments with the least MSS that is
// usual.
static uint32_t segments_max(const struct tcp_conn *conn)
{
    uint32_t window = conn->stack->options.receive_window / TCP_MSS_DEFAULT;
    return RTE_MIN(RTE_MAX(window, (uint32_t)SEGMENTS_MIN), (uint32_t)UINT16_MAX);
}

// When the queue is full the last run gives way to an earlier segment, which is worth more: it lets
// RCV.NXT advance sooner. But not when the run was reported: the peer would take what was given up
// for delivered until its timer expires (RFC 2018 8), and what is refused it sends again at once.
// False when the segment is the latest, or touches what would be given up.
static bool make_room(struct tcp_conn *conn, const struct tcp_segment *segment, bool lengthens,
                      struct rte_mbuf **link)
{
    bool joins = *link != NULL && begin_of_run(*link) == end_of(segment);
    if (conn->traffic->out_of_order_count < segments_max(conn) &&
        conn->stack->out_of_order < conn->stack->out_of_order_max &&
        (lengthens || joins || conn->out_of_order_runs < TCP_OUT_OF_ORDER_RUNS))
        return true;
    if (conn->sack || *link == NULL || joins)
        return false;
    while (tcp_segment(*link)->next_run != NULL)
        link = &tcp_segment(*link)->next_run;
    uint16_t before = conn->traffic->out_of_order_count;
    free_run(conn, link);
    conn->stack->counters[TCPSTACK_TCP_OUT_OF_ORDER_EVICTED] +=
        before - conn->traffic->out_of_order_count;
    return true;
}

// Links the segment at `link`: a run of its own, or with the run at `link` behind it.
static struct rte_mbuf *begin_run(struct tcp_conn *conn, struct rte_mbuf *frame,
                                  struct rte_mbuf **link)
{
    struct tcp_segment *segment = tcp_segment(frame);
    struct rte_mbuf *after = *link;
    bool joins = after != NULL && begin_of_run(after) == end_of(segment);
    segment->next = joins ? after : NULL;
    segment->next_run = joins ? tcp_segment(after)->next_run : after;
    segment->run_end = joins ? tcp_segment(after)->run_end : frame;
    conn->out_of_order_runs += !joins;
    *link = frame;
    return frame;
}

// Puts the run that follows `run` behind it; there is no hole between them.
static void append_run(struct tcp_conn *conn, struct rte_mbuf *run)
{
    struct tcp_segment *head = tcp_segment(run);
    struct tcp_segment *after = tcp_segment(head->next_run);
    last_of_run(run)->next = head->next_run;
    head->run_end = after->run_end;
    head->next_run = after->next_run;
    conn->out_of_order_runs--;
}

enum tcpstack_counter tcp_keep_out_of_order(struct tcp_conn *conn, struct tcpstack_packet *packet,
                                            bool fin)
{
    struct tcpstack *stack = conn->stack;
    struct rte_mbuf *frame = packet->frame;
    struct tcp_segment *segment = tcp_segment(frame);
    *segment = (struct tcp_segment){
        .sequence = packet->sequence,
        .offset = (uint16_t)(packet->payload - (const uint8_t *)frame->buf_addr),
        .size = packet->size,
        .fin = fin,
    };
    struct rte_mbuf *before, *run;
    tcp_traffic_begin(conn);
    struct rte_mbuf **link = find(conn, segment->sequence, &before);
    if (stack->memory.level != TCP_MEMORY_PLENTY)
        return TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_SHED;
    if (!fit(conn, segment, before, link))
        return TCPSTACK_RX_DROP_TCP_DUPLICATE;
    bool lengthens = before != NULL && end_of(last_of_run(before)) == segment->sequence;
    if (!make_room(conn, segment, lengthens, link))
        return TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL;
    tcpstack_trace_event(conn, TCPSTACK_TRACE_OUT_OF_ORDER, segment->sequence, segment->size);
    run = begin_run(conn, frame, link);
    count_held(conn, 1);
    if (lengthens)
        append_run(conn, run = before);
    tcp_segment(run)->arrived = ++stack->out_of_order_arrivals;
    packet->frame = NULL;
    tcpstack_count(stack, TCPSTACK_TCP_OUT_OF_ORDER);
    return TCPSTACK_RX_ACCEPTED;
}

bool tcp_drain_out_of_order(struct tcp_conn *conn)
{
    while (conn->traffic->out_of_order != NULL &&
           tcp_seq_at_or_before(begin_of_run(conn->traffic->out_of_order), conn->rcv_nxt)) {
        struct rte_mbuf *frame = take(conn, &conn->traffic->out_of_order);
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
    while (conn->traffic->out_of_order != NULL)
        rte_pktmbuf_free(take(conn, &conn->traffic->out_of_order));
}

// RFC 2018 4: first the block that holds the segment that came last, then those reported most
// recently. A FIN takes its number of the sequence space like a byte.
uint8_t tcp_sack_blocks(const struct tcp_conn *conn, struct tcp_sack_block blocks[TCP_SACK_MAX])
{
    uint64_t arrived[TCP_SACK_MAX];
    uint8_t count = 0;
    for (struct rte_mbuf *run = conn->traffic->out_of_order; run != NULL;
         run = tcp_segment(run)->next_run) {
        const struct tcp_segment *last = last_of_run(run);
        uint64_t time = tcp_segment(run)->arrived;
        unsigned at = count;
        if (count < TCP_SACK_MAX)
            count++;
        else if (arrived[--at] >= time)
            continue;
        for (; at > 0 && arrived[at - 1] < time; at--) {
            arrived[at] = arrived[at - 1];
            blocks[at] = blocks[at - 1];
        }
        arrived[at] = time;
        blocks[at] = (struct tcp_sack_block){begin_of_run(run), end_of(last) + last->fin};
    }
    return count;
}
