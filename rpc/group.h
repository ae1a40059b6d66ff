// Association groups (C706 9.3.1; [MS-RPCE] 3.3.1.2.x): connections of one client that share
// context handles. Shared by all workers, because the connections of a group may land on different
// ones.
//
// Lock-free: each group is one cache line with one state word, id << 32 | connections.
// - Each line belongs to one worker, which alone makes it a new group, and only while the count is
//   0; others change the word by compare-and-swap and only while the count is not 0. So a stale id
//   can never join a successor: the id is part of the word compared.
// - The count becomes 0 once in a group's life, so one worker, the last to leave, pushes the line
//   on its owner's stack. The owner takes the whole stack at once and never pops, so there is no
//   ABA.
// - Joining acquires and leaving releases, so the cursor epochs written by one connection are seen
//   by another that joins after it.
// - A cursor is live while its epoch is odd. Opening and closing swap the epoch by one and taking
//   over by two, each by compare-and-swap: of two workers that change the same cursor one wins, and
//   the other finds another epoch.
// Nothing is ever freed while workers run, so there is nothing to reclaim.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rpc_groups;

// Live entry handles of one group at most (rpc_groups_limit_cursors asks for fewer). Clients that
// neither continue nor free a handle are common, so a new one takes the place of the oldest.
enum { RPC_GROUP_CURSORS = 11 };

// A new group with one connection, for `client` (a hash of its address) on `worker`. 0: this worker
// has none left.
uint32_t rpc_group_new(struct rpc_groups *groups, unsigned worker, uint64_t client);
// One more connection. False when there is no such group of this client.
bool rpc_group_join(struct rpc_groups *groups, uint32_t id, uint64_t client);
// One connection less; the group ends with the last.
void rpc_group_leave(struct rpc_groups *groups, uint32_t id);

// Opens a cursor, at the cost of the oldest when all are live. Returns its index; *ret_epoch tells
// lives apart.
unsigned rpc_group_cursor_open(struct rpc_groups *groups, uint32_t id, uint32_t *ret_epoch);
// The epoch of a live cursor, or 0 when it is not live. The caller is a member of the group.
uint32_t rpc_group_cursor_epoch(const struct rpc_groups *groups, uint32_t id, unsigned index);
void rpc_group_cursor_close(struct rpc_groups *groups, uint32_t id, unsigned index, uint32_t epoch);
