// The neighbours that the stack itself looks for, of both families: by ARP (RFC 826) and by
// neighbour discovery (RFC 4861 7). A peer that speaks first is not entered: its connections carry
// the link that its own frames came with, so nobody can fill the table from outside.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct tcpstack;

// RFC 4861 7.3.2. DELAY is left out: a neighbour that may be stale is asked when it is used.
enum tcpstack_neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_INCOMPLETE, // asked for; frames wait
    NEIGHBOUR_REACHABLE,
    NEIGHBOUR_STALE,
    NEIGHBOUR_PROBE,  // stale, used, and asked again
    NEIGHBOUR_FAILED, // did not answer; not asked again for a while
};

enum {
    NEIGHBOUR_SETS = 32,
    NEIGHBOUR_WAYS = 8,
    NEIGHBOUR_COUNT = NEIGHBOUR_SETS * NEIGHBOUR_WAYS,
    NEIGHBOUR_QUEUE_MAX = 64, // frames that wait for one neighbour; the oldest gives way
};

struct tcpstack_neighbour {
    uint8_t address[16];
    uint8_t mac[6];
    uint8_t port; // index in the stack's ports
    uint8_t state;
    uint8_t requests; // unanswered
    uint8_t queued;
    uint16_t local; // index of our address that asks
    uint64_t used;
    uint64_t confirmed; // when it last answered us
    uint64_t due;       // what the state does next; UINT64_MAX for nothing
    struct rte_mbuf *first, *last;
};

struct tcpstack_neighbours {
    struct tcpstack_neighbour entries[NEIGHBOUR_COUNT];
    uint64_t due; // at or before the earliest of theirs
};

// What a frame says about a neighbour (RFC 4861 7.2.3 and 7.2.5).
struct tcpstack_neighbour_news {
    const uint8_t *address; // 16 bytes
    const uint8_t *mac;     // NULL: not said
    uint8_t port;
    bool solicited; // it answers us
    bool overrides; // replaces another MAC address
};

void tcpstack_neighbours_init(struct tcpstack *stack);
// Frees the frames that wait.
void tcpstack_neighbours_free(struct tcpstack *stack);
// Sends a frame whose Ethernet header lacks the destination, at once or when the neighbour has
// answered. Takes the frame over, of which nobody else holds a reference.
void tcpstack_neighbour_send(struct tcpstack *stack, struct rte_mbuf *frame,
                             const uint8_t address[16], uint16_t local, uint8_t port);
// False when it tells of nobody we know.
bool tcpstack_neighbour_learn(struct tcpstack *stack, const struct tcpstack_neighbour_news *news);
// Whether it has lately not answered.
bool tcpstack_neighbour_failed(const struct tcpstack *stack, const uint8_t address[16],
                               uint8_t port);
// Asks again and gives up where it is due.
void tcpstack_neighbours_run(struct tcpstack *stack);
