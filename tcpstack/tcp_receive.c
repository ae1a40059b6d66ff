// The receive queue: in-order bytes, in the mbufs they came in, until the caller consumes them.
#include <assert.h>
#include <string.h>

#include "tcpstack/tcp.h"

enum {
    // A segment up to this size is copied behind the one before when it fits there: a peer that
    // sends one byte per segment must not hold an mbuf per byte.
    COALESCE_MAX = 512,
};

uint32_t tcp_receive_room(const struct tcp_conn *conn)
{
    uint32_t window =
        RTE_MIN(conn->stack->options.receive_window, (uint32_t)UINT16_MAX << conn->rcv_scale);
    return window > conn->traffic->rx_bytes ? window - conn->traffic->rx_bytes : 0;
}

uint32_t tcp_window_to_offer(const struct tcp_conn *conn)
{
    uint32_t room = tcp_receive_room(conn);
    if (likely(conn->stack->memory.level == TCP_MEMORY_PLENTY))
        return room;
    uint32_t limit = 2u * conn->rcv_mss;
    return RTE_MIN(room, limit > conn->traffic->rx_bytes ? limit - conn->traffic->rx_bytes : 0);
}

void tcp_owe_ack(struct tcp_conn *conn, bool now)
{
    conn->ack_later = true;
    conn->ack_now |= now;
    tcp_output_later(conn);
}

static bool copy_behind(struct tcp_conn *conn, const uint8_t *bytes, uint16_t size)
{
    struct rte_mbuf *tail = conn->traffic->rx_tail;
    if (tail == NULL || size > COALESCE_MAX)
        return false;
    struct tcp_segment *segment = tcp_segment(tail);
    if ((uint32_t)segment->offset + segment->size + size > tail->buf_len)
        return false;
    memcpy(tcp_segment_bytes(tail) + segment->size, bytes, size);
    segment->size = (uint16_t)(segment->size + size);
    tcpstack_count(conn->stack, TCPSTACK_TCP_COALESCED);
    return true;
}

static void link_behind(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    tcp_traffic_begin(conn);
    tcp_segment(frame)->next = NULL;
    if (conn->traffic->rx_tail != NULL)
        tcp_segment(conn->traffic->rx_tail)->next = frame;
    else
        conn->traffic->rx_head = frame;
    conn->traffic->rx_tail = frame;
}

// RFC 9293 3.8.6.3: an ACK at once for every second full-sized segment. What the peer takes for
// full-sized is learned from what it sends.
static void count_received(struct tcp_conn *conn, uint16_t size)
{
    conn->rcv_nxt += size;
    conn->rcv_segment = RTE_MIN(RTE_MAX(conn->rcv_segment, size), conn->rcv_mss);
    uint32_t full = RTE_MAX(conn->rcv_segment, (uint16_t)TCP_MSS_DEFAULT);
    tcp_owe_ack(conn, conn->rcv_nxt - conn->ack_sent >= 2 * full || conn->quick_acks > 0);
    conn->quick_acks = (uint8_t)(conn->quick_acks - (conn->quick_acks > 0));
    if (conn->finishing)
        return;
    conn->traffic->rx_bytes += size;
    tcp_raise(conn, TCP_EVENT_READABLE);
}

void tcp_append(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    uint16_t size = tcp_segment(frame)->size;
    if (size == 0 || conn->finishing || copy_behind(conn, tcp_segment_bytes(frame), size))
        rte_pktmbuf_free(frame);
    else
        link_behind(conn, frame);
    if (size != 0)
        count_received(conn, size);
}

enum tcpstack_counter tcp_deliver(struct tcp_conn *conn, struct tcpstack_packet *packet)
{
    if (!conn->finishing && !copy_behind(conn, packet->payload, packet->size)) {
        if (unlikely(conn->stack->memory.level == TCP_MEMORY_CRITICAL) &&
            conn->traffic->rx_head != NULL)
            return TCPSTACK_RX_DROP_TCP_DATA_SHED;
        struct rte_mbuf *frame = packet->frame;
        *tcp_segment(frame) = (struct tcp_segment){
            .sequence = packet->sequence,
            .offset = (uint16_t)(packet->payload - (const uint8_t *)frame->buf_addr),
            .size = packet->size,
        };
        link_behind(conn, frame);
        packet->frame = NULL;
    }
    count_received(conn, packet->size);
    return TCPSTACK_RX_ACCEPTED;
}

void tcp_free_readable(struct tcp_conn *conn)
{
    while (conn->traffic->rx_head != NULL) {
        struct rte_mbuf *frame = conn->traffic->rx_head;
        conn->traffic->rx_head = tcp_segment(frame)->next;
        rte_pktmbuf_free(frame);
    }
    conn->traffic->rx_tail = NULL;
    conn->traffic->rx_bytes = 0;
}

uint32_t tcp_readable(const struct tcp_conn *conn)
{
    return conn->traffic->rx_bytes;
}

struct tcp_span tcp_peek(const struct tcp_conn *conn, uint32_t offset)
{
    struct rte_mbuf *frame = conn->traffic->rx_head;
    while (frame != NULL && offset >= tcp_segment(frame)->size) {
        offset -= tcp_segment(frame)->size;
        frame = tcp_segment(frame)->next;
    }
    if (frame == NULL)
        return (struct tcp_span){0};
    return (struct tcp_span){tcp_segment_bytes(frame) + offset, tcp_segment(frame)->size - offset};
}

void tcp_copy(const struct tcp_conn *conn, uint32_t offset, void *to, uint32_t size)
{
    assert(offset <= conn->traffic->rx_bytes && size <= conn->traffic->rx_bytes - offset);
    uint8_t *at = to;
    while (size > 0) {
        struct tcp_span span = tcp_peek(conn, offset);
        uint32_t part = RTE_MIN(span.size, size);
        memcpy(at, span.data, part);
        at += part;
        offset += part;
        size -= part;
    }
}

// RFC 9293 3.8.6.2.2: tell the peer about a window that has opened, but not of every crumb.
static void offer_opened_window(struct tcp_conn *conn)
{
    if (conn->fin_received || conn->finishing)
        return;
    uint32_t announced = conn->rcv_edge - conn->rcv_nxt;
    if (likely(announced > conn->stack->options.receive_window / 2 && announced >= conn->rcv_mss))
        return; // what there is to gain is less than half
    uint32_t room = tcp_window_to_offer(conn);
    if (room <= announced)
        return;
    uint32_t growth = room - announced;
    if (growth >= (room + conn->traffic->rx_bytes) / 2 ||
        (announced < conn->rcv_mss && growth >= conn->rcv_mss))
        tcp_owe_ack(conn, true);
}

void tcp_consume(struct tcp_conn *conn, uint32_t size)
{
    assert(size <= conn->traffic->rx_bytes);
    conn->traffic->rx_bytes -= size;
    conn->stuck = false;
    while (size > 0) {
        struct rte_mbuf *frame = conn->traffic->rx_head;
        struct tcp_segment *segment = tcp_segment(frame);
        if (size < segment->size) {
            segment->offset = (uint16_t)(segment->offset + size);
            segment->size = (uint16_t)(segment->size - size);
            break;
        }
        size -= segment->size;
        conn->traffic->rx_head = segment->next;
        if (conn->traffic->rx_head == NULL)
            conn->traffic->rx_tail = NULL;
        rte_pktmbuf_free(frame);
    }
    offer_opened_window(conn);
    tcp_traffic_end(conn);
}
