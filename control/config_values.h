// Configurations as values: shown, compared, and one brought up to another, by the rows of
// control/config_keys.h.
#pragma once

#include <jansson.h>

struct control_config;

// Every key with its value, absent ones with their defaults: sections are objects, lists arrays.
// The caller owns it. NULL: no memory.
json_t *control_config_show(const struct control_config *config);

// A list of the keys whose values differ: each {key, read, running, file}, or of a list
// {key, read, added, removed}. `read` is "reload" or "start". The caller owns it. NULL: no memory.
json_t *control_config_diff(const struct control_config *running,
                            const struct control_config *file);

// Gives `running` the values of all keys that a reload may change. What they point to stays
// `file`'s, which must outlive the use of `running`.
void control_config_take(struct control_config *running, const struct control_config *file);
