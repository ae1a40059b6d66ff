// The DCOM activation interfaces as a host answers them on which DCOM is disabled ([MS-DCOM]
// 3.1.2.5.2): every activation is denied. A host without DCOM does not offer them at all.
#include "ndr/activation.h"
#include "ndr/oxid.h"

#include "rpc/interface.h"
#include "rpc/pdu.h"

static uint32_t remote_activation_serve(struct rpc_server *server, struct rpc_call *call,
                                        struct ndr_writer *reply)
{
    (void)server;
    struct ndr_activation activation;
    if (!ndr_activation_decode(rpc_call_stub(call), &activation))
        return RPC_FAULT_BAD_STUB_DATA;
    // With ORPC extensions in front, how many interfaces were asked for stays unknown, and with it
    // the shape of the reply: the denial is a fault then, as from Windows' machine-wide limits.
    if (activation.extended)
        return RPC_FAULT_ACCESS_DENIED;
    ndr_activation_encode_failure(reply, activation.interfaces,
                                  activation.com_major == NDR_COM_MAJOR
                                      ? NDR_HRESULT_ACCESS_DENIED
                                      : NDR_HRESULT_VERSION_MISMATCH);
    return RPC_SERVED;
}

static uint32_t denied_serve(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply)
{
    (void)server;
    (void)call;
    ndr_activator_encode_failure(reply, NDR_HRESULT_ACCESS_DENIED);
    return RPC_SERVED;
}

static const struct rpc_operation activation_operations[NDR_ACTIVATION_OPERATION_COUNT] = {
    [NDR_ACTIVATION_REMOTE_ACTIVATION] = {.name = "RemoteActivation",
                                          .serve = remote_activation_serve},
};

const struct rpc_interface rpc_activation = {
    .name = "activation",
    .id = {.uuid = BASE_UUID(0x4d9f4ab8, 0x7d1c, 0x11cf, 0x86, 0x1e, 0x00, 0x20, 0xaf, 0x6e, 0x7c,
                             0x57)},
    .operations = activation_operations,
    .operation_count = NDR_ACTIVATION_OPERATION_COUNT,
};

static const struct rpc_operation activator_operations[NDR_ACTIVATOR_OPERATION_COUNT] = {
    [NDR_ACTIVATOR_GET_CLASS_OBJECT] = {.name = "RemoteGetClassObject", .serve = denied_serve},
    [NDR_ACTIVATOR_CREATE_INSTANCE] = {.name = "RemoteCreateInstance", .serve = denied_serve},
};

const struct rpc_interface rpc_system_activator = {
    .name = "system activator",
    .id = {.uuid = BASE_UUID(0x000001a0, 0x0000, 0x0000, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                             0x46)},
    .operations = activator_operations,
    .operation_count = NDR_ACTIVATOR_OPERATION_COUNT,
};
