// Changes of the map on their way to the disk and to the replicas: who waits for which of them, and
// the changes that come from the workers. An answer goes out only when the change is kept and every
// worker has applied it.
//
// Changes that are there at the same time share one write: the first one holds the map back
// (mapper_map_hold), and it is released when the loop has gone through all that was ready. While a
// write is being synced the next ones gather, so the more there are, the fewer writes each costs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control_changes;
struct control_options;
struct event_base;

enum { CONTROL_CHANGES_PATIENCE_MS = 5000 };

// Tells `owner` that its change is complete (`error` NULL), or why it is not: a reason of the
// control protocol and a sentence. When the change could not be kept, nothing has changed. When a
// worker did not apply it in time (`error` names it), it stays in the map and reaches the worker
// when that reads on.
typedef void (*control_changes_answer)(void *owner, const char *reason, const char *error);

// Listens on every worker's channel. NULL when there is no memory. The options outlive it.
struct control_changes *control_changes_create(struct event_base *base,
                                               const struct control_options *options);
void control_changes_destroy(struct control_changes *changes);

// Answers when the changes held back are kept and every replica has applied them; never within the
// call. For a change that the map refused (`refused`) the replicas are not waited for: it only has
// to be sure that what it was compared with stays. False when there is no memory to wait.
bool control_changes_wait(struct control_changes *changes, bool refused,
                          control_changes_answer answer, void *owner);
// `owner` is going away: nothing is answered to it any more.
void control_changes_forget(struct control_changes *changes, const void *owner);
