#include "harness.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/exporter.h"
#include "rpc/group.h"

// Too large to be mapped anew for every connection under a sanitizer: kept for the next test.
struct buffers {
    struct buffers *next;
    uint8_t in[CONN_IN_MAX];
    uint8_t out[CONN_OUT_MAX];
};

static struct buffers *spare_buffers;

static struct buffers *take_buffers(void)
{
    struct buffers *buffers = spare_buffers;
    if (!buffers)
        return malloc(sizeof *buffers);
    spare_buffers = buffers->next;
    return buffers;
}

static void give_back_buffers(struct buffers *buffers)
{
    if (!buffers)
        return;
    buffers->next = spare_buffers;
    spare_buffers = buffers;
}

// ---- the stream under an association: buffers in memory

static void drop_reservation(struct conn *conn)
{
    free(conn->reserved);
    conn->reserved = NULL;
}

static bool stream_ensure(void *stream, uint32_t size)
{
    struct conn *conn = stream;
    return size <= conn->room;
}

static uint32_t stream_room(void *stream)
{
    struct conn *conn = stream;
    return conn->segment;
}

static uint8_t *stream_reserve(void *stream, uint32_t size)
{
    struct conn *conn = stream;
    assert_false(conn->closed || conn->aborted);
    drop_reservation(conn);
    if (size > conn->room || size > conn->segment)
        return NULL;
    conn->reserved = malloc(size);
    memset(conn->reserved, conn->bench->poison, size);
    conn->reserved_size = size;
    return conn->reserved;
}

static bool stream_write(void *stream, const void *data, uint32_t size)
{
    struct conn *conn = stream;
    assert_false(conn->closed || conn->aborted);
    if (size > conn->room)
        return false;
    assert_true(size <= CONN_OUT_MAX - conn->out_size);
    memcpy(conn->out + conn->out_size, data, size);
    conn->out_size += size;
    conn->room -= size;
    return true;
}

static void stream_commit(void *stream, uint32_t size)
{
    struct conn *conn = stream;
    assert_non_null(conn->reserved);
    assert_true(size <= conn->reserved_size);
    assert_true(stream_write(stream, conn->reserved, size));
    drop_reservation(conn);
    conn->commits++;
}

static void stream_commit_summed(void *stream, uint32_t size, uint16_t sum)
{
    const struct conn *conn = stream;
    // Zero has two forms.
    assert_int_equal(sum % UINT16_MAX, base_sum(conn->reserved, size) % UINT16_MAX);
    stream_commit(stream, size);
    ((struct conn *)stream)->ready_commits++;
}

static void stream_close(void *stream)
{
    struct conn *conn = stream;
    assert_false(conn->closed || conn->aborted);
    conn->closed = true;
}

static void stream_abort(void *stream)
{
    struct conn *conn = stream;
    assert_false(conn->closed || conn->aborted);
    conn->aborted = true;
}

static void stream_dribble(void *stream)
{
    struct conn *conn = stream;
    assert_false(conn->closed || conn->aborted);
    conn->dribbles++;
}

static bool submit(void *context, struct mapper_change *change)
{
    struct bench *bench = context;
    if (bench->refuse_changes)
        return false;
    assert_true(bench->submitted_count < BENCH_CHANGES);
    bench->submitted[bench->submitted_count++] = change;
    return true;
}

// ---- set-up and teardown

static const struct rpc_stream stream = {
    .ensure = stream_ensure,
    .room = stream_room,
    .reserve = stream_reserve,
    .commit = stream_commit,
    .commit_summed = stream_commit_summed,
    .write = stream_write,
    .close = stream_close,
    .abort = stream_abort,
    .reset = stream_abort,
    .dribble = stream_dribble,
};

int bench_setup(void **state)
{
    static const struct rpc_interface *const interfaces[] = {&rpc_epmapper, &rpc_mgmt, NULL};
    // A bench takes megabytes: handed back to the kernel each time, they cost more than the tests.
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    struct rpc_inject *inject = rpc_inject_create(1);
    const struct mapper_options map_options = {.capacity = BENCH_ENTRIES};
    bench->log = mapper_log_create(4096, 1);
    bench->map = mapper_map_create(&map_options, bench->log);
    bench->replica = mapper_replica_create(BENCH_ENTRIES, bench->log, 0);
    bench->options = (struct rpc_options){
        .stream = stream,
        .interfaces = interfaces,
        .replica = bench->replica,
        .groups = rpc_groups_create(BENCH_GROUPS, 1),
        .inject = inject,
        .associations = BENCH_CONNS,
        .max_request = BENCH_MAX_REQUEST,
        .contexts = BENCH_CONTEXTS,
        .calls = BENCH_CALLS,
        .reassembly_buffers = BENCH_REASSEMBLIES,
        .changes = BENCH_CHANGES,
        .waiting = BENCH_WAITING,
        .secret = "sixteen octets!",
        .object = BASE_UUID(0x11223344, 0x5566, 0x7788, 1, 2, 3, 4, 5, 6, 7, 8),
        .allow = &bench->allow,
        .submit = submit,
        .context = bench,
    };
    bench->server = rpc_server_create(&bench->options);
    assert_non_null(bench->server);
    *state = bench;
    return 0;
}

void bench_serve(struct bench *bench, const struct rpc_interface *const *interfaces)
{
    bench->server->options.interfaces = interfaces;
    bench->server->interface_count = 0;
    while (interfaces[bench->server->interface_count])
        bench->server->interface_count++;
}

struct exporter *bench_export(struct bench *bench)
{
    struct ndr_oxid_bindings bindings;
    ndr_oxid_bindings_init(&bindings);
    assert_true(ndr_oxid_bindings_add(&bindings, 7, "192.0.2.10"));
    assert_true(ndr_oxid_bindings_add(&bindings, 7, "srv1"));
    bench->options.exporter = exporter_create(&bindings, (const uint8_t *)"sixteen octets!");
    assert_non_null(bench->options.exporter);
    bench->server->options.exporter = bench->options.exporter;
    return bench->options.exporter;
}

uint32_t bench_inject(struct bench *bench, const struct rpc_inject_rule *rule)
{
    uint32_t id = rpc_inject_add(bench->options.inject, rule);
    assert_int_not_equal(id, 0);
    bench_time(bench, bench->server->now);
    return id;
}

uint64_t bench_hits(const struct bench *bench, uint32_t id)
{
    const struct rpc_inject_table *table = rpc_inject_current(bench->options.inject);
    for (unsigned i = 0; i < table->count; i++) {
        if (table->rows[i].rule->id == id)
            return rpc_inject_hits(bench->options.inject, table->rows[i].slot, 0);
    }
    return 0;
}

void bench_time(struct bench *bench, uint64_t now)
{
    rpc_timers(bench->server, now);
}

static uint64_t count_free_reassemblies(const struct rpc_server *server)
{
    uint64_t count = 0;
    for (const struct rpc_reassembly *r = server->free_reassemblies; r; r = r->next)
        count++;
    return count;
}

// Every group has ended if a whole set of new ones can be made.
static void assert_no_group_lives(struct rpc_groups *groups)
{
    for (unsigned i = 0; i < BENCH_GROUPS; i++)
        assert_int_not_equal(rpc_group_new(groups, 0, 1), 0);
    assert_int_equal(rpc_group_new(groups, 0, 1), 0);
}

// Every call was answered, faulted, or its connection had gone when its change was complete.
static void assert_counters_add_up(const struct bench *bench)
{
    const uint64_t *c = rpc_counters(bench->server);
    assert_int_equal(c[RPC_CALLS], c[RPC_REPLIES] + c[RPC_DROP_ORPHAN_REPLY] + c[RPC_DROP_STUB] +
                                       c[RPC_DROP_HANDLE] + c[RPC_DROP_DENIED] + c[RPC_DROP_BUSY] +
                                       c[RPC_DROP_TAG] + c[RPC_DROP_REPLY_TOO_BIG] +
                                       c[RPC_DROP_ORPHANED] + c[RPC_DROP_INJECTED]);
    assert_int_equal(c[RPC_PDUS_IN], bench->taken + bench->endings - c[RPC_DROP_LENGTH]);
}

int bench_teardown(void **state)
{
    struct bench *bench = *state;
    bench_run(bench);
    for (unsigned i = 0; i < BENCH_CONNS; i++) {
        if (bench->conns[i].association)
            conn_close(&bench->conns[i]);
        give_back_buffers(bench->conns[i].buffers);
    }
    bench_complete_changes(bench);
    assert_int_equal(bench->server->batch_count, 0);
    assert_int_equal(bench_counter(bench, RPC_ASSOCIATIONS), 0);
    assert_int_equal(bench->server->free_changes, BENCH_CHANGES);
    assert_int_equal(rpc_next_timer(bench->server), UINT64_MAX);
    assert_int_equal(count_free_reassemblies(bench->server), BENCH_REASSEMBLIES);
    assert_no_group_lives(bench->options.groups);
    assert_counters_add_up(bench);
    rpc_server_destroy(bench->server);
    rpc_groups_destroy(bench->options.groups);
    exporter_destroy(bench->options.exporter);
    mapper_replica_destroy(bench->replica);
    mapper_map_destroy(bench->map);
    mapper_log_destroy(bench->log);
    rpc_inject_destroy(bench->options.inject);
    free(bench);
    return 0;
}

uint64_t bench_counter(const struct bench *bench, enum rpc_counter counter)
{
    return rpc_counters(bench->server)[counter];
}

// ---- connections

static struct conn *open_conn(struct bench *bench, const struct rpc_peer *peer, uint32_t room)
{
    struct conn *conn = bench->conns;
    while (conn->association)
        conn++;
    assert_true(conn < bench->conns + BENCH_CONNS);
    struct buffers *buffers = conn->buffers ? conn->buffers : take_buffers();
    *conn = (struct conn){
        .bench = bench,
        .buffers = buffers,
        .in = buffers->in,
        .out = buffers->out,
        .room = room,
        .segment = 1460,
    };
    conn->association = rpc_open(bench->server, conn, peer);
    assert_non_null(conn->association);
    return conn;
}

struct conn *conn_open_from(struct bench *bench, uint8_t last_octet, uint16_t local_port)
{
    const struct rpc_peer peer = {
        .address = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = last_octet},
        .local_port = local_port,
    };
    return open_conn(bench, &peer, CONN_OUT_MAX);
}

struct conn *conn_open_http(struct bench *bench, uint32_t room)
{
    const struct rpc_peer peer = {
        .address = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1},
        .local_port = 593,
        .http = true,
    };
    return open_conn(bench, &peer, room);
}

struct conn *conn_open(struct bench *bench)
{
    return conn_open_from(bench, 1, 135);
}

static struct conn *open_bound(struct bench *bench, const struct bind *bind)
{
    struct octets o = {0};
    struct conn *conn = conn_open(bench);
    put_bind(&o, bind);
    conn_talk(conn, &o);
    assert_int_equal(conn_answer(conn).ptype, RPC_BIND_ACK);
    return conn;
}

struct conn *conn_open_bound(struct bench *bench, uint8_t flags)
{
    struct bind bind = plain_bind();
    bind.flags = flags;
    return open_bound(bench, &bind);
}

struct conn *conn_open_interface(struct bench *bench, const struct ndr_syntax_id *interface,
                                 uint8_t flags)
{
    struct bind bind = plain_bind();
    bind.flags = flags;
    bind.offer[0] = plain_offer(0, interface);
    return open_bound(bench, &bind);
}

struct conn *conn_open_ndr64(struct bench *bench, const struct ndr_syntax_id *interface)
{
    struct octets o = {0}, syntax = {0};
    struct conn *conn = conn_open(bench);
    struct bind bind = plain_bind();
    bind.offer[0] = plain_offer(0, interface);
    bind.offer[0].transfer[0] = &ndr_syntax_id_64;
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, RPC_BIND_ACK);
    put_syntax(&syntax, &ndr_syntax_id_64);
    assert_memory_equal(a.bytes + a.size - syntax.size, syntax.bytes, syntax.size);
    return conn;
}

struct conn *conn_open_member(struct bench *bench, uint32_t group)
{
    struct bind bind = plain_bind();
    bind.group = group;
    return open_bound(bench, &bind);
}

// What was sent must be whole PDUs of known kinds.
static void check_output(const struct conn *conn)
{
    for (uint32_t at = 0; at < conn->out_size;) {
        int length = rpc_pdu_length(conn->out + at, conn->out_size - at);
        assert_true(length > 0 && (uint32_t)length <= conn->out_size - at);
        at += (uint32_t)length;
    }
}

void conn_close(struct conn *conn)
{
    check_output(conn);
    drop_reservation(conn);
    rpc_close(conn->bench->server, conn->association);
    conn->association = NULL;
}

void conn_send(struct conn *conn, const void *bytes, uint32_t size)
{
    assert_true(size <= CONN_IN_MAX - conn->in_size);
    memcpy(conn->in + conn->in_size, bytes, size);
    conn->in_size += size;
}

// A result that keeps no hold on the bytes: they are freed at once, and those taken after rpc_run.
static void keep_offer(struct bench *bench, uint8_t *offer, enum rpc_cut_result result)
{
    if (result != RPC_CUT_TAKEN) {
        free(offer);
        return;
    }
    bench->taken++;
    assert_true(bench->offer_count < ROWS(bench->offers));
    bench->offers[bench->offer_count++] = offer;
}

// What follows the last PDU taken, at most `limit` octets, in an allocation of its own.
static uint8_t *copy_rest(const struct conn *conn, uint32_t limit, uint32_t *ret_size)
{
    uint32_t offset = rpc_offset(conn->association);
    assert_true(offset <= conn->in_size);
    uint32_t size = conn->in_size - offset < limit ? conn->in_size - offset : limit;
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, conn->in + offset, size);
    *ret_size = size;
    return copy;
}

struct rpc_cut conn_offer(struct conn *conn, uint32_t limit)
{
    uint32_t offset = rpc_offset(conn->association), size;
    uint8_t *offer = copy_rest(conn, limit, &size);
    bool ended = conn->closed || conn->aborted;
    struct rpc_cut cut = rpc_input(conn->bench->server, conn->association, offer, size);
    keep_offer(conn->bench, offer, cut.result);
    if (cut.result == RPC_CUT_TAKEN)
        assert_int_equal(rpc_offset(conn->association), offset + cut.length);
    if (cut.result == RPC_CUT_CLOSED)
        assert_true(conn->closed || conn->aborted);
    if (cut.result == RPC_CUT_CLOSED && !ended)
        conn->bench->endings++;
    assert_true(rpc_offset(conn->association) <= conn->in_size);
    return cut;
}

// Offers all by the short way, once. False: the batch is full.
static bool offer_plain(struct conn *conn)
{
    struct bench *bench = conn->bench;
    uint32_t offset = rpc_offset(conn->association), size;
    uint8_t *copy = copy_rest(conn, UINT32_MAX, &size);
    struct rpc_offer offer = {.association = conn->association, .bytes = copy, .size = size};
    unsigned before = bench->server->batch_count;
    bool done = rpc_input_plain(bench->server, &offer, 1) == 1;
    unsigned calls = bench->server->batch_count - before;
    assert_ptr_equal(offer.bytes, copy + (size - offer.size));
    assert_int_equal(rpc_offset(conn->association), offset + (size - offer.size));
    assert_int_equal(done, offer.done);
    keep_offer(bench, copy, calls > 0 ? RPC_CUT_TAKEN : RPC_CUT_MORE);
    bench->taken += calls - (calls > 0); // keep_offer has counted one
    bench->taken_plain += calls;
    return done;
}

static void give_up_consumed(struct conn *conn)
{
    uint32_t consumed = rpc_take_consumed(conn->association);
    assert_true(consumed <= conn->in_size);
    conn->in_size -= consumed;
    memmove(conn->in, conn->in + consumed, conn->in_size);
}

unsigned bench_run(struct bench *bench)
{
    unsigned calls = rpc_run(bench->server);
    for (unsigned i = 0; i < bench->offer_count; i++)
        free(bench->offers[i]);
    bench->offer_count = 0;
    for (unsigned i = 0; i < BENCH_CONNS; i++) {
        if (bench->conns[i].association)
            give_up_consumed(&bench->conns[i]);
    }
    return calls;
}

void conn_serve(struct conn *conn)
{
    for (;;) {
        while (!conn->bench->general_way && !offer_plain(conn))
            bench_run(conn->bench);
        struct rpc_cut cut = conn_offer(conn, UINT32_MAX);
        bool full = conn->bench->offer_count + 2 > ROWS(conn->bench->offers);
        if (cut.result == RPC_CUT_FULL || (cut.result == RPC_CUT_TAKEN && full))
            bench_run(conn->bench);
        else if (cut.result != RPC_CUT_TAKEN)
            break;
    }
    bench_run(conn->bench);
    rpc_settle(conn->bench->server, conn->association, conn->in_size);
}

// ---- the map

void bench_register(struct bench *bench, const struct ndr_syntax_id *interface, uint16_t port,
                    unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct ndr_binding binding = {.protseq = NDR_PROTSEQ_NCACN_IP_TCP, .host = "192.0.2.10"};
        snprintf(binding.endpoint, sizeof binding.endpoint, "%u", port + i);
        uint8_t tower[128];
        struct ndr_epm_entry entry = {.tower = tower, .annotation = "entry", .annotation_size = 5};
        entry.tower_size =
            (uint32_t)ndr_tower_build(interface, &ndr_syntax_id_20, &binding, tower, sizeof tower);
        assert_int_equal(mapper_map_insert(bench->map, &entry, 1, false, MAPPER_ORIGIN_STATIC), 0);
    }
    mapper_replica_apply(bench->replica);
}

static uint32_t carry_out(struct bench *bench, const struct mapper_change *change)
{
    switch (change->kind) {
    case MAPPER_CHANGE_INSERT:
        return mapper_map_insert(bench->map, change->entries, change->count, change->replace,
                                 MAPPER_ORIGIN_NETWORK);
    case MAPPER_CHANGE_DELETE:
        return mapper_map_delete(bench->map, change->entries, change->count);
    case MAPPER_CHANGE_MGMT_DELETE:
        return mapper_map_mgmt_delete(bench->map, &change->mgmt_delete);
    }
    return NDR_EPM_STATUS_CANT_PERFORM_OP;
}

void bench_complete_changes(struct bench *bench)
{
    unsigned count = bench->submitted_count;
    bench->submitted_count = 0;
    for (unsigned i = 0; i < count; i++) {
        bench->submitted[i]->status = carry_out(bench, bench->submitted[i]);
        mapper_replica_apply(bench->replica);
        rpc_complete(bench->server, bench->submitted[i]);
    }
    mapper_map_reclaim(bench->map);
    bench_time(bench, bench->server->now); // and those for which there was no room
}
