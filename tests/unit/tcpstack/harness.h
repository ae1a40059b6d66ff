// A real stack, a wire that the test holds both ends of, and virtual time. For tests of this folder
// and of those above it (meson: tcpstack_harness).
//
//     cmocka_run_group_tests(tests, harness_start, NULL)   starts the EAL, once per program
//     cmocka_unit_test_setup_teardown(test, harness_setup, harness_teardown)
//     HARNESS_BOTH(test)   the same twice: over IPv4, and over IPv6 with the same MSS
//
// The teardown asserts that every mbuf is back in the pool and that the counters add up.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "tcpstack/tcpstack.h"

enum {
    HARNESS_MBUFS = 2047,
    HARNESS_PORT = 3,                 // DPDK port of the stack
    HARNESS_TCP_PORT = 135,           // listened on
    HARNESS_SERVER_IPV4 = 0x0a870002, // 10.135.0.2/24
    HARNESS_CLIENT_IPV4 = 0x0a870001,
    HARNESS_IPV6_MTU = 1520,
    HARNESS_MSS = 1460,
    HARNESS_SEGMENT_MAX = 2048,
};

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

#define HARNESS_BOTH(test)                                                                         \
    {#test, test, harness_setup, harness_teardown, NULL},                                          \
    {                                                                                              \
#test "_over_ipv6", test, harness_setup_ipv6, harness_teardown, NULL                       \
    }

extern const uint8_t harness_server_mac[6], harness_client_mac[6];
extern const uint8_t harness_server_ipv6[16], harness_client_ipv6[16]; // fd00:135::2/64 and ::1

struct harness {
    struct rte_mempool *pool;
    struct tcpstack_options options;
    struct tcpstack *stack;
    uint64_t now;
    // Of the family under test.
    uint8_t server[16], client[16];
    uint16_t headers; // Ethernet, IP and TCP without options
};

struct harness_block {
    uint32_t begin, end;
};

// One TCP endpoint played by the test. `seq` and `ack` are what its next segment carries.
struct harness_peer {
    uint8_t mac[6];
    uint8_t address[16], server[16];
    uint16_t port, server_port;
    uint32_t seq, ack;
    uint16_t window; // as it stands in the header
    // What its SYN offers; mss 0 and scale -1 leave the option out.
    uint16_t mss;
    int scale;
    // Offered in its SYN; then every segment carries `timestamp` and `timestamp_echo`.
    bool timestamps;
    uint32_t timestamp, timestamp_echo;
    // Offered in its SYN; then every segment reports these blocks, the first one first.
    bool may_sack;
    unsigned sack_count;
    struct harness_block sack[4];
};

// A frame of the stack, taken apart, checksums verified.
struct harness_segment {
    uint8_t source_mac[6], destination_mac[6];
    uint8_t source[16], destination[16];
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
    uint16_t mss; // 0 without the option
    int scale;    // -1 without the option
    bool timestamps, may_sack;
    uint32_t timestamp, timestamp_echo;
    unsigned sack_count;
    struct harness_block sack[4];
    uint32_t size;
    uint8_t data[HARNESS_SEGMENT_MAX];
};

int harness_start(void **state);
int harness_setup(void **state);
int harness_setup_ipv6(void **state);
int harness_teardown(void **state);
// Destroys the stack and creates it again with h->options.
void harness_restart(struct harness *h);
// What the teardown asserts of a stack's counters.
void harness_check_counters(const struct tcpstack *stack);

uint64_t harness_counter(const struct harness *h, enum tcpstack_counter counter);
// tcpstack_input with one frame, nothing else.
void harness_input(struct harness *h, struct rte_mbuf *frame);
// Timers and flush.
void harness_flush(struct harness *h);
// Lets time pass, with timers and flush whenever one is due.
void harness_advance(struct harness *h, uint64_t microseconds);

// A frame of raw bytes, `size` of them.
struct rte_mbuf *harness_frame(struct harness *h, const void *bytes, uint16_t size);
// The same where no byte may be read behind: the frame ends with its page, and the next one faults.
// Frames begin at even addresses, so an odd one has one more byte behind it.
// There is one such page: the stack must not keep the frame.
struct rte_mbuf *harness_frame_at_edge(struct harness *h, const void *bytes, uint16_t size);
// Of the family under test.
struct harness_peer harness_peer(uint16_t port);
// Names of a connection from our side, of the family under test.
struct tcp_endpoints harness_endpoints(uint16_t local_port, uint16_t remote_port);
// A segment with the numbers given and the peer's window.
struct rte_mbuf *harness_build(struct harness *h, const struct harness_peer *peer, uint8_t flags,
                               uint32_t seq, uint32_t ack, const void *options,
                               uint8_t options_size, const void *data, uint16_t size);
// A segment at the peer's numbers, given to the stack, then flush. Advances peer->seq.
void harness_send(struct harness *h, struct harness_peer *peer, uint8_t flags, const void *data,
                  uint16_t size);
// The same at `seq`; the peer's numbers stay.
void harness_send_at(struct harness *h, const struct harness_peer *peer, uint8_t flags,
                     uint32_t seq, const void *data, uint16_t size);
void harness_send_syn(struct harness *h, struct harness_peer *peer);
// The options that the peer's segments carry; their size.
uint8_t harness_options(const struct harness_peer *peer, uint8_t flags, uint8_t to[40]);
// Three-way handshake; the connection after its OPENED event was taken.
struct tcp_conn *harness_open(struct harness *h, struct harness_peer *peer);

// The stack's next frame, a TCP segment; false when there is none.
bool harness_receive(struct harness *h, struct harness_segment *ret_segment);
// The next one must exist and carry exactly these.
struct harness_segment harness_expect(struct harness *h, uint8_t flags, uint32_t seq, uint32_t ack,
                                      uint32_t size);
void harness_expect_none(struct harness *h);
// The raw next frame, which the caller frees; it must exist.
struct rte_mbuf *harness_take(struct harness *h);

// The events of the one connection that has any, 0 when none has.
unsigned harness_events(struct harness *h, struct tcp_conn **ret_conn);
// `size` bytes of a pattern that tells every offset from its neighbours.
void harness_pattern(uint8_t *to, uint32_t offset, uint32_t size);
