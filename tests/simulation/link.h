// One direction of a wire that loses, doubles, damages, delays and reorders what it is given.
#pragma once

#include <sys/queue.h>

#include "tests/simulation/random.h"

enum { LINK_FRAME_MAX = 2048, LINK_FLIGHTS = 1024 };

struct link_rules {
    unsigned loss, doubling, damage, late; // per mille
    uint64_t delay, jitter;                // microseconds
    bool in_order;                         // jitter does not let a frame overtake another
    uint64_t bytes_per_second;             // 0: no limit
    uint32_t queue;                        // bytes that may wait for the limit
};

struct link_flight {
    TAILQ_ENTRY(link_flight) chain;
    uint64_t at;
    uint16_t size;
    uint8_t bytes[LINK_FRAME_MAX];
};

TAILQ_HEAD(link_flights, link_flight);

struct link {
    struct link_rules rules;
    struct sim_random *random;
    bool cut; // for good: nothing arrives any more
    uint64_t free_at, last_at;
    struct link_flights flying, spare; // flying: by arrival
    uint64_t sent, lost, doubled, damaged, overflowed;
    struct link_flight flights[LINK_FLIGHTS];
};

void link_start(struct link *link, const struct link_rules *rules, struct sim_random *random);
// Copies the frame.
void link_send(struct link *link, const uint8_t *frame, uint16_t size, uint64_t now);
// When the next frame arrives; UINT64_MAX for never.
uint64_t link_next(const struct link *link);
// A frame that has arrived by `now`, valid until the next call for this link; NULL when there is
// none.
const struct link_flight *link_take(struct link *link, uint64_t now);
