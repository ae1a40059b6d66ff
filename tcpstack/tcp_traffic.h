// What a connection needs only while bytes are on their way: its queues, and what is known of the
// segments in flight. A connection borrows such a block when the first byte comes or is written,
// and gives it back when everything is read and acknowledged. Until then it has the stack's empty
// block, which all idle connections share: it reads as "nothing", and nobody writes anything but
// that.
//
// Borrowing cannot fail: address space is reserved for a block for every connection. Memory comes
// with first use, and the block given back last is lent first, so there is only as much of it as
// connections were busy at once, and with few of them it stays in the cache.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_common.h>

struct rte_mbuf;
struct tcp_conn;
struct tcpstack;

// Segments of the transmit queue that share a fate; linked by `older` and `newer`.
struct tcp_segment_list {
    struct rte_mbuf *first, *last;
};

struct tcp_traffic {
    struct tcp_conn *owner;             // NULL: of nobody
    struct rte_mbuf *rx_head, *rx_tail; // in order, not consumed
    struct rte_mbuf *tx_head, *tx_tail; // written, not acknowledged
    struct rte_mbuf *tx_unsent;         // in that queue, the first that was never sent
    struct rte_mbuf *tx_reserved;       // not in the queue: handed out by tcp_reserve
    uint32_t reserved;                  // bytes handed out by tcp_reserve
    uint32_t rx_bytes;                  // readable

    TAILQ_ENTRY(tcp_traffic) output_link;
    struct tcp_segment_list flight, lost;
    uint32_t pipe;               // bytes in flight (RFC 6675 4)
    uint16_t tx_frames;          // mbufs in the transmit queue
    uint16_t sacked;             // segments of the transmit queue
    uint16_t out_of_order_count; // mbufs in all runs

    // Loss detection (RFC 8985 5).
    uint64_t rack_sent_at; // of the segment sent last among those delivered
    uint32_t rack_end;     // with rack_sent_at
    uint32_t rack_rtt;
    uint32_t rack_highest; // delivered: RACK.fack
    uint32_t rack_round;   // RACK.dsack_round
    uint32_t probe_end;    // TLP.end_seq
    uint32_t sack_begin;   // from here to the end of tx_sacked all is marked
    struct rte_mbuf *tx_sacked;
    struct rte_mbuf *out_of_order; // the first run
    struct tcp_traffic *next_free;
} __rte_cache_aligned;

_Static_assert(sizeof(struct tcp_traffic) <= 256, "what a busy connection costs besides");

TAILQ_HEAD(tcp_traffic_list, tcp_traffic);

struct tcp_traffic_pool {
    struct tcp_traffic *blocks; // reserved in full, touched when first used
    uint32_t block_count, blocks_used;
    struct tcp_traffic *free;
};

// 0 or -1 when there is no memory.
int tcp_traffic_init(struct tcp_traffic_pool *pool, uint32_t blocks);
void tcp_traffic_destroy(struct tcp_traffic_pool *pool);

// Lends the connection a block, unless it has one. Call before anything but zero is written to
// conn->traffic.
void tcp_traffic_begin(struct tcp_conn *conn);
// Takes it back if nothing is on its way. Cheap to ask.
void tcp_traffic_end(struct tcp_conn *conn);
// Takes it back from a connection that is over, its queues freed.
void tcp_traffic_abandon(struct tcp_conn *conn);
