// From an endpoint as people write it to the entry that the map takes.
#pragma once

#include <stdbool.h>

#include "control/config.h"
#include "ndr/epm.h"

// An entry and what its spans point into; an annotation that was text stays the endpoint's. Do not
// copy it.
struct control_registration {
    struct ndr_epm_entry entry;
    struct ndr_syntax_id interface;
    uint8_t annotation[NDR_EPM_ANNOTATION_MAX - 1]; // one that came as octets
    uint8_t tower[NDR_TOWER_MAX];
};

// What is wrong with an endpoint, and with which of its keys.
struct control_endpoint_problem {
    const char *key; // "interface", "version", "object", "binding" or "annotation"
    char text[320];  // "found X, expected Y"
};

// Builds the entry of `endpoint` with transfer syntax NDR 2.0. A nil interface is let through: the
// map decides on it. False with *ret_problem filled. Any thread.
bool control_registration_init(struct control_registration *ret_registration,
                               const struct control_endpoint *endpoint,
                               struct control_endpoint_problem *ret_problem);

// Gives it `text`, which stays the caller's, as its annotation; NULL: none. False with *ret_problem
// filled. Any thread.
bool control_registration_annotate(struct control_registration *registration, const char *text,
                                   struct control_endpoint_problem *ret_problem);
