// Captures that the tests make themselves, and the calls that come out of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "load/recording.h"
#include "ndr/epm.h"
#include "rpc/client.h"
#include "rpc/pdu.h"
#include "tests/unit/capture.h"

enum { PORT = 135, FRAME_MAX = 4096 };

// A capture file that is being written: raw IPv4, one client at a time.
struct file {
    char path[32];
    pcap_t *pcap;
    pcap_dumper_t *dumper;
    uint16_t client;     // port
    uint32_t said[2];    // octets, by the client and by the server
    uint32_t snaplength; // 0: everything
};

static struct file create_linked(int link)
{
    struct file f = {.path = "/tmp/recording-XXXXXX", .client = 40000};
    int fd = mkstemp(f.path);
    assert_true(fd >= 0);
    close(fd);
    f.pcap = pcap_open_dead(link, 65535);
    f.dumper = pcap_dump_open(f.pcap, f.path);
    assert_non_null(f.dumper);
    return f;
}

static struct file create(void)
{
    return create_linked(DLT_RAW);
}

static void finish(struct file *f)
{
    pcap_dump_close(f->dumper);
    pcap_close(f->pcap);
    f->dumper = NULL;
}

// A segment of `size` octets at `offset` of what that side says.
static void put_at(struct file *f, bool server, uint32_t offset, const void *bytes, uint32_t size)
{
    static const uint8_t addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    uint8_t frame[FRAME_MAX] = {0x45};
    assert_true(size <= FRAME_MAX - 40);
    base_store_be16(frame + 2, (uint16_t)(40 + size));
    frame[9] = 6;
    memcpy(frame + (server ? 16 : 12), addresses, 4);
    memcpy(frame + (server ? 12 : 16), addresses + 4, 4);
    base_store_be16(frame + 20, server ? PORT : f->client);
    base_store_be16(frame + 22, server ? f->client : PORT);
    base_store_be32(frame + 24, UINT32_MAX - 100 + offset); // wraps around
    frame[32] = 5 << 4;
    frame[33] = 0x10;
    memcpy(frame + 40, bytes, size);
    struct pcap_pkthdr header = {.caplen = 40 + size, .len = 40 + size};
    if (f->snaplength && header.caplen > f->snaplength)
        header.caplen = f->snaplength;
    pcap_dump((u_char *)f->dumper, &header, frame);
}

static void say(struct file *f, bool server, const void *bytes, uint32_t size)
{
    put_at(f, server, f->said[server], bytes, size);
    f->said[server] += size;
}

static void next_client(struct file *f)
{
    f->client++;
    f->said[0] = f->said[1] = 0;
}

// ---- PDUs

static void say_bind(struct file *f, const struct ndr_syntax_id *interface, uint16_t id)
{
    const struct load_context context = {*interface, ndr_syntax_id_20};
    uint8_t pdu[LOAD_BIND_SIZE];
    load_bind_write(&context, 0, 1, pdu);
    base_store_le16(pdu + 28, id);
    say(f, false, pdu, sizeof pdu);
}

static void say_request(struct file *f, uint32_t call_id, uint16_t context, uint16_t operation,
                        const void *stub, uint16_t size)
{
    uint8_t pdu[512] = {0};
    rpc_write_header(pdu, RPC_REQUEST, RPC_WHOLE, (uint16_t)(24 + size), call_id);
    base_store_le16(pdu + 20, context);
    base_store_le16(pdu + 22, operation);
    memcpy(pdu + 24, stub, size);
    say(f, false, pdu, 24u + size);
}

static void say_response(struct file *f, uint32_t call_id)
{
    uint8_t pdu[RPC_RESPONSE_HEADER_SIZE];
    rpc_write_response_header(pdu, RPC_WHOLE, sizeof pdu, call_id, 0, 0);
    say(f, true, pdu, sizeof pdu);
}

static void say_fault(struct file *f, uint32_t call_id, uint32_t status)
{
    uint8_t pdu[RPC_FAULT_SIZE];
    rpc_write_fault(pdu, RPC_WHOLE, call_id, 0, status);
    say(f, true, pdu, sizeof pdu);
}

static struct load_calls *load(struct file *f, char *said, size_t size,
                               struct load_recording_counts *counts)
{
    if (f->dumper)
        finish(f);
    struct capture capture = capture_begin(stderr);
    struct load_capture *read = load_capture_read(f->path, PORT);
    struct load_calls *calls = read ? load_recording_calls(read, f->path, counts) : NULL;
    load_capture_free(read);
    capture_end(&capture, said, size);
    unlink(f->path);
    return calls;
}

static struct load_calls *load_well(struct file *f, struct load_recording_counts *counts)
{
    char said[512];
    struct load_calls *calls = load(f, said, sizeof said, counts);
    assert_string_equal(said, "");
    assert_non_null(calls);
    return calls;
}

// ---- captures

static struct load_capture *read_well(struct file *f)
{
    finish(f);
    struct load_capture *capture = load_capture_read(f->path, PORT);
    unlink(f->path);
    assert_non_null(capture);
    assert_int_equal(capture->count, 1);
    return capture;
}

static void segments_are_put_in_order_and_taken_once(void **state)
{
    (void)state;
    struct file f = create();
    put_at(&f, false, 0, "abc", 3);
    put_at(&f, false, 200, "xyz", 3);
    put_at(&f, false, 100, "", 0);
    put_at(&f, false, 3, "defgh", 5);
    put_at(&f, false, 6, "ghi", 3);
    put_at(&f, true, 0, "answer", 6);
    struct load_capture *capture = read_well(&f);
    const struct load_capture_connection *c = &capture->connections[0];
    assert_string_equal(c->client, "10.0.0.1:40000");
    assert_int_equal(c->to_server.size, 9);
    assert_memory_equal(c->to_server.bytes, "abcdefghi", 9);
    assert_true(c->to_server.broken); // nothing joins "xyz"
    assert_memory_equal(c->to_client.bytes, "answer", 6);
    assert_false(c->to_client.broken);
    load_capture_free(capture);
}

static void a_segment_that_was_cut_off_breaks_its_stream(void **state)
{
    (void)state;
    struct file f = create();
    f.snaplength = 42;
    put_at(&f, false, 0, "abc", 3);
    put_at(&f, false, 3, "d", 1);
    struct load_capture *capture = read_well(&f);
    assert_int_equal(capture->connections[0].to_server.size, 2);
    assert_true(capture->connections[0].to_server.broken);
    load_capture_free(capture);
}

static void ethernet_with_a_tag_is_read(void **state)
{
    (void)state;
    struct file f = create_linked(DLT_EN10MB);
    uint8_t frame[18 + 20 + 20 + 2] = {[12] = 0x81, [16] = 0x08, [18] = 0x45};
    base_store_be16(frame + 20, 42);
    frame[27] = 6;
    base_store_be16(frame + 38, f.client);
    base_store_be16(frame + 40, PORT);
    frame[50] = 5 << 4;
    memcpy(frame + 58, "hi", 2);
    const struct pcap_pkthdr header = {.caplen = sizeof frame, .len = sizeof frame};
    pcap_dump((u_char *)f.dumper, &header, frame);
    struct load_capture *capture = read_well(&f);
    assert_int_equal(capture->connections[0].to_server.size, 2);
    load_capture_free(capture);
}

static void every_cut_of_a_frame_is_passed_over(void **state)
{
    (void)state;
    struct file f = create();
    for (f.snaplength = 1; f.snaplength < 40; f.snaplength++)
        put_at(&f, false, 0, "abc", 3);
    f.snaplength = 0;
    put_at(&f, false, 0, "abc", 3);
    struct load_capture *capture = read_well(&f);
    assert_memory_equal(capture->connections[0].to_server.bytes, "abc", 3);
    load_capture_free(capture);
}

static void what_is_no_whole_capture_is_refused_and_said(void **state)
{
    (void)state;
    struct load_recording_counts counts;
    char said[512];
    struct file f = create();
    finish(&f);
    assert_null(load(&f, said, sizeof said, &counts));
    assert_non_null(strstr(said, "found no TCP segment to or from port 135"));
    f = create_linked(DLT_IEEE802_11);
    assert_null(load(&f, said, sizeof said, &counts));
    assert_non_null(strstr(said, "found frames of link type IEEE802_11"));
    f = create();
    put_at(&f, false, 0, "abc", 3);
    finish(&f);
    assert_int_equal(truncate(f.path, 70), 0);
    assert_null(load(&f, said, sizeof said, &counts));
    assert_non_null(strstr(said, "expected a whole capture"));
    f = create();
    finish(&f);
    assert_int_equal(truncate(f.path, 10), 0);
    assert_null(load(&f, said, sizeof said, &counts));
    assert_non_null(strstr(said, "expected a capture that tcpdump or Wireshark wrote"));
}

// ---- recordings

static void calls_expect_what_was_recorded(void **state)
{
    (void)state;
    struct load_recording_counts counts;
    struct file f = create();
    say_bind(&f, &load_epmapper, 0);
    for (uint32_t id = 1; id <= 3; id++)
        say_request(&f, id, 0, 99, "stub", 4);
    say_fault(&f, 2, RPC_FAULT_OP_RANGE);
    say_response(&f, 1);
    struct load_calls *calls = load_well(&f, &counts);
    assert_int_equal(calls->count, 3);
    assert_int_equal(calls->calls[0].expectation, LOAD_EXPECT_RESPONSE);
    assert_int_equal(calls->calls[1].expectation, LOAD_EXPECT_FAULT);
    assert_int_equal(calls->calls[1].fault, RPC_FAULT_OP_RANGE);
    assert_int_equal(calls->calls[2].expectation, LOAD_EXPECT_ANY);
    assert_memory_equal(calls->calls[2].pdus + 24, "stub", 4);
    load_calls_destroy(calls);
}

static void calls_are_taken_in_their_order_again_and_again(void **state)
{
    (void)state;
    struct load_recording_counts counts;
    struct load_random random = load_random_from(1);
    struct file f = create();
    say_bind(&f, &load_epmapper, 0);
    for (uint32_t id = 1; id <= 3; id++)
        say_request(&f, id, 0, 99, "stub", 4);
    struct load_calls *calls = load_well(&f, &counts);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(load_calls_pick(calls, &random), i % 3);
    load_calls_destroy(calls);
}

static void an_interface_has_one_context_whatever_it_was_called(void **state)
{
    (void)state;
    static const struct ndr_syntax_id other = {.major = 4};
    struct load_recording_counts counts;
    struct file f = create();
    say_bind(&f, &load_epmapper, 5);
    say_request(&f, 1, 5, 3, "", 0);
    next_client(&f);
    say_bind(&f, &other, 5);
    say_bind(&f, &load_epmapper, 6);
    say_request(&f, 1, 6, 3, "", 0);
    say_request(&f, 2, 5, 3, "", 0);
    struct load_calls *calls = load_well(&f, &counts);
    assert_int_equal(calls->context_count, 2);
    assert_int_equal(calls->calls[0].pdus[20], 0);
    assert_int_equal(calls->calls[1].pdus[20], 0);
    assert_int_equal(calls->calls[2].pdus[20], 1);
    assert_int_equal(counts.connections, 2);
    load_calls_destroy(calls);
}

static void what_cannot_be_said_again_is_left_out_and_counted(void **state)
{
    (void)state;
    struct load_recording_counts counts;
    uint8_t handle[24] = {[7] = 1}, verified[32] = {0};
    struct file f = create();
    say_request(&f, 1, 0, 3, "", 0); // before any bind
    say_bind(&f, &load_epmapper, 0);
    say_request(&f, 2, 0, NDR_EPM_MAP, handle, sizeof handle);
    rpc_write_header(verified, RPC_REQUEST, RPC_WHOLE, sizeof verified, 3);
    base_store_le16(verified + 10, 8);
    say(&f, false, verified, sizeof verified);
    say_request(&f, 4, 0, NDR_EPM_MAP, "stub", 4);
    uint8_t start[24] = {0};
    rpc_write_header(start, RPC_REQUEST, RPC_FIRST_FRAG, sizeof start, 5);
    say(&f, false, start, sizeof start);
    struct load_calls *calls = load_well(&f, &counts);
    assert_int_equal(calls->count, 1);
    assert_int_equal(counts.calls, 1);
    assert_int_equal(counts.unbound, 1);
    assert_int_equal(counts.handles, 1);
    assert_int_equal(counts.authenticated, 1);
    assert_int_equal(counts.interrupted, 1);
    load_calls_destroy(calls);
}

static void fragments_of_either_byte_order_get_their_call_id(void **state)
{
    (void)state;
    struct load_recording_counts counts;
    uint8_t pdu[28] = {5, 0, RPC_REQUEST, RPC_FIRST_FRAG}, written[56];
    struct file f = create();
    say_bind(&f, &load_epmapper, 0);
    base_store_be16(pdu + 8, sizeof pdu);
    base_store_be32(pdu + 12, 77);
    say(&f, false, pdu, sizeof pdu);
    pdu[3] = RPC_LAST_FRAG;
    say(&f, false, pdu, sizeof pdu);
    struct load_calls *calls = load_well(&f, &counts);
    assert_int_equal(calls->count, 1);
    assert_int_equal(calls->calls[0].size, sizeof written);
    load_call_write(&calls->calls[0], 0x01020304, NULL, written);
    assert_int_equal(base_load_be32(written + 12), 0x01020304);
    assert_int_equal(base_load_be32(written + 28 + 12), 0x01020304);
    load_calls_destroy(calls);
}

static void another_protocol_on_the_port_is_refused_and_said(void **state)
{
    (void)state;
    struct load_recording_counts counts;
    char said[512];
    struct file f = create();
    say(&f, false, "GET / HTTP/1.1\r\n\r\n", 18);
    assert_null(load(&f, said, sizeof said, &counts));
    assert_non_null(strstr(said, "connection from 10.0.0.1:40000: octet 0"));
    f = create();
    say_bind(&f, &load_epmapper, 0);
    assert_null(load(&f, said, sizeof said, &counts));
    assert_non_null(strstr(said, "found no request that can be sent again"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_put_in_order_and_taken_once),
        cmocka_unit_test(a_segment_that_was_cut_off_breaks_its_stream),
        cmocka_unit_test(ethernet_with_a_tag_is_read),
        cmocka_unit_test(every_cut_of_a_frame_is_passed_over),
        cmocka_unit_test(what_is_no_whole_capture_is_refused_and_said),
        cmocka_unit_test(calls_expect_what_was_recorded),
        cmocka_unit_test(calls_are_taken_in_their_order_again_and_again),
        cmocka_unit_test(an_interface_has_one_context_whatever_it_was_called),
        cmocka_unit_test(what_cannot_be_said_again_is_left_out_and_counted),
        cmocka_unit_test(fragments_of_either_byte_order_get_their_call_id),
        cmocka_unit_test(another_protocol_on_the_port_is_refused_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
