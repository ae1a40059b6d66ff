// Cycles per stage of the TCP stack alone: no port, no worker, no RPC.
#pragma once

#include <stdbool.h>

// Measures over `connections` connections in turn and prints one line per stage. False after saying
// on stderr what went wrong. EAL is up.
bool stages_run(unsigned connections);
