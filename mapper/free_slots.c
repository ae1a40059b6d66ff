#include "mapper/free_slots.h"

#include <stdlib.h>

bool mapper_free_slots_init(struct mapper_free_slots *free_slots, uint32_t capacity)
{
    *free_slots = (struct mapper_free_slots){0};
    uint32_t bits = capacity;
    do {
        uint32_t words = bits / 64 + (bits % 64 != 0);
        uint64_t *level = calloc(words, sizeof *level);
        if (level == NULL) {
            mapper_free_slots_destroy(free_slots);
            return false;
        }
        for (uint32_t i = 0; i < bits; i++)
            level[i / 64] |= 1ull << i % 64;
        free_slots->level[free_slots->levels++] = level;
        bits = words;
    } while (bits > 1);
    return true;
}

void mapper_free_slots_destroy(struct mapper_free_slots *free_slots)
{
    for (unsigned i = 0; i < free_slots->levels; i++)
        free(free_slots->level[i]);
    free_slots->levels = 0;
}

uint32_t mapper_free_slots_take(struct mapper_free_slots *free_slots)
{
    uint32_t at = 0;
    for (unsigned i = free_slots->levels; i-- > 0;) {
        uint64_t word = free_slots->level[i][at];
        if (word == 0)
            return UINT32_MAX;
        at = at * 64 + (uint32_t)__builtin_ctzll(word);
    }
    mapper_free_slots_take_this(free_slots, at);
    return at;
}

void mapper_free_slots_take_this(struct mapper_free_slots *free_slots, uint32_t slot)
{
    uint32_t at = slot;
    for (unsigned i = 0; i < free_slots->levels; i++, at /= 64) {
        uint64_t *word = &free_slots->level[i][at / 64];
        *word &= ~(1ull << at % 64);
        if (*word != 0)
            return;
    }
}

void mapper_free_slots_give(struct mapper_free_slots *free_slots, uint32_t slot)
{
    uint32_t at = slot;
    for (unsigned i = 0; i < free_slots->levels; i++, at /= 64)
        free_slots->level[i][at / 64] |= 1ull << at % 64;
}
