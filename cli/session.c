#include "cli/session.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/io.h"
#include "cli/print.h"
#include "rpc/pdu.h"

// ---- connect

// One address; 0, or an errno.
static int try_address(const struct addrinfo *address, int timeout_ms, int *ret_fd)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        enum cli_io ready = cli_wait(fd, POLLOUT, cli_deadline(timeout_ms));
        socklen_t size = sizeof error;
        if (ready == CLI_IO_TIMED_OUT)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (error == 0)
        *ret_fd = fd;
    else
        close(fd);
    return error;
}

static enum cli_exit connect_failed(const struct cli_session *session, int error)
{
    if (error == ETIMEDOUT)
        return cli_fail(
            CLI_TIMED_OUT,
            "%s: no answer to connect within %g s; check that the host is up and that no "
            "firewall drops the port, or raise --timeout",
            session->name, session->timeout_ms / 1000.0);
    if (error == ECONNREFUSED)
        return cli_fail(CLI_UNREACHABLE,
                        "%s: connection refused: the host is up but nothing listens there; check "
                        "the port and that the endpoint mapper runs",
                        session->name);
    return cli_fail(CLI_UNREACHABLE, "%s: cannot connect (%s); check the address and the route",
                    session->name, strerror(error));
}

static enum cli_exit connect_to(struct cli_session *session, const struct cli_target *target)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    int error = getaddrinfo(target->host, target->port, &hints, &addresses);
    if (error != 0)
        return cli_fail(CLI_UNREACHABLE, "%s: the name has no address (%s); check the host",
                        session->name, gai_strerror(error));
    error = EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && session->fd < 0; a = a->ai_next)
        error = try_address(a, session->timeout_ms, &session->fd);
    freeaddrinfo(addresses);
    return session->fd >= 0 ? CLI_OK : connect_failed(session, error);
}

// ---- PDUs

static enum cli_exit io_failed(const struct cli_session *session, enum cli_io io, const char *phase)
{
    if (io == CLI_IO_TIMED_OUT)
        return cli_fail(CLI_TIMED_OUT,
                        "%s: no answer to the %s within %g s; check what listens there, or raise "
                        "--timeout",
                        session->name, phase, session->timeout_ms / 1000.0);
    return cli_fail(
        CLI_PROTOCOL,
        "%s: the connection ended during the %s (%s), expected an answer; check that an "
        "endpoint mapper listens there",
        session->name, phase, io == CLI_IO_CLOSED ? "closed by the server" : strerror(errno));
}

static enum cli_exit receive_exactly(struct cli_session *session, size_t from, size_t to,
                                     int64_t deadline, const char *phase)
{
    while (from < to) {
        size_t got;
        enum cli_io io = cli_receive(session->fd, session->pdu + from, to - from, deadline, &got);
        if (io != CLI_IO_OK)
            return io_failed(session, io, phase);
        from += got;
    }
    return CLI_OK;
}

static enum cli_exit not_rpc(const struct cli_session *session, const char *phase)
{
    return cli_fail(CLI_PROTOCOL,
                    "%s: found bytes that are not DCE/RPC in answer to the %s, expected a PDU of "
                    "version 5; check the port",
                    session->name, phase);
}

static enum cli_exit receive_pdu(struct cli_session *session, int64_t deadline, const char *phase,
                                 struct rpc_client_reply *ret_reply)
{
    enum cli_exit code = receive_exactly(session, 0, RPC_HEADER_SIZE, deadline, phase);
    if (code != CLI_OK)
        return code;
    int length = rpc_pdu_length(session->pdu, RPC_HEADER_SIZE);
    if (length < RPC_HEADER_SIZE || session->pdu[0] != 5)
        return not_rpc(session, phase);
    code = receive_exactly(session, RPC_HEADER_SIZE, (size_t)length, deadline, phase);
    if (code != CLI_OK)
        return code;
    *ret_reply = rpc_client_parse(&session->client, session->pdu, (size_t)length);
    if (ret_reply->kind == RPC_CLIENT_MALFORMED)
        return not_rpc(session, phase);
    if (ret_reply->call_id != session->client.call_id && ret_reply->kind != RPC_CLIENT_NAK)
        return cli_fail(CLI_PROTOCOL, "%s: found an answer to call %u, expected call %u",
                        session->name, ret_reply->call_id, session->client.call_id);
    return CLI_OK;
}

static enum cli_exit unexpected(const struct cli_session *session,
                                const struct rpc_client_reply *reply, const char *phase)
{
    switch (reply->kind) {
    case RPC_CLIENT_FAULT:
        return cli_fail(reply->status == RPC_FAULT_ACCESS_DENIED ? CLI_DENIED : CLI_PROTOCOL,
                        "%s: found fault 0x%08x (%s) in answer to the %s, expected a result",
                        session->name, reply->status, rpc_status_text(reply->status), phase);
    case RPC_CLIENT_NAK:
        return cli_fail(CLI_PROTOCOL, "%s: the server refuses the bind: reason %u (%s)",
                        session->name, reply->status, rpc_nak_text(reply->status));
    case RPC_CLIENT_REFUSED:
        return cli_fail(CLI_PROTOCOL,
                        "%s: the server refuses the interface (%s): it is no endpoint mapper; "
                        "check the port",
                        session->name, rpc_result_text(reply->status));
    default:
        return cli_fail(CLI_PROTOCOL, "%s: found a PDU out of turn in answer to the %s",
                        session->name, phase);
    }
}

static enum cli_exit bind_interface(struct cli_session *session,
                                    const struct ndr_syntax_id *interface)
{
    int64_t deadline = cli_deadline(session->timeout_ms);
    size_t size =
        rpc_client_build_bind(&session->client, interface, session->pdu, sizeof session->pdu);
    enum cli_io io = cli_send(session->fd, session->pdu, size, deadline);
    if (io != CLI_IO_OK)
        return io_failed(session, io, "bind");
    struct rpc_client_reply reply;
    enum cli_exit code = receive_pdu(session, deadline, "bind", &reply);
    if (code != CLI_OK)
        return code;
    return reply.kind == RPC_CLIENT_BOUND ? CLI_OK : unexpected(session, &reply, "bind");
}

enum cli_exit cli_session_open(struct cli_session *session, const struct cli_target *target,
                               int timeout_ms, const struct ndr_syntax_id *interface)
{
    memset(session, 0, sizeof *session);
    session->fd = -1;
    session->timeout_ms = timeout_ms > 0 ? timeout_ms : CLI_TIMEOUT_MS;
    bool colon = strchr(target->host, ':') != NULL;
    snprintf(session->name, sizeof session->name, "%s%s%s:%s", colon ? "[" : "", target->host,
             colon ? "]" : "", target->port);
    session->client = rpc_client_init();
    enum cli_exit code = connect_to(session, target);
    if (code == CLI_OK)
        code = bind_interface(session, interface);
    if (code != CLI_OK)
        cli_session_close(session);
    return code;
}

void cli_session_close(struct cli_session *session)
{
    if (session->fd >= 0)
        close(session->fd);
    session->fd = -1;
    free(session->reply);
    session->reply = NULL;
}

// ---- calls

static enum cli_exit append_fragment(struct cli_session *session,
                                     const struct rpc_client_reply *fragment)
{
    if (session->reply_size + fragment->stub_size > CLI_REPLY_MAX)
        return cli_fail(CLI_PROTOCOL, "%s: found a reply of more than %d MiB, expected less",
                        session->name, CLI_REPLY_MAX >> 20);
    if (session->reply_size + fragment->stub_size > session->reply_room) {
        size_t room = 2 * (session->reply_size + fragment->stub_size);
        uint8_t *reply = realloc(session->reply, room);
        if (reply == NULL)
            return cli_fail(CLI_PROTOCOL, "%s: no memory for the reply", session->name);
        session->reply = reply;
        session->reply_room = room;
    }
    if (fragment->stub_size > 0)
        memcpy(session->reply + session->reply_size, fragment->stub, fragment->stub_size);
    session->reply_size += fragment->stub_size;
    return CLI_OK;
}

enum cli_exit cli_session_call(struct cli_session *session, uint16_t opnum, const uint8_t *stub,
                               size_t size, struct ndr_stub *ret_stub)
{
    int64_t deadline = cli_deadline(session->timeout_ms);
    size_t length = rpc_client_build_request(&session->client, opnum, stub, size, session->pdu,
                                             sizeof session->pdu);
    enum cli_io io = cli_send(session->fd, session->pdu, length, deadline);
    if (io != CLI_IO_OK)
        return io_failed(session, io, "call");
    struct rpc_client_reply fragment;
    session->reply_size = 0;
    do {
        enum cli_exit code = receive_pdu(session, deadline, "call", &fragment);
        if (code == CLI_OK && fragment.kind != RPC_CLIENT_RESPONSE)
            code = unexpected(session, &fragment, "call");
        if (code == CLI_OK)
            code = append_fragment(session, &fragment);
        if (code != CLI_OK)
            return code;
    } while (!fragment.last);
    *ret_stub = (struct ndr_stub){
        .data = session->reply == NULL ? session->pdu : session->reply,
        .size = (uint32_t)session->reply_size,
        .big_endian = fragment.big_endian,
        .syntax = NDR_SYNTAX_20,
    };
    return CLI_OK;
}
