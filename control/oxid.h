// The OXID resolver's side of the control thread: its bindings as the configuration gives them, and
// the table of object exporters as the control socket fills it (docs/control-protocol.md).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "ndr/oxid.h"

struct control_config;
struct exporter;

// What ServerAlive2 tells: oxid.bindings, or the network addresses when there are none. False with
// what was found and expected in `problem`.
bool control_oxid_bindings(const struct control_config *config,
                           struct ndr_oxid_bindings *ret_bindings, char *problem, size_t size);

// The commands oxid_add, oxid_remove and oxid_list over the request's `members`. Each returns the
// reply, which the caller owns; NULL: no memory. `exporter` is NULL when oxid is not served.
json_t *control_oxid_add(struct exporter *exporter, json_t *members);
json_t *control_oxid_remove(struct exporter *exporter, json_t *members);
json_t *control_oxid_list(struct exporter *exporter, json_t *members);
