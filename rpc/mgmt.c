// mgmt 1.0, the remote management interface (C706 appendix Q), bindable on every endpoint.
#include "ndr/mgmt.h"

#include "rpc/server.h"

enum {
    // Reply stubs, in either syntax: the vector of interface ids, and the others.
    IF_IDS_MAX = 32 + 28 * RPC_INTERFACE_MAX,
    OTHERS_MAX = 48,
    STATUS_ACCESS_DENIED = 5,
    STATUS_UNKNOWN_AUTHN_SERVICE = 0x6d3, // RPC_S_UNKNOWN_AUTHN_SERVICE
    STATS_COUNT = 4,
};

static uint32_t inq_if_ids_serve(struct rpc_server *server, struct rpc_call *call,
                                 struct ndr_writer *reply)
{
    (void)call;
    struct ndr_syntax_id ids[RPC_INTERFACE_MAX];
    for (unsigned i = 0; i < server->interface_count; i++)
        ids[i] = server->options.interfaces[i]->id;
    ndr_mgmt_encode_if_ids(reply, ids, server->interface_count, 0);
    return RPC_SERVED;
}

// C706 rpc_mgmt_inq_stats: calls in, calls out, packets in, packets out. We make no calls.
static uint32_t inq_stats_serve(struct rpc_server *server, struct rpc_call *call,
                                struct ndr_writer *reply)
{
    uint32_t count;
    if (!ndr_mgmt_decode_inq_stats(&call->stub, &count))
        return RPC_FAULT_BAD_STUB_DATA;
    const uint32_t values[STATS_COUNT] = {
        (uint32_t)server->counters[RPC_CALLS],
        0,
        (uint32_t)server->counters[RPC_PDUS_IN],
        (uint32_t)server->counters[RPC_PDUS_OUT],
    };
    ndr_mgmt_encode_stats(reply, values, count < STATS_COUNT ? count : STATS_COUNT, 0);
    return RPC_SERVED;
}

static uint32_t is_server_listening_serve(struct rpc_server *server, struct rpc_call *call,
                                          struct ndr_writer *reply)
{
    (void)server;
    (void)call;
    ndr_mgmt_encode_listening(reply, true);
    return RPC_SERVED;
}

static uint32_t stop_server_listening_serve(struct rpc_server *server, struct rpc_call *call,
                                            struct ndr_writer *reply)
{
    (void)server;
    (void)call;
    ndr_write_u32(reply, STATUS_ACCESS_DENIED);
    return RPC_SERVED;
}

static uint32_t inq_princ_name_serve(struct rpc_server *server, struct rpc_call *call,
                                     struct ndr_writer *reply)
{
    (void)server;
    uint32_t service, size;
    if (!ndr_mgmt_decode_inq_princ_name(&call->stub, &service, &size))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_mgmt_encode_princ_name(reply, size, STATUS_UNKNOWN_AUTHN_SERVICE);
    return RPC_SERVED;
}

static const struct rpc_operation operations[NDR_MGMT_OPERATION_COUNT] = {
    [NDR_MGMT_INQ_IF_IDS] = {.name = "inq_if_ids",
                             .serve = inq_if_ids_serve,
                             .reply_max = IF_IDS_MAX},
    [NDR_MGMT_INQ_STATS] = {.name = "inq_stats", .serve = inq_stats_serve, .reply_max = OTHERS_MAX},
    [NDR_MGMT_IS_SERVER_LISTENING] = {.name = "is_server_listening",
                                      .serve = is_server_listening_serve,
                                      .reply_max = OTHERS_MAX},
    [NDR_MGMT_STOP_SERVER_LISTENING] = {.name = "stop_server_listening",
                                        .serve = stop_server_listening_serve,
                                        .reply_max = OTHERS_MAX},
    [NDR_MGMT_INQ_PRINC_NAME] = {.name = "inq_princ_name",
                                 .serve = inq_princ_name_serve,
                                 .reply_max = OTHERS_MAX},
};

const struct rpc_interface rpc_mgmt = {
    .name = "mgmt",
    .id = {.uuid = BASE_UUID(0xafa8bd80, 0x7d8a, 0x11c9, 0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29,
                             0x89),
           .major = 1},
    .operations = operations,
    .operation_count = NDR_MGMT_OPERATION_COUNT,
};
