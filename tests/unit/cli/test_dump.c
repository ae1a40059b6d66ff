#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/commands.h"
#include "ndr/epm.h"
#include "rpc/pdu.h"
#include "tests/unit/capture.h"
#include "tests/unit/cli/peer.h"

#define LSA "12345778-1234-abcd-ef00-0123456789ab"

static char out[4 * 1024 * 1024];
static char err[1024];

// Runs dump against the peer, whose script is `ending`; its output is in `out` and `err`.
static enum cli_exit dump(struct peer *peer, enum peer_ending ending, struct cli_options options)
{
    options.verb = CLI_DUMP;
    options.arguments[0] = peer->target;
    if (options.timeout_ms == 0)
        options.timeout_ms = 5000;
    peer_start(peer, ending);
    struct capture on_stdout = capture_begin(stdout);
    struct capture on_stderr = capture_begin(stderr);
    enum cli_exit code = cli_dump(&options);
    capture_end(&on_stderr, err, sizeof err);
    capture_end(&on_stdout, out, sizeof out);
    peer_stop(peer);
    return code;
}

static unsigned lines(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void open_bound(struct peer *peer)
{
    peer_open(peer, false);
    peer_add_bind_ack(peer);
}

// ---- listings

static void entries_are_listed_one_per_line(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.first_port = 999, .count = 2});
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_OK);
    assert_string_equal(out, LSA " v0.0  ncacn_ip_tcp:10.135.0.2[999]   note\n" LSA
                                 " v0.0  ncacn_ip_tcp:10.135.0.2[1000]  note\n");
    assert_string_equal(err, "");
}

static void fragments_of_any_size_are_put_together(void **state)
{
    (void)state;
    static const unsigned chunks[] = {1, 7, 8, 100, 4000};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        struct peer peer;
        open_bound(&peer);
        peer_add_page(&peer, &(struct peer_page){.first_port = 1, .count = 50, .chunk = chunks[i]});
        assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_OK);
        assert_int_equal(lines(out), 50);
    }
}

static void pages_are_followed_until_the_null_handle(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.first_port = 1, .count = 500, .live_handle = true});
    peer_add_page(&peer, &(struct peer_page){.first_port = 501, .count = 500, .live_handle = true});
    peer_add_page(&peer, &(struct peer_page){.first_port = 1001, .count = 3});
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_OK);
    assert_int_equal(lines(out), 1003);
}

static void entries_beside_the_status_not_registered_are_kept(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){
                             .first_port = 1, .count = 3, .status = NDR_EPM_STATUS_NOT_REGISTERED});
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_OK);
    assert_int_equal(lines(out), 3);
}

static void an_empty_mapper_exits_with_not_registered(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.status = NDR_EPM_STATUS_NOT_REGISTERED});
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_NOT_REGISTERED);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "found no endpoint\n"));
}

static void filters_leave_what_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *interface, *object;
        enum cli_exit code;
    } rows[] = {
        {LSA, NULL, CLI_OK},
        {LSA "@0.0", NULL, CLI_OK},
        {LSA "@1.0", NULL, CLI_NOT_REGISTERED},
        {NULL, LSA, CLI_NOT_REGISTERED},
        {NULL, "00000000-0000-0000-0000-000000000000", CLI_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        const struct cli_options options = {.interface = rows[i].interface,
                                            .object = rows[i].object};
        open_bound(&peer);
        peer_add_page(&peer, &(struct peer_page){.first_port = 1, .count = 3});
        assert_int_equal(dump(&peer, PEER_SILENT, options), rows[i].code);
        assert_int_equal(lines(out), rows[i].code == CLI_OK ? 3 : 0);
    }
}

static void unprintable_bytes_are_replaced(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer,
                  &(struct peer_page){.first_port = 1, .count = 1, .annotation = "a\x1b[2J\xff\n"});
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_OK);
    assert_string_equal(out, LSA " v0.0  ncacn_ip_tcp:10.135.0.2[1]  a?[2J??\n");
}

static void json_has_a_schema_and_every_member(void **state)
{
    (void)state;
    struct peer peer;
    char expected[512];
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.first_port = 7, .count = 1});
    snprintf(expected, sizeof expected,
             "{\"schema\":1,\"host\":\"%s\",\"entries\":[{\"interface\":\"" LSA
             "\",\"version\":\"0.0\","
             "\"object\":null,\"protseq\":\"ncacn_ip_tcp\","
             "\"binding\":\"ncacn_ip_tcp:10.135.0.2[7]\",\"annotation\":\"note\"}]}\n",
             peer.target);
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){.json = true}), CLI_OK);
    assert_string_equal(out, expected);
}

// ---- peers that misbehave

static void a_closed_port_is_unreachable(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, true);
    const struct cli_options options = {.arguments = {peer.target}};
    struct capture on_stderr = capture_begin(stderr);
    enum cli_exit code = cli_dump(&options);
    capture_end(&on_stderr, err, sizeof err);
    close(peer.listen_fd);
    assert_int_equal(code, CLI_UNREACHABLE);
    assert_non_null(strstr(err, "connection refused: the host is up but nothing listens there"));
}

static void silence_times_out_in_bind_and_in_call(void **state)
{
    (void)state;
    for (int bound = 0; bound < 2; bound++) {
        struct peer peer;
        peer_open(&peer, false);
        if (bound)
            peer_add_bind_ack(&peer);
        assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){.timeout_ms = 100}),
                         CLI_TIMED_OUT);
        assert_non_null(strstr(err, bound ? "no answer to the call within 0.1 s"
                                          : "no answer to the bind within 0.1 s"));
    }
}

static void a_reply_that_never_ends_times_out(void **state)
{
    (void)state;
    struct peer peer;
    uint8_t fragment[RPC_RESPONSE_HEADER_SIZE];
    open_bound(&peer);
    rpc_write_response_header(fragment, RPC_FIRST_FRAG, sizeof fragment, 0, 0, 0);
    peer_add(&peer, fragment, sizeof fragment);
    assert_int_equal(dump(&peer, PEER_FLOODS, (struct cli_options){.timeout_ms = 300}),
                     CLI_TIMED_OUT);
}

static void a_reply_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct peer peer;
    static uint8_t fragment[60000];
    open_bound(&peer);
    rpc_write_response_header(fragment, RPC_FIRST_FRAG, sizeof fragment, 0, 0, 0);
    peer_add(&peer, fragment, sizeof fragment);
    assert_int_equal(dump(&peer, PEER_FLOODS, (struct cli_options){.timeout_ms = 20000}),
                     CLI_PROTOCOL);
    assert_non_null(strstr(err, "found a reply of more than 16 MiB"));
}

static void a_listing_that_repeats_itself_is_refused(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 2; count++) {
        struct peer peer;
        open_bound(&peer);
        peer_add_page(&peer,
                      &(struct peer_page){.first_port = 1, .count = count, .live_handle = true});
        assert_int_equal(dump(&peer, PEER_REPEATS, (struct cli_options){0}), CLI_PROTOCOL);
        assert_non_null(strstr(err, "the listing does not end"));
    }
}

static void a_connection_that_ends_early_is_a_protocol_error(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    assert_int_equal(dump(&peer, PEER_CLOSES, (struct cli_options){0}), CLI_PROTOCOL);
    assert_non_null(strstr(err, "the connection ended during the call (closed by the server)"));
}

static void garbage_is_a_protocol_error(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, false);
    static const char greeting[] = "SSH-2.0-OpenSSH_9.2p1 Debian\r\n";
    peer_add(&peer, greeting, sizeof greeting - 1);
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_PROTOCOL);
    assert_non_null(strstr(err, "found bytes that are not DCE/RPC in answer to the bind"));
}

static void an_undecodable_stub_is_a_protocol_error(void **state)
{
    (void)state;
    struct peer peer;
    uint8_t pdu[RPC_RESPONSE_HEADER_SIZE + 5] = {0};
    open_bound(&peer);
    rpc_write_response_header(pdu, RPC_WHOLE, sizeof pdu, 0, 5, 0);
    peer_add(&peer, pdu, sizeof pdu);
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_PROTOCOL);
    assert_non_null(strstr(err, "ept_lookup reply of 5 bytes that cannot be decoded"));
}

static void a_bind_nak_is_told_with_its_reason(void **state)
{
    (void)state;
    struct peer peer;
    uint8_t pdu[RPC_BIND_NAK_SIZE];
    peer_open(&peer, false);
    rpc_write_bind_nak(pdu, 0, RPC_NAK_LOCAL_LIMIT);
    peer_add(&peer, pdu, sizeof pdu);
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_PROTOCOL);
    assert_non_null(strstr(err, "the server refuses the bind: reason 2 (local limit exceeded)"));
}

static void a_refused_interface_is_told(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    base_store_le16(peer.replies[0].bytes + 36, RPC_RESULT_PROVIDER_REJECTION);
    base_store_le16(peer.replies[0].bytes + 38, RPC_REASON_ABSTRACT_SYNTAX);
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_PROTOCOL);
    assert_non_null(strstr(err, "abstract syntax not supported"));
}

static void a_fault_is_told_by_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        enum cli_exit code;
        const char *text;
    } rows[] = {
        {RPC_FAULT_ACCESS_DENIED, CLI_DENIED, "fault 0x00000005 (access denied)"},
        {RPC_FAULT_OP_RANGE, CLI_PROTOCOL, "fault 0x1c010002 (nca_s_op_rng_error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        uint8_t pdu[RPC_FAULT_SIZE];
        open_bound(&peer);
        rpc_write_fault(pdu, RPC_WHOLE, 0, 0, rows[i].status);
        peer_add(&peer, pdu, sizeof pdu);
        assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), rows[i].code);
        assert_non_null(strstr(err, rows[i].text));
    }
}

static void another_status_is_told_by_name(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.status = NDR_EPM_STATUS_CANT_PERFORM_OP});
    assert_int_equal(dump(&peer, PEER_SILENT, (struct cli_options){0}), CLI_PROTOCOL);
    assert_non_null(strstr(err, "ept_lookup status 0x16c9a0cd ("));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_listed_one_per_line),
        cmocka_unit_test(fragments_of_any_size_are_put_together),
        cmocka_unit_test(pages_are_followed_until_the_null_handle),
        cmocka_unit_test(entries_beside_the_status_not_registered_are_kept),
        cmocka_unit_test(an_empty_mapper_exits_with_not_registered),
        cmocka_unit_test(filters_leave_what_was_asked_for),
        cmocka_unit_test(unprintable_bytes_are_replaced),
        cmocka_unit_test(json_has_a_schema_and_every_member),
        cmocka_unit_test(a_closed_port_is_unreachable),
        cmocka_unit_test(silence_times_out_in_bind_and_in_call),
        cmocka_unit_test(a_reply_that_never_ends_times_out),
        cmocka_unit_test(a_reply_over_the_limit_is_refused),
        cmocka_unit_test(a_listing_that_repeats_itself_is_refused),
        cmocka_unit_test(a_connection_that_ends_early_is_a_protocol_error),
        cmocka_unit_test(garbage_is_a_protocol_error),
        cmocka_unit_test(an_undecodable_stub_is_a_protocol_error),
        cmocka_unit_test(a_bind_nak_is_told_with_its_reason),
        cmocka_unit_test(a_refused_interface_is_told),
        cmocka_unit_test(a_fault_is_told_by_name),
        cmocka_unit_test(another_status_is_told_by_name),
    };
    return cmocka_run_group_tests_name("cli_dump", tests, NULL, NULL);
}
