// The commands that go over the control socket: one JSON object per line each way
// (docs/control-protocol.md).
#include "cli/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/io.h"
#include "cli/print.h"

enum {
    REPLY_MAX = 16 * 1024 * 1024,
    // The server itself waits up to 5 s for its workers.
    CONTROL_TIMEOUT_MS = 10000,
};

static enum cli_exit connect_failed(const char *path, int error)
{
    if (error == EACCES || error == EPERM)
        return cli_fail(CLI_DENIED, "%s: permission denied; run as root or in the socket's group",
                        path);
    if (error == EAGAIN)
        return cli_fail(CLI_UNREACHABLE, "%s: the server takes no more clients; try again", path);
    return cli_fail(CLI_UNREACHABLE,
                    "%s: cannot connect (%s); check that portoland runs, or give --socket", path,
                    strerror(error));
}

static enum cli_exit connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return cli_fail(CLI_USAGE, "%s: the path is too long, expected at most %zu bytes", path,
                        sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return connect_failed(path, error);
    }
    *ret_fd = fd;
    return CLI_OK;
}

static enum cli_exit io_failed(const char *path, enum cli_io io, int timeout_ms)
{
    if (io == CLI_IO_TIMED_OUT)
        return cli_fail(CLI_TIMED_OUT,
                        "%s: no answer within %g s; the server may hang, see its log", path,
                        timeout_ms / 1000.0);
    return cli_fail(CLI_UNREACHABLE, "%s: the server ended the connection without an answer", path);
}

// Reads up to the newline; *ret_line is the caller's to free.
static enum cli_exit receive_line(int fd, const char *path, int timeout_ms, char **ret_line,
                                  size_t *ret_size)
{
    int64_t deadline = cli_deadline(timeout_ms);
    char *line = NULL;
    size_t size = 0, room = 0;
    while (size == 0 || line[size - 1] != '\n') {
        if (size == room) {
            room = room == 0 ? 65536 : 2 * room;
            char *larger = room > REPLY_MAX ? NULL : realloc(line, room);
            if (larger == NULL) {
                free(line);
                return cli_fail(CLI_PROTOCOL, "%s: found a reply of more than %d MiB", path,
                                REPLY_MAX >> 20);
            }
            line = larger;
        }
        size_t got;
        enum cli_io io = cli_receive(fd, line + size, room - size, deadline, &got);
        if (io != CLI_IO_OK) {
            free(line);
            return io_failed(path, io, timeout_ms);
        }
        size += got;
    }
    *ret_line = line;
    *ret_size = size;
    return CLI_OK;
}

static enum cli_exit exchange(int fd, const struct cli_options *options, const char *request,
                              char **ret_line, size_t *ret_size)
{
    int timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : CONTROL_TIMEOUT_MS;
    enum cli_io io = cli_send(fd, request, strlen(request), cli_deadline(timeout_ms));
    if (io == CLI_IO_OK)
        io = cli_send(fd, "\n", 1, cli_deadline(timeout_ms));
    if (io != CLI_IO_OK)
        return io_failed(options->socket, io, timeout_ms);
    return receive_line(fd, options->socket, timeout_ms, ret_line, ret_size);
}

// What is wrong with a file, line by line.
static void print_problems(const json_t *problems)
{
    size_t i;
    json_t *problem;
    char text[1024];
    json_array_foreach(problems, i, problem)
    {
        const char *line = json_string_value(problem);
        if (line != NULL)
            fprintf(stderr, "%s\n", cli_copy_printable(text, sizeof text, line, strlen(line)));
    }
}

static enum cli_exit refused(const json_t *reply)
{
    static const struct {
        const char *reason;
        enum cli_exit code;
    } codes[] = {
        {"invalid", CLI_USAGE},    {"usage", CLI_USAGE},
        {"denied", CLI_DENIED},    {"not_registered", CLI_NOT_REGISTERED},
        {"full", CLI_UNREACHABLE}, {"unavailable", CLI_UNREACHABLE},
    };
    char text[600] = "the server refuses and does not say why";
    const char *error = json_string_value(json_object_get(reply, "error"));
    const char *reason = json_string_value(json_object_get(reply, "reason"));
    print_problems(json_object_get(reply, "problems"));
    if (error != NULL)
        cli_copy_printable(text, sizeof text, error, strlen(error));
    for (size_t i = 0; reason != NULL && i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(codes[i].reason, reason) == 0)
            return cli_fail(codes[i].code, "%s", text);
    }
    return cli_fail(CLI_PROTOCOL, "%s", text);
}

enum cli_exit cli_control_call_text(const struct cli_options *options, const char *request,
                                    json_t **ret_reply)
{
    int fd = -1;
    char *line = NULL;
    size_t size = 0;
    enum cli_exit code = connect_to(options->socket, &fd);
    if (code == CLI_OK) {
        code = exchange(fd, options, request, &line, &size);
        close(fd);
    }
    if (code != CLI_OK)
        return code;
    json_t *reply = json_loadb(line, size, 0, NULL);
    free(line);
    if (json_integer_value(json_object_get(reply, "schema")) != CLI_SCHEMA)
        code = cli_fail(CLI_PROTOCOL,
                        "%s: found a reply that is not JSON of schema %d; check that portoland "
                        "listens there and is of this version",
                        options->socket, CLI_SCHEMA);
    else if (!json_is_true(json_object_get(reply, "ok")))
        code = refused(reply);
    if (code == CLI_OK)
        *ret_reply = reply;
    else
        json_decref(reply);
    return code;
}

enum cli_exit cli_control_call(const struct cli_options *options, json_t *request,
                               json_t **ret_reply)
{
    char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL)
        return cli_fail(CLI_USAGE, "the arguments cannot be sent: expected UTF-8 text");
    enum cli_exit code = cli_control_call_text(options, text, ret_reply);
    free(text);
    return code;
}

json_t *cli_control_request(const char *command)
{
    return json_pack("{s:i, s:s}", "schema", CLI_SCHEMA, "command", command);
}

const char *cli_control_text(const json_t *object, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    return cli_copy_printable(text, size, value == NULL ? "" : value,
                              value == NULL ? 0 : strlen(value));
}

long long cli_control_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

// Leaves only the counters of refusals that happened.
static void keep_drops(json_t *counters)
{
    for (size_t i = json_array_size(counters); i-- > 0;) {
        const json_t *counter = json_array_get(counters, i);
        const char *kind = json_string_value(json_object_get(counter, "kind"));
        if (kind == NULL || strcmp(kind, "drop") != 0 || cli_control_number(counter, "total") == 0)
            json_array_remove(counters, i);
    }
}

enum cli_exit cli_control_report(const struct cli_options *options, json_t *request,
                                 void (*print)(const json_t *reply))
{
    json_t *reply;
    enum cli_exit code = cli_control_call(options, request, &reply);
    if (code != CLI_OK)
        return code;
    if (options->drops)
        keep_drops(json_object_get(reply, "counters"));
    json_object_del(reply, "ok");
    if (options->json)
        return cli_print_json(reply);
    print(reply);
    json_decref(reply);
    return CLI_OK;
}

// ---- register, unregister

static enum cli_exit change(const struct cli_options *options, const char *command)
{
    struct ndr_syntax_id id;
    bool has_version;
    char uuid[BASE_UUID_TEXT_SIZE];
    char version[16];
    struct ndr_binding binding;
    if (!cli_interface_parse(options->arguments[0], &id, &has_version) || !has_version)
        return cli_fail(CLI_USAGE, "found interface '%s', expected UUID@MAJOR.MINOR",
                        options->arguments[0]);
    const char *wrong = ndr_binding_parse(options->arguments[1], &binding);
    if (wrong != NULL)
        return cli_fail(CLI_USAGE, "%s", wrong);
    base_uuid_format(&id.uuid, uuid);
    snprintf(version, sizeof version, "%u.%u", id.major, id.minor);
    json_t *request = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s*, s:s*, s:b}", "schema", CLI_SCHEMA,
                                "command", command, "interface", uuid, "version", version,
                                "binding", options->arguments[1], "object", options->object,
                                "annotation", options->annotation, "replace", options->replace);
    json_t *reply = NULL;
    enum cli_exit code = cli_control_call(options, request, &reply);
    json_decref(reply);
    return code;
}

enum cli_exit cli_register(const struct cli_options *options)
{
    return change(options, "register");
}

enum cli_exit cli_unregister(const struct cli_options *options)
{
    return change(options, "unregister");
}

// ---- status, stats

static void print_status(const json_t *reply)
{
    char text[128];
    size_t i;
    json_t *item;
    const json_t *log = json_object_get(reply, "log");
    printf("version    %s\n", cli_control_text(reply, "version", text, sizeof text));
    printf("pid        %lld\n", cli_control_number(reply, "pid"));
    printf("uptime     %lld s\n", cli_control_number(reply, "uptime_seconds"));
    printf("addresses ");
    json_array_foreach(json_object_get(reply, "addresses"), i, item)
    {
        const char *address = json_string_value(item);
        printf(" %s", address == NULL
                          ? ""
                          : cli_copy_printable(text, sizeof text, address, strlen(address)));
    }
    printf("\nport       %lld\n", cli_control_number(reply, "port"));
    printf("entries    %lld\n", cli_control_number(reply, "entries"));
    printf("log        head %lld, applied %lld\n", cli_control_number(log, "head"),
           cli_control_number(log, "applied"));
    json_array_foreach(json_object_get(reply, "workers"), i, item)
    {
        printf("worker %-3zu core %lld, lag %lld", i, cli_control_number(item, "core"),
               cli_control_number(item, "lag"));
        if (json_object_get(item, "connections") != NULL)
            printf(", connections %lld", cli_control_number(item, "connections"));
        putchar('\n');
    }
}

static void print_stats(const json_t *reply)
{
    char text[128];
    size_t i, w;
    int width = 0;
    json_t *counter, *item;
    const json_t *cores = json_object_get(reply, "cores");
    const json_t *counters = json_object_get(reply, "counters");
    json_array_foreach(counters, i, counter)
    {
        int length = (int)strlen(cli_control_text(counter, "name", text, sizeof text));
        width = length > width ? length : width;
    }
    printf("%-*s %20s", width, "counter", "total");
    json_array_foreach(cores, w, item)
    {
        snprintf(text, sizeof text, "core %lld", (long long)json_integer_value(item));
        printf(" %15s", text);
    }
    putchar('\n');
    json_array_foreach(counters, i, counter)
    {
        printf("%-*s %20lld", width, cli_control_text(counter, "name", text, sizeof text),
               cli_control_number(counter, "total"));
        json_array_foreach(json_object_get(counter, "workers"), w, item)
            printf(" %15lld", (long long)json_integer_value(item));
        putchar('\n');
    }
}

enum cli_exit cli_status(const struct cli_options *options)
{
    return cli_control_report(options, cli_control_request("status"), print_status);
}

enum cli_exit cli_stats(const struct cli_options *options)
{
    return cli_control_report(options, cli_control_request("stats"), print_stats);
}
