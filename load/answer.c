#include "load/answer.h"

#include <string.h>

#include "ndr/epm.h"

const struct base_counter load_counter_rows[LOAD_COUNTER_COUNT] = {LOAD_COUNTERS(BASE_COUNTER_ROW)};

static struct ndr_stub stub_of(const struct load_answer *answer)
{
    return (struct ndr_stub){.data = answer->stub,
                             .size = answer->stub_size,
                             .big_endian = answer->big_endian,
                             .syntax = NDR_SYNTAX_20};
}

static bool is_null(const struct ndr_context_handle *handle)
{
    static const struct base_uuid nil;
    return memcmp(&handle->uuid, &nil, sizeof nil) == 0;
}

static bool tower_is_right(const struct load_call *call, const struct ndr_epm_tower_span *span)
{
    struct ndr_tower tower;
    if (span->octets == NULL || ndr_tower_parse(span->octets, span->size, &tower) != NDR_TOWER_OK)
        return false;
    // The minor version may be a higher one: that is what compatible means (C706 2.2.1).
    if (memcmp(&tower.interface.uuid, &call->interface.uuid, sizeof call->interface.uuid) != 0 ||
        tower.interface.major != call->interface.major ||
        tower.interface.minor < call->interface.minor || tower.protseq != call->protseq)
        return false;
    char binding[512];
    return call->binding == NULL ||
           strcmp(ndr_tower_format_binding(&tower, binding, sizeof binding), call->binding) == 0;
}

static enum load_counter check_map(const struct load_call *call, const struct load_answer *answer)
{
    struct ndr_stub stub = stub_of(answer);
    struct ndr_context_handle handle;
    struct ndr_epm_tower_span towers[4];
    uint32_t count, status;
    if (!ndr_epm_decode_map_reply(&stub, &handle, towers, 4, &count, &status))
        return LOAD_WRONG_STUB;
    bool found = call->expectation == LOAD_EXPECT_TOWER;
    if (status != (found ? NDR_EPM_STATUS_OK : NDR_EPM_STATUS_NOT_REGISTERED))
        return LOAD_WRONG_STATUS;
    if ((count > 0) != found)
        return LOAD_WRONG_TOWER;
    for (uint32_t i = 0; i < count; i++) {
        if (!tower_is_right(call, &towers[i]))
            return LOAD_WRONG_TOWER;
    }
    return LOAD_ANSWERS;
}

static enum load_counter check_page(const struct load_call *call, const struct load_answer *answer,
                                    struct ndr_context_handle *ret_handle)
{
    struct ndr_stub stub = stub_of(answer);
    struct ndr_epm_entry entries[LOAD_PAGE_MAX];
    struct ndr_tower tower;
    uint32_t count, status;
    if (!ndr_epm_decode_lookup_reply(&stub, ret_handle, entries, call->max_entries, &count,
                                     &status))
        return LOAD_WRONG_STUB;
    // Both endings are right: the last page with a null handle, or an empty one behind it.
    bool end = status == NDR_EPM_STATUS_NOT_REGISTERED && count == 0 && is_null(ret_handle);
    if (!end && (status != NDR_EPM_STATUS_OK || count == 0))
        return LOAD_WRONG_STATUS;
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].tower == NULL ||
            ndr_tower_parse(entries[i].tower, entries[i].tower_size, &tower) != NDR_TOWER_OK)
            return LOAD_WRONG_TOWER;
    }
    return LOAD_ANSWERS;
}

static enum load_counter check_echo(const struct load_call *call, const struct load_answer *answer)
{
    struct ndr_stub stub = stub_of(answer);
    struct ndr_reader r = ndr_reader_init(&stub);
    uint32_t count = ndr_read_count(&r);
    const uint8_t *bytes = ndr_read_bytes(&r, count);
    if (r.failed)
        return LOAD_WRONG_STUB;
    return count == call->echo_size && memcmp(bytes, call->echo, count) == 0 ? LOAD_ANSWERS
                                                                             : LOAD_WRONG_ECHO;
}

static void learn(struct load_call *call, const struct load_answer *answer)
{
    if (answer->pdu == NULL || answer->pdu_size > LOAD_LEARNED_MAX || answer->big_endian)
        return;
    memcpy(call->learned, answer->pdu, answer->pdu_size);
    call->learned_size = answer->pdu_size;
}

static enum load_counter check_response(struct load_call *call, const struct load_answer *answer,
                                        struct ndr_context_handle *ret_handle)
{
    switch (call->expectation) {
    case LOAD_EXPECT_PAGE: // of another handle each time: nothing to learn
        return check_page(call, answer, ret_handle);
    case LOAD_EXPECT_ECHO:
        return check_echo(call, answer);
    case LOAD_EXPECT_FAULT:
        return LOAD_WRONG_KIND;
    case LOAD_EXPECT_RESPONSE:
    case LOAD_EXPECT_ANY:
        return LOAD_ANSWERS;
    default:
        break;
    }
    enum load_counter found = check_map(call, answer);
    if (found == LOAD_ANSWERS)
        learn(call, answer);
    return found;
}

enum load_counter load_answer_check(struct load_call *call, const struct load_answer *answer,
                                    struct ndr_context_handle *ret_handle)
{
    *ret_handle = (struct ndr_context_handle){0};
    if (!answer->fault)
        return check_response(call, answer, ret_handle);
    if (call->expectation == LOAD_EXPECT_ANY)
        return LOAD_ANSWERS;
    if (call->expectation != LOAD_EXPECT_FAULT)
        return LOAD_WRONG_KIND;
    return answer->status == call->fault ? LOAD_ANSWERS : LOAD_WRONG_FAULT;
}
