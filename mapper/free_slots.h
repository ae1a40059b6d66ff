// Which slots are free: a tree of bitmaps in which a set bit says "something free below". Taking
// the lowest free slot, so that the taken ones stay dense, and giving one back cost a step per
// level, which is four for 16 million slots. Private to mapper/; owned by the control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MAPPER_FREE_LEVELS_MAX = 6 }; // 64^6 covers every 32-bit slot number

struct mapper_free_slots {
    uint64_t *level[MAPPER_FREE_LEVELS_MAX]; // level[0] has a bit per slot
    unsigned levels;
};

// All of `capacity` (at least 1) slots free. False: no memory.
bool mapper_free_slots_init(struct mapper_free_slots *free_slots, uint32_t capacity);
void mapper_free_slots_destroy(struct mapper_free_slots *free_slots);

// Takes the lowest free slot; UINT32_MAX when there is none.
uint32_t mapper_free_slots_take(struct mapper_free_slots *free_slots);
// Takes `slot`, which is free.
void mapper_free_slots_take_this(struct mapper_free_slots *free_slots, uint32_t slot);
void mapper_free_slots_give(struct mapper_free_slots *free_slots, uint32_t slot);
