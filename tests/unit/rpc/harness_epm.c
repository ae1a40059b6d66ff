#include "harness_epm.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

bool is_null(const struct ndr_context_handle *handle)
{
    static const struct ndr_context_handle null;
    return memcmp(handle, &null, sizeof null) == 0;
}

uint32_t tcp_tower(const struct ndr_syntax_id *interface, uint16_t port, uint8_t tower[128])
{
    struct ndr_binding binding = {.protseq = NDR_PROTSEQ_NCACN_IP_TCP, .host = "192.0.2.10"};
    snprintf(binding.endpoint, sizeof binding.endpoint, "%u", port);
    return (uint32_t)ndr_tower_build(interface, &ndr_syntax_id_20, &binding, tower, 128);
}

uint32_t epm_request(struct conn *conn, uint16_t opnum, const struct ndr_writer *stub)
{
    static uint32_t call_id = 100;
    assert_false(stub->failed);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = ++call_id,
                                         .opnum = opnum,
                                         .stub = stub->start,
                                         .stub_size = (uint32_t)ndr_writer_size(stub)});
    return call_id;
}

// Puts the fragments of the response together. Returns the fault, or 0.
static uint32_t collect(struct conn *conn, uint32_t call_id, uint8_t *stub, uint32_t *ret_size)
{
    *ret_size = 0;
    for (;;) {
        struct answer a = conn_answer(conn);
        assert_int_equal(a.call_id, call_id);
        if (a.ptype == RPC_FAULT) {
            assert_int_equal(a.flags, RPC_WHOLE);
            return a.status;
        }
        assert_int_equal(a.ptype, RPC_RESPONSE);
        memcpy(stub + *ret_size, a.stub, a.stub_size);
        *ret_size += a.stub_size;
        if (a.flags & RPC_LAST_FRAG)
            break;
    }
    assert_no_answer(conn);
    return 0;
}

static uint16_t port_of(const uint8_t *octets, uint32_t size)
{
    struct ndr_tower tower;
    assert_int_equal(ndr_tower_parse(octets, size, &tower), NDR_TOWER_OK);
    bool tcp = tower.protseq == NDR_PROTSEQ_NCACN_IP_TCP;
    return tcp ? base_load_be16(tower.floor[3].rhs) : 0;
}

struct epm_answer ask_map(struct conn *conn, const struct map_question *question)
{
    uint8_t out[512], tower[128];
    static uint8_t in[RPC_STUB_MAX];
    uint32_t tower_size = 0;
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    if (question->interface)
        tower_size = tcp_tower(question->interface, 135, tower);
    ndr_epm_encode_map(&w, question->object, question->interface ? tower : NULL, tower_size,
                       &question->handle, question->max);
    struct epm_answer answer = {0};
    struct ndr_stub stub = {.data = in};
    answer.fault = collect(conn, epm_request(conn, NDR_EPM_MAP, &w), in, &stub.size);
    struct ndr_epm_tower_span towers[NDR_EPM_ENTRIES_MAX];
    if (!answer.fault)
        assert_true(ndr_epm_decode_map_reply(&stub, &answer.handle, towers, NDR_EPM_ENTRIES_MAX,
                                             &answer.count, &answer.status));
    for (uint32_t i = 0; i < answer.count; i++)
        answer.ports[i] = port_of(towers[i].octets, towers[i].size);
    return answer;
}

struct epm_answer ask_lookup(struct conn *conn, const struct lookup_question *question)
{
    uint8_t out[512];
    static uint8_t in[RPC_STUB_MAX];
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    struct ndr_epm_lookup lookup = {
        .inquiry_type = question->type,
        .vers_option = question->versions,
        .has_object = question->object,
        .has_interface = question->interface,
        .handle = question->handle,
        .max_ents = question->max,
    };
    if (question->object)
        lookup.object = *question->object;
    if (question->interface)
        lookup.interface = *question->interface;
    ndr_epm_encode_lookup(&w, &lookup);
    struct epm_answer answer = {0};
    struct ndr_stub stub = {.data = in};
    answer.fault = collect(conn, epm_request(conn, NDR_EPM_LOOKUP, &w), in, &stub.size);
    static struct ndr_epm_entry entries[NDR_EPM_ENTRIES_MAX];
    if (!answer.fault)
        assert_true(ndr_epm_decode_lookup_reply(&stub, &answer.handle, entries, NDR_EPM_ENTRIES_MAX,
                                                &answer.count, &answer.status));
    for (uint32_t i = 0; i < answer.count; i++)
        answer.ports[i] = port_of(entries[i].tower, entries[i].tower_size);
    return answer;
}

uint32_t free_handle(struct conn *conn, struct ndr_context_handle handle)
{
    uint8_t out[20], in[64];
    uint32_t size;
    static const uint8_t zeros[24];
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    ndr_epm_encode_handle(&w, &handle);
    uint32_t fault = collect(conn, epm_request(conn, NDR_EPM_LOOKUP_HANDLE_FREE, &w), in, &size);
    if (!fault) {
        assert_int_equal(size, sizeof zeros);
        assert_memory_equal(in, zeros, sizeof zeros);
    }
    return fault;
}
