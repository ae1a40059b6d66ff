// Sending: what goes out, when, and again (RFC 9293 3.8).
#include <string.h>

#include "tcpstack/tcp.h"

// RFC 9293 3.8.6.2.2: the announced edge moves when it moves by a segment or half the buffer, and
// not back. Rounding up to the scale's unit keeps it, but not beyond a unit more than there is room
// for: there it seems to move back by less than a unit (RFC 7323 2.4). rcv_edge remembers.
static uint16_t announce_window(struct tcp_conn *conn)
{
    uint32_t room = tcp_receive_room(conn);
    uint32_t open = conn->rcv_edge - conn->rcv_nxt;
    uint32_t step = RTE_MIN((room + conn->rx_bytes) / 2, (uint32_t)conn->rcv_mss);
    if (room > open && room - open >= step)
        open = room;
    uint32_t unit = UINT32_C(1) << conn->rcv_scale;
    uint32_t units = (RTE_MIN(open, room) + unit - 1) >> conn->rcv_scale;
    units = RTE_MIN(units, (uint32_t)UINT16_MAX);
    conn->rcv_edge = tcp_seq_max(conn->rcv_edge, conn->rcv_nxt + (units << conn->rcv_scale));
    return (uint16_t)units;
}

// RFC 7323 3.2: once agreed on, every segment carries timestamps.
uint8_t tcp_write_options(const struct tcp_conn *conn, uint8_t to[TCP_OPTIONS_MAX])
{
    if (!conn->timestamps)
        return 0;
    struct tcp_options options = {
        .has_timestamps = true,
        .timestamp = tcp_timestamp(conn),
        .timestamp_echo = conn->ts_recent,
    };
    return tcp_options_write(&options, to);
}

// Every segment carries the ACK that is owed.
static void send_frame(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t sequence,
                       uint8_t flags)
{
    uint8_t bytes[TCP_OPTIONS_MAX];
    struct tcp_header header = {
        .sequence = sequence,
        .acknowledgment = conn->rcv_nxt,
        .window = announce_window(conn),
        .flags = flags | RTE_TCP_ACK_FLAG,
        .options_size = tcp_write_options(conn, bytes),
        .options = bytes,
    };
    tcp_send_frame(conn->stack, frame, &conn->key, &conn->link, &header);
    conn->ack_sent = conn->rcv_nxt;
    conn->ack_now = conn->ack_later = false;
    tcp_timer_clear(conn, TCP_TIMER_ACK);
}

static void note_sent(struct tcp_conn *conn, uint32_t end)
{
    conn->snd_nxt = tcp_seq_max(conn->snd_nxt, end);
    conn->snd_max = tcp_seq_max(conn->snd_max, end);
    // RFC 6298 5.1.
    if (conn->probing || !tcp_timer_running(conn, TCP_TIMER_SEND))
        tcp_timer_set(conn, TCP_TIMER_SEND, conn->stack->now + conn->rto);
    conn->probing = false;
}

// The frame to give away: the segment's own mbuf with a second reference, or a copy while the port
// still holds it from the last time (its headers must not change under the port's hands), or when
// an ACK has cut it at an odd place (headers and sums are on even addresses).
static struct rte_mbuf *frame_of(struct tcp_conn *conn, struct rte_mbuf *held)
{
    const struct tcp_segment *segment = tcp_segment(held);
    struct rte_mbuf *frame = held;
    if (rte_mbuf_refcnt_read(held) == 1 && segment->offset % 2 == 0) {
        rte_mbuf_refcnt_update(held, 1);
        held->data_off = segment->offset;
    } else {
        frame = tcpstack_alloc(conn->stack);
        if (frame == NULL)
            return NULL;
        memcpy(rte_pktmbuf_mtod(frame, uint8_t *), tcp_segment_bytes(held), segment->size);
    }
    frame->data_len = segment->size;
    return frame;
}

static void send_segment(struct tcp_conn *conn, struct rte_mbuf *held)
{
    struct tcp_segment *segment = tcp_segment(held);
    bool last = segment->next == NULL;
    bool fin = last && conn->finishing;
    if (tcp_seq_before(segment->sequence, conn->snd_max)) {
        segment->sent_again = true;
        tcpstack_count(conn->stack, TCPSTACK_TCP_RETRANSMITS);
    } else {
        segment->sent_at = conn->stack->now;
    }
    conn->fin_sent |= fin;
    note_sent(conn, segment->sequence + segment->size + fin);
    struct rte_mbuf *frame = frame_of(conn, held);
    if (frame == NULL)
        return; // counted; the retransmission timer runs
    send_frame(conn, frame, segment->sequence,
               (uint8_t)((last ? RTE_TCP_PSH_FLAG : 0) | (fin ? RTE_TCP_FIN_FLAG : 0)));
}

// What the peer's window still takes beyond SND.NXT.
static uint32_t peer_window_left(const struct tcp_conn *conn)
{
    uint32_t flight = conn->snd_nxt - conn->snd_una;
    return conn->snd_wnd > flight ? conn->snd_wnd - flight : 0;
}

static uint32_t usable_window(const struct tcp_conn *conn)
{
    uint32_t flight = conn->snd_nxt - conn->snd_una;
    uint32_t window = RTE_MIN(conn->snd_wnd, conn->cc.window);
    return window > flight ? window - flight : 0;
}

// RFC 9293 3.8.6.2.1, condition (3): nothing is in flight and the window, too small for the
// segment, is at least half of the largest seen. Then a part goes; otherwise the persist timer
// overrides.
static bool cut_to_window(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    uint32_t window = usable_window(conn);
    if (conn->snd_nxt != conn->snd_una || window == 0 || window < conn->snd_wnd_max / 2)
        return false;
    return tcp_split(conn, frame, (uint16_t)window);
}

// The path may have become narrower since the segment was filled. False when there is no mbuf for
// the rest; the retransmission timer runs, because what showed it was in flight.
static bool cut_to_path(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    return likely(tcp_segment(frame)->size <= conn->snd_mss) ||
           tcp_split(conn, frame, conn->snd_mss);
}

static void start_persist(struct tcp_conn *conn)
{
    if (conn->probing || conn->snd_nxt != conn->snd_una)
        return;
    conn->probing = true;
    conn->probes = conn->unanswered = 0;
    tcp_timer_set(conn, TCP_TIMER_SEND, conn->stack->now + conn->rto);
}

static void send_data(struct tcp_conn *conn)
{
    while (conn->tx_unsent != NULL && !tcpstack_output_full(conn->stack)) {
        struct rte_mbuf *frame = conn->tx_unsent;
        if (!cut_to_path(conn, frame))
            return;
        if (tcp_segment(frame)->size > usable_window(conn) && !cut_to_window(conn, frame)) {
            start_persist(conn);
            return;
        }
        conn->tx_unsent = tcp_segment(frame)->next;
        send_segment(conn, frame);
    }
}

static void send_control(struct tcp_conn *conn, uint32_t sequence, uint8_t flags)
{
    struct rte_mbuf *frame = tcpstack_alloc(conn->stack);
    if (frame != NULL)
        send_frame(conn, frame, sequence, flags);
}

// A FIN of its own: the last segment was sent before the caller closed, or there was none.
static void send_fin(struct tcp_conn *conn)
{
    if (conn->fin_sent)
        tcpstack_count(conn->stack, TCPSTACK_TCP_RETRANSMITS);
    conn->fin_sent = true;
    note_sent(conn, conn->snd_end + 1);
    send_control(conn, conn->snd_end, RTE_TCP_FIN_FLAG);
}

static bool fin_is_next(const struct tcp_conn *conn)
{
    return conn->finishing && conn->tx_unsent == NULL && conn->snd_nxt == conn->snd_end;
}

bool tcp_has_unsent(const struct tcp_conn *conn)
{
    return conn->tx_unsent != NULL || fin_is_next(conn);
}

void tcp_output_later(struct tcp_conn *conn)
{
    if (conn->on_output || conn->state == TCP_STATE_CLOSED)
        return;
    conn->on_output = true;
    TAILQ_INSERT_TAIL(&conn->stack->output, conn, output_link);
}

void tcp_output(struct tcp_conn *conn)
{
    if (conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_SYN_RECEIVED)
        return; // what the caller has written waits for the handshake
    if (tcp_has_unsent(conn) && conn->reserved != 0)
        tcp_drop_reservation(conn);
    send_data(conn);
    if (fin_is_next(conn))
        send_fin(conn);
    if (conn->ack_now)
        tcp_send_ack(conn);
    else if (conn->ack_later && !tcp_timer_running(conn, TCP_TIMER_ACK))
        tcp_timer_set(conn, TCP_TIMER_ACK, conn->stack->now + TCP_ACK_DELAY);
    if (conn->tx_unsent != NULL && tcpstack_output_full(conn->stack))
        tcp_output_later(conn);
}

// SND.MAX, not SND.NXT: while a time-out is being repaired the latter is old news to the peer, who
// would drop the segment. The byte of a window probe, though, is most likely not taken.
void tcp_send_ack(struct tcp_conn *conn)
{
    send_control(conn, conn->probing ? conn->snd_nxt : conn->snd_max, 0);
}

void tcp_send_challenge_ack(struct tcp_conn *conn)
{
    if (conn->stack->now < conn->challenge_after) {
        tcpstack_count(conn->stack, TCPSTACK_TCP_CHALLENGES_LIMITED);
        return;
    }
    conn->challenge_after = conn->stack->now + TCP_CHALLENGE_GAP;
    tcpstack_count(conn->stack, TCPSTACK_TCP_CHALLENGE_ACKS);
    tcp_send_ack(conn);
}

void tcp_retransmit_first(struct tcp_conn *conn)
{
    if (conn->snd_nxt == conn->snd_una)
        tcp_output_later(conn); // a time-out has rewound already
    else if (conn->tx_head != NULL) {
        if (cut_to_path(conn, conn->tx_head))
            send_segment(conn, conn->tx_head);
    } else
        send_fin(conn);
}

// RFC 9293 3.8.6.1: one byte into a closed window; into one that is only too small for a segment,
// what fits (the override of 3.8.6.2.1).
void tcp_send_probe(struct tcp_conn *conn)
{
    struct rte_mbuf *first = conn->tx_unsent;
    uint32_t window = peer_window_left(conn);
    if (first == NULL)
        return;
    tcpstack_count(conn->stack, TCPSTACK_TCP_WINDOW_PROBES);
    if (window > 0) {
        if (window < tcp_segment(first)->size && !tcp_split(conn, first, (uint16_t)window))
            return;
        conn->tx_unsent = tcp_segment(first)->next;
        send_segment(conn, first);
        return;
    }
    struct rte_mbuf *frame = tcpstack_alloc(conn->stack);
    if (frame == NULL)
        return;
    *rte_pktmbuf_mtod(frame, uint8_t *) = *tcp_segment_bytes(first);
    frame->data_len = 1;
    conn->snd_max = tcp_seq_max(conn->snd_max, conn->snd_una + 1);
    send_frame(conn, frame, conn->snd_una, 0);
}
