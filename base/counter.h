// Counters declared once: a folder lists its counters in one X-macro, and the enum, the names and
// the help texts come from that list.
//
//     #define FOO_COUNTERS(X)
//         X(FOO_RX, "foo_rx", BASE_COUNTER_EVENT, "frames received")
//         X(FOO_DROP_SHORT, "foo_drop_short", BASE_COUNTER_DROP, "frame too short")
//     enum foo_counter { FOO_COUNTERS(BASE_COUNTER_ENUM) FOO_COUNTER_COUNT };
//
// The values are plain uint64_t arrays owned by one worker. That worker adds to them; other
// threads read them with base_counter_read (a torn read cannot happen on the 64-bit hosts we
// support, so a relaxed load is all that is needed).
#pragma once

#include <stdint.h>

enum base_counter_kind {
    BASE_COUNTER_EVENT, // something happened
    BASE_COUNTER_DROP,  // a frame, segment or PDU was refused, and this is why
    BASE_COUNTER_GAUGE, // a level, not a sum
};

struct base_counter {
    const char *name;
    enum base_counter_kind kind;
    const char *help;
};

#define BASE_COUNTER_ENUM(id, name, kind, help) id,
#define BASE_COUNTER_ROW(id, name, kind, help)  {name, kind, help},

// Reads a counter that another thread is adding to. Any thread.
static inline uint64_t base_counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}
