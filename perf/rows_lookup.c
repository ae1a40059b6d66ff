// ept_lookup: clients that list the whole map again and again by pages of one size, each going on
// with the handle it was given. Every page is decoded and counted.
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/bytes.h"
#include "ndr/kernel.h"
#include "perf/map_load.h"
#include "perf/rows.h"
#include "rpc/client.h"
#include "rpc/pdu.h"

enum {
    CONNECTIONS = 128,
    BURST = 32,
    ENTRIES = 1600, // whole pages of 16 and of 100
    MBUFS = 16383,
    MSS = 1460,
    PAGE_MAX = 100,
    REPLY_MAX = 32 << 10, // octets of a page's reply
    PAGES = 20000,        // a round
    TURNS_MAX = 64,       // in which a page is there, or lost
    HANDLE_SIZE = 20,
};

// What a client is in the middle of.
struct page {
    uint8_t octets[REPLY_MAX];
    uint32_t size;
    bool whole;
    uint32_t listed; // entries since the enumeration began
    uint64_t sum;    // of their interfaces' numbers
    struct ndr_context_handle handle;
};

struct lookups {
    struct memory_workers *memory;
    struct wire_client clients[CONNECTIONS];
    struct page pages[CONNECTIONS];
    uint32_t max_ents;
    unsigned next; // client
    uint64_t asked, right, wrong;
};

static void take_octets(struct wire_client *client, const uint8_t *payload, uint32_t size)
{
    struct lookups *l = client->owner;
    struct page *page = &l->pages[client - l->clients];
    if (size > REPLY_MAX - page->size) {
        l->wrong++;
        return;
    }
    memcpy(page->octets + page->size, payload, size);
    page->size += size;
}

// Puts the fragments' stubs together. Whether the last one is there.
static bool join(const struct page *page, uint8_t stub[REPLY_MAX], uint32_t *ret_size)
{
    struct rpc_client client = rpc_client_init();
    uint32_t at = 0;
    *ret_size = 0;
    while (at < page->size) {
        int length = rpc_pdu_length(page->octets + at, page->size - at);
        if (length <= 0 || (uint32_t)length > page->size - at)
            return false;
        struct rpc_client_reply reply =
            rpc_client_parse(&client, page->octets + at, (size_t)length);
        if (reply.kind != RPC_CLIENT_RESPONSE)
            return false;
        memcpy(stub + *ret_size, reply.stub, reply.stub_size);
        *ret_size += reply.stub_size;
        at += (uint32_t)length;
        if (reply.last)
            return true;
    }
    return false;
}

// An enumeration that is over has listed each interface once.
static bool ended_right(struct page *page)
{
    bool right = page->listed == ENTRIES && page->sum == (uint64_t)ENTRIES * (ENTRIES - 1) / 2;
    page->listed = 0;
    page->sum = 0;
    return right;
}

static bool is_right(struct lookups *l, struct page *page, const struct ndr_stub *stub)
{
    struct ndr_epm_entry entries[PAGE_MAX];
    uint32_t count, status;
    if (!ndr_epm_decode_lookup_reply(stub, &page->handle, entries, l->max_ents, &count, &status) ||
        status != NDR_EPM_STATUS_OK || count != l->max_ents)
        return false;
    for (uint32_t i = 0; i < count; i++)
        page->sum += base_load_le32(entries[i].tower + 5); // behind the counts of the first floor
    page->listed += count;
    return !base_uuid_is_nil(&page->handle.uuid) || ended_right(page);
}

static void read_page(struct lookups *l, unsigned row)
{
    static uint8_t stub[REPLY_MAX];
    struct page *page = &l->pages[row];
    uint32_t size;
    if (page->whole || !join(page, stub, &size))
        return;
    page->whole = true;
    bool right = is_right(l, page, &(struct ndr_stub){.data = stub, .size = size});
    l->right += right;
    l->wrong += !right;
}

static struct rte_mbuf *ask(struct lookups *l, unsigned row)
{
    struct page *page = &l->pages[row];
    const struct ndr_epm_lookup lookup = {.vers_option = NDR_EPM_VERSIONS_ALL,
                                          .max_ents = l->max_ents};
    uint8_t stub[128], pdu[192];
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_lookup(&w, &lookup);
    size_t size = ndr_writer_size(&w);
    // The handle and max_ents are the request's end.
    struct ndr_writer at =
        ndr_writer_init(stub + size - HANDLE_SIZE - 4, HANDLE_SIZE, NDR_SYNTAX_20, false);
    ndr_epm_encode_handle(&at, &page->handle);
    struct rpc_client client = rpc_client_init();
    size = rpc_client_build_request(&client, NDR_EPM_LOOKUP, stub, size, pdu, sizeof pdu);
    page->size = 0;
    page->whole = false;
    l->asked++;
    return wire_client_frame(&l->clients[row], &l->memory->wire, l->memory->client_pool,
                             RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, pdu, (uint16_t)size);
}

// The acknowledgements of those that wait for the rest of a page.
static unsigned acknowledge(struct lookups *l, unsigned first, struct rte_mbuf **frames)
{
    unsigned count = 0;
    for (unsigned row = first; row < first + BURST; row++) {
        read_page(l, row);
        if (l->pages[row].whole)
            continue;
        frames[count] = wire_client_frame(&l->clients[row], &l->memory->wire,
                                          l->memory->client_pool, RTE_TCP_ACK_FLAG, NULL, 0);
        count += frames[count] != NULL;
    }
    return count;
}

// One page for each of a burst of clients. Returns the server's ticks.
static uint64_t measure_burst(struct lookups *l)
{
    struct rte_mbuf *frames[BURST];
    unsigned count = 0;
    uint64_t ticks = 0;
    for (unsigned i = 0; i < BURST; i++) {
        frames[count] = ask(l, l->next + i);
        count += frames[count] != NULL;
    }
    for (unsigned turns = 0; count > 0 && turns < TURNS_MAX; turns++) {
        ticks += memory_turn(l->memory, frames, count, l->clients, CONNECTIONS);
        count = acknowledge(l, l->next, frames);
    }
    rte_pktmbuf_free_bulk(frames, count);
    l->next = (l->next + BURST) % CONNECTIONS;
    return ticks;
}

static double measure_round(struct lookups *l, unsigned pages)
{
    uint64_t ticks = 0;
    unsigned done = 0;
    for (; done < pages; done += BURST)
        ticks += measure_burst(l);
    return (double)ticks / done;
}

static bool create(struct lookups *l)
{
    const struct memory_options options = {.workers = 1,
                                           .connections = 2 * CONNECTIONS,
                                           .entries = ENTRIES,
                                           .mbufs = MBUFS,
                                           .mss = MSS};
    l->memory = memory_workers_create(&options);
    for (unsigned row = 0; l->memory && row < CONNECTIONS; row++) {
        if (!memory_connect(l->memory, l->clients, CONNECTIONS, row))
            return false;
        l->clients[row].owner = l;
        l->clients[row].take = take_octets;
    }
    return l->memory;
}

static void measure_rounds(struct perf_program *program, struct lookups *l, struct perf_row *row)
{
    unsigned pages = perf_program_amount(program, PAGES * 16 / l->max_ents);
    const struct worker *worker = &l->memory->workers[0];
    double ns = 1e9 / (double)rte_get_tsc_hz();
    measure_round(l, pages);
    uint64_t before[WORKER_COUNTER_COUNT], first = l->asked;
    memcpy(before, worker->counters, sizeof before);
    for (unsigned i = 0; i < program->rounds; i++)
        perf_row_add(row, measure_round(l, pages) * ns);
    map_load_add_stages(row, worker, before, (double)(l->asked - first));
    row->correct = l->right == l->asked && l->wrong == 0;
}

static void measure(struct perf_program *program, uint32_t max_ents)
{
    struct perf_row row =
        perf_row_make("cycles", "ns/request", "ept_lookup page of %u", (unsigned)max_ents);
    if (!perf_program_wants(program, row.name))
        return;
    perf_parts_add_text(&row.settings, "kernel", ndr_kernel()->name);
    perf_parts_add(&row.settings, "connections", CONNECTIONS);
    perf_parts_add(&row.settings, "entries", ENTRIES);
    perf_parts_add(&row.settings, "max_ents", max_ents);
    perf_parts_add(&row.settings, "mss", MSS);
    struct lookups *l = calloc(1, sizeof *l);
    bool made = l && create(l);
    if (made) {
        l->max_ents = max_ents;
        measure_rounds(program, l, &row);
    } else {
        perf_program_fail(program, row.name, "no memory, or a bind was not answered");
    }
    if (l && l->memory)
        row.correct &= memory_workers_destroy(l->memory);
    free(l);
    if (made)
        perf_program_report(program, &row);
}

void rows_lookup(struct perf_program *program)
{
    measure(program, 16);
    measure(program, PAGE_MAX);
}
