// The cheapest server there can be, to find out how fast the load generator is by itself: every
// frame is turned around where it lies. Each bind gets the same bind_ack, each request the same
// ept_map answer under its call id, and of a connection only the next sequence number is
// remembered. It takes what portolan-load sends from one address over a port that loses nothing
// (IPv4, mix `map` with its default interface, whole requests in every segment) and refuses the
// rest.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

enum { REFLECT_PDU_MAX = 256 };

// What a bind or a request is answered with, but for its call id.
struct reflect_answer {
    uint8_t pdu[REFLECT_PDU_MAX];
    uint16_t size;
};

// One thread's.
struct reflect {
    uint8_t mac[6]; // ours
    struct reflect_answer bind_ack, map;
    uint32_t next[UINT16_MAX + 1]; // sequence number to send next, by the peer's port
    uint64_t answers;              // binds included
    uint64_t refused;              // segments with something else in them
};

// Prepares the answers; the rest is zero, and `mac` the caller's to set.
void reflect_init(struct reflect *reflect);

// Makes the answer to a received frame out of it: one segment, whose only owner is the caller.
// False when it has none.
bool reflect_turn(struct reflect *reflect, struct rte_mbuf *frame);
