// A connection to an RPC server over an ordinary socket: connect, bind, call, each within the
// timeout. Trusts nothing the peer sends. One thread per session.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/exit.h"
#include "cli/options.h"
#include "ndr/ndr.h"
#include "rpc/client.h"

enum {
    CLI_REPLY_MAX = 16 * 1024 * 1024, // stub bytes of one reply
    CLI_TIMEOUT_MS = 5000,
};

struct cli_session {
    int fd;
    int timeout_ms;
    char name[300]; // "host:port" for messages
    struct rpc_client client;
    uint8_t pdu[65536];
    uint8_t *reply; // the last reply's stub
    size_t reply_size;
    size_t reply_room;
};

// Connects and binds `interface` with NDR 2.0. On anything but CLI_OK the reason is on stderr and
// the session closed.
enum cli_exit cli_session_open(struct cli_session *session, const struct cli_target *target,
                               int timeout_ms, const struct ndr_syntax_id *interface);
void cli_session_close(struct cli_session *session);

// Calls `opnum` and waits for the whole reply; *ret_stub is valid until the next call. On anything
// but CLI_OK the reason is on stderr.
enum cli_exit cli_session_call(struct cli_session *session, uint16_t opnum, const uint8_t *stub,
                               size_t size, struct ndr_stub *ret_stub);
