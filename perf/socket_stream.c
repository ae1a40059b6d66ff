#include "perf/socket_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    IN_SIZE = 64 << 10,   // more than any PDU
    OUT_SIZE = 512 << 10, // more than any answer: RPC_REPLY_MAX
};

// Both buffers begin with what is oldest; it is moved down when the rest has been taken or sent.
struct socket_conn {
    struct rpc_association *association;
    int fd, poll;
    uint32_t in_size;            // octets read and not given up
    uint32_t out_size, out_sent; // written by the server; of these, sent
    bool ended;                  // the peer sends nothing more
    bool closing;                // the server wrote its last
    bool over;
    bool watches_room; // EPOLLOUT is asked for
    bool blocked;      // the server was refused room
    uint8_t in[IN_SIZE];
    uint8_t out[OUT_SIZE];
};

static uint32_t room_of(const struct socket_conn *conn)
{
    return OUT_SIZE - conn->out_size;
}

static bool ensure(void *stream, uint32_t size)
{
    struct socket_conn *conn = stream;
    bool fits = size <= room_of(conn);
    conn->blocked |= !fits;
    return fits;
}

static uint32_t room(void *stream)
{
    return room_of(stream);
}

static uint8_t *reserve(void *stream, uint32_t size)
{
    struct socket_conn *conn = stream;
    return ensure(conn, size) ? conn->out + conn->out_size : NULL;
}

static void commit(void *stream, uint32_t size)
{
    struct socket_conn *conn = stream;
    conn->out_size += size;
}

// The kernel sums for itself.
static void commit_summed(void *stream, uint32_t size, uint16_t sum)
{
    (void)sum;
    commit(stream, size);
}

static bool write_all(void *stream, const void *data, uint32_t size)
{
    uint8_t *at = reserve(stream, size);
    if (!at)
        return false;
    memcpy(at, data, size);
    commit(stream, size);
    return true;
}

static void close_in_order(void *stream)
{
    struct socket_conn *conn = stream;
    conn->closing = true;
}

static void end(void *stream)
{
    struct socket_conn *conn = stream;
    conn->over = true;
}

// Only fault rules ask for it, and there are none here.
static void dribble(void *stream)
{
    (void)stream;
}

const struct rpc_stream socket_stream = {
    .ensure = ensure,
    .room = room,
    .reserve = reserve,
    .commit = commit,
    .commit_summed = commit_summed,
    .write = write_all,
    .close = close_in_order,
    .abort = end,
    .reset = end,
    .dribble = dribble,
};

uint64_t socket_stream_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static struct rpc_peer peer_of(int fd)
{
    struct sockaddr_in there = {0}, here = {0};
    socklen_t size = sizeof there;
    getpeername(fd, (struct sockaddr *)&there, &size);
    size = sizeof here;
    getsockname(fd, (struct sockaddr *)&here, &size);
    struct rpc_peer peer = {.address = {[10] = 0xff, [11] = 0xff},
                            .local_port = ntohs(here.sin_port)};
    memcpy(peer.address + 12, &there.sin_addr, 4);
    return peer;
}

struct socket_conn *socket_stream_open(struct rpc_server *server, int poll, int fd)
{
    struct socket_conn *conn = malloc(sizeof *conn);
    if (!conn)
        return NULL;
    memset(conn, 0, offsetof(struct socket_conn, in));
    conn->fd = fd;
    conn->poll = poll;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct rpc_peer peer = peer_of(fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    conn->association = rpc_open(server, conn, &peer);
    if (conn->association && epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0)
        return conn;
    if (conn->association)
        rpc_close(server, conn->association);
    free(conn);
    return NULL;
}

void socket_stream_read(struct socket_conn *conn)
{
    if (conn->blocked && conn->out_size == 0) {
        conn->blocked = false;
        rpc_unblock(conn->association);
    }
    if (conn->in_size == IN_SIZE)
        return;
    ssize_t n = recv(conn->fd, conn->in + conn->in_size, IN_SIZE - conn->in_size, MSG_DONTWAIT);
    if (n > 0)
        conn->in_size += (uint32_t)n;
    else if (n == 0 && !conn->ended) {
        conn->ended = true;
        rpc_end_of_input(conn->association);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR)
        conn->over = true;
}

enum rpc_cut_result socket_stream_cut(struct rpc_server *server, struct socket_conn *conn)
{
    uint32_t offset = rpc_offset(conn->association);
    if (conn->over || offset == conn->in_size)
        return RPC_CUT_MORE;
    return rpc_input(server, conn->association, conn->in + offset, conn->in_size - offset).result;
}

// One send takes all unless the peer does not read.
static void send_out(struct socket_conn *conn)
{
    while (!conn->over && conn->out_sent < conn->out_size) {
        ssize_t n = send(conn->fd, conn->out + conn->out_sent, conn->out_size - conn->out_sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            conn->out_sent += (uint32_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            conn->over = true;
    }
    conn->out_size -= conn->out_sent;
    memmove(conn->out, conn->out + conn->out_sent, conn->out_size);
    conn->out_sent = 0;
}

static void watch_room(struct socket_conn *conn)
{
    bool watch = conn->out_size > 0 || conn->blocked;
    if (watch == conn->watches_room)
        return;
    conn->watches_room = watch;
    struct epoll_event event = {.events = EPOLLIN | (watch ? EPOLLOUT : 0u), .data.ptr = conn};
    epoll_ctl(conn->poll, EPOLL_CTL_MOD, conn->fd, &event);
}

void socket_stream_flush(struct socket_conn *conn)
{
    uint32_t consumed = rpc_take_consumed(conn->association);
    conn->in_size -= consumed;
    memmove(conn->in, conn->in + consumed, conn->in_size);
    send_out(conn);
    watch_room(conn);
}

void socket_stream_settle(struct rpc_server *server, struct socket_conn *conn)
{
    rpc_settle(server, conn->association, conn->in_size);
    send_out(conn);
    if (!conn->over && !(conn->closing && conn->out_size == 0))
        return;
    rpc_close(server, conn->association);
    close(conn->fd);
    free(conn);
}
