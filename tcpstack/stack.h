// The stack's own structure, and the calls between its layers. Not for other folders.
#pragma once

#include <stddef.h>

#include "tcpstack/limit.h"
#include "tcpstack/neighbour.h"
#include "tcpstack/packet.h"
#include "tcpstack/tcp_conn.h"
#include "tcpstack/tcp_memory.h"
#include "tcpstack/trace.h"
#include "tcpstack/wheel.h"

enum {
    TCPSTACK_BURST = 64,
    TCPSTACK_OUTPUT_MAX = 4096, // frames waiting for tcpstack_take_output; a power of two
    TCPSTACK_MTU_MIN = 576,
    TCPSTACK_MTU_MIN_IPV6 = 1280, // RFC 8200 5
    // One frame is one mbuf of 2 KiB: a larger MTU is not used. Room is left for a VLAN tag.
    TCPSTACK_MTU_MAX = 2048 - 18,
};

// RFC 4862 5.4. Until they are announced all addresses are served.
enum tcpstack_address_state {
    TCPSTACK_ADDRESS_SERVED,
    TCPSTACK_ADDRESS_TENTATIVE, // being checked for duplicates
    TCPSTACK_ADDRESS_TAKEN,     // somebody else has it
};

// RFC 4443 4, RFC 4861 4.
enum {
    ICMPV6_UNREACHABLE = 1,
    ICMPV6_PACKET_TOO_BIG = 2,
    ICMPV6_TIME_EXCEEDED = 3,
    ICMPV6_PARAMETER_PROBLEM = 4,
    ICMPV6_ECHO_REQUEST = 128,
    ICMPV6_ECHO_REPLY = 129,
    ICMPV6_ROUTER_SOLICITATION = 133,
    ICMPV6_NEIGHBOUR_SOLICITATION = 135,
    ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136,
    ICMPV6_REDIRECT = 137,
};

struct tcpstack {
    uint64_t now; // as of the last call that was given the time
    struct tcpstack_options options;
    uint64_t counters[TCPSTACK_COUNTER_COUNT];

    struct tcp_table table;
    uint64_t hash_keys[7];   // of the table (tcp_key_hash)
    uint16_t ordinary_local; // our IPv4 address that the last ordinary frame was for
    struct tcp_traffic_pool traffic;
    struct tcp_traffic no_traffic;  // of every connection that has nothing on its way; all zero
    struct tcp_conn_queue ready;    // have events for the caller
    struct tcp_conn_queue told;     // told CLOSED; reaped at the next tcpstack_ready or _input
    struct tcp_traffic_list output; // owe the peer a segment or an ACK
    struct tcp_conn_list time_wait; // in TIME-WAIT and nobody's any more; the oldest first
    struct tcpstack_wheel wheel;
    struct tcp_memory memory;
    // Mbufs in all out-of-order queues together. Many connections with a few each could otherwise
    // empty the pool that the receive queues live on.
    uint32_t out_of_order, out_of_order_max;
    uint64_t out_of_order_arrivals; // orders the runs of a connection by age
    uint64_t cookies_until;         // when the last SYN cookie that was sent becomes invalid

    uint8_t address_states[TCPSTACK_ADDRESS_MAX];
    uint64_t address_check_ends; // UINT64_MAX when none is being checked
    struct tcpstack_neighbours neighbours;
    // What others can make us send, beside answers on connections.
    struct tcpstack_limit echo_limit, reset_limit, request_limit;

    unsigned output_head, output_count;
    struct rte_mbuf *output_frames[TCPSTACK_OUTPUT_MAX];
    struct tcpstack_packet packets[TCPSTACK_BURST];
    struct tcpstack_trace trace;
};

static inline void tcpstack_count(struct tcpstack *stack, unsigned counter)
{
    stack->counters[counter]++;
}

// Each layer checks its header and hands on. `packet->frame` stays the caller's unless NULLed.
unsigned tcpstack_eth_input(struct tcpstack *stack, struct tcpstack_packet *packet);
// ordinary.c
// Does the work of all layers for a frame like nearly all are: true is TCPSTACK_STAGED. False says
// nothing: the layers decide.
bool tcpstack_ordinary_parse(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_arp_input(struct tcpstack *stack, struct tcpstack_packet *packet);
// Whether the address (IPv4: host order) can be one other host's: no group's, no broadcast, not
// ours.
bool tcpstack_ipv4_is_peer(const struct tcpstack *stack, uint32_t address);
bool tcpstack_ipv6_is_peer(const struct tcpstack *stack, const uint8_t address[16]);
unsigned tcpstack_ipv4_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_ipv6_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_icmp_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_icmpv6_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_nd_input(struct tcpstack *stack, const struct tcpstack_packet *packet);
// The TCP header alone: fills the segment fields and the hash.
unsigned tcp_parse(struct tcpstack *stack, struct tcpstack_packet *packet);
// The state machine; the answer is never TCPSTACK_STAGED.
enum tcpstack_counter tcp_input(struct tcpstack *stack, struct tcpstack_packet *packet);

// Steps over extension headers: *at, *size and *protocol move to what follows them. Or the reason
// why they are refused.
unsigned tcpstack_ipv6_skip(const uint8_t **at, uint16_t *size, uint8_t *protocol);
void tcpstack_solicited_node(uint8_t group[16], const uint8_t address[16]);
bool tcpstack_ipv6_is_unspecified(const uint8_t address[16]);

// own_address.c
// The index of our address, -1 when it is not ours. Whether it is served, address_states says.
int tcpstack_local(const struct tcpstack *stack, const uint8_t address[16]);
bool tcpstack_is_own_mac(const struct tcpstack *stack, const uint8_t mac[6]);
// Somebody else has the address: it is not served.
void tcpstack_address_taken(struct tcpstack *stack, unsigned index);
// Takes addresses into use whose check is over.
void tcpstack_own_addresses_run(struct tcpstack *stack);

// The neighbour to send to, or NULL when there is no way.
const uint8_t *tcpstack_next_hop(const struct tcpstack *stack, const uint8_t remote[16],
                                 uint16_t local, uint8_t port);
// Asks who has `address`: everybody, or `mac` unless it is NULL.
void tcpstack_arp_ask(struct tcpstack *stack, const uint8_t address[16], uint16_t local,
                      uint8_t port, const uint8_t mac[6]);
void tcpstack_nd_ask(struct tcpstack *stack, const uint8_t address[16], uint16_t local,
                     uint8_t port, const uint8_t mac[6]);
// Tells everybody on the link that our address is here; `on` names port and VLAN.
void tcpstack_arp_announce(struct tcpstack *stack, const uint8_t address[16],
                           const struct tcpstack_link *on);
void tcpstack_nd_announce(struct tcpstack *stack, const uint8_t address[16],
                          const struct tcpstack_link *on);
// Asks whether anybody has an address that is to be ours.
void tcpstack_nd_check(struct tcpstack *stack, const uint8_t address[16],
                       const struct tcpstack_link *on);

// A frame from the pool, NULL and counted when there is none.
struct rte_mbuf *tcpstack_alloc(struct tcpstack *stack);
// Takes the frame over: queued for output, or freed and counted when the queue is full.
void tcpstack_push(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port);
static inline bool tcpstack_output_full(const struct tcpstack *stack)
{
    return stack->output_count == TCPSTACK_OUTPUT_MAX;
}

// Writes the header, and the tag if the link has one, at the beginning of the frame's data, and
// sets l2_len; returns what follows.
uint8_t *tcpstack_eth_write(struct tcpstack *stack, struct rte_mbuf *frame,
                            const struct tcpstack_link *to, uint16_t type);
// Writes the 20-byte header without its checksum; `size` is that of the payload. The sum of what it
// wrote, not folded (base/sum.h).
uint64_t tcpstack_ipv4_write(struct rte_ipv4_hdr *ip, uint32_t source, uint32_t destination,
                             uint8_t protocol, uint16_t size);
// Writes the 40-byte header; `size` is that of the payload.
void tcpstack_ipv6_write(struct rte_ipv6_hdr *ip, const uint8_t source[16],
                         const uint8_t destination[16], uint8_t protocol, uint16_t size);
