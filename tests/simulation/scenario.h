// What a seed draws: the two hosts, the wire between them, what befalls them, and who says what.
#pragma once

#include "tests/simulation/talk.h"

enum { SCENARIO_TALKS_MAX = 6, SCENARIO_JUMPS_MAX = 3 };

enum scenario_blow {
    BLOW_NONE,
    BLOW_BOTH_WAYS, // the wire is cut: both peers have vanished for each other
    BLOW_ONE_WAY,   // what host 1 says is not heard any more
    BLOW_RESTART,   // host 1 comes back without memory
};

struct scenario {
    struct link_rules links[2]; // from host 0, from host 1
    uint16_t mtu[2];
    unsigned pool[2]; // index of a pool size
    uint32_t receive_window[2], transmit_limit[2], max_connections[2];
    uint64_t epoch[2], hold[2];
    struct tcpstack_options tcp[2]; // what of it is TCP's: options, congestion control, keepalive
    bool ipv6, resolves[2];
    uint8_t secret[2][16];
    bool near_wrap; // initial sequence numbers of talk 0 lie shortly before 2^32
    enum scenario_blow blow;
    uint64_t blow_at;
    uint64_t jump_at[SCENARIO_JUMPS_MAX], jump_by[SCENARIO_JUMPS_MAX];
    unsigned jump_count;
    bool calm; // nothing in it excuses an error on an open connection
    unsigned talk_count;
};

// Draws the scenario and the plans of its talks.
void scenario_draw(struct scenario *scenario, struct talk talks[SCENARIO_TALKS_MAX],
                   struct sim_random *random);
void scenario_trace(const struct scenario *scenario, const struct sim_report *report);
