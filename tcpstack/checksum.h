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
// The IPv4 header alone, for frames that carry something else than TCP.
void tcpstack_ipv4_checksum_write(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                  struct rte_ipv4_hdr *ip);
// All checksums of an outgoing TCP frame: offload flags, or sums. The checksum fields are zero, the
// rest is written; `header` knows where the payload begins, and may know its sum.
void tcpstack_tcp_checksum_write_ipv4(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                      struct rte_ipv4_hdr *ip, struct rte_tcp_hdr *tcp,
                                      const struct tcp_header *header);
void tcpstack_tcp_checksum_write_ipv6(struct tcpstack *stack, struct rte_mbuf *frame, uint8_t port,
                                      const struct rte_ipv6_hdr *ip, struct rte_tcp_hdr *tcp,
                                      const struct tcp_header *header);
