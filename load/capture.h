// TCP connections out of a capture file: what each side sent, in order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The bytes of one direction, up to the first that the capture does not have.
struct load_capture_stream {
    uint8_t *bytes;
    size_t size;
    bool broken; // a segment is missing, or cut off by the snapshot length
};

struct load_capture_connection {
    char client[64]; // "10.135.0.1:40000", for messages
    struct load_capture_stream to_server, to_client;
};

struct load_capture {
    struct load_capture_connection *connections; // in the order in which they begin
    unsigned count;
};

// Reads the connections to TCP port `port` (host order) from a file that libpcap reads (pcap,
// pcapng), over Ethernet, raw IP or Linux cooked frames. Fragments of IP are passed over. NULL
// after saying what was found and what was expected. Main thread.
struct load_capture *load_capture_read(const char *path, uint16_t port);
void load_capture_free(struct load_capture *capture);
