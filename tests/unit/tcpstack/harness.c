#include "tests/unit/tcpstack/harness.h"

#include "tcpstack/stack.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "tests/unit/tcpstack/cutter.h"

const uint8_t harness_server_mac[6] = {0x02, 0, 0, 0, 0, 2};
const uint8_t harness_client_mac[6] = {0x02, 0, 0, 0, 0, 1};

const uint8_t harness_server_ipv6[16] = {0xfd, 0, 0x01, 0x35, [15] = 2};
const uint8_t harness_client_ipv6[16] = {0xfd, 0, 0x01, 0x35, [15] = 1};

static struct rte_mempool *pool;
// What the port has cut, and how much of it the test has received.
static struct rte_mbuf *cut[TCPSTACK_LARGE_SEGMENTS];
static unsigned cut_count, cut_received;
static struct harness *current;

int harness_start(void **state)
{
    static char words[][24] = {
        "test",           "--no-huge",           "-m", "128", "--no-pci", "--no-shconf",
        "--no-telemetry", "--log-level=*:error", "-l", "0"};
    char *arguments[RTE_DIM(words)];
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(words); i++)
        arguments[i] = words[i];
    if (rte_eal_init(RTE_DIM(words), arguments) < 0)
        return -1;
    pool = tcpstack_pool_create("frames", HARNESS_MBUFS, 0, SOCKET_ID_ANY);
    return pool == NULL ? -1 : 0;
}

static struct tcpstack_options default_options(void)
{
    struct tcpstack_options options = {
        .ports = {{.port_id = HARNESS_PORT, .mtu = 1500}},
        .port_count = 1,
        .addresses = {{TCPSTACK_IPV4(HARNESS_SERVER_IPV4), 96 + 24}},
        .address_count = 1,
        .listen = {HARNESS_TCP_PORT},
        .listen_count = 1,
        .pool = pool,
        .max_connections = 64,
        .max_half_open = 16,
        .receive_window = 65536,
        .transmit_limit = 131072,
        .secret = "fifteen letters",
    };
    memcpy(options.ports[0].mac, harness_server_mac, 6);
    return options;
}

static int set_up(void **state, bool ipv6)
{
    static const uint8_t server_ipv4[16] = TCPSTACK_IPV4(HARNESS_SERVER_IPV4);
    static const uint8_t client_ipv4[16] = TCPSTACK_IPV4(HARNESS_CLIENT_IPV4);
    struct harness *h = current = calloc(1, sizeof *h);
    h->pool = pool;
    h->options = default_options();
    h->now = 5000000;
    memcpy(h->server, ipv6 ? harness_server_ipv6 : server_ipv4, 16);
    memcpy(h->client, ipv6 ? harness_client_ipv6 : client_ipv4, 16);
    h->headers = ipv6 ? 14 + 40 + 20 : 14 + 20 + 20;
    if (ipv6) {
        memcpy(h->options.addresses[0].address, h->server, 16);
        h->options.addresses[0].prefix_length = 64;
        h->options.ports[0].mtu = HARNESS_IPV6_MTU;
    }
    h->stack = tcpstack_create(&h->options, h->now);
    *state = h;
    return h->stack == NULL ? -1 : 0;
}

int harness_setup(void **state)
{
    return set_up(state, false);
}

int harness_setup_ipv6(void **state)
{
    return set_up(state, true);
}

void harness_check_counters(const struct tcpstack *stack)
{
    const uint64_t *counters = tcpstack_counters(stack);
    uint64_t sum = counters[TCPSTACK_RX_ACCEPTED];
    for (unsigned i = 0; i < TCPSTACK_COUNTER_COUNT; i++) {
        if (strncmp(tcpstack_counter_rows[i].name, "rx_drop", 7) == 0) {
            assert_int_equal(tcpstack_counter_rows[i].kind, BASE_COUNTER_DROP);
            sum += counters[i];
        }
    }
    assert_int_equal(counters[TCPSTACK_RX_FRAMES], sum);
}

// Blocks that are lent are of a connection that knows it, and nobody wrote to the empty one.
static void check_traffic(const struct tcpstack *stack)
{
    static const struct tcp_traffic nothing;
    assert_memory_equal(&stack->no_traffic, &nothing, sizeof nothing);
    for (uint32_t i = 0; i < stack->traffic.blocks_used; i++) {
        const struct tcp_traffic *block = &stack->traffic.blocks[i];
        if (block->owner != NULL)
            assert_ptr_equal(block->owner->traffic, block);
    }
}

static void stop(struct harness *h)
{
    harness_check_counters(h->stack);
    check_traffic(h->stack);
    tcpstack_destroy(h->stack);
    while (cut_received < cut_count)
        rte_pktmbuf_free(cut[cut_received++]);
    assert_int_equal(rte_mempool_avail_count(pool), HARNESS_MBUFS);
}

int harness_teardown(void **state)
{
    stop(*state);
    free(*state);
    return 0;
}

void harness_restart(struct harness *h)
{
    stop(h);
    h->stack = tcpstack_create(&h->options, h->now);
    assert_non_null(h->stack);
}

uint64_t harness_counter(const struct harness *h, enum tcpstack_counter counter)
{
    return tcpstack_counters(h->stack)[counter];
}

void harness_input(struct harness *h, struct rte_mbuf *frame)
{
    tcpstack_input(h->stack, &frame, 1, h->now);
}

void harness_flush(struct harness *h)
{
    tcpstack_timers(h->stack, h->now);
    tcpstack_flush(h->stack, h->now);
}

void harness_advance(struct harness *h, uint64_t microseconds)
{
    uint64_t until = h->now + microseconds;
    while (tcpstack_next_timer(h->stack) <= until) {
        uint64_t due = tcpstack_next_timer(h->stack);
        h->now = due > h->now ? due : h->now;
        harness_flush(h);
    }
    h->now = until;
    harness_flush(h);
}

struct rte_mbuf *harness_frame(struct harness *h, const void *bytes, uint16_t size)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(h->pool);
    assert_non_null(frame);
    memcpy(rte_pktmbuf_append(frame, size), bytes, size);
    frame->port = HARNESS_PORT;
    return frame;
}

static void keep(void *bytes, void *user)
{
    (void)bytes;
    (void)user;
}

struct rte_mbuf *harness_frame_at_edge(struct harness *h, const void *bytes, uint16_t size)
{
    static uint8_t *pages;
    static struct rte_mbuf_ext_shared_info info;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (pages == NULL) {
        pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(pages, MAP_FAILED);
        assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    }
    info.free_cb = keep;
    rte_mbuf_ext_refcnt_set(&info, 1);
    struct rte_mbuf *frame = rte_pktmbuf_alloc(h->pool);
    assert_non_null(frame);
    rte_pktmbuf_attach_extbuf(frame, pages, 0, (uint16_t)page, &info);
    frame->data_off = (uint16_t)(page - size - size % 2);
    frame->data_len = size;
    frame->pkt_len = size;
    frame->port = HARNESS_PORT;
    memcpy(rte_pktmbuf_mtod(frame, void *), bytes, size);
    return frame;
}

struct tcp_endpoints harness_endpoints(uint16_t local_port, uint16_t remote_port)
{
    struct tcp_endpoints ends = {.local_port = local_port, .remote_port = remote_port};
    memcpy(ends.local, current->server, sizeof ends.local);
    memcpy(ends.remote, current->client, sizeof ends.remote);
    return ends;
}

struct harness_peer harness_peer(uint16_t port)
{
    struct harness_peer peer = {
        .port = port,
        .server_port = HARNESS_TCP_PORT,
        .seq = 1000,
        .window = 65535,
        .mss = HARNESS_MSS,
        .scale = -1,
    };
    memcpy(peer.mac, harness_client_mac, 6);
    memcpy(peer.address, current->client, sizeof peer.address);
    memcpy(peer.server, current->server, sizeof peer.server);
    return peer;
}

// Writes the IP header; returns its size.
static uint16_t build_ip(void *to, const struct harness_peer *peer, uint16_t size)
{
    if (!tcpstack_address_is_ipv4(peer->address)) {
        struct rte_ipv6_hdr *ip = to;
        *ip = (struct rte_ipv6_hdr){
            .vtc_flow =
                rte_cpu_to_be_32(UINT32_C(0x60012345)), // class and flow label do not matter
            .payload_len = rte_cpu_to_be_16(size),
            .proto = IPPROTO_TCP,
            .hop_limits = 3,
        };
        memcpy(ip->src_addr, peer->address, 16);
        memcpy(ip->dst_addr, peer->server, 16);
        return sizeof *ip;
    }
    struct rte_ipv4_hdr *ip = to;
    *ip = (struct rte_ipv4_hdr){
        .version_ihl = RTE_IPV4_VHL_DEF,
        .total_length = rte_cpu_to_be_16((uint16_t)(sizeof *ip + size)),
        .time_to_live = 64,
        .next_proto_id = IPPROTO_TCP,
        .src_addr = rte_cpu_to_be_32(tcpstack_address_ipv4(peer->address)),
        .dst_addr = rte_cpu_to_be_32(tcpstack_address_ipv4(peer->server)),
    };
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    return sizeof *ip;
}

struct rte_mbuf *harness_build(struct harness *h, const struct harness_peer *peer, uint8_t flags,
                               uint32_t seq, uint32_t ack, const void *options,
                               uint8_t options_size, const void *data, uint16_t size)
{
    uint8_t bytes[HARNESS_SEGMENT_MAX];
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)bytes;
    bool ipv6 = !tcpstack_address_is_ipv4(peer->address);
    uint16_t tcp_size = (uint16_t)(sizeof(struct rte_tcp_hdr) + options_size + size);
    memcpy(eth->dst_addr.addr_bytes, harness_server_mac, 6);
    memcpy(eth->src_addr.addr_bytes, peer->mac, 6);
    eth->ether_type = rte_cpu_to_be_16(ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
    void *ip = eth + 1;
    uint16_t ip_size = build_ip(ip, peer, tcp_size);
    struct rte_tcp_hdr *tcp = RTE_PTR_ADD(ip, ip_size);
    *tcp = (struct rte_tcp_hdr){
        .src_port = rte_cpu_to_be_16(peer->port),
        .dst_port = rte_cpu_to_be_16(peer->server_port),
        .sent_seq = rte_cpu_to_be_32(seq),
        .recv_ack = rte_cpu_to_be_32(ack),
        .data_off = (uint8_t)((sizeof *tcp + options_size) / 4 << 4),
        .tcp_flags = flags,
        .rx_win = rte_cpu_to_be_16(peer->window),
    };
    uint8_t *at = (uint8_t *)(tcp + 1);
    if (options_size != 0)
        memcpy(at, options, options_size);
    if (size != 0)
        memcpy(at + options_size, data, size);
    tcp->cksum = ipv6 ? rte_ipv6_udptcp_cksum(ip, tcp) : rte_ipv4_udptcp_cksum(ip, tcp);
    return harness_frame(h, bytes, (uint16_t)(sizeof *eth + ip_size + tcp_size));
}

static uint8_t *put_be32(uint8_t *to, uint32_t value)
{
    value = rte_cpu_to_be_32(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t size)
{
    memcpy(to, bytes, size);
    return to + size;
}

uint8_t harness_options(const struct harness_peer *peer, uint8_t flags, uint8_t to[40])
{
    uint8_t *at = to;
    if (flags & SYN) {
        const uint8_t mss[] = {2, 4, (uint8_t)(peer->mss >> 8), (uint8_t)peer->mss};
        const uint8_t scale[] = {1, 3, 3, (uint8_t)peer->scale};
        const uint8_t may_sack[] = {1, 1, 4, 2};
        at = put(at, mss, peer->mss != 0 ? sizeof mss : 0);
        at = put(at, scale, peer->scale >= 0 ? sizeof scale : 0);
        at = put(at, may_sack, peer->may_sack ? sizeof may_sack : 0);
    }
    if (peer->timestamps) {
        at = put(at, (const uint8_t[]){1, 1, 8, 10}, 4);
        at = put_be32(at, peer->timestamp);
        at = put_be32(at, flags & ACK ? peer->timestamp_echo : 0);
    }
    if (peer->sack_count != 0)
        at = put(at, (const uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * peer->sack_count)}, 4);
    for (unsigned i = 0; i < peer->sack_count; i++) {
        at = put_be32(at, peer->sack[i].begin);
        at = put_be32(at, peer->sack[i].end);
    }
    return (uint8_t)(at - to);
}

void harness_send_at(struct harness *h, const struct harness_peer *peer, uint8_t flags,
                     uint32_t seq, const void *data, uint16_t size)
{
    uint8_t options[40];
    uint8_t options_size = harness_options(peer, flags & (uint8_t)~SYN, options);
    uint32_t ack = flags & ACK ? peer->ack : 0;
    harness_input(h, harness_build(h, peer, flags, seq, ack, options, options_size, data, size));
    harness_flush(h);
}

void harness_send(struct harness *h, struct harness_peer *peer, uint8_t flags, const void *data,
                  uint16_t size)
{
    harness_send_at(h, peer, flags, peer->seq, data, size);
    peer->seq += size + ((flags & SYN) != 0) + ((flags & FIN) != 0);
}

void harness_send_syn(struct harness *h, struct harness_peer *peer)
{
    uint8_t options[40];
    uint8_t size = harness_options(peer, SYN, options);
    harness_input(h, harness_build(h, peer, SYN, peer->seq, 0, options, size, NULL, 0));
    harness_flush(h);
    peer->seq++;
}

struct tcp_conn *harness_open(struct harness *h, struct harness_peer *peer)
{
    struct harness_segment answer;
    struct tcp_conn *conn = NULL;
    harness_send_syn(h, peer);
    assert_true(harness_receive(h, &answer));
    assert_int_equal(answer.flags, SYN | ACK);
    assert_int_equal(answer.ack, peer->seq);
    peer->ack = answer.seq + 1;
    peer->timestamp_echo = answer.timestamp;
    harness_send(h, peer, ACK, NULL, 0);
    assert_int_equal(harness_events(h, &conn), TCP_EVENT_OPENED);
    return conn;
}

struct rte_mbuf *harness_take(struct harness *h)
{
    struct rte_mbuf *frame;
    assert_int_equal(tcpstack_take_output(h->stack, &frame, 1), 1);
    assert_int_equal(frame->port, h->options.ports[0].port_id);
    return frame;
}

static uint32_t get_be32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return rte_be_to_cpu_32(value);
}

static void decode_sack(const uint8_t *at, size_t length, struct harness_segment *segment)
{
    segment->sack_count = (unsigned)(length - 2) / 8;
    assert_int_equal(length, 2 + 8 * segment->sack_count);
    assert_in_range(segment->sack_count, 1, 4);
    for (unsigned i = 0; i < segment->sack_count; i++)
        segment->sack[i] =
            (struct harness_block){get_be32(at + 2 + 8 * i), get_be32(at + 6 + 8 * i)};
}

static void decode_options(const uint8_t *at, size_t size, struct harness_segment *segment)
{
    segment->mss = 0;
    segment->scale = -1;
    segment->timestamps = segment->may_sack = false;
    segment->timestamp = segment->timestamp_echo = segment->sack_count = 0;
    while (size > 0 && at[0] != 0) {
        size_t length = at[0] == 1 ? 1 : at[1];
        assert_in_range(length, 1, size);
        if (at[0] == 2)
            segment->mss = (uint16_t)(at[2] << 8 | at[3]);
        if (at[0] == 3)
            segment->scale = at[2];
        if (at[0] == 4)
            segment->may_sack = true;
        if (at[0] == 5)
            decode_sack(at, length, segment);
        if (at[0] == 8) {
            segment->timestamps = true;
            segment->timestamp = get_be32(at + 2);
            segment->timestamp_echo = get_be32(at + 6);
        }
        at += length;
        size -= length;
    }
}

// Checks the IP header; returns its size.
static uint16_t decode_ip(const struct rte_mbuf *frame, uint16_t type,
                          struct harness_segment *segment)
{
    const uint8_t *at = rte_pktmbuf_mtod_offset(frame, const uint8_t *, RTE_ETHER_HDR_LEN);
    uint16_t size = (uint16_t)(frame->data_len - RTE_ETHER_HDR_LEN);
    if (type == RTE_ETHER_TYPE_IPV6) {
        const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)at;
        assert_int_equal(at[0], 0x60);
        assert_int_equal(ip->proto, IPPROTO_TCP);
        assert_int_equal(rte_be_to_cpu_16(ip->payload_len) + sizeof *ip, size);
        assert_true(ip->hop_limits > 1);
        memcpy(segment->source, ip->src_addr, 16);
        memcpy(segment->destination, ip->dst_addr, 16);
        return sizeof *ip;
    }
    const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
    assert_int_equal(type, RTE_ETHER_TYPE_IPV4);
    assert_int_equal(ip->next_proto_id, IPPROTO_TCP);
    assert_int_equal(rte_be_to_cpu_16(ip->total_length), size);
    assert_int_equal(rte_raw_cksum(ip, sizeof *ip), 0xffff);
    tcpstack_address_set_ipv4(segment->source, rte_be_to_cpu_32(ip->src_addr));
    tcpstack_address_set_ipv4(segment->destination, rte_be_to_cpu_32(ip->dst_addr));
    return sizeof *ip;
}

static void decode(const struct rte_mbuf *frame, struct harness_segment *segment)
{
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);
    uint16_t type = rte_be_to_cpu_16(eth->ether_type);
    const void *ip = eth + 1;
    uint16_t ip_size = decode_ip(frame, type, segment);
    const struct rte_tcp_hdr *tcp =
        rte_pktmbuf_mtod_offset(frame, const struct rte_tcp_hdr *, RTE_ETHER_HDR_LEN + ip_size);
    assert_int_equal(frame->pkt_len, frame->data_len);
    uint32_t sum = rte_raw_cksum(tcp, frame->data_len - sizeof *eth - ip_size);
    sum += type == RTE_ETHER_TYPE_IPV6 ? rte_ipv6_phdr_cksum(ip, 0) : rte_ipv4_phdr_cksum(ip, 0);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
    size_t header = (size_t)(tcp->data_off >> 4) * 4;
    memcpy(segment->source_mac, eth->src_addr.addr_bytes, 6);
    memcpy(segment->destination_mac, eth->dst_addr.addr_bytes, 6);
    segment->source_port = rte_be_to_cpu_16(tcp->src_port);
    segment->destination_port = rte_be_to_cpu_16(tcp->dst_port);
    segment->seq = rte_be_to_cpu_32(tcp->sent_seq);
    segment->ack = rte_be_to_cpu_32(tcp->recv_ack);
    segment->flags = tcp->tcp_flags;
    segment->window = rte_be_to_cpu_16(tcp->rx_win);
    segment->size = (uint32_t)(frame->data_len - sizeof *eth - ip_size - header);
    decode_options((const uint8_t *)(tcp + 1), header - sizeof *tcp, segment);
    memcpy(segment->data, (const uint8_t *)tcp + header, segment->size);
}

bool harness_receive(struct harness *h, struct harness_segment *ret_segment)
{
    struct rte_mbuf *frame;
    if (cut_received == cut_count) {
        if (tcpstack_take_output(h->stack, &frame, 1) == 0)
            return false;
        cut_count = cutter_run(frame, cut);
        cut_received = 0;
    }
    frame = cut[cut_received++];
    decode(frame, ret_segment);
    rte_pktmbuf_free(frame);
    return true;
}

struct harness_segment harness_expect(struct harness *h, uint8_t flags, uint32_t seq, uint32_t ack,
                                      uint32_t size)
{
    struct harness_segment segment;
    assert_true(harness_receive(h, &segment));
    assert_int_equal(segment.flags, flags);
    assert_int_equal(segment.seq, seq);
    if (flags & ACK)
        assert_int_equal(segment.ack, ack);
    assert_int_equal(segment.size, size);
    return segment;
}

void harness_expect_none(struct harness *h)
{
    struct harness_segment segment;
    assert_false(harness_receive(h, &segment));
}

unsigned harness_events(struct harness *h, struct tcp_conn **ret_conn)
{
    struct tcp_conn *conns[2];
    unsigned count = tcpstack_ready(h->stack, conns, 2);
    assert_in_range(count, 0, 1);
    if (count == 0)
        return 0;
    if (ret_conn != NULL)
        *ret_conn = conns[0];
    return tcp_take_events(conns[0]);
}

void harness_pattern(uint8_t *to, uint32_t offset, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        to[i] = (uint8_t)((offset + i) * 2654435761u >> 24);
}
