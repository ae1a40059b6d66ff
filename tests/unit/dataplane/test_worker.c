// The whole way of a request, from frames to frames, with real workers fed from memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include "base/bytes.h"
#include "mapper/change.h"
#include "mapper/map.h"
#include "perf/memory_worker.h"
#include "rpc/client.h"
#include "rpc/pdu.h"

enum { CLIENTS = 64, ENTRIES = 50, ACK = RTE_TCP_ACK_FLAG, PUSH = RTE_TCP_PSH_FLAG };

struct fixture {
    struct memory_workers *memory;
    struct wire_client clients[CLIENTS];
};

static const struct rpc_prefix everybody = {.length = 0};

static struct fixture *start(unsigned workers, unsigned connections, bool allow)
{
    static struct fixture fixture;
    const struct memory_options options = {
        .workers = workers,
        .connections = connections,
        .entries = ENTRIES,
        .mbufs = 4095,
        .allow = allow ? &everybody : NULL,
        .allow_count = allow,
    };
    memset(&fixture, 0, sizeof fixture);
    fixture.memory = memory_workers_create(&options);
    assert_non_null(fixture.memory);
    return &fixture;
}

static uint64_t stack_counter(const struct fixture *f, enum tcpstack_counter counter)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < f->memory->options.workers; i++)
        sum += tcpstack_counters(f->memory->workers[i].stack)[counter];
    return sum;
}

static uint64_t rpc_counter(const struct fixture *f, enum rpc_counter counter)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < f->memory->options.workers; i++)
        sum += rpc_counters(f->memory->workers[i].rpc)[counter];
    return sum;
}

// Every frame became something: accepted, or dropped for a reason that has a name.
static void check_conservation(const struct fixture *f)
{
    uint64_t ended = stack_counter(f, TCPSTACK_RX_ACCEPTED);
    for (unsigned i = 0; i < TCPSTACK_COUNTER_COUNT; i++) {
        if (strncmp(tcpstack_counter_rows[i].name, "rx_drop", 7) == 0)
            ended += stack_counter(f, (enum tcpstack_counter)i);
    }
    assert_int_equal(stack_counter(f, TCPSTACK_RX_FRAMES), ended);
}

static void stop(struct fixture *f)
{
    check_conservation(f);
    assert_true(memory_workers_destroy(f->memory));
}

static void send(struct fixture *f, unsigned row, uint8_t flags, const void *payload, uint16_t size)
{
    memory_send(f->memory, f->clients, CLIENTS, row, flags, payload, size);
}

static void connect_client(struct fixture *f, unsigned row)
{
    assert_true(memory_connect(f->memory, f->clients, CLIENTS, row));
}

static uint16_t request(uint32_t interface, uint32_t call_id, uint8_t *pdu)
{
    return memory_map_request(interface, call_id, pdu, 256);
}

static void assert_replies(const struct fixture *f, unsigned row, uint32_t replies)
{
    assert_int_equal(f->clients[row].replies, replies);
    assert_int_equal(f->clients[row].wrong, 0);
}

static void a_request_is_answered_in_one_turn(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdu[256];
    connect_client(f, 0);
    send(f, 0, ACK | PUSH, pdu, request(3, 2, pdu));
    assert_replies(f, 0, 1);
    stop(f);
}

static void a_request_cut_at_any_byte_is_answered_the_same(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdu[256];
    uint16_t size = request(3, 2, pdu);
    connect_client(f, 0);
    for (uint16_t at = 1; at < size; at++) {
        send(f, 0, ACK | PUSH, pdu, at);
        assert_replies(f, 0, at - 1u);
        send(f, 0, ACK | PUSH, pdu + at, (uint16_t)(size - at));
        assert_replies(f, 0, at);
    }
    stop(f);
}

static void many_requests_in_one_frame_are_answered_in_order(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdus[8 * 256];
    uint16_t size = 0;
    for (uint32_t i = 0; i < 8; i++)
        size = (uint16_t)(size + request(i, i + 2, pdus + size));
    connect_client(f, 0);
    send(f, 0, ACK | PUSH, pdus, size);
    assert_replies(f, 0, 8);
    assert_int_equal(rpc_counter(f, RPC_EPM_MAP_FOUND), 8);
    stop(f);
}

static void requests_of_many_connections_make_one_batch(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    struct rte_mbuf *frames[32];
    uint8_t pdu[256];
    for (unsigned i = 0; i < 32; i++)
        connect_client(f, i);
    uint64_t before = f->memory->workers[0].counters[WORKER_BATCHES];
    for (unsigned i = 0; i < 32; i++)
        frames[i] = wire_client_frame(&f->clients[i], &f->memory->wire, f->memory->client_pool,
                                      ACK | PUSH, pdu, request(i, 2, pdu));
    memory_turn(f->memory, frames, 32, f->clients, CLIENTS);
    for (unsigned i = 0; i < 32; i++)
        assert_replies(f, i, 1);
    assert_int_equal(f->memory->workers[0].counters[WORKER_BATCHES], before + 1);
    stop(f);
}

static void a_finished_client_is_answered_and_closed(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdu[256];
    connect_client(f, 0);
    send(f, 0, ACK | PUSH | RTE_TCP_FIN_FLAG, pdu, request(3, 2, pdu));
    send(f, 0, ACK, NULL, 0); // of the server's FIN
    send(f, 0, ACK, NULL, 0);
    assert_replies(f, 0, 1);
    assert_int_equal(rpc_counter(f, RPC_ASSOCIATIONS), 0);
    assert_int_equal(tcpstack_connections(f->memory->workers[0].stack), 0);
    stop(f);
}

static void half_a_pdu_and_a_fin_close_with_a_counter(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdu[256];
    request(3, 2, pdu);
    connect_client(f, 0);
    send(f, 0, ACK | PUSH | RTE_TCP_FIN_FLAG, pdu, 100);
    send(f, 0, ACK, NULL, 0);
    send(f, 0, ACK, NULL, 0);
    assert_int_equal(rpc_counter(f, RPC_DROP_PARTIAL), 1);
    assert_int_equal(rpc_counter(f, RPC_ASSOCIATIONS), 0);
    stop(f);
}

static void a_reset_frees_the_association(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    connect_client(f, 0);
    send(f, 0, RTE_TCP_RST_FLAG, NULL, 0);
    assert_int_equal(rpc_counter(f, RPC_ASSOCIATIONS), 0);
    stop(f);
}

static void a_protocol_error_behind_requests_comes_after_their_answers(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdus[512];
    connect_client(f, 0);
    uint16_t size = request(3, 2, pdus);
    size = (uint16_t)(size + request(4, 3, pdus + size));
    rpc_write_fault(pdus + size, RPC_WHOLE, 9, 0, 5); // clients may not send faults
    send(f, 0, ACK | PUSH, pdus, (uint16_t)(size + RPC_FAULT_SIZE));
    assert_int_equal(f->clients[0].replies, 3); // two responses and the fault
    assert_int_equal(f->clients[0].wrong, 1);
    assert_int_equal(rpc_counter(f, RPC_DROP_WRONG_PTYPE), 1);
    stop(f);
}

static void input_after_the_last_answer_is_discarded(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdu[256];
    connect_client(f, 0);
    send(f, 0, ACK | PUSH, "GET / HTTP/1.0\r\n\r\n", 18);
    uint32_t received = f->clients[0].received;
    for (unsigned i = 0; i < 5; i++)
        send(f, 0, ACK | PUSH, pdu, request(3, 2, pdu));
    assert_int_equal(f->clients[0].received, received);
    assert_int_equal(f->clients[0].replies, 1); // one fault
    stop(f);
}

static void connections_over_the_limit_leave_the_others_alone(void **state)
{
    (void)state;
    struct fixture *f = start(1, 8, false);
    uint8_t pdu[256];
    unsigned open = 0;
    for (unsigned i = 0; i < 12; i++)
        open += memory_connect(f->memory, f->clients, CLIENTS, i);
    assert_int_equal(open, 8);
    for (unsigned i = 0; i < 8; i++) {
        send(f, i, ACK | PUSH, pdu, request(i, 2, pdu));
        assert_replies(f, i, 1);
    }
    stop(f);
}

static void a_flow_is_served_by_the_worker_the_flow_function_names(void **state)
{
    (void)state;
    struct fixture *f = start(2, CLIENTS, false);
    unsigned owned[2] = {0};
    uint8_t pdu[256];
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct tcp_endpoints ends = {
            .local = TCPSTACK_IPV4(f->memory->wire.server_ipv4),
            .remote = TCPSTACK_IPV4(f->memory->wire.client_ipv4),
            .local_port = f->memory->wire.server_port,
            .remote_port = (uint16_t)(MEMORY_FIRST_PORT + i),
        };
        uint32_t hash = tcpstack_flow_hash_of(&ends);
        owned[tcpstack_flow_core(hash, 2)]++;
        connect_client(f, i);
        send(f, i, ACK | PUSH, pdu, request(i % ENTRIES, 2, pdu));
        assert_replies(f, i, 1);
    }
    for (unsigned w = 0; w < 2; w++) {
        assert_true(owned[w] > 0);
        assert_int_equal(tcpstack_connections(f->memory->workers[w].stack), owned[w]);
    }
    stop(f);
}

static struct rte_mbuf *arp_request(struct fixture *f)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(f->memory->client_pool);
    assert_non_null(frame);
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    frame->data_len = sizeof *eth + sizeof(struct rte_arp_hdr);
    frame->pkt_len = frame->data_len;
    frame->port = f->memory->wire.port_id;
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(eth + 1);
    memset(eth->dst_addr.addr_bytes, 0xff, 6);
    memcpy(eth->src_addr.addr_bytes, f->memory->wire.client_mac, 6);
    eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
    *arp = (struct rte_arp_hdr){
        .arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
        .arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
        .arp_hlen = 6,
        .arp_plen = 4,
        .arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST),
        .arp_data.arp_sha = eth->src_addr,
        .arp_data.arp_sip = rte_cpu_to_be_32(f->memory->wire.client_ipv4),
        .arp_data.arp_tip = rte_cpu_to_be_32(f->memory->wire.server_ipv4),
    };
    return frame;
}

static void arp_is_heard_by_every_worker_and_answered_by_one(void **state)
{
    (void)state;
    struct fixture *f = start(2, CLIENTS, false);
    assert_int_equal(rte_ring_sp_enqueue(f->memory->to_server, arp_request(f)), 0);
    for (unsigned turn = 0; turn < 2; turn++) {
        worker_turn(&f->memory->workers[0]);
        worker_turn(&f->memory->workers[1]);
    }
    assert_int_equal(stack_counter(f, TCPSTACK_RX_ACCEPTED), 2);
    assert_int_equal(stack_counter(f, TCPSTACK_ARP_REPLIES), 1);
    struct rte_mbuf *reply = NULL;
    assert_int_equal(rte_ring_sc_dequeue(f->memory->from_server, (void **)&reply), 0);
    rte_pktmbuf_free(reply);
    assert_int_not_equal(rte_ring_sc_dequeue(f->memory->from_server, (void **)&reply), 0);
    stop(f);
}

static void frames_for_a_stuck_worker_are_dropped_and_counted(void **state)
{
    (void)state;
    enum { BURST = 32, FRAMES = 180 * BURST };
    struct fixture *f = start(2, CLIENTS, false);
    struct worker *first = &f->memory->workers[0];
    uint8_t pdu[256];
    uint16_t size = request(1, 2, pdu);
    uint64_t sent = 0;
    // Only worker 0 turns, so the ring to worker 1 fills up.
    for (unsigned i = 0; i < FRAMES; i++) {
        struct wire_client client = {.port = (uint16_t)(MEMORY_FIRST_PORT + i)};
        struct rte_mbuf *frame =
            wire_client_frame(&client, &f->memory->wire, f->memory->client_pool, ACK, pdu, size);
        assert_non_null(frame);
        assert_int_equal(rte_ring_sp_enqueue(f->memory->to_server, frame), 0);
        sent++;
        if (sent % BURST == 0)
            worker_turn(first);
        struct rte_mbuf *out;
        while (rte_ring_sc_dequeue(f->memory->from_server, (void **)&out) == 0)
            rte_pktmbuf_free(out);
    }
    uint64_t passed = first->counters[WORKER_SPREAD_OUT];
    uint64_t dropped = first->counters[WORKER_DROP_SPREAD];
    assert_true(passed > 0 && dropped > 0);
    assert_int_equal(passed + dropped + stack_counter(f, TCPSTACK_RX_FRAMES),
                     first->counters[WORKER_RX_FRAMES]);
    stop(f);
}

// Stands in for the control thread: carries out what the worker submitted.
static unsigned run_control(struct fixture *f)
{
    struct mapper_change *changes[4];
    struct control_channel *channel = f->memory->workers[0].channel;
    unsigned count = control_channel_take(channel, changes, 4);
    for (unsigned i = 0; i < count; i++) {
        changes[i]->status =
            mapper_map_insert(f->memory->map->map, changes[i]->entries, changes[i]->count,
                              changes[i]->replace != 0, MAPPER_ORIGIN_NETWORK);
        control_channel_done(channel, changes[i]);
    }
    return count;
}

static uint16_t insert_request(uint32_t interface, uint8_t *pdu, uint16_t size)
{
    uint8_t tower[128], stub[512];
    struct ndr_binding binding;
    struct ndr_syntax_id id = memory_interface(interface);
    assert_null(ndr_binding_parse("ncacn_ip_tcp:10.135.0.2[50000]", &binding));
    const struct ndr_epm_entry entry = {.tower = tower,
                                        .tower_size = (uint32_t)ndr_tower_build(
                                            &id, &ndr_syntax_id_20, &binding, tower, sizeof tower)};
    uint32_t replace = 0;
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_entries(&w, &entry, 1, &replace);
    struct rpc_client rpc = rpc_client_init();
    return (uint16_t)rpc_client_build_request(&rpc, NDR_EPM_INSERT, stub, ndr_writer_size(&w), pdu,
                                              size);
}

static void a_registration_is_answered_when_the_replica_has_it(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, true);
    uint8_t pdu[600];
    connect_client(f, 0);
    send(f, 0, ACK | PUSH, pdu, insert_request(777, pdu, sizeof pdu));
    assert_replies(f, 0, 0); // nothing before the control thread has carried it out
    assert_int_equal(run_control(f), 1);
    send(f, 0, ACK, NULL, 0);
    assert_replies(f, 0, 1);
    assert_int_equal(mapper_replica_count(f->memory->workers[0].replica), ENTRIES + 1);
    send(f, 0, ACK | PUSH, pdu, request(777, 3, pdu));
    assert_replies(f, 0, 2);
    assert_int_equal(rpc_counter(f, RPC_EPM_MAP_FOUND), 1);
    stop(f);
}

static void a_registration_of_a_gone_connection_is_dropped_and_counted(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, true);
    uint8_t pdu[600];
    connect_client(f, 0);
    send(f, 0, ACK | PUSH, pdu, insert_request(777, pdu, sizeof pdu));
    send(f, 0, RTE_TCP_RST_FLAG, NULL, 0);
    assert_int_equal(run_control(f), 1);
    memory_turn(f->memory, NULL, 0, f->clients, CLIENTS);
    assert_int_equal(rpc_counter(f, RPC_DROP_ORPHAN_REPLY), 1);
    stop(f);
}

static void registrations_are_refused_from_sources_not_allowed(void **state)
{
    (void)state;
    struct fixture *f = start(1, CLIENTS, false);
    uint8_t pdu[600];
    connect_client(f, 0);
    send(f, 0, ACK | PUSH, pdu, insert_request(777, pdu, sizeof pdu));
    assert_int_equal(run_control(f), 0);
    assert_int_equal(f->clients[0].wrong, 1); // a fault
    assert_int_equal(rpc_counter(f, RPC_DROP_DENIED), 1);
    stop(f);
}

static int start_eal(void **state)
{
    (void)state;
    return memory_eal_init("test_dataplane_worker") ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_in_one_turn),
        cmocka_unit_test(a_request_cut_at_any_byte_is_answered_the_same),
        cmocka_unit_test(many_requests_in_one_frame_are_answered_in_order),
        cmocka_unit_test(requests_of_many_connections_make_one_batch),
        cmocka_unit_test(a_finished_client_is_answered_and_closed),
        cmocka_unit_test(half_a_pdu_and_a_fin_close_with_a_counter),
        cmocka_unit_test(a_reset_frees_the_association),
        cmocka_unit_test(a_protocol_error_behind_requests_comes_after_their_answers),
        cmocka_unit_test(input_after_the_last_answer_is_discarded),
        cmocka_unit_test(connections_over_the_limit_leave_the_others_alone),
        cmocka_unit_test(a_flow_is_served_by_the_worker_the_flow_function_names),
        cmocka_unit_test(arp_is_heard_by_every_worker_and_answered_by_one),
        cmocka_unit_test(frames_for_a_stuck_worker_are_dropped_and_counted),
        cmocka_unit_test(a_registration_is_answered_when_the_replica_has_it),
        cmocka_unit_test(a_registration_of_a_gone_connection_is_dropped_and_counted),
        cmocka_unit_test(registrations_are_refused_from_sources_not_allowed),
    };
    return cmocka_run_group_tests(tests, start_eal, NULL);
}
