// The two one-way lanes between one worker and the control thread, for changes of the map.
// SPSC rings of pointers; neither side ever waits for the other.
#pragma once

#include <stdbool.h>

struct control_channel;
struct mapper_change;

// `room` changes at most under way. NULL when there is no memory. Made before either side starts.
struct control_channel *control_channel_create(unsigned room);
void control_channel_destroy(struct control_channel *channel);

// ---- worker side
// Hands a change over and wakes the control thread (one eventfd write: registrations are
// rare and off by default). False when the lane is full; the change stays the caller's.
bool control_channel_submit(struct control_channel *channel, struct mapper_change *change);
// Changes that are complete. Returns how many; 0 costs one load.
unsigned control_channel_take_done(struct control_channel *channel,
                                   struct mapper_change **ret_changes, unsigned max);

// ---- control side
// A file descriptor that becomes readable when something was submitted.
int control_channel_wake_fd(const struct control_channel *channel);
unsigned control_channel_take(struct control_channel *channel, struct mapper_change **ret_changes,
                              unsigned max);
void control_channel_done(struct control_channel *channel, struct mapper_change *change);
