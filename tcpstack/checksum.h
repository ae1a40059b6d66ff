// Internet checksums (RFC 1071): by the port where it can, else here.
#pragma once

#include "tcpstack/stack.h"

struct tcp_header;

bool tcpstack_ipv4_checksum_ok(const struct tcpstack_packet *packet);
// The caller has checked the packet's lengths against the frame.
bool tcpstack_tcp_checksum_ok(const struct tcpstack_packet *packet);
// The sum over pseudo-header and `size` bytes of `protocol`: 0xffff when they hold a right
// checksum, the complement of the checksum when its field is zero.
uint16_t tcpstack_ipv6_sum(const struct rte_ipv6_hdr *ip, uint8_t protocol, const uint8_t *bytes,
                           uint16_t size);
// Of the IPv4 header, whose other bytes sum up to `sum`.
void tcpstack_ipv4_checksum_write(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                  struct rte_ipv4_hdr *ip, uint64_t sum);
// The TCP checksum of an outgoing frame: an offload flag, or the sum. The rest of all headers is
// written; `header` knows where the payload begins, and may know its sum; header_sum is that of the
// TCP header, not folded.
void tcpstack_tcp_checksum_write_ipv4(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                      struct rte_ipv4_hdr *ip, struct rte_tcp_hdr *tcp,
                                      const struct tcp_header *header, uint64_t header_sum);
void tcpstack_tcp_checksum_write_ipv6(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                      const struct rte_ipv6_hdr *ip, struct rte_tcp_hdr *tcp,
                                      const struct tcp_header *header, uint64_t header_sum);
