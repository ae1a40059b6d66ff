// The stack's own structure, and the calls between its layers. Not for other folders.
#pragma once

#include <stddef.h>

#include "tcpstack/packet.h"
#include "tcpstack/tcp_conn.h"
#include "tcpstack/wheel.h"

enum {
    TCPSTACK_BURST = 64,
    TCPSTACK_OUTPUT_MAX = 4096, // frames waiting for tcpstack_take_output; a power of two
    TCPSTACK_MTU_MIN = 576,
    // One frame is one mbuf of 2 KiB: a larger MTU is not used. Room is left for a VLAN tag.
    TCPSTACK_MTU_MAX = 2048 - 18,
};

struct tcpstack {
    uint64_t now; // as of the last call that was given the time
    struct tcpstack_options options;
    uint64_t counters[TCPSTACK_COUNTER_COUNT];

    struct tcp_table table;
    struct tcp_conn_list ready;  // have events for the caller
    struct tcp_conn_list told;   // told CLOSED; reaped at the next tcpstack_ready or _input
    struct tcp_conn_list output; // owe the peer a segment or an ACK
    struct tcpstack_wheel wheel;
    // Mbufs in all out-of-order queues together. Many connections with a few each could otherwise
    // empty the pool that the receive queues live on.
    uint32_t out_of_order, out_of_order_max;
    uint64_t out_of_order_arrivals; // orders the runs of a connection by age

    unsigned output_head, output_count;
    struct rte_mbuf *output_frames[TCPSTACK_OUTPUT_MAX];
    struct tcpstack_packet packets[TCPSTACK_BURST];
};

static inline void tcpstack_count(struct tcpstack *stack, unsigned counter)
{
    stack->counters[counter]++;
}

// Each layer checks its header and hands on. `packet->frame` stays the caller's unless NULLed.
unsigned tcpstack_eth_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_arp_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_ipv4_input(struct tcpstack *stack, struct tcpstack_packet *packet);
unsigned tcpstack_icmp_input(struct tcpstack *stack, struct tcpstack_packet *packet);
// The TCP header alone: fills the segment fields and the hash.
unsigned tcp_parse(struct tcpstack *stack, struct tcpstack_packet *packet);
// The state machine; the answer is never TCPSTACK_STAGED.
enum tcpstack_counter tcp_input(struct tcpstack *stack, struct tcpstack_packet *packet);

// The index of our address, -1 when it is not ours.
int tcpstack_local(const struct tcpstack *stack, const uint8_t address[16]);
// A frame from the pool, NULL and counted when there is none.
struct rte_mbuf *tcpstack_alloc(struct tcpstack *stack);
// Takes the frame over: queued for output, or freed and counted when the queue is full.
void tcpstack_push(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port);
static inline bool tcpstack_output_full(const struct tcpstack *stack)
{
    return stack->output_count == TCPSTACK_OUTPUT_MAX;
}

void tcpstack_eth_write(struct tcpstack *stack, struct rte_ether_hdr *eth,
                        const struct tcpstack_link *to, uint16_t type);
// Writes the 20-byte header without its checksum; `size` is that of the payload.
void tcpstack_ipv4_write(struct rte_ipv4_hdr *ip, uint32_t source, uint32_t destination,
                         uint8_t protocol, uint16_t size);
