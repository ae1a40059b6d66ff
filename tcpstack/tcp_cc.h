// Congestion control: how much may be in flight, and what follows a loss (RFC 5681, RFC 6582,
// RFC 6675). Recovery is common; an algorithm says how the window grows and how far a loss cuts it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_cc;

// What an algorithm may know of the path.
struct tcp_cc_path {
    uint64_t now;
    uint32_t mss;
    uint32_t rtt; // smoothed, us
};

struct tcp_cc_ops {
    const char *name;
    // Congestion avoidance: `acked` bytes were newly acknowledged.
    void (*grow)(struct tcp_cc *cc, uint32_t acked, const struct tcp_cc_path *path);
    // The slow start threshold after a loss with `flight` bytes outstanding.
    uint32_t (*threshold)(struct tcp_cc *cc, uint32_t flight, const struct tcp_cc_path *path);
};

extern const struct tcp_cc_ops tcp_cc_reno, tcp_cc_cubic;

struct tcp_cc {
    uint32_t window;    // cwnd
    uint32_t threshold; // ssthresh
    uint32_t acked;     // bytes towards the next increase in congestion avoidance
    uint32_t recover;   // RFC 6582: SND.MAX when the last recovery or time-out began
    // CUBIC (RFC 9438 4.1.2).
    uint32_t w_max, w_est;
    uint32_t w_prior; // the window before the last loss: cwnd_prior
    uint32_t epoch;   // ms; when this congestion avoidance stage began
    uint32_t k;       // ms
    bool in_epoch;
    uint8_t duplicates; // duplicate ACKs in a row
    bool recovering;
};

// The MSS is known; RFC 6928's initial window.
void tcp_cc_init(struct tcp_conn *conn);
// SND.UNA has advanced by `acked` of `flight` bytes. True when the first segment must be sent again
// (a partial ACK without SACK).
bool tcp_cc_acked(struct tcp_conn *conn, uint32_t acked, uint32_t flight);
// A duplicate ACK, without SACK. True when the first segment must be sent again (the third in a
// row).
bool tcp_cc_duplicate(struct tcp_conn *conn);
// With SACK: segments were found lost. True when a recovery begins.
bool tcp_cc_lost(struct tcp_conn *conn);
// With SACK: a loss was found when a probe had repaired it already.
void tcp_cc_repaired(struct tcp_conn *conn);
// The retransmission timer expired; `first` when it is the first time for this segment.
void tcp_cc_timed_out(struct tcp_conn *conn, bool first);
// Nothing was sent for longer than the time-out.
void tcp_cc_idle(struct tcp_conn *conn);
// What may be in flight.
uint32_t tcp_cc_window(const struct tcp_conn *conn);

// tcp_cubic.c, for tests.
uint32_t tcp_cube_root(uint64_t value);
// W_cubic(t) of `time` ms into the epoch.
uint32_t tcp_cubic_window(const struct tcp_cc *cc, uint32_t time, uint32_t mss);
