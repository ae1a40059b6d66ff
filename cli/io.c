#include "cli/io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t cli_deadline(int timeout_ms)
{
    return now_ms() + timeout_ms;
}

enum cli_io cli_wait(int fd, short events, int64_t deadline)
{
    struct pollfd pollfd = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = deadline - now_ms();
        // Also when bytes are there: a peer that never stops sending must not hold us.
        if (left < 0)
            return CLI_IO_TIMED_OUT;
        int ready = poll(&pollfd, 1, (int)left);
        if (ready > 0)
            return CLI_IO_OK;
        if (ready == 0)
            return CLI_IO_TIMED_OUT;
        if (errno != EINTR)
            return CLI_IO_ERROR;
    }
}

enum cli_io cli_send(int fd, const void *bytes, size_t size, int64_t deadline)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return CLI_IO_ERROR;
        enum cli_io ready = cli_wait(fd, POLLOUT, deadline);
        if (ready != CLI_IO_OK)
            return ready;
    }
    return CLI_IO_OK;
}

enum cli_io cli_receive(int fd, void *bytes, size_t size, int64_t deadline, size_t *ret_size)
{
    for (;;) {
        enum cli_io ready = cli_wait(fd, POLLIN, deadline);
        if (ready != CLI_IO_OK)
            return ready;
        ssize_t got = recv(fd, bytes, size, MSG_DONTWAIT);
        if (got > 0) {
            *ret_size = (size_t)got;
            return CLI_IO_OK;
        }
        if (got == 0)
            return CLI_IO_CLOSED;
        if (errno != EINTR && errno != EAGAIN)
            return CLI_IO_ERROR;
    }
}
