#include "tcpstack/wheel.h"

#include <stddef.h>

enum { DUE = WHEEL_LEVELS * WHEEL_SLOTS };

static void head_init(struct tcpstack_timer *head)
{
    head->next = head->prev = head;
}

static void unlink_timer(struct tcpstack_timer *timer)
{
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->next = timer->prev = NULL;
}

static void link_timer(struct tcpstack_timer *head, struct tcpstack_timer *timer)
{
    timer->prev = head->prev;
    timer->next = head;
    head->prev->next = timer;
    head->prev = timer;
}

void tcpstack_wheel_init(struct tcpstack_wheel *wheel, uint64_t now)
{
    *wheel = (struct tcpstack_wheel){.tick = now >> WHEEL_TICK_SHIFT};
    for (unsigned i = 0; i <= DUE; i++)
        head_init(&wheel->slots[i]);
}

void tcpstack_wheel_cancel(struct tcpstack_wheel *wheel, struct tcpstack_timer *timer)
{
    if (!tcpstack_timer_armed(timer))
        return;
    struct tcpstack_timer *neighbour = timer->next;
    unlink_timer(timer);
    if (neighbour->next != neighbour)
        return;
    // Only a head can be its own neighbour: the slot has become empty.
    size_t index = (size_t)(neighbour - wheel->slots);
    if (index < DUE)
        wheel->occupied[index / WHEEL_SLOTS] &= ~(UINT64_C(1) << index % WHEEL_SLOTS);
}

static void place(struct tcpstack_wheel *wheel, struct tcpstack_timer *timer)
{
    unsigned top = 63 - (unsigned)__builtin_clzll(timer->tick ^ wheel->tick);
    unsigned level = top / WHEEL_GROUP_BITS;
    unsigned slot = timer->tick >> level * WHEEL_GROUP_BITS & (WHEEL_SLOTS - 1);
    wheel->occupied[level] |= UINT64_C(1) << slot;
    link_timer(&wheel->slots[level * WHEEL_SLOTS + slot], timer);
}

void tcpstack_wheel_arm(struct tcpstack_wheel *wheel, struct tcpstack_timer *timer, uint64_t when)
{
    tcpstack_wheel_cancel(wheel, timer);
    uint64_t round_up = (UINT64_C(1) << WHEEL_TICK_SHIFT) - 1;
    uint64_t tick = (when >> WHEEL_TICK_SHIFT) + ((when & round_up) != 0);
    timer->tick = tick > wheel->tick ? tick : wheel->tick + 1;
    place(wheel, timer);
}

// The tick at which the next occupied slot is opened, and that slot; WHEEL_NEVER when there is
// none.
static uint64_t next_slot(const struct tcpstack_wheel *wheel, unsigned *ret_index)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] == 0)
            continue;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        unsigned shift = level * WHEEL_GROUP_BITS;
        uint64_t above = wheel->tick >> shift >> WHEEL_GROUP_BITS << WHEEL_GROUP_BITS << shift;
        *ret_index = level * WHEEL_SLOTS + slot;
        return above | (uint64_t)slot << shift;
    }
    return WHEEL_NEVER;
}

uint64_t tcpstack_wheel_next(const struct tcpstack_wheel *wheel)
{
    unsigned index;
    uint64_t tick = next_slot(wheel, &index);
    return tick == WHEEL_NEVER ? WHEEL_NEVER : tick << WHEEL_TICK_SHIFT;
}

// Moves a slot's timers to the list of what is due, or down to the level where they belong now.
static void open_slot(struct tcpstack_wheel *wheel, unsigned index)
{
    struct tcpstack_timer *head = &wheel->slots[index];
    wheel->occupied[index / WHEEL_SLOTS] &= ~(UINT64_C(1) << index % WHEEL_SLOTS);
    while (head->next != head) {
        struct tcpstack_timer *timer = head->next;
        unlink_timer(timer);
        if (timer->tick > wheel->tick)
            place(wheel, timer);
        else
            link_timer(&wheel->slots[DUE], timer);
    }
}

void tcpstack_wheel_run(struct tcpstack_wheel *wheel, uint64_t now,
                        void (*fire)(struct tcpstack_timer *timer, void *user), void *user)
{
    uint64_t target = now >> WHEEL_TICK_SHIFT;
    struct tcpstack_timer *due = &wheel->slots[DUE];
    uint64_t tick;
    unsigned index;
    while ((tick = next_slot(wheel, &index)) <= target) {
        wheel->tick = tick;
        open_slot(wheel, index);
        while (due->next != due) {
            struct tcpstack_timer *timer = due->next;
            unlink_timer(timer);
            fire(timer, user);
        }
    }
    if (target > wheel->tick)
        wheel->tick = target;
}
