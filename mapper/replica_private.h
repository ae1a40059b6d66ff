// What a replica consists of. Private to mapper/.
#pragma once

#include "mapper/replica.h"
#include "mapper/table.h"

// Which of the table's indexes.
enum { MAPPER_REPLICA_BINDINGS = 0, MAPPER_REPLICA_OBJECTS = 1 };

struct mapper_replica {
    struct mapper_table table;
    struct mapper_log *log; // the caller's
    unsigned reader;
};
