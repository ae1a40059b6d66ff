// Timestamps: protection against wrapped sequence numbers, and round trips (RFC 7323 3 to 5).
#include "base/siphash.h"
#include "tcpstack/tcp.h"

// RFC 7323 5.5: TS.Recent means nothing after 24 days of silence.
#define RECENT_MAX_AGE (UINT32_C(24) * 24 * 3600)

uint32_t tcp_timestamp_offset(const struct tcpstack *stack, const struct tcp_key *key)
{
    struct {
        struct tcp_key key;
        uint16_t purpose; // no padding
    } input = {*key, 7323};
    return (uint32_t)base_siphash(stack->options.secret, &input, sizeof input);
}

uint32_t tcp_timestamp_of(const struct tcpstack *stack, const struct tcp_key *key)
{
    return (uint32_t)(stack->now / TCP_TIMESTAMP_TICK) + tcp_timestamp_offset(stack, key);
}

uint32_t tcp_timestamp(const struct tcp_conn *conn)
{
    return (uint32_t)(conn->stack->now / TCP_TIMESTAMP_TICK) + conn->ts_offset;
}

static uint32_t seconds(const struct tcp_conn *conn)
{
    return (uint32_t)(conn->stack->now / 1000000);
}

// RST is exempt from both rules, SYN from the second: a peer that lost the connection may not offer
// timestamps any more, and learns from our ACK where we stand (RFC 5961 4).
enum tcpstack_counter tcp_timestamp_judge(const struct tcp_conn *conn,
                                          const struct tcpstack_packet *packet)
{
    if (!conn->timestamps || packet->flags & RTE_TCP_RST_FLAG)
        return TCPSTACK_RX_ACCEPTED;
    // 3.2: a segment without the option should be dropped, silently.
    if (!packet->said.has_timestamps)
        return packet->flags & RTE_TCP_SYN_FLAG ? TCPSTACK_RX_ACCEPTED
                                                : TCPSTACK_RX_DROP_TCP_NO_TIMESTAMP;
    if (tcp_seq_before(packet->said.timestamp, conn->ts_recent) &&
        seconds(conn) - conn->ts_recent_at <= RECENT_MAX_AGE)
        return TCPSTACK_RX_DROP_TCP_PAWS;
    return TCPSTACK_RX_ACCEPTED;
}

// The condition on Last.ACK.sent makes the peer time the segment that our ACK is owed for, its
// delay included (4.3).
void tcp_timestamp_note(struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    if (!conn->timestamps || !packet->said.has_timestamps ||
        tcp_seq_before(conn->ack_sent, packet->sequence))
        return;
    conn->ts_recent = packet->said.timestamp;
    conn->ts_recent_at = seconds(conn);
}

uint64_t tcp_timestamp_rtt(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    if (!conn->timestamps || !packet->said.has_timestamps || packet->said.timestamp_echo == 0)
        return 0;
    uint32_t ticks = tcp_timestamp(conn) - packet->said.timestamp_echo;
    if (ticks > TCP_RTO_MAX / TCP_TIMESTAMP_TICK)
        return 0; // never sent by us, or too long ago to mean anything
    return RTE_MAX((uint64_t)ticks * TCP_TIMESTAMP_TICK, UINT64_C(1));
}
