// The flow-to-core function: the Toeplitz hash that RSS computes, with a key that repeats every
// 16 bits. Both directions of a flow give the same hash, and the hash is no secret: the connection
// table does not use it.
//
// Toeplitz gives every input bit the 32 key bits that begin at its position. Under this key, bits
// 16 positions apart get the same ones, so the 16-bit words of the input may be added (XOR) first.
#include "tcpstack/packet.h"

#define KEY_WORD 0x6d, 0x5a
#define KEY_8    KEY_WORD, KEY_WORD, KEY_WORD, KEY_WORD

const uint8_t tcpstack_rss_key[TCPSTACK_RSS_KEY_SIZE] = {KEY_8, KEY_8, KEY_8, KEY_8, KEY_8};

uint32_t tcpstack_flow_hash_ipv4(uint32_t source, uint32_t destination, uint16_t source_port,
                                 uint16_t destination_port)
{
    uint32_t addresses = source ^ destination;
    uint16_t word = (uint16_t)(addresses >> 16 ^ addresses ^ source_port ^ destination_port);
    uint32_t hash = 0;
    for (unsigned bit = 0; bit < 16; bit++) {
        uint32_t key = UINT32_C(0x6d5a6d5a) << bit | UINT32_C(0x6d5a) >> (16 - bit);
        hash ^= word & 0x8000 >> bit ? key : 0;
    }
    return hash;
}

uint32_t tcpstack_flow_hash(const struct rte_mbuf *frame)
{
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
    const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(eth + 1);
    if (frame->data_len < sizeof *eth + sizeof *ip ||
        eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
        return 0;
    uint8_t header = rte_ipv4_hdr_len(ip);
    uint16_t fragment = rte_be_to_cpu_16(ip->fragment_offset);
    if (ip->next_proto_id != IPPROTO_TCP || header < sizeof *ip ||
        frame->data_len < sizeof *eth + header + sizeof(struct rte_tcp_hdr) ||
        (fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0)
        return 0;
    const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)((const uint8_t *)ip + header);
    return tcpstack_flow_hash_ipv4(rte_be_to_cpu_32(ip->src_addr), rte_be_to_cpu_32(ip->dst_addr),
                                   rte_be_to_cpu_16(tcp->src_port),
                                   rte_be_to_cpu_16(tcp->dst_port));
}
