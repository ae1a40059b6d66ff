// How a generator's connections get the presentation contexts that its calls need: the first by a
// bind, each other by an alter_context of its own, because servers accept one of a PDU.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/tower.h"

// A presentation context. Its id is its place among those of the connection.
struct load_context {
    struct ndr_syntax_id interface, transfer;
};

enum {
    LOAD_CONTEXTS_MAX = 16,
    LOAD_BIND_SIZE = 72,
    LOAD_BIND_ACK_MAX = 1024, // with the longest secondary address that servers send
};

// The place of a context like that, added behind the others when there is none; -1 when there are
// LOAD_CONTEXTS_MAX already. Main thread.
int load_context_find(struct load_context *contexts, unsigned *count,
                      const struct load_context *context);

// Writes the bind (`id` 0) or alter_context that offers `context` under that id to `to`
// (LOAD_BIND_SIZE bytes); C706 12.6.4.3 and 12.6.4.1. Any thread.
void load_bind_write(const struct load_context *context, uint16_t id, uint32_t call_id,
                     uint8_t *to);
// Whether the PDU of `size` bytes accepts that; C706 12.6.4.4 and 12.6.4.2. Any thread.
bool load_bind_accepted(const uint8_t *pdu, uint32_t size, uint16_t id);
