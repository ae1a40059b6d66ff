// The control side of portoland without ports: control thread, map, store and one replica that a
// thread keeps applying. It starts in milliseconds, so that it can be killed by the hundred.
//
//     keeper DIRECTORY CAPACITY [BYTES]
//
// DIRECTORY/state is the store (of BYTES at most), DIRECTORY/control.sock the socket. "ready" on
// stdout: it serves.
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "control/control.h"
#include "control/store.h"
#include "mapper/map.h"
#include "mapper/replica.h"

enum { LOG_OPERATIONS = 16384, NAP_US = 50 };

static struct mapper_replica *replica;
static bool stop; // main sets, the worker reads (atomic)

static void make_room(void *context)
{
    (void)context;
    mapper_replica_apply(replica);
}

static void *run_worker(void *context)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        if (mapper_replica_apply(replica) == 0)
            usleep(NAP_US);
    }
    return context;
}

static int serve(const struct control_options *options)
{
    pthread_t worker;
    struct control *control = control_create(options);
    if (control == NULL || pthread_create(&worker, NULL, run_worker, NULL) != 0)
        return EX_OSERR;
    puts("ready");
    fflush(stdout);
    int result = control_run(control);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(worker, NULL);
    control_destroy(control);
    return result == 0 ? 0 : EX_OSERR;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4)
        return EX_USAGE;
    char state[512], path[512];
    const struct mapper_options map_options = {.capacity = (uint32_t)strtoul(argv[2], NULL, 10)};
    const struct control_store_options store_options = {
        .directory = state,
        .capacity = map_options.capacity,
        .size_max = argc == 4 ? strtoull(argv[3], NULL, 10) : 0,
    };
    snprintf(state, sizeof state, "%s/state", argv[1]);
    snprintf(path, sizeof path, "%s/control.sock", argv[1]);
    struct mapper_log *log = mapper_log_create(LOG_OPERATIONS, 1);
    struct mapper_map *map = mapper_map_create(&map_options, log);
    replica = mapper_replica_create(map_options.capacity, log, 0);
    struct control_store *store = control_store_open(&store_options);
    if (log == NULL || map == NULL || replica == NULL || store == NULL ||
        !control_store_load(store, map, make_room, NULL))
        return EX_UNAVAILABLE;
    mapper_replica_apply(replica);
    mapper_map_set_record(map, control_store_record, store);
    const struct control_worker worker = {.core = 1};
    const struct control_options options = {
        .socket_path = path,
        .version = PORTOLAN_VERSION,
        .map = map,
        .log = log,
        .store = store,
        .workers = &worker,
        .worker_count = 1,
        .listen_port = 135,
    };
    int result = serve(&options);
    mapper_map_destroy(map);
    mapper_replica_destroy(replica);
    mapper_log_destroy(log);
    control_store_close(store);
    return result;
}
