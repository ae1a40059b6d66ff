// Fault rules as people write them (docs/faults.md), in the configuration and on the control
// socket, and the commands fault_add, fault_list and fault_clear.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct rpc_inject;
struct rpc_inject_rule;

// The keys of a rule: what it matches, then what it does.
#define CONTROL_FAULT_KEYS(X)                                                                      \
    X(interface)                                                                                   \
    X(operation)                                                                                   \
    X(source)                                                                                      \
    X(probability)                                                                                 \
    X(delay)                                                                                       \
    X(fault)                                                                                       \
    X(wrong_call_id)                                                                               \
    X(fragment)                                                                                    \
    X(byte_per_segment)                                                                            \
    X(reset_after_bind_ack)                                                                        \
    X(never_answer)                                                                                \
    X(bind_nak)                                                                                    \
    X(stale_port)

// A rule as text; NULL: the key is not there. Whose the text is, the user says.
struct control_fault {
#define CONTROL_FAULT_MEMBER(key) char *key;
    CONTROL_FAULT_KEYS(CONTROL_FAULT_MEMBER)
};

// What is wrong with a rule, and with which of its keys ("" for the rule itself).
struct control_fault_problem {
    const char *key;
    char text[320]; // "found X, expected Y"
};

// Checks the rule and brings it into the form that workers go by. False with *ret_problem filled.
// Any thread.
bool control_fault_read(const struct control_fault *fault, struct rpc_inject_rule *ret_rule,
                        struct control_fault_problem *ret_problem);
// Takes "KEY=VALUE KEY ..." apart, in place. False with *ret_problem filled. Any thread.
bool control_fault_split(char *text, struct control_fault *ret_fault,
                         struct control_fault_problem *ret_problem);

// The commands over the request's `members`, one thread at a time. Each returns the reply, which
// the caller owns; NULL: no memory. `inject` is NULL where fault rules are not there.
json_t *control_fault_add(struct rpc_inject *inject, unsigned workers, json_t *members);
json_t *control_fault_list(struct rpc_inject *inject, unsigned workers, json_t *members);
json_t *control_fault_clear(struct rpc_inject *inject, unsigned workers, json_t *members);
// Appends a counter "fault.ID" for each rule to the counters of `stats`.
void control_fault_report(const struct rpc_inject *inject, unsigned workers, json_t *counters);
