#include "tests/unit/cli/peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "ndr/epm.h"
#include "rpc/pdu.h"

enum { STUB_MAX = 200 * 1024, ENTRIES_MAX = 500 };

static const struct ndr_syntax_id lsa = {
    BASE_UUID(0x12345778, 0x1234, 0xabcd, 0xef, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab), 0, 0};

void peer_open(struct peer *peer, bool closed)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    memset(peer, 0, sizeof *peer);
    peer->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listen_fd, (const struct sockaddr *)&address, size), 0);
    // Without a listen the port is this test's, and refuses.
    assert_int_equal(closed ? 0 : listen(peer->listen_fd, 1), 0);
    getsockname(peer->listen_fd, (struct sockaddr *)&address, &size);
    snprintf(peer->target, sizeof peer->target, "127.0.0.1:%u", ntohs(address.sin_port));
}

void peer_add(struct peer *peer, const void *bytes, size_t size)
{
    assert_true(peer->count < PEER_REPLIES_MAX);
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    peer->replies[peer->count].bytes = copy;
    peer->replies[peer->count++].size = size;
}

void peer_add_bind_ack(struct peer *peer)
{
    uint8_t pdu[60] = {0};
    rpc_write_header(pdu, RPC_BIND_ACK, RPC_WHOLE, sizeof pdu, 0);
    base_store_le16(pdu + 16, 4280);
    base_store_le16(pdu + 18, 4280);
    base_store_le32(pdu + 20, 0x1234);
    base_store_le16(pdu + 24, 4); // secondary address "135"
    memcpy(pdu + 26, "135", 4);
    pdu[32] = 1; // one result: accepted
    rpc_write_syntax(pdu + 40, &ndr_syntax_id_20);
    peer_add(peer, pdu, sizeof pdu);
}

static void add_response(struct peer *peer, const uint8_t *stub, size_t size, unsigned chunk)
{
    static uint8_t pdus[2 * STUB_MAX];
    size_t used = 0;
    size_t done = 0;
    do {
        size_t part = size - done;
        size_t most = chunk == 0 ? 60000 : chunk;
        part = part < most ? part : most;
        uint8_t flags =
            (uint8_t)((done == 0 ? RPC_FIRST_FRAG : 0) | (done + part == size ? RPC_LAST_FRAG : 0));
        size_t length = RPC_RESPONSE_HEADER_SIZE + part;
        rpc_write_response_header(pdus + used, flags, (uint16_t)length, 0, (uint32_t)(size - done),
                                  0);
        memcpy(pdus + used + RPC_RESPONSE_HEADER_SIZE, stub + done, part);
        used += length;
        done += part;
    } while (done < size);
    peer_add(peer, pdus, used);
}

static uint32_t build_tower(uint16_t port, uint8_t *octets, size_t size)
{
    struct ndr_binding binding = {.protseq = NDR_PROTSEQ_NCACN_IP_TCP, .host = "10.135.0.2"};
    snprintf(binding.endpoint, sizeof binding.endpoint, "%u", port);
    return (uint32_t)ndr_tower_build(&lsa, &ndr_syntax_id_20, &binding, octets, size);
}

static struct ndr_context_handle make_handle(bool live)
{
    struct ndr_context_handle handle = {0};
    handle.uuid.bytes[0] = live;
    return handle;
}

void peer_add_page(struct peer *peer, const struct peer_page *page)
{
    static uint8_t stub[STUB_MAX];
    static uint8_t towers[ENTRIES_MAX][128];
    static struct ndr_epm_entry entries[ENTRIES_MAX];
    const char *annotation = page->annotation == NULL ? "note" : page->annotation;
    for (unsigned i = 0; i < page->count; i++) {
        entries[i] = (struct ndr_epm_entry){
            .tower = towers[i],
            .tower_size = build_tower((uint16_t)(page->first_port + i), towers[i], 128),
            .annotation = annotation,
            .annotation_size = (uint32_t)strlen(annotation),
        };
    }
    const struct ndr_context_handle handle = make_handle(page->live_handle);
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_lookup_reply(&w, &handle, 500, 1, entries, page->count, page->status);
    assert_false(w.failed);
    add_response(peer, stub, ndr_writer_size(&w), page->chunk);
}

void peer_add_towers(struct peer *peer, uint16_t first_port, unsigned count, bool live_handle,
                     uint32_t status)
{
    uint8_t stub[4096];
    uint8_t octets[16][128];
    struct ndr_epm_tower_span towers[16];
    for (unsigned i = 0; i < count; i++)
        towers[i] = (struct ndr_epm_tower_span){
            octets[i], build_tower((uint16_t)(first_port + i), octets[i], 128)};
    const struct ndr_context_handle handle = make_handle(live_handle);
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &handle, 16, 1, towers, count, status);
    assert_false(w.failed);
    add_response(peer, stub, ndr_writer_size(&w), 0);
}

// Reads one request; false when the client has gone.
static bool receive_request(int fd, uint32_t *ret_call_id)
{
    uint8_t pdu[65536];
    if (recv(fd, pdu, RPC_HEADER_SIZE, MSG_WAITALL) != RPC_HEADER_SIZE)
        return false;
    size_t rest = (size_t)base_load_le16(pdu + 8) - RPC_HEADER_SIZE;
    *ret_call_id = base_load_le32(pdu + 12);
    return recv(fd, pdu, rest, MSG_WAITALL) == (ssize_t)rest;
}

static bool send_reply(struct peer *peer, int fd, unsigned index, uint32_t call_id)
{
    uint8_t *bytes = peer->replies[index].bytes;
    size_t size = peer->replies[index].size;
    for (size_t at = 0; bytes[0] == 5 && at + RPC_HEADER_SIZE <= size;
         at += base_load_le16(bytes + at + 8))
        base_store_le32(bytes + at + 12, call_id);
    return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void *serve(void *context)
{
    struct peer *peer = context;
    int fd = accept(peer->listen_fd, NULL, NULL);
    uint32_t call_id;
    for (unsigned i = 0; receive_request(fd, &call_id); i++) {
        if (i >= peer->count && peer->ending == PEER_CLOSES)
            break;
        if (i >= peer->count && peer->ending == PEER_SILENT)
            continue;
        bool last = i + 1 >= peer->count;
        bool sent = send_reply(peer, fd, last ? peer->count - 1 : i, call_id);
        while (sent && last && peer->ending == PEER_FLOODS)
            sent = send_reply(peer, fd, peer->count - 1, call_id);
    }
    close(fd);
    return NULL;
}

void peer_start(struct peer *peer, enum peer_ending ending)
{
    peer->ending = ending;
    assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

void peer_stop(struct peer *peer)
{
    pthread_join(peer->thread, NULL);
    close(peer->listen_fd);
    for (unsigned i = 0; i < peer->count; i++)
        free(peer->replies[i].bytes);
}
