// What the parts of a request cost on the server's side, from whole requests through one worker
// down to the decoder and the index. Frames come from memory through a ring port, so that neither a
// NIC nor a kernel nor a client is in the measurement. Every answer is checked.
#include <stdio.h>
#include <sysexits.h>

#include "dataplane/kernel.h"
#include "perf/memory_worker.h"
#include "perf/rows.h"

int main(int argc, char **argv)
{
    struct perf_program program;
    int code;
    if (!perf_program_init(&program, argc, argv,
                           "Measures what requests cost one worker, fed from memory.", &code))
        return code;
    if (!dataplane_choose_kernel())
        return EX_USAGE;
    if (!memory_eal_init(program.name)) {
        fprintf(stderr, "%s: EAL did not start\n", program.name);
        return 1;
    }
    rows_limits(&program);
    rows_map(&program);
    rows_lookup(&program);
    rows_connect(&program);
    rows_stages(&program);
    rows_decode(&program);
    rows_replica(&program);
    return program.failed;
}
