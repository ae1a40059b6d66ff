// Of epmapper, what others than its table of operations use. The changing operations of epmapper,
// served in epmapper_change.c: they are handed to the control thread and answered when every
// replica has the change.
#pragma once

#include "rpc/interface.h"

// Gives the prepared ept_map call an answer in which every port is `port`.
void rpc_epmapper_divert(struct rpc_server *server, const struct rpc_call *call, uint16_t port);

uint32_t rpc_epmapper_insert(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply);
uint32_t rpc_epmapper_delete(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply);
uint32_t rpc_epmapper_mgmt_delete(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply);
