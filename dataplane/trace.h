// The trace ring of a worker's stack for the control thread.
#pragma once

#include "control/control.h"

// For control_worker.trace_head and trace; the context is a struct tcpstack_trace.
uint64_t dataplane_trace_head(const void *trace);
unsigned dataplane_trace_rows(const void *trace, uint64_t from, struct control_trace_row *ret_rows,
                              unsigned max);
