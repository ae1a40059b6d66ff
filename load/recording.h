// Calls that were recorded, as the calls of a generator: what clients asked, and what kind of
// answer they got.
#pragma once

#include <stdint.h>

#include "load/call.h"
#include "load/capture.h"

// What was taken from a capture, and what was left out and why.
struct load_recording_counts {
    unsigned connections, calls;
    unsigned authenticated; // requests with a verifier: nobody can sign them again
    unsigned handles;       // that go on with an entry handle, which only that server knew
    unsigned unbound;       // of a context whose bind is not in the capture
    unsigned interrupted;   // whose end is not in the capture, or that others cut in two
    unsigned large;         // larger than LOAD_RECORDED_MAX
    unsigned broken;        // connections that lack a segment
};

enum { LOAD_RECORDED_MAX = 200 << 10 };

// The requests of a capture in its order, connection by connection, with what must come back: a
// fault where a fault was recorded, a response where that was, either where the capture does not
// tell. `path` stands in messages. NULL after saying why. The capture may be freed. Main thread.
struct load_calls *load_recording_calls(const struct load_capture *capture, const char *path,
                                        struct load_recording_counts *ret_counts);

// The same from a file, with what was left out said on stderr unless `quiet`.
struct load_calls *load_recording_load(const char *path, uint16_t port, bool quiet);
