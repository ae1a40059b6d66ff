// CUBIC (RFC 9438). The window grows along a cubic function of the time since the last loss, flat
// around the window at which it happened; where Reno would grow faster it grows as Reno does.
//
// All in integers: times in ms, windows in bytes. C is 0.4 segments/s^3, beta_cubic 0.7.
#include <rte_common.h>

#include "tcpstack/tcp_cc.h"

// ms. The function is taken no further, so that the cube times an MSS fits into 64 bits: it is
// 400,000 segments above w_max there.
enum { TIME_MAX = 100000 };

// The largest root with root^3 <= value, bit by bit; value is below 2^63.
uint32_t tcp_cube_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 20; bit != 0; bit >>= 1) {
        uint64_t longer = root | bit;
        if (longer * longer * longer <= value)
            root = longer;
    }
    return (uint32_t)root;
}

// C * time^3 in bytes: 0.4 * (ms / 1000)^3 segments.
static uint64_t climb(uint64_t time, uint32_t mss)
{
    time = RTE_MIN(time, (uint64_t)TIME_MAX);
    return time * time * time * 4 / 10 * mss / 1000000000;
}

// 4.2, equation 1.
uint32_t tcp_cubic_window(const struct tcp_cc *cc, uint32_t time, uint32_t mss)
{
    if (time >= cc->k)
        return (uint32_t)RTE_MIN(cc->w_max + climb(time - cc->k, mss), (uint64_t)UINT32_MAX);
    uint64_t below = climb(cc->k - time, mss);
    return below < cc->w_max ? (uint32_t)(cc->w_max - below) : 0;
}

// 4.2: a congestion avoidance stage begins. K is when the function reaches w_max (equation 2); the
// window may be beyond that already, after slow start.
static void begin_epoch(struct tcp_cc *cc, const struct tcp_cc_path *path)
{
    cc->epoch = (uint32_t)(path->now / 1000);
    cc->in_epoch = true;
    cc->w_est = cc->window; // 4.3
    cc->acked = 0;
    cc->k = 0;
    if (cc->window >= cc->w_max)
        cc->w_max = cc->window;
    else // (segments / 0.4) s^3 in ms^3
        cc->k = tcp_cube_root((uint64_t)(cc->w_max - cc->window) * 2500000000 / path->mss);
}

// 4.3, equation 4: what Reno with CUBIC's beta, and the alpha that makes it as fast as Reno, would
// have: alpha of 3 (1 - beta) / (1 + beta) = 9/17 segments per window, 1 once the window before the
// loss is reached again.
static void grow_estimate(struct tcp_cc *cc, uint32_t acked, uint32_t mss)
{
    uint64_t round = cc->w_est < cc->w_prior ? (uint64_t)cc->window * 17 / 9 : cc->window;
    cc->acked += acked;
    if (cc->acked < round)
        return;
    cc->acked -= (uint32_t)round;
    cc->w_est += mss;
}

static void cubic_grow(struct tcp_cc *cc, uint32_t acked, const struct tcp_cc_path *path)
{
    if (!cc->in_epoch)
        begin_epoch(cc, path);
    grow_estimate(cc, acked, path->mss);
    uint32_t time = (uint32_t)(path->now / 1000) - cc->epoch;
    // 4.3: the region where Reno is faster.
    if (tcp_cubic_window(cc, time, path->mss) < cc->w_est) {
        cc->window = RTE_MAX(cc->window, cc->w_est);
        return;
    }
    // 4.4 and 4.5: towards where the function will be a round trip later, at most half as much
    // again.
    uint64_t target = tcp_cubic_window(cc, time + path->rtt / 1000, path->mss);
    target = RTE_MIN(target, (uint64_t)cc->window + cc->window / 2);
    if (target > cc->window)
        cc->window += (uint32_t)((target - cc->window) * RTE_MIN(acked, cc->window) / cc->window);
}

// 4.6 and 4.7. With fast convergence a flow whose windows shrink leaves room to others.
static uint32_t cubic_threshold(struct tcp_cc *cc, uint32_t flight, const struct tcp_cc_path *path)
{
    cc->w_prior = cc->window;
    cc->w_max = cc->window < cc->w_max ? (uint32_t)((uint64_t)cc->window * 17 / 20) : cc->window;
    cc->in_epoch = false;
    return RTE_MAX((uint32_t)((uint64_t)flight * 7 / 10), 2 * path->mss);
}

const struct tcp_cc_ops tcp_cc_cubic = {
    .name = "cubic", .grow = cubic_grow, .threshold = cubic_threshold};
