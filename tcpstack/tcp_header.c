// Reading and writing the TCP header (RFC 9293 3.1).
#include <string.h>

#include "base/sum.h"
#include "tcpstack/checksum.h"
#include "tcpstack/tcp.h"

unsigned tcp_parse(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)packet->transport;
    if (packet->transport_size < sizeof *tcp)
        return TCPSTACK_RX_DROP_TCP_SHORT;
    uint16_t header = (uint16_t)((tcp->data_off >> 4) * 4);
    if (header < sizeof *tcp || header > packet->transport_size)
        return TCPSTACK_RX_DROP_TCP_OFFSET;
    if (!tcpstack_tcp_checksum_ok(packet))
        return TCPSTACK_RX_DROP_TCP_CHECKSUM;
    if (tcp->src_port == 0 || tcp->dst_port == 0)
        return TCPSTACK_RX_DROP_TCP_PORT_ZERO;

    packet->key.local_port = base_be16(tcp->dst_port);
    packet->key.remote_port = base_be16(tcp->src_port);
    packet->flags = tcp->tcp_flags;
    packet->sequence = base_be32(tcp->sent_seq);
    packet->acknowledgment = base_be32(tcp->recv_ack);
    packet->window = base_be16(tcp->rx_win);
    packet->options = (const uint8_t *)(tcp + 1);
    packet->options_size = (uint16_t)(header - sizeof *tcp);
    packet->payload = packet->transport + header;
    packet->size = (uint16_t)(packet->transport_size - header);
    packet->hash = tcp_key_hash(stack, &packet->key);
    tcp_table_prefetch(stack, packet->hash);
    return TCPSTACK_STAGED;
}

static void send_on(struct tcpstack *stack, struct rte_mbuf *frame, const struct tcp_key *key,
                    const struct tcpstack_link *link)
{
    if (likely(!link->unresolved)) {
        tcpstack_push(stack, frame, link->port);
        return;
    }
    const uint8_t *next = tcpstack_next_hop(stack, key->remote, key->local, link->port);
    if (next != NULL)
        tcpstack_neighbour_send(stack, frame, next, key->local, link->port);
    else
        rte_pktmbuf_free(frame); // tcp_connect has made sure that there is one
}

static uint64_t write_options(uint8_t *to, const struct tcp_header *header)
{
    if (unlikely(header->options != NULL)) {
        memcpy(to, header->options, header->options_size);
        return base_sum(header->options, header->options_size);
    }
    if (header->options_size == 0)
        return 0;
    tcp_options_write_timestamps(header->timestamp, header->timestamp_echo, to);
    return (uint64_t)base_be32(TCP_OPTIONS_TIMESTAMPS) + base_be32(header->timestamp) +
           base_be32(header->timestamp_echo);
}

// By words, as tcpstack_ipv4_write does, and what it answers. The checksum is left zero.
static uint64_t write_header(struct rte_tcp_hdr *tcp, const struct tcp_key *key,
                             const struct tcp_header *header)
{
    uint32_t offset = (uint32_t)(sizeof *tcp + header->options_size) / 4 << 4;
    uint32_t ports = base_be32((uint32_t)key->local_port << 16 | key->remote_port);
    uint32_t rest = base_be32(offset << 24 | (uint32_t)header->flags << 16 | header->window);
    base_store_le32(&tcp->src_port, ports);
    tcp->sent_seq = base_be32(header->sequence);
    tcp->recv_ack = base_be32(header->acknowledgment);
    base_store_le32(&tcp->data_off, rest);
    base_store_le32(&tcp->cksum, 0);
    uint64_t sum =
        (uint64_t)ports + base_be32(header->sequence) + base_be32(header->acknowledgment) + rest;
    return sum + write_options((uint8_t *)(tcp + 1), header);
}

void tcp_send_frame(struct tcpstack *stack, struct rte_mbuf *frame, const struct tcp_key *key,
                    const struct tcpstack_link *link, const struct tcp_header *header)
{
    bool ipv6 = tcp_is_ipv6(key);
    const uint8_t *local = stack->options.addresses[key->local].address;
    uint16_t transport_size = (uint16_t)(sizeof(struct rte_tcp_hdr) + header->options_size +
                                         frame->data_len + header->behind);
    uint16_t before =
        (uint16_t)(tcpstack_eth_size(link) + tcp_headers_size(key) + header->options_size);
    frame->data_off = (uint16_t)(frame->data_off - before);
    frame->data_len = (uint16_t)(frame->data_len + before);
    frame->pkt_len = (uint32_t)frame->data_len + header->behind;
    frame->ol_flags = header->segment_size != 0 ? RTE_MBUF_F_TX_TCP_SEG : 0;
    frame->tso_segsz = header->segment_size;

    void *ip =
        tcpstack_eth_write(stack, frame, link, ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
    struct rte_tcp_hdr *tcp = RTE_PTR_ADD(ip, tcp_headers_size(key) - sizeof *tcp);
    uint64_t sum = write_header(tcp, key, header);
    if (ipv6) {
        tcpstack_ipv6_write(ip, local, key->remote, IPPROTO_TCP, transport_size);
        tcpstack_tcp_checksum_write_ipv6(stack, frame, link->port, ip, tcp, header, sum);
    } else {
        uint64_t ip_sum =
            tcpstack_ipv4_write(ip, tcpstack_address_ipv4(local),
                                tcpstack_address_ipv4(key->remote), IPPROTO_TCP, transport_size);
        tcpstack_ipv4_checksum_write(stack, frame, link->port, ip, ip_sum);
        tcpstack_tcp_checksum_write_ipv4(stack, frame, link->port, ip, tcp, header, sum);
    }
    frame->l4_len = (uint8_t)(sizeof *tcp + header->options_size);
    send_on(stack, frame, key, link);
}
