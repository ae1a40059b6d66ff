// Of epmapper, what others than its table of operations use. The changing operations are handed to
// the control thread and answered when every replica has the change.
#pragma once

#include "rpc/interface.h"

// Gives the prepared ept_map call an answer in which every port is `port`.
void rpc_epmapper_divert(struct rpc_server *server, const struct rpc_call *call, uint16_t port);

// ---- epmapper_ready.c
// Notes which of the prepared ept_map calls have their replies standing ready.
void rpc_epmapper_find_ready(struct rpc_server *server, struct rpc_call *const *calls,
                             unsigned count);
rpc_answer_ready rpc_epmapper_answer_ready;

// ---- epmapper_change.c
uint32_t rpc_epmapper_insert(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply);
uint32_t rpc_epmapper_delete(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply);
uint32_t rpc_epmapper_mgmt_delete(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply);
