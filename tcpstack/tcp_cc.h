// Congestion control: how much may be in flight, and what follows a loss (RFC 5681, RFC 6582).
// Detection and recovery are common; an algorithm says how the window grows and how far a loss
// cuts it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_cc;

struct tcp_cc_ops {
    const char *name;
    // Congestion avoidance: `acked` bytes were newly acknowledged.
    void (*grow)(struct tcp_cc *cc, uint32_t acked, uint32_t mss, uint64_t now);
    // The slow start threshold after a loss with `flight` bytes outstanding.
    uint32_t (*threshold)(struct tcp_cc *cc, uint32_t flight, uint32_t mss, uint64_t now);
};

extern const struct tcp_cc_ops tcp_cc_reno;

struct tcp_cc {
    const struct tcp_cc_ops *ops;
    uint32_t window;    // cwnd
    uint32_t threshold; // ssthresh
    uint32_t acked;     // bytes towards the next increase in congestion avoidance
    uint32_t recover;   // RFC 6582: SND.MAX when the last recovery or time-out began
    uint8_t duplicates; // duplicate ACKs in a row
    bool recovering;
};

// The MSS is known; RFC 6928's initial window.
void tcp_cc_init(struct tcp_conn *conn);
// SND.UNA has advanced by `acked`. True when the first segment must be sent again (partial ACK).
bool tcp_cc_acked(struct tcp_conn *conn, uint32_t acked);
// A duplicate ACK. True when the first segment must be sent again (the third in a row).
bool tcp_cc_duplicate(struct tcp_conn *conn);
// The retransmission timer expired; `first` when it is the first time for this segment.
void tcp_cc_timed_out(struct tcp_conn *conn, bool first);
