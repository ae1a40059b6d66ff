// The same RPC server, decoder and map as portoland's, behind the kernel's sockets: one thread, one
// epoll loop, nothing bypassed. What portoland is faster or slower by is the bypass. Not a product:
// it serves whoever connects, one interface of the map, until SIGTERM.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/uuid.h"
#include "dataplane/kernel.h"
#include "mapper/log.h"
#include "mapper/map.h"
#include "mapper/replica.h"
#include "ndr/kernel.h"
#include "perf/socket_stream.h"
#include "rpc/interface.h"

enum { EVENTS = 64, CONNECTIONS = 1024 };

static const char binding_text[] = "ncacn_ip_tcp:127.0.0.1[49153]";

struct server {
    struct rpc_server *rpc;
    struct rpc_groups *groups;
    struct mapper_log *log;
    struct mapper_map *map;
    struct mapper_replica *replica;
    int listener, poll;
    uint64_t calls;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "epoll_server: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

static bool no_changes(void *context, struct mapper_change *change)
{
    (void)context;
    (void)change;
    return false;
}

static bool make_map(struct server *s, const struct ndr_syntax_id *interface)
{
    const struct mapper_options options = {.capacity = 64};
    struct ndr_binding binding;
    uint8_t tower[128];
    struct ndr_epm_entry entry = {.tower = tower};
    s->log = mapper_log_create(64, 1);
    s->map = s->log ? mapper_map_create(&options, s->log) : NULL;
    s->replica = s->map ? mapper_replica_create(options.capacity, s->log, 0) : NULL;
    if (!s->replica || ndr_binding_parse(binding_text, &binding))
        return false;
    entry.tower_size =
        (uint32_t)ndr_tower_build(interface, &ndr_syntax_id_20, &binding, tower, sizeof tower);
    bool inserted = mapper_map_insert(s->map, &entry, 1, false, MAPPER_ORIGIN_STATIC) == 0;
    mapper_replica_apply(s->replica);
    return inserted;
}

static bool make_rpc(struct server *s)
{
    static const struct rpc_interface *const interfaces[] = {&rpc_epmapper, &rpc_mgmt, NULL};
    s->groups = rpc_groups_create(CONNECTIONS, 1);
    const struct rpc_options options = {
        .stream = socket_stream,
        .interfaces = interfaces,
        .replica = s->replica,
        .groups = s->groups,
        .associations = CONNECTIONS,
        .max_request = 64 << 10,
        .contexts = 16,
        .calls = 64,
        .reassembly_buffers = 4,
        .changes = 4,
        .waiting = 4,
        .submit = no_changes,
    };
    s->rpc = s->groups ? rpc_server_create(&options) : NULL;
    return s->rpc != NULL;
}

static void listen_at(struct server *s, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    s->poll = epoll_create1(EPOLL_CLOEXEC);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(s->listener, 512) != 0)
        die("listening");
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(s->poll, EPOLL_CTL_ADD, s->listener, &event) != 0)
        die("epoll");
}

static void accept_all(struct server *s)
{
    for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (!socket_stream_open(s->rpc, s->poll, fd))
            close(fd);
    }
}

// Answers the batch; then what the connections so far were answered goes out.
static void answer(struct server *s, struct socket_conn **conns, unsigned count)
{
    s->calls += rpc_run(s->rpc);
    for (unsigned i = 0; i < count; i++)
        socket_stream_flush(conns[i]);
}

static void cut_all(struct server *s, struct socket_conn **conns, unsigned count)
{
    struct socket_conn *conn = conns[count - 1];
    for (;;) {
        enum rpc_cut_result result = socket_stream_cut(s->rpc, conn);
        if (result == RPC_CUT_FULL)
            answer(s, conns, count);
        else if (result != RPC_CUT_TAKEN)
            return;
    }
}

static void turn(struct server *s)
{
    struct epoll_event events[EVENTS];
    struct socket_conn *conns[EVENTS];
    unsigned count = 0;
    int ready = epoll_wait(s->poll, events, EVENTS, 1000);
    rpc_timers(s->rpc, socket_stream_clock());
    for (int i = 0; i < ready; i++) {
        struct socket_conn *conn = events[i].data.ptr;
        if (!conn) {
            accept_all(s);
            continue;
        }
        conns[count++] = conn;
        socket_stream_read(conn);
        cut_all(s, conns, count);
    }
    answer(s, conns, count);
    for (unsigned i = 0; i < count; i++)
        socket_stream_settle(s->rpc, conns[i]);
}

static _Noreturn void usage(void)
{
    fputs("usage: epoll_server [--port PORT] [--interface UUID@MAJOR.MINOR]\n"
          "\n"
          "Serves ept_map of that interface (rpcecho) at TCP PORT (135) of every address until\n"
          "SIGTERM, then prints how many calls it answered.\n",
          stderr);
    exit(EX_USAGE);
}

static bool parse_interface(const char *text, struct ndr_syntax_id *id)
{
    char uuid[BASE_UUID_TEXT_SIZE];
    return sscanf(text, "%36[^@]@%5" SCNu16 ".%5" SCNu16, uuid, &id->major, &id->minor) == 3 &&
           base_uuid_parse(uuid, &id->uuid);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'}, {"interface", required_argument, NULL, 'i'}, {0}};
    static struct server s;
    struct ndr_syntax_id interface;
    uint16_t port = 135;
    parse_interface("60a15ec5-4de8-11d7-a637-005056a20182@1.0", &interface);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool parsed = option == 'p'   ? sscanf(optarg, "%5" SCNu16, &port) == 1 && port != 0
                      : option == 'i' ? parse_interface(optarg, &interface)
                                      : false;
        if (!parsed)
            usage();
    }
    if (optind != argc || !dataplane_choose_kernel())
        usage();
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (!make_map(&s, &interface) || !make_rpc(&s))
        die("making the map and the server");
    listen_at(&s, port);
    while (!stopped)
        turn(&s);
    printf("%" PRIu64 " calls answered\n", s.calls);
    return 0;
}
