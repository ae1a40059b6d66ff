#include "tests/simulation/talk.h"

#include <string.h>

#include <rte_common.h>

// Longer than the stack takes to give up by itself, at its slowest: eleven minutes and a half of
// retransmission, after a minute of FIN-WAIT-2 or a pause of the peer.
#define PATIENCE_US UINT64_C(1200000000)

enum { PIECE_MAX = 8192, PAUSE_MIN_US = 1000 };

static const char *const reasons[] = {"none", "finished", "reset", "aborted", "timed out"};

static uint8_t byte_at(uint8_t stream, uint32_t offset)
{
    return (uint8_t)((offset * UINT32_C(2654435761) >> 23) + stream * 37u);
}

static void tell(const struct talk_side *side, const char *what)
{
    sim_trace(side->host->report, "%s talk %u %s; wrote %u, read %u", side->host->name,
              side->number, what, side->written, side->received);
}

static void fail(const struct talk_side *side, const char *what)
{
    const struct talk_side *peer = side->peer;
    sim_fail(side->host->report,
             "talk %u, %s: %s; wrote %u of %u (the peer read %u), read %u (the peer wrote %u); "
             "ended %d: %s, peer %d: %s",
             side->number, side->host->name, what, side->written, side->plan.total, peer->received,
             side->received, peer->written, side->ended, reasons[side->reason], peer->ended,
             reasons[peer->reason]);
}

void talk_start(struct talk *talk, struct host hosts[2], struct sim_random *random, unsigned number)
{
    for (unsigned i = 0; i < 2; i++) {
        struct talk_side *side = &talk->sides[i];
        side->host = &hosts[i];
        side->peer = &talk->sides[!i];
        side->random = random;
        side->number = number;
        side->stream = (uint8_t)(number * 2 + i);
    }
}

static void connect_side(struct talk_side *side, unsigned index, uint16_t from, uint16_t to,
                         uint64_t now)
{
    side->progress_at = now;
    side->conn = host_connect(side->host, index, from, to);
    if (side->conn != NULL)
        tcp_set_user(side->conn, side);
}

void talk_connect(struct talk *talk, uint64_t now)
{
    talk->started = true;
    connect_side(&talk->sides[0], 0, talk->from_port, talk->to_port, now);
    talk->sides[0].ended = talk->sides[0].conn == NULL; // no room for one more
    talk->sides[1].crossing = talk->crossing;
    if (talk->crossing)
        connect_side(&talk->sides[1], 1, talk->to_port, talk->from_port, now);
}

static void check_finished(struct talk_side *side)
{
    side->finished = true;
    if (!side->peer->ending && !side->peer->lost)
        fail(side, "told of a FIN, but the peer did not close");
    if (side->received + tcp_readable(side->conn) != side->peer->written)
        fail(side, "told of a FIN with bytes missing or too many");
}

static void end(struct talk_side *side, struct tcp_conn *conn)
{
    side->ended = true;
    side->conn = NULL;
    side->reason = tcp_close_reason(conn);
    tell(side, reasons[side->reason]);
    if (side->reason == TCP_CLOSE_NONE)
        fail(side, "ended without a reason");
    if (side->reason == TCP_CLOSE_FINISHED && !side->ending)
        fail(side, "ended in order, but did not close");
}

// The listening side of a crossing open whose own attempt has failed: the other's arrives later.
static void revive(struct talk_side *side)
{
    side->ended = side->ending = side->discards = false;
    side->reason = TCP_CLOSE_NONE;
}

void talk_take_events(struct talk_side *side, struct tcp_conn *conn, uint64_t now)
{
    unsigned events = tcp_take_events(conn);
    if (side->crossing && side->ended && !side->opened && events & TCP_EVENT_OPENED)
        revive(side);
    if (side->ended || (side->conn != NULL && side->conn != conn)) {
        fail(side, "events after its end");
        return;
    }
    side->conn = conn;
    if (events & ~(unsigned)TCP_EVENT_WRITABLE)
        side->progress_at = now;
    if (events & TCP_EVENT_OPENED) {
        side->opened = true;
        tell(side, "opened");
    }
    if (events & TCP_EVENT_READABLE)
        side->readable = true;
    if (events & TCP_EVENT_WRITABLE)
        side->blocked = false;
    if (events & TCP_EVENT_CLOSED)
        end(side, conn);
    else if (events & TCP_EVENT_FINISHED)
        check_finished(side);
}

// Into the frame that will carry it; returns how much, 0 when there is no room.
static uint32_t write_in_place(struct talk_side *side, uint32_t size)
{
    size = RTE_MIN(size, tcp_segment_room(side->conn));
    uint8_t *to = tcp_reserve(side->conn, size);
    if (to == NULL)
        return 0;
    if (sim_chance(side->random, 100))
        size = (uint32_t)sim_between(side->random, 1, size); // less than was reserved
    for (uint32_t i = 0; i < size; i++)
        to[i] = byte_at(side->stream, side->written + i);
    tcp_commit(side->conn, size);
    return size;
}

static uint32_t write_copied(struct talk_side *side, uint32_t size)
{
    uint8_t bytes[PIECE_MAX];
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = byte_at(side->stream, side->written + i);
    if (sim_chance(side->random, 100) && !tcp_ensure(side->conn, size))
        return 0;
    return tcp_write(side->conn, bytes, size) ? size : 0;
}

static void write_some(struct talk_side *side, uint64_t now)
{
    for (unsigned i = 0; i < 16 && side->written < side->plan.total && !side->blocked; i++) {
        uint32_t size = (uint32_t)sim_between(side->random, 1, side->plan.piece);
        size = RTE_MIN(size, side->plan.total - side->written);
        size = RTE_MIN(size, side->host->options.transmit_limit);
        uint32_t done =
            sim_chance(side->random, 500) ? write_in_place(side, size) : write_copied(side, size);
        side->blocked = done == 0;
        side->written += done;
        if (done != 0)
            side->progress_at = now;
    }
}

static void read_span(struct talk_side *side)
{
    uint8_t copy[PIECE_MAX];
    struct tcp_span span = tcp_peek(side->conn, 0);
    if (sim_chance(side->random, 200)) { // across mbufs
        span.size = RTE_MIN(tcp_readable(side->conn), (uint32_t)sizeof copy);
        tcp_copy(side->conn, 0, copy, span.size);
        span.data = copy;
    }
    uint32_t size = (uint32_t)sim_between(side->random, 1, span.size);
    if (side->received + size > side->peer->written)
        fail(side, "read more than the peer wrote");
    for (uint32_t i = 0; i < size; i++) {
        if (span.data[i] != byte_at(side->peer->stream, side->received + i)) {
            fail(side, "read a wrong byte");
            break;
        }
    }
    side->received += size;
    tcp_consume(side->conn, size);
}

static void read_some(struct talk_side *side, uint64_t now)
{
    while (side->readable && now >= side->paused_until) {
        side->readable = tcp_readable(side->conn) > 0;
        if (!side->readable)
            return;
        read_span(side);
        side->progress_at = side->peer->progress_at = now;
        if (sim_chance(side->random, side->plan.pause))
            side->paused_until =
                now + sim_between(side->random, PAUSE_MIN_US, side->plan.pause_max);
    }
}

static void close_side(struct talk_side *side, bool discards)
{
    side->ending = true;
    side->discards = discards;
    tell(side, "closes");
    tcp_close(side->conn);
}

static void abort_side(struct talk_side *side)
{
    side->ending = side->discards = true;
    tell(side, "aborts");
    tcp_abort(side->conn);
}

static bool early_end_is_due(const struct talk_side *side, uint64_t now)
{
    const struct talk_plan *plan = &side->plan;
    return (side->opened && side->written + side->received >= plan->end_after) ||
           (plan->end_at != 0 && now >= plan->end_at);
}

static void end_when_due(struct talk_side *side, uint64_t now)
{
    if (side->plan.ending == TALK_ABORT && early_end_is_due(side, now))
        abort_side(side);
    else if (side->plan.ending == TALK_EARLY && early_end_is_due(side, now))
        close_side(side, true);
    else if (side->finished && !side->readable)
        close_side(side, false);
    else if (side->plan.ending == TALK_ORDERLY && side->plan.closes_first && side->opened &&
             side->written == side->plan.total && side->received == side->peer->plan.total)
        close_side(side, false);
}

// Nothing has moved for very long. With something under way that is the stack's fault; else the
// peer has vanished and a program must find out by itself.
static void lose_patience(struct talk_side *side)
{
    if (!side->opened)
        fail(side, "hangs in the handshake");
    else if (side->ending)
        fail(side, "hangs, closing");
    else if (tcp_writable(side->conn) < side->host->options.transmit_limit)
        fail(side, "hangs, with bytes not acknowledged");
    side->gave_up = true;
    abort_side(side);
}

void talk_act(struct talk_side *side, uint64_t now)
{
    if (side->conn == NULL)
        return;
    if (now >= side->progress_at + PATIENCE_US && side->heard != side->host->received) {
        side->heard = side->host->received; // it creeps
        side->progress_at = now;
    }
    if (now >= side->progress_at + PATIENCE_US) {
        lose_patience(side);
        side->progress_at = UINT64_MAX - PATIENCE_US;
        return;
    }
    if (side->ending)
        return;
    if (side->opened) {
        read_some(side, now);
        if (!side->finished)
            write_some(side, now);
    }
    end_when_due(side, now);
}

void talk_lose(struct talk_side *side)
{
    if (side->conn == NULL)
        return;
    side->conn = NULL;
    side->lost = side->ended = true;
    tell(side, "lost: its host was restarted");
}

static uint64_t side_next(const struct talk_side *side)
{
    if (side->conn == NULL)
        return UINT64_MAX;
    uint64_t next = side->progress_at + PATIENCE_US;
    if (side->ending)
        return next;
    if (side->readable && side->opened)
        next = RTE_MIN(next, side->paused_until);
    if (side->plan.ending == TALK_ABORT && side->plan.end_at != 0)
        next = RTE_MIN(next, side->plan.end_at);
    return next;
}

void talk_shift(struct talk *talk, uint64_t by)
{
    for (unsigned i = 0; i < 2; i++) {
        if (talk->sides[i].conn != NULL)
            talk->sides[i].progress_at += by;
    }
}

uint64_t talk_next(const struct talk *talk)
{
    if (!talk->started)
        return talk->start_at;
    return RTE_MIN(side_next(&talk->sides[0]), side_next(&talk->sides[1]));
}

bool talk_is_over(const struct talk *talk)
{
    return talk->started && talk->sides[0].ended &&
           (talk->sides[1].ended || !talk->sides[1].opened);
}

// Of the stream from `side` to its peer.
static void check_stream(const struct talk_side *side, bool calm)
{
    const struct talk_side *peer = side->peer;
    bool delivered = peer->received == side->written;
    if (side->reason == TCP_CLOSE_FINISHED) {
        if (!peer->opened)
            fail(side, "ended in order with a peer that was never told of the connection");
        if (!peer->ending && !peer->lost)
            fail(side, "ended in order, but the peer did not close");
        if (!delivered && !peer->discards && !peer->lost)
            fail(side, "ended in order, but the peer has not got every byte");
    }
    if (calm && side->opened && peer->opened && (!delivered || side->gave_up))
        fail(side, "ended with an error for which there was no cause");
}

void talk_check(const struct talk *talk, bool calm)
{
    for (unsigned i = 0; i < 2; i++)
        calm = calm && talk->sides[i].plan.ending == TALK_ORDERLY;
    for (unsigned i = 0; i < 2; i++)
        check_stream(&talk->sides[i], calm);
}
