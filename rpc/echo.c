// rpcecho 1.0, the interface that tests RPC runtimes: every shape of parameter, large data both
// ways, and a call that takes its time. Replies have at most RPC_STUB_MAX octets.
#include "ndr/echo.h"

#include "rpc/interface.h"
#include "rpc/pdu.h"

enum {
    SECOND_US = 1000000,
    ENUM_ANSWER = 2,
    SMALL_MAX = 32, // the reply of an operation without an array
};

static uint32_t add_one_serve(struct rpc_server *server, struct rpc_call *call,
                              struct ndr_writer *reply)
{
    (void)server;
    uint32_t number;
    if (!ndr_echo_decode_number(rpc_call_stub(call), &number))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_write_u32(reply, number + 1);
    return RPC_SERVED;
}

static uint32_t echo_data_serve(struct rpc_server *server, struct rpc_call *call,
                                struct ndr_writer *reply)
{
    (void)server;
    struct ndr_echo_data data;
    if (!ndr_echo_decode_data(rpc_call_stub(call), &data))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_echo_encode_data(reply, &data);
    return RPC_SERVED;
}

static uint32_t sink_data_serve(struct rpc_server *server, struct rpc_call *call,
                                struct ndr_writer *reply)
{
    (void)server, (void)reply;
    struct ndr_echo_data data;
    return ndr_echo_decode_data(rpc_call_stub(call), &data) ? RPC_SERVED : RPC_FAULT_BAD_STUB_DATA;
}

static uint32_t source_data_serve(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply)
{
    (void)server;
    uint32_t size;
    if (!ndr_echo_decode_number(rpc_call_stub(call), &size))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_echo_encode_source(reply, size);
    return RPC_SERVED;
}

static uint32_t test_call_serve(struct rpc_server *server, struct rpc_call *call,
                                struct ndr_writer *reply)
{
    (void)server;
    struct ndr_echo_string string;
    if (!ndr_echo_decode_string(rpc_call_stub(call), &string))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_echo_encode_string(reply, &string);
    return RPC_SERVED;
}

static uint32_t test_call2_serve(struct rpc_server *server, struct rpc_call *call,
                                 struct ndr_writer *reply)
{
    (void)server;
    uint16_t level;
    if (!ndr_echo_decode_level(rpc_call_stub(call), &level))
        return RPC_FAULT_BAD_STUB_DATA;
    // A union without an arm for its tag cannot be marshalled (C706 14.3.8).
    if (level < 1 || level > NDR_ECHO_LEVEL_MAX)
        return RPC_FAULT_INVALID_TAG;
    ndr_echo_encode_info(reply, level, 0);
    return RPC_SERVED;
}

static uint32_t wake(struct rpc_server *server, uint64_t seconds, struct ndr_writer *reply)
{
    (void)server;
    ndr_write_u32(reply, (uint32_t)seconds);
    return RPC_SERVED;
}

static uint32_t test_sleep_serve(struct rpc_server *server, struct rpc_call *call,
                                 struct ndr_writer *reply)
{
    (void)reply;
    uint32_t seconds;
    if (!ndr_echo_decode_number(rpc_call_stub(call), &seconds))
        return RPC_FAULT_BAD_STUB_DATA;
    uint64_t deadline = rpc_now(server) + (uint64_t)seconds * SECOND_US;
    return rpc_defer(server, call, deadline, wake, seconds);
}

static uint32_t test_enum_serve(struct rpc_server *server, struct rpc_call *call,
                                struct ndr_writer *reply)
{
    (void)server;
    struct ndr_echo_enums enums;
    if (!ndr_echo_decode_enums(rpc_call_stub(call), &enums))
        return RPC_FAULT_BAD_STUB_DATA;
    enums.foo2_e1 = ENUM_ANSWER;
    ndr_echo_encode_enums(reply, &enums);
    return RPC_SERVED;
}

static uint32_t test_surrounding_serve(struct rpc_server *server, struct rpc_call *call,
                                       struct ndr_writer *reply)
{
    (void)server;
    uint32_t count;
    if (!ndr_echo_decode_surrounding(rpc_call_stub(call), &count))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_echo_encode_surrounding(reply, count * 2);
    return RPC_SERVED;
}

static uint32_t test_double_pointer_serve(struct rpc_server *server, struct rpc_call *call,
                                          struct ndr_writer *reply)
{
    (void)server;
    uint16_t value;
    if (!ndr_echo_decode_double_pointer(rpc_call_stub(call), &value))
        return RPC_FAULT_BAD_STUB_DATA;
    ndr_write_u16(reply, value);
    return RPC_SERVED;
}

static const struct rpc_operation operations[NDR_ECHO_OPERATION_COUNT] = {
    [NDR_ECHO_ADD_ONE] = {.name = "AddOne", .serve = add_one_serve, .reply_max = SMALL_MAX},
    [NDR_ECHO_ECHO_DATA] = {.name = "EchoData", .serve = echo_data_serve},
    [NDR_ECHO_SINK_DATA] = {.name = "SinkData", .serve = sink_data_serve, .reply_max = SMALL_MAX},
    [NDR_ECHO_SOURCE_DATA] = {.name = "SourceData", .serve = source_data_serve},
    [NDR_ECHO_TEST_CALL] = {.name = "TestCall", .serve = test_call_serve},
    [NDR_ECHO_TEST_CALL2] = {.name = "TestCall2",
                             .serve = test_call2_serve,
                             .reply_max = SMALL_MAX},
    [NDR_ECHO_TEST_SLEEP] = {.name = "TestSleep",
                             .serve = test_sleep_serve,
                             .reply_max = SMALL_MAX},
    [NDR_ECHO_TEST_ENUM] = {.name = "TestEnum", .serve = test_enum_serve, .reply_max = SMALL_MAX},
    [NDR_ECHO_TEST_SURROUNDING] = {.name = "TestSurrounding", .serve = test_surrounding_serve},
    [NDR_ECHO_TEST_DOUBLE_POINTER] = {.name = "TestDoublePointer",
                                      .serve = test_double_pointer_serve,
                                      .reply_max = SMALL_MAX},
};

const struct rpc_interface rpc_echo = {
    .name = "rpcecho",
    .id = {.uuid = BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50, 0x56, 0xa2, 0x01,
                             0x82),
           .major = 1},
    .operations = operations,
    .operation_count = NDR_ECHO_OPERATION_COUNT,
};
