// Bytes over a non-blocking socket before a deadline.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Milliseconds of the monotonic clock, `timeout_ms` from now.
int64_t cli_deadline(int timeout_ms);

enum cli_io { CLI_IO_OK, CLI_IO_TIMED_OUT, CLI_IO_CLOSED, CLI_IO_ERROR }; // ERROR: errno

// Waits until `events` (of poll) happen.
enum cli_io cli_wait(int fd, short events, int64_t deadline);
// Sends all of it.
enum cli_io cli_send(int fd, const void *bytes, size_t size, int64_t deadline);
// Receives between 1 and `size` bytes; *ret_size says how many.
enum cli_io cli_receive(int fd, void *bytes, size_t size, int64_t deadline, size_t *ret_size);
