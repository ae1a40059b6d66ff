#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/bind.h"
#include "rpc/pdu.h"

enum { ACK_SIZE = 60 };

static void write_ack(uint8_t ack[ACK_SIZE], enum rpc_ptype ptype, uint16_t result)
{
    memset(ack, 0, ACK_SIZE);
    rpc_write_header(ack, ptype, RPC_WHOLE, ACK_SIZE, 1);
    ack[24] = 4;
    memcpy(ack + 26, "135", 4);
    ack[32] = 1;
    base_store_le16(ack + 36, result);
}

static void the_first_context_is_bound_and_the_others_are_added(void **state)
{
    (void)state;
    const struct load_context context = {{.major = 7}, ndr_syntax_id_64};
    for (uint16_t id = 0; id < 3; id++) {
        uint8_t pdu[LOAD_BIND_SIZE];
        load_bind_write(&context, id, 9, pdu);
        assert_int_equal(rpc_pdu_length(pdu, sizeof pdu), sizeof pdu);
        assert_int_equal(pdu[2], id == 0 ? RPC_BIND : RPC_ALTER_CONTEXT);
        assert_int_equal(pdu[24], 1);
        assert_int_equal(pdu[28], id);
        struct ndr_syntax_id interface = rpc_read_syntax(pdu + 32, false);
        struct ndr_syntax_id transfer = rpc_read_syntax(pdu + 52, false);
        assert_true(ndr_syntax_id_equal(&interface, &context.interface));
        assert_true(ndr_syntax_id_equal(&transfer, &context.transfer));
    }
}

static void the_same_context_is_bound_once(void **state)
{
    (void)state;
    struct load_context contexts[LOAD_CONTEXTS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < LOAD_CONTEXTS_MAX; i++) {
        const struct load_context context = {.interface = {.major = (uint16_t)i}};
        assert_int_equal(load_context_find(contexts, &count, &context), i);
        assert_int_equal(load_context_find(contexts, &count, &context), i);
    }
    const struct load_context more = {.interface = {.major = 99}};
    assert_int_equal(load_context_find(contexts, &count, &more), -1);
    assert_int_equal(count, LOAD_CONTEXTS_MAX);
}

static void only_its_own_acknowledgement_accepts_a_context(void **state)
{
    (void)state;
    static const struct {
        enum rpc_ptype ptype;
        uint16_t result, id;
        bool accepted;
    } rows[] = {
        {RPC_BIND_ACK, RPC_RESULT_ACCEPT, 0, true},
        {RPC_BIND_ACK, RPC_RESULT_ACCEPT, 1, false},
        {RPC_BIND_ACK, RPC_RESULT_PROVIDER_REJECTION, 0, false},
        {RPC_BIND_NAK, RPC_RESULT_ACCEPT, 0, false},
        {RPC_ALTER_CONTEXT_RESP, RPC_RESULT_ACCEPT, 1, true},
        {RPC_ALTER_CONTEXT_RESP, RPC_RESULT_ACCEPT, 0, false},
        {RPC_ALTER_CONTEXT_RESP, RPC_RESULT_PROVIDER_REJECTION, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t ack[ACK_SIZE];
        write_ack(ack, rows[i].ptype, rows[i].result);
        assert_int_equal(load_bind_accepted(ack, ACK_SIZE, rows[i].id), rows[i].accepted);
    }
}

static void every_cut_of_a_bind_ack_is_refused(void **state)
{
    (void)state;
    for (uint32_t size = RPC_HEADER_SIZE; size < ACK_SIZE; size++) {
        uint8_t ack[ACK_SIZE];
        write_ack(ack, RPC_BIND_ACK, RPC_RESULT_ACCEPT);
        base_store_le16(ack + 8, (uint16_t)size);
        assert_false(load_bind_accepted(ack, size, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_context_is_bound_and_the_others_are_added),
        cmocka_unit_test(the_same_context_is_bound_once),
        cmocka_unit_test(only_its_own_acknowledgement_accepts_a_context),
        cmocka_unit_test(every_cut_of_a_bind_ack_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
