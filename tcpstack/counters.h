// What the stack counts, declared once. A "rx_drop" row is the reason a frame was refused.
#pragma once

#include "base/counter.h"

#define TCPSTACK_COUNTERS(X)                                                                       \
    X(TCPSTACK_RX_FRAMES, "rx_frames", BASE_COUNTER_EVENT, "frames given to the stack")            \
    X(TCPSTACK_RX_ACCEPTED, "rx_accepted", BASE_COUNTER_EVENT, "frames taken and acted on")        \
    X(TCPSTACK_RX_DROP_PORT, "rx_drop_port", BASE_COUNTER_DROP,                                    \
      "came from a port the stack was not given")                                                  \
    X(TCPSTACK_RX_DROP_MULTI_SEGMENT, "rx_drop_multi_segment", BASE_COUNTER_DROP,                  \
      "spread over several mbufs: larger than the MTU")                                            \
    X(TCPSTACK_RX_DROP_ETH_SHORT, "rx_drop_eth_short", BASE_COUNTER_DROP,                          \
      "shorter than an Ethernet header")                                                           \
    X(TCPSTACK_RX_DROP_ETH_SOURCE, "rx_drop_eth_source", BASE_COUNTER_DROP,                        \
      "source MAC address is zero or a group address")                                             \
    X(TCPSTACK_RX_DROP_ETH_NOT_OURS, "rx_drop_eth_not_ours", BASE_COUNTER_DROP,                    \
      "destination MAC address is not the port's")                                                 \
    X(TCPSTACK_RX_DROP_ETH_VLAN, "rx_drop_eth_vlan", BASE_COUNTER_DROP,                            \
      "carries a tag of a VLAN the port is not a member of, or two tags")                          \
    X(TCPSTACK_RX_DROP_ETH_TYPE, "rx_drop_eth_type", BASE_COUNTER_DROP, "neither ARP nor IP")      \
    X(TCPSTACK_RX_DROP_ARP_MALFORMED, "rx_drop_arp_malformed", BASE_COUNTER_DROP,                  \
      "ARP too short or not for IPv4 over Ethernet")                                               \
    X(TCPSTACK_RX_DROP_ARP_NOT_OURS, "rx_drop_arp_not_ours", BASE_COUNTER_DROP,                    \
      "ARP that does not ask for an address of ours")                                              \
    X(TCPSTACK_RX_DROP_IP_SHORT, "rx_drop_ip_short", BASE_COUNTER_DROP,                            \
      "shorter than an IP header")                                                                 \
    X(TCPSTACK_RX_DROP_IP_VERSION, "rx_drop_ip_version", BASE_COUNTER_DROP,                        \
      "IP version is not the EtherType's")                                                         \
    X(TCPSTACK_RX_DROP_IP_HEADER_LENGTH, "rx_drop_ip_header_length", BASE_COUNTER_DROP,            \
      "IPv4 header length below 20 or beyond the packet")                                          \
    X(TCPSTACK_RX_DROP_IP_TOTAL_LENGTH, "rx_drop_ip_total_length", BASE_COUNTER_DROP,              \
      "IP length beyond the frame or below the header")                                            \
    X(TCPSTACK_RX_DROP_IP_CHECKSUM, "rx_drop_ip_checksum", BASE_COUNTER_DROP,                      \
      "IPv4 header checksum is wrong")                                                             \
    X(TCPSTACK_RX_DROP_IP_NOT_OURS, "rx_drop_ip_not_ours", BASE_COUNTER_DROP,                      \
      "IP destination is not an address of ours (broadcast and multicast too)")                    \
    X(TCPSTACK_RX_DROP_IP_NOT_SERVED, "rx_drop_ip_not_served", BASE_COUNTER_DROP,                  \
      "IPv6 destination is ours but being checked for duplicates, or found to be one")             \
    X(TCPSTACK_RX_DROP_IP_SOURCE, "rx_drop_ip_source", BASE_COUNTER_DROP,                          \
      "IP source is broadcast, multicast, loopback, zero, our own or of the other family")         \
    X(TCPSTACK_RX_DROP_IP_FRAGMENT, "rx_drop_ip_fragment", BASE_COUNTER_DROP,                      \
      "IP fragment (never reassembled, by policy)")                                                \
    X(TCPSTACK_RX_DROP_IP6_EXTENSION, "rx_drop_ip6_extension", BASE_COUNTER_DROP,                  \
      "malformed extension header, or an option that asks to be discarded")                        \
    X(TCPSTACK_RX_DROP_IP6_EXTENSION_LIMIT, "rx_drop_ip6_extension_limit", BASE_COUNTER_DROP,      \
      "more than 8 extension headers or 256 bytes of them")                                        \
    X(TCPSTACK_RX_DROP_IP6_ROUTING, "rx_drop_ip6_routing", BASE_COUNTER_DROP,                      \
      "routing header with segments left (source routing, by policy)")                             \
    X(TCPSTACK_RX_DROP_IP_PROTOCOL, "rx_drop_ip_protocol", BASE_COUNTER_DROP,                      \
      "neither TCP nor ICMP, nor an extension header we know")                                     \
    X(TCPSTACK_RX_DROP_ICMP_SHORT, "rx_drop_icmp_short", BASE_COUNTER_DROP,                        \
      "shorter than an ICMP header")                                                               \
    X(TCPSTACK_RX_DROP_ICMP_CHECKSUM, "rx_drop_icmp_checksum", BASE_COUNTER_DROP,                  \
      "ICMP checksum is wrong")                                                                    \
    X(TCPSTACK_RX_DROP_ICMP_TYPE, "rx_drop_icmp_type", BASE_COUNTER_DROP,                          \
      "ICMP neither an echo request nor an error")                                                 \
    X(TCPSTACK_RX_DROP_ICMP_LIMITED, "rx_drop_icmp_limited", BASE_COUNTER_DROP,                    \
      "echo request beyond the limit of answers")                                                  \
    X(TCPSTACK_RX_DROP_ICMP_QUOTE, "rx_drop_icmp_quote", BASE_COUNTER_DROP,                        \
      "ICMP error about something else than a TCP segment of ours")                                \
    X(TCPSTACK_RX_DROP_ICMP_NO_CONNECTION, "rx_drop_icmp_no_connection", BASE_COUNTER_DROP,        \
      "ICMP error about a connection that does not exist")                                         \
    X(TCPSTACK_RX_DROP_ICMP_SEQUENCE, "rx_drop_icmp_sequence", BASE_COUNTER_DROP,                  \
      "ICMP error about a segment that is not in flight (RFC 5927)")                               \
    X(TCPSTACK_RX_DROP_ICMP_MTU, "rx_drop_icmp_mtu", BASE_COUNTER_DROP,                            \
      "ICMP error that would not lower the path MTU, or below its floor")                          \
    X(TCPSTACK_RX_DROP_ND_MALFORMED, "rx_drop_nd_malformed", BASE_COUNTER_DROP,                    \
      "neighbour discovery that RFC 4861 7.1 calls invalid")                                       \
    X(TCPSTACK_RX_DROP_ND_NOT_OURS, "rx_drop_nd_not_ours", BASE_COUNTER_DROP,                      \
      "neighbour discovery about nobody we serve or know")                                         \
    X(TCPSTACK_RX_DROP_ND_ROUTER, "rx_drop_nd_router", BASE_COUNTER_DROP,                          \
      "router solicitation, router advertisement or redirect (ignored)")                           \
    X(TCPSTACK_RX_DROP_TCP_SHORT, "rx_drop_tcp_short", BASE_COUNTER_DROP,                          \
      "shorter than a TCP header")                                                                 \
    X(TCPSTACK_RX_DROP_TCP_OFFSET, "rx_drop_tcp_offset", BASE_COUNTER_DROP,                        \
      "TCP data offset below 5 or beyond the packet")                                              \
    X(TCPSTACK_RX_DROP_TCP_CHECKSUM, "rx_drop_tcp_checksum", BASE_COUNTER_DROP,                    \
      "TCP checksum is wrong")                                                                     \
    X(TCPSTACK_RX_DROP_TCP_PORT_ZERO, "rx_drop_tcp_port_zero", BASE_COUNTER_DROP,                  \
      "TCP source or destination port is 0")                                                       \
    X(TCPSTACK_RX_DROP_TCP_NO_LISTENER, "rx_drop_tcp_no_listener", BASE_COUNTER_DROP,              \
      "nobody listens on the TCP port (answered with RST)")                                        \
    X(TCPSTACK_RX_DROP_TCP_NO_CONNECTION, "rx_drop_tcp_no_connection", BASE_COUNTER_DROP,          \
      "not a SYN and no such connection (answered with RST when it has ACK)")                      \
    X(TCPSTACK_RX_DROP_TCP_STRAY_RESET, "rx_drop_tcp_stray_reset", BASE_COUNTER_DROP,              \
      "RST for a connection that does not exist")                                                  \
    X(TCPSTACK_RX_DROP_TCP_OPTIONS, "rx_drop_tcp_options", BASE_COUNTER_DROP,                      \
      "SYN, or segment of a connection, with malformed options")                                   \
    X(TCPSTACK_RX_DROP_TCP_PAWS, "rx_drop_tcp_paws", BASE_COUNTER_DROP,                            \
      "timestamp older than the newest one seen (RFC 7323, answered with ACK)")                    \
    X(TCPSTACK_RX_DROP_TCP_NO_TIMESTAMP, "rx_drop_tcp_no_timestamp", BASE_COUNTER_DROP,            \
      "no timestamp where both sides agreed on them (RFC 7323)")                                   \
    X(TCPSTACK_RX_DROP_TCP_SYN_FIN, "rx_drop_tcp_syn_fin", BASE_COUNTER_DROP,                      \
      "SYN together with FIN")                                                                     \
    X(TCPSTACK_RX_DROP_TCP_HALF_OPEN_FULL, "rx_drop_tcp_half_open_full", BASE_COUNTER_DROP,        \
      "SYN beyond max_half_open")                                                                  \
    X(TCPSTACK_RX_DROP_TCP_COOKIE, "rx_drop_tcp_cookie", BASE_COUNTER_DROP,                        \
      "ACK to a listener with no valid SYN cookie while some are out (answered with RST)")         \
    X(TCPSTACK_RX_DROP_TCP_SYN_SHED, "rx_drop_tcp_syn_shed", BASE_COUNTER_DROP,                    \
      "SYN while packet buffers are short (below 1/8 of the pool)")                                \
    X(TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL, "rx_drop_tcp_connections_full", BASE_COUNTER_DROP,    \
      "SYN or its ACK beyond max_connections")                                                     \
    X(TCPSTACK_RX_DROP_TCP_SYN_REPEATED, "rx_drop_tcp_syn_repeated", BASE_COUNTER_DROP,            \
      "SYN of a half-open connection again (answered with the SYN-ACK again)")                     \
    X(TCPSTACK_RX_DROP_TCP_DUPLICATE, "rx_drop_tcp_duplicate", BASE_COUNTER_DROP,                  \
      "every byte was received before (answered with ACK)")                                        \
    X(TCPSTACK_RX_DROP_TCP_OUT_OF_WINDOW, "rx_drop_tcp_out_of_window", BASE_COUNTER_DROP,          \
      "sequence numbers outside the receive window")                                               \
    X(TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_FULL, "rx_drop_tcp_out_of_order_full", BASE_COUNTER_DROP,  \
      "the connection's out-of-order queue, or the stack's share of the pool, is full")            \
    X(TCPSTACK_RX_DROP_TCP_OUT_OF_ORDER_SHED, "rx_drop_tcp_out_of_order_shed", BASE_COUNTER_DROP,  \
      "out of order while packet buffers are short (below 1/8 of the pool)")                       \
    X(TCPSTACK_RX_DROP_TCP_DATA_SHED, "rx_drop_tcp_data_shed", BASE_COUNTER_DROP,                  \
      "data for a connection with unread data while packet buffers are very short (below 1/16)")   \
    X(TCPSTACK_RX_DROP_TCP_RESET_CHALLENGED, "rx_drop_tcp_reset_challenged", BASE_COUNTER_DROP,    \
      "RST in the window but not exact (RFC 5961)")                                                \
    X(TCPSTACK_RX_DROP_TCP_RESET_TIME_WAIT, "rx_drop_tcp_reset_time_wait", BASE_COUNTER_DROP,      \
      "RST in TIME-WAIT (RFC 1337)")                                                               \
    X(TCPSTACK_RX_DROP_TCP_SYN_CHALLENGED, "rx_drop_tcp_syn_challenged", BASE_COUNTER_DROP,        \
      "SYN in a synchronized state (RFC 5961)")                                                    \
    X(TCPSTACK_RX_DROP_TCP_SYN_RESTART, "rx_drop_tcp_syn_restart", BASE_COUNTER_DROP,              \
      "another SYN in SYN-RECEIVED: the half-open connection is given up")                         \
    X(TCPSTACK_RX_DROP_TCP_NO_SYN, "rx_drop_tcp_no_syn", BASE_COUNTER_DROP,                        \
      "no SYN while ours is unanswered")                                                           \
    X(TCPSTACK_RX_DROP_TCP_NO_ACK, "rx_drop_tcp_no_ack", BASE_COUNTER_DROP,                        \
      "no ACK where one is required")                                                              \
    X(TCPSTACK_RX_DROP_TCP_BAD_ACK, "rx_drop_tcp_bad_ack", BASE_COUNTER_DROP,                      \
      "acknowledges what was never sent, or is far too old (RFC 5961)")                            \
    X(TCPSTACK_RX_DROP_TCP_AFTER_FIN, "rx_drop_tcp_after_fin", BASE_COUNTER_DROP,                  \
      "bytes beyond the peer's FIN")                                                               \
    X(TCPSTACK_TX_FRAMES, "tx_frames", BASE_COUNTER_EVENT, "frames queued for output")             \
    X(TCPSTACK_TX_DROP_QUEUE_FULL, "tx_drop_queue_full", BASE_COUNTER_DROP,                        \
      "frames discarded because the output queue was full")                                        \
    X(TCPSTACK_TX_DROP_NO_MBUF, "tx_drop_no_mbuf", BASE_COUNTER_DROP,                              \
      "frames not built because the pool was empty")                                               \
    X(TCPSTACK_TX_DROP_UNRESOLVED, "tx_drop_unresolved", BASE_COUNTER_DROP,                        \
      "frames discarded because their neighbour did not answer, or too many waited for it")        \
    X(TCPSTACK_NEIGHBOUR_REQUESTS, "neighbour_requests", BASE_COUNTER_EVENT,                       \
      "ARP requests and neighbour solicitations sent")                                             \
    X(TCPSTACK_NEIGHBOUR_REQUESTS_LIMITED, "neighbour_requests_limited", BASE_COUNTER_EVENT,       \
      "those held back by their limit")                                                            \
    X(TCPSTACK_NEIGHBOURS_FAILED, "neighbours_failed", BASE_COUNTER_EVENT,                         \
      "neighbours that did not answer")                                                            \
    X(TCPSTACK_ADDRESSES_TAKEN, "addresses_taken", BASE_COUNTER_EVENT,                             \
      "addresses of ours not served because somebody else has them")                               \
    X(TCPSTACK_ADDRESS_CONFLICTS, "address_conflicts", BASE_COUNTER_EVENT,                         \
      "frames of somebody else who says that an address we serve is his")                          \
    X(TCPSTACK_ND_ADVERTISEMENTS, "nd_advertisements", BASE_COUNTER_EVENT,                         \
      "neighbour solicitations answered")                                                          \
    X(TCPSTACK_ICMP_ERRORS_NOTED, "icmp_errors_noted", BASE_COUNTER_EVENT,                         \
      "ICMP errors about segments in flight that end nothing")                                     \
    X(TCPSTACK_TCP_UNREACHABLE, "tcp_unreachable", BASE_COUNTER_EVENT,                             \
      "opens ended by an ICMP error")                                                              \
    X(TCPSTACK_TCP_PATH_MTU_LOWERED, "tcp_path_mtu_lowered", BASE_COUNTER_EVENT,                   \
      "connections told by ICMP to send smaller segments")                                         \
    X(TCPSTACK_ARP_REPLIES, "arp_replies", BASE_COUNTER_EVENT, "ARP requests answered")            \
    X(TCPSTACK_ICMP_ECHOES, "icmp_echoes", BASE_COUNTER_EVENT, "echo requests answered")           \
    X(TCPSTACK_TCP_SYNS, "tcp_syns", BASE_COUNTER_EVENT, "SYNs that began a half-open connection") \
    X(TCPSTACK_TCP_OPENS_PASSIVE, "tcp_opens_passive", BASE_COUNTER_EVENT,                         \
      "connections opened by a peer")                                                              \
    X(TCPSTACK_TCP_OPENS_ACTIVE, "tcp_opens_active", BASE_COUNTER_EVENT,                           \
      "connections opened by us")                                                                  \
    X(TCPSTACK_TCP_HALF_OPEN_EXPIRED, "tcp_half_open_expired", BASE_COUNTER_EVENT,                 \
      "half-open connections whose ACK never came")                                                \
    X(TCPSTACK_TCP_COOKIES_SENT, "tcp_cookies_sent", BASE_COUNTER_EVENT,                           \
      "SYNs answered by a SYN cookie")                                                             \
    X(TCPSTACK_TCP_COOKIES_ACCEPTED, "tcp_cookies_accepted", BASE_COUNTER_EVENT,                   \
      "connections opened by a SYN cookie that came back")                                         \
    X(TCPSTACK_TCP_RESETS_RECEIVED, "tcp_resets_received", BASE_COUNTER_EVENT,                     \
      "connections ended by the peer's RST")                                                       \
    X(TCPSTACK_TCP_RESETS_SENT, "tcp_resets_sent", BASE_COUNTER_EVENT, "RSTs sent")                \
    X(TCPSTACK_TCP_RESETS_LIMITED, "tcp_resets_limited", BASE_COUNTER_EVENT,                       \
      "RSTs to strangers held back by their limit")                                                \
    X(TCPSTACK_TCP_TIMED_OUT, "tcp_timed_out", BASE_COUNTER_EVENT,                                 \
      "connections given up because the peer stayed silent")                                       \
    X(TCPSTACK_TCP_FAST_PATH, "tcp_fast_path", BASE_COUNTER_EVENT,                                 \
      "segments taken by the fast path")                                                           \
    X(TCPSTACK_TCP_COALESCED, "tcp_coalesced", BASE_COUNTER_EVENT,                                 \
      "small segments copied behind the one before")                                               \
    X(TCPSTACK_TCP_OUT_OF_ORDER, "tcp_out_of_order", BASE_COUNTER_EVENT,                           \
      "segments queued out of order")                                                              \
    X(TCPSTACK_TCP_OUT_OF_ORDER_EVICTED, "tcp_out_of_order_evicted", BASE_COUNTER_EVENT,           \
      "segments taken out of an out-of-order queue that is full, or when buffers are short")       \
    X(TCPSTACK_TCP_WRITES_HELD_BACK, "tcp_writes_held_back", BASE_COUNTER_EVENT,                   \
      "writes put off while packet buffers are very short (below 1/16 of the pool)")               \
    X(TCPSTACK_TCP_STUCK_RESET, "tcp_stuck_reset", BASE_COUNTER_EVENT,                             \
      "connections reset that held packet buffers without progress while those were short")        \
    X(TCPSTACK_TCP_TIME_WAIT_EVICTED, "tcp_time_wait_evicted", BASE_COUNTER_EVENT,                 \
      "connections in TIME-WAIT that ended early for a new one")                                   \
    X(TCPSTACK_TCP_DUPLICATE_ACKS, "tcp_duplicate_acks", BASE_COUNTER_EVENT,                       \
      "duplicate ACKs received")                                                                   \
    X(TCPSTACK_TCP_LARGE_SENT, "tcp_large_sent", BASE_COUNTER_EVENT,                               \
      "frames of several segments that the port was left to cut")                                  \
    X(TCPSTACK_TCP_RETRANSMITS, "tcp_retransmits", BASE_COUNTER_EVENT, "segments sent again")      \
    X(TCPSTACK_TCP_FAST_RETRANSMITS, "tcp_fast_retransmits", BASE_COUNTER_EVENT,                   \
      "recoveries begun by duplicate ACKs or SACK")                                                \
    X(TCPSTACK_TCP_TAIL_PROBES, "tcp_tail_probes", BASE_COUNTER_EVENT,                             \
      "probes of a flight whose tail may be lost (RFC 8985)")                                      \
    X(TCPSTACK_TCP_SACK_RENEGED, "tcp_sack_reneged", BASE_COUNTER_EVENT,                           \
      "time-outs of a segment that the peer had reported as received")                             \
    X(TCPSTACK_TCP_KEEPALIVES, "tcp_keepalives", BASE_COUNTER_EVENT, "keepalive probes sent")      \
    X(TCPSTACK_TCP_RTO_EXPIRED, "tcp_rto_expired", BASE_COUNTER_EVENT,                             \
      "expiries of a retransmission timer")                                                        \
    X(TCPSTACK_TCP_WINDOW_PROBES, "tcp_window_probes", BASE_COUNTER_EVENT,                         \
      "probes of a closed window")                                                                 \
    X(TCPSTACK_TCP_DELAYED_ACKS, "tcp_delayed_acks", BASE_COUNTER_EVENT,                           \
      "ACKs sent because their delay ran out")                                                     \
    X(TCPSTACK_TCP_CHALLENGE_ACKS, "tcp_challenge_acks", BASE_COUNTER_EVENT,                       \
      "challenge ACKs sent")                                                                       \
    X(TCPSTACK_TCP_CHALLENGES_LIMITED, "tcp_challenges_limited", BASE_COUNTER_EVENT,               \
      "challenge ACKs held back by the connection's limit")                                        \
    X(TCPSTACK_TCP_CONNECTIONS, "tcp_connections", BASE_COUNTER_GAUGE,                             \
      "connections, TIME-WAIT included")                                                           \
    X(TCPSTACK_TCP_HALF_OPEN, "tcp_half_open", BASE_COUNTER_GAUGE, "half-open connections")

enum tcpstack_counter { TCPSTACK_COUNTERS(BASE_COUNTER_ENUM) TCPSTACK_COUNTER_COUNT };

// TCPSTACK_COUNTER_COUNT rows. Any thread.
extern const struct base_counter tcpstack_counter_rows[];
