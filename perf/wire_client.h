// Clients made of crafted frames: just enough TCP to feed a worker from memory, with nothing of the
// client in the measurement. Frames go in through one ring and come out through another.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

// Clients are rows: those of one address have the ports from here on.
enum { WIRE_FIRST_PORT = 10000, WIRE_PORTS = 50000 };

// One connection of the client side.
struct wire_client {
    uint16_t port;     // ours, host order
    uint16_t address;  // ours, as a distance from wire_addresses.client_ipv4
    uint32_t sequence; // next to send
    uint32_t acknowledge;
    uint32_t received; // payload octets so far
    uint32_t replies;  // whole PDUs so far
    uint32_t wrong;    // replies that were not what was asked for
    // Takes the payload of each frame instead of the count of replies; NULL: none.
    void (*take)(struct wire_client *client, const uint8_t *payload, uint32_t size);
    void *owner; // the taker's
};

struct wire_addresses {
    uint8_t server_mac[6], client_mac[6];
    uint32_t server_ipv4, client_ipv4; // host order
    uint16_t server_port;
    uint16_t port_id; // mbuf->port of what is sent
    uint16_t mss;     // the option in SYNs; 0: none
};

// Makes a client that has not connected yet, with the address and port of `row`.
void wire_client_name(struct wire_client *client, unsigned row);

// A frame of `client` with `flags` (RTE_TCP_*_FLAG) and `size` octets of payload; moves its
// sequence number. NULL when the pool is empty.
struct rte_mbuf *wire_client_frame(struct wire_client *client, const struct wire_addresses *wire,
                                   struct rte_mempool *pool, uint8_t flags, const void *payload,
                                   uint16_t size);

// The row that a frame from the server is for; some large number when for none.
unsigned wire_client_row(const struct rte_mbuf *frame, const struct wire_addresses *wire);

// Takes in a frame from the server: acknowledges it with the next frame sent, counts replies. A
// reply is right when it is a response PDU whose stub ends with status 0.
void wire_client_receive(struct wire_client *client, const struct rte_mbuf *frame);
