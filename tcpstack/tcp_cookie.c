// The cookie is the initial sequence number of the SYN-ACK:
//
//     31          30 .. 28     27 .. 0
//     slot parity MSS index    tag
//
// The tag is a keyed hash of the connection's name, the peer's sequence number, the slot of time
// and the MSS index: 28 bits to guess for who does not see our packets, and only while cookies
// are out. A cookie is good in its slot and the next, so for 2 to 4 minutes; the parity tells which
// of the two it is of, so one hash is enough.
//
// Window scale and SACK have no room here. When the peer offers timestamps (RFC 7323), they stand
// in the low bits of our TSval, which the ACK echoes:
//
//     31 .. 5     4      3 .. 0
//     clock       SACK   window scale, 15 for none
//
// They need no seal: a peer can lie only about itself. Without timestamps they are not offered in
// the SYN-ACK, and the connection lives without them. The ACK must be the first segment to arrive:
// what overtakes it cannot be told from a forgery and is reset.
#include "tcpstack/tcp_cookie.h"

#include "base/siphash.h"
#include "tcpstack/tcp.h"

#define SLOT UINT64_C(120000000)

enum { SLOTS_VALID = 2, MSS_SHIFT = 28, MSS_COUNT = 8 };
enum { TSVAL_SCALE = 0x0f, TSVAL_NO_SCALE = 15, TSVAL_SACK = 0x10, TSVAL_BITS = 0x1f };

// The values of the common links and tunnels, and the smallest that we use.
static const uint16_t mss_table[MSS_COUNT] = {
    TCP_MSS_MIN, TCP_MSS_DEFAULT, 1220, 1360, 1400, 1440, 1448, 1460};

// The largest that does not exceed what the peer takes.
static unsigned mss_index(uint16_t mss)
{
    unsigned index = MSS_COUNT - 1;
    while (index > 0 && mss_table[index] > mss)
        index--;
    return index;
}

static uint32_t make(const struct tcpstack *stack, const struct tcp_key *key, uint32_t irs,
                     uint64_t slot, unsigned index)
{
    // The purpose keeps the hash apart from those for the table and for RFC 6528.
    struct {
        uint64_t slot;
        uint32_t irs;
        struct tcp_key key;
        uint16_t index, purpose, zero;
    } input = {slot, irs, *key, (uint16_t)index, 4987, 0};
    _Static_assert(sizeof input == sizeof *key + 18, "hashed as bytes: no padding");
    uint32_t tag = (uint32_t)base_siphash(stack->options.secret, &input, sizeof input);
    return (uint32_t)(slot & 1) << 31 | index << MSS_SHIFT |
           (tag & ((UINT32_C(1) << MSS_SHIFT) - 1));
}

// The latest TSval that has these low bits and is not ahead of the clock: those that follow on the
// connection must not go back.
static uint32_t make_timestamp(const struct tcpstack *stack, const struct tcp_key *key,
                               const struct tcp_options *options)
{
    uint32_t bits = options->has_scale ? options->scale : TSVAL_NO_SCALE;
    bits |= options->may_sack ? TSVAL_SACK : 0;
    uint32_t clock = tcp_timestamp_of(stack, key);
    return clock - ((clock - bits) & TSVAL_BITS);
}

// What the SYN-ACK offers: nothing that could not be remembered.
static struct tcp_options make_options(const struct tcpstack *stack,
                                       const struct tcpstack_packet *packet,
                                       const struct tcp_options *options)
{
    struct tcp_options ours = {.mss = tcp_port_mss(stack, packet->link.port, &packet->key)};
    if (!options->has_timestamps || stack->options.without_timestamps)
        return ours;
    ours.has_timestamps = true;
    ours.timestamp = make_timestamp(stack, &packet->key, options);
    ours.timestamp_echo = options->timestamp;
    ours.has_scale = options->has_scale;
    ours.scale = tcp_receive_scale(stack);
    ours.may_sack = options->may_sack && !stack->options.without_sack;
    return ours;
}

void tcp_cookie_send(struct tcpstack *stack, const struct tcpstack_packet *packet,
                     const struct tcp_options *options)
{
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return;
    unsigned index = mss_index(options->mss != 0 ? options->mss : TCP_MSS_DEFAULT);
    struct tcp_options ours = make_options(stack, packet, options);
    uint8_t bytes[TCP_OPTIONS_MAX];
    struct tcp_header header = {
        .sequence = make(stack, &packet->key, packet->sequence, stack->now / SLOT, index),
        .acknowledgment = packet->sequence + 1,
        .window = (uint16_t)RTE_MIN(stack->options.receive_window, (uint32_t)UINT16_MAX),
        .flags = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
        .options_size = tcp_options_write(&ours, bytes),
        .options = bytes,
    };
    tcp_send_frame(stack, frame, &packet->key, &packet->link, &header);
    stack->cookies_until = (stack->now / SLOT + SLOTS_VALID) * SLOT;
    tcpstack_count(stack, TCPSTACK_TCP_COOKIES_SENT);
}

bool tcp_cookies_out(const struct tcpstack *stack)
{
    return stack->now < stack->cookies_until;
}

static void recall(const struct tcpstack *stack, const struct tcp_options *said,
                   struct tcp_options *options)
{
    if (!said->has_timestamps || stack->options.without_timestamps)
        return;
    uint32_t bits = said->timestamp_echo & TSVAL_BITS;
    options->has_timestamps = true;
    options->timestamp = said->timestamp;
    options->may_sack = bits & TSVAL_SACK;
    options->has_scale = (bits & TSVAL_SCALE) != TSVAL_NO_SCALE;
    options->scale = options->has_scale ? bits & TSVAL_SCALE : 0;
}

bool tcp_cookie_check(const struct tcpstack *stack, const struct tcpstack_packet *packet,
                      struct tcp_options *ret_options)
{
    uint32_t cookie = packet->acknowledgment - 1;
    unsigned index = cookie >> MSS_SHIFT & (MSS_COUNT - 1);
    uint64_t slot = stack->now / SLOT;
    slot -= (slot & 1) != cookie >> 31; // the one before: before the first it matches nothing
    *ret_options = (struct tcp_options){.mss = mss_table[index]};
    recall(stack, &packet->said, ret_options);
    return cookie == make(stack, &packet->key, packet->sequence - 1, slot, index);
}
