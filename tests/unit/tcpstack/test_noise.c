// Random segments at one connection: any flags, numbers near every edge, overlaps, odd windows,
// while its owner reads, writes and closes at random. Whatever happens, the bytes handed out are
// the stream's, and no mbuf and no frame is unaccounted for (the teardown looks).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tcpstack/harness.h"

enum { SEEDS = 3000, STEPS = 80, STREAM = 70000 };

static uint8_t pattern[STREAM + 2000];
static uint64_t random_state;
static uint64_t playing; // the seed, for the teardown to name

static uint32_t roll(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

// Near `center`, at times far away.
static uint32_t near(uint32_t center)
{
    static const uint32_t spreads[] = {1, 3, 40, 3000, 140000, UINT32_MAX};
    uint32_t spread = spreads[roll(RTE_DIM(spreads))];
    return center + roll(spread) - (roll(2) ? 0 : spread / 2);
}

// Bytes of the stream at `seq`, when it is on it; peer->seq is the stream's first.
static void send_noise(struct harness *h, const struct harness_peer *peer, uint32_t progress)
{
    uint8_t flags = roll(8) == 0 ? (uint8_t)roll(64) : ACK;
    if (roll(30) != 0)
        flags &= (uint8_t) ~(RST | SYN);
    if (roll(20) != 0)
        flags &= (uint8_t)~FIN;
    uint32_t seq = near(peer->seq + progress);
    uint16_t size = (uint16_t)roll(roll(2) ? 1460 : 60);
    uint32_t offset = seq - peer->seq;
    if (offset > STREAM)
        size = 0;
    struct harness_peer sender = *peer;
    sender.window = (uint16_t)(roll(4) == 0 ? roll(3) * 700 : roll(65536));
    harness_input(h, harness_build(h, &sender, flags, seq, near(peer->ack), NULL, 0,
                                   pattern + (size == 0 ? 0 : offset), size));
}

struct owner {
    struct tcp_conn *conn; // NULL when it is over
    uint32_t received;
};

static void take_events(struct harness *h, struct owner *owner)
{
    struct tcp_conn *conns[4];
    unsigned count = tcpstack_ready(h->stack, conns, 4);
    for (unsigned i = 0; i < count; i++) {
        unsigned events = tcp_take_events(conns[i]);
        if (conns[i] == owner->conn && events & TCP_EVENT_CLOSED)
            owner->conn = NULL;
    }
}

static void act(struct owner *owner)
{
    struct tcp_conn *conn = owner->conn;
    uint32_t size = RTE_MIN(tcp_readable(conn), roll(3000));
    uint8_t bytes[3000];
    switch (roll(6)) {
    case 0:
        tcp_copy(conn, 0, bytes, size);
        assert_memory_equal(bytes, pattern + owner->received, size);
        tcp_consume(conn, size);
        owner->received += size;
        break;
    case 1:
        tcp_write(conn, pattern, roll(5000));
        break;
    case 2:
        if (tcp_reserve(conn, roll(200)) != NULL && roll(2))
            tcp_commit(conn, 0);
        break;
    case 3:
        if (roll(30) == 0)
            tcp_close(conn);
        else if (roll(100) == 0)
            tcp_abort(conn);
        break;
    default:
        break;
    }
}

// The peer acknowledges what it sees, or pretends it saw less.
static void follow(struct harness *h, struct harness_peer *peer)
{
    struct harness_segment segment;
    while (harness_receive(h, &segment)) {
        if (segment.size != 0 && !(segment.flags & RST))
            peer->ack = segment.seq + (roll(3) == 0 ? 0 : segment.size);
        assert_in_range(segment.size, 0, HARNESS_MSS);
    }
}

static void play(struct harness *h, uint64_t seed)
{
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct harness_peer peer = harness_peer((uint16_t)(1 + seed % 60000));
    peer.seq = roll(2) ? 0u - roll(5000) : roll(UINT32_MAX);
    struct owner owner = {.conn = harness_open(h, &peer)};
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t progress = owner.received + (owner.conn != NULL ? tcp_readable(owner.conn) : 0);
        send_noise(h, &peer, progress);
        take_events(h, &owner);
        if (owner.conn != NULL)
            act(&owner);
        if (roll(4) == 0)
            harness_advance(h, roll(roll(2) ? 50000 : 3000000));
        harness_flush(h);
        follow(h, &peer);
    }
    take_events(h, &owner);
    if (owner.conn != NULL)
        tcp_abort(owner.conn);
    take_events(h, &owner);
    follow(h, &peer);
}

static void a_connection_survives_any_segments(void **state)
{
    struct harness *h = *state;
    const char *only = getenv("TEST_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : SEEDS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        playing = seed;
        play(h, seed);
        if (seed % 50 == 0)
            harness_restart(h);
    }
}

static int name_the_seed(void **state)
{
    fprintf(stderr, "the last seed was TEST_SEED=%lu\n", (unsigned long)playing);
    return harness_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_survives_any_segments, harness_setup,
                                        name_the_seed),
        cmocka_unit_test_setup_teardown(a_connection_survives_any_segments, harness_setup_ipv6,
                                        name_the_seed),
    };
    harness_pattern(pattern, 0, sizeof pattern);
    return cmocka_run_group_tests(tests, harness_start, NULL);
}
