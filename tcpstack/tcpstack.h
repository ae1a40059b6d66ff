// A TCP/IP stack as a library: frames in, frames out. No thread, no clock, no randomness of its
// own: the caller passes `now` and a secret. One instance per worker; nothing is shared.
// After tcpstack_create nothing is allocated but mbufs from the pools the caller gave.
//
// The way of a frame: tcpstack_input -> eth -> arp | ipv4 -> icmp | tcp_input. Connections with
// something to tell are gathered once per call of tcpstack_ready; the caller reads spans
// (tcp_peek), writes replies in place (tcp_reserve/tcp_commit), and at the end of its iteration
// calls tcpstack_flush, which segments, lets ACKs ride on data, and leaves frames for
// tcpstack_take_output.
//
// All functions: only the worker that owns the stack. Times are microseconds of one monotonic
// clock that starts anywhere. Addresses are 16 bytes (tcpstack/address.h), ports in host order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcpstack/address.h"
#include "tcpstack/counters.h"

struct rte_mbuf;
struct rte_mempool;
struct tcpstack;
struct tcp_conn;

enum {
    TCPSTACK_ADDRESS_MAX = 16,
    TCPSTACK_GATEWAY_MAX = 16,
    TCPSTACK_VLAN_MAX = 8,    // per port
    TCPSTACK_PORT_MAX = 8,    // DPDK ports
    TCPSTACK_LISTEN_MAX = 16, // TCP ports listened on
    // Segments of a frame that a port cuts: with headers they stay below the 65,535 bytes of an IP
    // packet whatever the MTU.
    TCPSTACK_LARGE_SEGMENTS = 32,
};

// An address of ours with its prefix (tcpstack/address.h).
struct tcpstack_address {
    uint8_t address[16];
    uint8_t prefix_length; // of 128: 96 + n for IPv4
};

// A DPDK port as the stack sees it.
struct tcpstack_port {
    uint16_t port_id; // mbuf->port of frames from and to it
    uint8_t mac[6];
    uint16_t mtu; // bytes of IP packet, at least 576, or 1280 with IPv6 addresses
    // VLANs the port is a tagged member of. Frames without a tag, and with VLAN 0, are taken
    // always; a peer is answered with the tag it sent. What we begin goes untagged (tcp_connect).
    uint16_t vlans[TCPSTACK_VLAN_MAX];
    unsigned vlan_count;
    // RTE_ETH_TX_OFFLOAD_*: what may be left to the port. TCP_TSO with both checksums and
    // MULTI_SEGS only: then a frame may be a chain of up to TCPSTACK_LARGE_SEGMENTS mbufs.
    uint64_t tx_offloads;
    uint64_t rx_offloads; // RTE_ETH_RX_OFFLOAD_*: checksums the port has checked
};

enum tcpstack_congestion {
    TCPSTACK_CUBIC, // RFC 9438
    TCPSTACK_RENO,  // RFC 5681
};

// When a SYN is answered by a cookie instead of being remembered (RFC 4987).
enum tcpstack_cookies {
    TCPSTACK_COOKIES_WHEN_FULL, // when max_half_open is reached
    TCPSTACK_COOKIES_ALWAYS,
    TCPSTACK_COOKIES_NEVER, // then the SYN is dropped and counted
};

struct tcpstack_options {
    struct tcpstack_port ports[TCPSTACK_PORT_MAX];
    unsigned port_count;
    struct tcpstack_address addresses[TCPSTACK_ADDRESS_MAX];
    unsigned address_count;
    uint8_t gateways[TCPSTACK_GATEWAY_MAX][16];
    unsigned gateway_count;
    // Another stack has the same addresses and ports and answers ARP, neighbour solicitations and
    // echo requests for both. This one only listens to them.
    bool silent;
    uint16_t listen[TCPSTACK_LISTEN_MAX]; // TCP ports, host order
    unsigned listen_count;
    struct rte_mempool *pool; // transmit frames; made by tcpstack_pool_create
    uint32_t max_connections; // established and closing
    uint32_t max_half_open;   // SYN-RECEIVED at once; what is beyond is up to `cookies`
    enum tcpstack_cookies cookies;
    uint32_t receive_window; // bytes of unread data at most per connection; at least 65,536
    uint32_t transmit_limit; // bytes written and not yet acknowledged at most per connection
    uint8_t secret[16];      // random: sequence numbers, table seed
    // Offered to every peer otherwise.
    bool without_timestamps; // RFC 7323
    bool without_sack;       // RFC 2018, and with it RACK-TLP (RFC 8985)
    enum tcpstack_congestion congestion;
    // Keepalive (RFC 9293 3.8.4): after `idle` us of silence a probe, again every `interval` us,
    // and after `count` unanswered ones TCP_CLOSE_TIMED_OUT. Off while idle is 0.
    uint64_t keepalive_idle, keepalive_interval;
    uint8_t keepalive_count;
};

// A mempool whose mbufs have the private area the stack needs, for receive queues and transmit
// alike: `count` mbufs of 2 KiB data room. NULL with rte_errno. `cache` as rte_pktmbuf_pool_create.
struct rte_mempool *tcpstack_pool_create(const char *name, unsigned count, unsigned cache,
                                         int socket);

// NULL when there is no memory or an option is out of range. The options are copied.
struct tcpstack *tcpstack_create(const struct tcpstack_options *options, uint64_t now);
// Frees everything, mbufs included; sends nothing. Connections' user data is the caller's.
void tcpstack_destroy(struct tcpstack *stack);

// Takes `count` received frames (at most 64), which become the stack's.
void tcpstack_input(struct tcpstack *stack, struct rte_mbuf **frames, unsigned count, uint64_t now);
// Runs what is due. Call once per iteration.
void tcpstack_timers(struct tcpstack *stack, uint64_t now);
// Turns what was written, and ACKs that are owed, into frames.
void tcpstack_flush(struct tcpstack *stack, uint64_t now);
// Hands over up to `max` frames, the oldest first; mbuf->port says where to. They become the
// caller's. A port that takes less than it is given may free the rest: retransmission covers it.
// The stack keeps a second reference to frames with data, so a port must not be configured with
// RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, and nothing may write into these frames.
unsigned tcpstack_take_output(struct tcpstack *stack, struct rte_mbuf **ret_frames, unsigned max);
// When to call tcpstack_timers next (an absolute time), UINT64_MAX for never. It may be earlier
// than a timer is due, never later.
uint64_t tcpstack_next_timer(const struct tcpstack *stack);

// Announces the addresses on all ports; call once after they are up. IPv4 addresses by a gratuitous
// ARP. IPv6 addresses are checked for duplicates first (RFC 4862 5.4) and served and announced a
// second later; one that somebody else has is not served (counter "addresses_taken").
void tcpstack_announce(struct tcpstack *stack, uint64_t now);

// TCPSTACK_COUNTER_COUNT values, indexed by enum tcpstack_counter. Every frame given to
// tcpstack_input ends in exactly one of the accepted or dropped counters, so
// RX_FRAMES = RX_ACCEPTED + the sum of all BASE_COUNTER_DROP rows whose name begins "rx_drop".
const uint64_t *tcpstack_counters(const struct tcpstack *stack);
unsigned tcpstack_connections(const struct tcpstack *stack); // live, TIME-WAIT included

// ---- connections

enum tcp_event {
    TCP_EVENT_OPENED = 1,   // handshake done (passive open or tcp_connect)
    TCP_EVENT_READABLE = 2, // new in-order bytes
    TCP_EVENT_WRITABLE = 4, // room again after tcp_reserve or tcp_write found none
    TCP_EVENT_FINISHED = 8, // the peer's FIN arrived: no bytes follow those that are readable
    TCP_EVENT_CLOSED =
        16, // over, by both FINs, reset, abort or time-out (tcp_close_reason says which)
};

enum tcp_close_reason {
    TCP_CLOSE_NONE,
    TCP_CLOSE_FINISHED,    // both sides closed in order
    TCP_CLOSE_RESET,       // the peer's RST
    TCP_CLOSE_ABORTED,     // tcp_abort
    TCP_CLOSE_TIMED_OUT,   // retransmission, persist or keepalive gave up
    TCP_CLOSE_UNREACHABLE, // an ICMP error answered our SYN
};

struct tcp_span {
    const uint8_t *data;
    uint32_t size;
};

// Fills ret_conns with up to `max` connections that have events, each once; call until it gives 0.
// A connection with TCP_EVENT_CLOSED is handed out this one time, stays valid until the
// next call of tcpstack_ready or tcpstack_input, and must not be used after.
unsigned tcpstack_ready(struct tcpstack *stack, struct tcp_conn **ret_conns, unsigned max);
// Takes the events of a connection (a mask of tcp_event) and clears them.
unsigned tcp_take_events(struct tcp_conn *conn);

void tcp_set_user(struct tcp_conn *conn, void *user);
void *tcp_user(const struct tcp_conn *conn);

// Bytes in order and not consumed yet.
uint32_t tcp_readable(const struct tcp_conn *conn);
// The longest contiguous run of readable bytes from `offset` (counted from the first unconsumed
// byte); size 0 at the end. Valid until tcp_consume, or the connection is over.
struct tcp_span tcp_peek(const struct tcp_conn *conn, uint32_t offset);
// Copies `size` readable bytes from `offset`; the caller has checked that they are there.
void tcp_copy(const struct tcp_conn *conn, uint32_t offset, void *to, uint32_t size);
// Gives up the first `size` readable bytes: mbufs are freed, the window opens.
void tcp_consume(struct tcp_conn *conn, uint32_t size);

// Bytes that may be written now before transmit_limit is reached.
uint32_t tcp_writable(const struct tcp_conn *conn);
// Whether `size` bytes (at most transmit_limit) may be written now; if not, TCP_EVENT_WRITABLE
// follows when they may.
bool tcp_ensure(struct tcp_conn *conn, uint32_t size);
// Contiguous room for `size` bytes (at most tcp_segment_room) in the frame that will carry them;
// NULL when the limit or the pool is exhausted (TCP_EVENT_WRITABLE follows) or after tcp_close.
// Nothing is sent until tcp_commit; a second tcp_reserve replaces an uncommitted one, and
// tcp_write, tcpstack_timers and tcpstack_flush may drop it: commit before you call them.
uint8_t *tcp_reserve(struct tcp_conn *conn, uint32_t size);
void tcp_commit(struct tcp_conn *conn, uint32_t size);
// The same for a caller who knows what the bytes, at least one, sum up to (base_sum): the segment
// is not read again for its checksum.
void tcp_commit_summed(struct tcp_conn *conn, uint32_t size, uint16_t sum);
// Copies `size` bytes over as many segments as it takes; all or nothing, false when there is no
// room (TCP_EVENT_WRITABLE follows, but more than transmit_limit will never fit) or after
// tcp_close.
bool tcp_write(struct tcp_conn *conn, const void *data, uint32_t size);
// Largest size tcp_reserve takes: the effective send MSS.
uint32_t tcp_segment_room(const struct tcp_conn *conn);

// Sends what was written, then FIN. Input after this is acknowledged and discarded, so that the
// peer sees an orderly end and no RST. TCP_EVENT_CLOSED follows when both directions are done.
void tcp_close(struct tcp_conn *conn);
// Sends RST, frees everything; TCP_EVENT_CLOSED follows.
void tcp_abort(struct tcp_conn *conn);
// The same behind what was written, as far as the windows let it go out now.
void tcp_reset(struct tcp_conn *conn);
// Sends what was written and has not left yet one byte a segment, at most 64 of them in flight:
// a peer that takes segments for messages shows itself. Where an mbuf is missing, bytes stay
// together. What is written once all that has left goes out as ever.
void tcp_dribble(struct tcp_conn *conn);
enum tcp_close_reason tcp_close_reason(const struct tcp_conn *conn);

struct tcp_endpoints {
    uint8_t local[16], remote[16];
    uint16_t local_port, remote_port;
};
struct tcp_endpoints tcp_endpoints(const struct tcp_conn *conn);

// Active open: sends a SYN from `port_id` to `peer_mac`; when that is NULL, to the neighbour that
// prefixes and gateways say, once it has been found. TCP_EVENT_OPENED follows, or TCP_EVENT_CLOSED.
// The caller chooses the local port. NULL when that name is in use, the local address or port is
// not ours or not served, the remote address is a group's or a broadcast's or there is no way to
// it, or there are max_connections already.
struct tcp_conn *tcp_connect(struct tcpstack *stack, const struct tcp_endpoints *endpoints,
                             uint16_t port_id, const uint8_t peer_mac[6]);

// ---- flow to core

// The one flow-to-core function, shared by server, load generator and tests: Toeplitz over source
// and destination address and port with the symmetric key below, as RSS computes it. Frames
// that are not TCP right behind an IPv4 or IPv6 header (behind an extension header, that is) give
// 0. Any thread.
uint32_t tcpstack_flow_hash(const struct rte_mbuf *frame);
// Whether the frame belongs to no flow and may tell the stack of every worker something: ARP,
// neighbour discovery, ICMP errors. Any thread.
bool tcpstack_flow_is_everybodys(const struct rte_mbuf *frame);
// The same for a known flow, whichever side is asked about.
uint32_t tcpstack_flow_hash_of(const struct tcp_endpoints *endpoints);
enum { TCPSTACK_RSS_KEY_SIZE = 40 };
extern const uint8_t tcpstack_rss_key[TCPSTACK_RSS_KEY_SIZE]; // 0x6d 0x5a repeated
// Which of `cores` workers owns the flow with this hash. A port with RSS gets a redirection table
// filled with the same function of the row number.
enum { TCPSTACK_FLOW_ROWS = 128 };
static inline unsigned tcpstack_flow_core(uint32_t hash, unsigned cores)
{
    return hash % TCPSTACK_FLOW_ROWS % cores;
}
