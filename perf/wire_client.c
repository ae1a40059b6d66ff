#include "perf/wire_client.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/bytes.h"
#include "rpc/pdu.h"

struct headers {
    struct rte_ether_hdr ether;
    struct rte_ipv4_hdr ip;
    struct rte_tcp_hdr tcp;
} __attribute__((packed, aligned(2)));

enum {
    WINDOW = 65535,
    MSS_OPTION = 2,
    MSS_OPTION_SIZE = 4,
    // Between the addresses of clients, so that none is the server's, the next to the first.
    ADDRESS_STEP = 8,
};

void wire_client_name(struct wire_client *client, unsigned row)
{
    *client = (struct wire_client){.port = (uint16_t)(WIRE_FIRST_PORT + row % WIRE_PORTS),
                                   .address = (uint16_t)(row / WIRE_PORTS * ADDRESS_STEP),
                                   .sequence = row * 7919};
}

// `size` bytes follow the TCP header, options among them.
static void fill_headers(struct headers *h, const struct wire_client *client,
                         const struct wire_addresses *wire, uint8_t flags, uint16_t size,
                         uint16_t options)
{
    memset(h, 0, sizeof *h);
    memcpy(h->ether.dst_addr.addr_bytes, wire->server_mac, 6);
    memcpy(h->ether.src_addr.addr_bytes, wire->client_mac, 6);
    h->ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    h->ip.version_ihl = RTE_IPV4_VHL_DEF;
    h->ip.total_length = rte_cpu_to_be_16((uint16_t)(sizeof h->ip + sizeof h->tcp + size));
    h->ip.time_to_live = 64;
    h->ip.next_proto_id = IPPROTO_TCP;
    h->ip.src_addr = rte_cpu_to_be_32(wire->client_ipv4 + client->address);
    h->ip.dst_addr = rte_cpu_to_be_32(wire->server_ipv4);
    h->tcp.src_port = rte_cpu_to_be_16(client->port);
    h->tcp.dst_port = rte_cpu_to_be_16(wire->server_port);
    h->tcp.sent_seq = rte_cpu_to_be_32(client->sequence);
    h->tcp.recv_ack = rte_cpu_to_be_32(client->acknowledge);
    h->tcp.data_off = (uint8_t)((sizeof h->tcp + options) / 4 << 4);
    h->tcp.tcp_flags = flags;
    h->tcp.rx_win = rte_cpu_to_be_16(WINDOW);
}

struct rte_mbuf *wire_client_frame(struct wire_client *client, const struct wire_addresses *wire,
                                   struct rte_mempool *pool, uint8_t flags, const void *payload,
                                   uint16_t size)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(pool);
    if (!frame)
        return NULL;
    uint16_t options = (flags & RTE_TCP_SYN_FLAG) && wire->mss ? MSS_OPTION_SIZE : 0;
    uint16_t behind = (uint16_t)(options + size);
    struct headers *h = (void *)rte_pktmbuf_append(frame, (uint16_t)(sizeof *h + behind));
    if (!h) {
        rte_pktmbuf_free(frame);
        return NULL;
    }
    fill_headers(h, client, wire, flags, behind, options);
    uint8_t *body = (uint8_t *)(h + 1);
    if (options) {
        body[0] = MSS_OPTION;
        body[1] = MSS_OPTION_SIZE;
        base_store_be16(body + 2, wire->mss);
    }
    if (size)
        memcpy(body + options, payload, size);
    h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
    h->tcp.cksum = rte_ipv4_udptcp_cksum(&h->ip, &h->tcp);
    frame->port = wire->port_id;
    client->sequence += size + (flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG) ? 1u : 0u);
    return frame;
}

static const struct headers *headers_of(const struct rte_mbuf *frame)
{
    return rte_pktmbuf_mtod(frame, const struct headers *);
}

unsigned wire_client_row(const struct rte_mbuf *frame, const struct wire_addresses *wire)
{
    const struct headers *h = headers_of(frame);
    uint32_t address = rte_be_to_cpu_32(h->ip.dst_addr) - wire->client_ipv4;
    uint16_t port = (uint16_t)(rte_be_to_cpu_16(h->tcp.dst_port) - WIRE_FIRST_PORT);
    return address / ADDRESS_STEP * WIRE_PORTS + port;
}

static void count_replies(struct wire_client *client, const uint8_t *payload, uint32_t size)
{
    while (size > 0) {
        int length = rpc_pdu_length(payload, size);
        if (length <= 0 || (uint32_t)length > size) {
            client->wrong++;
            return;
        }
        if (payload[2] != RPC_BIND_ACK) {
            bool right = payload[2] == RPC_RESPONSE && base_load_le32(payload + length - 4) == 0;
            client->replies++;
            client->wrong += !right;
        }
        payload += length;
        size -= (uint32_t)length;
    }
}

void wire_client_receive(struct wire_client *client, const struct rte_mbuf *frame)
{
    const struct headers *h = headers_of(frame);
    if (h->ether.ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
        return;
    uint32_t header_size = sizeof h->ip + (h->tcp.data_off >> 4) * 4u;
    uint32_t size = rte_be_to_cpu_16(h->ip.total_length) - header_size;
    const uint8_t *payload = (const uint8_t *)&h->ip + header_size;
    bool control = h->tcp.tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG);
    client->acknowledge = rte_be_to_cpu_32(h->tcp.sent_seq) + size + control;
    client->received += size;
    if (client->take)
        client->take(client, payload, size);
    else
        count_replies(client, payload, size);
}
