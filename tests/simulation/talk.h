// One connection as the programs on both of its ends see it: what they write, read and check, when
// they pause, and how they end it.
#pragma once

#include "tests/simulation/host.h"

enum talk_ending {
    TALK_ORDERLY, // closes when all is written and read
    TALK_EARLY,   // closes in the middle; what the peer still sends is lost on it
    TALK_ABORT,
};

struct talk_plan {
    uint32_t total; // bytes to write
    uint32_t piece; // at most so many at once
    enum talk_ending ending;
    bool closes_first;  // orderly: does not wait for the peer's FIN
    uint32_t end_after; // early, abort: bytes written and read
    uint64_t end_at;    // abort: or when it is that late; 0 for never
    unsigned pause;     // per mille of reads after which it stops reading for a while
    uint64_t pause_max;
};

struct talk_side {
    struct talk_plan plan;
    struct talk_side *peer;
    struct host *host;
    struct sim_random *random;
    uint8_t stream; // tells this side's bytes from all others
    unsigned number;

    struct tcp_conn *conn; // NULL before it is known and after its end
    bool crossing;         // as the talk's, on the listening side
    bool opened, ended;
    bool ending;   // close or abort was called
    bool discards; // ... before all was read
    bool finished; // the peer's FIN was told
    bool gave_up;  // nothing moved for longer than anybody waits
    bool lost;     // its host was restarted
    bool blocked;  // waits for TCP_EVENT_WRITABLE
    bool readable; // was told so, and has not read all
    enum tcp_close_reason reason;
    uint32_t written, received;
    uint64_t paused_until, progress_at;
    uint64_t heard; // frames of its host, when last looked at
};

struct talk {
    uint64_t start_at;
    uint16_t from_port, to_port;
    bool started;
    bool crossing; // the listening side calls connect too, at the same time
    struct talk_side sides[2];
};

void talk_start(struct talk *talk, struct host hosts[2], struct sim_random *random,
                unsigned number);
void talk_connect(struct talk *talk, uint64_t now);
void talk_take_events(struct talk_side *side, struct tcp_conn *conn, uint64_t now);
void talk_act(struct talk_side *side, uint64_t now);
// The side's host has forgotten it.
void talk_lose(struct talk_side *side);
// The clock has jumped: that time was nobody's to use.
void talk_shift(struct talk *talk, uint64_t by);
// When talk_act must be called at the latest.
uint64_t talk_next(const struct talk *talk);
bool talk_is_over(const struct talk *talk);
// Judges how it ended. `calm`: nothing happened that excuses an error.
void talk_check(const struct talk *talk, bool calm);
