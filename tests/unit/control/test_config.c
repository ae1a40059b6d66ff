#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/config.h"
#include "control/config_pages.h"
#include "tests/unit/capture.h"
#include "tests/unit/control/bad_configs.h"

static const char full[] = "dataplane:\n"
                           "  ports:\n"
                           "    - device: net_memif0,role=server,socket=/run/portolan/memif.sock\n"
                           "      vlans: [7, 4094]\n"
                           "  workers: [1, 3]\n"
                           "  hugepages: off\n"
                           "  idle: spin\n"
                           "  memory: 256\n"
                           "  mbufs: 8192\n"
                           "network:\n"
                           "  addresses: [10.135.0.2/24, \"fd00:135::2/64\"]\n"
                           "  gateways: [10.135.0.1]\n"
                           "listen:\n"
                           "  - ncacn_ip_tcp: 135\n"
                           "  - ncacn_ip_tcp: 1135\n"
                           "  - ncacn_http: 593\n"
                           "tcp:\n"
                           "  congestion: newreno\n"
                           "  syn_cookies: always\n"
                           "  timestamps: false\n"
                           "  sack: false\n"
                           "  receive_window: 65536\n"
                           "  keepalive_time: 7200\n"
                           "  keepalive_interval: 17\n"
                           "  keepalive_count: 5\n"
                           "mapper:\n"
                           "  endpoints:\n"
                           "    - interface: 12345778-1234-abcd-ef00-0123456789ab\n"
                           "      version: \"0.0\"\n"
                           "      binding: \"ncacn_ip_tcp:10.135.0.2[49153]\"\n"
                           "      annotation: LSA\n"
                           "  registrations:\n"
                           "    allow: [10.0.0.0/8]\n"
                           "    allow_nil_interface: true\n"
                           "  capacity: 100\n"
                           "interfaces:\n"
                           "  epmapper: true\n"
                           "  mgmt: false\n"
                           "  oxid: false\n"
                           "  rpcecho: true\n"
                           "  dcom: disabled\n"
                           "oxid:\n"
                           "  bindings: [srv1, 192.0.2.10]\n"
                           "limits:\n"
                           "  connections: 1000\n"
                           "  half_open: 50\n"
                           "  request: 4194304\n"
                           "  reassemblies: 7\n"
                           "  calls: 9\n"
                           "  contexts: 11\n"
                           "  cursors: 3\n"
                           "  half_pdu_timeout: 13\n"
                           "  idle_timeout: 15\n"
                           "faults:\n"
                           "  - interface: epmapper\n"
                           "    operation: 3\n"
                           "    probability: 25%\n"
                           "    delay: uniform:1ms..20ms\n"
                           "  - bind_nak: local_limit\n"
                           "control:\n"
                           "  socket: /tmp/x.sock\n";

static void every_key_is_read(void **state)
{
    (void)state;
    struct control_config *c = control_config_parse("full", full);
    assert_non_null(c);
    assert_int_equal(c->dataplane.ports_count, 1);
    assert_string_equal(c->dataplane.ports[0].device,
                        "net_memif0,role=server,socket=/run/portolan/memif.sock");
    assert_int_equal(c->dataplane.ports[0].vlans_count, 2);
    assert_int_equal(c->dataplane.ports[0].vlans[1], 4094);
    assert_int_equal(c->dataplane.workers_count, 2);
    assert_int_equal(c->dataplane.workers[1], 3);
    assert_int_equal(c->dataplane.hugepages, CONTROL_HUGEPAGES_OFF);
    assert_int_equal(c->dataplane.idle, CONTROL_IDLE_SPIN);
    assert_int_equal(c->dataplane.memory, 256);
    assert_int_equal(c->dataplane.mbufs, 8192);
    assert_int_equal(c->network.addresses_count, 2);
    assert_string_equal(c->network.addresses[1], "fd00:135::2/64");
    assert_string_equal(c->network.gateways[0], "10.135.0.1");
    assert_int_equal(c->listen_count, 3);
    assert_int_equal(c->listen[1].ncacn_ip_tcp, 1135);
    assert_int_equal(c->listen[2].ncacn_http, 593);
    assert_int_equal(c->listen[2].ncacn_ip_tcp, 0);
    assert_true(c->interfaces.epmapper && c->interfaces.rpcecho);
    assert_false(c->interfaces.mgmt || c->interfaces.oxid);
    assert_int_equal(c->interfaces.dcom, CONTROL_DCOM_DISABLED);
    assert_int_equal(c->oxid.bindings_count, 2);
    assert_string_equal(c->oxid.bindings[1], "192.0.2.10");
    assert_int_equal(c->mapper.endpoints_count, 1);
    assert_string_equal(c->mapper.endpoints[0].annotation, "LSA");
    assert_null(c->mapper.endpoints[0].object);
    assert_string_equal(c->mapper.registrations.allow[0], "10.0.0.0/8");
    assert_true(c->mapper.registrations.allow_nil_interface);
    assert_int_equal(c->mapper.capacity, 100);
    assert_int_equal(c->limits.connections, 1000);
    assert_int_equal(c->limits.half_open, 50);
    assert_int_equal(c->limits.request, 4194304);
    assert_int_equal(c->limits.reassemblies, 7);
    assert_int_equal(c->limits.calls, 9);
    assert_int_equal(c->limits.contexts, 11);
    assert_int_equal(c->limits.cursors, 3);
    assert_int_equal(c->limits.half_pdu_timeout, 13);
    assert_int_equal(c->limits.idle_timeout, 15);
    assert_int_equal(c->faults_count, 2);
    assert_string_equal(c->faults[0].delay, "uniform:1ms..20ms");
    assert_null(c->faults[0].bind_nak);
    assert_string_equal(c->faults[1].bind_nak, "local_limit");
    assert_int_equal(c->tcp.congestion, CONTROL_NEWRENO);
    assert_int_equal(c->tcp.syn_cookies, CONTROL_COOKIES_ALWAYS);
    assert_false(c->tcp.timestamps);
    assert_false(c->tcp.sack);
    assert_int_equal(c->tcp.receive_window, 65536);
    assert_int_equal(c->tcp.keepalive_time, 7200);
    assert_int_equal(c->tcp.keepalive_interval, 17);
    assert_int_equal(c->tcp.keepalive_count, 5);
    assert_string_equal(c->control.socket, "/tmp/x.sock");
    control_config_free(c);
}

static void absent_keys_have_their_defaults(void **state)
{
    (void)state;
    struct control_config *c = control_config_parse("minimal", MINIMAL);
    assert_non_null(c);
    assert_int_equal(c->dataplane.workers_count, 1);
    assert_int_equal(c->dataplane.hugepages, CONTROL_HUGEPAGES_AUTO);
    assert_int_equal(c->dataplane.idle, CONTROL_IDLE_SLEEP);
    assert_int_equal(c->dataplane.memory, 512);
    assert_int_equal(c->dataplane.mbufs, 32768);
    assert_int_equal(c->network.gateways_count, 0);
    assert_int_equal(c->mapper.endpoints_count, 0);
    assert_int_equal(c->mapper.registrations.allow_count, 0);
    assert_false(c->mapper.registrations.allow_nil_interface);
    assert_true(c->interfaces.epmapper && c->interfaces.mgmt && c->interfaces.oxid);
    assert_false(c->interfaces.rpcecho);
    assert_int_equal(c->interfaces.dcom, CONTROL_DCOM_REJECT);
    assert_int_equal(c->mapper.capacity, 65536);
    assert_int_equal(c->limits.connections, 16384);
    assert_int_equal(c->limits.half_open, 4096);
    assert_int_equal(c->limits.request, 65536);
    assert_int_equal(c->limits.reassemblies, 64);
    assert_int_equal(c->limits.calls, 64);
    assert_int_equal(c->limits.contexts, 64);
    assert_int_equal(c->limits.cursors, 11);
    assert_int_equal(c->limits.half_pdu_timeout, 30);
    assert_int_equal(c->limits.idle_timeout, 0);
    assert_int_equal(c->faults_count, 0);
    assert_int_equal(c->tcp.congestion, CONTROL_CUBIC);
    assert_int_equal(c->tcp.syn_cookies, CONTROL_COOKIES_AUTO);
    assert_true(c->tcp.timestamps);
    assert_true(c->tcp.sack);
    assert_int_equal(c->tcp.receive_window, 131072);
    assert_int_equal(c->tcp.keepalive_time, 0);
    assert_int_equal(c->tcp.keepalive_interval, 75);
    assert_int_equal(c->tcp.keepalive_count, 9);
    assert_string_equal(c->control.socket, "/run/portolan/control.sock");
    control_config_free(c);
}

static void empty_lists_stand_for_none(void **state)
{
    (void)state;
    struct control_config *c = control_config_parse(
        "empty", PORTS "network:\n  addresses: [10.135.0.2/24]\n  gateways: []\n" LISTEN
                       "mapper:\n  endpoints: []\n  registrations:\n    allow: []\n");
    assert_non_null(c);
    assert_int_equal(c->network.gateways_count, 0);
    control_config_free(c);
}

static void each_bad_text_is_refused_with_place_and_expectation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_configs / sizeof bad_configs[0]; i++) {
        char message[2048];
        struct capture capture = capture_begin(stderr);
        struct control_config *c = control_config_parse("f", bad_configs[i].text);
        capture_end(&capture, message, sizeof message);
        assert_string_equal(message, bad_configs[i].message);
        assert_null(c);
    }
}

static void every_problem_of_sense_is_told_at_once(void **state)
{
    (void)state;
    char message[2048];
    struct capture capture = capture_begin(stderr);
    struct control_config *c =
        control_config_parse("f", PORTS "  memory: 1\n"
                                        "network:\n  addresses: [10.135.0.2]\n" LISTEN);
    capture_end(&capture, message, sizeof message);
    assert_null(c);
    assert_non_null(strstr(message, "dataplane.memory"));
    assert_non_null(strstr(message, "network.addresses[0]"));
}

static char *sample(void)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    control_pages_sample(to);
    fclose(to);
    return text;
}

static void the_sample_is_a_good_file(void **state)
{
    (void)state;
    char *text = sample();
    struct control_config *c = control_config_parse("sample", text);
    assert_non_null(c);
    assert_int_equal(c->mapper.endpoints_count, 0);
    assert_int_equal(c->listen[0].ncacn_ip_tcp, 135);
    control_config_free(c);
    free(text);
}

// A key that is commented out has nothing between "#" and its name.
static void the_sample_with_every_key_is_a_good_file(void **state)
{
    (void)state;
    char *text = sample(), *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '#' || from[1] == ' ' || from[1] == '\n')
            *to++ = *from;
    }
    *to = '\0';
    struct control_config *c = control_config_parse("sample", text);
    assert_non_null(c);
    assert_int_equal(c->mapper.endpoints_count, 1);
    assert_string_equal(c->mapper.endpoints[0].annotation, "LSA");
    assert_int_equal(c->faults_count, 1);
    control_config_free(c);
    free(text);
}

static void a_document_without_known_tables_is_not_filled(void **state)
{
    (void)state;
    FILE *to = fopen("/dev/null", "we");
    assert_non_null(to);
    assert_true(control_pages_fill("no table", to));
    assert_true(control_pages_fill("<!-- keys of tcp -->\n<!-- end of keys -->", to));
    assert_false(control_pages_fill("<!-- keys of udp -->\n<!-- end of keys -->", to));
    assert_false(control_pages_fill("<!-- keys of tcp -->\n", to));
    fclose(to);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    char message[512];
    struct capture capture = capture_begin(stderr);
    struct control_config *c = control_config_load("/nonexistent/portoland.yaml");
    capture_end(&capture, message, sizeof message);
    assert_null(c);
    assert_string_equal(message, "/nonexistent/portoland.yaml: cannot be read (No such file or "
                                 "directory); give -c the configuration file\n");
}

static void prefixes_of_both_families_are_read_into_16_bytes(void **state)
{
    (void)state;
    static const uint8_t ipv4[16] = {[10] = 0xff, 0xff, 10, 135, 0, 2};
    static const uint8_t ipv6[16] = {0xfd, 0, 0x01, 0x35, [15] = 2};
    uint8_t address[16];
    uint8_t length = 0;
    assert_true(control_prefix_parse_mapped("10.135.0.2/24", address, &length));
    assert_memory_equal(address, ipv4, 16);
    assert_int_equal(length, 96 + 24);
    assert_true(control_prefix_parse_mapped("fd00:135::2/64", address, &length));
    assert_memory_equal(address, ipv6, 16);
    assert_int_equal(length, 64);
}

static void what_is_no_prefix_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "10.135.0.2",  "10.135.0.2/", "10.135.0.2/33", "1.2.3/24", "fd00:135::2/129",
        "1.2.3.4/-1", "1.2.3.4/24 ", "1.2.3.4/+4",  "fd00::g/64"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t address[16] = {7};
        uint8_t length = 7;
        assert_false(control_prefix_parse_mapped(texts[i], address, &length));
        assert_int_equal(address[0], 7);
        assert_int_equal(length, 7);
    }
}

static void an_ipv6_server_behind_a_link_local_router_needs_no_ipv4(void **state)
{
    (void)state;
    struct control_config *c = control_config_parse(
        "ipv6",
        PORTS "network:\n  addresses: [\"fd00::1/64\"]\n  gateways: [\"fe80::1\"]\n" LISTEN);
    assert_non_null(c);
    control_config_free(c);
}

static void an_address_without_length_is_read_into_16_bytes(void **state)
{
    (void)state;
    static const uint8_t ipv4[16] = {[10] = 0xff, 0xff, 10, 135, 0, 1};
    uint8_t address[16];
    assert_true(control_address_parse_mapped("10.135.0.1", address));
    assert_memory_equal(address, ipv4, 16);
    assert_false(control_address_parse_mapped("10.135.0.1/24", address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(absent_keys_have_their_defaults),
        cmocka_unit_test(empty_lists_stand_for_none),
        cmocka_unit_test(each_bad_text_is_refused_with_place_and_expectation),
        cmocka_unit_test(every_problem_of_sense_is_told_at_once),
        cmocka_unit_test(the_sample_is_a_good_file),
        cmocka_unit_test(the_sample_with_every_key_is_a_good_file),
        cmocka_unit_test(a_document_without_known_tables_is_not_filled),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(an_ipv6_server_behind_a_link_local_router_needs_no_ipv4),
        cmocka_unit_test(an_address_without_length_is_read_into_16_bytes),
        cmocka_unit_test(prefixes_of_both_families_are_read_into_16_bytes),
        cmocka_unit_test(what_is_no_prefix_is_refused),
    };
    return cmocka_run_group_tests_name("control_config", tests, NULL, NULL);
}
