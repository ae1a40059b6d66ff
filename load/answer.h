// Whether an answer is what was asked for: every one is looked at, down to the towers.
#pragma once

#include <string.h>

#include "load/call.h"
#include "load/counters.h"

// One call's answer, put together from its fragments.
struct load_answer {
    bool fault;
    uint32_t status; // of a fault
    const uint8_t *stub;
    uint32_t stub_size;
    bool big_endian;
    const uint8_t *pdu; // the one PDU that is all of it; NULL when it was put together
    uint32_t pdu_size;
};

enum { LOAD_CALL_ID_AT = 12 }; // offset in a PDU

// Whether the PDU, of a response header at least, is one that was found right before, but for its
// call id. That is cheaper than to decode it, and as good.
static inline bool load_answer_is_learned(const struct load_call *call, const uint8_t *pdu,
                                          uint32_t size)
{
    enum { BEHIND = LOAD_CALL_ID_AT + 4 };
    return size == call->learned_size && memcmp(pdu, call->learned, LOAD_CALL_ID_AT) == 0 &&
           memcmp(pdu + BEHIND, call->learned + BEHIND, size - BEHIND) == 0;
}

// LOAD_ANSWERS when it is right, or the reason why it is not. *ret_handle is the entry handle that
// an ept_lookup goes on with, null for all others. Writes what `call` learns; only the worker that
// owns it.
enum load_counter load_answer_check(struct load_call *call, const struct load_answer *answer,
                                    struct ndr_context_handle *ret_handle);
