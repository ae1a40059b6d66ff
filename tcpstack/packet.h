// A received frame while it is being taken apart, and what the stack keeps beside every mbuf.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "tcpstack/tcp_options.h"
#include "tcpstack/tcpstack.h"

// Parsers answer with the counter of the reason, TCPSTACK_RX_ACCEPTED among them, or with this: the
// frame holds a sound TCP segment, and the second pass decides about it.
enum { TCPSTACK_STAGED = TCPSTACK_COUNTER_COUNT };

// The name of a connection. Hashed as bytes: no padding.
struct tcp_key {
    uint8_t remote[16];
    uint16_t local_port, remote_port;
    uint16_t local; // index of our address in the stack's options
};

// Where frames to a neighbour go: what its own frames came with.
struct tcpstack_link {
    uint8_t mac[6];
    uint16_t tci; // VLAN identifier and priority (IEEE 802.1Q 9.6), when tagged
    uint8_t port; // index in the stack's ports
    bool tagged;
    bool unresolved; // the MAC address is the neighbour table's to find
};

static inline uint16_t tcpstack_eth_size(const struct tcpstack_link *link)
{
    return (uint16_t)(sizeof(struct rte_ether_hdr) +
                      (link->tagged ? sizeof(struct rte_vlan_hdr) : 0));
}

struct tcpstack_packet {
    struct rte_mbuf *frame; // NULL once somebody has taken it over
    struct rte_ether_hdr *eth;
    uint8_t *network; // what follows the Ethernet header and the tag
    uint16_t network_size;
    struct rte_ipv4_hdr *ipv4; // one of these two; the other is NULL
    struct rte_ipv6_hdr *ipv6;
    bool ordinary;            // taken in one step (ordinary.c): `said` is filled
    bool multicast;           // IPv6: to one of our groups, and key.local says nothing
    const uint8_t *transport; // what follows the IP header and its extensions
    uint16_t transport_size;
    struct tcpstack_link link; // to the sender

    // The segment (RFC 9293 3.3.1: SEG.SEQ, SEG.ACK, SEG.WND), host byte order.
    uint8_t flags;
    struct tcp_key key; // its addresses are known as soon as IP has accepted the packet
    uint32_t hash;
    uint32_t sequence, acknowledgment;
    uint16_t window;
    uint16_t options_size;
    uint16_t size; // payload bytes that are left after trimming
    const uint8_t *options;
    const uint8_t *payload;
    struct tcp_options said; // the options, once there is a connection to read them for
};

// Where a segment of the transmit queue stands.
enum tcp_segment_fate {
    TCP_SEGMENT_UNSENT,
    TCP_SEGMENT_IN_FLIGHT,
    TCP_SEGMENT_LOST,   // to be sent again
    TCP_SEGMENT_SACKED, // the peer says it has it
};

// In the private area of every mbuf: which bytes of a stream it holds while a queue owns it.
struct tcp_segment {
    struct rte_mbuf *next; // in its queue, or in its run
    union {
        struct { // transmit: its place among those of its fate (tcp_flight.c)
            struct rte_mbuf *older, *newer;
            uint64_t sent_at; // last; 0 before
        };
        struct { // out of order, the first segment of a run
            struct rte_mbuf *next_run, *run_end;
            uint64_t arrived; // runs that grew later have a higher one
        };
    };
    uint32_t sequence; // of the first byte held
    uint16_t offset;   // of that byte from buf_addr
    uint16_t size;
    uint16_t sum;    // transmit, when `summed`: of its bytes (base/sum.h)
    bool fin;        // receive: a FIN follows the bytes
    bool summed;     // transmit
    bool sent_again; // transmit: an ACK does not tell which sending it answers (Karn)
    uint8_t fate;    // transmit: enum tcp_segment_fate
};

static inline struct tcp_segment *tcp_segment(struct rte_mbuf *frame)
{
    return rte_mbuf_to_priv(frame);
}

static inline uint8_t *tcp_segment_bytes(struct rte_mbuf *frame)
{
    return (uint8_t *)frame->buf_addr + tcp_segment(frame)->offset;
}

// Gives up the first `size` bytes.
static inline void tcp_segment_cut(struct tcp_segment *segment, uint32_t size)
{
    segment->sequence += size;
    segment->offset = (uint16_t)(segment->offset + size);
    segment->size = (uint16_t)(segment->size - size);
    segment->summed = false;
}
