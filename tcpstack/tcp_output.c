// Sending: what goes out, when, and again (RFC 9293 3.8).
#include <string.h>

#include <rte_ethdev.h>

#include "tcpstack/tcp.h"

// RFC 9293 3.8.6.2.2: the announced edge moves when it moves by a segment or half the buffer, and
// not back. Rounding up to the scale's unit keeps it, but not beyond a unit more than there is room
// for: there it seems to move back by less than a unit (RFC 7323 2.4). rcv_edge remembers.
static uint16_t announce_window(struct tcp_conn *conn)
{
    uint32_t room = tcp_receive_room(conn), offer = tcp_window_to_offer(conn);
    uint32_t open = conn->rcv_edge - conn->rcv_nxt;
    uint32_t step = RTE_MIN((room + conn->traffic->rx_bytes) / 2, (uint32_t)conn->rcv_mss);
    if (offer > open && offer - open >= step)
        open = offer;
    uint32_t unit = UINT32_C(1) << conn->rcv_scale;
    uint32_t units = (RTE_MIN(open, room) + unit - 1) >> conn->rcv_scale;
    units = RTE_MIN(units, (uint32_t)UINT16_MAX);
    conn->rcv_edge = tcp_seq_max(conn->rcv_edge, conn->rcv_nxt + (units << conn->rcv_scale));
    return (uint16_t)units;
}

// RFC 7323 3.2: once agreed on, every segment carries timestamps. RFC 2018 4: every ACK reports
// what is held out of order.
uint8_t tcp_write_options(const struct tcp_conn *conn, uint32_t room, uint8_t to[TCP_OPTIONS_MAX])
{
    struct tcp_options options = {.has_timestamps = conn->timestamps};
    if (conn->sack && conn->out_of_order_runs != 0 && room >= TCP_SACK_OPTION_MIN) {
        uint32_t fits = (room - 4) / sizeof(struct tcp_sack_block);
        options.sack_count = (uint8_t)RTE_MIN((uint32_t)tcp_sack_blocks(conn, options.sack), fits);
    }
    if (conn->timestamps) {
        options.timestamp = tcp_timestamp(conn);
        options.timestamp_echo = conn->ts_recent;
    }
    return tcp_options_write(&options, to);
}

static uint8_t timestamps_size(const struct tcp_conn *conn)
{
    return conn->timestamps ? TCP_TIMESTAMPS_SIZE : 0;
}

// Every segment carries the ACK that is owed; `known` is it when all its bytes are in `frame`. One
// that is too long for a SACK block cannot tell of a hole: then an ACK of its own follows.
static void send_large(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t sequence,
                       uint8_t flags, uint16_t behind, const struct tcp_segment *known)
{
    uint8_t bytes[TCP_OPTIONS_MAX];
    bool whole = conn->out_of_order_runs == 0; // then there is nothing to report but the time
    uint32_t room = conn->snd_mss > frame->data_len ? (uint32_t)conn->snd_mss - frame->data_len : 0;
    bool mute = conn->sack && conn->out_of_order_runs != 0 && room < TCP_SACK_OPTION_MIN;
    struct tcp_header header = {
        .sequence = sequence,
        .acknowledgment = conn->rcv_nxt,
        .window = announce_window(conn),
        .flags = flags | RTE_TCP_ACK_FLAG,
        .options_size = whole ? timestamps_size(conn) : tcp_write_options(conn, room, bytes),
        .options = whole ? NULL : bytes,
        .timestamp = tcp_timestamp(conn),
        .timestamp_echo = conn->ts_recent,
        .summed = known != NULL && known->summed,
        .sum = known != NULL ? known->sum : 0,
        .behind = behind,
        .segment_size = behind != 0 ? frame->data_len : 0,
    };
    tcp_send_frame(conn->stack, frame, &conn->key, &conn->link, &header);
    conn->ack_sent = conn->rcv_nxt;
    conn->ack_now &= mute;
    conn->ack_later = false;
    tcp_timer_clear(conn, TCP_TIMER_ACK);
}

static void send_frame(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t sequence,
                       uint8_t flags)
{
    send_large(conn, frame, sequence, flags, 0, NULL);
}

// RFC 6298 5.1; a probe (RFC 8985 7.2) is put off by every new segment.
static void note_sent(struct tcp_conn *conn, uint32_t end)
{
    bool replaced = conn->send_timer == TCP_SEND_PERSIST || conn->send_timer == TCP_SEND_PROBE;
    conn->snd_max = tcp_seq_max(conn->snd_max, end);
    if (replaced || !tcp_timer_running(conn, TCP_TIMER_SEND))
        tcp_send_timer_start(conn);
}

// The frame to give away: the segment's own mbuf with a second reference, or a copy while the port
// still holds it from the last time (its headers must not change under the port's hands), or when
// an ACK has cut it at an odd place (headers and sums are on even addresses).
static struct rte_mbuf *frame_of(struct tcp_conn *conn, struct rte_mbuf *held)
{
    const struct tcp_segment *segment = tcp_segment(held);
    struct rte_mbuf *frame = held;
    if (rte_mbuf_refcnt_read(held) == 1 && segment->offset % 2 == 0) {
        if (segment->sent_again) { // maybe in a large frame the last time
            held->next = NULL;
            held->nb_segs = 1;
        }
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

// Notes that the segment goes out now. The flags it has, apart from ACK.
static uint8_t book_segment(struct tcp_conn *conn, struct rte_mbuf *held)
{
    struct tcp_segment *segment = tcp_segment(held);
    bool last = segment->next == NULL;
    bool fin = last && conn->finishing;
    if (tcp_seq_before(segment->sequence, conn->snd_max)) {
        segment->sent_again = true;
        tcpstack_count(conn->stack, TCPSTACK_TCP_RETRANSMITS);
        tcpstack_trace_event(conn, TCPSTACK_TRACE_RETRANSMIT, segment->sequence, segment->size);
    }
    if (held == conn->traffic->tx_unsent) {
        conn->traffic->tx_unsent = segment->next;
        if (conn->traffic->reserved != 0)
            tcp_drop_reservation(conn); // it may be in this segment
    }
    conn->fin_sent |= fin;
    conn->fin_lost &= !fin;
    tcp_flight_sent(conn, held);
    note_sent(conn, segment->sequence + segment->size + fin);
    return (uint8_t)((last ? RTE_TCP_PSH_FLAG : 0) | (fin ? RTE_TCP_FIN_FLAG : 0));
}

static void send_segment(struct tcp_conn *conn, struct rte_mbuf *held)
{
    uint8_t flags = book_segment(conn, held);
    struct rte_mbuf *frame = frame_of(conn, held);
    const struct tcp_segment *segment = tcp_segment(held);
    if (frame != NULL) // else counted; the retransmission timer runs
        send_large(conn, frame, segment->sequence, flags, 0, segment);
}

// `count` new segments, all full but the last, in one frame that the port cuts into just these
// (TSO): each gets the same header, the last one the flags. A segment that was never sent has one
// reference and begins at an even address, so frame_of gives the mbuf itself and cannot fail.
static void send_run(struct tcp_conn *conn, struct rte_mbuf *first, unsigned count)
{
    struct rte_mbuf *last = NULL, *held = first;
    uint16_t bytes = 0;
    uint8_t flags = 0;
    for (unsigned i = 0; i < count; i++, held = tcp_segment(held)->next) {
        flags = book_segment(conn, held);
        struct rte_mbuf *frame = frame_of(conn, held);
        bytes = (uint16_t)(bytes + frame->data_len);
        if (last != NULL)
            last->next = frame;
        last = frame;
    }
    first->nb_segs = (uint16_t)count;
    tcpstack_count(conn->stack, TCPSTACK_TCP_LARGE_SENT);
    send_large(conn, first, tcp_segment(first)->sequence, flags,
               (uint16_t)(bytes - first->data_len), NULL);
}

// RFC 6675 4, NextSeg: what was lost, then what is new.
static struct rte_mbuf *next_to_send(const struct tcp_conn *conn)
{
    return conn->traffic->lost.first != NULL ? conn->traffic->lost.first : conn->traffic->tx_unsent;
}

// What the peer's window takes of the bytes from `sequence` on.
static uint32_t peer_window_left(const struct tcp_conn *conn, uint32_t sequence)
{
    uint32_t before = sequence - conn->snd_una;
    return conn->snd_wnd > before ? conn->snd_wnd - before : 0;
}

static uint32_t usable_window(const struct tcp_conn *conn, uint32_t sequence)
{
    uint32_t window = tcp_cc_window(conn);
    uint32_t left = window > conn->traffic->pipe ? window - conn->traffic->pipe : 0;
    return RTE_MIN(left, peer_window_left(conn, sequence));
}

// RFC 9293 3.8.6.2.1, condition (3): nothing is in flight and the window, too small for the
// segment, is at least half of the largest seen. Then a part goes; otherwise the persist timer
// overrides.
static bool cut_to_window(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    uint32_t window = usable_window(conn, tcp_segment(frame)->sequence);
    if (conn->traffic->pipe != 0 || window == 0 || window < conn->snd_wnd_max / 2)
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

enum { DRIBBLE_FLIGHT = 64 };

// The first byte of what was never sent. False: the flight is full, and an ACK brings us back.
static bool cut_to_byte(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    if (frame != conn->traffic->tx_unsent)
        return true; // sent again as it was
    if (conn->traffic->pipe >= DRIBBLE_FLIGHT)
        return false;
    if (tcp_segment(frame)->size > 1)
        tcp_split(conn, frame, 1);
    return true;
}

static void start_persist(struct tcp_conn *conn)
{
    if (conn->send_timer == TCP_SEND_PERSIST || conn->traffic->pipe != 0)
        return;
    conn->probes = conn->unanswered = 0;
    tcp_send_timer_set(conn, TCP_SEND_PERSIST, conn->stack->now + conn->rto);
}

// RFC 5681 4.1: after silence the window says nothing about the path any more.
static void restart_after_idle(struct tcp_conn *conn)
{
    uint32_t ticks = tcp_tick(conn) - conn->sent_at;
    if (conn->snd_una == conn->snd_max && ticks > conn->rto >> WHEEL_TICK_SHIFT)
        tcp_cc_idle(conn);
}

// How many segments from this one on may leave in one frame. What is sent again is sent one by one,
// and so is what a window probe was part of.
static unsigned run_length(const struct tcp_conn *conn, const struct rte_mbuf *first)
{
    uint64_t offloads = conn->stack->options.ports[conn->link.port].tx_offloads;
    const struct tcp_segment *segment = tcp_segment((struct rte_mbuf *)(uintptr_t)first);
    if (likely(segment->next == NULL) || !(offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) ||
        first != conn->traffic->tx_unsent || tcp_seq_before(segment->sequence, conn->snd_max))
        return 1;
    uint32_t window = usable_window(conn, segment->sequence), bytes = segment->size;
    unsigned count = 1;
    while (segment->size == conn->snd_mss && segment->next != NULL &&
           count < TCPSTACK_LARGE_SEGMENTS) {
        segment = tcp_segment(segment->next);
        bytes += segment->size;
        if (segment->size > conn->snd_mss || bytes > window)
            break;
        count++;
    }
    return count;
}

static void send_data(struct tcp_conn *conn)
{
    struct rte_mbuf *frame = next_to_send(conn);
    if (frame != NULL)
        restart_after_idle(conn);
    for (; frame != NULL && !tcpstack_output_full(conn->stack); frame = next_to_send(conn)) {
        if (!cut_to_path(conn, frame))
            return;
        if (unlikely(conn->dribbling) && !cut_to_byte(conn, frame))
            return;
        const struct tcp_segment *segment = tcp_segment(frame);
        if (segment->size > usable_window(conn, segment->sequence) && !cut_to_window(conn, frame)) {
            start_persist(conn);
            return;
        }
        unsigned count = run_length(conn, frame);
        if (count > 1)
            send_run(conn, frame, count);
        else
            send_segment(conn, frame);
    }
    conn->dribbling &= conn->traffic->tx_unsent != NULL;
}

void tcp_dribble(struct tcp_conn *conn)
{
    conn->dribbling = conn->traffic->tx_unsent != NULL;
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
    conn->fin_lost = false;
    note_sent(conn, conn->snd_end + 1);
    send_control(conn, conn->snd_end, RTE_TCP_FIN_FLAG);
}

static bool fin_is_next(const struct tcp_conn *conn)
{
    bool acknowledged = tcp_seq_before(conn->snd_end, conn->snd_una);
    return conn->finishing && next_to_send(conn) == NULL && !acknowledged &&
           (!conn->fin_sent || conn->fin_lost);
}

bool tcp_has_unsent(const struct tcp_conn *conn)
{
    return next_to_send(conn) != NULL || fin_is_next(conn);
}

void tcp_output_later(struct tcp_conn *conn)
{
    if (conn->on_output || conn->state == TCP_STATE_CLOSED)
        return;
    conn->on_output = true;
    tcp_traffic_begin(conn);
    TAILQ_INSERT_TAIL(&conn->stack->output, conn->traffic, output_link);
}

// One segment, all that was written, nothing in flight and nothing else to do or to tell: as
// replies leave. Everything else takes the long way, which does the same with these.
static bool is_lone_reply(const struct tcp_conn *conn)
{
    const struct tcp_traffic *traffic = conn->traffic;
    if (conn->state != TCP_STATE_ESTABLISHED || traffic->tx_frames != 1 || traffic->reserved != 0 ||
        traffic->tx_unsent == NULL || conn->finishing || conn->dribbling ||
        conn->out_of_order_runs != 0 || conn->snd_una != conn->snd_max)
        return false;
    uint16_t size = tcp_segment(traffic->tx_unsent)->size;
    return size <= conn->snd_mss && size <= conn->snd_wnd;
}

void tcp_output(struct tcp_conn *conn)
{
    if (likely(is_lone_reply(conn))) {
        restart_after_idle(conn);
        if (tcp_segment(conn->traffic->tx_unsent)->size <= conn->cc.window) {
            send_segment(conn, conn->traffic->tx_unsent);
            return;
        }
    }
    if (conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_SYN_RECEIVED)
        return; // what the caller has written waits for the handshake
    if (tcp_has_unsent(conn) && conn->traffic->reserved != 0)
        tcp_drop_reservation(conn);
    send_data(conn);
    if (fin_is_next(conn))
        send_fin(conn);
    if (conn->ack_now)
        tcp_send_ack(conn);
    else if (conn->ack_later && !tcp_timer_running(conn, TCP_TIMER_ACK))
        tcp_timer_set(conn, TCP_TIMER_ACK, conn->stack->now + TCP_ACK_DELAY);
    if (next_to_send(conn) != NULL && tcpstack_output_full(conn->stack))
        tcp_output_later(conn);
}

// The byte of a window probe is most likely not taken: numbers behind it would be beyond the peer's
// window.
void tcp_send_ack(struct tcp_conn *conn)
{
    bool persists = conn->send_timer == TCP_SEND_PERSIST;
    send_control(conn, persists ? conn->snd_una : conn->snd_max, 0);
}

void tcp_send_challenge_ack(struct tcp_conn *conn)
{
    if (tcp_tick(conn) - conn->challenged_at < TCP_CHALLENGE_GAP >> WHEEL_TICK_SHIFT) {
        tcpstack_count(conn->stack, TCPSTACK_TCP_CHALLENGES_LIMITED);
        return;
    }
    conn->challenged_at = tcp_tick(conn);
    tcpstack_count(conn->stack, TCPSTACK_TCP_CHALLENGE_ACKS);
    tcpstack_trace_event(conn, TCPSTACK_TRACE_CHALLENGE, conn->snd_max, 0);
    tcp_send_ack(conn);
}

void tcp_send_keepalive(struct tcp_conn *conn)
{
    send_control(conn, conn->snd_max - 1, 0);
}

static void send_again(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    if (cut_to_path(conn, frame))
        send_segment(conn, frame);
}

void tcp_retransmit_first(struct tcp_conn *conn)
{
    struct rte_mbuf *frame =
        conn->traffic->lost.first != NULL ? conn->traffic->lost.first : conn->traffic->tx_head;
    if (frame != NULL && frame != conn->traffic->tx_unsent)
        send_again(conn, frame);
    else if (conn->fin_sent)
        send_fin(conn);
}

void tcp_retransmit_last(struct tcp_conn *conn)
{
    if (conn->traffic->flight.last != NULL)
        send_again(conn, conn->traffic->flight.last);
    else if (conn->fin_sent)
        send_fin(conn);
}

bool tcp_send_beyond_window(struct tcp_conn *conn)
{
    struct rte_mbuf *frame = conn->traffic->tx_unsent;
    if (frame == NULL || !cut_to_path(conn, frame) ||
        tcp_segment(frame)->size > peer_window_left(conn, tcp_segment(frame)->sequence))
        return false;
    send_segment(conn, frame);
    return true;
}

// RFC 9293 3.8.6.1: one byte into a closed window; into one that is only too small for a segment,
// what fits (the override of 3.8.6.2.1).
void tcp_send_window_probe(struct tcp_conn *conn)
{
    struct rte_mbuf *next = next_to_send(conn);
    if (next == NULL)
        return;
    uint32_t window = peer_window_left(conn, tcp_segment(next)->sequence);
    tcpstack_count(conn->stack, TCPSTACK_TCP_WINDOW_PROBES);
    tcpstack_trace_event(conn, TCPSTACK_TRACE_PROBE, conn->snd_una, window);
    if (window > 0) {
        if (window < tcp_segment(next)->size && !tcp_split(conn, next, (uint16_t)window))
            return;
        send_segment(conn, next);
        return;
    }
    struct rte_mbuf *frame = tcpstack_alloc(conn->stack);
    if (frame == NULL)
        return;
    *rte_pktmbuf_mtod(frame, uint8_t *) = *tcp_segment_bytes(conn->traffic->tx_head);
    frame->data_len = 1;
    conn->snd_max = tcp_seq_max(conn->snd_max, conn->snd_una + 1);
    send_frame(conn, frame, conn->snd_una, 0);
}
