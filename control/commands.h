// The commands of the control socket (docs/control-protocol.md): from a line to its reply.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct control_options;

enum { CONTROL_SCHEMA = 1 }; // of every request and reply

// Carries out the command on the `size` bytes at `line`. Returns the reply, which the caller owns,
// or NULL when there is no memory. *ret_sequence is the log position that every replica must have
// applied before the reply goes out; 0 when it may go at once.
json_t *control_commands_run(const struct control_options *options, uint64_t started_us,
                             const char *line, size_t size, uint64_t *ret_sequence);

// {"schema": 1, "ok": false, "reason": ..., "error": ...}; printf form. NULL: no memory.
json_t *control_commands_refuse(const char *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
