// A bench for the RPC layer: a real server with a real map, log and replica, over streams that are
// buffers in memory. Input is offered in allocations of exactly its size and replies are reserved
// in such, so that a sanitizer sees an access past either end.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/sum.h"
#include "mapper/map.h"
#include "rpc/server.h"

#define ROWS(array) (sizeof(array) / sizeof(array)[0])

enum {
    BENCH_CONNS = 8,
    BENCH_GROUPS = 16,
    BENCH_CHANGES = 2,
    BENCH_WAITING = 4,
    BENCH_REASSEMBLIES = 2,
    BENCH_MAX_REQUEST = 0x4000,
    BENCH_CONTEXTS = 40,
    BENCH_CALLS = 64,
    BENCH_ENTRIES = 1024,
    CONN_OUT_MAX = 1 << 20,
    CONN_IN_MAX = 1 << 17,
    OCTETS_MAX = 70000,
};

// ---- connections

struct conn {
    struct bench *bench;
    struct rpc_association *association; // NULL: not open
    struct buffers *buffers;             // of the harness: `in` and `out`
    // What the peer sent and the server has not given up yet.
    uint8_t *in;
    uint32_t in_size;
    // What the server sent; the test has taken it up to `out_taken`.
    uint8_t *out;
    uint32_t out_size;
    uint32_t out_taken;
    uint32_t room;     // writable now
    uint32_t segment;  // largest reservation
    uint8_t *reserved; // `reserved_size` octets, or NULL
    uint32_t reserved_size;
    unsigned commits;       // frames of replies that were written in place
    unsigned ready_commits; // of them, those of ready-made replies
    unsigned dribbles;      // times that what was written was to go out one byte a segment
    bool closed, aborted;
};

struct bench {
    struct rpc_options options;
    struct mapper_log *log;
    struct mapper_map *map;
    struct mapper_replica *replica;
    struct rpc_server *server;
    struct conn conns[BENCH_CONNS];
    struct rpc_prefix allow;
    struct mapper_change *submitted[BENCH_CHANGES];
    unsigned submitted_count;
    bool refuse_changes;
    uint8_t poison; // what reserved room holds before the server writes
    // Offers that were taken stay until rpc_run.
    uint8_t *offers[RPC_BATCH_MAX * 4];
    unsigned offer_count;
    bool general_way; // conn_serve does not use rpc_input_plain
    uint64_t taken;   // PDUs
    uint64_t taken_plain;
    uint64_t endings; // connections that a PDU ended
};

// Set-up and shared teardown of every test. The teardown closes what is open and asserts that no
// association, group, reassembly buffer or change is lost and that the counters add up.
int bench_setup(void **state);
int bench_teardown(void **state);

// Serves these interfaces (NULL-terminated) instead of epmapper and mgmt.
void bench_serve(struct bench *bench, const struct rpc_interface *const *interfaces);
// Gives the server an exporter, which rpc_oxid needs. The bench's own; no other bench pays for it.
struct exporter *bench_export(struct bench *bench);
// What a worker does once a turn: the time is `now`.
void bench_time(struct bench *bench, uint64_t now);

// Adds a fault rule and lets the worker take it. Its id.
uint32_t bench_inject(struct bench *bench, const struct rpc_inject_rule *rule);
// How often that rule decided; 0 when it is gone.
uint64_t bench_hits(const struct bench *bench, uint32_t id);

// A connection from 192.0.2.1 to port 135, or from another last octet and to another port.
struct conn *conn_open(struct bench *bench);
struct conn *conn_open_from(struct bench *bench, uint8_t last_octet, uint16_t local_port);
// One from 192.0.2.1 to port 593, which speaks ncacn_http; `room` octets may be written to it.
struct conn *conn_open_http(struct bench *bench, uint32_t room);
// One that has done a bind of epmapper as context 0 with `flags`; the answer is taken.
struct conn *conn_open_bound(struct bench *bench, uint8_t flags);
// Like that, as a member of `group` (0: a new one).
struct conn *conn_open_member(struct bench *bench, uint32_t group);
// One that has bound another interface as context 0.
struct conn *conn_open_interface(struct bench *bench, const struct ndr_syntax_id *interface,
                                 uint8_t flags);
// Like that, in NDR64.
struct conn *conn_open_ndr64(struct bench *bench, const struct ndr_syntax_id *interface);
void conn_close(struct conn *conn);

// The peer sends; the server sees nothing until conn_offer or conn_serve.
void conn_send(struct conn *conn, const void *bytes, uint32_t size);
// Offers what follows the last PDU taken, once; at most `limit` octets of it.
struct rpc_cut conn_offer(struct conn *conn, uint32_t limit);
// Runs the batch and gives up the consumed input of all connections. Returns the calls.
unsigned bench_run(struct bench *bench);
// What a worker does with a connection that has input: offer, run, give up, settle.
void conn_serve(struct conn *conn);
uint64_t bench_counter(const struct bench *bench, enum rpc_counter counter);

// Carries out what was submitted on the map and completes it.
void bench_complete_changes(struct bench *bench);
// Registers ncacn_ip_tcp endpoints of `interface`, on ports from `port` on.
void bench_register(struct bench *bench, const struct ndr_syntax_id *interface, uint16_t port,
                    unsigned count);

// ---- PDUs to send

struct octets {
    uint32_t size;
    bool big_endian;
    uint8_t bytes[OCTETS_MAX];
};

void put_u8(struct octets *o, uint8_t v);
void put_u16(struct octets *o, uint16_t v);
void put_u32(struct octets *o, uint32_t v);
void put_bytes(struct octets *o, const void *bytes, uint32_t size);
void put_syntax(struct octets *o, const struct ndr_syntax_id *id);
// Hexadecimal text; blanks are skipped.
void put_hex(struct octets *o, const char *hex);

// A header of a PDU that will have `length` octets.
void put_header(struct octets *o, uint8_t ptype, uint8_t flags, uint16_t length, uint32_t call_id);
void set_length(struct octets *o, uint32_t at, uint16_t length); // of the PDU that begins at `at`
void set_auth_length(struct octets *o, uint32_t at, uint16_t length);

// One presentation context offered.
struct offer {
    uint16_t id;
    const struct ndr_syntax_id *abstract;
    unsigned transfers;
    const struct ndr_syntax_id *transfer[4];
};

struct bind {
    uint8_t ptype; // RPC_BIND or RPC_ALTER_CONTEXT
    uint8_t flags;
    uint16_t max_transmit, max_receive;
    uint32_t call_id;
    uint32_t group;
    unsigned offers;
    struct offer offer[20];
};

extern const struct ndr_syntax_id epmapper_id, mgmt_id, echo_id, unknown_id;
// A bind of epmapper as context 0 with call id 1 and FIRST | LAST.
struct bind plain_bind(void);
struct offer plain_offer(uint16_t id, const struct ndr_syntax_id *abstract);
void put_bind(struct octets *o, const struct bind *bind);

struct request {
    uint8_t flags;
    uint32_t call_id;
    uint32_t alloc_hint;
    uint16_t context_id;
    uint16_t opnum;
    const void *stub;
    uint32_t stub_size;
};
void put_request(struct octets *o, const struct request *request);

// Sends a PDU and lets the server act on it.
void conn_talk(struct conn *conn, const struct octets *o);
void conn_request(struct conn *conn, const struct request *request);

// ---- answers

struct answer {
    const uint8_t *bytes;
    uint32_t size;
    uint8_t ptype;
    uint8_t flags;
    uint32_t call_id;
    // response and fault
    uint32_t alloc_hint;
    uint16_t context_id;
    // fault
    uint32_t status;
    // response
    const uint8_t *stub;
    uint32_t stub_size;
};

// The next PDU that the server sent; the test fails when there is none.
struct answer conn_answer(struct conn *conn);
void assert_no_answer(struct conn *conn);
struct answer assert_response(struct conn *conn, uint32_t call_id);
void assert_fault(struct conn *conn, uint32_t status, uint8_t flags, uint32_t call_id,
                  uint16_t context_id);
void assert_nak(struct conn *conn, uint16_t reason);
// The server has ended the connection in order, or has not ended it.
void assert_closed(struct conn *conn);
void assert_open(struct conn *conn);
// The connection still answers.
void assert_alive(struct conn *conn);
