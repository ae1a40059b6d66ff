// Time per ept_map from a full batch of calls to their replies in memory, and per lookup in the
// replica: no TCP, no packets. The least of many short rounds, because whatever else runs on the
// machine only ever adds.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "mapper/map.h"
#include "mapper/replica.h"
#include "ndr/kernel.h"
#include "rpc/client.h"
#include "rpc/interface.h"
#include "rpc/rpc.h"

enum {
    CALLS = 64, // a full batch
    ROUNDS = 2000,
    PDU_MAX = 256,
    PER_CONNECTION_MAX = 8,
    REPLIES_MAX = 8000, // octets to one connection; a server wants room for its longest bind_ack
    LOOKUP_BATCH = 32,
    LOG = 4096,
};

struct peer {
    struct rpc_association *association;
    uint8_t request[PER_CONNECTION_MAX * PDU_MAX];
    uint32_t request_size;
    uint8_t replies[REPLIES_MAX];
    uint32_t used;
};

struct bench {
    struct mapper_log *log;
    struct mapper_map *map;
    struct mapper_replica *replica;
    struct rpc_groups *groups;
    struct rpc_server *server;
    uint32_t entries;
    struct peer peers[CALLS];
};

static void die(const char *what)
{
    fprintf(stderr, "answer: %s\n", what);
    exit(EXIT_FAILURE);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// ---- streams that are buffers

static bool ensure(void *stream, uint32_t size)
{
    return size <= REPLIES_MAX - ((struct peer *)stream)->used;
}

static uint32_t room(void *stream)
{
    (void)stream;
    return 1448;
}

static uint8_t *reserve(void *stream, uint32_t size)
{
    struct peer *peer = stream;
    return ensure(stream, size) ? peer->replies + peer->used : NULL;
}

static void commit(void *stream, uint32_t size)
{
    ((struct peer *)stream)->used += size;
}

static void commit_summed(void *stream, uint32_t size, uint16_t sum)
{
    (void)sum;
    commit(stream, size);
}

static bool write_all(void *stream, const void *data, uint32_t size)
{
    uint8_t *to = reserve(stream, size);
    if (to) {
        memcpy(to, data, size);
        commit(stream, size);
    }
    return to != NULL;
}

static void end(void *stream)
{
    (void)stream;
    die("the server ended a connection");
}

// ---- set-up

static struct ndr_syntax_id interface_number(uint32_t i)
{
    struct ndr_syntax_id id = {
        .uuid = BASE_UUID(0, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50, 0x56, 0xa2, 0x01, 0x82),
        .major = 1};
    memcpy(id.uuid.bytes, &i, sizeof i);
    return id;
}

static uint32_t tower_of(uint32_t i, uint8_t tower[PDU_MAX])
{
    const struct ndr_binding binding = {
        .protseq = NDR_PROTSEQ_NCACN_IP_TCP, .host = "10.135.0.2", .endpoint = "49153"};
    struct ndr_syntax_id id = interface_number(i);
    return (uint32_t)ndr_tower_build(&id, &ndr_syntax_id_20, &binding, tower, PDU_MAX);
}

static void fill_map(struct bench *b)
{
    const struct mapper_options options = {.capacity = b->entries};
    b->log = mapper_log_create(LOG, 1);
    b->map = b->log ? mapper_map_create(&options, b->log) : NULL;
    b->replica = b->map ? mapper_replica_create(b->entries, b->log, 0) : NULL;
    if (!b->replica)
        die("no memory");
    for (uint32_t i = 0; i < b->entries; i++) {
        uint8_t tower[PDU_MAX];
        const struct ndr_epm_entry entry = {.tower = tower, .tower_size = tower_of(i, tower)};
        if (mapper_map_insert(b->map, &entry, 1, false, MAPPER_ORIGIN_STATIC) != 0)
            die("an entry was refused");
        mapper_replica_apply(b->replica);
    }
}

static void start_server(struct bench *b)
{
    b->groups = rpc_groups_create(CALLS, 1);
    const struct rpc_options options = {
        .stream = {ensure, room, reserve, commit, commit_summed, write_all, end, end, end, end},
        .interfaces = rpc_mapper_interfaces,
        .replica = b->replica,
        .groups = b->groups,
        .associations = CALLS,
        .max_request = 65536,
        .reassembly_buffers = 1,
        .contexts = 4,
        .calls = CALLS,
        .changes = 1,
        .waiting = 1,
    };
    b->server = b->groups ? rpc_server_create(&options) : NULL;
    if (!b->server)
        die("no memory");
}

static void offer(struct bench *b, struct peer *peer)
{
    while (rpc_offset(peer->association) < peer->request_size) {
        uint32_t at = rpc_offset(peer->association);
        struct rpc_cut cut =
            rpc_input(b->server, peer->association, peer->request + at, peer->request_size - at);
        if (cut.result != RPC_CUT_TAKEN)
            die("a request was not taken");
    }
}

static void bind_peer(struct bench *b, struct peer *peer)
{
    static const struct rpc_peer from = {.local_port = 135};
    struct rpc_client client = rpc_client_init();
    peer->association = rpc_open(b->server, peer, &from);
    peer->request_size = (uint32_t)rpc_client_build_bind(&client, &rpc_epmapper.id, peer->request,
                                                         sizeof peer->request);
    offer(b, peer);
    rpc_run(b->server);
    rpc_take_consumed(peer->association);
    if (peer->used == 0)
        die("a bind was not answered");
}

// `count` requests, each for another interface.
static void write_requests(struct bench *b, struct peer *peer, uint32_t *interface, unsigned count)
{
    const struct base_uuid nil = {0};
    const struct ndr_context_handle null = {0};
    struct rpc_client client = rpc_client_init();
    peer->request_size = 0;
    for (unsigned i = 0; i < count; i++) {
        uint8_t tower[PDU_MAX], stub[PDU_MAX];
        *interface = (uint32_t)((*interface + UINT64_C(2654435761)) % b->entries);
        uint32_t size = tower_of(*interface, tower);
        struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
        ndr_epm_encode_map(&w, &nil, tower, size, &null, 1);
        peer->request_size +=
            (uint32_t)rpc_client_build_request(&client, NDR_EPM_MAP, stub, ndr_writer_size(&w),
                                               peer->request + peer->request_size, PDU_MAX);
    }
}

// ---- measurements

static double measure_answers(struct bench *b, unsigned per_connection)
{
    uint64_t best = UINT64_MAX;
    uint32_t interface = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned peers = CALLS / per_connection;
        for (unsigned i = 0; i < peers; i++) {
            write_requests(b, &b->peers[i], &interface, per_connection);
            b->peers[i].used = 0;
            offer(b, &b->peers[i]);
        }
        uint64_t begin = now();
        rpc_run(b->server);
        uint64_t took = now() - begin;
        best = took < best ? took : best;
        for (unsigned i = 0; i < peers; i++) {
            rpc_take_consumed(b->peers[i].association);
            if (b->peers[i].used != per_connection * 152)
                die("a reply has another size than was expected");
        }
    }
    return (double)best / CALLS;
}

static double measure_lookups(const struct bench *b)
{
    static struct mapper_query queries[32 * LOOKUP_BATCH];
    enum { COUNT = sizeof queries / sizeof queries[0] };
    uint64_t best = UINT64_MAX, interface = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            interface = (interface + 2654435761) % b->entries;
            queries[i] = (struct mapper_query){.interface = interface_number((uint32_t)interface),
                                               .transfer = ndr_syntax_id_20,
                                               .protseq_key = 0x030000000009070b,
                                               .max = 1};
        }
        uint32_t found = 0;
        struct mapper_answer answers[LOOKUP_BATCH];
        uint64_t begin = now();
        for (unsigned i = 0; i < COUNT; i += LOOKUP_BATCH) {
            mapper_replica_map(b->replica, queries + i, answers, LOOKUP_BATCH);
            found += answers[0].count + answers[LOOKUP_BATCH - 1].count;
        }
        uint64_t took = now() - begin;
        best = took < best ? took : best;
        if (found != 2 * COUNT / LOOKUP_BATCH)
            die("an entry was not found");
    }
    return (double)best / COUNT;
}

static void measure(uint32_t entries)
{
    struct bench *b = calloc(1, sizeof *b);
    if (!b)
        die("no memory");
    b->entries = entries;
    fill_map(b);
    start_server(b);
    for (unsigned i = 0; i < CALLS; i++)
        bind_peer(b, &b->peers[i]);
    printf("%7" PRIu32 " entries: lookup %.1f ns; answer %.1f ns, one per connection; %.1f ns, "
           "eight per connection\n",
           entries, measure_lookups(b), measure_answers(b, 1),
           measure_answers(b, PER_CONNECTION_MAX));
    rpc_server_destroy(b->server);
    rpc_groups_destroy(b->groups);
    mapper_replica_destroy(b->replica);
    mapper_map_destroy(b->map);
    mapper_log_destroy(b->log);
    free(b);
}

int main(void)
{
    const struct ndr_kernel *kernel = ndr_kernel_find(getenv("PORTOLAN_KERNEL"));
    if (!kernel)
        return EX_USAGE;
    ndr_kernel_use(kernel);
    printf("decoder: %s; a batch of %d calls, the least of %d rounds\n", kernel->name, CALLS,
           ROUNDS);
    measure(1000);
    measure(65536);
    return 0;
}
