// The frames that nearly all traffic consists of, in one step: untagged Ethernet, IPv4 without
// options and not a fragment, TCP with no options but timestamps. It begins by disqualifying, and
// what it does not take, sound or not, goes through the layers, which give the reason and the
// counter. Of the layers' checks it leaves out one: whether the source address can be a peer's,
// because a connection has that answer already (tcp_input sends what belongs to none through the
// layers, too).
#include "base/sum.h"
#include "tcpstack/tcp.h"

enum { ETH_SIZE = sizeof(struct rte_ether_hdr), IPV4_SIZE = sizeof(struct rte_ipv4_hdr) };

#define MAC_BITS UINT64_C(0x0000ffffffffffff)

// In the pieces in which it will be read: the processor waits for a load that several stores made.
static void write_link(struct tcpstack_link *link, uint64_t mac, uint8_t port)
{
    _Static_assert(offsetof(struct tcpstack_link, port) == 8 && sizeof *link == 12,
                   "an untagged link is the address, six bytes, and the port, zeros around them");
    base_store_le64(link, mac);
    base_store_le32((uint8_t *)link + 8, port);
}

static bool eth_is_ordinary(const struct tcpstack *stack, const struct rte_mbuf *frame,
                            struct tcpstack_packet *packet)
{
    const struct rte_ether_hdr *eth = packet->eth;
    unsigned i = 0;
    while (i < stack->options.port_count && stack->options.ports[i].port_id != frame->port)
        i++;
    if (unlikely(i == stack->options.port_count || frame->nb_segs != 1))
        return false;
    // Both addresses by eight bytes, the last two of which are what follows.
    uint64_t to = base_load_le64(eth->dst_addr.addr_bytes) & MAC_BITS;
    uint64_t from = base_load_le64(eth->src_addr.addr_bytes) & MAC_BITS;
    write_link(&packet->link, from, (uint8_t)i);
    return to == (base_load_le64(stack->options.ports[i].mac) & MAC_BITS) && from != 0 &&
           (from & 1) == 0 && eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

static bool checksums_are_right(const struct rte_mbuf *frame, const struct rte_ipv4_hdr *ip,
                                uint16_t segment_size)
{
    const uint64_t both = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    if ((frame->ol_flags & both) == good)
        return true;
    if ((frame->ol_flags & both) != 0)
        return false; // one of them is bad, or half of the work is left
    uint64_t pseudo =
        (uint64_t)ip->src_addr + ip->dst_addr + base_be16(IPPROTO_TCP) + base_be16(segment_size);
    return base_sum_fold(base_sum_words(ip, IPV4_SIZE / 4)) == 0xffff &&
           base_sum_fold(pseudo + base_sum(ip + 1, segment_size)) == 0xffff;
}

// Whether the packet is for the address that the one before was for, or for another of ours.
static bool is_ours(struct tcpstack *stack, uint32_t destination)
{
    const uint8_t *known = stack->options.addresses[stack->ordinary_local].address;
    uint8_t address[16];
    if (likely(base_load_le32(known + 12) == destination && tcpstack_address_is_ipv4(known)))
        return true;
    tcpstack_address_set_ipv4(address, base_be32(destination));
    int local = tcpstack_local(stack, address);
    stack->ordinary_local = local < 0 ? 0 : (uint16_t)local;
    return local >= 0;
}

static bool options_are_ordinary(struct tcpstack_packet *packet, const struct rte_tcp_hdr *tcp)
{
    const uint8_t *options = (const uint8_t *)(tcp + 1);
    packet->said.mss = 0;
    packet->said.scale = packet->said.sack_count = 0;
    packet->said.has_scale = packet->said.may_sack = false;
    packet->said.has_timestamps = packet->options_size != 0;
    if (packet->options_size == 0)
        return true;
    if (packet->options_size != TCP_TIMESTAMPS_SIZE || !tcp_options_only_timestamps(options))
        return false;
    packet->said.timestamp = base_load_be32(options + 4);
    packet->said.timestamp_echo = base_load_be32(options + 8);
    return true;
}

static bool ip_is_ordinary(struct tcpstack *stack, const struct tcpstack_packet *packet,
                           const struct rte_ipv4_hdr *ip)
{
    const uint16_t fragments = RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK);
    uint16_t total = base_be16(ip->total_length);
    return ip->version_ihl == RTE_IPV4_VHL_DEF && (ip->fragment_offset & fragments) == 0 &&
           ip->next_proto_id == IPPROTO_TCP && total <= packet->network_size &&
           total >= IPV4_SIZE + sizeof(struct rte_tcp_hdr) && is_ours(stack, ip->dst_addr);
}

static void name_connection(const struct tcpstack *stack, struct tcpstack_packet *packet,
                            const struct rte_tcp_hdr *tcp)
{
    base_store_le64(packet->key.remote, 0);
    base_store_le64(packet->key.remote + 8,
                    UINT64_C(0xffff0000) | (uint64_t)packet->ipv4->src_addr << 32);
    base_store_le32(&packet->key.local_port, base_load_be32(&tcp->src_port)); // both ports
    packet->key.local = stack->ordinary_local;
    packet->hash = tcp_key_hash(stack, &packet->key);
}

bool tcpstack_ordinary_parse(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    struct rte_mbuf *frame = packet->frame;
    packet->ordinary = false;
    if (frame->data_len < ETH_SIZE + IPV4_SIZE + sizeof(struct rte_tcp_hdr))
        return false;
    packet->eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(packet->eth + 1);
    const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 1);
    packet->network = (uint8_t *)ip;
    packet->network_size = (uint16_t)(frame->data_len - ETH_SIZE);
    if (!eth_is_ordinary(stack, frame, packet) || !ip_is_ordinary(stack, packet, ip))
        return false;
    uint16_t size = (uint16_t)(base_be16(ip->total_length) - IPV4_SIZE);
    uint16_t header = (uint16_t)((tcp->data_off >> 4) * 4);
    packet->options_size = (uint16_t)(header - sizeof *tcp);
    if (header < sizeof *tcp || header > size || !options_are_ordinary(packet, tcp) ||
        tcp->src_port == 0 || tcp->dst_port == 0 || !checksums_are_right(frame, ip, size))
        return false;

    packet->ipv4 = ip;
    packet->ipv6 = NULL;
    packet->multicast = false;
    packet->transport = (const uint8_t *)tcp;
    packet->transport_size = size;
    packet->flags = tcp->tcp_flags;
    packet->sequence = base_be32(tcp->sent_seq);
    packet->acknowledgment = base_be32(tcp->recv_ack);
    packet->window = base_be16(tcp->rx_win);
    packet->options = (const uint8_t *)(tcp + 1);
    packet->payload = packet->transport + header;
    packet->size = (uint16_t)(size - header);
    packet->ordinary = true;
    name_connection(stack, packet, tcp);
    tcp_table_prefetch(stack, packet->hash);
    return true;
}
