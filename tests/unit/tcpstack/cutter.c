#include "tests/unit/tcpstack/cutter.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "tests/unit/tcpstack/harness.h"

// The sum that the stack must have left in the TCP header, and the one that goes onto the wire.
static void finish_sums(struct rte_mbuf *frame, bool ipv6, uint64_t left_with)
{
    void *ip = rte_pktmbuf_mtod_offset(frame, void *, frame->l2_len);
    struct rte_tcp_hdr *tcp = RTE_PTR_ADD(ip, frame->l3_len);
    uint16_t left = ipv6 ? rte_ipv6_phdr_cksum(ip, left_with) : rte_ipv4_phdr_cksum(ip, left_with);
    assert_int_equal(tcp->cksum, left);
    tcp->cksum = 0;
    if (ipv6) {
        tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
        return;
    }
    struct rte_ipv4_hdr *ipv4 = ip;
    assert_int_equal(ipv4->hdr_checksum, 0);
    tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
    ipv4->hdr_checksum = rte_ipv4_cksum(ipv4);
}

// `size` payload bytes from `offset` on behind a copy of the headers.
static struct rte_mbuf *cut_one(const struct rte_mbuf *large, uint32_t offset, uint16_t size)
{
    uint16_t headers = (uint16_t)(large->l2_len + large->l3_len + large->l4_len);
    bool ipv6 = large->ol_flags & RTE_MBUF_F_TX_IPV6;
    struct rte_mbuf *frame = rte_pktmbuf_alloc(large->pool);
    assert_non_null(frame);
    uint8_t *to = (uint8_t *)rte_pktmbuf_append(frame, (uint16_t)(headers + size));
    memcpy(to, rte_pktmbuf_mtod(large, const void *), headers);
    const void *bytes = rte_pktmbuf_read(large, headers + offset, size, to + headers);
    assert_non_null(bytes);
    if (bytes != to + headers)
        memcpy(to + headers, bytes, size);
    frame->l2_len = large->l2_len;
    frame->l3_len = large->l3_len;
    frame->port = large->port;
    struct rte_ipv4_hdr *ipv4 = (struct rte_ipv4_hdr *)(to + large->l2_len);
    struct rte_ipv6_hdr *ipv6_header = (struct rte_ipv6_hdr *)(to + large->l2_len);
    if (ipv6)
        ipv6_header->payload_len = rte_cpu_to_be_16((uint16_t)(large->l4_len + size));
    else
        ipv4->total_length = rte_cpu_to_be_16((uint16_t)(large->l3_len + large->l4_len + size));
    struct rte_tcp_hdr *tcp = RTE_PTR_ADD(ipv4, large->l3_len);
    tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + offset);
    if (headers + offset + size < large->pkt_len)
        tcp->tcp_flags &= (uint8_t) ~(FIN | PSH);
    // The large frame's own size is in no segment's sum.
    finish_sums(frame, ipv6, RTE_MBUF_F_TX_TCP_SEG);
    return frame;
}

unsigned cutter_run(struct rte_mbuf *frame, struct rte_mbuf *ret_frames[TCPSTACK_LARGE_SEGMENTS])
{
    unsigned count = 0;
    if (!(frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
        ret_frames[0] = frame;
        if (frame->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM)
            finish_sums(frame, frame->ol_flags & RTE_MBUF_F_TX_IPV6, 0);
        return 1;
    }
    rte_mbuf_sanity_check(frame, 1);
    uint32_t payload = frame->pkt_len - frame->l2_len - frame->l3_len - frame->l4_len;
    assert_true(payload > frame->tso_segsz);
    for (uint32_t at = 0; at < payload; at += frame->tso_segsz) {
        assert_in_range(count, 0, TCPSTACK_LARGE_SEGMENTS - 1);
        uint32_t size = RTE_MIN((uint32_t)frame->tso_segsz, payload - at);
        ret_frames[count++] = cut_one(frame, at, (uint16_t)size);
    }
    rte_pktmbuf_free(frame);
    return count;
}
