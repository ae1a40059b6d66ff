#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "ndr/epm.h"
#include "tests/unit/capture.h"
#include "tests/unit/cli/peer.h"

#define LSA "12345778-1234-abcd-ef00-0123456789ab"

static char out[8192];
static char err[1024];

static enum cli_exit map(struct peer *peer, const char *interface, bool json)
{
    const struct cli_options options = {.verb = CLI_MAP,
                                        .arguments = {peer->target, interface},
                                        .json = json,
                                        .protseq = "ncacn_ip_tcp",
                                        .timeout_ms = 5000};
    peer_start(peer, PEER_SILENT);
    struct capture on_stdout = capture_begin(stdout);
    struct capture on_stderr = capture_begin(stderr);
    enum cli_exit code = cli_map(&options);
    capture_end(&on_stderr, err, sizeof err);
    capture_end(&on_stdout, out, sizeof out);
    peer_stop(peer);
    return code;
}

static void open_bound(struct peer *peer)
{
    peer_open(peer, false);
    peer_add_bind_ack(peer);
}

static void bindings_are_printed_one_per_line(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_towers(&peer, 49152, 2, false, NDR_EPM_STATUS_OK);
    assert_int_equal(map(&peer, LSA "@0.0", false), CLI_OK);
    assert_string_equal(out, "ncacn_ip_tcp:10.135.0.2[49152]\nncacn_ip_tcp:10.135.0.2[49153]\n");
}

static void a_live_handle_is_followed(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_towers(&peer, 1, 1, true, NDR_EPM_STATUS_OK);
    peer_add_towers(&peer, 2, 1, false, NDR_EPM_STATUS_OK);
    assert_int_equal(map(&peer, LSA "@0.0", false), CLI_OK);
    assert_string_equal(out, "ncacn_ip_tcp:10.135.0.2[1]\nncacn_ip_tcp:10.135.0.2[2]\n");
}

static void an_unknown_interface_exits_with_not_registered(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_towers(&peer, 0, 0, false, NDR_EPM_STATUS_NOT_REGISTERED);
    assert_int_equal(map(&peer, LSA "@9.0", false), CLI_NOT_REGISTERED);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, LSA " version 9.0 is not registered for ncacn_ip_tcp"));
}

static void without_a_version_the_listing_gives_it(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.first_port = 5, .count = 1});
    peer_add_towers(&peer, 5, 1, false, NDR_EPM_STATUS_OK);
    assert_int_equal(map(&peer, LSA, true), CLI_OK);
    assert_non_null(
        strstr(out, "\"version\":\"0.0\",\"bindings\":[\"ncacn_ip_tcp:10.135.0.2[5]\"]}"));
}

static void without_a_version_an_unlisted_interface_is_not_registered(void **state)
{
    (void)state;
    struct peer peer;
    open_bound(&peer);
    peer_add_page(&peer, &(struct peer_page){.first_port = 5, .count = 1});
    assert_int_equal(map(&peer, "00000000-1234-abcd-ef00-0123456789ab", false), CLI_NOT_REGISTERED);
    assert_non_null(strstr(err, "not registered, in any version"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bindings_are_printed_one_per_line),
        cmocka_unit_test(a_live_handle_is_followed),
        cmocka_unit_test(an_unknown_interface_exits_with_not_registered),
        cmocka_unit_test(without_a_version_the_listing_gives_it),
        cmocka_unit_test(without_a_version_an_unlisted_interface_is_not_registered),
    };
    return cmocka_run_group_tests_name("cli_map", tests, NULL, NULL);
}
