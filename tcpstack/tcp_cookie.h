// SYN cookies (RFC 4987 3.6): a SYN is answered without remembering it, and what the answer must
// remember comes back in the ACK.
#pragma once

#include <stdbool.h>

#include "tcpstack/packet.h"
#include "tcpstack/tcp_options.h"

struct tcpstack;

// Answers a SYN with options that were well-formed.
void tcp_cookie_send(struct tcpstack *stack, const struct tcpstack_packet *packet,
                     const struct tcp_options *options);
// Whether any cookie that is out may still be valid: if not, an ACK cannot carry one.
bool tcp_cookies_out(const struct tcpstack *stack);
// Whether the segment acknowledges a cookie of ours; what is known of the SYN's options then.
bool tcp_cookie_check(const struct tcpstack *stack, const struct tcpstack_packet *packet,
                      struct tcp_options *ret_options);
