// epmapper 3.0 (C706 appendix O; [MS-RPCE] 2.2.1.2 and 3.1.2.5.1), the reading operations.
#include "rpc/epmapper.h"

#include <string.h>

#include "base/bytes.h"
#include "rpc/server.h"

// ---- ept_map

// Calls that go through the stages together: enough for their cache misses to overlap, few enough
// for what is passed from stage to stage to stay in the nearest cache.
enum { MAP_STAGE = MAPPER_FIND_MAX };

// What tells one ept_map question from another, for the fingerprint in its handle.
struct map_question {
    struct base_uuid interface, transfer, object;
    uint64_t protseq_key;
    uint16_t versions[4];
    uint32_t kind; // 1: keeps map and lookup handles apart
};

static uint32_t map_fingerprint(const struct rpc_server *server, const struct ndr_epm_map *map)
{
    struct map_question question;
    memset(&question, 0, sizeof question);
    question.interface = map->interface.uuid;
    question.transfer = map->transfer.uuid;
    question.object = map->object;
    question.protseq_key = map->protseq_key;
    question.versions[0] = map->interface.major;
    question.versions[1] = map->interface.minor;
    question.versions[2] = map->transfer.major;
    question.versions[3] = map->transfer.minor;
    question.kind = 1;
    return rpc_handle_fingerprint(server, &question, sizeof question);
}

static enum rpc_map_verdict no_towers(struct rpc_map_work *work, uint32_t status)
{
    work->status = status;
    return RPC_MAP_STATUS;
}

// Turns a decoded request into a question for the map, or says why there is none.
static enum rpc_map_verdict make_query(struct rpc_server *server, const struct rpc_call *call,
                                       const struct ndr_epm_map *map, struct mapper_query *query,
                                       struct rpc_map_work *work)
{
    if (!map->valid)
        return RPC_MAP_BAD_STUB;
    if (map->tower_octets && map->tower_reason != NDR_TOWER_OK)
        return RPC_MAP_BAD_STUB;
    uint32_t fingerprint = 0;
    work->continued = !rpc_handle_is_null(&map->handle);
    if (work->continued &&
        !rpc_handle_open(server, call->association, &map->handle, &work->cursor, &fingerprint))
        return RPC_MAP_BAD_HANDLE;
    if (!map->tower_octets)
        return no_towers(work, NDR_EPM_STATUS_NOT_REGISTERED);
    if (map->max_towers == 0)
        return no_towers(work, NDR_EPM_STATUS_CANT_PERFORM_OP);
    *query = (struct mapper_query){
        .interface = map->interface,
        .transfer = map->transfer,
        .protseq_key = map->protseq_key,
        .object = map->object,
        .max = map->max_towers,
    };
    if (!work->continued)
        return RPC_MAP_ANSWER;
    if (fingerprint != map_fingerprint(server, map))
        return no_towers(work, NDR_EPM_STATUS_INVALID_CONTEXT);
    query->position = work->cursor.position;
    return RPC_MAP_ANSWER;
}

// Asks the map for `count` calls whose replies do not stand ready; their answers begin at `row`.
static void map_ask(struct rpc_server *server, struct rpc_call *const *calls, unsigned row,
                    unsigned count)
{
    struct mapper_query queries[MAP_STAGE];
    unsigned asked = 0;
    for (unsigned i = 0; i < count; i++) {
        struct rpc_map_work *work = &server->map_work[calls[i]->slot];
        work->continued = false;
        work->answer = (uint8_t)(row + asked);
        work->verdict =
            make_query(server, calls[i], &server->maps[work->map], &queries[asked], work);
        asked += work->verdict == RPC_MAP_ANSWER;
    }
    mapper_replica_map(server->options.replica, queries, server->answers + row, asked);
}

// Takes `count` calls through the stages; their rows in server->maps and server->answers begin at
// `row`.
static void map_stages(struct rpc_server *server, struct rpc_call *const *calls, unsigned row,
                       unsigned count)
{
    struct ndr_stub stubs[MAP_STAGE];
    struct rpc_call *others[MAP_STAGE];
    for (unsigned i = 0; i < count; i++)
        stubs[i] = calls[i]->stub;
    ndr_epm_decode_map(stubs, count, server->maps + row);
    unsigned left = rpc_epmapper_find_ready(server, calls, row, count, others);
    if (left)
        map_ask(server, others, row, left);
}

static void map_prepare(struct rpc_server *server, struct rpc_call **calls, unsigned count)
{
    for (unsigned row = 0; row < count; row += MAP_STAGE)
        map_stages(server, calls + row, row, count - row < MAP_STAGE ? count - row : MAP_STAGE);
}

static const struct mapper_answer *answer_of(const struct rpc_server *server,
                                             const struct rpc_map_work *work)
{
    static const struct mapper_answer none = {.next = MAPPER_END};
    return work->verdict == RPC_MAP_ANSWER ? &server->answers[work->answer] : &none;
}

static uint32_t tower_spans(const struct mapper_answer *answer, struct ndr_epm_tower_span *spans)
{
    for (uint32_t i = 0; i < answer->count; i++) {
        spans[i].octets = answer->entries[i]->tower;
        spans[i].size = answer->entries[i]->tower_size;
    }
    return answer->count;
}

// The entry with another port, in `to`; one without a port is left as it is.
static const struct mapper_entry *divert(const struct mapper_entry *entry, struct mapper_entry *to,
                                         uint16_t port)
{
    struct ndr_tower tower;
    memcpy(to, entry, sizeof *entry + entry->reply_size);
    to->tower = to->reply + NDR_EPM_READY_TOWER;
    if (ndr_tower_parse(to->tower, to->tower_size, &tower) != NDR_TOWER_OK)
        return entry;
    for (unsigned i = 0; i < tower.floors; i++) {
        const struct ndr_floor *floor = &tower.floor[i];
        uint8_t protocol = floor->lhs[0];
        if (floor->rhs_size == 2 && (protocol == NDR_PROTOCOL_TCP || protocol == NDR_PROTOCOL_UDP ||
                                     protocol == NDR_PROTOCOL_HTTP))
            base_store_be16(to->reply + (floor->rhs - to->reply), port);
    }
    return to;
}

void rpc_epmapper_divert(struct rpc_server *server, const struct rpc_call *call, uint16_t port)
{
    const struct rpc_map_work *work = &server->map_work[call->slot];
    rpc_epmapper_forget_ready(server, call);
    if (work->verdict != RPC_MAP_ANSWER)
        return;
    struct mapper_answer *answer = &server->answers[work->answer];
    for (uint32_t i = 0; i < answer->count; i++)
        answer->entries[i] = divert(answer->entries[i], &server->diverted[i].entry, port);
}

static uint32_t map_reply_size(struct rpc_server *server, const struct rpc_call *call)
{
    struct rpc_map_work *work = &server->map_work[call->slot];
    rpc_epmapper_forget_ready(server, call);
    // A call before it in the batch may have closed the cursor since rpc_prepare.
    if (work->continued && work->verdict != RPC_MAP_BAD_STUB &&
        !rpc_handle_is_live(server, call->association, &work->cursor))
        work->verdict = RPC_MAP_BAD_HANDLE;
    if (work->verdict == RPC_MAP_BAD_STUB || work->verdict == RPC_MAP_BAD_HANDLE)
        return 0;
    struct ndr_epm_tower_span spans[MAPPER_ANSWER_MAX];
    uint32_t count = tower_spans(answer_of(server, work), spans);
    return ndr_epm_map_reply_size(spans, count, call->stub.syntax);
}

// The handle that goes back: null at the end, otherwise one that continues at answer->next.
static void map_continue(struct rpc_server *server, const struct rpc_call *call,
                         struct rpc_map_work *work, const struct mapper_answer *answer,
                         struct ndr_context_handle *ret_handle)
{
    const struct rpc_association *association = call->association;
    memset(ret_handle, 0, sizeof *ret_handle);
    if (answer->next == MAPPER_END) {
        if (work->continued)
            rpc_handle_close(server, association, &work->cursor);
        return;
    }
    if (!work->continued)
        work->cursor = rpc_handle_new(server, association);
    work->cursor.position = answer->next;
    uint32_t fingerprint = map_fingerprint(server, &server->maps[work->map]);
    *ret_handle = rpc_handle_seal(server, association, &work->cursor, fingerprint);
}

static uint32_t map_serve(struct rpc_server *server, struct rpc_call *call,
                          struct ndr_writer *reply)
{
    struct rpc_map_work *work = &server->map_work[call->slot];
    server->counters[RPC_EPM_MAP]++;
    if (work->verdict == RPC_MAP_BAD_STUB)
        return RPC_FAULT_BAD_STUB_DATA;
    if (work->verdict == RPC_MAP_BAD_HANDLE)
        return RPC_FAULT_CONTEXT_MISMATCH;
    const struct ndr_epm_map *map = &server->maps[work->map];
    const struct mapper_answer *answer = answer_of(server, work);
    uint32_t status = work->verdict == RPC_MAP_ANSWER ? answer->status : work->status;
    struct ndr_epm_tower_span spans[MAPPER_ANSWER_MAX];
    uint32_t count = tower_spans(answer, spans);
    struct ndr_context_handle handle = map->handle; // a question without an answer leaves it alone
    if (work->verdict == RPC_MAP_ANSWER)
        map_continue(server, call, work, answer, &handle);
    server->counters[RPC_EPM_MAP_FOUND] += count > 0;
    ndr_epm_encode_map_reply(reply, &handle, map->max_towers, map->highest_referent + 1, spans,
                             count, status);
    return RPC_SERVED;
}

// ---- ept_lookup

// How an enumeration ends on the wire. Peers disagree, and no single rule suits all of them.
enum lookup_ending {
    // C706 and Windows look ahead: the last page has status 0 and a null handle. impacket drops the
    // whole list when it sees any other status.
    LOOKUP_ENDS_AHEAD,
    // Samba's programs ask for version option 0 ("all" in their numbering) and at most 10 entries.
    // rpcclient loops until the status is not 0 and takes a null handle for a new beginning;
    // smbtorture wants NOT_REGISTERED together with the last, partial page.
    LOOKUP_ENDS_BEHIND,
};

enum { SAMBA_PAGE_MAX = 10 };

struct lookup {
    struct ndr_epm_lookup request;
    struct mapper_inquiry inquiry;
    enum lookup_ending ending;
    bool continued;
    struct rpc_cursor cursor;
    uint32_t fingerprint;
    // The page.
    uint32_t count;
    uint32_t next;
    uint32_t status;
    struct ndr_context_handle handle;
};

static uint32_t lookup_fingerprint(const struct rpc_server *server,
                                   const struct mapper_inquiry *inquiry)
{
    struct {
        struct base_uuid object, interface;
        uint32_t type, versions, kind;
        uint16_t major, minor;
    } question;
    memset(&question, 0, sizeof question);
    question.object = inquiry->object;
    question.interface = inquiry->interface.uuid;
    question.type = inquiry->type;
    question.versions = inquiry->versions;
    question.kind = 2;
    question.major = inquiry->interface.major;
    question.minor = inquiry->interface.minor;
    return rpc_handle_fingerprint(server, &question, sizeof question);
}

// What is asked, as the map understands it. Returns a status for a question that has no answer.
static uint32_t make_inquiry(struct lookup *lookup)
{
    const struct ndr_epm_lookup *request = &lookup->request;
    struct mapper_inquiry *inquiry = &lookup->inquiry;
    memset(inquiry, 0, sizeof *inquiry);
    // As Windows: a type nobody defined asks for everything.
    inquiry->type = request->inquiry_type <= NDR_EPM_INQUIRY_BY_BOTH
                        ? (enum ndr_epm_inquiry)request->inquiry_type
                        : NDR_EPM_INQUIRY_ALL;
    inquiry->versions = NDR_EPM_VERSIONS_ALL;
    if (inquiry->type & NDR_EPM_INQUIRY_BY_OBJECT)
        inquiry->object = request->object;
    if (inquiry->type & NDR_EPM_INQUIRY_BY_INTERFACE) {
        if (!request->has_interface)
            return NDR_EPM_STATUS_NOT_REGISTERED;
        if (request->vers_option > NDR_EPM_VERSIONS_UPTO)
            return NDR_EPM_STATUS_INVALID_VERS_OPTION;
        if (request->vers_option)
            inquiry->versions = (enum ndr_epm_version_option)request->vers_option;
        inquiry->interface = request->interface;
    }
    if (request->max_ents == 0)
        return NDR_EPM_STATUS_CANT_PERFORM_OP;
    bool samba = request->vers_option == 0 && request->max_ents <= SAMBA_PAGE_MAX &&
                 request->inquiry_type == NDR_EPM_INQUIRY_ALL;
    lookup->ending = samba ? LOOKUP_ENDS_BEHIND : LOOKUP_ENDS_AHEAD;
    return 0;
}

// Fills server->views with as many entries as were asked for and fit the reply stub.
static void fill_page(struct rpc_server *server, struct lookup *lookup, uint32_t position,
                      enum ndr_syntax syntax)
{
    enum { FIXED = 64 }; // handle, counts and status
    lookup->count = mapper_replica_lookup(server->options.replica, &lookup->inquiry, position,
                                          server->found, lookup->request.max_ents, &lookup->next);
    uint32_t room = RPC_STUB_MAX - FIXED;
    for (uint32_t i = 0; i < lookup->count; i++) {
        server->views[i] = mapper_entry_view(server->found[i]);
        uint32_t size = ndr_epm_entry_size(&server->views[i], syntax);
        if (size > room) {
            lookup->count = i;
            lookup->next = server->found[i]->slot;
            return;
        }
        room -= size;
    }
}

// Whether the enumeration goes on after this page, and the page's status.
static bool ends(struct lookup *lookup)
{
    bool full = lookup->count == lookup->request.max_ents;
    bool more = lookup->next != MAPPER_END;
    if (lookup->count == 0)
        lookup->status = NDR_EPM_STATUS_NOT_REGISTERED;
    if (lookup->ending == LOOKUP_ENDS_AHEAD || lookup->count == 0)
        return !more;
    if (full || more)
        return false;
    lookup->status = NDR_EPM_STATUS_NOT_REGISTERED;
    return true;
}

static void lookup_page(struct rpc_server *server, const struct rpc_association *association,
                        struct lookup *lookup, enum ndr_syntax syntax)
{
    fill_page(server, lookup, lookup->continued ? lookup->cursor.position : 0, syntax);
    if (ends(lookup)) {
        if (lookup->continued)
            rpc_handle_close(server, association, &lookup->cursor);
        return;
    }
    if (!lookup->continued)
        lookup->cursor = rpc_handle_new(server, association);
    lookup->cursor.position = lookup->next;
    lookup->handle = rpc_handle_seal(server, association, &lookup->cursor, lookup->fingerprint);
}

static uint32_t lookup_serve(struct rpc_server *server, struct rpc_call *call,
                             struct ndr_writer *reply)
{
    struct lookup lookup = {.next = MAPPER_END};
    server->counters[RPC_EPM_LOOKUP]++;
    if (!ndr_epm_decode_lookup(&call->stub, &lookup.request))
        return RPC_FAULT_BAD_STUB_DATA;
    lookup.status = make_inquiry(&lookup);
    lookup.fingerprint = lookup_fingerprint(server, &lookup.inquiry);
    uint32_t fingerprint = lookup.fingerprint;
    lookup.continued = !rpc_handle_is_null(&lookup.request.handle);
    if (lookup.continued && !rpc_handle_open(server, call->association, &lookup.request.handle,
                                             &lookup.cursor, &fingerprint))
        return RPC_FAULT_CONTEXT_MISMATCH;
    if (fingerprint != lookup.fingerprint)
        lookup.status = NDR_EPM_STATUS_INVALID_CONTEXT;
    if (lookup.status != 0)
        lookup.handle = lookup.request.handle; // still live: the client's to continue or to free
    else
        lookup_page(server, call->association, &lookup, call->stub.syntax);
    ndr_epm_encode_lookup_reply(reply, &lookup.handle, lookup.request.max_ents,
                                lookup.request.highest_referent + 1, server->views, lookup.count,
                                lookup.status);
    return RPC_SERVED;
}

// ---- ept_lookup_handle_free, ept_inq_object

static uint32_t handle_free_serve(struct rpc_server *server, struct rpc_call *call,
                                  struct ndr_writer *reply)
{
    struct ndr_context_handle handle;
    if (!ndr_epm_decode_handle(&call->stub, &handle))
        return RPC_FAULT_BAD_STUB_DATA;
    if (!rpc_handle_is_null(&handle)) {
        struct rpc_cursor cursor;
        uint32_t fingerprint;
        if (!rpc_handle_open(server, call->association, &handle, &cursor, &fingerprint))
            return RPC_FAULT_CONTEXT_MISMATCH;
        rpc_handle_close(server, call->association, &cursor);
    }
    ndr_epm_encode_handle_free_reply(reply, NDR_EPM_STATUS_OK);
    return RPC_SERVED;
}

static uint32_t inq_object_serve(struct rpc_server *server, struct rpc_call *call,
                                 struct ndr_writer *reply)
{
    (void)call;
    ndr_epm_encode_inq_object_reply(reply, &server->options.object, NDR_EPM_STATUS_OK);
    return RPC_SERVED;
}

// These write no reply stub aside: they answer later, in place, or with a fault.
enum { FAULT_ONLY = 1 };

static const struct rpc_operation operations[NDR_EPM_OPERATION_COUNT] = {
    [NDR_EPM_INSERT] = {.name = "ept_insert",
                        .serve = rpc_epmapper_insert,
                        .reply_max = FAULT_ONLY},
    [NDR_EPM_DELETE] = {.name = "ept_delete",
                        .serve = rpc_epmapper_delete,
                        .reply_max = FAULT_ONLY},
    [NDR_EPM_LOOKUP] = {.name = "ept_lookup", .serve = lookup_serve},
    [NDR_EPM_MAP] = {.name = "ept_map",
                     .serve = map_serve,
                     .prepare = map_prepare,
                     .answer_ready = rpc_epmapper_answer_ready,
                     .reply_size = map_reply_size,
                     .reply_max = FAULT_ONLY},
    [NDR_EPM_LOOKUP_HANDLE_FREE] = {.name = "ept_lookup_handle_free",
                                    .serve = handle_free_serve,
                                    .reply_max = 24},
    [NDR_EPM_INQ_OBJECT] = {.name = "ept_inq_object", .serve = inq_object_serve, .reply_max = 20},
    [NDR_EPM_MGMT_DELETE] = {.name = "ept_mgmt_delete",
                             .serve = rpc_epmapper_mgmt_delete,
                             .reply_max = FAULT_ONLY},
};

const struct rpc_interface rpc_epmapper = {
    .name = "epmapper",
    .id = {.uuid = BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0,
                             0xfa),
           .major = 3},
    .operations = operations,
    .operation_count = NDR_EPM_OPERATION_COUNT,
};
