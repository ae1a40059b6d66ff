#include "load/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "ndr/epm.h"
#include "rpc/client.h"
#include "rpc/pdu.h"

enum {
    ECHO_DATA = 1,     // operation of rpcecho
    NO_OPERATION = 99, // of the endpoint mapper
    CONTEXT_AT = 20,   // offset in a request
    STUB_MAX = LOAD_ECHO_MAX + 64,
};

const struct ndr_syntax_id load_epmapper = {
    .uuid = BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa),
    .major = 3,
};
static const struct ndr_syntax_id rpcecho = {
    .uuid = BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50, 0x56, 0xa2, 0x01, 0x82),
    .major = 1,
};

// ---- stubs

static void write_map(struct ndr_writer *w, struct load_call *call)
{
    uint8_t tower[NDR_TOWER_MAX];
    struct ndr_binding binding = {.protseq = call->protseq, .host = "0.0.0.0", .endpoint = "135"};
    size_t size =
        ndr_tower_build(&call->interface, &ndr_syntax_id_20, &binding, tower, sizeof tower);
    const struct base_uuid nil = {0};
    const struct ndr_context_handle null = {0};
    ndr_epm_encode_map(w, &nil, tower, (uint32_t)size, &null, 4);
}

static void write_lookup(struct ndr_writer *w, struct load_call *call)
{
    const struct ndr_epm_lookup lookup = {.vers_option = NDR_EPM_VERSIONS_ALL,
                                          .max_ents = call->max_entries};
    ndr_epm_encode_lookup(w, &lookup);
    // The handle and max_ents are its end: 20 and 4 octets.
    call->handle_at = RPC_REQUEST_HEADER_SIZE + (uint32_t)ndr_writer_size(w) - 24;
}

static void write_echo(struct ndr_writer *w, struct load_call *call)
{
    ndr_write_u32(w, call->echo_size);
    ndr_write_count(w, call->echo_size);
    ndr_write_bytes(w, call->echo, call->echo_size);
}

// ---- calls

static bool read_interface(const char *text, struct ndr_syntax_id *ret_id)
{
    char uuid[BASE_UUID_TEXT_SIZE] = "";
    memcpy(uuid, text, sizeof uuid - 1);
    return base_uuid_parse(uuid, &ret_id->uuid) && ndr_version_parse(text + sizeof uuid, ret_id);
}

static void fill_random(uint8_t *at, uint32_t size, struct load_random *random)
{
    for (uint32_t i = 0; i < size; i++)
        at[i] = (uint8_t)(load_random_next(random) >> 32);
}

static bool prepare_echo(struct load_call *call, uint32_t size, struct load_random *random)
{
    uint8_t *bytes = malloc(size);
    if (bytes)
        fill_random(bytes, size, random);
    call->echo = bytes;
    call->echo_size = size;
    return bytes != NULL;
}

static void expect_fault(struct load_call *call, uint32_t status)
{
    call->expectation = LOAD_EXPECT_FAULT;
    call->fault = status;
}

// Writes the stub and says what must come back. Returns the operation.
static uint16_t describe(struct load_call *call, const struct load_mix_row *row,
                         struct ndr_writer *w, struct load_random *random)
{
    switch (row->kind) {
    case LOAD_MAP:
        call->expectation = LOAD_EXPECT_TOWER;
        write_map(w, call);
        return NDR_EPM_MAP;
    case LOAD_UNKNOWN:
        call->expectation = LOAD_EXPECT_NOT_REGISTERED;
        fill_random(call->interface.uuid.bytes, sizeof call->interface.uuid.bytes, random);
        write_map(w, call);
        return NDR_EPM_MAP;
    case LOAD_LOOKUP:
        call->expectation = LOAD_EXPECT_PAGE;
        call->max_entries = row->max_entries;
        write_lookup(w, call);
        return NDR_EPM_LOOKUP;
    case LOAD_ECHO:
        call->expectation = LOAD_EXPECT_ECHO;
        write_echo(w, call);
        return ECHO_DATA;
    case LOAD_MALFORMED:
        write_map(w, call);
        if (row->defect == LOAD_OPERATION) {
            expect_fault(call, RPC_FAULT_OP_RANGE);
            return NO_OPERATION;
        }
        if (row->defect == LOAD_TRUNCATED)
            w->at -= 12; // into the handle
        expect_fault(call, row->defect == LOAD_CONTEXT ? RPC_FAULT_UNKNOWN_INTERFACE
                                                       : RPC_FAULT_BAD_STUB_DATA);
        return NDR_EPM_MAP;
    default:
        break;
    }
    return NO_OPERATION;
}

static uint16_t context_of(struct load_calls *calls, const struct load_mix_row *row)
{
    const struct load_context context = {row->kind == LOAD_ECHO ? rpcecho : load_epmapper,
                                         ndr_syntax_id_20};
    int id = load_context_find(calls->contexts, &calls->context_count, &context);
    return row->kind == LOAD_MALFORMED && row->defect == LOAD_CONTEXT ? LOAD_CONTEXT_NONE
                                                                      : (uint16_t)id;
}

// Every fragment of a call, from its first.
static uint32_t next_fragment(const struct load_call *call, uint32_t at)
{
    return at + rpc_read_u16(call->pdus + at + 8, call->big_endian);
}

static bool build(struct load_call *call, uint16_t operation, const struct ndr_writer *stub,
                  uint16_t context)
{
    struct rpc_client client = rpc_client_init();
    size_t room = STUB_MAX + 64 * (size_t)RPC_REQUEST_HEADER_SIZE;
    call->pdus = malloc(room);
    if (!call->pdus)
        return false;
    call->size = (uint32_t)rpc_client_build_request(&client, operation, stub->start,
                                                    ndr_writer_size(stub), call->pdus, room);
    for (uint32_t at = 0; at < call->size; at = next_fragment(call, at))
        base_store_le16(call->pdus + at + CONTEXT_AT, context);
    return call->size > 0;
}

static bool prepare(struct load_calls *calls, unsigned index, const struct load_mix_row *row,
                    uint8_t *room, struct load_random *random)
{
    struct load_call *call = &calls->calls[index];
    struct ndr_binding binding;
    struct ndr_writer w = ndr_writer_init(room, STUB_MAX, NDR_SYNTAX_20, false);
    call->kind = row->kind;
    call->protseq = NDR_PROTSEQ_NCACN_IP_TCP;
    if (!read_interface(row->interface, &call->interface))
        return false;
    if (row->binding && ndr_binding_parse(row->binding, &binding) == NULL) {
        call->protseq = binding.protseq;
        call->binding = strdup(row->binding);
    }
    if (row->kind == LOAD_ECHO && !prepare_echo(call, row->size, random))
        return false;
    uint16_t operation = describe(call, row, &w, random);
    return !w.failed && build(call, operation, &w, context_of(calls, row));
}

struct load_calls *load_calls_create(const struct load_mix *mix, uint64_t seed)
{
    struct load_random random = load_random_from(seed);
    struct load_calls *calls = calloc(1, sizeof *calls);
    uint8_t *room = malloc(STUB_MAX);
    bool made = calls && room;
    if (made) {
        calls->count = mix->calls_count;
        calls->calls = calloc(calls->count, sizeof *calls->calls);
        calls->until = calloc(calls->count, sizeof *calls->until);
        made = calls->calls && calls->until;
    }
    for (unsigned i = 0; made && i < calls->count; i++) {
        made = prepare(calls, i, &mix->calls[i], room, &random);
        calls->until[i] = (i > 0 ? calls->until[i - 1] : 0) + mix->calls[i].share;
        if (calls->calls[i].size > calls->largest)
            calls->largest = calls->calls[i].size;
    }
    free(room);
    if (made)
        return calls;
    base_error("no memory for the calls of the mix");
    load_calls_destroy(calls);
    return NULL;
}

void load_calls_destroy(struct load_calls *calls)
{
    if (!calls)
        return;
    for (unsigned i = 0; calls->calls && i < calls->count; i++) {
        free(calls->calls[i].pdus);
        free(calls->calls[i].binding);
        free((void *)(uintptr_t)calls->calls[i].echo);
    }
    free(calls->calls);
    free(calls->until);
    free(calls);
}

unsigned load_calls_pick(struct load_calls *calls, struct load_random *random)
{
    if (calls->in_order) {
        unsigned next = calls->next;
        calls->next = next + 1 == calls->count ? 0 : next + 1;
        return next;
    }
    if (calls->count == 1)
        return 0;
    uint64_t roll = load_random_below(random, calls->until[calls->count - 1]);
    unsigned call = 0;
    while (calls->until[call] <= roll)
        call++;
    return call;
}

void load_call_write(const struct load_call *call, uint32_t call_id,
                     const struct ndr_context_handle *handle, uint8_t *to)
{
    memcpy(to, call->pdus, call->size);
    if (call->big_endian)
        call_id = __builtin_bswap32(call_id);
    for (uint32_t at = 0; at < call->size; at = next_fragment(call, at))
        base_store_le32(to + at + 12, call_id);
    if (handle == NULL)
        return;
    struct ndr_writer w = ndr_writer_init(to + call->handle_at, 20, NDR_SYNTAX_20, false);
    ndr_write_handle(&w, handle);
}
