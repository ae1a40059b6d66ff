// Requests and answers of a connection.
#include <string.h>

#include "base/bytes.h"
#include "load/connection.h"
#include "rpc/pdu.h"

enum { STATUS_AT = 24 }; // of a fault

// ---- requests

// The next call id whose flight is free. Answers that overtake each other leave gaps.
static struct load_flight *take_flight(struct load_generator *g, struct load_connection *c)
{
    struct load_flight *flight;
    do {
        c->last_id += 1 + (c->last_id == UINT32_MAX); // 0 marks a free flight
        flight = &c->flights[c->last_id & g->flight_mask];
    } while (flight->call_id != 0);
    return flight;
}

// Some row of the mix that pages through the map.
static unsigned paging_call(const struct load_generator *g)
{
    unsigned call = 0;
    while (g->calls->calls[call].handle_at == 0)
        call++;
    return call;
}

// Writes a call to `to`, which has room for the largest.
static uint32_t begin_call(struct load_generator *g, struct load_connection *c, uint64_t intended,
                           uint8_t *to)
{
    const struct ndr_context_handle *handle = c->cursors > 0 ? &c->handles[--c->cursors] : NULL;
    unsigned index = handle ? paging_call(g) : load_calls_pick(g->calls, &g->random);
    const struct load_call *call = &g->calls->calls[index];
    struct load_flight *flight = take_flight(g, c);
    *flight = (struct load_flight){
        .intended = intended, .sent = g->now, .call_id = c->last_id, .call = index};
    load_call_write(call, c->last_id, handle, to);
    return call->size;
}

static void book_calls(struct load_generator *g, struct load_connection *c, unsigned count)
{
    c->under_way += count;
    g->under_way += count;
    c->calls_left -= c->calls_left > 0 ? count : 0;
    g->counters[LOAD_CALLS] += count;
}

// A call that may be larger than a segment.
static unsigned send_large(struct load_generator *g, struct load_connection *c, uint64_t intended)
{
    const uint16_t cursors = c->cursors;
    if (!tcp_ensure(c->tcp, g->calls->largest))
        return 0;
    uint32_t size = begin_call(g, c, intended, g->scratch);
    if (tcp_write(c->tcp, g->scratch, size))
        return 1;
    c->flights[c->last_id & g->flight_mask].call_id = 0;
    c->cursors = cursors;
    return 0;
}

unsigned load_send_calls(struct load_generator *g, struct load_connection *c, uint64_t intended,
                         unsigned max)
{
    const uint32_t segment = tcp_segment_room(c->tcp), largest = g->calls->largest;
    unsigned count = 0;
    if (largest <= segment) {
        uint32_t room = max * largest < segment ? max * largest : segment, used = 0;
        uint8_t *to = tcp_reserve(c->tcp, room);
        while (to && count < max && room - used >= largest) {
            used += begin_call(g, c, intended, to + used);
            count++;
        }
        if (to)
            tcp_commit(c->tcp, used);
    } else {
        count = send_large(g, c, intended);
    }
    if (count == 0)
        load_count(g, LOAD_PUT_OFF);
    book_calls(g, c, count);
    return count;
}

// ---- answers

void load_record(struct load_generator *g, uint64_t intended, uint64_t sent, enum load_kind kind)
{
    load_count(g, LOAD_ANSWERS);
    if (g->now >= g->plan.measure && g->now < g->plan.end) {
        g->result.answered++;
        g->result.answers_by_kind[kind]++;
    }
    if (intended < g->plan.measure || intended >= g->plan.end)
        return;
    base_histogram_record(&g->result.latency, g->now - intended);
    base_histogram_record(&g->result.service, g->now - sent);
}

// NULL when no such call is under way.
static struct load_flight *find_flight(const struct load_generator *g,
                                       const struct load_connection *c, uint32_t call_id)
{
    struct load_flight *flight = &c->flights[call_id & g->flight_mask];
    return call_id != 0 && flight->call_id == call_id ? flight : NULL;
}

static void end_flight(struct load_generator *g, struct load_connection *c,
                       struct load_flight *flight)
{
    flight->call_id = 0;
    c->under_way--;
    g->under_way--;
}

static void take_answer(struct load_generator *g, struct load_connection *c, uint32_t call_id,
                        const struct load_answer *answer)
{
    struct load_flight *flight = find_flight(g, c, call_id);
    if (!flight) {
        load_count(g, LOAD_WRONG_CALL);
        return;
    }
    struct load_call *call = &g->calls->calls[flight->call];
    struct ndr_context_handle handle;
    enum load_counter found = load_answer_check(call, answer, &handle);
    end_flight(g, c, flight);
    if (found != LOAD_ANSWERS) {
        load_count(g, found);
        return;
    }
    load_record(g, flight->intended, flight->sent, call->kind);
    static const struct base_uuid nil;
    if (memcmp(&handle.uuid, &nil, sizeof nil) != 0 && c->cursors < g->options.depth) {
        c->handles[c->cursors++] = handle;
        load_count(g, LOAD_PAGES);
    }
}

static bool is_answer(const struct rpc_header *header, uint32_t size)
{
    if (header->version != 5 || header->frag_length != size || header->auth_length != 0)
        return false;
    if (header->ptype == RPC_FAULT)
        return size >= STATUS_AT + 4;
    return header->ptype == RPC_RESPONSE && size >= RPC_RESPONSE_HEADER_SIZE;
}

// One PDU of `size` bytes that is the whole answer.
static bool take_whole(struct load_generator *g, struct load_connection *c, const uint8_t *pdu,
                       uint32_t size)
{
    struct rpc_header header = rpc_header_read(pdu);
    if (!is_answer(&header, size))
        return false;
    struct load_answer answer = {.fault = header.ptype == RPC_FAULT,
                                 .big_endian = header.big_endian};
    if (answer.fault) {
        answer.status = rpc_read_u32(pdu + STATUS_AT, header.big_endian);
    } else {
        answer.stub = pdu + RPC_RESPONSE_HEADER_SIZE;
        answer.stub_size = size - RPC_RESPONSE_HEADER_SIZE;
        answer.pdu = pdu;
        answer.pdu_size = size;
    }
    take_answer(g, c, header.call_id, &answer);
    return true;
}

// The same PDU as the last time the call was answered, and so right.
static bool take_learned(struct load_generator *g, struct load_connection *c, const uint8_t *pdu,
                         uint32_t size)
{
    struct load_flight *flight = find_flight(g, c, base_load_le32(pdu + LOAD_CALL_ID_AT));
    if (!flight || !load_answer_is_learned(&g->calls->calls[flight->call], pdu, size))
        return false;
    end_flight(g, c, flight);
    load_record(g, flight->intended, flight->sent, g->calls->calls[flight->call].kind);
    return true;
}

enum taken { TAKEN, TAKE_MORE, TAKE_WRONG };

// An answer of several fragments, or one that lies across frames: copied together when all of it
// is there, the stubs behind the first header.
static enum taken take_across(struct load_generator *g, struct load_connection *c, uint32_t *at)
{
    uint32_t have = tcp_readable(c->tcp), offset = *at, used = 0, call_id = 0;
    uint8_t start[RPC_RESPONSE_HEADER_SIZE];
    struct rpc_header header;
    do {
        if (have - offset < sizeof start)
            return TAKE_MORE;
        tcp_copy(c->tcp, offset, start, sizeof start);
        header = rpc_header_read(start);
        uint32_t size = header.frag_length;
        if (!is_answer(&header, size))
            return TAKE_WRONG;
        if (have - offset < size)
            return TAKE_MORE;
        uint32_t skip = used == 0 ? 0 : RPC_RESPONSE_HEADER_SIZE;
        bool same = used == 0 || (header.call_id == call_id && header.ptype == RPC_RESPONSE);
        if (!same || size - skip > LOAD_SCRATCH_SIZE - used)
            return TAKE_WRONG;
        tcp_copy(c->tcp, offset + skip, g->scratch + used, size - skip);
        used += size - skip;
        offset += size;
        call_id = header.call_id;
    } while (!(header.flags & RPC_LAST_FRAG));
    *at = offset;
    struct load_answer answer = {.stub = g->scratch + RPC_RESPONSE_HEADER_SIZE,
                                 .stub_size = used - RPC_RESPONSE_HEADER_SIZE,
                                 .big_endian = header.big_endian};
    if (header.ptype == RPC_FAULT)
        return take_whole(g, c, g->scratch, used) ? TAKEN : TAKE_WRONG;
    take_answer(g, c, call_id, &answer);
    return TAKEN;
}

// Answers that lie whole within the span, as long as there are some: little-endian ones of one
// fragment. Returns what they take; *ret_wrong when one broke the protocol.
static uint32_t take_span(struct load_generator *g, struct load_connection *c,
                          const struct tcp_span *span, bool *ret_wrong)
{
    uint32_t at = 0;
    while (!*ret_wrong && span->size - at >= RPC_RESPONSE_HEADER_SIZE) {
        const uint8_t *pdu = span->data + at;
        uint32_t size = base_load_le16(pdu + 8);
        bool whole = size >= RPC_RESPONSE_HEADER_SIZE && size <= span->size - at &&
                     (pdu[3] & RPC_WHOLE) == RPC_WHOLE && (pdu[4] & 0x10);
        if (!whole)
            break;
        *ret_wrong = !take_learned(g, c, pdu, size) && !take_whole(g, c, pdu, size);
        at += size;
    }
    return at;
}

bool load_take_answers(struct load_generator *g, struct load_connection *c)
{
    uint32_t at = 0;
    enum taken taken = TAKEN;
    while (taken == TAKEN) {
        struct tcp_span span = tcp_peek(c->tcp, at);
        bool wrong = false;
        uint32_t used = take_span(g, c, &span, &wrong);
        at += used;
        if (wrong)
            taken = TAKE_WRONG;
        else if (used < span.size)
            taken = take_across(g, c, &at);
        else if (span.size == 0)
            break;
    }
    if (taken == TAKE_WRONG) {
        load_count(g, LOAD_WRONG_PDU);
        return false;
    }
    if (at > 0)
        tcp_consume(c->tcp, at);
    return true;
}
