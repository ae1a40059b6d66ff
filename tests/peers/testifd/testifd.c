// An interface that Samba's raw_protocol suite asks for, because every Windows domain controller
// has it: of netlogon, the one operation the suite calls, which answers 12 octets and the status 0.
// It is added as any interface is, by a row of the list that portoland is linked with.
#include "rpc/interface.h"
#include "rpc/rpc.h"

enum { SERVER_REQ_CHALLENGE = 4 };

static uint32_t server_req_challenge(struct rpc_server *server, struct rpc_call *call,
                                     struct ndr_writer *reply)
{
    (void)server;
    (void)call;
    ndr_write_u32(reply, 0x11223344); // the server's challenge, 8 octets
    ndr_write_u32(reply, 0x55667788);
    ndr_write_u32(reply, 0); // status
    return RPC_SERVED;
}

static const struct rpc_operation operations[] = {
    [SERVER_REQ_CHALLENGE] = {.name = "server_req_challenge", .serve = server_req_challenge},
};

static const struct rpc_interface netlogon = {
    .name = "netlogon",
    .id = {BASE_UUID(0x12345678, 0x1234, 0xabcd, 0xef, 0x00, 0x01, 0x23, 0x45, 0x67, 0xcf, 0xfb), 1,
           0},
    .operations = operations,
    .operation_count = sizeof operations / sizeof operations[0],
};

const struct rpc_interface *const rpc_mapper_interfaces[] = {
    &rpc_epmapper, &rpc_mgmt, &rpc_oxid, &rpc_echo, &netlogon, NULL,
};
