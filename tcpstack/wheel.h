// A hierarchical timer wheel: arming and cancelling are O(1), and so is finding what is due.
//
// A timer stands in the level of the highest 6-bit group in which its tick differs from the
// wheel's, in the slot of that group. So all of level 0 comes before all of level 1 and so on, the
// lowest occupied slot of the lowest occupied level is next, and nothing needs a modulus. Levels
// cover every tick a 64-bit microsecond clock can reach.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WHEEL_TICK_SHIFT = 10, // a tick is 1,024 us
    WHEEL_GROUP_BITS = 6,
    WHEEL_SLOTS = 1 << WHEEL_GROUP_BITS,
    WHEEL_LEVELS = 9,
};

#define WHEEL_NEVER UINT64_MAX

struct tcpstack_timer {
    struct tcpstack_timer *next, *prev; // next is NULL while not armed
    uint64_t tick;
};

struct tcpstack_wheel {
    uint64_t tick; // the last one that was run
    uint64_t occupied[WHEEL_LEVELS];
    struct tcpstack_timer
        slots[WHEEL_LEVELS * WHEEL_SLOTS + 1]; // heads; the last holds what is due
};

void tcpstack_wheel_init(struct tcpstack_wheel *wheel, uint64_t now);
// Makes the timer due at `when` or up to a tick later, never earlier. It may be armed already.
void tcpstack_wheel_arm(struct tcpstack_wheel *wheel, struct tcpstack_timer *timer, uint64_t when);
void tcpstack_wheel_cancel(struct tcpstack_wheel *wheel, struct tcpstack_timer *timer);
// Calls `fire` for every timer that is due, disarmed first. `fire` may arm and cancel any timer.
void tcpstack_wheel_run(struct tcpstack_wheel *wheel, uint64_t now,
                        void (*fire)(struct tcpstack_timer *timer, void *user), void *user);
// A time at or before the next timer's, WHEEL_NEVER when there is none: a timer far away is found
// again, more exactly, when its slot comes near.
uint64_t tcpstack_wheel_next(const struct tcpstack_wheel *wheel);

static inline bool tcpstack_timer_armed(const struct tcpstack_timer *timer)
{
    return timer->next != NULL;
}
