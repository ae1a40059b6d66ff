// A whole run: two hosts, the wire, the talks and one virtual clock.
#pragma once

#include "tests/simulation/scenario.h"

enum world_total {
    WORLD_FRAMES,
    WORLD_LOST,
    WORLD_DAMAGED,
    WORLD_NO_MBUF,
    WORLD_RETRANSMITS,
    WORLD_BYTES,
    WORLD_TALKS,
    WORLD_OPENED,
    WORLD_ENDED, // and one for each enum tcp_close_reason
    WORLD_TOTAL_COUNT = WORLD_ENDED + TCP_CLOSE_TIMED_OUT + 1,
};

struct world {
    struct sim_random random;
    struct sim_report report;
    uint64_t now;
    struct scenario scenario;
    struct host hosts[2];
    struct link links[2];
    struct talk talks[SCENARIO_TALKS_MAX];
    unsigned jumps_done;
    bool blow_done;
};

// Runs a seed. True when all of it held; world->report says what did not. Adds to `totals`.
bool world_run(struct world *world, uint64_t seed, bool trace, uint64_t totals[WORLD_TOTAL_COUNT]);

// One long transfer under 1 % loss and 20 ms round trip. Bytes per second, 0 when it did not end.
double world_goodput(struct world *world, uint64_t seed, uint32_t size);
