// An RPC server on loopback that plays a script: its n-th reply answers the n-th request, the bind
// being the first. It gives every PDU of a reply the call id of the request.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEER_REPLIES_MAX = 8 };

enum peer_ending {
    PEER_SILENT, // takes requests and says nothing
    PEER_CLOSES,
    PEER_REPEATS, // gives the last reply again and again
    PEER_FLOODS,  // sends the last reply without being asked, until the client has gone
};

struct peer {
    int listen_fd;
    char target[32]; // "127.0.0.1:PORT"
    struct {
        uint8_t *bytes;
        size_t size;
    } replies[PEER_REPLIES_MAX];
    unsigned count;
    enum peer_ending ending;
    pthread_t thread;
};

// Listens; the port is closed again when `closed`.
void peer_open(struct peer *peer, bool closed);
// Replies, in order.
void peer_add(struct peer *peer, const void *bytes, size_t size);
void peer_add_bind_ack(struct peer *peer);
// ept_lookup replies: `count` entries at ports from `first_port` on, in fragments of at most
// `chunk` stub bytes (0: in one).
struct peer_page {
    uint16_t first_port;
    unsigned count;
    bool live_handle;
    uint32_t status;
    const char *annotation; // NULL: "note"
    unsigned chunk;
};
void peer_add_page(struct peer *peer, const struct peer_page *page);
// ept_map replies with towers at `count` ports.
void peer_add_towers(struct peer *peer, uint16_t first_port, unsigned count, bool live_handle,
                     uint32_t status);
// Starts to serve one connection, then waits for the client to leave and frees everything.
void peer_start(struct peer *peer, enum peer_ending ending);
void peer_stop(struct peer *peer);
