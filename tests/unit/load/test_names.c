#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "load/names.h"

static const struct tcpstack_address addresses[2] = {{TCPSTACK_IPV4(0x0a870001), 96 + 24},
                                                     {TCPSTACK_IPV4(0x0a870007), 96 + 24}};
static const uint8_t target[16] = TCPSTACK_IPV4(0x0a870002);

static uint32_t hash_of(struct load_name name)
{
    struct tcp_endpoints ends = {.local_port = name.port, .remote_port = 135};
    memcpy(ends.local, addresses[name.address].address, 16);
    memcpy(ends.remote, target, 16);
    return tcpstack_flow_hash_of(&ends);
}

static void connections_spread_evenly_over_any_number_of_queues(void **state)
{
    (void)state;
    enum { CONNECTIONS = 640 };
    struct load_names names;
    assert_true(load_names_create(&names, addresses, 2, target, 135, 0, 1, 12345));
    for (unsigned queues = 1; queues <= 16; queues *= 2) {
        unsigned flows[16] = {0};
        for (unsigned i = 0; i < CONNECTIONS; i++)
            flows[tcpstack_flow_core(hash_of(load_names_take(&names)), queues)]++;
        for (unsigned queue = 0; queue < queues; queue++)
            assert_int_equal(flows[queue], CONNECTIONS / queues);
    }
    load_names_destroy(&names);
}

static void a_worker_has_only_names_whose_answers_come_to_it(void **state)
{
    (void)state;
    for (unsigned worker = 0; worker < 3; worker++) {
        struct load_names names;
        assert_true(load_names_create(&names, addresses, 2, target, 135, worker, 3, 0));
        for (unsigned i = 0; i < 5000; i++)
            assert_int_equal(tcpstack_flow_core(hash_of(load_names_take(&names)), 3), worker);
        load_names_destroy(&names);
    }
}

static void every_name_has_its_turn_once(void **state)
{
    (void)state;
    static uint8_t seen[2][65536];
    struct load_names names;
    assert_true(load_names_create(&names, addresses, 2, target, 135, 0, 1, 777));
    assert_int_equal(names.count, 2 * (65536 - 1024));
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < names.count; i++) {
        struct load_name name = load_names_take(&names);
        assert_int_equal(seen[name.address][name.port]++, 0);
    }
    load_names_destroy(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_spread_evenly_over_any_number_of_queues),
        cmocka_unit_test(a_worker_has_only_names_whose_answers_come_to_it),
        cmocka_unit_test(every_name_has_its_turn_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
