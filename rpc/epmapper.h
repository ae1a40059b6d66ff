// Of epmapper, what others than its table of operations use. The changing operations are handed to
// the control thread and answered when every replica has the change.
#pragma once

#include "rpc/interface.h"

// Gives the prepared ept_map call an answer in which every port is `port`.
void rpc_epmapper_divert(struct rpc_server *server, const struct rpc_call *call, uint16_t port);

// ---- epmapper_ready.c
// Notes which of `count` ept_map calls, decoded to server->maps from `row` on, have their replies
// standing ready. `count` is at most MAPPER_FIND_MAX. Returns how many of ret_others have not. The
// answers of those belong in server->answers from `row` on.
unsigned rpc_epmapper_find_ready(struct rpc_server *server, struct rpc_call *const *calls,
                                 unsigned row, unsigned count, struct rpc_call **ret_others);
// The call goes the general way after all: makes its note an answer.
void rpc_epmapper_forget_ready(struct rpc_server *server, const struct rpc_call *call);
rpc_answer_ready rpc_epmapper_answer_ready;

// ---- epmapper_change.c
uint32_t rpc_epmapper_insert(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply);
uint32_t rpc_epmapper_delete(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply);
uint32_t rpc_epmapper_mgmt_delete(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply);
