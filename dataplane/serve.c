// From TCP connections to RPC associations and back: the middle of the poll loop.
#include <string.h>

#include "dataplane/worker.h"

static bool stream_ensure(void *stream, uint32_t size)
{
    return tcp_ensure(stream, size);
}

static uint32_t stream_room(void *stream)
{
    return tcp_segment_room(stream);
}

static uint8_t *stream_reserve(void *stream, uint32_t size)
{
    return tcp_reserve(stream, size);
}

static void stream_commit(void *stream, uint32_t size)
{
    tcp_commit(stream, size);
}

static void stream_commit_summed(void *stream, uint32_t size, uint16_t sum)
{
    tcp_commit_summed(stream, size, sum);
}

static bool stream_write(void *stream, const void *data, uint32_t size)
{
    return tcp_write(stream, data, size);
}

static void stream_close(void *stream)
{
    tcp_close(stream);
}

static void stream_abort(void *stream)
{
    tcp_abort(stream);
}

static void stream_reset(void *stream)
{
    tcp_reset(stream);
}

static void stream_dribble(void *stream)
{
    tcp_dribble(stream);
}

const struct rpc_stream worker_stream = {
    .ensure = stream_ensure,
    .room = stream_room,
    .reserve = stream_reserve,
    .commit = stream_commit,
    .commit_summed = stream_commit_summed,
    .write = stream_write,
    .close = stream_close,
    .abort = stream_abort,
    .reset = stream_reset,
    .dribble = stream_dribble,
};

struct rpc_peer worker_peer(const struct tcp_conn *conn)
{
    struct tcp_endpoints ends = tcp_endpoints(conn);
    struct rpc_peer peer = {.local_port = ends.local_port};
    memcpy(peer.address, ends.remote, sizeof peer.address);
    return peer;
}

_Static_assert(WORKER_BATCH_1 + 6 == WORKER_BATCH_64, "one row for each power of two");

static void count_batch(struct worker *w, unsigned calls)
{
    if (calls == 0)
        return;
    w->counters[WORKER_BATCHES]++;
    w->counters[WORKER_BATCHED_CALLS] += calls;
    w->counters[WORKER_BATCH_1 + 31 - __builtin_clz(calls)]++;
}

// Answers the batch, then gives up the bytes that are done with, of every connection served.
static void answer(struct worker *w)
{
    worker_book(w, WORKER_TICKS_CUT);
    count_batch(w, rpc_run(w->rpc));
    w->gathered = 0;
    for (unsigned i = 0; i < w->touched_count; i++) {
        uint32_t consumed = w->touched[i] ? rpc_take_consumed(w->touched[i]) : 0;
        if (consumed)
            tcp_consume(w->ready[i], consumed);
    }
    worker_book(w, WORKER_TICKS_ANSWER);
}

static void next_offer(const struct tcp_conn *conn, struct rpc_association *association,
                       struct rpc_offer *ret_offer)
{
    struct tcp_span span = tcp_peek(conn, rpc_offset(association));
    ret_offer->association = association;
    ret_offer->bytes = span.data;
    ret_offer->size = span.size;
    ret_offer->done = false;
}

// Cuts the plain requests at the beginning of each offer into the batch, over all connections.
// What is left of an offer when the batch was answered meanwhile lies where it lay: a frame is
// given up when all of it is done with. A connection whose bytes are gone is not looked at.
static void cut_plain(struct worker *w, struct rpc_offer *offers, unsigned count)
{
    for (unsigned done = 0;;) {
        done += rpc_input_plain(w->rpc, offers + done, count - done);
        if (done == count)
            return;
        answer(w);
    }
}

// A PDU that lies across several frames: copies it together and offers it whole.
static struct rpc_cut cut_across(struct worker *w, struct tcp_conn *conn,
                                 struct rpc_association *association, uint32_t need)
{
    for (;;) {
        uint32_t offset = rpc_offset(association);
        if (need > tcp_readable(conn) - offset)
            return (struct rpc_cut){.result = RPC_CUT_MORE, .length = need};
        if (need > WORKER_GATHER_SIZE - w->gathered)
            return (struct rpc_cut){.result = RPC_CUT_FULL};
        uint8_t *pdu = w->gather + w->gathered;
        tcp_copy(conn, offset, pdu, need);
        struct rpc_cut cut = rpc_input(w->rpc, association, pdu, need);
        if (cut.result == RPC_CUT_TAKEN) {
            w->gathered += need; // until the batch is answered
            w->counters[WORKER_GATHERED]++;
        }
        if (cut.result != RPC_CUT_MORE)
            return cut;
        need = cut.length;
    }
}

// Cuts all whole PDUs that a connection has into the batch.
static void cut_all(struct worker *w, struct tcp_conn *conn, struct rpc_association *association)
{
    for (;;) {
        struct rpc_offer offer;
        next_offer(conn, association, &offer);
        if (offer.size == 0)
            return;
        cut_plain(w, &offer, 1);
        if (offer.size == 0)
            continue;
        struct rpc_cut cut = rpc_input(w->rpc, association, offer.bytes, offer.size);
        if (cut.result == RPC_CUT_MORE)
            cut = cut_across(w, conn, association, cut.length);
        if (cut.result == RPC_CUT_FULL)
            answer(w);
        else if (cut.result != RPC_CUT_TAKEN)
            return;
    }
}

static bool speaks_http(const struct worker *w, uint16_t port)
{
    for (unsigned i = 0; i < w->http_port_count; i++) {
        if (w->http_ports[i] == port)
            return true;
    }
    return false;
}

static struct rpc_association *open_association(struct worker *w, struct tcp_conn *conn)
{
    struct rpc_peer peer = worker_peer(conn);
    peer.http = speaks_http(w, peer.local_port);
    struct rpc_association *association = rpc_open(w->rpc, conn, &peer);
    if (!association) {
        w->counters[WORKER_DROP_REFUSED]++;
        tcp_abort(conn);
        return NULL;
    }
    tcp_set_user(conn, association);
    return association;
}

// Takes a connection's events. Returns whether the connection is over.
static bool take_events(struct worker *w, struct tcp_conn *conn, unsigned row)
{
    unsigned events = tcp_take_events(conn);
    struct rpc_association *association = tcp_user(conn);
    __builtin_prefetch(association);
    if ((events & TCP_EVENT_OPENED) && !(events & TCP_EVENT_CLOSED))
        association = open_association(w, conn);
    w->touched[row] = association;
    w->touched_count = row + 1;
    if (!association || (events & TCP_EVENT_CLOSED))
        return events & TCP_EVENT_CLOSED;
    if (events & TCP_EVENT_WRITABLE)
        rpc_unblock(association);
    if (events & TCP_EVENT_FINISHED)
        rpc_end_of_input(association);
    return false;
}

// What there is of a span goes first; only where something is left, or lies in another frame, is a
// connection taken alone.
static void cut_burst(struct worker *w, unsigned count, const bool *over)
{
    unsigned offers = 0;
    uint8_t rows[WORKER_BURST];
    bool more[WORKER_BURST];
    for (unsigned row = 0; row < count; row++) {
        if (!w->touched[row] || over[row])
            continue;
        struct rpc_offer *offer = &w->offers[offers];
        next_offer(w->ready[row], w->touched[row], offer);
        __builtin_prefetch(offer->bytes);
        rows[offers] = (uint8_t)row;
        more[offers] = tcp_readable(w->ready[row]) > rpc_offset(w->touched[row]) + offer->size;
        offers += offer->size > 0;
    }
    cut_plain(w, w->offers, offers);
    for (unsigned i = 0; i < offers; i++) {
        if (w->offers[i].size > 0 || more[i])
            cut_all(w, w->ready[rows[i]], w->touched[rows[i]]);
    }
}

// After the answers: closes what is to be closed, and reads on where nobody listens any more.
static void settle(struct worker *w, unsigned row, bool over)
{
    struct rpc_association *association = w->touched[row];
    if (!association)
        return;
    if (over) {
        tcp_set_user(w->ready[row], NULL);
        rpc_close(w->rpc, association);
        return;
    }
    rpc_settle(w->rpc, association, tcp_readable(w->ready[row]));
}

void worker_serve(struct worker *w)
{
    unsigned count;
    while ((count = tcpstack_ready(w->stack, w->ready, WORKER_BURST)) > 0) {
        bool over[WORKER_BURST];
        w->touched_count = 0;
        for (unsigned row = 0; row < count; row++)
            over[row] = take_events(w, w->ready[row], row);
        cut_burst(w, count, over);
        answer(w);
        for (unsigned row = 0; row < count; row++)
            settle(w, row, over[row]);
        w->touched_count = 0;
    }
}
