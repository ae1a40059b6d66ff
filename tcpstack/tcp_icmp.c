// What ICMP errors do to connections (RFC 9293 3.9.2.2, RFC 5927).
#include "tcpstack/icmp_error.h"
#include "tcpstack/tcp.h"
#include "tcpstack/tcp_options.h"

// The least path MTU that is believed. Below it we would send mostly headers, which is what forged
// errors aim at (RFC 5927 7.2). IPv6 guarantees 1280 (RFC 8200 5).
enum { PATH_MTU_MIN = 552, PATH_MTU_MIN_IPV6 = 1280 };

// RFC 1191 3, RFC 8201 4: smaller segments from now on, and at once what was lost. A router that
// does not say its MTU gets what any network passes. This connection alone is told; others find out
// by their own errors.
static enum tcpstack_counter lower_path_mtu(struct tcp_conn *conn, uint32_t mtu)
{
    uint32_t least = tcp_is_ipv6(&conn->key) ? PATH_MTU_MIN_IPV6 : PATH_MTU_MIN;
    uint32_t mss = RTE_MAX(mtu, least) - tcp_headers_size(&conn->key) -
                   (conn->timestamps ? TCP_TIMESTAMPS_SIZE : 0);
    if (mss >= conn->snd_mss || conn->state == TCP_STATE_SYN_SENT ||
        conn->state == TCP_STATE_SYN_RECEIVED)
        return TCPSTACK_RX_DROP_ICMP_MTU;
    conn->snd_mss = (uint16_t)mss;
    tcp_flight_lose_all(conn);
    tcp_output_later(conn);
    tcpstack_count(conn->stack, TCPSTACK_TCP_PATH_MTU_LOWERED);
    return TCPSTACK_RX_ACCEPTED;
}

enum tcpstack_counter tcp_icmp_error(struct tcpstack *stack, const struct icmp_error *error)
{
    struct tcp_conn *conn = tcp_conn_find(stack, &error->key, tcp_key_hash(stack, &error->key));
    if (conn == NULL)
        return TCPSTACK_RX_DROP_ICMP_NO_CONNECTION;
    // RFC 5927 4.1: who quotes what is in flight has seen it, or is lucky.
    if (error->sequence - conn->snd_una >= conn->snd_max - conn->snd_una)
        return TCPSTACK_RX_DROP_ICMP_SEQUENCE;
    if (error->kind == ICMP_ERROR_SIZE)
        return lower_path_mtu(conn, error->mtu);
    // RFC 5927 5.2: hard errors end no connection that has worked.
    if (error->kind == ICMP_ERROR_HARD && conn->state == TCP_STATE_SYN_SENT) {
        tcpstack_count(stack, TCPSTACK_TCP_UNREACHABLE);
        tcp_conn_release(conn, TCP_CLOSE_UNREACHABLE);
        return TCPSTACK_RX_ACCEPTED;
    }
    tcpstack_count(stack, TCPSTACK_ICMP_ERRORS_NOTED);
    return TCPSTACK_RX_ACCEPTED;
}
