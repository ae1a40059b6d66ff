// Calls between the files of TCP. Not for other folders.
#pragma once

#include "tcpstack/stack.h"
#include "tcpstack/tcp_conn.h"
#include "tcpstack/tcp_options.h"
#include "tcpstack/tcp_seq.h"

enum {
    TCP_MSS_DEFAULT = 536, // RFC 9293 3.7.1
    TCP_MSS_MIN = 88,      // a smaller one would make us send mostly headers
};

// Times in microseconds.
#define TCP_RTO_INITIAL     UINT32_C(1000000)  // RFC 6298 2.1
#define TCP_RTO_LOST_SYN    UINT32_C(3000000)  // RFC 6298 5.7
#define TCP_RTO_MIN         UINT32_C(200000)   // below RFC 6298 2.4's second, as all stacks do
#define TCP_RTO_MAX         UINT32_C(60000000) // RFC 6298 2.5
#define TCP_ACK_DELAY       UINT64_C(40000)    // RFC 9293 3.8.6.3 allows 500 ms
#define TCP_TIME_WAIT_TIME  UINT64_C(10000000) // 2 MSL, with an MSL for local networks
#define TCP_FIN_WAIT_2_TIME UINT64_C(60000000) // without a sign of the peer
#define TCP_CHALLENGE_GAP   UINT32_C(50000)    // RFC 5961 7: one challenge ACK in this time
#define TCP_DEADLINE_MAX    (UINT64_C(24) * 24 * 3600 * 1000000) // what 31 bits of ticks hold
#define TCP_MEMORY_RETRY    UINT64_C(10000)
#define TCP_PROBE_MIN       UINT64_C(10000) // bursts and timers are coarser than a short round trip
#define TCP_PEER_ACK_DELAY  UINT64_C(50000) // what most peers delay an ACK at most, and a little

enum {
    TCP_RETRANSMIT_MAX = 10, // RFC 9293 3.8.3 R2: 162 s at the smallest RTO
    TCP_SYN_RETRANSMIT_MAX = 4,
    TCP_SACK_OPTION_MIN = 12,  // one block, padded
    TCP_TIMESTAMP_TICK = 1000, // us a TSval counts, the finest that RFC 7323 5.4 allows
    TCP_PROBE_MAX = 10,        // unanswered; answered ones too once the caller has closed
};

// Ticks of the wheel, for times that need not be finer (struct tcp_conn).
static inline uint32_t tcp_tick(const struct tcp_conn *conn)
{
    return (uint32_t)(conn->stack->now >> WHEEL_TICK_SHIFT);
}

static inline bool tcp_is_ipv6(const struct tcp_key *key)
{
    return !tcpstack_address_is_ipv4(key->remote);
}

// IP and TCP header without options.
static inline uint16_t tcp_headers_size(const struct tcp_key *key)
{
    return (
        uint16_t)((tcp_is_ipv6(key) ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr)) +
                  sizeof(struct rte_tcp_hdr));
}

// tcp_handshake.c
// RFC 9293 3.10.7.1 and 3.10.7.2: the states CLOSED and LISTEN.
enum tcpstack_counter tcp_no_connection(struct tcpstack *stack, struct tcpstack_packet *packet);
// RFC 4987: when the segment brings a valid SYN cookie, the connection in SYN-RECEIVED that would
// have been kept for it; else NULL, and *ret_reason is why the segment is refused.
struct tcp_conn *tcp_open_by_cookie(struct tcpstack *stack, struct tcpstack_packet *packet,
                                    enum tcpstack_counter *ret_reason);
// The MSS that we announce: RFC 9293 3.7.1, for the port's MTU.
uint16_t tcp_port_mss(const struct tcpstack *stack, uint8_t port, const struct tcp_key *key);
uint8_t tcp_receive_scale(const struct tcpstack *stack);
// RFC 9293 3.10.7.3.
enum tcpstack_counter tcp_syn_sent_input(struct tcp_conn *conn, struct tcpstack_packet *packet);
// RFC 1122 4.2.2.13 and RFC 6191: whether the segment is a SYN that may take the place of
// TIME-WAIT.
bool tcp_may_replace(const struct tcp_conn *conn, const struct tcpstack_packet *packet);
enum tcpstack_counter tcp_replace(struct tcp_conn *conn, struct tcpstack_packet *packet);
// The SYN-ACK (or SYN) of a connection, again too.
void tcp_send_syn(struct tcp_conn *conn);
void tcp_establish(struct tcp_conn *conn);

// tcp_timestamps.c
// What a connection's timestamps begin at: the same for every connection of one name, so that they
// never go back (RFC 6191).
uint32_t tcp_timestamp_offset(const struct tcpstack *stack, const struct tcp_key *key);
// TSval, for a name without a connection.
uint32_t tcp_timestamp_of(const struct tcpstack *stack, const struct tcp_key *key);
// TSval.
uint32_t tcp_timestamp(const struct tcp_conn *conn);
// RFC 7323 5.3 R1: TCPSTACK_RX_ACCEPTED, or why the segment must be dropped.
enum tcpstack_counter tcp_timestamp_judge(const struct tcp_conn *conn,
                                          const struct tcpstack_packet *packet);
// RFC 7323 5.3 R3, for a segment that is acceptable.
void tcp_timestamp_note(struct tcp_conn *conn, const struct tcpstack_packet *packet);
// RFC 7323 4: the round trip that TSecr tells; 0 when it tells none.
uint64_t tcp_timestamp_rtt(const struct tcp_conn *conn, const struct tcpstack_packet *packet);

// tcp_ack.c: RFC 9293 3.10.7.4 "fifth", for the states from ESTABLISHED on.
// False when the acknowledgement is outside what RFC 5961 5 accepts.
bool tcp_ack_acceptable(const struct tcp_conn *conn, const struct tcpstack_packet *packet);
void tcp_ack(struct tcp_conn *conn, const struct tcpstack_packet *packet);
void tcp_rtt_sample(struct tcp_conn *conn, uint64_t rtt);

// tcp_flight.c
// The segment goes out now, again too.
void tcp_flight_sent(struct tcp_conn *conn, struct rte_mbuf *frame);
void tcp_flight_lose(struct tcp_conn *conn, struct rte_mbuf *frame);
// All that was sent, in the order of the queue.
void tcp_flight_lose_all(struct tcp_conn *conn);
void tcp_flight_sack(struct tcp_conn *conn, struct rte_mbuf *frame);
// It leaves the queue.
void tcp_flight_leave(struct tcp_conn *conn, struct rte_mbuf *frame);
// `rest` was cut off the end of the segment and shares its fate.
void tcp_flight_split(struct tcp_conn *conn, struct rte_mbuf *frame, struct rte_mbuf *rest);
void tcp_flight_clear(struct tcp_conn *conn);

// tcp_sack.c
// Marks what the segment's blocks report.
void tcp_sack_input(struct tcp_conn *conn, const struct tcpstack_packet *packet);
// Whether the first block reports a duplicate (RFC 2883).
bool tcp_is_dsack(const struct tcpstack_packet *packet);

// tcp_rack.c: for connections with SACK, except the first.
// The segment, with its sending times still in it, was acknowledged or sacked.
void tcp_rack_delivered(struct tcp_conn *conn, const struct tcp_segment *segment,
                        const struct tcpstack_packet *packet);
// What follows an ACK at SND.UNA, after it was taken.
void tcp_rack_ack(struct tcp_conn *conn, const struct tcpstack_packet *packet, bool advanced);
// Finds losses and begins a recovery when it must.
void tcp_rack_recover(struct tcp_conn *conn);
void tcp_rack_recovered(struct tcp_conn *conn);
// How long after now a tail loss probe is due; UINT64_MAX when none may be sent.
uint64_t tcp_probe_timeout(const struct tcp_conn *conn);
void tcp_rack_probe(struct tcp_conn *conn);

// tcp_receive.c
// Takes the packet's bytes, which begin at RCV.NXT; refused when memory is critical.
enum tcpstack_counter tcp_deliver(struct tcp_conn *conn, struct tcpstack_packet *packet);
// Takes a frame over whose segment begins at RCV.NXT.
void tcp_append(struct tcp_conn *conn, struct rte_mbuf *frame);
// An ACK is owed: `now` at the end of this iteration, else with a reply or by the delayed ACK.
void tcp_owe_ack(struct tcp_conn *conn, bool now);
void tcp_free_readable(struct tcp_conn *conn);
// What may still be received beyond RCV.NXT.
uint32_t tcp_receive_room(const struct tcp_conn *conn);
// What an ACK may announce if nothing was announced yet: two segments while memory is short.
uint32_t tcp_window_to_offer(const struct tcp_conn *conn);

// tcp_reassembly.c
// Keeps a segment that begins beyond RCV.NXT.
enum tcpstack_counter tcp_keep_out_of_order(struct tcp_conn *conn, struct tcpstack_packet *packet,
                                            bool fin);
// Moves what has become in order; true when a FIN follows.
bool tcp_drain_out_of_order(struct tcp_conn *conn);
void tcp_free_out_of_order(struct tcp_conn *conn);
// The runs that are kept as SACK blocks, the one that grew last first; their number.
uint8_t tcp_sack_blocks(const struct tcp_conn *conn, struct tcp_sack_block blocks[TCP_SACK_MAX]);

// tcp_output.c
// The options of every segment but SYN; SACK blocks as far as `room` bytes hold them.
uint8_t tcp_write_options(const struct tcp_conn *conn, uint32_t room, uint8_t to[TCP_OPTIONS_MAX]);
void tcp_output(struct tcp_conn *conn);
void tcp_output_later(struct tcp_conn *conn);
void tcp_send_ack(struct tcp_conn *conn);
// Whether a segment waits that was never sent, or must be sent again.
bool tcp_has_unsent(const struct tcp_conn *conn);
// RFC 5961 7: at most one in TCP_CHALLENGE_GAP per connection.
void tcp_send_challenge_ack(struct tcp_conn *conn);
void tcp_send_keepalive(struct tcp_conn *conn);
// The first lost segment, or the first of all.
void tcp_retransmit_first(struct tcp_conn *conn);
// What was sent last.
void tcp_retransmit_last(struct tcp_conn *conn);
// One new segment beyond the congestion window; false when there is none that the peer has room
// for.
bool tcp_send_beyond_window(struct tcp_conn *conn);
void tcp_send_window_probe(struct tcp_conn *conn);

// tcp_reset.c
// RFC 9293 3.10.7.1: RST in answer to a segment that belongs to no connection.
void tcp_answer_reset(struct tcpstack *stack, const struct tcpstack_packet *packet);
void tcp_send_reset(struct tcp_conn *conn);

// tcp_header.c
// Ethernet, IP and TCP headers in front of the frame's `size` payload bytes, and checksums.
// `frame`'s data begins at the payload; options_size is a multiple of 4.
struct tcp_header {
    uint32_t sequence, acknowledgment;
    uint16_t window;
    uint8_t flags;
    uint8_t options_size;
    const uint8_t *options;             // NULL: none, or timestamps alone (TCP_TIMESTAMPS_SIZE):
    uint32_t timestamp, timestamp_echo; // these
    bool summed;                        // `sum` is of the payload (base/sum.h)
    uint16_t sum;
    // Of a large frame: bytes in the mbufs behind its first, and payload bytes of each segment that
    // the port is to cut it into; else 0.
    uint16_t behind, segment_size;
};
void tcp_send_frame(struct tcpstack *stack, struct rte_mbuf *frame, const struct tcp_key *key,
                    const struct tcpstack_link *link, const struct tcp_header *header);

// tcp_timer.c
// The wheel comes to the connection at `tick`.
void tcp_timer_arm(struct tcp_conn *conn, uint64_t tick);
// It comes at `tick` or before.
static inline void tcp_timer_come(struct tcp_conn *conn, uint64_t tick)
{
    if (unlikely(!tcpstack_timer_armed(&conn->timer) || conn->timer.tick > tick))
        tcp_timer_arm(conn, tick);
}
static inline void tcp_timer_set(struct tcp_conn *conn, enum tcp_timer_kind kind, uint64_t when)
{
    uint64_t tick = (when + (1u << WHEEL_TICK_SHIFT) - 1) >> WHEEL_TICK_SHIFT;
    conn->deadlines[kind] = (uint32_t)tick;
    conn->timers |= (uint8_t)(1u << kind);
    tcp_timer_come(conn, tick);
}
static inline void tcp_timer_clear(struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    conn->timers &= (uint8_t) ~(1u << kind);
}
static inline bool tcp_timer_running(const struct tcp_conn *conn, enum tcp_timer_kind kind)
{
    return conn->timers & 1u << kind;
}
void tcp_send_timer_set(struct tcp_conn *conn, enum tcp_send_timer kind, uint64_t when);
// Something is in flight: the retransmission timer, or the probe that comes before it.
void tcp_send_timer_start(struct tcp_conn *conn);
void tcp_send_timer_stop(struct tcp_conn *conn);
// The peer has shown that it is there.
void tcp_keepalive_heard(struct tcp_conn *conn);
// Everything off, out of the wheel.
void tcp_timers_stop(struct tcp_conn *conn);
void tcp_timer_fire(struct tcpstack_timer *timer, void *stack);

// tcp_send.c
void tcp_free_written(struct tcp_conn *conn);
void tcp_drop_reservation(struct tcp_conn *conn);
// Cuts the segment so that `size` bytes stay; the rest follows in a new one. False without mbuf.
bool tcp_split(struct tcp_conn *conn, struct rte_mbuf *frame, uint16_t size);

// tcp_close.c
void tcp_enter_time_wait(struct tcp_conn *conn);
// Whether another connection fits, if need be when the oldest in TIME-WAIT has gone.
bool tcp_room_for_another(const struct tcpstack *stack);
// Makes that room. False when there is none.
bool tcp_make_room(struct tcpstack *stack);

// stack.c
// Tells the caller; nothing after CLOSED, nothing before it knows of the connection.
void tcp_raise(struct tcp_conn *conn, unsigned events);
