#include <rte_thash.h>

#include "tests/unit/tcpstack/harness.h"

static void the_hash_is_the_toeplitz_hash_of_the_key(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t words[4];
        for (unsigned j = 0; j < 4; j++)
            words[j] = seed = seed * 1664525 + 1013904223;
        union rte_thash_tuple tuple = {.v4 = {.src_addr = words[0],
                                              .dst_addr = words[1],
                                              .sport = (uint16_t)(words[2] >> 16),
                                              .dport = (uint16_t)(words[3] >> 16)}};
        const struct tcp_endpoints ends = {TCPSTACK_IPV4(words[0]), TCPSTACK_IPV4(words[1]),
                                           tuple.v4.sport, tuple.v4.dport};
        uint32_t expected = rte_softrss((uint32_t *)&tuple, RTE_THASH_V4_L4_LEN, tcpstack_rss_key);
        assert_int_equal(tcpstack_flow_hash_of(&ends), expected);
    }
}

static void the_hash_of_ipv6_is_the_toeplitz_hash_too(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t words[9];
        for (unsigned j = 0; j < 9; j++)
            words[j] = seed = seed * 1664525 + 1013904223;
        struct tcp_endpoints ends = {.local_port = (uint16_t)(words[8] >> 16),
                                     .remote_port = (uint16_t)words[8]};
        for (unsigned j = 0; j < 4; j++) {
            base_store_be32(ends.local + 4 * j, words[j]);
            base_store_be32(ends.remote + 4 * j, words[4 + j]);
        }
        uint32_t expected = rte_softrss(words, RTE_THASH_V6_L4_LEN, tcpstack_rss_key);
        assert_int_equal(tcpstack_flow_hash_of(&ends), expected);
    }
}

static void both_directions_of_a_flow_hash_alike(void **state)
{
    (void)state;
    struct tcp_endpoints there = {TCPSTACK_IPV4(0x0a000001), TCPSTACK_IPV4(0x0a000002), 40000, 135};
    struct tcp_endpoints back = {TCPSTACK_IPV4(0x0a000002), TCPSTACK_IPV4(0x0a000001), 135, 40000};
    assert_int_equal(tcpstack_flow_hash_of(&there), tcpstack_flow_hash_of(&back));
    there.local_port++;
    assert_int_not_equal(tcpstack_flow_hash_of(&there), tcpstack_flow_hash_of(&back));
}

static void a_frame_hashes_as_its_flow(void **state)
{
    struct harness *h = *state;
    struct harness_peer peer = harness_peer(40000);
    const struct tcp_endpoints ends = {TCPSTACK_IPV4(HARNESS_SERVER_IPV4),
                                       TCPSTACK_IPV4(HARNESS_CLIENT_IPV4), HARNESS_TCP_PORT, 40000};
    struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
    assert_int_equal(tcpstack_flow_hash(frame), tcpstack_flow_hash_of(&ends));
    rte_pktmbuf_free(frame);
}

static void frames_without_a_tcp_flow_hash_to_zero(void **state)
{
    struct harness *h = *state;
    static const struct {
        uint16_t at;
        uint8_t value;
    } rows[] = {{12, 0x86}, {23, 17}, {14, 0x44}, {14, 0x4f}, {20, 0x20}, {21, 1}};
    struct harness_peer peer = harness_peer(40000);
    for (size_t i = 0; i < RTE_DIM(rows); i++) {
        struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
        rte_pktmbuf_mtod(frame, uint8_t *)[rows[i].at] = rows[i].value;
        assert_int_equal(tcpstack_flow_hash(frame), 0);
        rte_pktmbuf_free(frame);
    }
    for (uint16_t size = 0; size < 54; size++) {
        struct rte_mbuf *frame = harness_build(h, &peer, SYN, 1, 0, NULL, 0, NULL, 0);
        rte_pktmbuf_trim(frame, (uint16_t)(54 - size));
        assert_int_equal(tcpstack_flow_hash(frame), 0);
        rte_pktmbuf_free(frame);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_the_toeplitz_hash_of_the_key),
        cmocka_unit_test(the_hash_of_ipv6_is_the_toeplitz_hash_too),
        cmocka_unit_test(both_directions_of_a_flow_hash_alike),
        TEST(a_frame_hashes_as_its_flow),
        TEST(frames_without_a_tcp_flow_hash_to_zero),
    };
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
