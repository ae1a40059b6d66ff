// The flow-to-core function: the Toeplitz hash that RSS computes, with a key that repeats every
// 16 bits. Both directions of a flow give the same hash, and the hash is no secret: the connection
// table does not use it.
//
// Toeplitz gives every input bit the 32 key bits that begin at its position. Under this key, bits
// 16 positions apart get the same ones, so the 16-bit words of the input may be added (XOR) first.
#include "tcpstack/stack.h"

#define KEY_WORD 0x6d, 0x5a
#define KEY_8    KEY_WORD, KEY_WORD, KEY_WORD, KEY_WORD

const uint8_t tcpstack_rss_key[TCPSTACK_RSS_KEY_SIZE] = {KEY_8, KEY_8, KEY_8, KEY_8, KEY_8};

static uint16_t fold(uint64_t word)
{
    return (uint16_t)(word >> 48 ^ word >> 32 ^ word >> 16 ^ word);
}

// `word` is the sum of all words of the input, host order.
static uint32_t toeplitz(uint16_t word)
{
    uint32_t hash = 0;
    for (unsigned bit = 0; bit < 16; bit++) {
        uint32_t key = UINT32_C(0x6d5a6d5a) << bit | UINT32_C(0x6d5a) >> (16 - bit);
        hash ^= word & 0x8000 >> bit ? key : 0;
    }
    return hash;
}

// The words that make an IPv4 address one of 16 bytes are in both addresses and cancel out.
uint32_t tcpstack_flow_hash_of(const struct tcp_endpoints *endpoints)
{
    uint64_t addresses = 0;
    for (unsigned i = 0; i < 16; i += 8)
        addresses ^= base_load_le64(endpoints->local + i) ^ base_load_le64(endpoints->remote + i);
    uint16_t word = base_be16(fold(addresses));
    return toeplitz(word ^ endpoints->local_port ^ endpoints->remote_port);
}

static const struct rte_tcp_hdr *behind_ipv4(const uint8_t *at, uint16_t size)
{
    const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
    if (size < sizeof *ip)
        return NULL;
    uint8_t header = rte_ipv4_hdr_len(ip);
    uint16_t fragment = base_be16(ip->fragment_offset);
    if (ip->next_proto_id != IPPROTO_TCP || header < sizeof *ip ||
        size < header + sizeof(struct rte_tcp_hdr) ||
        (fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0)
        return NULL;
    return (const struct rte_tcp_hdr *)(at + header);
}

static const struct rte_tcp_hdr *behind_ipv6(const uint8_t *at, uint16_t size)
{
    const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)at;
    if (size < sizeof *ip + sizeof(struct rte_tcp_hdr) || ip->proto != IPPROTO_TCP)
        return NULL;
    return (const struct rte_tcp_hdr *)(ip + 1);
}

// `size` bytes of source and destination address together.
static uint32_t hash_frame(const struct rte_tcp_hdr *tcp, const uint8_t *addresses, unsigned size)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < size; i += 8)
        sum ^= base_load_le64(addresses + i);
    return toeplitz(base_be16(fold(sum) ^ tcp->src_port ^ tcp->dst_port));
}

// The EtherType behind at most one tag, and what follows it; 0 when the frame is too short.
static uint16_t find_network(const struct rte_mbuf *frame, const uint8_t **ret_at,
                             uint16_t *ret_size)
{
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
    const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
    uint16_t header = sizeof *eth;
    if (frame->data_len < header)
        return 0;
    uint16_t type = base_be16(eth->ether_type);
    if (type == RTE_ETHER_TYPE_VLAN) {
        header = sizeof *eth + sizeof *tag;
        if (frame->data_len < header)
            return 0;
        type = base_be16(tag->eth_proto);
    }
    *ret_at = (const uint8_t *)eth + header;
    *ret_size = (uint16_t)(frame->data_len - header);
    return type;
}

uint32_t tcpstack_flow_hash(const struct rte_mbuf *frame)
{
    const uint8_t *ip;
    uint16_t size;
    const struct rte_tcp_hdr *tcp;
    switch (find_network(frame, &ip, &size)) {
    case RTE_ETHER_TYPE_IPV4:
        tcp = behind_ipv4(ip, size);
        return tcp == NULL ? 0 : hash_frame(tcp, ip + offsetof(struct rte_ipv4_hdr, src_addr), 8);
    case RTE_ETHER_TYPE_IPV6:
        tcp = behind_ipv6(ip, size);
        return tcp == NULL ? 0 : hash_frame(tcp, ip + offsetof(struct rte_ipv6_hdr, src_addr), 32);
    default:
        return 0;
    }
}

bool tcpstack_flow_is_everybodys(const struct rte_mbuf *frame)
{
    const uint8_t *ip;
    uint16_t size;
    switch (find_network(frame, &ip, &size)) {
    case RTE_ETHER_TYPE_ARP:
        return true;
    case RTE_ETHER_TYPE_IPV4: {
        uint16_t header = size < sizeof(struct rte_ipv4_hdr) ? 0 : (ip[0] & 15) * 4;
        return header >= sizeof(struct rte_ipv4_hdr) && size > header &&
               ((const struct rte_ipv4_hdr *)ip)->next_proto_id == IPPROTO_ICMP &&
               ip[header] != RTE_IP_ICMP_ECHO_REQUEST;
    }
    case RTE_ETHER_TYPE_IPV6:
        return size > sizeof(struct rte_ipv6_hdr) &&
               ((const struct rte_ipv6_hdr *)ip)->proto == IPPROTO_ICMPV6 &&
               ip[sizeof(struct rte_ipv6_hdr)] != ICMPV6_ECHO_REQUEST;
    default:
        return false;
    }
}
