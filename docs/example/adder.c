#include "docs/example/adder.h"

#include "rpc/pdu.h"

enum { ADD = 0, ADD_SLOWLY = 1, OPERATION_COUNT = 2 };
enum { SLOWLY_US = 1000000 };

static bool decode(const struct ndr_stub *stub, uint32_t *ret_sum)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t a = ndr_read_u32(&r);
    uint32_t b = ndr_read_u32(&r);
    *ret_sum = a + b;
    return !r.failed;
}

static uint32_t add_serve(struct rpc_server *server, struct rpc_call *call,
                          struct ndr_writer *reply)
{
    (void)server;
    uint32_t sum;
    if (!decode(rpc_call_stub(call), &sum))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_write_u32(reply, sum);
    return RPC_SERVED;
}

static uint32_t add_later(struct rpc_server *server, uint64_t sum, struct ndr_writer *reply)
{
    (void)server;
    ndr_write_u32(reply, (uint32_t)sum);
    return RPC_SERVED;
}

static uint32_t add_slowly_serve(struct rpc_server *server, struct rpc_call *call,
                                 struct ndr_writer *reply)
{
    (void)reply;
    uint32_t sum;
    if (!decode(rpc_call_stub(call), &sum))
        return RPC_FAULT_BAD_STUB_DATA;
    return rpc_defer(server, call, rpc_now(server) + SLOWLY_US, add_later, sum);
}

static const struct rpc_operation operations[OPERATION_COUNT] = {
    [ADD] = {.name = "Add", .serve = add_serve},
    [ADD_SLOWLY] = {.name = "AddSlowly", .serve = add_slowly_serve},
};

const struct rpc_interface adder = {
    .name = "adder",
    .id = {.uuid = BASE_UUID(0xadde0001, 0x0001, 0x4a00, 0x80, 0x00, 0x00, 0xa0, 0xc9, 0x1e, 0x00,
                             0x01),
           .major = 1},
    .operations = operations,
    .operation_count = OPERATION_COUNT,
};
