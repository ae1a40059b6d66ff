// Changes of the map on their way to the replicas: who waits for which log position, and the
// changes that come from the workers. An answer goes out only when every worker has applied.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control_changes;
struct control_options;
struct event_base;

enum { CONTROL_CHANGES_PATIENCE_MS = 5000 };

// Tells `owner` that its change is complete (`error` NULL), or that a worker did not apply it in
// time: `error` names it. The change stays in the map then, and reaches the worker when it reads
// on.
typedef void (*control_changes_answer)(void *owner, const char *error);

// Listens on every worker's channel. NULL when there is no memory. The options outlive it.
struct control_changes *control_changes_create(struct event_base *base,
                                               const struct control_options *options);
void control_changes_destroy(struct control_changes *changes);

// Answers when every replica has applied log position `sequence`: within the call when that is
// soon. False when there is no memory to wait.
bool control_changes_wait(struct control_changes *changes, uint64_t sequence,
                          control_changes_answer answer, void *owner);
// `owner` is going away: nothing is answered to it any more.
void control_changes_forget(struct control_changes *changes, const void *owner);
