#include "tcpstack/tcp_cc.h"

#include "tcpstack/tcp.h"

enum { DUPLICATE_THRESHOLD = 3, WINDOW_MAX = 1 << 30 };

// RFC 5681 3.1, equation 3 by counting bytes (RFC 3465): one MSS per window acknowledged.
static void reno_grow(struct tcp_cc *cc, uint32_t acked, uint32_t mss, uint64_t now)
{
    (void)now;
    cc->acked += acked;
    if (cc->acked < cc->window)
        return;
    cc->acked -= cc->window;
    cc->window += mss;
}

// RFC 5681 equation 4.
static uint32_t reno_threshold(struct tcp_cc *cc, uint32_t flight, uint32_t mss, uint64_t now)
{
    (void)cc;
    (void)now;
    return RTE_MAX(flight / 2, 2 * mss);
}

const struct tcp_cc_ops tcp_cc_reno = {
    .name = "reno", .grow = reno_grow, .threshold = reno_threshold};

void tcp_cc_init(struct tcp_conn *conn)
{
    uint32_t mss = conn->snd_mss;
    conn->cc = (struct tcp_cc){
        .ops = &tcp_cc_reno,
        .window = RTE_MIN(10 * mss, RTE_MAX(2 * mss, 14600u)), // RFC 6928 2
        .threshold = UINT32_MAX,
        .recover = conn->iss,
    };
}

static void grow(struct tcp_cc *cc, uint32_t acked, uint32_t mss, uint64_t now)
{
    if (cc->window >= WINDOW_MAX)
        return;
    if (cc->window < cc->threshold)
        cc->window += RTE_MIN(acked, mss); // RFC 5681 equation 2
    else
        cc->ops->grow(cc, acked, mss, now);
}

bool tcp_cc_acked(struct tcp_conn *conn, uint32_t acked)
{
    struct tcp_cc *cc = &conn->cc;
    uint32_t mss = conn->snd_mss;
    cc->duplicates = 0;
    if (!cc->recovering) {
        grow(cc, acked, mss, conn->stack->now);
        return false;
    }
    if (tcp_seq_at_or_before(cc->recover, conn->snd_una)) {
        // RFC 6582 3.2 step 3, full acknowledgement, option 1.
        uint32_t flight = conn->snd_max - conn->snd_una;
        cc->window = RTE_MIN(cc->threshold, RTE_MAX(flight, mss) + mss);
        cc->recovering = false;
        return false;
    }
    // Partial acknowledgement: deflate by what left the network, add the segment sent again.
    cc->window -= RTE_MIN(acked, cc->window - mss);
    if (acked >= mss)
        cc->window += mss;
    return true;
}

bool tcp_cc_duplicate(struct tcp_conn *conn)
{
    struct tcp_cc *cc = &conn->cc;
    uint32_t mss = conn->snd_mss;
    if (cc->duplicates < UINT8_MAX)
        cc->duplicates++;
    if (cc->recovering) {
        // RFC 5681 3.2 step 4: a segment has left the network.
        if (cc->window < WINDOW_MAX)
            cc->window += mss;
        return false;
    }
    // RFC 6582 3.2 step 2: losses of a window already cut do not cut it again.
    if (cc->duplicates != DUPLICATE_THRESHOLD || !tcp_seq_before(cc->recover, conn->snd_una))
        return false;
    cc->threshold = cc->ops->threshold(cc, conn->snd_max - conn->snd_una, mss, conn->stack->now);
    cc->window = cc->threshold + DUPLICATE_THRESHOLD * mss;
    cc->recover = conn->snd_max;
    cc->recovering = true;
    return true;
}

void tcp_cc_timed_out(struct tcp_conn *conn, bool first)
{
    struct tcp_cc *cc = &conn->cc;
    uint32_t mss = conn->snd_mss;
    // RFC 5681 3.1: the threshold is cut once, not again for every expiry.
    if (first)
        cc->threshold =
            cc->ops->threshold(cc, conn->snd_max - conn->snd_una, mss, conn->stack->now);
    cc->window = mss;
    cc->acked = 0;
    cc->recover = conn->snd_max;
    cc->recovering = false;
    cc->duplicates = 0;
}
