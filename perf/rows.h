// The rows of the benchmark programs, by what they measure. Each function measures those of its
// rows that the program wants and reports them. Main thread; EAL is up.
#pragma once

#include "perf/program.h"

// ---- build/perf/cycles
void rows_limits(struct perf_program *program);  // frames and segments with nothing in between
void rows_map(struct perf_program *program);     // ept_map
void rows_lookup(struct perf_program *program);  // ept_lookup by pages
void rows_connect(struct perf_program *program); // whole connections
void rows_stages(struct perf_program *program);  // the TCP stack, stage by stage
void rows_decode(struct perf_program *program);  // the kernels of ndr/
void rows_replica(struct perf_program *program); // the replica's index

// ---- build/perf/scale
void rows_workers(struct perf_program *program);     // one and two, a core each
void rows_entries(struct perf_program *program);     // of the map
void rows_connections(struct perf_program *program); // open at once
void rows_updates(struct perf_program *program);     // of the map, meanwhile
void rows_memory(struct perf_program *program);      // of an entry
