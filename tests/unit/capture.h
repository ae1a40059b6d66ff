// Catches what the code under test writes to a standard stream.
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct capture {
    FILE *stream;
    int kept_fd;
    int memory_fd;
};

static inline struct capture capture_begin(FILE *stream)
{
    fflush(stream);
    struct capture c = {stream, dup(fileno(stream)), memfd_create("capture", MFD_CLOEXEC)};
    dup2(c.memory_fd, fileno(stream));
    return c;
}

// Gives the stream back and copies what was written into `text`, cut to fit and terminated.
static inline char *capture_end(struct capture *c, char *text, size_t size)
{
    fflush(c->stream);
    dup2(c->kept_fd, fileno(c->stream));
    close(c->kept_fd);
    ssize_t got = pread(c->memory_fd, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(c->memory_fd);
    return text;
}
