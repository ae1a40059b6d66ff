// The OXID resolver and the activation interfaces: the bytes of every operation.
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "exporter/exporter.h"
#include "harness.h"
#include "ndr/activation.h"

static const struct rpc_interface *const interfaces[] = {&rpc_oxid, &rpc_activation,
                                                         &rpc_system_activator, NULL};

// OXID 0x0102030405060708 with objects 0x11.. and 0x22.., reached at "srv1[1234]" over TCP.
static int setup(void **state)
{
    bench_setup(state);
    struct bench *bench = *state;
    bench_serve(bench, interfaces);
    bench_export(bench);
    struct exporter_oxid entry = {.oxid = 0x0102030405060708,
                                  .ipid = BASE_UUID(0x1, 0x2, 0x3, 4, 5, 6, 7, 8, 9, 10, 11),
                                  .authn_hint = 1,
                                  .oid_count = 2,
                                  .oids = {0x1111111111111111, 0x2222222222222222}};
    ndr_oxid_bindings_init(&entry.bindings);
    ndr_oxid_bindings_add(&entry.bindings, 7, "srv1[1]");
    assert_int_equal(oxid_table_add(bench->options.exporter->oxids, &entry), OXID_TABLE_OK);
    return 0;
}

struct row {
    const char *name;
    const struct rpc_interface *interface;
    uint16_t opnum;
    bool big_endian;
    enum ndr_syntax syntax;
    const char *in, *out; // out NULL: bad stub data
};

#define SRV1             "0c00 0a00 0700 7300 7200 7600 3100 5b00 3100 5d00 0000 0000 0000 0000"
#define BINDINGS_SRV1    "0c000000" SRV1
#define BINDINGS_SRV1_64 "0c00000000000000" SRV1
#define IPID             "01000000 0200 0300 04050607 08090a0b"
#define NO_OBJ           "00000000 00000000000000000000000000000000 00000000"
#define ALIVE2                                                                                     \
    "1500 1300"                                                                                    \
    "0700 3100 3900 3200 2e00 3000 2e00 3200 2e00 3100 3000 0000 0700 7300 7200 7600 3100 0000"    \
    "0000 0000 0000 0000 00000000 00000000"
#define THIS  "0500 0700 00000000 00000000 00000000000000000000000000000000"
#define CLSID "01020304 0506 0708 090a0b0c 0d0e0f10"
#define DENIED                                                                                     \
    "00000000 00000000 0000000000000000 00000000 00000000000000000000000000000000 00000000"        \
    "05000700 05000780"

static const struct row rows[] = {
    {"ResolveOxid", &rpc_oxid, 0, false, 0, "0807060504030201 0100 0000 01000000 0700",
     "00000200" BINDINGS_SRV1 IPID "01000000 00000000"},
    {"ResolveOxid, big-endian", &rpc_oxid, 0, true, 0, "0102030405060708 0001 0000 00000001 0007",
     "00000200" BINDINGS_SRV1 IPID "01000000 00000000"},
    {"ResolveOxid2", &rpc_oxid, 4, false, 0, "0807060504030201 0200 0000 02000000 0f00 0700",
     "00000200" BINDINGS_SRV1 IPID "01000000 05000700 00000000"},
    {"ResolveOxid2, big-endian", &rpc_oxid, 4, true, 0, "0102030405060708 0001 0000 00000001 0007",
     "00000200" BINDINGS_SRV1 IPID "01000000 05000700 00000000"},
    {"ResolveOxid, NDR64", &rpc_oxid, 0, false, 1,
     "0807060504030201 0100 000000000000 0100000000000000 0700",
     "0000020000000000" BINDINGS_SRV1_64 IPID "01000000 00000000"},
    {"ResolveOxid2, NDR64", &rpc_oxid, 4, false, 1,
     "0807060504030201 0100 000000000000 0100000000000000 0700",
     "0000020000000000" BINDINGS_SRV1_64 IPID "01000000 05000700 00000000"},
    {"ResolveOxid, unknown", &rpc_oxid, 0, false, 0, "0907060504030201 0100 0000 01000000 0700",
     NO_OBJ "76070000"},
    {"ResolveOxid, unknown, NDR64", &rpc_oxid, 0, false, 1,
     "0907060504030201 0100 000000000000 0100000000000000 0700", "00000000" NO_OBJ "76070000"},
    {"ResolveOxid, NDR64, a count of 2^32 and more", &rpc_oxid, 0, false, 1,
     "0807060504030201 0100 000000000000 0100000001000000 0700", NULL},
    {"ResolveOxid2, unknown", &rpc_oxid, 4, false, 0, "0000000000000000 0100 0000 01000000 0700",
     NO_OBJ "05000700 76070000"},
    {"ResolveOxid, no protocol in common", &rpc_oxid, 0, false, 0,
     "0807060504030201 0100 0000 01000000 0800", NO_OBJ "a7060000"},
    {"ResolveOxid, no protocol at all", &rpc_oxid, 0, false, 0,
     "0807060504030201 0000 0000 00000000", NO_OBJ "a7060000"},
    {"ResolveOxid, counts that disagree", &rpc_oxid, 0, false, 0,
     "0807060504030201 0100 0000 02000000 0700 0700", NULL},
    {"ResolveOxid, short", &rpc_oxid, 0, false, 0, "0807060504030201 0200 0000 02000000 0700",
     NULL},
    {"SimplePing, unknown", &rpc_oxid, 1, false, 0, "0500000000000000", "78070000"},
    {"SimplePing, short", &rpc_oxid, 1, false, 0, "05000000000000", NULL},
    {"ComplexPing, unknown", &rpc_oxid, 2, false, 0,
     "0500000000000000 0100 0000 0000 aaaa 00000000 00000000",
     "0500000000000000 0000 0000 78070000"},
    {"ComplexPing, unknown, big-endian", &rpc_oxid, 2, true, 0,
     "0000000000000005 0001 0000 0000 aaaa 00000000 00000000",
     "0500000000000000 0000 0000 78070000"},
    {"ComplexPing, unknown, NDR64", &rpc_oxid, 2, false, 1,
     "0500000000000000 0100 0000 0000 aaaa 0000000000000000 0000000000000000",
     "0500000000000000 0000 0000 78070000"},
    {"ComplexPing, NDR64, pointers of 32 bits", &rpc_oxid, 2, false, 1,
     "0500000000000000 0100 0000 0000 aaaa 00000000 00000000", NULL},
    {"ComplexPing, objects at NULL", &rpc_oxid, 2, false, 0,
     "0000000000000000 0100 0100 0000 0000 00000000 00000000", NULL},
    {"ComplexPing, counts that disagree", &rpc_oxid, 2, false, 0,
     "0000000000000000 0100 0100 0000 0000 01000000 02000000 1111111111111111 2222222222222222"
     "00000000",
     NULL},
    {"ComplexPing, short", &rpc_oxid, 2, false, 0,
     "0000000000000000 0100 0200 0000 0000 01000000 02000000 1111111111111111 222222222222", NULL},
    {"ServerAlive", &rpc_oxid, 3, false, 0, "", "00000000"},
    {"ServerAlive2", &rpc_oxid, 5, false, 0, "", "05000700 00000200 15000000" ALIVE2},
    {"ServerAlive2, NDR64", &rpc_oxid, 5, false, 1, "",
     "05000700 00000000 0000020000000000 1500000000000000" ALIVE2},
    {"RemoteActivation", &rpc_activation, 0, false, 0,
     THIS "00000000" CLSID "00000000 00000000 02000000 00000000 01000000",
     DENIED "01000000 00000000 01000000 00000000 00000000"},
    {"RemoteActivation, big-endian", &rpc_activation, 0, true, 0,
     "0005 0007 00000000 00000000 00000000000000000000000000000000 00000000" CLSID
     "00000000 00000000 00000002 00000000 00000001",
     DENIED "01000000 00000000 01000000 00000000 00000000"},
    {"RemoteActivation, NDR64", &rpc_activation, 0, false, 1,
     THIS "00000000 0000000000000000" CLSID
          "0000000000000000 0000000000000000 02000000 00000000 01000000",
     "00000000 00000000 0000000000000000 0000000000000000 0000000000000000"
     "00000000000000000000000000000000 00000000 05000700 05000780 00000000"
     "0100000000000000 0000000000000000 0100000000000000 00000000 00000000"},
    {"RemoteActivation, name and storage", &rpc_activation, 0, false, 0,
     THIS "00000000" CLSID "01000000 02000000 00000000 02000000 61000000"
          "02000000 03000000 03000000 aabbcc00 02000000 00000000 02000000",
     DENIED "02000000 00000000 00000000 02000000 00000000 00000000 00000000"},
    {"RemoteActivation, another COM", &rpc_activation, 0, false, 0,
     "0600 0700 00000000 00000000 00000000000000000000000000000000 00000000" CLSID
     "00000000 00000000 02000000 00000000 01000000",
     "00000000 00000000 0000000000000000 00000000 00000000000000000000000000000000 00000000"
     "05000700 10010180 01000000 00000000 01000000 00000000 00000000"},
    {"RemoteActivation, no interface", &rpc_activation, 0, false, 0,
     THIS "00000000" CLSID "00000000 00000000 02000000 00000000 00000000", NULL},
    {"RemoteActivation, too many interfaces", &rpc_activation, 0, false, 0,
     THIS "00000000" CLSID "00000000 00000000 02000000 00000000 01800000", NULL},
    {"RemoteActivation, a name longer than its room", &rpc_activation, 0, false, 0,
     THIS "00000000" CLSID "01000000 01000000 00000000 ffffffff 61000000", NULL},
    {"RemoteActivation, short", &rpc_activation, 0, false, 0, THIS "00000000" CLSID, NULL},
    {"RemoteGetClassObject", &rpc_system_activator, 3, false, 0, "",
     "00000000 00000000 00000000 05000780"},
    {"RemoteCreateInstance", &rpc_system_activator, 4, false, 0, "",
     "00000000 00000000 00000000 05000780"},
    {"RemoteCreateInstance, NDR64", &rpc_system_activator, 4, false, 1, "",
     "00000000 00000000 0000000000000000 0000000000000000 05000780"},
};

// Serves the stub, without the layers around, and returns what `serve` returned.
static uint32_t serve_row(struct bench *bench, const struct row *row, struct ndr_writer *reply)
{
    struct octets in = {0};
    put_hex(&in, row->in);
    uint8_t *exact = malloc(in.size + (in.size == 0)); // so that a sanitizer sees a read past it
    memcpy(exact, in.bytes, in.size);
    struct rpc_call call = {.association = &bench->server->associations[0],
                            .stub = {exact, in.size, row->big_endian, row->syntax}};
    *reply = rpc_reply_writer(bench->server, row->syntax);
    uint32_t status = row->interface->operations[row->opnum].serve(bench->server, &call, reply);
    free(exact);
    return status;
}

static void each_operation_answers_its_bytes(void **state)
{
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct octets out = {0};
        struct ndr_writer reply;
        print_message("  %s\n", row->name);
        assert_int_equal(serve_row(*state, row, &reply),
                         row->out ? RPC_SERVED : RPC_FAULT_BAD_STUB_DATA);
        if (!row->out)
            continue;
        put_hex(&out, row->out);
        assert_int_equal(ndr_writer_size(&reply), out.size);
        assert_memory_equal(reply.start, out.bytes, out.size);
    }
}

static void objects_are_pinged_in_either_order_and_syntax(void **state)
{
    static const struct row pings[] = {
        {"NDR 2.0", &rpc_oxid, 2, false, 0,
         "0000000000000000 0100 0200 0000 aaaa 01000000 02000000"
         "1111111111111111 2222222222222222 00000000"},
        {"big-endian", &rpc_oxid, 2, true, 0,
         "0000000000000000 0001 0002 0000 aaaa 00000001 00000002"
         "1111111111111111 2222222222222222 00000000"},
        {"NDR64", &rpc_oxid, 2, false, 1,
         "0000000000000000 0100 0200 0000 aaaa 0100000000000000 0200000000000000"
         "1111111111111111 2222222222222222 0000000000000000"},
    };
    struct bench *bench = *state;
    for (unsigned i = 0; i < ROWS(pings); i++) {
        struct ndr_writer reply;
        print_message("  %s\n", pings[i].name);
        assert_int_equal(serve_row(bench, &pings[i], &reply), RPC_SERVED);
        assert_int_equal(ndr_writer_size(&reply), 16);
        assert_int_equal(base_load_le32(reply.start + 12), 0);
        struct ping_sets *sets = bench->options.exporter->sets;
        assert_int_equal(ping_sets_holders(sets, 0x1111111111111111, 0), i + 1);
        assert_int_equal(ping_sets_holders(sets, 0x2222222222222222, 0), i + 1);
    }
}

// ---- over connections

static struct answer ask(struct conn *conn, uint16_t opnum, const char *stub_hex)
{
    struct octets stub = {0};
    put_hex(&stub, stub_hex);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = 2,
                                         .opnum = opnum,
                                         .stub = stub.bytes,
                                         .stub_size = stub.size});
    return assert_response(conn, 2);
}

static uint32_t ping(struct conn *conn, uint64_t set)
{
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = 3,
                                         .opnum = NDR_OXID_SIMPLE_PING,
                                         .stub = &set,
                                         .stub_size = sizeof set});
    return base_load_le32(assert_response(conn, 3).stub);
}

static void a_set_made_over_one_connection_is_pinged_over_another(void **state)
{
    struct bench *bench = *state;
    struct conn *maker = conn_open_interface(bench, &rpc_oxid.id, RPC_WHOLE);
    struct conn *pinger = conn_open_interface(bench, &rpc_oxid.id, RPC_WHOLE);
    struct answer a = ask(maker, NDR_OXID_COMPLEX_PING,
                          "0000000000000000 0100 0200 0000 aaaa 01000000 02000000"
                          "1111111111111111 2222222222222222 00000000");
    assert_int_equal(a.stub_size, 16);
    assert_int_equal(base_load_le32(a.stub + 12), 0);
    assert_int_equal(ping(pinger, base_load_le64(a.stub)), 0);
    assert_int_equal(ping_sets_holders(bench->options.exporter->sets, 0x1111111111111111, 0), 1);
}

static void a_set_that_nobody_pings_expires_with_the_turns_of_the_worker(void **state)
{
    enum { SECOND = 1000000 };
    struct bench *bench = *state;
    struct conn *conn = conn_open_interface(bench, &rpc_oxid.id, RPC_WHOLE);
    struct answer a =
        ask(conn, NDR_OXID_COMPLEX_PING, "0000000000000000 0100 0000 0000 0000 00000000 00000000");
    uint64_t set = base_load_le64(a.stub);
    bench_time(bench, (uint64_t)PING_EXPIRY_S * SECOND);
    assert_int_equal(ping(conn, set), 0);
    bench_time(bench, (2 * (uint64_t)PING_EXPIRY_S + 1) * SECOND);
    assert_int_equal(ping(conn, set), NDR_OXID_STATUS_INVALID_SET);
}

static void an_activation_with_extensions_is_denied_by_a_fault(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_interface(bench, &rpc_activation.id, RPC_WHOLE);
    struct octets stub = {0};
    put_hex(&stub, THIS "01000000");
    conn_request(conn,
                 &(struct request){
                     .flags = RPC_WHOLE, .call_id = 2, .stub = stub.bytes, .stub_size = stub.size});
    assert_fault(conn, RPC_FAULT_ACCESS_DENIED, 0x03, 2, 0);
    assert_int_equal(bench_counter(bench, RPC_DROP_DENIED), 1);
}

static void local_operations_of_the_activator_are_out_of_range(void **state)
{
    struct conn *conn = conn_open_interface(*state, &rpc_system_activator.id, RPC_WHOLE);
    static const uint16_t opnums[] = {0, 1, 2, 5};
    for (unsigned i = 0; i < ROWS(opnums); i++) {
        conn_request(conn, &(struct request){.flags = RPC_WHOLE, .call_id = 2, .opnum = opnums[i]});
        assert_fault(conn, RPC_FAULT_OP_RANGE, 0x23, 2, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_operation_answers_its_bytes),
        TEST(objects_are_pinged_in_either_order_and_syntax),
        TEST(a_set_made_over_one_connection_is_pinged_over_another),
        TEST(a_set_that_nobody_pings_expires_with_the_turns_of_the_worker),
        TEST(an_activation_with_extensions_is_denied_by_a_fault),
        TEST(local_operations_of_the_activator_are_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
