// The trace ring of a worker's stack for the control thread.
#pragma once

#include "control/control.h"

// For control_worker.trace; the context is a struct tcpstack_trace.
unsigned dataplane_trace_rows(const void *trace, struct control_trace_row *ret_rows, unsigned max);
