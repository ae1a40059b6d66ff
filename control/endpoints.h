// The endpoints of the configuration, from one list to another, through the map.
#pragma once

#include <stdint.h>

struct control_endpoint;
struct mapper_log;
struct mapper_map;

struct control_endpoints {
    const struct control_endpoint *list; // good ones: control_registration_init takes each
    unsigned count;
};

struct control_endpoints_report {
    unsigned added, removed, changed; // annotations
};

// Brings the map from what `before` lists to what `after` does. Entries that are in both are not
// touched; those that left are removed, unless somebody else registered them. Up to 1,024 changes
// become visible at once; of more, the new ones come before the old ones go. Returns an ept_*
// status; on anything but 0 some changes may stand, and the same call with the lists exchanged
// takes them back. The control thread alone.
uint32_t control_endpoints_change(struct mapper_map *map, const struct mapper_log *log,
                                  struct control_endpoints before, struct control_endpoints after,
                                  struct control_endpoints_report *ret_report);
