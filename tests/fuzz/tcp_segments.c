// Frames into a real stack (tests/unit/tcpstack/harness.h): segments near and far from what a
// connection expects, frames of bytes as they come, time, and an owner who reads, writes and
// closes. Afterwards every mbuf must be back and the counters must add up.
//
// A step is one byte: its low three bits say what, the others how.
#include "tests/fuzz/input.h"
#include "tests/unit/tcpstack/harness.h"

enum { STEPS_MAX = 48, PEERS = 2, DATA_MAX = 1460 };

struct world {
    struct harness *h;
    struct harness_peer peers[PEERS];
    struct tcp_conn *conns[PEERS]; // NULL: none
    unsigned current;
};

static uint8_t pattern[DATA_MAX];

static void take_events(struct world *world)
{
    struct tcp_conn *conns[8];
    unsigned count;
    while ((count = tcpstack_ready(world->h->stack, conns, 8)) != 0) {
        for (unsigned i = 0; i < count; i++) {
            unsigned events = tcp_take_events(conns[i]);
            unsigned who = tcp_endpoints(conns[i]).remote_port == world->peers[0].port ? 0 : 1;
            if (events & TCP_EVENT_CLOSED)
                world->conns[who] = world->conns[who] == conns[i] ? NULL : world->conns[who];
            else if (events & TCP_EVENT_OPENED)
                world->conns[who] = conns[i];
        }
    }
}

// The peers learn what to acknowledge. The harness looks at every frame of TCP.
static void take_output(struct world *world)
{
    struct rte_mbuf *frame;
    while (tcpstack_take_output(world->h->stack, &frame, 1) == 1) {
        const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);
        MUST(frame->data_len >= 14 && frame->pkt_len <= 14u + HARNESS_IPV6_MTU);
        if (frame->data_len >= 54 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == 6) {
            const uint8_t *tcp = bytes + 34;
            unsigned who = (tcp[2] << 8 | tcp[3]) == world->peers[0].port ? 0 : 1;
            uint32_t seq = (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
            uint32_t size = frame->data_len - 34u - (tcp[12] >> 4) * 4u;
            MUST(size <= DATA_MAX);
            world->peers[who].ack = seq + size + (tcp[13] & SYN ? 1 : 0) + (tcp[13] & FIN ? 1 : 0);
        }
        rte_pktmbuf_free(frame);
    }
}

static void settle(struct world *world)
{
    take_events(world);
    harness_flush(world->h);
    take_events(world);
    take_output(world);
}

// Near zero mostly: one byte, of which the top two bits say how far it reaches.
static uint32_t near(struct input *in)
{
    uint8_t value = input_u8(in);
    static const uint32_t scale[] = {1, 64, 1460, 33554432};
    return ((value & 63u) - 32) * scale[value >> 6];
}

static struct rte_mbuf *build(struct world *world, struct input *in, uint8_t step)
{
    struct harness_peer *peer = &world->peers[world->current];
    uint8_t options[40] = {0}, options_size = 0;
    uint8_t flags = step & 0x20 ? input_u8(in) : ACK;
    uint32_t seq = peer->seq, ack = peer->ack;
    uint16_t size = (uint16_t)(input_u8(in) * (step & 8 ? 6u : 0));
    size = size > DATA_MAX ? DATA_MAX : size;
    if (step & 0x40)
        seq += near(in), ack += near(in);
    if (step & 0x10) {
        options_size = input_u8(in) % 11 * 4;
        input_copy(in, options, options_size);
    } else {
        options_size = harness_options(peer, flags & SYN ? SYN : flags, options);
    }
    if (step & 0x80)
        peer->window = input_u16(in);
    if (options_size + size > DATA_MAX)
        size = (uint16_t)(DATA_MAX - options_size);
    if (!(step & 0x40))
        peer->seq += size + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
    return harness_build(world->h, peer, flags, seq, ack, options, options_size, pattern, size);
}

static void send_segment(struct world *world, struct input *in, uint8_t step)
{
    struct rte_mbuf *frame = build(world, in, step);
    harness_input(world->h, frame);
    settle(world);
}

// A segment with some of its octets changed, so that its checksums may be wrong.
static void send_damaged(struct world *world, struct input *in, uint8_t step)
{
    struct rte_mbuf *frame = build(world, in, step);
    uint8_t *bytes = rte_pktmbuf_mtod(frame, uint8_t *);
    for (unsigned i = 0; i < 3; i++)
        bytes[input_u8(in) % frame->data_len] = input_u8(in);
    uint16_t keep = input_u8(in);
    if (keep < frame->data_len && keep > 0)
        rte_pktmbuf_trim(frame, (uint16_t)(frame->data_len - keep));
    harness_input(world->h, frame);
    settle(world);
}

// Any bytes behind addresses that are right.
static void send_frame(struct world *world, struct input *in, uint8_t step)
{
    static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100};
    uint8_t bytes[14 + 255];
    size_t size;
    memcpy(bytes, harness_server_mac, 6);
    memcpy(bytes + 6, harness_client_mac, 6);
    bytes[12] = (uint8_t)(types[step >> 3 & 3] >> 8);
    bytes[13] = (uint8_t)types[step >> 3 & 3];
    const uint8_t *body = input_bytes(in, input_u8(in), &size);
    if (size != 0)
        memcpy(bytes + 14, body, size);
    harness_input(world->h, harness_frame(world->h, bytes, (uint16_t)(14 + size)));
    settle(world);
}

static void act(struct world *world, struct input *in, uint8_t step)
{
    struct tcp_conn *conn = world->conns[world->current];
    if (conn == NULL)
        return;
    uint32_t size = input_u8(in) * (step & 0x80 ? 64u : 4u);
    static uint8_t bytes[255 * 64];
    switch (step >> 3 & 7) {
    case 0:
    case 1:
        size = size < tcp_readable(conn) ? size : tcp_readable(conn);
        tcp_copy(conn, 0, bytes, size);
        tcp_consume(conn, size);
        break;
    case 2:
    case 3:
        tcp_write(conn, bytes, size);
        break;
    case 4:
    case 5:
        size = size < tcp_segment_room(conn) ? size : tcp_segment_room(conn);
        if (size != 0 && tcp_reserve(conn, size) != NULL)
            tcp_commit(conn, size / 2);
        break;
    case 6:
        tcp_close(conn);
        break;
    default:
        tcp_abort(conn);
    }
    settle(world);
}

static void connect_out(struct world *world)
{
    struct harness_peer *peer = &world->peers[world->current];
    const struct tcp_endpoints ends = harness_endpoints(HARNESS_TCP_PORT, peer->port);
    if (world->conns[world->current] == NULL)
        tcp_connect(world->h->stack, &ends, HARNESS_PORT, harness_client_mac);
    settle(world);
}

static void take_step(struct world *world, struct input *in)
{
    uint8_t step = input_u8(in);
    switch (step & 7) {
    case 0:
    case 1:
        send_segment(world, in, step);
        break;
    case 2:
        send_damaged(world, in, step);
        break;
    case 3:
        send_frame(world, in, step);
        break;
    case 4:
        harness_advance(world->h, (uint64_t)input_u8(in) << (step >> 3 & 15));
        settle(world);
        break;
    case 5:
        act(world, in, step);
        break;
    case 6:
        world->current = step >> 3 & 1;
        if (step & 0x80)
            connect_out(world);
        break;
    default: // the handshake's way to an established connection
        world->peers[world->current].timestamps = step & 8;
        world->peers[world->current].may_sack = step & 16;
        world->peers[world->current].scale = step & 32 ? 7 : -1;
        harness_send_syn(world->h, &world->peers[world->current]);
        settle(world);
        harness_send(world->h, &world->peers[world->current], ACK, NULL, 0);
        settle(world);
    }
}

static void play(struct harness *h, struct input *in)
{
    struct world world = {.h = h};
    for (unsigned i = 0; i < PEERS; i++) {
        world.peers[i] = harness_peer((uint16_t)(40000 + i));
        world.peers[i].seq = i == 0 ? 1000 : 0xffffff00;
    }
    for (unsigned i = 0; i < STEPS_MAX && in->left > 0; i++)
        take_step(&world, in);
    settle(&world);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    harness_pattern(pattern, 0, sizeof pattern);
    setenv("CMOCKA_TEST_ABORT", "1", 1); // the harness's assertions
    return harness_start(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    void *state;
    // The first byte chooses the family and how many connections the stack may have.
    uint8_t how = input_u8(&in);
    MUST((how & 1 ? harness_setup_ipv6(&state) : harness_setup(&state)) == 0);
    struct harness *h = state;
    if (how & 6) {
        h->options.max_connections = how & 2 ? 1 : 64;
        h->options.max_half_open = how & 4 ? 1 : 16;
        harness_restart(h);
    }
    play(h, &in);
    harness_teardown(&state);
    return 0;
}
