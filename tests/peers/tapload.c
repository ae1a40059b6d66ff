// Loads an endpoint mapper with ept_map over ordinary sockets and checks every answer: how many
// requests per second this host's kernel, a TAP port and the server manage together. One thread;
// portolan-load is the tool for a real NIC.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/uuid.h"

enum {
    REQUEST_SIZE = 156, // ept_map of a TCP tower, nil object
    ANSWER_SIZE = 152,  // one tower in one PDU
    CALL_ID_AT = 12,
    CONNECTIONS_MAX = 4096,
    DEPTH_MAX = 64,
    WAIT_MS = 5000, // an answer that takes longer is a failure
};

struct options {
    struct in_addr address;
    unsigned connections, depth, seconds;
    struct base_uuid interface;
    uint16_t major, minor;
};

struct connection {
    int fd;
    uint32_t sent;     // calls; the call id of the last one
    uint32_t answered; // calls; answers come in the order of the calls
    uint32_t have;     // bytes of answers in `in`
    uint8_t in[DEPTH_MAX * ANSWER_SIZE];
};

// Bind of epmapper 3.0 with NDR 2.0 as context 0 (C706 12.6.4.3).
static const uint8_t bind_pdu[72] = {
    5,    0,    11,   3,    0x10, 0,    0,    0,    72,   0,    0,    0,    0,    0,    0,
    0,    0xd0, 0x16, 0xd0, 0x16, 0,    0,    0,    0,    1,    0,    0,    0,    0,    0,
    1,    0,    0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 0x08, 0x00, 0x2b,
    0x14, 0xa0, 0xfa, 3,    0,    0,    0,    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11,
    0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2,    0,    0,    0,
};

static uint8_t request[REQUEST_SIZE];
static uint8_t
    answer[ANSWER_SIZE]; // the first one, read in full; all others equal it but for the id
static uint64_t answers;

static void die(const char *what)
{
    fprintf(stderr, "tapload: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Offsets are those of the whole PDU: header 24, object 20, tower reference and two counts 12,
// tower 75 (C706 appendix L), padding 1, entry handle 20, max_towers 4.
static void build_request(const struct options *options)
{
    static const uint8_t ndr[20] = {0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8,
                                    0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2,    0,    0,    0};
    static const uint8_t lower_floors[] = {1, 0, 0x0b, 2, 0,   0, 0, 1, 0,
                                           7, 2, 0,    0, 135, 1, 0, 9, 4};

    memcpy(request, (const uint8_t[]){5, 0, 0, 3, 0x10}, 5);
    base_store_le16(request + 8, REQUEST_SIZE);
    base_store_le32(request + 16, REQUEST_SIZE - 24);
    base_store_le16(request + 22, 3); // ept_map
    base_store_le32(request + 24, 1); // object, nil
    base_store_le32(request + 44, 2); // tower
    base_store_le32(request + 48, 75);
    base_store_le32(request + 52, 75);
    base_store_le16(request + 56, 5); // floors
    memcpy(request + 58, (const uint8_t[]){19, 0, 0x0d}, 3);
    memcpy(request + 61, options->interface.bytes, 16);
    base_store_le16(request + 77, options->major);
    base_store_le16(request + 79, 2);
    base_store_le16(request + 81, options->minor);
    memcpy(request + 83, (const uint8_t[]){19, 0, 0x0d}, 3);
    memcpy(request + 86, ndr, 18);
    base_store_le16(request + 104, 2);
    memcpy(request + 108, lower_floors, sizeof lower_floors);
    base_store_le32(request + 152, 1); // max_towers
}

static void read_fully(int fd, uint8_t *out, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t n = recv(fd, out + have, size - have, 0);
        if (n <= 0)
            die(n == 0 ? "the server closed during bind" : "no answer to bind");
        have += (size_t)n;
    }
}

static void bind_context(int fd)
{
    uint8_t ack[60]; // secondary address "135"; one result, accepted
    if (send(fd, bind_pdu, sizeof bind_pdu, MSG_NOSIGNAL) != sizeof bind_pdu)
        die("sending bind");
    read_fully(fd, ack, sizeof ack);
    errno = 0;
    if (ack[2] != 12 || base_load_le16(ack + 8) != sizeof ack || base_load_le16(ack + 36) != 0)
        die("bind was not acknowledged with context 0 accepted");
}

static int open_connection(const struct options *options)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(135), .sin_addr = options->address};
    struct timeval wait = {.tv_sec = WAIT_MS / 1000};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait); // bounds connect as well
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    bind_context(fd);
    return fd;
}

static void send_calls(struct connection *c, unsigned count)
{
    uint8_t out[DEPTH_MAX * REQUEST_SIZE];
    for (unsigned i = 0; i < count; i++) {
        memcpy(out + i * REQUEST_SIZE, request, REQUEST_SIZE);
        base_store_le32(out + i * REQUEST_SIZE + CALL_ID_AT, ++c->sent);
    }
    if (send(c->fd, out, count * REQUEST_SIZE, MSG_NOSIGNAL) != count * REQUEST_SIZE)
        die("sending calls");
}

// Reads the first answer field by field; it stands for all that follow.
static void learn_answer(const uint8_t *pdu)
{
    errno = 0;
    if (base_load_le32(pdu + 44) != 1 || base_load_le32(pdu + 148) != 0)
        die("expected one tower and status 0");
    if (memcmp(pdu + 77, request + 61, 16) != 0)
        die("the tower answered is of another interface");
    memcpy(answer, pdu, ANSWER_SIZE);
}

static void check_answer(struct connection *c, const uint8_t *pdu)
{
    if (answers == 0)
        learn_answer(pdu);
    errno = 0;
    if (base_load_le32(pdu + CALL_ID_AT) != ++c->answered)
        die("an answer came out of order");
    // Where several endpoints match, each answer has an entry handle of its own in [24, 44).
    if (memcmp(pdu, answer, CALL_ID_AT) != 0 || memcmp(pdu + 16, answer + 16, 8) != 0 ||
        memcmp(pdu + 44, answer + 44, ANSWER_SIZE - 44) != 0)
        die("an answer differs from the first one");
    answers++;
}

// Takes what arrived; returns how many answers were complete.
static unsigned take_answers(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->have, sizeof c->in - c->have, MSG_DONTWAIT);
    if (n == 0)
        errno = 0;
    if (n <= 0)
        die(n == 0 ? "the server closed a connection" : "receiving answers");
    c->have += (uint32_t)n;
    unsigned count = 0;
    for (uint32_t at = 0; c->have - at >= 10; at += ANSWER_SIZE, count++) {
        errno = 0;
        if (base_load_le16(c->in + at + 8) != ANSWER_SIZE)
            die(c->in[at + 2] == 3 ? "a call was answered with a fault"
                                   : "expected a response of 152 bytes; is the interface "
                                     "registered for ncacn_ip_tcp?");
        if (c->have - at < ANSWER_SIZE)
            break;
        check_answer(c, c->in + at);
    }
    c->have -= count * ANSWER_SIZE;
    memmove(c->in, c->in + count * ANSWER_SIZE, c->have);
    return count;
}

// Keeps `depth` calls under way on each connection until `end`, then takes the rest.
static void run(const struct options *options, struct connection *connections, int poll, double end)
{
    struct epoll_event events[256];
    uint64_t under_way = (uint64_t)options->connections * options->depth;

    for (unsigned i = 0; i < options->connections; i++)
        send_calls(&connections[i], options->depth);
    while (under_way > 0) {
        int ready = epoll_wait(poll, events, 256, WAIT_MS);
        errno = 0;
        if (ready <= 0)
            die("no answer for 5 s");
        bool more = now() < end;
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            unsigned count = take_answers(c);
            if (more)
                send_calls(c, count);
            else
                under_way -= count;
        }
    }
}

static unsigned number(const char *text, char option, unsigned max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 1 || value > max) {
        fprintf(stderr, "tapload: found -%c %s; expected a number from 1 to %u\n", option, text,
                max);
        exit(64);
    }
    return (unsigned)value;
}

static void usage(void)
{
    fputs("usage: tapload [-c COUNT] [-d DEPTH] [-s SECONDS] [-i UUID@MAJOR.MINOR] ADDRESS\n",
          stderr);
    exit(64);
}

static void parse_interface(struct options *options, const char *text)
{
    char uuid[BASE_UUID_TEXT_SIZE];
    unsigned major, minor;
    if (sscanf(text, "%36[^@]@%5u.%5u", uuid, &major, &minor) != 3 ||
        !base_uuid_parse(uuid, &options->interface))
        usage();
    options->major = (uint16_t)major;
    options->minor = (uint16_t)minor;
}

static struct options parse_options(int argc, char **argv)
{
    struct options options = {.connections = 16, .depth = 1, .seconds = 3};
    parse_interface(&options, "60a15ec5-4de8-11d7-a637-005056a20182@1.0"); // rpcecho
    for (int option; (option = getopt(argc, argv, "c:d:s:i:")) != -1;) {
        if (option == 'c')
            options.connections = number(optarg, 'c', CONNECTIONS_MAX);
        else if (option == 'd')
            options.depth = number(optarg, 'd', DEPTH_MAX);
        else if (option == 's')
            options.seconds = number(optarg, 's', 3600);
        else if (option == 'i')
            parse_interface(&options, optarg);
        else
            usage();
    }
    if (optind + 1 != argc || inet_pton(AF_INET, argv[optind], &options.address) != 1)
        usage();
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct connection *connections = calloc(options.connections, sizeof *connections);
    int poll = epoll_create1(0);
    if (connections == NULL || poll < 0)
        die("starting");
    build_request(&options);
    for (unsigned i = 0; i < options.connections; i++) {
        connections[i].fd = open_connection(&options);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }

    double start = now();
    run(&options, connections, poll, start + options.seconds);
    double took = now() - start;
    printf("requests per second over TAP: %.0f (%u connections, depth %u, %.1f s, "
           "%llu answers, all right)\n",
           (double)answers / took, options.connections, options.depth, took,
           (unsigned long long)answers);
    free(connections);
    return 0;
}
