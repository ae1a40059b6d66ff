// portolan trace: what happened to connections, and what happens.
#include <stdio.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/print.h"

enum {
    POLL_MS = 200,
    PAGE =
        1000, // records of each worker at once, so that the server is never busy with us for long
};

static void print_head(void)
{
    printf("%-6s %14s  %-21s %5s  %-14s %-12s %10s %10s %6s\n", "worker", "seconds", "peer", "port",
           "event", "state", "sequence", "ack", "size");
}

static void print_record(const json_t *record)
{
    char remote[64], event[32], state[32];
    long long time = cli_control_number(record, "time_us");
    printf("%-6lld %7lld.%06lld  %-21s %5lld  %-14s %-12s %10lld %10lld %6lld\n",
           cli_control_number(record, "worker"), time / 1000000, time % 1000000,
           cli_control_text(record, "remote", remote, sizeof remote),
           cli_control_number(record, "local_port"),
           cli_control_text(record, "event", event, sizeof event),
           cli_control_text(record, "state", state, sizeof state),
           cli_control_number(record, "sequence"), cli_control_number(record, "acknowledgment"),
           cli_control_number(record, "size"));
}

// Takes over `since`, which may be NULL.
static enum cli_exit ask(const struct cli_options *options, int last, json_t *since,
                         json_t **ret_reply)
{
    json_t *request = cli_control_request("trace");
    if (last != 0)
        json_object_set_new(request, "last", json_integer(last));
    if (options->connection != NULL)
        json_object_set_new(request, "connection", json_string(options->connection));
    if (since != NULL)
        json_object_set_new(request, "since", since);
    return cli_control_call(options, request, ret_reply);
}

// Prints the records, at most `left`; returns how many.
static long long print_page(const struct cli_options *options, const json_t *reply, long long left)
{
    const json_t *records = json_object_get(reply, "records");
    long long count = 0;
    for (; count < left && count < (long long)json_array_size(records); count++) {
        json_t *record = json_array_get(records, (size_t)count);
        if (options->json)
            cli_print_json(json_incref(record));
        else
            print_record(record);
    }
    long long lost = cli_control_number(reply, "lost");
    if (lost > 0)
        fprintf(stderr, "portolan: %lld records were overwritten before they could be read\n",
                lost);
    return count;
}

// Without --last, from now on: then the first reply says only where that is.
static enum cli_exit follow(const struct cli_options *options)
{
    long long left = options->count != 0 ? options->count : INT64_MAX;
    json_t *reply, *next = NULL;
    enum cli_exit code = ask(options, options->last != 0 ? options->last : 1, NULL, &reply);
    if (code == CLI_OK && options->last == 0)
        json_array_clear(json_object_get(reply, "records"));
    if (code == CLI_OK && !options->json)
        print_head();
    while (code == CLI_OK) {
        left -= print_page(options, reply, left);
        bool moved = next == NULL || !json_equal(next, json_object_get(reply, "next"));
        json_decref(next);
        next = json_incref(json_object_get(reply, "next"));
        json_decref(reply);
        if (fflush(stdout) != 0 || left == 0)
            break;
        if (!moved)
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        code = ask(options, PAGE, json_incref(next), &reply);
    }
    json_decref(next);
    return code;
}

enum cli_exit cli_trace(const struct cli_options *options)
{
    if (options->follow)
        return follow(options);
    if (options->count != 0)
        return cli_fail(CLI_USAGE, "--count: expected --follow with it; the newest N are --last N");
    json_t *reply;
    enum cli_exit code = ask(options, options->last, NULL, &reply);
    if (code != CLI_OK)
        return code;
    json_object_del(reply, "ok");
    if (options->json)
        return cli_print_json(reply);
    print_head();
    print_page(options, reply, INT64_MAX);
    json_decref(reply);
    return CLI_OK;
}
