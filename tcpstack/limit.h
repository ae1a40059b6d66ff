// A token bucket: what strangers can make the stack send is bounded.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tcpstack_limit {
    uint32_t gap;    // microseconds that one token takes to come back
    uint32_t burst;  // tokens at most
    uint32_t tokens; // now
    uint64_t counted_at;
};

static inline struct tcpstack_limit tcpstack_limit(uint32_t per_second, uint32_t burst,
                                                   uint64_t now)
{
    return (struct tcpstack_limit){1000000 / per_second, burst, burst, now};
}

// Takes a token; false when there is none.
static inline bool tcpstack_limit_take(struct tcpstack_limit *limit, uint64_t now)
{
    uint64_t back = now > limit->counted_at ? (now - limit->counted_at) / limit->gap : 0;
    limit->counted_at += back * limit->gap;
    limit->tokens =
        back < limit->burst - limit->tokens ? limit->tokens + (uint32_t)back : limit->burst;
    if (limit->tokens == 0)
        return false;
    limit->tokens--;
    return true;
}
