#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mapper/map.h"
#include "tests/unit/control/server.h"

static const char register_lsa[] =
    "{\"schema\":1,\"command\":\"register\",\"interface\":\"12345778-1234-abcd-ef00-0123456789ab\","
    "\"version\":\"0.0\",\"binding\":\"ncacn_ip_tcp:10.135.0.2[49153]\",\"annotation\":\"LSA\"}";
static const char unregister_lsa[] =
    "{\"command\":\"unregister\",\"interface\":\"12345778-1234-abcd-ef00-0123456789ab\","
    "\"version\":\"0.0\",\"binding\":\"ncacn_ip_tcp:10.135.0.2[49153]\"}";

static uint32_t replica_entries(const struct server *s)
{
    return __atomic_load_n(&s->replica_entries, __ATOMIC_ACQUIRE);
}

static void ask_ok(const struct server *s, const char *request)
{
    json_t *reply = server_ask(s, request);
    assert_true(server_says_ok(reply));
    json_decref(reply);
}

static void a_registration_is_in_the_replica_when_it_is_answered(void **state)
{
    struct server *s = *state;
    ask_ok(s, register_lsa);
    // The worker publishes its count after it has applied: wait for that, not for the replica.
    for (int i = 0; i < 1000 && replica_entries(s) == 0; i++)
        usleep(1000);
    assert_int_equal(replica_entries(s), 1);
    assert_int_equal(mapper_log_applied(s->log), mapper_log_head(s->log));
}

static void a_registration_is_not_answered_before_the_replica_applies(void **state)
{
    struct server *s = *state;
    server_stall(s, true);
    int fd = server_connect(s);
    server_send(fd, register_lsa);
    server_send(fd, "\n");
    assert_null(server_receive(fd, 200));
    server_stall(s, false);
    json_t *reply = server_receive(fd, 2000);
    assert_true(server_says_ok(reply));
    json_decref(reply);
    close(fd);
}

static void a_stalled_worker_is_named_after_five_seconds(void **state)
{
    struct server *s = *state;
    server_stall(s, true);
    json_t *reply = server_ask(s, register_lsa);
    assert_false(server_says_ok(reply));
    assert_string_equal(server_text(reply, "reason"), "unavailable");
    assert_string_equal(server_text(reply, "error"),
                        "worker 0 on core 3 stands at log position 0 and has not applied 1 within "
                        "5 s; it does so when it runs again");
    json_decref(reply);
}

static void a_stalled_worker_does_not_hold_other_commands(void **state)
{
    struct server *s = *state;
    server_stall(s, true);
    int fd = server_connect(s);
    server_send(fd, register_lsa);
    server_send(fd, "\n");
    ask_ok(s, "{\"command\":\"status\"}");
    close(fd);
    server_stall(s, false);
}

static void a_client_that_leaves_before_its_answer_harms_nobody(void **state)
{
    struct server *s = *state;
    server_stall(s, true);
    int fd = server_connect(s);
    server_send(fd, register_lsa);
    server_send(fd, "\n");
    usleep(50000);
    close(fd);
    server_stall(s, false);
    ask_ok(s, unregister_lsa);
}

static void what_was_registered_can_be_unregistered_once(void **state)
{
    struct server *s = *state;
    ask_ok(s, register_lsa);
    ask_ok(s, unregister_lsa);
    json_t *reply = server_ask(s, unregister_lsa);
    assert_false(server_says_ok(reply));
    assert_string_equal(server_text(reply, "reason"), "not_registered");
    json_decref(reply);
}

static void a_full_map_says_so(void **state)
{
    struct server *s = *state;
    json_t *reply = NULL;
    for (int port = 1; port <= 17; port++) {
        char request[256];
        snprintf(request, sizeof request,
                 "{\"command\":\"register\",\"interface\":\"12345778-1234-abcd-ef00-0123456789ab\","
                 "\"version\":\"1.0\",\"binding\":\"ncacn_ip_tcp:10.135.0.2[%d]\"}",
                 port);
        json_decref(reply);
        reply = server_ask(s, request);
        assert_true(server_says_ok(reply) == (port <= 16));
    }
    assert_string_equal(server_text(reply, "reason"), "full");
    json_decref(reply);
}

// ---- changes from a worker

static struct mapper_change *make_change(enum mapper_change_kind kind)
{
    static const struct ndr_syntax_id lsa = {
        BASE_UUID(0x12345778, 0x1234, 0xabcd, 0xef, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab), 0, 0};
    struct ndr_binding binding;
    struct mapper_change *change = calloc(1, sizeof *change);
    assert_null(ndr_binding_parse("ncacn_ip_tcp:10.135.0.2[49153]", &binding));
    change->kind = kind;
    change->count = 1;
    change->status = UINT32_MAX;
    change->entries[0].tower = change->stub;
    change->entries[0].tower_size = (uint32_t)ndr_tower_build(&lsa, &ndr_syntax_id_20, &binding,
                                                              change->stub, sizeof change->stub);
    change->entries[0].annotation = "";
    return change;
}

static struct mapper_change *wait_back(struct server *s, int timeout_ms)
{
    struct mapper_change *back = NULL;
    for (int i = 0; i < timeout_ms && back == NULL; i++) {
        usleep(1000);
        back = __atomic_load_n(&s->back, __ATOMIC_ACQUIRE);
    }
    return back;
}

static void a_workers_insert_comes_back_when_it_is_applied(void **state)
{
    struct server *s = *state;
    struct mapper_change *change = make_change(MAPPER_CHANGE_INSERT);
    __atomic_store_n(&s->to_send, change, __ATOMIC_RELEASE);
    assert_ptr_equal(wait_back(s, 2000), change);
    assert_int_equal(change->status, NDR_EPM_STATUS_OK);
    assert_int_equal(replica_entries(s), 1);
    ask_ok(s, unregister_lsa);
    free(change);
}

static void a_workers_insert_waits_for_the_replica(void **state)
{
    struct server *s = *state;
    struct mapper_change *change = make_change(MAPPER_CHANGE_INSERT);
    server_stall(s, true);
    __atomic_store_n(&s->to_send, change, __ATOMIC_RELEASE);
    assert_null(wait_back(s, 200));
    server_stall(s, false);
    assert_ptr_equal(wait_back(s, 2000), change);
    free(change);
}

static void a_workers_failed_change_comes_back_at_once(void **state)
{
    struct server *s = *state;
    struct mapper_change *change = make_change(MAPPER_CHANGE_DELETE);
    server_stall(s, true);
    __atomic_store_n(&s->to_send, change, __ATOMIC_RELEASE);
    assert_ptr_equal(wait_back(s, 2000), change);
    assert_int_equal(change->status, NDR_EPM_STATUS_NOT_REGISTERED);
    free(change);
}

static void an_unapplied_change_of_a_worker_fails_after_five_seconds(void **state)
{
    struct server *s = *state;
    struct mapper_change *change = make_change(MAPPER_CHANGE_INSERT);
    server_stall(s, true);
    __atomic_store_n(&s->to_send, change, __ATOMIC_RELEASE);
    assert_ptr_equal(wait_back(s, 8000), change);
    assert_int_equal(change->status, NDR_EPM_STATUS_UPDATE_FAILED);
    free(change);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_registration_is_in_the_replica_when_it_is_answered),
        SERVER_TEST(a_registration_is_not_answered_before_the_replica_applies),
        SERVER_TEST(a_stalled_worker_is_named_after_five_seconds),
        SERVER_TEST(a_stalled_worker_does_not_hold_other_commands),
        SERVER_TEST(a_client_that_leaves_before_its_answer_harms_nobody),
        SERVER_TEST(what_was_registered_can_be_unregistered_once),
        SERVER_TEST(a_full_map_says_so),
        SERVER_TEST(a_workers_insert_comes_back_when_it_is_applied),
        SERVER_TEST(a_workers_insert_waits_for_the_replica),
        SERVER_TEST(a_workers_failed_change_comes_back_at_once),
        SERVER_TEST(an_unapplied_change_of_a_worker_fails_after_five_seconds),
    };
    return cmocka_run_group_tests_name("control_changes", tests, NULL, NULL);
}
