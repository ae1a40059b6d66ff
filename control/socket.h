// The control socket: clients of the UNIX socket, one JSON object per line each way.
#pragma once

#include <stdint.h>

struct control_changes;
struct control_options;
struct control_socket;
struct event_base;

enum {
    CONTROL_LINE_MAX = 1024 * 1024, // bytes of a request, its newline not counted
    CONTROL_CLIENT_MAX = 64,        // at once; more wait in the listen queue
};

// Listens at options->socket_path. NULL after saying on stderr what failed. What is passed outlives
// it.
struct control_socket *control_socket_create(struct event_base *base,
                                             const struct control_options *options,
                                             struct control_changes *changes, uint64_t started_us);
// Closes every client and removes the socket.
void control_socket_destroy(struct control_socket *socket);
