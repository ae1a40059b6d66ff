// Prepared calls: the bytes of each request of a mix, and what must come back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load/bind.h"
#include "load/mix.h"
#include "load/random.h"
#include "ndr/ndr.h"
#include "ndr/tower.h"

enum { LOAD_CONTEXT_NONE = 999 }; // an id that is never bound

// What must come back.
enum load_expectation {
    LOAD_EXPECT_TOWER,          // status 0 and towers of the interface
    LOAD_EXPECT_NOT_REGISTERED, // ept_s_not_registered and no tower
    LOAD_EXPECT_PAGE,           // entries whose towers can be read
    LOAD_EXPECT_ECHO,           // the bytes sent
    LOAD_EXPECT_FAULT,
    LOAD_EXPECT_RESPONSE, // whatever it carries
    LOAD_EXPECT_ANY,      // a response or a fault
};

// A PDU that was found right is right again when it comes again, byte for byte but for its call id:
// then it is not decoded anew.
enum { LOAD_LEARNED_MAX = 512 };

struct load_call {
    // One call's fragments, back to back, with call id 0. Owned by the set.
    uint8_t *pdus;
    uint32_t size;
    bool big_endian; // headers of `pdus`
    enum load_kind kind;
    enum load_expectation expectation;
    uint32_t fault;
    struct ndr_syntax_id interface;
    char *binding;            // that the tower must say; NULL: any
    enum ndr_protseq protseq; // of the tower asked for
    uint32_t handle_at;       // offset in `pdus` of an entry handle that pages replace; 0: none
    uint32_t max_entries;     // of a page
    const uint8_t *echo;      // what was sent to be echoed, in a buffer that the set owns
    uint32_t echo_size;
    uint32_t learned_size; // 0: nothing yet
    uint8_t learned[LOAD_LEARNED_MAX];
};

// The calls of a mix, one a row, weighted; or those of a recording, in its order. One set per
// worker, which writes what was learned.
struct load_calls {
    struct load_call *calls;
    unsigned count;
    uint32_t *until;  // of call i: the sum of shares up to and including i; NULL when in order
    bool in_order;    // one after the other instead of by shares
    unsigned next;    // in that order
    uint32_t largest; // size of the largest call
    struct load_context contexts[LOAD_CONTEXTS_MAX];
    unsigned context_count;
};

extern const struct ndr_syntax_id load_epmapper; // the interface of the endpoint mapper

// NULL after saying why. Main thread. The mix is copied.
struct load_calls *load_calls_create(const struct load_mix *mix, uint64_t seed);
void load_calls_destroy(struct load_calls *calls);

// One of them, by the shares or in order. Only the worker that owns them.
unsigned load_calls_pick(struct load_calls *calls, struct load_random *random);

// Copies the call's fragments to `to` (call->size bytes) under `call_id`, continuing from `handle`
// unless it is NULL. Only the worker.
void load_call_write(const struct load_call *call, uint32_t call_id,
                     const struct ndr_context_handle *handle, uint8_t *to);
