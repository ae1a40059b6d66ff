// The transmit queue: written bytes, in the mbufs that carry them, until they are acknowledged.
// One mbuf is one segment. Bytes go behind the last one while it was never sent and has room, so
// many small replies of one iteration leave as one segment.
//
// A large frame (tcp_output.c) chains the mbufs of several segments by their own `next`, under a
// second reference each, and that link stays when the port has given its references back. So an
// mbuf of this queue is always freed by itself, and unlinked before it is sent again: with one
// reference left it is no port's any more, and the last reference to go clears the link.
#include <assert.h>
#include <string.h>

#include "base/sum.h"
#include "tcpstack/tcp.h"

// Small segments must not tie up mbufs without bound either: at most this many per full segment
// of the limit in bytes.
enum {
    FRAMES_PER_SEGMENT = 4,
    CRITICAL_FRAMES = 4, // of one tcp_write when memory is critical
};

static uint32_t frame_limit(const struct tcp_conn *conn)
{
    uint32_t segments = conn->stack->options.transmit_limit / conn->snd_mss + 1;
    return RTE_MIN(segments * FRAMES_PER_SEGMENT, (uint32_t)UINT16_MAX);
}

static bool may_write(const struct tcp_conn *conn)
{
    return conn->state != TCP_STATE_CLOSED && !conn->finishing;
}

uint32_t tcp_segment_room(const struct tcp_conn *conn)
{
    return conn->snd_mss;
}

uint32_t tcp_writable(const struct tcp_conn *conn)
{
    uint16_t frames = conn->traffic->tx_frames;
    if (!may_write(conn) || (frames >= FRAMES_PER_SEGMENT && frames >= frame_limit(conn)))
        return 0;
    uint32_t held = conn->snd_end - conn->snd_una; // no FIN among them: nobody writes after it
    uint32_t limit = conn->stack->options.transmit_limit;
    return held < limit ? limit - held : 0;
}

bool tcp_ensure(struct tcp_conn *conn, uint32_t size)
{
    if (size <= tcp_writable(conn))
        return true;
    conn->want_room = may_write(conn);
    return false;
}

// Room in the last segment, if it was never sent, not even a byte of it as a window probe.
static uint32_t tail_room(const struct tcp_conn *conn)
{
    if (conn->traffic->tx_unsent == NULL)
        return 0;
    const struct tcp_segment *segment = tcp_segment(conn->traffic->tx_tail);
    bool sent = tcp_seq_before(segment->sequence, conn->snd_max);
    if (sent || segment->size >= conn->snd_mss)
        return 0;
    uint32_t behind = conn->traffic->tx_tail->buf_len - segment->offset - segment->size;
    return RTE_MIN((uint32_t)(conn->snd_mss - segment->size), behind);
}

// When memory is critical, a connection that waits for acknowledgements gets nothing more to wait
// for, and nobody gets many buffers at once. One turn of the caller may write for many connections,
// so memory is looked at again.
static bool held_back(const struct tcp_conn *conn, uint32_t count)
{
    tcp_memory_look(conn->stack);
    if (likely(conn->stack->memory.level != TCP_MEMORY_CRITICAL) ||
        (conn->traffic->tx_head == NULL && count <= CRITICAL_FRAMES))
        return false;
    tcpstack_count(conn->stack, TCPSTACK_TCP_WRITES_HELD_BACK);
    return true;
}

static struct rte_mbuf *new_segment(struct tcp_conn *conn)
{
    struct rte_mbuf *frame = tcpstack_alloc(conn->stack);
    if (frame != NULL)
        *tcp_segment(frame) = (struct tcp_segment){.offset = frame->data_off};
    return frame;
}

static void link_behind(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    tcp_segment(frame)->sequence = conn->snd_end;
    if (conn->traffic->tx_tail != NULL)
        tcp_segment(conn->traffic->tx_tail)->next = frame;
    else
        conn->traffic->tx_head = frame;
    conn->traffic->tx_tail = frame;
    if (conn->traffic->tx_unsent == NULL)
        conn->traffic->tx_unsent = frame;
    conn->traffic->tx_frames++;
}

// The pool is empty, and no ACK need be on its way: TCP_EVENT_WRITABLE comes by time.
static void wait_for_mbufs(struct tcp_conn *conn)
{
    tcp_timer_set(conn, TCP_TIMER_MEMORY, conn->stack->now + TCP_MEMORY_RETRY);
}

void tcp_drop_reservation(struct tcp_conn *conn)
{
    rte_pktmbuf_free(conn->traffic->tx_reserved);
    conn->traffic->tx_reserved = NULL;
    conn->traffic->reserved = 0;
}

uint8_t *tcp_reserve(struct tcp_conn *conn, uint32_t size)
{
    conn->traffic->reserved = 0;
    if (size > conn->snd_mss || !may_write(conn))
        return NULL;
    if (size > tcp_writable(conn)) {
        conn->want_room = true;
        return NULL;
    }
    tcp_traffic_begin(conn);
    if (conn->traffic->tx_unsent != NULL && tail_room(conn) >= size) {
        tcp_drop_reservation(conn);
        conn->traffic->reserved = size;
        return tcp_segment_bytes(conn->traffic->tx_tail) +
               tcp_segment(conn->traffic->tx_tail)->size;
    }
    if (conn->traffic->tx_reserved == NULL && !held_back(conn, 1))
        conn->traffic->tx_reserved = new_segment(conn);
    if (conn->traffic->tx_reserved == NULL) {
        wait_for_mbufs(conn);
        return NULL;
    }
    conn->traffic->reserved = size;
    return tcp_segment_bytes(conn->traffic->tx_reserved);
}

// Adds the room that was reserved to the transmit queue, in the segment that has it.
static struct tcp_segment *commit(struct tcp_conn *conn, uint32_t size)
{
    assert(size <= conn->traffic->reserved);
    conn->traffic->reserved = 0;
    if (conn->traffic->tx_reserved != NULL) {
        link_behind(conn, conn->traffic->tx_reserved);
        conn->traffic->tx_reserved = NULL;
    }
    struct tcp_segment *segment = tcp_segment(conn->traffic->tx_tail);
    segment->size = (uint16_t)(segment->size + size);
    conn->snd_end += size;
    tcp_output_later(conn);
    return segment;
}

void tcp_commit(struct tcp_conn *conn, uint32_t size)
{
    if (size == 0)
        conn->traffic->reserved = 0;
    else
        commit(conn, size)->summed = false;
}

void tcp_commit_summed(struct tcp_conn *conn, uint32_t size, uint16_t sum)
{
    struct tcp_segment *segment = commit(conn, size);
    uint32_t before = segment->size - size;
    segment->summed |= before == 0;
    segment->sum = before == 0 ? sum : base_sum_behind(segment->sum, before, sum);
}

static void free_chain(struct rte_mbuf *frame)
{
    while (frame != NULL) {
        struct rte_mbuf *next = tcp_segment(frame)->next;
        rte_pktmbuf_free_seg(frame);
        frame = next;
    }
}

// A chain of `count` empty segments, or NULL.
static struct rte_mbuf *new_chain(struct tcp_conn *conn, uint32_t count)
{
    struct rte_mbuf *chain = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct rte_mbuf *frame = new_segment(conn);
        if (frame == NULL) {
            free_chain(chain);
            return NULL;
        }
        tcp_segment(frame)->next = chain;
        chain = frame;
    }
    return chain;
}

static uint32_t append(struct tcp_conn *conn, const uint8_t *data, uint32_t size)
{
    struct tcp_segment *segment = tcp_segment(conn->traffic->tx_tail);
    memcpy(tcp_segment_bytes(conn->traffic->tx_tail) + segment->size, data, size);
    segment->size = (uint16_t)(segment->size + size);
    segment->summed = false;
    conn->snd_end += size;
    return size;
}

bool tcp_write(struct tcp_conn *conn, const void *data, uint32_t size)
{
    tcp_drop_reservation(conn);
    if (!may_write(conn))
        return false;
    if (size == 0)
        return true;
    tcp_traffic_begin(conn);
    // First all that may fail: the limits and the mbufs.
    uint32_t in_tail = RTE_MIN(tail_room(conn), size);
    uint32_t count = (size - in_tail + conn->snd_mss - 1) / conn->snd_mss;
    if (size > tcp_writable(conn) || conn->traffic->tx_frames + count > frame_limit(conn)) {
        conn->want_room = true;
        return false;
    }
    struct rte_mbuf *chain = held_back(conn, count) ? NULL : new_chain(conn, count);
    if (chain == NULL && count != 0) {
        wait_for_mbufs(conn);
        return false;
    }
    const uint8_t *at = data;
    if (in_tail != 0)
        at += append(conn, at, in_tail);
    uint32_t left = size - in_tail;
    while (chain != NULL) {
        struct rte_mbuf *frame = chain;
        chain = tcp_segment(frame)->next;
        tcp_segment(frame)->next = NULL;
        link_behind(conn, frame);
        uint32_t part = append(conn, at, RTE_MIN(left, (uint32_t)conn->snd_mss));
        at += part;
        left -= part;
    }
    tcp_output_later(conn);
    return true;
}

bool tcp_split(struct tcp_conn *conn, struct rte_mbuf *frame, uint16_t size)
{
    struct rte_mbuf *rest = new_segment(conn);
    if (rest == NULL)
        return false;
    struct tcp_segment *from = tcp_segment(frame), *to = tcp_segment(rest);
    to->next = from->next;
    to->sequence = from->sequence + size;
    to->size = (uint16_t)(from->size - size);
    to->sent_again = from->sent_again;
    tcp_flight_split(conn, frame, rest);
    memcpy(tcp_segment_bytes(rest), tcp_segment_bytes(frame) + size, to->size);
    from->size = size;
    from->summed = false;
    from->next = rest;
    if (conn->traffic->tx_tail == frame)
        conn->traffic->tx_tail = rest;
    conn->traffic->tx_frames++;
    return true;
}

void tcp_free_written(struct tcp_conn *conn)
{
    tcp_drop_reservation(conn);
    free_chain(conn->traffic->tx_head);
    tcp_flight_clear(conn);
    conn->traffic->tx_head = conn->traffic->tx_tail = conn->traffic->tx_unsent = NULL;
    conn->traffic->tx_frames = 0;
}
