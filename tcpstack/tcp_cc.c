#include "tcpstack/tcp_cc.h"

#include "tcpstack/tcp.h"

enum { DUPLICATE_THRESHOLD = 3, WINDOW_MAX = 1 << 30 };

static struct tcp_cc_path path_of(const struct tcp_conn *conn)
{
    return (struct tcp_cc_path){conn->stack->now, conn->snd_mss, conn->srtt};
}

static const struct tcp_cc_ops *ops_of(const struct tcp_conn *conn)
{
    return conn->stack->options.congestion == TCPSTACK_RENO ? &tcp_cc_reno : &tcp_cc_cubic;
}

// RFC 6928 2.
static uint32_t initial_window(const struct tcp_conn *conn)
{
    uint32_t mss = conn->snd_mss;
    return RTE_MIN(10 * mss, RTE_MAX(2 * mss, 14600u));
}

void tcp_cc_init(struct tcp_conn *conn)
{
    conn->cc = (struct tcp_cc){
        .window = initial_window(conn),
        .threshold = UINT32_MAX,
        .recover = conn->snd_una - 1,
    };
}

// RFC 5681 3.1, equation 3 by counting bytes (RFC 3465): one MSS per window acknowledged.
static void reno_grow(struct tcp_cc *cc, uint32_t acked, const struct tcp_cc_path *path)
{
    cc->acked += acked;
    if (cc->acked < cc->window)
        return;
    cc->acked -= cc->window;
    cc->window += path->mss;
}

// RFC 5681 equation 4.
static uint32_t reno_threshold(struct tcp_cc *cc, uint32_t flight, const struct tcp_cc_path *path)
{
    (void)cc;
    return RTE_MAX(flight / 2, 2 * path->mss);
}

const struct tcp_cc_ops tcp_cc_reno = {
    .name = "reno", .grow = reno_grow, .threshold = reno_threshold};

// A window of which less than half was used says nothing about the path, and does not grow: of a
// server that answers in single segments it would otherwise grow without a bound.
static void grow(struct tcp_conn *conn, uint32_t acked, uint32_t flight)
{
    struct tcp_cc *cc = &conn->cc;
    if (cc->window >= WINDOW_MAX || flight < cc->window / 2)
        return;
    if (cc->window < cc->threshold) {
        cc->window += RTE_MIN(acked, (uint32_t)conn->snd_mss); // RFC 5681 equation 2
    } else {
        struct tcp_cc_path path = path_of(conn);
        ops_of(conn)->grow(cc, acked, &path);
    }
}

// RFC 5681 3.2 step 2: what duplicate ACKs let out beyond the window does not count.
static uint32_t flight_size(const struct tcp_conn *conn)
{
    return RTE_MIN(conn->snd_max - conn->snd_una, conn->cc.window);
}

static void cut(struct tcp_conn *conn, uint32_t flight)
{
    struct tcp_cc_path path = path_of(conn);
    struct tcp_cc *cc = &conn->cc;
    cc->threshold = ops_of(conn)->threshold(cc, flight, &path);
    cc->window = cc->threshold;
    cc->recover = conn->snd_max;
}

// RFC 6582 3.2 step 3. True for a partial acknowledgement.
static bool deflate(struct tcp_conn *conn, uint32_t acked)
{
    struct tcp_cc *cc = &conn->cc;
    uint32_t mss = conn->snd_mss;
    if (tcp_seq_at_or_before(cc->recover, conn->snd_una)) {
        // Full acknowledgement, option 1.
        uint32_t flight = conn->snd_max - conn->snd_una;
        cc->window = RTE_MIN(cc->threshold, RTE_MAX(flight, mss) + mss);
        cc->recovering = false;
        return false;
    }
    // Partial: deflate by what left the network, add the segment sent again.
    cc->window -= RTE_MIN(acked, cc->window - mss);
    if (acked >= mss)
        cc->window += mss;
    return true;
}

bool tcp_cc_acked(struct tcp_conn *conn, uint32_t acked, uint32_t flight)
{
    struct tcp_cc *cc = &conn->cc;
    cc->duplicates = 0;
    if (!cc->recovering) {
        grow(conn, acked, flight);
        return false;
    }
    if (!conn->sack)
        return deflate(conn, acked);
    // RFC 6675 5 (A): recovery ends; the window is at its threshold already.
    if (tcp_seq_at_or_before(cc->recover, conn->snd_una)) {
        cc->recovering = false;
        tcp_rack_recovered(conn);
    }
    return false;
}

bool tcp_cc_duplicate(struct tcp_conn *conn)
{
    struct tcp_cc *cc = &conn->cc;
    if (cc->duplicates < UINT8_MAX)
        cc->duplicates++;
    if (cc->recovering) {
        // RFC 5681 3.2 step 4: a segment has left the network.
        if (cc->window < WINDOW_MAX)
            cc->window += conn->snd_mss;
        return false;
    }
    // RFC 6582 3.2 step 2: losses of a window already cut do not cut it again.
    if (cc->duplicates != DUPLICATE_THRESHOLD || !tcp_seq_before(cc->recover, conn->snd_una))
        return false;
    cut(conn, flight_size(conn));
    cc->window += (uint32_t)DUPLICATE_THRESHOLD * conn->snd_mss;
    cc->recovering = true;
    return true;
}

// Once for all losses of a window; after a time-out, too, what it cut is not cut again.
bool tcp_cc_lost(struct tcp_conn *conn)
{
    struct tcp_cc *cc = &conn->cc;
    if (cc->recovering || tcp_seq_before(conn->snd_una, cc->recover))
        return false;
    cut(conn, flight_size(conn));
    cc->recovering = true;
    return true;
}

// All may be acknowledged by now, so the window stands for what was in flight.
void tcp_cc_repaired(struct tcp_conn *conn)
{
    const struct tcp_cc *cc = &conn->cc;
    if (!cc->recovering && tcp_seq_at_or_before(cc->recover, conn->snd_una))
        cut(conn, cc->window);
}

void tcp_cc_timed_out(struct tcp_conn *conn, bool first)
{
    struct tcp_cc *cc = &conn->cc;
    // RFC 5681 3.1: the threshold is cut once, not again for every expiry.
    if (first)
        cut(conn, flight_size(conn));
    cc->window = conn->snd_mss;
    cc->w_max = 0; // RFC 9438 4.8: the next congestion avoidance begins at its own window
    cc->in_epoch = false;
    cc->acked = 0;
    cc->recover = conn->snd_max;
    cc->recovering = false;
    cc->duplicates = 0;
}

// RFC 5681 4.1. CUBIC's time stands still meanwhile (RFC 9438 5.8).
void tcp_cc_idle(struct tcp_conn *conn)
{
    conn->cc.window = RTE_MIN(conn->cc.window, initial_window(conn));
    conn->cc.in_epoch = false;
}

// RFC 3042: the first two duplicate ACKs let a new segment out each, so that a small window, too,
// gets its third.
uint32_t tcp_cc_window(const struct tcp_conn *conn)
{
    const struct tcp_cc *cc = &conn->cc;
    bool limited = !conn->sack && !cc->recovering && conn->traffic->lost.first == NULL &&
                   cc->duplicates < DUPLICATE_THRESHOLD;
    return cc->window + (limited ? (uint32_t)cc->duplicates * conn->snd_mss : 0);
}
