// The configuration while the server runs: what it goes by, what the file says, and how the one
// becomes the other. A file is read and checked whole before anything changes.
#pragma once

#include <stdint.h>

#include <jansson.h>

struct control_options;
struct control_reload;

// The options outlive it. NULL: no memory.
struct control_reload *control_reload_create(const struct control_options *options);
void control_reload_destroy(struct control_reload *reload);

// All on the control thread. Each command returns the reply over the request's `members`, which the
// caller owns; NULL: no memory.

// Reads the file and takes what may change. When the map is held back, the reply goes out once it
// has been released and the workers have applied it.
json_t *control_reload_run(struct control_reload *reload, json_t *members);
json_t *control_reload_show(struct control_reload *reload, json_t *members);
json_t *control_reload_diff(struct control_reload *reload, json_t *members);
json_t *control_reload_check(struct control_reload *reload, json_t *members);

// SIGHUP: the same as control_reload_run, told to the log.
void control_reload_signal(struct control_reload *reload);
