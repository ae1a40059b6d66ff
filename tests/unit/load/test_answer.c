// What is accepted as an answer, and under which name the rest is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/answer.h"
#include "ndr/epm.h"
#include "rpc/pdu.h"

static const char asked[] = "5b1ce000-0001-4a00-8000-00a0c91e0001@2.1";
static const struct ndr_context_handle null_handle;

struct fixture {
    struct load_mix *mix;
    struct load_calls *calls;
    uint8_t pdu[2048]; // the answer checked last
    uint32_t size;
};

static struct fixture start(const char *yaml)
{
    struct fixture f = {.mix = load_mix_parse("test", yaml, asked)};
    assert_non_null(f.mix);
    f.calls = load_calls_create(f.mix, 1);
    assert_non_null(f.calls);
    return f;
}

static void stop(struct fixture *f)
{
    load_calls_destroy(f->calls);
    load_mix_free(f->mix);
}

static enum load_counter check(struct fixture *f, const struct load_answer *answer)
{
    struct ndr_context_handle handle;
    return load_answer_check(&f->calls->calls[0], answer, &handle);
}

// A response whose stub of `size` bytes is in the fixture's PDU.
static enum load_counter check_stub(struct fixture *f, uint32_t size)
{
    f->size = RPC_RESPONSE_HEADER_SIZE + size;
    rpc_write_response_header(f->pdu, RPC_WHOLE, (uint16_t)f->size, 7, size, 0);
    const struct load_answer answer = {.stub = f->pdu + RPC_RESPONSE_HEADER_SIZE,
                                       .stub_size = size,
                                       .pdu = f->pdu,
                                       .pdu_size = f->size};
    return check(f, &answer);
}

// An ept_map reply with one tower, or none without `binding`.
static enum load_counter answer_map(struct fixture *f, struct ndr_syntax_id id, const char *binding,
                                    uint32_t status)
{
    uint8_t octets[256];
    struct ndr_binding parsed;
    struct ndr_epm_tower_span tower = {.octets = octets};
    if (binding) {
        assert_null(ndr_binding_parse(binding, &parsed));
        tower.size =
            (uint32_t)ndr_tower_build(&id, &ndr_syntax_id_20, &parsed, octets, sizeof octets);
    }
    struct ndr_writer w =
        ndr_writer_init(f->pdu + RPC_RESPONSE_HEADER_SIZE, sizeof f->pdu - RPC_RESPONSE_HEADER_SIZE,
                        NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &null_handle, 4, 3, &tower, binding != NULL, status);
    return check_stub(f, (uint32_t)ndr_writer_size(&w));
}

static struct ndr_syntax_id interface(const struct fixture *f)
{
    return f->calls->calls[0].interface;
}

static void an_answer_that_was_right_is_known_under_any_call_id(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    const struct load_call *call = &f.calls->calls[0];
    assert_false(load_answer_is_learned(call, f.pdu, RPC_RESPONSE_HEADER_SIZE));
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_ip_tcp:10.0.0.1[1000]", 0), LOAD_ANSWERS);
    assert_true(load_answer_is_learned(call, f.pdu, f.size));
    base_store_le32(f.pdu + LOAD_CALL_ID_AT, 0x12345678);
    assert_true(load_answer_is_learned(call, f.pdu, f.size));
    stop(&f);
}

static void every_other_byte_of_a_known_answer_counts(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    const struct load_call *call = &f.calls->calls[0];
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_ip_tcp:10.0.0.1[1000]", 0), LOAD_ANSWERS);
    for (uint32_t at = 0; at < f.size; at++) {
        if (at >= LOAD_CALL_ID_AT && at < LOAD_CALL_ID_AT + 4)
            continue;
        f.pdu[at] ^= 1;
        assert_false(load_answer_is_learned(call, f.pdu, f.size));
        f.pdu[at] ^= 1;
    }
    assert_false(load_answer_is_learned(call, f.pdu, f.size - 1));
    stop(&f);
}

static void a_wrong_answer_is_not_learned(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    struct ndr_syntax_id other = interface(&f);
    other.major++;
    assert_int_equal(answer_map(&f, other, "ncacn_ip_tcp:10.0.0.1[1000]", 0), LOAD_WRONG_TOWER);
    assert_false(load_answer_is_learned(&f.calls->calls[0], f.pdu, f.size));
    stop(&f);
}

static void another_answer_than_the_learned_one_is_looked_at_anew(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    struct ndr_syntax_id other = interface(&f);
    other.major++;
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_ip_tcp:10.0.0.1[1000]", 0), LOAD_ANSWERS);
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_ip_tcp:10.0.0.1[1001]", 0), LOAD_ANSWERS);
    assert_int_equal(answer_map(&f, other, "ncacn_ip_tcp:10.0.0.1[1000]", 0), LOAD_WRONG_TOWER);
    stop(&f);
}

static void towers_of_something_else_are_wrong(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    static const char binding[] = "ncacn_ip_tcp:10.0.0.1[1000]";
    struct ndr_syntax_id minor = interface(&f), uuid = minor;
    minor.minor = 0; // lower than asked for
    uuid.uuid.bytes[15] ^= 1;
    assert_int_equal(answer_map(&f, minor, binding, 0), LOAD_WRONG_TOWER);
    assert_int_equal(answer_map(&f, uuid, binding, 0), LOAD_WRONG_TOWER);
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_http:10.0.0.1[1000]", 0),
                     LOAD_WRONG_TOWER);
    assert_int_equal(answer_map(&f, interface(&f), NULL, 0), LOAD_WRONG_TOWER);
    minor.minor = 9;
    assert_int_equal(answer_map(&f, minor, binding, 0), LOAD_ANSWERS);
    stop(&f);
}

static void a_status_must_be_the_expected_one(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    assert_int_equal(answer_map(&f, interface(&f), NULL, NDR_EPM_STATUS_NOT_REGISTERED),
                     LOAD_WRONG_STATUS);
    stop(&f);
    f = start("calls: [{kind: unknown}]");
    assert_int_equal(answer_map(&f, interface(&f), NULL, NDR_EPM_STATUS_NOT_REGISTERED),
                     LOAD_ANSWERS);
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_ip_tcp:10.0.0.1[1000]", 0),
                     LOAD_WRONG_STATUS);
    stop(&f);
}

static void every_cut_of_an_answer_is_a_wrong_stub(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: map}]");
    assert_int_equal(answer_map(&f, interface(&f), "ncacn_ip_tcp:10.0.0.1[1000]", 0), LOAD_ANSWERS);
    uint32_t size = f.size - RPC_RESPONSE_HEADER_SIZE;
    for (uint32_t cut = 0; cut < size; cut++)
        assert_int_equal(check_stub(&f, cut), LOAD_WRONG_STUB);
    stop(&f);
}

static void a_fault_is_right_only_where_it_is_expected(void **state)
{
    (void)state;
    const struct load_answer fault = {.fault = true, .status = RPC_FAULT_BAD_STUB_DATA};
    const struct load_answer other = {.fault = true, .status = RPC_FAULT_ACCESS_DENIED};
    const struct load_answer response = {.stub_size = 0};
    struct fixture f = start("calls: [{kind: map}]");
    assert_int_equal(check(&f, &fault), LOAD_WRONG_KIND);
    stop(&f);
    f = start("calls: [{kind: malformed, defect: truncated}]");
    assert_int_equal(check(&f, &fault), LOAD_ANSWERS);
    assert_int_equal(check(&f, &other), LOAD_WRONG_FAULT);
    assert_int_equal(check(&f, &response), LOAD_WRONG_KIND);
    stop(&f);
}

static enum load_counter answer_echo(struct fixture *f, uint32_t count, const uint8_t *bytes,
                                     uint32_t size)
{
    struct ndr_writer w =
        ndr_writer_init(f->pdu + RPC_RESPONSE_HEADER_SIZE, sizeof f->pdu - RPC_RESPONSE_HEADER_SIZE,
                        NDR_SYNTAX_20, false);
    ndr_write_count(&w, count);
    ndr_write_bytes(&w, bytes, size);
    return check_stub(f, (uint32_t)ndr_writer_size(&w));
}

static void an_echo_must_be_the_bytes_that_were_sent(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: echo, size: 100}]");
    uint8_t bytes[100];
    memcpy(bytes, f.calls->calls[0].echo, sizeof bytes);
    assert_int_equal(answer_echo(&f, 100, bytes, 100), LOAD_ANSWERS);
    assert_int_equal(answer_echo(&f, 99, bytes, 99), LOAD_WRONG_ECHO);
    assert_int_equal(answer_echo(&f, 100, bytes, 99), LOAD_WRONG_STUB);
    bytes[99] ^= 1;
    assert_int_equal(answer_echo(&f, 100, bytes, 100), LOAD_WRONG_ECHO);
    stop(&f);
}

static enum load_counter answer_page(struct fixture *f, uint32_t count, uint32_t status,
                                     const struct ndr_context_handle *handle)
{
    uint8_t octets[256];
    struct ndr_binding binding;
    struct ndr_syntax_id id = interface(f);
    assert_null(ndr_binding_parse("ncacn_ip_tcp:10.0.0.1[1000]", &binding));
    uint32_t size =
        (uint32_t)ndr_tower_build(&id, &ndr_syntax_id_20, &binding, octets, sizeof octets);
    struct ndr_epm_entry entries[8];
    for (unsigned i = 0; i < 8; i++)
        entries[i] = (struct ndr_epm_entry){.tower = octets, .tower_size = size, .annotation = ""};
    struct ndr_writer w =
        ndr_writer_init(f->pdu + RPC_RESPONSE_HEADER_SIZE, sizeof f->pdu - RPC_RESPONSE_HEADER_SIZE,
                        NDR_SYNTAX_20, false);
    ndr_epm_encode_lookup_reply(&w, handle, 8, 3, entries, count, status);
    assert_false(w.failed);
    const struct load_answer answer = {.stub = f->pdu + RPC_RESPONSE_HEADER_SIZE,
                                       .stub_size = (uint32_t)ndr_writer_size(&w)};
    struct ndr_context_handle found;
    enum load_counter result = load_answer_check(&f->calls->calls[0], &answer, &found);
    if (result == LOAD_ANSWERS)
        assert_memory_equal(&found.uuid, &handle->uuid, sizeof found.uuid);
    return result;
}

static void both_endings_of_an_enumeration_are_right(void **state)
{
    (void)state;
    struct fixture f = start("calls: [{kind: lookup, max_entries: 5}]");
    const struct ndr_context_handle handle = {.uuid = {{1, 2, 3}}};
    assert_int_equal(answer_page(&f, 5, 0, &handle), LOAD_ANSWERS);
    assert_int_equal(answer_page(&f, 5, 0, &null_handle), LOAD_ANSWERS);
    assert_int_equal(answer_page(&f, 0, NDR_EPM_STATUS_NOT_REGISTERED, &null_handle), LOAD_ANSWERS);
    assert_int_equal(answer_page(&f, 0, 0, &handle), LOAD_WRONG_STATUS);
    assert_int_equal(answer_page(&f, 2, NDR_EPM_STATUS_CANT_PERFORM_OP, &null_handle),
                     LOAD_WRONG_STATUS);
    assert_int_equal(answer_page(&f, 6, 0, &handle), LOAD_WRONG_STUB); // more than asked for
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_was_right_is_known_under_any_call_id),
        cmocka_unit_test(every_other_byte_of_a_known_answer_counts),
        cmocka_unit_test(a_wrong_answer_is_not_learned),
        cmocka_unit_test(another_answer_than_the_learned_one_is_looked_at_anew),
        cmocka_unit_test(towers_of_something_else_are_wrong),
        cmocka_unit_test(a_status_must_be_the_expected_one),
        cmocka_unit_test(every_cut_of_an_answer_is_a_wrong_stub),
        cmocka_unit_test(a_fault_is_right_only_where_it_is_expected),
        cmocka_unit_test(an_echo_must_be_the_bytes_that_were_sent),
        cmocka_unit_test(both_endings_of_an_enumeration_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
