// ncacn_http, version 1: the server greets first, then all is as over TCP.
#include <string.h>

#include "harness.h"

enum { GREETING = 14 };

static void the_server_greets_before_the_first_pdu(void **state)
{
    struct conn *conn = conn_open_http(*state, CONN_OUT_MAX);
    assert_int_equal(conn->out_size, GREETING);
    assert_memory_equal(conn->out, "ncacn_http/1.0", GREETING);
    conn->out_taken = GREETING;
    struct octets o = {0};
    const struct bind bind = plain_bind();
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.ptype, RPC_BIND_ACK);
    assert_memory_equal(a.bytes + 24,
                        "\4\0"
                        "593",
                        6); // the secondary address and its NUL
    assert_alive(conn);
    memset(conn->out, 0, conn->out_size); // a greeting is no PDU
    conn->out_size = 0;
}

static void a_connection_that_cannot_be_greeted_is_given_up(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_http(bench, GREETING - 1);
    assert_true(conn->aborted);
    assert_int_equal(conn->out_size, 0);
    assert_int_equal(bench_counter(bench, RPC_DROP_NO_ROOM), 1);
}

static void nothing_is_said_first_over_tcp(void **state)
{
    assert_no_answer(conn_open(*state));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_server_greets_before_the_first_pdu),
        TEST(a_connection_that_cannot_be_greeted_is_given_up),
        TEST(nothing_is_said_first_over_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
