// A wire between two TAP interfaces, for a kernel that is to stand on the same kind of link as our
// stack does: what one interface sends arrives at the other, frame by frame, a system call to take
// it and one to give it. It waits as a worker does: by spinning, and asleep after a while.
// Prints "ready" when both interfaces are there; they go when it ends.
//
//     wire INTERFACE INTERFACE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 64, FRAME_MAX = 2048, SPIN_US = 100 };

static int open_tap(const char *interface)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    if (tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0)
        return tap;
    fprintf(stderr, "wire: no TAP interface %s: %s\n", interface, strerror(errno));
    return -1;
}

// At most a burst; what the other side does not take is lost. The number of frames.
static unsigned carry(int from, int to)
{
    uint8_t frame[FRAME_MAX];
    unsigned count = 0;
    ssize_t size;
    while (count < BURST && (size = read(from, frame, sizeof frame)) > 0) {
        count++;
        if (write(to, frame, (size_t)size) < 0 && errno != EAGAIN && errno != EIO)
            perror("wire: write");
    }
    return count;
}

static uint64_t read_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

int main(int count, char **words)
{
    if (count != 3) {
        fprintf(stderr, "usage: wire INTERFACE INTERFACE\n");
        return 64;
    }
    int one = open_tap(words[1]), other = open_tap(words[2]);
    if (one < 0 || other < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    struct pollfd ends[] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    uint64_t idle_since = read_clock();
    while (true) {
        unsigned carried = carry(one, other);
        carried += carry(other, one);
        if (carried != 0)
            idle_since = read_clock();
        else if (read_clock() - idle_since > SPIN_US)
            poll(ends, 2, -1);
    }
}
