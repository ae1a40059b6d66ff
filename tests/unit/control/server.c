#include "tests/unit/control/server.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "mapper/map.h"
#include "mapper/replica.h"

static const struct base_counter counter_rows[] = {
    {"calls", BASE_COUNTER_EVENT, "calls answered"},
    {"drop_short", BASE_COUNTER_DROP, "frames too short"},
    {"connections", BASE_COUNTER_GAUGE, "connections now"},
};
static const char *const addresses[] = {"10.135.0.2", "fd00:135::2"};

// Two peers in turn, an event each.
static uint64_t trace_head(const void *context)
{
    (void)context;
    return SERVER_TRACE_ROWS;
}

static unsigned trace_rows(const void *context, uint64_t from, struct control_trace_row *ret_rows,
                           unsigned max)
{
    (void)context;
    unsigned count = 0;
    uint64_t first = from > SERVER_TRACE_OLDEST ? from : SERVER_TRACE_OLDEST;
    for (uint64_t number = first; number < SERVER_TRACE_ROWS && count < max; number++) {
        unsigned i = (unsigned)number;
        ret_rows[count] = (struct control_trace_row){.number = i,
                                                     .time_us = 1000 * i,
                                                     .local_port = 135,
                                                     .event = "opened",
                                                     .state = "ESTABLISHED",
                                                     .sequence = 4294967295,
                                                     .size = i};
        snprintf(ret_rows[count].remote, sizeof ret_rows[count].remote, "10.135.0.1:4000%u", i % 2);
        count++;
    }
    return count;
}

static void *run_worker(void *context)
{
    struct server *s = context;
    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        struct mapper_change *change = __atomic_exchange_n(&s->to_send, NULL, __ATOMIC_ACQ_REL);
        if (change != NULL)
            control_channel_submit(s->channel, change);
        if (!__atomic_load_n(&s->stalled, __ATOMIC_ACQUIRE)) {
            mapper_replica_apply(s->replica);
            __atomic_store_n(&s->replica_entries, mapper_replica_count(s->replica),
                             __ATOMIC_RELEASE);
        }
        if (control_channel_take_done(s->channel, &change, 1) == 1)
            __atomic_store_n(&s->back, change, __ATOMIC_RELEASE);
        usleep(200);
    }
    return NULL;
}

static void *run_control(void *context)
{
    struct server *s = context;
    control_run(s->control);
    return NULL;
}

static bool on_apply(void *context, const struct control_config *config)
{
    struct server *s = context;
    __atomic_store_n(&s->calls, config->limits.calls, __ATOMIC_RELEASE);
    __atomic_add_fetch(&s->reloads, 1, __ATOMIC_ACQ_REL);
    return true;
}

void server_write_config(const struct server *server, const char *text)
{
    FILE *file = fopen(server->config_path, "we");
    assert_non_null(file);
    fprintf(file, "%s%s", SERVER_CONFIG, text);
    fclose(file);
}

// What a process that was killed leaves behind.
static void leave_dead_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(fd, (const struct sockaddr *)&address, sizeof address);
    close(fd);
}

int server_start(void **state)
{
    struct server *s = calloc(1, sizeof *s);
    const struct mapper_options map_options = {.capacity = 16};
    strcpy(s->directory, "/tmp/portolan-control-XXXXXX");
    if (mkdtemp(s->directory) == NULL)
        return -1;
    snprintf(s->path, sizeof s->path, "%s/control.sock", s->directory);
    snprintf(s->config_path, sizeof s->config_path, "%s/portoland.yaml", s->directory);
    server_write_config(s, "");
    s->config = control_config_load(s->config_path);
    leave_dead_socket(s->path);
    s->log = mapper_log_create(64, 1);
    s->map = mapper_map_create(&map_options, s->log);
    s->replica = mapper_replica_create(16, s->log, 0);
    s->channel = control_channel_create(4);
    s->counters[0] = 7, s->counters[1] = 2, s->counters[2] = 5;
    s->worker = (struct control_worker){
        .core = SERVER_CORE,
        .channel = s->channel,
        .counters = {{"rpc", counter_rows, s->counters, 3}},
        .counters_count = 1,
        .trace_head = trace_head,
        .trace = trace_rows,
    };
    const struct control_options options = {
        .socket_path = s->path,
        .version = "1.2.3",
        .map = s->map,
        .log = s->log,
        .workers = &s->worker,
        .worker_count = 1,
        .addresses = addresses,
        .address_count = 2,
        .listen_port = 135,
        .config = s->config,
        .config_path = s->config_path,
        .apply = on_apply,
        .context = s,
    };
    s->control = control_create(&options);
    *state = s;
    return s->control == NULL || pthread_create(&s->worker_thread, NULL, run_worker, s) != 0 ||
           pthread_create(&s->control_thread, NULL, run_control, s) != 0;
}

void server_join_control(struct server *server)
{
    if (!server->joined)
        pthread_join(server->control_thread, NULL);
    server->joined = true;
}

int server_stop(void **state)
{
    struct server *s = *state;
    control_stop(s->control);
    server_join_control(s);
    __atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
    pthread_join(s->worker_thread, NULL);
    control_destroy(s->control);
    mapper_replica_destroy(s->replica);
    mapper_map_destroy(s->map);
    mapper_log_destroy(s->log);
    control_channel_destroy(s->channel);
    control_config_free(s->config);
    unlink(s->config_path);
    // The socket is gone by now, or this fails and the test with it.
    int removed = rmdir(s->directory);
    free(s);
    return removed;
}

void server_stall(struct server *server, bool stalled)
{
    __atomic_store_n(&server->stalled, stalled, __ATOMIC_RELEASE);
    // An application that has begun ends within this.
    usleep(5000);
}

int server_connect(const struct server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", server->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

void server_send(int fd, const char *text)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return; // the server has closed; what it said is still to be read
        text += sent;
        size -= (size_t)sent;
    }
}

json_t *server_receive(int fd, int timeout_ms)
{
    char line[65536];
    size_t size = 0;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    while (size < sizeof line && (size == 0 || line[size - 1] != '\n')) {
        if (poll(&pollfd, 1, timeout_ms) != 1 || recv(fd, line + size, 1, 0) != 1)
            return NULL;
        size++;
    }
    return json_loadb(line, size, 0, NULL);
}

json_t *server_ask(const struct server *server, const char *request)
{
    int fd = server_connect(server);
    assert_true(fd >= 0);
    server_send(fd, request);
    server_send(fd, "\n");
    json_t *reply = server_receive(fd, 10000);
    close(fd);
    assert_non_null(reply);
    assert_int_equal(json_integer_value(json_object_get(reply, "schema")), 1);
    return reply;
}

bool server_says_ok(const json_t *reply)
{
    return json_is_true(json_object_get(reply, "ok"));
}

const char *server_text(const json_t *reply, const char *key)
{
    const char *text = json_string_value(json_object_get(reply, key));
    return text == NULL ? "" : text;
}
