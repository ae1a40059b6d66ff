// Requests of the control socket: one line each, into the commands over a real map and log whose
// replica follows. Every line gets a reply that is JSON and says whether it was done.
#include "control/commands.h"
#include "control/control.h"
#include "mapper/map.h"
#include "mapper/replica.h"
#include "tests/fuzz/input.h"

enum { ENTRIES = 16, LINES_MAX = 8 };

static const struct base_counter counter_rows[] = {
    {"calls", BASE_COUNTER_EVENT, "calls answered"},
    {"connections", BASE_COUNTER_GAUGE, "connections now"},
};
static const uint64_t counters[] = {7, 5};
static const char *const addresses[] = {"10.135.0.2", "fd00:135::2"};

enum { TRACE_HEAD = 5 };

static uint64_t trace_head(const void *context)
{
    (void)context;
    return TRACE_HEAD;
}

// The records from `from` on, of which the first two were overwritten.
static unsigned trace_rows(const void *context, uint64_t from, struct control_trace_row *ret_rows,
                           unsigned max)
{
    (void)context;
    const struct control_trace_row row = {
        .remote = "10.135.0.1:40001", .local_port = 135, .event = "opened", .state = "ESTABLISHED"};
    unsigned count = 0;
    for (uint64_t number = from < 2 ? 2 : from; number < TRACE_HEAD && count < max; number++) {
        ret_rows[count] = row;
        ret_rows[count++].number = number;
    }
    return count;
}

// What `run` says of one line.
static void ask(const struct control_options *options, const char *line, size_t size)
{
    bool holds;
    json_t *reply = control_commands_run(options, 0, line, size, &holds);
    MUST(json_is_object(reply));
    MUST(json_integer_value(json_object_get(reply, "schema")) == CONTROL_SCHEMA);
    const json_t *ok = json_object_get(reply, "ok");
    MUST(json_is_boolean(ok));
    if (json_is_false(ok)) {
        MUST(json_is_string(json_object_get(reply, "reason")));
        MUST(json_is_string(json_object_get(reply, "error")));
    }
    uint64_t head = mapper_log_head(options->log);
    MUST(mapper_map_release(options->map) == NDR_EPM_STATUS_OK);
    MUST(json_is_true(ok) || mapper_log_head(options->log) == head);
    MUST(holds || mapper_log_head(options->log) == head);
    char *text = json_dumps(reply, JSON_COMPACT);
    MUST(text != NULL && strchr(text, '\n') == NULL);
    free(text);
    json_decref(reply);
}

static void ask_all(const struct control_options *options, struct mapper_replica *replica,
                    const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < LINES_MAX; i++) {
        const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - data);
        char *line = malloc(length + 1); // as evbuffer_readln gives it
        memcpy(line, data, length);
        line[length] = '\0';
        ask(options, line, length);
        free(line);
        mapper_replica_apply(replica);
        mapper_map_reclaim(options->map);
        MUST(mapper_replica_count(replica) == mapper_map_count(options->map));
        if (end == NULL)
            return;
        data += length + 1;
        size -= length + 1;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    json_object_seed(1); // the same input takes the same way
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mapper_options map_options = {.capacity = ENTRIES};
    struct mapper_log *log = mapper_log_create(64, 1);
    struct mapper_map *map = mapper_map_create(&map_options, log);
    struct mapper_replica *replica = mapper_replica_create(ENTRIES, log, 0);
    const struct control_worker worker = {
        .core = 1,
        .counters = {{"rpc", counter_rows, counters, 2}},
        .counters_count = 1,
        .trace_head = trace_head,
        .trace = trace_rows,
    };
    const struct control_options options = {
        .version = "1.2.3",
        .map = map,
        .log = log,
        .workers = &worker,
        .worker_count = 1,
        .addresses = addresses,
        .address_count = 2,
        .listen_port = 135,
    };
    ask_all(&options, replica, data, size);
    mapper_replica_destroy(replica);
    mapper_map_destroy(map);
    mapper_log_destroy(log);
    return 0;
}
