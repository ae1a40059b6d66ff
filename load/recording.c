#include "load/recording.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ndr/epm.h"
#include "rpc/pdu.h"

enum {
    CONTEXT_AT = 20,       // of a request
    OPERATION_AT = 22,     // of a request
    STATUS_AT = 24,        // of a fault
    CONTEXT_COUNT_AT = 24, // of a bind
    ELEMENT_SIZE = 24,     // of a bind's context, without its transfer syntaxes
    SYNTAX_SIZE = 20,
    BOUND_MAX = 64, // contexts of one recorded connection
};

// A context of the connection being read.
struct bound {
    uint16_t id;
    int context; // among those of the calls
};

struct recording {
    const char *path;
    const struct load_capture_connection *connection;
    struct load_calls *calls;
    unsigned room;
    struct bound bound[BOUND_MAX];
    unsigned bound_count;
    struct load_call *open; // whose last fragment has not come
    uint32_t open_id;
    unsigned first; // call of this connection whose answer was not seen
    uint32_t *ids;  // recorded call id of each call
    struct load_recording_counts counts;
};

struct pdu {
    const uint8_t *bytes;
    struct rpc_header header;
};

enum step { STEP_PDU, STEP_END, STEP_BROKEN };

// The next whole PDU of a stream.
static enum step next_pdu(const struct load_capture_stream *stream, size_t *at, struct pdu *ret_pdu)
{
    if (stream->size - *at < RPC_HEADER_SIZE)
        return STEP_END;
    const uint8_t *bytes = stream->bytes + *at;
    int size = rpc_pdu_length(bytes, RPC_HEADER_SIZE);
    if (size < 0 || bytes[0] != 5 || bytes[2] >= RPC_PTYPE_COUNT)
        return STEP_BROKEN;
    if ((size_t)size > stream->size - *at)
        return STEP_END;
    *ret_pdu = (struct pdu){bytes, rpc_header_read(bytes)};
    *at += (size_t)size;
    return STEP_PDU;
}

// ---- contexts

static bool bind_context(struct recording *r, uint16_t id, const struct load_context *context)
{
    unsigned slot = 0;
    while (slot < r->bound_count && r->bound[slot].id != id)
        slot++;
    int place = load_context_find(r->calls->contexts, &r->calls->context_count, context);
    if (place < 0 || slot == BOUND_MAX) {
        base_error("%s: found more than %d interfaces, expected at most so many", r->path,
                   LOAD_CONTEXTS_MAX);
        return false;
    }
    r->bound[slot] = (struct bound){id, place};
    r->bound_count += slot == r->bound_count;
    return true;
}

// C706 12.6.4.1 and 12.6.4.3. A context with several transfer syntaxes is taken with the first
// that is NDR; contexts without one offer features.
static bool read_bind(struct recording *r, const struct pdu *pdu)
{
    bool big = pdu->header.big_endian;
    uint32_t at = RPC_BIND_HEADER_SIZE, size = pdu->header.frag_length;
    unsigned count = size > CONTEXT_COUNT_AT ? pdu->bytes[CONTEXT_COUNT_AT] : 0;
    for (unsigned i = 0; i < count && size >= at + ELEMENT_SIZE; i++) {
        const uint8_t *element = pdu->bytes + at;
        struct load_context context = {.interface = rpc_read_syntax(element + 4, big)};
        enum ndr_syntax ignored;
        bool found = false;
        at += ELEMENT_SIZE;
        for (unsigned t = 0; t < element[2] && size >= at + SYNTAX_SIZE; t++, at += SYNTAX_SIZE) {
            struct ndr_syntax_id transfer = rpc_read_syntax(pdu->bytes + at, big);
            if (found || !ndr_syntax_from_id(&transfer, &ignored))
                continue;
            context.transfer = transfer;
            found = true;
        }
        if (found && !bind_context(r, rpc_read_u16(element, big), &context))
            return false;
    }
    return true;
}

static int context_of(const struct recording *r, const struct pdu *pdu)
{
    uint16_t id = rpc_read_u16(pdu->bytes + CONTEXT_AT, pdu->header.big_endian);
    for (unsigned i = 0; i < r->bound_count; i++) {
        if (r->bound[i].id == id)
            return r->bound[i].context;
    }
    return -1;
}

// ---- requests

// ept_lookup and ept_map end with a handle and a count, ept_lookup_handle_free with a handle.
static bool goes_on(const struct recording *r, const struct pdu *pdu, int context)
{
    static const uint8_t nil[20];
    const struct ndr_syntax_id *id = &r->calls->contexts[context].interface;
    if (memcmp(&id->uuid, &load_epmapper.uuid, sizeof id->uuid) != 0)
        return false;
    uint16_t operation = rpc_read_u16(pdu->bytes + OPERATION_AT, pdu->header.big_endian);
    uint32_t behind = operation == NDR_EPM_LOOKUP_HANDLE_FREE ? 0 : 4;
    if (operation != NDR_EPM_LOOKUP && operation != NDR_EPM_MAP &&
        operation != NDR_EPM_LOOKUP_HANDLE_FREE)
        return false;
    uint32_t size = pdu->header.frag_length;
    return size >= RPC_REQUEST_HEADER_SIZE + sizeof nil + behind &&
           memcmp(pdu->bytes + size - behind - sizeof nil, nil, sizeof nil) != 0;
}

static bool make_room(struct recording *r)
{
    if (r->calls->count < r->room)
        return true;
    unsigned room = r->room ? 2 * r->room : 64;
    struct load_call *calls = realloc(r->calls->calls, room * sizeof *calls);
    if (calls)
        r->calls->calls = calls;
    uint32_t *ids = realloc(r->ids, room * sizeof *ids);
    if (ids)
        r->ids = ids;
    r->room = calls && ids ? room : r->room;
    return calls && ids;
}

static void drop_open(struct recording *r, unsigned *count)
{
    if (!r->open)
        return;
    free(r->open->pdus);
    r->calls->count--;
    r->open = NULL;
    (*count)++;
}

static bool append(struct load_call *call, const struct pdu *pdu, int context)
{
    uint32_t size = pdu->header.frag_length;
    uint8_t *pdus = realloc(call->pdus, call->size + size);
    if (!pdus)
        return false;
    memcpy(pdus + call->size, pdu->bytes, size);
    uint8_t *id = pdus + call->size + CONTEXT_AT;
    if (call->big_endian)
        base_store_be16(id, (uint16_t)context);
    else
        base_store_le16(id, (uint16_t)context);
    call->pdus = pdus;
    call->size += size;
    return true;
}

// Why the request is left out, or NULL.
static unsigned *refusal(struct recording *r, const struct pdu *pdu, int context, bool first)
{
    if (pdu->header.auth_length != 0)
        return &r->counts.authenticated;
    if (context < 0)
        return &r->counts.unbound;
    if (first && goes_on(r, pdu, context))
        return &r->counts.handles;
    if (!first && (!r->open || r->open_id != pdu->header.call_id))
        return &r->counts.interrupted;
    if (!first && r->open->size + pdu->header.frag_length > LOAD_RECORDED_MAX)
        return &r->counts.large;
    return NULL;
}

// False when there is no memory.
static bool read_request(struct recording *r, const struct pdu *pdu)
{
    if (pdu->header.frag_length < RPC_REQUEST_HEADER_SIZE)
        return true;
    bool whole = (pdu->header.flags & RPC_WHOLE) == 0 && !r->open; // some clients set no flag
    bool first = whole || (pdu->header.flags & RPC_FIRST_FRAG);
    bool last = whole || (pdu->header.flags & RPC_LAST_FRAG);
    int context = context_of(r, pdu);
    unsigned *refused = refusal(r, pdu, context, first);
    if (first)
        drop_open(r, &r->counts.interrupted);
    if (refused) {
        if (r->open)
            drop_open(r, refused);
        else
            *refused += first;
        return true;
    }
    if (first) {
        if (!make_room(r))
            return false;
        r->open = &r->calls->calls[r->calls->count];
        r->open_id = r->ids[r->calls->count++] = pdu->header.call_id;
        *r->open = (struct load_call){.kind = LOAD_RECORDED,
                                      .expectation = LOAD_EXPECT_ANY,
                                      .big_endian = pdu->header.big_endian};
    }
    if (!append(r->open, pdu, context))
        return false;
    if (last)
        r->open = NULL;
    return true;
}

// ---- answers

static void expect(struct recording *r, const struct pdu *pdu)
{
    bool fault = pdu->header.ptype == RPC_FAULT && pdu->header.frag_length >= STATUS_AT + 4;
    if (pdu->header.ptype != RPC_RESPONSE && !fault)
        return;
    // Call ids may come again: the first call that waits for an answer gets it.
    while (r->first < r->calls->count && r->calls->calls[r->first].expectation != LOAD_EXPECT_ANY)
        r->first++;
    for (unsigned i = r->first; i < r->calls->count; i++) {
        struct load_call *call = &r->calls->calls[i];
        if (r->ids[i] != pdu->header.call_id || call->expectation != LOAD_EXPECT_ANY)
            continue;
        call->expectation = fault ? LOAD_EXPECT_FAULT : LOAD_EXPECT_RESPONSE;
        if (fault)
            call->fault = rpc_read_u32(pdu->bytes + STATUS_AT, pdu->header.big_endian);
        return;
    }
}

static bool is_last(const struct pdu *pdu)
{
    return pdu->header.ptype == RPC_FAULT || (pdu->header.flags & RPC_LAST_FRAG);
}

// ---- connections

static bool read_connection(struct recording *r)
{
    const struct load_capture_connection *c = r->connection;
    struct pdu pdu;
    size_t at = 0;
    enum step step;
    bool good = true;
    r->bound_count = 0;
    r->first = r->calls->count;
    while (good && (step = next_pdu(&c->to_server, &at, &pdu)) == STEP_PDU) {
        if (pdu.header.ptype == RPC_BIND || pdu.header.ptype == RPC_ALTER_CONTEXT)
            good = read_bind(r, &pdu);
        else if (pdu.header.ptype == RPC_REQUEST && !(good = read_request(r, &pdu)))
            base_error("%s: no memory for what it holds", r->path);
    }
    if (!good)
        return false;
    drop_open(r, &r->counts.interrupted);
    if (step == STEP_BROKEN) {
        base_error("%s: connection from %s: octet %zu of what the client sent begins no PDU; "
                   "expected DCE/RPC version 5",
                   r->path, c->client, at);
        return false;
    }
    r->counts.connections += r->calls->count > r->first;
    for (at = 0; next_pdu(&c->to_client, &at, &pdu) == STEP_PDU;) {
        if (is_last(&pdu))
            expect(r, &pdu);
    }
    r->counts.broken += c->to_server.broken;
    return true;
}

static bool finish(struct recording *r)
{
    struct load_calls *calls = r->calls;
    if (calls->count == 0) {
        base_error("%s: found no request that can be sent again (%u with a verifier, %u with an "
                   "entry handle, %u of contexts whose bind is not there), expected one",
                   r->path, r->counts.authenticated, r->counts.handles, r->counts.unbound);
        return false;
    }
    for (unsigned i = 0; i < calls->count; i++) {
        if (calls->calls[i].size > calls->largest)
            calls->largest = calls->calls[i].size;
    }
    calls->in_order = true;
    r->counts.calls = calls->count;
    return true;
}

struct load_calls *load_recording_calls(const struct load_capture *capture, const char *path,
                                        struct load_recording_counts *ret_counts)
{
    struct recording r = {.path = path, .calls = calloc(1, sizeof *r.calls)};
    bool good = r.calls != NULL;
    for (unsigned i = 0; good && i < capture->count; i++) {
        r.connection = &capture->connections[i];
        good = read_connection(&r);
    }
    good = good && finish(&r);
    free(r.ids);
    *ret_counts = r.counts;
    if (good)
        return r.calls;
    load_calls_destroy(r.calls);
    return NULL;
}

struct load_calls *load_recording_load(const char *path, uint16_t port, bool quiet)
{
    struct load_recording_counts counts;
    struct load_capture *capture = load_capture_read(path, port);
    if (!capture)
        return NULL;
    struct load_calls *calls = load_recording_calls(capture, path, &counts);
    load_capture_free(capture);
    if (calls && !quiet)
        base_info("%s: %u calls of %u connections; left out: %u with a verifier, %u with an entry "
                  "handle, %u of contexts whose bind is not there, %u not whole, %u too large; %u "
                  "connections lack a segment",
                  path, counts.calls, counts.connections, counts.authenticated, counts.handles,
                  counts.unbound, counts.interrupted, counts.large, counts.broken);
    return calls;
}
