// A control thread with one worker, for tests: the worker is a thread that applies its replica and
// takes back its changes, and can be made to stall.
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include <jansson.h>

#include "control/channel.h"
#include "control/config.h"
#include "control/control.h"
#include "mapper/change.h"

enum { SERVER_CORE = 3, SERVER_TRACE_ROWS = 300, SERVER_TRACE_OLDEST = 5 };

struct server {
    char directory[64];
    char path[96];
    char config_path[96];
    struct control_config *config;
    struct mapper_log *log;
    struct mapper_map *map;
    struct mapper_replica *replica;
    struct control_channel *channel;
    struct control_worker worker;
    struct control *control;
    uint64_t counters[3];
    pthread_t control_thread, worker_thread;
    bool stop, stalled;            // test writes, worker reads (atomic)
    uint32_t replica_entries;      // worker writes, test reads (atomic)
    struct mapper_change *to_send; // test writes, worker takes (atomic)
    struct mapper_change *back;    // worker writes, test reads (atomic)
    unsigned reloads, calls;       // reloads so far, and limits.calls of the last (atomic)
    bool joined;                   // the control thread
};

// What every configuration file of the server begins with.
#define SERVER_CONFIG                                                                              \
    "dataplane:\n  ports:\n    - device: net_tap0\n  workers: [3]\n"                               \
    "network:\n  addresses: [10.135.0.2/24]\nlisten:\n  - ncacn_ip_tcp: 135\n"
// Replaces the file; `text` follows SERVER_CONFIG.
void server_write_config(const struct server *server, const char *text);

// For cmocka: *state is the running server.
int server_start(void **state);
int server_stop(void **state);
// Waits for the control thread to end; once is enough.
void server_join_control(struct server *server);
void server_stall(struct server *server, bool stalled);

// A client of the socket; -1 when it cannot connect.
int server_connect(const struct server *server);
void server_send(int fd, const char *text);
// The next line as JSON, or NULL when none comes within `timeout_ms` or the connection ends.
json_t *server_receive(int fd, int timeout_ms);
// One request on a connection of its own; asserts that a reply came.
json_t *server_ask(const struct server *server, const char *request);

bool server_says_ok(const json_t *reply);
const char *server_text(const json_t *reply, const char *key); // "" when it is not there
