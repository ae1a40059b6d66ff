// Status codes in words, for the tools.
#include <stddef.h>

#include "rpc/client.h"
#include "rpc/pdu.h"

struct status_text {
    uint32_t status;
    const char *text;
};

static const char *find(const struct status_text *rows, size_t count, uint32_t status,
                        const char *otherwise)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].status == status)
            return rows[i].text;
    }
    return otherwise;
}

#define FIND(rows, status, otherwise) find(rows, sizeof rows / sizeof rows[0], status, otherwise)

const char *rpc_status_text(uint32_t fault_status)
{
    static const struct status_text rows[] = {
        {RPC_FAULT_ACCESS_DENIED, "access denied"},
        {RPC_FAULT_NO_CALL_ACTIVE, "no call active"},
        {0x000006d8, "the endpoint mapper cannot perform the operation"},
        {RPC_FAULT_BAD_STUB_DATA, "bad stub data"},
        {0x00000721, "security package error"},
        {RPC_FAULT_INVALID_TAG, "fault_invalid_tag"},
        {0x1c00000d, "fault_cancel"},
        {0x1c000012, "fault_unspec"},
        {RPC_FAULT_CONTEXT_MISMATCH, "fault_context_mismatch"},
        {0x1c00001b, "fault_remote_no_memory"},
        {0x1c00001c, "invalid_pres_context_id"},
        {RPC_FAULT_OP_RANGE, "nca_s_op_rng_error: the operation is not served"},
        {RPC_FAULT_UNKNOWN_INTERFACE, "nca_s_unk_if: the interface is not served"},
        {RPC_FAULT_PROTOCOL_ERROR, "nca_s_proto_error"},
        {RPC_FAULT_OUT_ARGS_TOO_BIG, "nca_s_out_args_too_big"},
        {RPC_FAULT_SERVER_TOO_BUSY, "nca_s_server_too_busy"},
    };
    return FIND(rows, fault_status, "unknown status");
}

const char *rpc_nak_text(uint32_t reason)
{
    static const struct status_text rows[] = {
        {RPC_NAK_NOT_SPECIFIED, "reason not specified"},
        {1, "temporary congestion"},
        {RPC_NAK_LOCAL_LIMIT, "local limit exceeded"},
        {RPC_NAK_PROTOCOL_VERSION, "protocol version not supported"},
        {RPC_NAK_AUTH_TYPE, "authentication type not recognised"},
        {9, "invalid checksum"},
    };
    return FIND(rows, reason, "unknown reason");
}

const char *rpc_result_text(uint32_t result_and_reason)
{
    static const struct status_text rows[] = {
        {RPC_RESULT_PROVIDER_REJECTION << 16 | RPC_REASON_NOT_SPECIFIED, "reason not specified"},
        {RPC_RESULT_PROVIDER_REJECTION << 16 | RPC_REASON_ABSTRACT_SYNTAX,
         "abstract syntax not supported"},
        {RPC_RESULT_PROVIDER_REJECTION << 16 | RPC_REASON_TRANSFER_SYNTAXES,
         "proposed transfer syntaxes not supported"},
        {RPC_RESULT_PROVIDER_REJECTION << 16 | RPC_REASON_LOCAL_LIMIT, "local limit exceeded"},
    };
    return FIND(rows, result_and_reason, "rejected");
}
