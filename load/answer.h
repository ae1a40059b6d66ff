// Whether an answer is what was asked for: every one is looked at, down to the towers.
#pragma once

#include "load/call.h"
#include "load/counters.h"

// One call's answer, put together from its fragments.
struct load_answer {
    bool fault;
    uint32_t status; // of a fault
    const uint8_t *stub;
    uint32_t stub_size;
    bool big_endian;
};

// LOAD_ANSWERS when it is right, or the reason why it is not. *ret_handle is the entry handle that
// an ept_lookup goes on with, null for all others. Writes what `call` learns; only the worker that
// owns it.
enum load_counter load_answer_check(struct load_call *call, const struct load_answer *answer,
                                    struct ndr_context_handle *ret_handle);
