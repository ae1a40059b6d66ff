#include "load/capture.h"

#include <arpa/inet.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/log.h"

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    PROTOCOL_TCP = 6,
    FLAG_SYN = 2,
};

struct name {
    uint8_t client[16]; // IPv4 in its first four octets
    uint8_t server[16];
    uint16_t port;
    uint16_t family;
};

struct segment {
    uint32_t offset; // from the first byte of the stream
    uint32_t size;
    size_t order; // of arrival
    uint8_t *bytes;
};

struct stream {
    bool begun;
    bool cut;
    uint32_t first; // sequence number of its first byte
    struct segment *segments;
    size_t count, room;
};

struct connection {
    struct name name;
    struct stream to_server, to_client;
    struct connection *next;
};

struct reader {
    const char *path;
    uint16_t port;
    int link;    // DLT_*
    void *names; // tsearch tree of the connections that are not over
    struct connection *first, **end;
    unsigned count;
};

// A TCP segment as captured: `size` of its `sent` bytes are there.
struct packet {
    struct name name;
    bool to_server;
    uint8_t flags;
    uint32_t sequence;
    const uint8_t *bytes;
    uint32_t size, sent;
};

// ---- frames

static bool read_tcp(const struct reader *r, const uint8_t *at, uint32_t have, uint32_t sent,
                     const uint8_t *addresses, uint16_t family, struct packet *packet)
{
    if (have < 20)
        return false;
    uint32_t header = (at[12] >> 4) * 4u, size = family == AF_INET ? 4 : 16;
    uint16_t from = base_load_be16(at), to = base_load_be16(at + 2);
    if (header < 20 || header > have || (from != r->port && to != r->port))
        return false;
    packet->to_server = to == r->port;
    packet->name = (struct name){.port = packet->to_server ? from : to, .family = family};
    memcpy(packet->to_server ? packet->name.client : packet->name.server, addresses, size);
    memcpy(packet->to_server ? packet->name.server : packet->name.client, addresses + size, size);
    packet->flags = at[13];
    packet->sequence = base_load_be32(at + 4);
    packet->bytes = at + header;
    packet->size = have - header;
    packet->sent = sent - header;
    return sent >= header;
}

static bool read_ipv4(const struct reader *r, const uint8_t *at, uint32_t have,
                      struct packet *packet)
{
    if (have < 20)
        return false;
    uint32_t header = (at[0] & 15) * 4u, total = base_load_be16(at + 2);
    bool fragment = base_load_be16(at + 6) & 0x3fff;
    if (header < 20 || header > have || total < header || fragment || at[9] != PROTOCOL_TCP)
        return false;
    uint32_t there = have < total ? have : total; // behind it may be padding
    return read_tcp(r, at + header, there - header, total - header, at + 12, AF_INET, packet);
}

static bool read_ipv6(const struct reader *r, const uint8_t *at, uint32_t have,
                      struct packet *packet)
{
    if (have < 40 || at[6] != PROTOCOL_TCP)
        return false;
    uint32_t size = base_load_be16(at + 4), there = have - 40 < size ? have - 40 : size;
    return read_tcp(r, at + 40, there, size, at + 8, AF_INET6, packet);
}

// Octets in front of the IP packet, with its type at the end; 0 for raw IP, -1 for what is not
// read.
static int link_header(int link)
{
    switch (link) {
    case DLT_EN10MB:
        return 14;
    case DLT_LINUX_SLL:
        return 16;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        return 0;
    default:
        return -1;
    }
}

static bool read_frame(const struct reader *r, const uint8_t *frame, uint32_t have,
                       struct packet *packet)
{
    uint32_t at = (uint32_t)link_header(r->link);
    if (have < at + 20)
        return false;
    while (at > 0 && base_load_be16(frame + at - 2) == ETHERTYPE_VLAN && have >= at + 24)
        at += 4;
    uint16_t type = at > 0 ? base_load_be16(frame + at - 2)
                           : (frame[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    if (type == ETHERTYPE_IPV4)
        return read_ipv4(r, frame + at, have - at, packet);
    return type == ETHERTYPE_IPV6 && read_ipv6(r, frame + at, have - at, packet);
}

// ---- connections

static int by_name(const void *a, const void *b)
{
    const struct connection *x = a, *y = b;
    return memcmp(&x->name, &y->name, sizeof x->name);
}

// The connection of the packet; a SYN under a name that is known begins another.
static struct connection *find_connection(struct reader *r, const struct packet *packet)
{
    struct connection wanted = {.name = packet->name};
    struct connection **found = tfind(&wanted, &r->names, by_name);
    bool again = found && packet->to_server && (packet->flags & FLAG_SYN) &&
                 (*found)->to_server.begun && (*found)->to_server.first != packet->sequence + 1;
    if (found && !again)
        return *found;
    if (again)
        tdelete(*found, &r->names, by_name);
    struct connection *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->name = packet->name;
    *r->end = made;
    r->end = &made->next;
    r->count++;
    return tsearch(made, &r->names, by_name) ? made : NULL;
}

static bool keep_segment(struct stream *s, const struct packet *packet)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        struct segment *segments = realloc(s->segments, room * sizeof *segments);
        if (!segments)
            return false;
        s->segments = segments;
        s->room = room;
    }
    struct segment segment = {.offset = packet->sequence - s->first,
                              .size = packet->size,
                              .order = s->count,
                              .bytes = malloc(packet->size)};
    if (!segment.bytes)
        return false;
    memcpy(segment.bytes, packet->bytes, packet->size);
    s->segments[s->count++] = segment;
    return true;
}

static bool take_packet(struct reader *r, const struct packet *packet)
{
    struct connection *c = find_connection(r, packet);
    if (!c)
        return false;
    struct stream *s = packet->to_server ? &c->to_server : &c->to_client;
    bool syn = packet->flags & FLAG_SYN;
    if (!s->begun) {
        s->begun = true;
        s->first = packet->sequence + syn;
    }
    // What lies before the first byte seen is a retransmission from before the capture.
    if (syn || packet->size == 0 || packet->sequence - s->first >= UINT32_MAX / 2)
        return true;
    s->cut |= packet->size < packet->sent;
    return keep_segment(s, packet);
}

// ---- streams

static int by_offset(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool put_together(struct stream *s, struct load_capture_stream *ret)
{
    size_t total = 0;
    for (size_t i = 0; i < s->count; i++)
        total += s->segments[i].size;
    ret->bytes = malloc(total + 1);
    if (!ret->bytes)
        return false;
    if (s->count > 0)
        qsort(s->segments, s->count, sizeof *s->segments, by_offset);
    ret->broken = s->cut;
    for (size_t i = 0; i < s->count; i++) {
        const struct segment *segment = &s->segments[i];
        if (segment->offset > ret->size) {
            ret->broken = true;
            break;
        }
        size_t known = ret->size - segment->offset;
        if (known >= segment->size)
            continue;
        memcpy(ret->bytes + ret->size, segment->bytes + known, segment->size - known);
        ret->size += segment->size - known;
    }
    return true;
}

static struct load_capture *finish(const struct reader *r)
{
    struct load_capture *capture = calloc(1, sizeof *capture);
    if (capture)
        capture->connections = calloc(r->count, sizeof *capture->connections);
    if (!capture || !capture->connections) {
        free(capture);
        return NULL;
    }
    for (struct connection *c = r->first; c; c = c->next) {
        struct load_capture_connection *to = &capture->connections[capture->count++];
        char address[INET6_ADDRSTRLEN];
        inet_ntop(c->name.family, c->name.client, address, sizeof address);
        snprintf(to->client, sizeof to->client, "%s:%u", address, c->name.port);
        if (!put_together(&c->to_server, &to->to_server) ||
            !put_together(&c->to_client, &to->to_client)) {
            load_capture_free(capture);
            return NULL;
        }
    }
    return capture;
}

static void free_stream(struct stream *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->segments[i].bytes);
    free(s->segments);
}

static void keep_nothing(void *node)
{
    (void)node; // the list of connections owns it
}

static void take_down(struct reader *r)
{
    tdestroy(r->names, keep_nothing);
    for (struct connection *c = r->first, *next; c; c = next) {
        next = c->next;
        free_stream(&c->to_server);
        free_stream(&c->to_client);
        free(c);
    }
}

void load_capture_free(struct load_capture *capture)
{
    if (!capture)
        return;
    for (unsigned i = 0; i < capture->count; i++) {
        free(capture->connections[i].to_server.bytes);
        free(capture->connections[i].to_client.bytes);
    }
    free(capture->connections);
    free(capture);
}

// ---- the file

static bool read_frames(struct reader *r, pcap_t *file)
{
    struct pcap_pkthdr *header;
    const u_char *frame;
    struct packet packet;
    int result;
    while ((result = pcap_next_ex(file, &header, &frame)) == 1) {
        if (read_frame(r, frame, header->caplen, &packet) && !take_packet(r, &packet)) {
            base_error("%s: no memory for what it holds", r->path);
            return false;
        }
    }
    if (result == PCAP_ERROR_BREAK)
        return true;
    base_error("%s: %s; expected a whole capture, and 'tshark -r' reads what is there of this one",
               r->path, pcap_geterr(file));
    return false;
}

static struct load_capture *read_file(struct reader *r, pcap_t *file)
{
    r->link = pcap_datalink(file);
    if (link_header(r->link) < 0) {
        const char *name = pcap_datalink_val_to_name(r->link);
        base_error("%s: found frames of link type %s, expected Ethernet, raw IP or Linux cooked "
                   "(SLL)",
                   r->path, name ? name : "unknown");
        return NULL;
    }
    if (!read_frames(r, file))
        return NULL;
    if (r->count == 0) {
        base_error("%s: found no TCP segment to or from port %u, expected some; --pcap-port says "
                   "another",
                   r->path, r->port);
        return NULL;
    }
    struct load_capture *capture = finish(r);
    if (!capture)
        base_error("%s: no memory for what it holds", r->path);
    return capture;
}

struct load_capture *load_capture_read(const char *path, uint16_t port)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *file = pcap_open_offline(path, error);
    if (!file) {
        base_error("%s: %s; expected a capture that tcpdump or Wireshark wrote", path, error);
        return NULL;
    }
    struct reader r = {.path = path, .port = port};
    r.end = &r.first;
    struct load_capture *capture = read_file(&r, file);
    take_down(&r);
    pcap_close(file);
    return capture;
}
