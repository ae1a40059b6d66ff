// A connection: its block, the pool the blocks come from, and the table that finds them.
#pragma once

#include <sys/queue.h>

#include "tcpstack/packet.h"
#include "tcpstack/tcp_cc.h"
#include "tcpstack/tcp_seq.h"
#include "tcpstack/tcp_traffic.h"
#include "tcpstack/wheel.h"

enum tcp_state {
    TCP_STATE_CLOSED, // over: kept only until the caller has been told
    TCP_STATE_SYN_SENT,
    TCP_STATE_SYN_RECEIVED,
    TCP_STATE_ESTABLISHED,
    TCP_STATE_FIN_WAIT_1,
    TCP_STATE_FIN_WAIT_2,
    TCP_STATE_CLOSE_WAIT,
    TCP_STATE_CLOSING,
    TCP_STATE_LAST_ACK,
    TCP_STATE_TIME_WAIT,
};

// What a connection may wait for. All share one place in the wheel: the earliest.
enum tcp_timer_kind {
    TCP_TIMER_SEND,   // enum tcp_send_timer says what for
    TCP_TIMER_ACK,    // a delayed ACK
    TCP_TIMER_LINGER, // the end of FIN-WAIT-2 and TIME-WAIT
    TCP_TIMER_MEMORY, // ask again for mbufs
    TCP_TIMER_KEEPALIVE,
    TCP_TIMER_COUNT,
};

enum tcp_send_timer {
    TCP_SEND_RETRANSMIT, // RFC 6298
    TCP_SEND_PERSIST,    // nothing is in flight, and the peer has no window
    TCP_SEND_PROBE,      // RFC 8985 7: the tail of the flight may be lost
    TCP_SEND_REORDER,    // RFC 8985 6: a segment overdue may still be on its way
};

// Out of order: runs without a hole, which is what one connection can make the stack search. A
// window of 1 MiB has 36 holes when 5 % are lost.
enum { TCP_OUT_OF_ORDER_RUNS = 64 };

// Names after RFC 9293 3.3.1 where it has one. What matters only while bytes are on their way is in
// `traffic`.
struct tcp_conn {
    // Line 1: finding the connection, and the decision of the fast path.
    struct tcp_key key;
    uint8_t state;
    uint8_t out_of_order_runs;
    uint32_t hash_next; // number of a block; 0: none
    uint32_t rcv_nxt;
    uint32_t rcv_edge; // the furthest right edge announced: RCV.NXT + RCV.WND
    uint32_t snd_una;  // until the handshake is done, the initial sequence number
    uint32_t snd_max;  // highest sent
    uint32_t snd_wnd;  // scaled
    uint8_t snd_scale, rcv_scale;
    uint8_t events;
    uint8_t timers;        // bit i: deadlines[i] is valid
    bool finishing : 1;    // tcp_close was called: FIN after the last byte, input is discarded
    bool fin_sent : 1;     // at least once
    bool fin_received : 1; // in order
    bool ack_now : 1;
    bool ack_later : 1;
    bool want_room : 1; // tcp_reserve or tcp_write found none
    bool fin_lost : 1;  // must be sent again
    bool on_output : 1;
    bool on_ready : 1;
    bool known : 1;    // the caller has been given it (or made it)
    bool closed : 1;   // TCP_EVENT_CLOSED was raised
    bool detached : 1; // the caller was told CLOSED and must not use it any more
    bool active : 1;   // opened by us
    bool offered_scale : 1;
    bool timestamps : 1; // agreed on (RFC 7323)
    bool sack : 1;       // agreed on (RFC 2018)
    // RFC 8985 7: a probe is out, and it was something sent before.
    bool probe_sent : 1, probe_repeats : 1;
    bool reordering : 1;   // seen on this path (RFC 8985 6.2 step 3)
    bool dribbling : 1;    // what was never sent goes out one byte a segment
    bool stuck : 1;        // held buffers when memory was last searched, and no progress since
    uint32_t ts_recent;    // TS.Recent
    uint32_t ts_recent_at; // seconds

    // Line 2: its neighbours, and sending.
    struct tcpstack *stack;
    struct tcp_traffic *traffic; // stack->no_traffic while nothing is on its way
    void *user;
    uint32_t snd_end;  // behind the last byte written; the FIN's number
    uint32_t ack_sent; // RCV.NXT as last announced
    uint32_t snd_wl1, snd_wl2;
    uint32_t snd_wnd_max;
    uint32_t ts_offset; // hides the clock, which would tell how long we run
    uint16_t snd_mss, rcv_mss;
    uint16_t rcv_segment; // largest payload seen: what counts as a full segment for ACKs
    uint8_t close_reason;
    uint8_t retries;    // expiries of the retransmission timer since SND.UNA advanced
    uint8_t probes;     // window probes since the window closed
    uint8_t unanswered; // window probes since the peer's last ACK
    uint8_t send_timer; // enum tcp_send_timer
    // Of the reordering window: RACK.reo_wnd_mult and reo_wnd_persist.
    uint8_t rack_multiple, rack_persist;
    uint8_t quick_acks; // segments that are still acknowledged one by one, after a hole

    // Line 3: the path.
    struct tcpstack_link link;  // to the peer: its MAC address as of its last sound segment
    uint32_t srtt, rttvar, rto; // RFC 6298, us
    union {
        struct tcp_cc cc;
        TAILQ_ENTRY(tcp_conn) time_wait_link; // in TIME-WAIT, where nothing is sent any more
    };

    // Line 4: time. Ticks are the wheel's, 32 bits of them: no deadline is further off than 2^31.
    STAILQ_ENTRY(tcp_conn) ready_link; // in `ready` or in `told`
    uint32_t rtt_min;                  // of this connection's life, us
    uint32_t challenged_at;            // ticks
    union {
        uint32_t syn_sent_at; // us; 0 when it was sent more than once
        uint32_t sent_at;     // ticks; then: when data was sent last
    };
    uint32_t deadlines[TCP_TIMER_COUNT]; // ticks
    struct tcpstack_timer timer;
} __rte_cache_aligned;

_Static_assert(sizeof(struct tcp_conn) == 256, "what an idle connection costs");
_Static_assert(offsetof(struct tcp_conn, stack) == 64, "line 1 is what the fast path decides by");

TAILQ_HEAD(tcp_conn_list, tcp_conn);
STAILQ_HEAD(tcp_conn_queue, tcp_conn);

static inline bool tcp_key_equal(const struct tcp_key *a, const struct tcp_key *b)
{
    return ((base_load_le64(a->remote) ^ base_load_le64(b->remote)) |
            (base_load_le64(a->remote + 8) ^ base_load_le64(b->remote + 8)) |
            (base_load_le32(&a->local_port) ^ base_load_le32(&b->local_port)) |
            (uint32_t)(a->local ^ b->local)) == 0;
}

// Blocks are numbered from 1; 0 is none.
struct tcp_table {
    uint32_t *buckets; // the first block of each
    uint32_t bucket_mask;
    struct tcp_conn *blocks; // reserved in full, touched when first used; blocks[0] is not used
    uint32_t block_count, blocks_used;
    uint32_t free; // through hash_next
};

// 0 or -1 when there is no memory.
int tcp_table_init(struct tcp_table *table, uint32_t blocks);
void tcp_table_destroy(struct tcp_table *table);

static inline struct tcp_conn *tcp_table_block(const struct tcp_table *table, uint32_t number)
{
    return number != 0 ? &table->blocks[number] : NULL;
}

// The keys of the hash, from the stack's secret.
void tcp_table_key(struct tcpstack *stack);
// Multilinear hashing by halves: sums of products of secret 64-bit keys, each plus 32 bits of the
// name, of which the upper half counts. For names chosen without knowledge of the keys any two
// collide with a probability of 2^-32, whoever chooses them: a peer cannot aim at one bucket.
uint32_t tcp_key_hash(const struct tcpstack *stack, const struct tcp_key *key);
void tcp_table_prefetch(const struct tcpstack *stack, uint32_t hash);
// The first connection in the bucket, which has been fetched: most likely the one that is wanted.
void tcp_conn_prefetch(const struct tcpstack *stack, uint32_t hash);
struct tcp_conn *tcp_conn_find(const struct tcpstack *stack, const struct tcp_key *key,
                               uint32_t hash);
// A block, zeroed but for its name, stack and timers, entered in the table; NULL when all are used.
struct tcp_conn *tcp_conn_new(struct tcpstack *stack, const struct tcp_key *key, uint32_t hash);
// Ends a connection: timers, mbufs and the table entry go at once, the block when the caller, if
// he knows of it, has been told.
void tcp_conn_release(struct tcp_conn *conn, enum tcp_close_reason reason);
// Gives back the blocks of connections whose end the caller has been told, and takes over those in
// TIME-WAIT.
void tcp_reap(struct tcpstack *stack);
// SYN-RECEIVED by a passive open: counted apart, and nobody's yet.
bool tcp_is_half_open(const struct tcp_conn *conn);
// Bytes written and not acknowledged.
static inline uint32_t tcp_unacked(const struct tcp_conn *conn)
{
    return tcp_seq_before(conn->snd_una, conn->snd_end) ? conn->snd_end - conn->snd_una : 0;
}
// The gauge that counts it.
enum tcpstack_counter tcp_level_of(const struct tcp_conn *conn);
