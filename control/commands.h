// The commands of the control socket (docs/control-protocol.md): from a line to its reply.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct control_options;

enum { CONTROL_SCHEMA = 1 }; // of every request and reply

// Carries out the command on the `size` bytes at `line`. Returns the reply, which the caller owns,
// or NULL when there is no memory. With *ret_holds the command has held the map back: its reply
// goes out when the map was released and every replica has applied what was changed.
json_t *control_commands_run(const struct control_options *options, uint64_t started_us,
                             const char *line, size_t size, bool *ret_holds);

// {"schema": 1, "ok": false, "reason": ..., "error": ...}; printf form. NULL: no memory.
json_t *control_commands_refuse(const char *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// The same for an ept_* status that the map answered.
json_t *control_commands_refuse_status(uint32_t status);
