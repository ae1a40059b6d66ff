// Registrations in and out in bulk, as JSON: the commands `export` and `import` of the control
// socket (docs/control-protocol.md). Called by the control thread.
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct mapper_map;

enum {
    // Entries of one request: what a worker applies between two bursts of frames.
    CONTROL_IMPORT_MAX = 1024,
    CONTROL_EXPORT_MAX = 4096,
};

// The reply to `export`: registrations from a position on, those of the configuration left out.
// NULL: no memory.
json_t *control_transfer_export(const struct mapper_map *map, json_t *members);

// The reply to `import`: all of the request's entries put in or taken out, or none. With *ret_holds
// the map was held back for it (mapper_map_hold). NULL: no memory.
json_t *control_transfer_import(struct mapper_map *map, json_t *members, bool *ret_holds);
