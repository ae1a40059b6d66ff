// Fault injection: rules that make the server slow, faulty or rude on purpose, for whoever tests a
// client. What a rule is, and the table that carries the rules from the control thread to the
// workers without a lock (argued in inject_table.c). What a worker does with them: inject.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "rpc/rpc.h"

enum {
    RPC_INJECT_MAX = 32,       // rules at once
    RPC_INJECT_TEXT_MAX = 200, // octets of a rule's text with its NUL
};

#define RPC_INJECT_DELAY_MAX UINT64_C(600000000) // microseconds

enum rpc_inject_action {
    // Of calls that match.
    RPC_INJECT_DELAY,         // executed and answered later
    RPC_INJECT_FAULT,         // not executed
    RPC_INJECT_NEVER_ANSWER,  // not executed; the connection goes on, and nothing is kept for it
    RPC_INJECT_WRONG_CALL_ID, // the answer carries the call's id and one
    RPC_INJECT_FRAGMENT,      // the answer comes in small fragments
    RPC_INJECT_BYTE_PER_SEGMENT,
    RPC_INJECT_STALE_PORT, // of ept_map alone: every port in the answer is another
    // Of binds in which a context matches, or any bind when the rule names no interface.
    RPC_INJECT_BIND_NAK,
    RPC_INJECT_RESET_AFTER_BIND_ACK,
};

enum rpc_inject_delay {
    RPC_INJECT_FIXED,       // low_us
    RPC_INJECT_UNIFORM,     // low_us to high_us
    RPC_INJECT_EXPONENTIAL, // of the mean low_us, at most RPC_INJECT_DELAY_MAX
};

// The first rule that matches and whose chance falls decides; the others are not looked at.
struct rpc_inject_rule {
    uint32_t id; // rpc_inject_add gives it
    bool has_interface, has_operation;
    uint16_t operation;
    struct base_uuid interface;
    struct rpc_prefix source; // length 0: everybody
    uint32_t chance;          // of a million
    enum rpc_inject_action action;
    // Of the action.
    enum rpc_inject_delay delay;
    uint64_t low_us, high_us;
    uint32_t status;   // not 0
    uint16_t reason;   // of the bind_nak
    uint16_t fragment; // octets of stub in a fragment at most, not 0
    uint16_t port;
    char text[RPC_INJECT_TEXT_MAX]; // as it was written, for lists
};

// An immutable set of rules, in their order.
struct rpc_inject_table {
    uint64_t generation; // counts the changes
    unsigned count;
    struct rpc_inject_row {
        const struct rpc_inject_rule *rule;
        unsigned slot; // of its hits
    } rows[RPC_INJECT_MAX];
};

struct rpc_inject;

// No rules yet. NULL: no memory. Destroy after the last worker has stopped.
struct rpc_inject *rpc_inject_create(unsigned workers);
void rpc_inject_destroy(struct rpc_inject *inject);

// ---- one thread at a time: control's

// Appends a copy of the rule. Its id, which is never given again; 0 when there are RPC_INJECT_MAX
// (rules removed count until every worker has let go of them), or while a worker still goes by the
// rules of some changes ago.
uint32_t rpc_inject_add(struct rpc_inject *inject, const struct rpc_inject_rule *rule);
// Removes the rule with this id, or all when it is 0. How many; -1 while a worker lags, as above.
int rpc_inject_remove(struct rpc_inject *inject, uint32_t id);
// The rules as they are now; valid until the next change.
const struct rpc_inject_table *rpc_inject_current(const struct rpc_inject *inject);
// How often the worker met something that the rule with its hits in `slot` decided.
uint64_t rpc_inject_hits(const struct rpc_inject *inject, unsigned slot, unsigned worker);
// Whether every worker goes by the rules as they are now.
bool rpc_inject_applied(const struct rpc_inject *inject);
// The UUID of an interface that can be served, by its name. False: there is none of that name.
bool rpc_inject_interface(const char *name, struct base_uuid *ret_uuid);

// ---- a worker

// The rules to go by until the next call. The caller holds no pointer into what the last call gave.
const struct rpc_inject_table *rpc_inject_take(struct rpc_inject *inject, unsigned worker);
// Where that worker counts, by slot.
uint64_t *rpc_inject_counts(struct rpc_inject *inject, unsigned worker);
