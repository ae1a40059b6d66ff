// bind and alter_context: presentation contexts, features, fragment sizes, groups
// (C706 12.6.4.1, 12.6.4.3; [MS-RPCE] 2.2.2.14 and 3.3.1.5.x).
#include <string.h>

#include "base/bytes.h"
#include "base/siphash.h"
#include "rpc/group.h"
#include "rpc/server.h"

enum {
    ELEMENT_SIZE = 24, // a context element without its transfer syntaxes
    SYNTAX_SIZE = 20,
    RESULT_SIZE = 24,
    CONTEXT_COUNT_AT = 24, // a bind without contexts may end here
    ADDRESS_AT = 26,
    PORT_TEXT_SIZE = 6, // five digits and the NUL
    // Bind-time features: security-context multiplexing (1) costs nothing where there is no
    // security context; keeping the connection on `orphaned` (2) is what request.c does anyway.
    FEATURES_SERVED = 3,
};

enum verdict {
    VERDICT_OK,
    VERDICT_TRUNCATED, // the PDU ends inside an element
    VERDICT_BROKEN,    // a protocol error
};

// A bind or alter_context while it is taken apart and answered.
struct negotiation {
    struct rpc_server *server;
    struct rpc_association *association;
    const struct rpc_header *header;
    const uint8_t *pdu;
    uint32_t end; // of the body; an authentication trailer is refused before
    bool bind;
    bool accepted; // a context of this PDU
    bool created;  // and it was new
    bool features; // were negotiated in this PDU
    uint8_t *results;
};

// One context element; `transfer` are `transfers` syntaxes of 20 octets.
struct element {
    uint16_t id;
    uint8_t transfers;
    struct ndr_syntax_id abstract;
    const uint8_t *transfer;
};

static void put_result(struct negotiation *n, uint16_t result, uint16_t reason,
                       const struct ndr_syntax_id *syntax)
{
    memset(n->results, 0, RESULT_SIZE);
    base_store_le16(n->results, result);
    base_store_le16(n->results + 2, reason);
    if (syntax)
        rpc_write_syntax(n->results + 4, syntax);
    n->results += RESULT_SIZE;
}

// [MS-RPCE] 3.3.1.5.3: the feature bits ride in a UUID that begins 6cb71c2c-9812-4540.
static bool is_features(const struct ndr_syntax_id *id)
{
    static const uint8_t prefix[8] = {0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45};
    return memcmp(id->uuid.bytes, prefix, sizeof prefix) == 0 && id->major == 1 && id->minor == 0;
}

static struct ndr_syntax_id transfer_at(const struct negotiation *n, const struct element *e,
                                        unsigned i)
{
    return rpc_read_syntax(e->transfer + i * SYNTAX_SIZE, n->header->big_endian);
}

static int find_interface(const struct negotiation *n, const struct ndr_syntax_id *abstract)
{
    for (unsigned i = 0; i < n->server->interface_count; i++) {
        const struct ndr_syntax_id *id = &n->server->options.interfaces[i]->id;
        // C706 6.1: the same major version, and at least the client's minor version.
        if (base_uuid_equal(&id->uuid, &abstract->uuid) && id->major == abstract->major &&
            id->minor >= abstract->minor)
            return (int)i;
    }
    return -1;
}

static void put_accepted(struct negotiation *n, enum ndr_syntax syntax)
{
    n->accepted = true;
    put_result(n, RPC_RESULT_ACCEPT, RPC_REASON_NOT_SPECIFIED,
               syntax == NDR_SYNTAX_64 ? &ndr_syntax_id_64 : &ndr_syntax_id_20);
}

// A context the association has already: offered again it is confirmed, in another meaning it is
// a protocol error.
static enum verdict confirm(struct negotiation *n, const struct element *e,
                            const struct rpc_context *context, int interface)
{
    if (interface != context->interface)
        return VERDICT_BROKEN;
    bool offered = false, another = false;
    for (unsigned i = 0; i < e->transfers; i++) {
        struct ndr_syntax_id id = transfer_at(n, e, i);
        enum ndr_syntax syntax;
        if (!ndr_syntax_from_id(&id, &syntax))
            continue;
        offered |= syntax == context->syntax;
        another |= syntax != context->syntax;
    }
    if (!offered && another)
        return VERDICT_BROKEN;
    if (!offered || n->accepted) {
        put_result(n, RPC_RESULT_PROVIDER_REJECTION, RPC_REASON_TRANSFER_SYNTAXES, NULL);
        return VERDICT_OK;
    }
    put_accepted(n, (enum ndr_syntax)context->syntax);
    return VERDICT_OK;
}

// The first offered transfer syntax that is served: NDR 2.0 and NDR64 are, for every interface.
static bool choose_syntax(const struct negotiation *n, const struct element *e,
                          enum ndr_syntax *ret_syntax)
{
    for (unsigned i = 0; i < e->transfers; i++) {
        struct ndr_syntax_id id = transfer_at(n, e, i);
        if (ndr_syntax_from_id(&id, ret_syntax))
            return true;
    }
    return false;
}

// A new context. One PDU gets one context accepted and no more, as Windows does it.
static void create(struct negotiation *n, const struct element *e, int interface)
{
    enum ndr_syntax syntax;
    if (n->accepted || !choose_syntax(n, e, &syntax)) {
        put_result(n, RPC_RESULT_PROVIDER_REJECTION, RPC_REASON_TRANSFER_SYNTAXES, NULL);
        return;
    }
    const struct rpc_context context = {
        .id = e->id, .interface = (uint8_t)interface, .syntax = (uint8_t)syntax};
    if (!rpc_context_add(n->server, n->association, &context)) {
        put_result(n, RPC_RESULT_PROVIDER_REJECTION, RPC_REASON_LOCAL_LIMIT, NULL);
        return;
    }
    n->created = true;
    put_accepted(n, syntax);
}

static enum verdict negotiate_features(struct negotiation *n, const struct ndr_syntax_id *offer)
{
    if (n->features)
        return VERDICT_BROKEN;
    n->features = true;
    uint16_t granted = (uint16_t)(base_load_le64(offer->uuid.bytes + 8) & FEATURES_SERVED);
    put_result(n, RPC_RESULT_NEGOTIATE_ACK, granted, NULL);
    return VERDICT_OK;
}

static enum verdict negotiate(struct negotiation *n, const struct element *e)
{
    if (e->transfers == 0)
        return VERDICT_BROKEN;
    struct ndr_syntax_id first = transfer_at(n, e, 0);
    if (n->bind && is_features(&first))
        return negotiate_features(n, &first);
    int interface = find_interface(n, &e->abstract);
    const struct rpc_context *context = rpc_context_find(n->association, e->id);
    if (interface < 0) {
        put_result(n, RPC_RESULT_PROVIDER_REJECTION, RPC_REASON_ABSTRACT_SYNTAX, NULL);
        return VERDICT_OK;
    }
    if (context)
        return confirm(n, e, context, interface);
    create(n, e, interface);
    return VERDICT_OK;
}

static enum verdict negotiate_all(struct negotiation *n)
{
    uint32_t at = RPC_BIND_HEADER_SIZE;
    if (n->end < at)
        return VERDICT_TRUNCATED;
    for (unsigned left = n->pdu[CONTEXT_COUNT_AT]; left > 0; left--) {
        if (n->end - at < ELEMENT_SIZE)
            return VERDICT_TRUNCATED;
        const uint8_t *p = n->pdu + at;
        const struct element e = {
            .id = rpc_read_u16(p, n->header->big_endian),
            .transfers = p[2],
            .abstract = rpc_read_syntax(p + 4, n->header->big_endian),
            .transfer = p + ELEMENT_SIZE,
        };
        at += ELEMENT_SIZE;
        if (n->end - at < (uint32_t)e.transfers * SYNTAX_SIZE)
            return VERDICT_TRUNCATED;
        at += e.transfers * (uint32_t)SYNTAX_SIZE;
        enum verdict verdict = negotiate(n, &e);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

// One size for both directions, a multiple of 8 ([MS-RPCE] 3.3.1.5.2, as Windows and Samba do it).
static uint16_t negotiate_size(uint16_t transmit, uint16_t receive)
{
    uint16_t size = transmit < receive ? transmit : receive;
    if (size < RPC_FRAGMENT_MIN)
        size = RPC_FRAGMENT_MIN;
    if (size > RPC_FRAGMENT_MAX)
        size = RPC_FRAGMENT_MAX;
    return size & 0xfff8;
}

// Where the results of an answer with this secondary address begin.
static uint32_t results_at(uint32_t address_size)
{
    return (ADDRESS_AT + address_size + 3) & ~3u;
}

// Writes everything in front of the results, and the length, and sends it.
static void send_answer(struct negotiation *n, uint8_t *pdu, const char *address,
                        uint32_t address_size)
{
    struct rpc_association *association = n->association;
    uint8_t flags = RPC_WHOLE;
    if (n->header->flags & RPC_HEADER_SIGN)
        flags |= RPC_HEADER_SIGN;
    if ((n->header->flags & RPC_CONC_MPX) && n->created) {
        association->multiplex = true;
        flags |= RPC_CONC_MPX;
    }
    uint32_t length = (uint32_t)(n->results - pdu);
    rpc_write_header(pdu, n->bind ? RPC_BIND_ACK : RPC_ALTER_CONTEXT_RESP, flags, (uint16_t)length,
                     n->header->call_id);
    base_store_le16(pdu + 16, association->max_fragment);
    base_store_le16(pdu + 18, association->max_fragment);
    base_store_le32(pdu + 20, association->group);
    base_store_le16(pdu + 24, (uint16_t)address_size);
    uint32_t results = results_at(address_size);
    memset(pdu + ADDRESS_AT, 0, results - ADDRESS_AT);
    memcpy(pdu + ADDRESS_AT, address, address_size);
    base_store_le32(pdu + results, n->pdu[CONTEXT_COUNT_AT]); // and 3 reserved octets
    n->server->counters[n->bind ? RPC_BINDS : RPC_ALTERS]++;
    rpc_send(n->server, association, pdu, length);
}

static void refuse_bind(struct rpc_server *server, struct rpc_association *association,
                        const struct rpc_header *header, uint16_t nak, enum rpc_counter reason)
{
    server->counters[reason]++;
    rpc_send_nak(server, association, header->call_id, nak);
    rpc_finish(server, association);
}

// Whether the contexts leave room for what begins at `end`, at least RPC_BIND_HEADER_SIZE.
static bool contexts_end_before(const uint8_t *pdu, uint32_t end)
{
    uint32_t at = RPC_BIND_HEADER_SIZE;
    for (unsigned left = pdu[CONTEXT_COUNT_AT]; left > 0; left--) {
        if (end - at < ELEMENT_SIZE)
            return false;
        uint32_t size = ELEMENT_SIZE + pdu[at + 2] * (uint32_t)SYNTAX_SIZE;
        if (end - at < size)
            return false;
        at += size;
    }
    return true;
}

// What a server without authentication answers to a bind with a trailer ([MS-RPCE] 2.2.2.11).
static void refuse_bind_auth(struct rpc_server *server, struct rpc_association *association,
                             const uint8_t *pdu, const struct rpc_header *header)
{
    uint32_t trailer = header->auth_length + 8u;
    uint16_t nak = RPC_NAK_PROTOCOL_VERSION;
    if (header->frag_length >= RPC_BIND_HEADER_SIZE + trailer &&
        contexts_end_before(pdu, header->frag_length - trailer)) {
        uint8_t level = pdu[header->frag_length - trailer + 1];
        nak = level >= 2 && level <= 6 ? RPC_NAK_AUTH_TYPE : RPC_NAK_NOT_SPECIFIED;
    }
    refuse_bind(server, association, header, nak, RPC_DROP_AUTH);
}

// Joins the group the client names, or makes one. False: refused.
static bool enter_group(struct rpc_server *server, struct rpc_association *association,
                        const uint8_t *pdu, const struct rpc_header *header)
{
    const struct rpc_options *options = &server->options;
    uint64_t client =
        base_siphash(options->secret, association->peer.address, sizeof association->peer.address);
    uint32_t id = rpc_read_u32(pdu + 20, header->big_endian);
    if (id == 0) {
        association->group = rpc_group_new(options->groups, options->worker, client);
        if (association->group)
            return true;
        refuse_bind(server, association, header, RPC_NAK_LOCAL_LIMIT, RPC_DROP_GROUPS_FULL);
        return false;
    }
    if (rpc_group_join(options->groups, id, client)) {
        association->group = id;
        return true;
    }
    refuse_bind(server, association, header, RPC_NAK_NOT_SPECIFIED, RPC_DROP_GROUP);
    return false;
}

// The secondary address of a TCP endpoint: its port in decimal. Returns its size with the NUL.
static uint32_t format_port(uint16_t port, char text[PORT_TEXT_SIZE])
{
    char digits[PORT_TEXT_SIZE];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + port % 10);
        port /= 10;
    } while (port);
    for (uint32_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    text[count] = '\0';
    return count + 1;
}

static void drop_truncated(struct rpc_server *server, struct rpc_association *association)
{
    server->counters[RPC_DROP_TRUNCATED]++;
    rpc_finish(server, association);
}

void rpc_bind_serve(struct rpc_server *server, struct rpc_association *association,
                    const uint8_t *pdu, const struct rpc_header *header)
{
    if (header->auth_length) {
        refuse_bind_auth(server, association, pdu, header);
        return;
    }
    if (header->frag_length <= CONTEXT_COUNT_AT) {
        drop_truncated(server, association);
        return;
    }
    char address[PORT_TEXT_SIZE];
    uint32_t address_size = format_port(association->peer.local_port, address);
    struct negotiation n = {
        .server = server,
        .association = association,
        .header = header,
        .pdu = pdu,
        .end = header->frag_length,
        .bind = true,
        .results = server->scratch + results_at(address_size) + 4,
    };
    enum verdict verdict = pdu[CONTEXT_COUNT_AT] ? negotiate_all(&n) : VERDICT_BROKEN;
    if (verdict == VERDICT_TRUNCATED) {
        drop_truncated(server, association);
        return;
    }
    if (verdict == VERDICT_BROKEN) {
        refuse_bind(server, association, header, RPC_NAK_NOT_SPECIFIED, RPC_DROP_BAD_BIND);
        return;
    }
    const struct rpc_inject_rule *rule =
        __builtin_expect(server->inject != NULL, 0) ? rpc_inject_bind(server, association) : NULL;
    if (rule && rule->action == RPC_INJECT_BIND_NAK) {
        rpc_send_nak(server, association, header->call_id, rule->reason);
        rpc_finish(server, association);
        return;
    }
    if (!enter_group(server, association, pdu, header))
        return;
    rpc_set_fragment(association, negotiate_size(rpc_read_u16(pdu + 16, header->big_endian),
                                                 rpc_read_u16(pdu + 18, header->big_endian)));
    association->legacy_flags = !(header->flags & RPC_WHOLE);
    association->header_sign = header->flags & RPC_HEADER_SIGN;
    association->state = RPC_STATE_BOUND;
    send_answer(&n, server->scratch, address, address_size);
    if (rule && association->state != RPC_STATE_CLOSED) {
        association->state = RPC_STATE_CLOSED;
        server->options.stream.reset(association->stream);
    }
}

static void refuse_alter(struct rpc_server *server, struct rpc_association *association,
                         const struct rpc_header *header, uint32_t status, enum rpc_counter reason)
{
    const struct rpc_fault fault = {
        .status = status, .call_id = header->call_id, .flags = RPC_WHOLE | RPC_DID_NOT_EXECUTE};
    server->counters[reason]++;
    rpc_send_fault(server, association, &fault);
    rpc_finish(server, association);
}

void rpc_alter_serve(struct rpc_server *server, struct rpc_association *association,
                     const uint8_t *pdu, const struct rpc_header *header)
{
    if (header->auth_length) {
        refuse_alter(server, association, header, RPC_FAULT_ACCESS_DENIED, RPC_DROP_AUTH);
        return;
    }
    if (header->frag_length <= CONTEXT_COUNT_AT) {
        drop_truncated(server, association);
        return;
    }
    // Sizes and group of an alter_context are not looked at: those of the bind stand.
    struct negotiation n = {
        .server = server,
        .association = association,
        .header = header,
        .pdu = pdu,
        .end = header->frag_length,
        .results = server->scratch + results_at(0) + 4,
    };
    enum verdict verdict = pdu[CONTEXT_COUNT_AT] ? negotiate_all(&n) : VERDICT_BROKEN;
    if (verdict == VERDICT_TRUNCATED)
        drop_truncated(server, association);
    else if (verdict == VERDICT_BROKEN)
        refuse_alter(server, association, header, RPC_FAULT_PROTOCOL_ERROR, RPC_DROP_BAD_ALTER);
    else
        send_answer(&n, server->scratch, "", 0);
}
