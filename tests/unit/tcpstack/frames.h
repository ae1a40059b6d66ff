// Frames other than TCP segments, as the client's kernel would send them. Checksums are right.
#pragma once

#include "tests/unit/tcpstack/harness.h"

enum { FRAME_SOLICITED = 0x40, FRAME_OVERRIDE = 0x20 };

struct frame {
    uint16_t size;
    uint8_t bytes[HARNESS_SEGMENT_MAX];
};

extern const uint8_t frame_all_nodes[16];

void frame_solicited_node(uint8_t group[16], const uint8_t address[16]);
// An IPv6 packet, to the server's MAC address or to the group's.
struct frame frame_ipv6(const uint8_t source[16], const uint8_t destination[16], uint8_t protocol,
                        const void *payload, uint16_t size);
// `message` is an ICMPv6 message whose checksum is filled in; hop limit 255.
struct frame frame_icmpv6(const uint8_t source[16], const uint8_t destination[16],
                          const void *message, uint16_t size);
// Fills the checksum of a frame of frame_icmpv6 in again.
void frame_fix_icmpv6(struct frame *frame);
// `mac` NULL: without option; `source` NULL: from nobody.
struct frame frame_solicitation(const uint8_t source[16], const uint8_t target[16],
                                const uint8_t mac[6]);
struct frame frame_advertisement(const uint8_t destination[16], const uint8_t target[16],
                                 uint8_t flags, const uint8_t mac[6]);
struct frame frame_arp(uint16_t operation, uint32_t sender, const uint8_t mac[6], uint32_t target);
// An echo request of the family under test, with `size` bytes of pattern.
struct frame frame_echo(const struct harness *h, uint16_t size);
// An ICMP error of the family under test about `sent`, a frame of the stack's, of which
// `quoted` bytes from the IP header on come back. Takes `sent`'s bytes, not the frame.
struct frame frame_error(const struct harness *h, uint8_t type, uint8_t code, uint32_t rest,
                         const uint8_t *sent, uint16_t quoted);
// Puts a VLAN tag into it.
void frame_tag(struct frame *frame, uint16_t tci);

void frame_input(struct harness *h, const struct frame *frame);
// An mbuf's bytes, which is freed.
struct frame frame_of(struct rte_mbuf *mbuf);
