// The control thread's clock.
#pragma once

#include <stdint.h>
#include <time.h>

// Microseconds of the monotonic clock. Any thread.
static inline uint64_t control_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
