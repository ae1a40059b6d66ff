#include "control/socket.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/log.h"
#include "control/changes.h"
#include "control/commands.h"
#include "control/control.h"

// A client has one command under way: it is read on only when the reply has left for the kernel,
// so what a client can make us hold is one line and one reply.
struct client {
    LIST_ENTRY(client) link;
    struct control_socket *socket;
    struct bufferevent *stream;
    json_t *reply; // waits for the disk and the replicas
    bool closing;  // after the reply
};

struct control_socket {
    const struct control_options *options;
    struct control_changes *changes;
    struct event_base *base;
    uint64_t started_us;
    struct evconnlistener *listener;
    LIST_HEAD(, client) clients;
    unsigned client_count;
};

// ---- clients

static void close_client(struct client *client)
{
    struct control_socket *socket = client->socket;
    control_changes_forget(socket->changes, client);
    LIST_REMOVE(client, link);
    bufferevent_free(client->stream);
    json_decref(client->reply);
    free(client);
    if (socket->client_count-- == CONTROL_CLIENT_MAX && socket->listener != NULL)
        evconnlistener_enable(socket->listener);
}

// Takes over `reply`.
static void send_reply(struct client *client, json_t *reply)
{
    char *text = reply == NULL ? NULL : json_dumps(reply, JSON_COMPACT);
    json_decref(reply);
    struct evbuffer *output = bufferevent_get_output(client->stream);
    evbuffer_add_printf(output, "%s\n",
                        text == NULL ? "{\"schema\":1,\"ok\":false,\"reason\":\"unavailable\","
                                       "\"error\":\"out of memory\"}"
                                     : text);
    free(text);
}

static void on_applied(void *owner, const char *reason, const char *error)
{
    struct client *client = owner;
    json_t *reply = client->reply;
    client->reply = NULL;
    if (error != NULL) {
        json_decref(reply);
        reply = control_commands_refuse(reason, "%s", error);
    }
    send_reply(client, reply);
}

static void run_line(struct client *client, const char *line, size_t size)
{
    struct control_socket *socket = client->socket;
    bool holds;
    json_t *reply = control_commands_run(socket->options, socket->started_us, line, size, &holds);
    if (!holds) {
        send_reply(client, reply);
        return;
    }
    client->reply = reply;
    bool refused = !json_is_true(json_object_get(reply, "ok"));
    if (!control_changes_wait(socket->changes, refused, on_applied, client))
        on_applied(client, "unavailable", "too many changes are waiting for the workers");
}

static void on_read(struct bufferevent *stream, void *context)
{
    struct client *client = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    if (client->closing || !(bufferevent_get_enabled(stream) & EV_READ))
        return;
    size_t size;
    char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_LF);
    if (line == NULL && evbuffer_get_length(input) <= CONTROL_LINE_MAX)
        return;
    bufferevent_disable(stream, EV_READ);
    if (line == NULL || size > CONTROL_LINE_MAX) {
        client->closing = true;
        send_reply(client, control_commands_refuse(
                               "usage", "found a line of more than %d bytes, expected less",
                               CONTROL_LINE_MAX));
    } else {
        run_line(client, line, size);
    }
    free(line);
}

// Everything written has gone to the kernel: the next command.
static void on_written(struct bufferevent *stream, void *context)
{
    struct client *client = context;
    if (client->reply != NULL)
        return;
    if (client->closing) {
        close_client(client);
        return;
    }
    bufferevent_enable(stream, EV_READ);
    on_read(stream, client);
}

static void on_end(struct bufferevent *stream, short what, void *context)
{
    (void)stream, (void)what;
    close_client(context);
}

static void on_connect(struct evconnlistener *listener, evutil_socket_t fd,
                       struct sockaddr *address, int size, void *context)
{
    struct control_socket *socket = context;
    (void)address, (void)size;
    struct client *client = calloc(1, sizeof *client);
    if (client != NULL)
        client->stream = bufferevent_socket_new(socket->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (client == NULL || client->stream == NULL) {
        base_error("control socket: no memory for another client");
        free(client);
        close(fd);
        return;
    }
    client->socket = socket;
    LIST_INSERT_HEAD(&socket->clients, client, link);
    if (++socket->client_count == CONTROL_CLIENT_MAX)
        evconnlistener_disable(listener);
    // Reading stops one byte past the longest line, so an endless one is seen and not stored.
    bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_LINE_MAX + 1);
    bufferevent_setcb(client->stream, on_read, on_written, on_end, client);
    bufferevent_enable(client->stream, EV_READ | EV_WRITE);
}

// ---- the listening socket

// True when nothing is at the path any more. A socket that nobody answers on is left over from a
// process that died; whatever else is there is not ours to remove.
static bool clear_path(const char *path, const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(status.st_mode)) {
        base_error("control socket %s: found a file there, expected nothing or a socket; remove it "
                   "or set control.socket to another path",
                   path);
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connected = connect(probe, (const struct sockaddr *)address, sizeof *address);
    int error = errno;
    close(probe);
    if (connected != 0 && error == ECONNREFUSED)
        return unlink(path) == 0;
    base_error("control socket %s: another process listens there; stop it, or set control.socket "
               "to another path",
               path);
    return false;
}

// Makes the directory if only that one is missing. The path fits a socket address.
static void make_directory(const char *path)
{
    char copy[sizeof((struct sockaddr_un *)NULL)->sun_path];
    strcpy(copy, path);
    mkdir(dirname(copy), 0755);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        base_error("control socket %s: the path is too long, expected at most %zu bytes", path,
                   sizeof address.sun_path - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    make_directory(path);
    if (!clear_path(path, &address))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // Mode 0660 from the first moment on: between bind and a chmod anybody could connect.
    mode_t mask = umask(0117);
    int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (bound == 0 && listen(fd, CONTROL_CLIENT_MAX) == 0)
        return fd;
    base_error("control socket %s: cannot be created (%s); check that the directory exists and is "
               "writable",
               path, strerror(errno));
    close(fd);
    return -1;
}

struct control_socket *control_socket_create(struct event_base *base,
                                             const struct control_options *options,
                                             struct control_changes *changes, uint64_t started_us)
{
    int fd = listen_at(options->socket_path);
    if (fd < 0)
        return NULL;
    struct control_socket *socket = calloc(1, sizeof *socket);
    if (socket != NULL) {
        socket->options = options;
        socket->changes = changes;
        socket->base = base;
        socket->started_us = started_us;
        LIST_INIT(&socket->clients);
        socket->listener = evconnlistener_new(base, on_connect, socket,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    }
    if (socket == NULL || socket->listener == NULL) {
        base_error("control socket %s: no memory", options->socket_path);
        unlink(options->socket_path);
        close(fd);
        free(socket);
        return NULL;
    }
    return socket;
}

void control_socket_destroy(struct control_socket *socket)
{
    if (socket == NULL)
        return;
    evconnlistener_free(socket->listener);
    socket->listener = NULL;
    while (!LIST_EMPTY(&socket->clients))
        close_client(LIST_FIRST(&socket->clients));
    unlink(socket->options->socket_path);
    free(socket);
}
