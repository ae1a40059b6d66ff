// RPC associations over the kernel's sockets: the stream functions that rpc_server asks for, on a
// buffer for each way. One thread; for perf/epoll_server.c.
#pragma once

#include <stdint.h>

#include "rpc/rpc.h"

struct socket_conn;

extern const struct rpc_stream socket_stream;

// Microseconds of CLOCK_MONOTONIC.
uint64_t socket_stream_clock(void);

// A connection over `fd`, non-blocking and the connection's from now on, with its association,
// watched by the epoll instance `poll`, whose events carry it. NULL, and `fd` stays the caller's,
// when there is no memory or the server takes no more.
struct socket_conn *socket_stream_open(struct rpc_server *server, int poll, int fd);
// An event came: tells the server when there is room to write again, and reads what there is.
void socket_stream_read(struct socket_conn *conn);
// Offers the server the next PDU of what was read. After RPC_CUT_FULL: rpc_run, then again.
enum rpc_cut_result socket_stream_cut(struct rpc_server *server, struct socket_conn *conn);
// After rpc_run: gives up what the server is done with, and sends what it answered.
void socket_stream_flush(struct socket_conn *conn);
// After the last flush of a turn: time-outs, and the end of the connection when it is over. Then
// `conn` is gone.
void socket_stream_settle(struct rpc_server *server, struct socket_conn *conn);
