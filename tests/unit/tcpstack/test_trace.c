// The trace ring: what it tells of a connection, and reading it while it is written.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tcpstack/stack.h"
#include "tests/unit/tcpstack/harness.h"

// The records since `from` must be exactly these events.
static void expect_events(const struct harness *h, uint64_t from, const uint8_t *events,
                          unsigned count)
{
    const struct tcpstack_trace *trace = tcpstack_trace(h->stack);
    assert_int_equal(tcpstack_trace_head(trace) - from, count);
    for (unsigned i = 0; i < count; i++) {
        struct tcpstack_trace_record record;
        assert_true(tcpstack_trace_read(trace, from + i, &record));
        assert_string_equal(tcpstack_trace_event_name(record.event),
                            tcpstack_trace_event_name(events[i]));
    }
}

static void a_connection_tells_its_life(void **state)
{
    static const uint8_t events[] = {TCPSTACK_TRACE_OPENED,       TCPSTACK_TRACE_OUT_OF_ORDER,
                                     TCPSTACK_TRACE_TIME_OUT,     TCPSTACK_TRACE_RETRANSMIT,
                                     TCPSTACK_TRACE_FIN_RECEIVED, TCPSTACK_TRACE_RESET_SENT,
                                     TCPSTACK_TRACE_ENDED};
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment ignored;
    harness_send_at(h, &peer, ACK, peer.seq + 10, "late", 4);
    assert_true(tcp_write(conn, "reply", 5));
    harness_advance(h, 1300000);
    harness_send(h, &peer, ACK | FIN, "0123456789late", 14);
    tcp_abort(conn);
    while (harness_receive(h, &ignored)) {
    }
    expect_events(h, 0, events, RTE_DIM(events));
}

static void a_record_names_the_connection_and_its_numbers(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    harness_open(h, &peer);
    h->now += 500;
    harness_send_at(h, &peer, ACK, peer.seq + 10, "late", 4);
    struct tcpstack_trace_record record;
    assert_true(tcpstack_trace_read(tcpstack_trace(h->stack), 1, &record));
    assert_int_equal(record.time, h->now);
    assert_memory_equal(record.remote, peer.address, sizeof record.remote);
    assert_int_equal(record.remote_port, 40000);
    assert_int_equal(record.local_port, HARNESS_TCP_PORT);
    assert_int_equal(record.event, TCPSTACK_TRACE_OUT_OF_ORDER);
    assert_string_equal(tcpstack_trace_state_name(record.state), "ESTABLISHED");
    assert_int_equal(record.sequence, peer.seq + 10);
    assert_int_equal(record.acknowledgment, peer.seq);
    assert_int_equal(record.size, 4);
}

static void requests_and_floods_leave_no_records(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    struct tcp_conn *conn = harness_open(h, &peer);
    struct harness_segment ignored;
    uint64_t before = tcpstack_trace_head(tcpstack_trace(h->stack));
    for (unsigned i = 0; i < 100; i++) {
        struct harness_peer stranger = harness_peer((uint16_t)(50000 + i));
        harness_send(h, &peer, ACK | PSH, "request", 7);
        tcp_consume(conn, 7);
        assert_true(tcp_write(conn, "reply", 5));
        harness_flush(h);
        peer.ack += 5;
        harness_send_syn(h, &stranger);
        while (harness_receive(h, &ignored)) {
        }
    }
    assert_int_equal(tcpstack_trace_head(tcpstack_trace(h->stack)), before);
}

static void what_was_overwritten_or_not_written_is_not_read(void **state)
{
    (void)state;
    struct tcpstack *stack = calloc(1, sizeof *stack);
    struct tcp_conn conn = {.stack = stack};
    struct tcpstack_trace_record record;
    const struct tcpstack_trace *trace = tcpstack_trace(stack);
    assert_false(tcpstack_trace_read(trace, 0, &record));
    for (uint32_t i = 0; i < TCPSTACK_TRACE_SIZE + 5; i++)
        tcpstack_trace_event(&conn, TCPSTACK_TRACE_PROBE, i, 0);
    // The slot of the oldest may be written at any moment, so it counts as overwritten.
    for (uint64_t i = 0; i < 6; i++)
        assert_false(tcpstack_trace_read(trace, i, &record));
    for (uint32_t i = 6; i < TCPSTACK_TRACE_SIZE + 5; i++) {
        assert_true(tcpstack_trace_read(trace, i, &record));
        assert_int_equal(record.sequence, i);
    }
    assert_false(tcpstack_trace_read(trace, TCPSTACK_TRACE_SIZE + 5, &record));
    free(stack);
}

static void *write_records(void *context)
{
    struct tcp_conn *conn = context;
    for (uint32_t i = 0; i < 3000000; i++) {
        conn->stack->now = conn->rcv_nxt = i;
        tcpstack_trace_event(conn, TCPSTACK_TRACE_PROBE, i, i);
    }
    return NULL;
}

static void a_reader_beside_the_writer_never_sees_a_torn_record(void **state)
{
    (void)state;
    struct tcpstack *stack = calloc(1, sizeof *stack);
    struct tcp_conn conn = {.stack = stack};
    const struct tcpstack_trace *trace = tcpstack_trace(stack);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_records, &conn), 0);
    uint64_t good = 0;
    while (tcpstack_trace_head(trace) < 3000000) {
        uint64_t head = tcpstack_trace_head(trace);
        uint64_t number = head > TCPSTACK_TRACE_SIZE ? head - TCPSTACK_TRACE_SIZE : 0;
        for (unsigned i = 0; i < 64; i++, number++) { // where the writer comes next
            struct tcpstack_trace_record record;
            if (!tcpstack_trace_read(trace, number, &record))
                continue;
            good++;
            assert_int_equal(record.time, number);
            assert_int_equal(record.sequence, number);
            assert_int_equal(record.acknowledgment, number);
            assert_int_equal(record.size, number);
        }
    }
    pthread_join(writer, NULL);
    assert_int_not_equal(good, 0);
    free(stack);
}

int main(void)
{
#define TEST(name) HARNESS_BOTH(name)
    const struct CMUnitTest tests[] = {
        TEST(a_connection_tells_its_life),
        TEST(a_record_names_the_connection_and_its_numbers),
        TEST(requests_and_floods_leave_no_records),
        cmocka_unit_test(what_was_overwritten_or_not_written_is_not_read),
        cmocka_unit_test(a_reader_beside_the_writer_never_sees_a_torn_record),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
