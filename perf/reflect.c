#include "perf/reflect.h"

#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "ndr/epm.h"
#include "rpc/pdu.h"

enum { TIMESTAMP = 8, TIMESTAMP_SIZE = 10 }; // RFC 7323 3.2

struct headers {
    struct rte_ether_hdr ether;
    struct rte_ipv4_hdr ip;
    struct rte_tcp_hdr tcp;
} __attribute__((packed, aligned(2)));

// ---- answers

static struct reflect_answer build_bind_ack(void)
{
    struct reflect_answer answer = {.size = 60};
    uint8_t *pdu = answer.pdu;
    rpc_write_header(pdu, RPC_BIND_ACK, RPC_WHOLE, answer.size, 0);
    base_store_le16(pdu + 16, RPC_FRAGMENT_MAX);
    base_store_le16(pdu + 18, RPC_FRAGMENT_MAX);
    base_store_le32(pdu + 20, 1); // association group
    base_store_le16(pdu + 24, 4); // secondary address
    memcpy(pdu + 26, "135", 4);
    pdu[32] = 1; // results: the one context is accepted
    rpc_write_syntax(pdu + 40, &ndr_syntax_id_20);
    return answer;
}

static struct reflect_answer build_map(void)
{
    static const struct ndr_syntax_id rpcecho = {
        .uuid =
            BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50, 0x56, 0xa2, 0x01, 0x82),
        .major = 1,
    };
    const struct ndr_binding binding = {
        .protseq = NDR_PROTSEQ_NCACN_IP_TCP, .host = "10.135.0.2", .endpoint = "135"};
    const struct ndr_context_handle null = {0};
    struct reflect_answer answer;
    uint8_t octets[NDR_TOWER_MAX];
    struct ndr_epm_tower_span tower = {.octets = octets};
    tower.size =
        (uint32_t)ndr_tower_build(&rpcecho, &ndr_syntax_id_20, &binding, octets, sizeof octets);
    struct ndr_writer w =
        ndr_writer_init(answer.pdu + RPC_RESPONSE_HEADER_SIZE,
                        REFLECT_PDU_MAX - RPC_RESPONSE_HEADER_SIZE, NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &null, 4, 3, &tower, 1, NDR_EPM_STATUS_OK);
    uint32_t stub_size = (uint32_t)ndr_writer_size(&w);
    answer.size = (uint16_t)(RPC_RESPONSE_HEADER_SIZE + stub_size);
    rpc_write_response_header(answer.pdu, RPC_WHOLE, answer.size, 0, stub_size, 0);
    return answer;
}

void reflect_init(struct reflect *r)
{
    r->bind_ack = build_bind_ack();
    r->map = build_map();
}

// ---- frames

// Writes the answers over the requests; they are not larger. Returns their size, or 0 when there
// is something else.
static uint16_t answer_pdus(struct reflect *r, uint8_t *payload, uint16_t size)
{
    uint8_t *to = payload;
    for (uint16_t at = 0, length; at < size; at += length) {
        if (size - at < RPC_REQUEST_HEADER_SIZE)
            return 0;
        uint8_t ptype = payload[at + 2];
        uint32_t call_id = base_load_le32(payload + at + 12);
        const struct reflect_answer *answer = ptype == RPC_BIND ? &r->bind_ack : &r->map;
        length = base_load_le16(payload + at + 8);
        if ((ptype != RPC_BIND && ptype != RPC_REQUEST) || length < answer->size ||
            length > size - at)
            return 0;
        memcpy(to, answer->pdu, answer->size);
        base_store_le32(to + 12, call_id);
        to += answer->size;
        r->answers++;
    }
    return (uint16_t)(to - payload);
}

// Our time is the peer's, so that round trips and the check for old duplicates come out right.
static void echo_timestamp(struct headers *h)
{
    uint8_t *options = (uint8_t *)(&h->tcp + 1);
    unsigned size = (h->tcp.data_off >> 4) * 4u - (unsigned)sizeof h->tcp, at = 0;
    while (at + 1 < size && options[at] != 0) {
        if (options[at] == TIMESTAMP && at + TIMESTAMP_SIZE <= size) {
            memcpy(options + at + 6, options + at + 2, 4);
            return;
        }
        at += options[at] == 1 ? 1u : options[at + 1] ? options[at + 1] : size;
    }
}

static void swap_names(struct headers *h)
{
    struct rte_ether_addr mac = h->ether.src_addr;
    h->ether.src_addr = h->ether.dst_addr;
    h->ether.dst_addr = mac;
    rte_be32_t address = h->ip.src_addr;
    h->ip.src_addr = h->ip.dst_addr;
    h->ip.dst_addr = address;
    rte_be16_t port = h->tcp.src_port;
    h->tcp.src_port = h->tcp.dst_port;
    h->tcp.dst_port = port;
}

// False when nothing is to be sent.
static bool turn_tcp(struct reflect *r, struct rte_mbuf *frame)
{
    struct headers *h = rte_pktmbuf_mtod(frame, struct headers *);
    uint16_t head = (uint16_t)(sizeof h->ip + (h->tcp.data_off >> 4) * 4u);
    uint16_t size = (uint16_t)(rte_be_to_cpu_16(h->ip.total_length) - head), answered = 0;
    uint8_t control = h->tcp.tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG);
    if ((size == 0 && control == 0) || (h->tcp.tcp_flags & RTE_TCP_RST_FLAG))
        return false;
    if (size > 0 && (answered = answer_pdus(r, (uint8_t *)&h->ip + head, size)) == 0) {
        r->refused++;
        return false;
    }
    swap_names(h);
    echo_timestamp(h);
    uint32_t *next = &r->next[rte_be_to_cpu_16(h->tcp.dst_port)];
    if (control & RTE_TCP_SYN_FLAG)
        *next = 0;
    h->tcp.recv_ack = rte_cpu_to_be_32(rte_be_to_cpu_32(h->tcp.sent_seq) + size + (control != 0));
    h->tcp.sent_seq = rte_cpu_to_be_32(*next);
    *next += answered + (control != 0);
    h->tcp.tcp_flags = control | RTE_TCP_ACK_FLAG | (answered ? RTE_TCP_PSH_FLAG : 0);
    h->ip.total_length = rte_cpu_to_be_16((uint16_t)(head + answered));
    h->ip.hdr_checksum = 0;
    h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
    h->tcp.cksum = 0;
    h->tcp.cksum = rte_ipv4_udptcp_cksum(&h->ip, &h->tcp);
    frame->data_len = (uint16_t)(sizeof h->ether + head + answered);
    frame->pkt_len = frame->data_len;
    return true;
}

static bool turn_arp(const struct reflect *r, struct rte_mbuf *frame)
{
    struct rte_ether_hdr *ether = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(ether + 1);
    struct rte_arp_ipv4 *data = &arp->arp_data;
    if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) || data->arp_sip == data->arp_tip)
        return false;
    rte_be32_t asked = data->arp_tip;
    arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    data->arp_tip = data->arp_sip;
    data->arp_sip = asked;
    data->arp_tha = data->arp_sha;
    memcpy(data->arp_sha.addr_bytes, r->mac, 6);
    ether->dst_addr = data->arp_tha;
    ether->src_addr = data->arp_sha;
    return true;
}

bool reflect_turn(struct reflect *r, struct rte_mbuf *frame)
{
    const struct headers *h = rte_pktmbuf_mtod(frame, const struct headers *);
    if (h->ether.ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
        return turn_arp(r, frame);
    return frame->data_len >= sizeof *h && h->ip.version_ihl == RTE_IPV4_VHL_DEF &&
           h->ip.next_proto_id == IPPROTO_TCP && turn_tcp(r, frame);
}
