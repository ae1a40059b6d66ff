// IObjectExporter 0.0, the OXID resolver ([MS-DCOM] 3.1.2.5.1): is there a DCOM host, where is the
// exporter with this OXID, and "I still hold these objects". Needs options.exporter.
#include "ndr/oxid.h"

#include "base/siphash.h"
#include "exporter/exporter.h"
#include "rpc/server.h"

enum {
    PING_MAX = 16,
    // Bindings in NDR64, and what stands around them.
    BINDINGS_MAX = NDR_OXID_BINDINGS_MAX * sizeof(uint16_t) + 64,
};

// What is answered for an OXID; a failure has no bindings and zeros for the rest.
static uint32_t resolve(const struct rpc_server *server, const struct ndr_oxid_resolve *request,
                        struct exporter_oxid *found)
{
    if (!oxid_table_find(server->options.exporter->oxids, request->oxid, found))
        return NDR_OXID_STATUS_INVALID_OXID;
    // One protocol in common is enough: the client picks among the bindings.
    for (unsigned i = 0; i < request->protseqs; i++) {
        if (ndr_oxid_bindings_has(&found->bindings, ndr_oxid_protseq(request, i)))
            return NDR_OXID_STATUS_OK;
    }
    return NDR_OXID_STATUS_NO_PROTSEQ;
}

static uint32_t answer_resolve(struct rpc_server *server, struct rpc_call *call,
                               struct ndr_writer *reply, bool com_version)
{
    struct ndr_oxid_resolve request;
    struct exporter_oxid found;
    if (!ndr_oxid_decode_resolve(&call->stub, &request))
        return RPC_FAULT_BAD_STUB_DATA;
    struct ndr_oxid_resolved resolved = {.bindings = NULL};
    uint32_t status = resolve(server, &request, &found);
    if (status == NDR_OXID_STATUS_OK)
        resolved = (struct ndr_oxid_resolved){&found.bindings, found.ipid, found.authn_hint};
    ndr_oxid_encode_resolved(reply, &resolved, com_version, status);
    return RPC_SERVED;
}

static uint32_t resolve_oxid_serve(struct rpc_server *server, struct rpc_call *call,
                                   struct ndr_writer *reply)
{
    return answer_resolve(server, call, reply, false);
}

static uint32_t resolve_oxid2_serve(struct rpc_server *server, struct rpc_call *call,
                                    struct ndr_writer *reply)
{
    return answer_resolve(server, call, reply, true);
}

static uint32_t simple_ping_serve(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply)
{
    struct exporter *exporter = server->options.exporter;
    uint64_t set;
    if (!ndr_oxid_decode_simple_ping(&call->stub, &set))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_write_u32(reply, ping_sets_simple(exporter->sets, set, exporter_now(exporter)));
    return RPC_SERVED;
}

static uint32_t complex_ping_serve(struct rpc_server *server, struct rpc_call *call,
                                   struct ndr_writer *reply)
{
    struct exporter *exporter = server->options.exporter;
    struct ndr_oxid_ping ping;
    if (!ndr_oxid_decode_complex_ping(&call->stub, &ping))
        return RPC_FAULT_BAD_STUB_DATA;
    const uint8_t *address = call->association->peer.address;
    uint64_t client = base_siphash(server->options.secret, address, 16);
    uint64_t set = ping.set;
    uint32_t status =
        ping_sets_complex(exporter->sets, client, &ping, exporter_now(exporter), &set);
    if (status == PING_SETS_BUSY)
        return RPC_FAULT_SERVER_TOO_BUSY;
    ndr_oxid_encode_complex_ping(reply, set, status);
    return RPC_SERVED;
}

static uint32_t server_alive_serve(struct rpc_server *server, struct rpc_call *call,
                                   struct ndr_writer *reply)
{
    (void)server;
    (void)call;
    ndr_write_u32(reply, NDR_OXID_STATUS_OK);
    return RPC_SERVED;
}

static uint32_t server_alive2_serve(struct rpc_server *server, struct rpc_call *call,
                                    struct ndr_writer *reply)
{
    (void)call;
    ndr_oxid_encode_server_alive2(reply, &server->options.exporter->bindings);
    return RPC_SERVED;
}

static const struct rpc_operation operations[NDR_OXID_OPERATION_COUNT] = {
    [NDR_OXID_RESOLVE] = {.name = "ResolveOxid",
                          .serve = resolve_oxid_serve,
                          .reply_max = BINDINGS_MAX},
    [NDR_OXID_SIMPLE_PING] = {.name = "SimplePing",
                              .serve = simple_ping_serve,
                              .reply_max = PING_MAX},
    [NDR_OXID_COMPLEX_PING] = {.name = "ComplexPing",
                               .serve = complex_ping_serve,
                               .reply_max = PING_MAX},
    [NDR_OXID_SERVER_ALIVE] = {.name = "ServerAlive",
                               .serve = server_alive_serve,
                               .reply_max = PING_MAX},
    [NDR_OXID_RESOLVE2] = {.name = "ResolveOxid2",
                           .serve = resolve_oxid2_serve,
                           .reply_max = BINDINGS_MAX},
    [NDR_OXID_SERVER_ALIVE2] = {.name = "ServerAlive2",
                                .serve = server_alive2_serve,
                                .reply_max = BINDINGS_MAX},
};

const struct rpc_interface rpc_oxid = {
    .name = "oxid",
    .id = {.uuid = BASE_UUID(0x99fcfec4, 0x5260, 0x101b, 0xbb, 0xcb, 0x00, 0xaa, 0x00, 0x21, 0x34,
                             0x7a)},
    .operations = operations,
    .operation_count = NDR_OXID_OPERATION_COUNT,
};
