// Opening connections: the states CLOSED, LISTEN and SYN-SENT (RFC 9293 3.10.7.1 to 3.10.7.3).
#include <string.h>

#include "base/siphash.h"
#include "tcpstack/tcp.h"
#include "tcpstack/tcp_cookie.h"
#include "tcpstack/tcp_options.h"

// RFC 6528 3: a clock of 4 us plus a keyed hash of the connection's name. The extra word keeps the
// hash apart from the one that places connections in the table.
static uint32_t initial_sequence(const struct tcpstack *stack, const struct tcp_key *key)
{
    struct {
        struct tcp_key key;
        uint16_t purpose; // no padding
    } input = {*key, 6528};
    uint64_t hash = base_siphash(stack->options.secret, &input, sizeof input);
    return (uint32_t)(stack->now / 4) + (uint32_t)hash;
}

static bool listening(const struct tcpstack *stack, uint16_t port)
{
    for (unsigned i = 0; i < stack->options.listen_count; i++) {
        if (stack->options.listen[i] == port)
            return true;
    }
    return false;
}

// RFC 7323 2.3: the smallest shift that lets 16 bits announce the whole window.
uint8_t tcp_receive_scale(const struct tcpstack *stack)
{
    uint8_t scale = 0;
    while (stack->options.receive_window >> scale > UINT16_MAX && scale < TCP_SCALE_MAX)
        scale++;
    return scale;
}

uint16_t tcp_port_mss(const struct tcpstack *stack, uint8_t port, const struct tcp_key *key)
{
    return (uint16_t)(stack->options.ports[port].mtu - tcp_headers_size(key));
}

static void start(struct tcp_conn *conn, enum tcp_state state, const struct tcpstack_link *link,
                  uint32_t iss)
{
    conn->state = (uint8_t)state;
    conn->link = *link;
    conn->rcv_mss = tcp_port_mss(conn->stack, link->port, &conn->key);
    conn->snd_mss = TCP_MSS_DEFAULT;
    conn->snd_una = conn->snd_max = iss;
    conn->snd_end = iss + 1;
    conn->rto = TCP_RTO_INITIAL;
    conn->challenged_at = tcp_tick(conn) - (TCP_CHALLENGE_GAP >> WHEEL_TICK_SHIFT);
    conn->ts_offset = tcp_timestamp_offset(conn->stack, &conn->key);
}

// What the peer's SYN says. A small MSS is raised: it would make us send mostly headers.
static void learn_from_syn(struct tcp_conn *conn, const struct tcpstack_packet *packet,
                           const struct tcp_options *options)
{
    uint16_t mss = options->mss != 0 ? options->mss : TCP_MSS_DEFAULT;
    mss = RTE_MAX(mss, (uint16_t)TCP_MSS_MIN);
    conn->snd_mss = RTE_MIN(mss, conn->rcv_mss);
    conn->sack = options->may_sack && !conn->stack->options.without_sack;
    conn->timestamps = options->has_timestamps && !conn->stack->options.without_timestamps;
    if (conn->timestamps)
        conn->snd_mss -=
            TCP_TIMESTAMPS_SIZE; // the announced MSS counts no options (RFC 9293 3.7.1)
    conn->ts_recent = options->timestamp;
    conn->ts_recent_at = (uint32_t)(conn->stack->now / 1000000);
    conn->rcv_nxt = conn->ack_sent = packet->sequence + 1;
    conn->rcv_edge = conn->rcv_nxt + RTE_MIN(tcp_receive_room(conn), (uint32_t)UINT16_MAX);
    conn->offered_scale = options->has_scale;
    conn->snd_scale = options->has_scale ? options->scale : 0;
    conn->rcv_scale = options->has_scale ? tcp_receive_scale(conn->stack) : 0;
    conn->snd_wnd = packet->window; // RFC 7323 2.2: a SYN's window is never scaled
    conn->snd_wnd_max = packet->window;
    conn->snd_wl1 = packet->sequence;
    conn->snd_wl2 = packet->acknowledgment;
    conn->link = packet->link;
}

void tcp_send_syn(struct tcp_conn *conn)
{
    struct tcpstack *stack = conn->stack;
    // Sent again, its answer times nothing (Karn).
    bool again = conn->snd_max != conn->snd_una;
    conn->syn_sent_at = again ? 0 : RTE_MAX((uint32_t)stack->now, 1u);
    conn->snd_max = conn->snd_una + 1;
    if (!tcp_timer_running(conn, TCP_TIMER_SEND))
        tcp_timer_set(conn, TCP_TIMER_SEND, stack->now + conn->rto);
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return;
    bool answer = conn->state == TCP_STATE_SYN_RECEIVED;
    struct tcp_options options = {
        .mss = conn->rcv_mss,
        .has_scale = !answer || conn->offered_scale, // RFC 7323 2.2: only if the peer's SYN did
        .scale = tcp_receive_scale(stack),
        .may_sack = answer ? conn->sack : !stack->options.without_sack,
        .has_timestamps = answer ? conn->timestamps : !stack->options.without_timestamps,
        .timestamp = tcp_timestamp(conn),
        .timestamp_echo = answer ? conn->ts_recent : 0,
    };
    uint8_t bytes[TCP_OPTIONS_MAX];
    struct tcp_header header = {
        .sequence = conn->snd_una,
        .acknowledgment = answer ? conn->rcv_nxt : 0,
        .window = (uint16_t)RTE_MIN(stack->options.receive_window, (uint32_t)UINT16_MAX),
        .flags = answer ? RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG : RTE_TCP_SYN_FLAG,
        .options_size = tcp_options_write(&options, bytes),
        .options = bytes,
    };
    tcp_send_frame(stack, frame, &conn->key, &conn->link, &header);
}

static bool half_open_is_full(const struct tcpstack *stack)
{
    return stack->options.cookies == TCPSTACK_COOKIES_ALWAYS ||
           stack->counters[TCPSTACK_TCP_HALF_OPEN] >= stack->options.max_half_open;
}

static enum tcpstack_counter accept_syn(struct tcpstack *stack, struct tcpstack_packet *packet,
                                        uint32_t iss)
{
    struct tcp_options options;
    if (packet->flags & RTE_TCP_FIN_FLAG)
        return TCPSTACK_RX_DROP_TCP_SYN_FIN;
    if (!tcp_options_parse(packet->options, packet->options_size, &options))
        return TCPSTACK_RX_DROP_TCP_OPTIONS;
    if (stack->memory.level != TCP_MEMORY_PLENTY)
        return TCPSTACK_RX_DROP_TCP_SYN_SHED;
    if (!tcp_room_for_another(stack))
        return TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL;
    if (half_open_is_full(stack)) {
        if (stack->options.cookies == TCPSTACK_COOKIES_NEVER)
            return TCPSTACK_RX_DROP_TCP_HALF_OPEN_FULL;
        tcp_cookie_send(stack, packet, &options);
        return TCPSTACK_RX_ACCEPTED;
    }
    struct tcp_conn *conn = tcp_conn_new(stack, &packet->key, packet->hash);
    if (conn == NULL) // blocks are still with a caller who has not been told of their end
        return TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL;
    tcpstack_count(stack, TCPSTACK_TCP_HALF_OPEN);
    start(conn, TCP_STATE_SYN_RECEIVED, &packet->link, iss);
    learn_from_syn(conn, packet, &options);
    tcp_send_syn(conn);
    tcpstack_count(stack, TCPSTACK_TCP_SYNS);
    return TCPSTACK_RX_ACCEPTED;
}

enum tcpstack_counter tcp_no_connection(struct tcpstack *stack, struct tcpstack_packet *packet)
{
    // 3.10.7.1 CLOSED and 3.10.7.2 LISTEN agree about RST: it is ignored.
    if (packet->flags & RTE_TCP_RST_FLAG)
        return TCPSTACK_RX_DROP_TCP_STRAY_RESET;
    // 3.10.7.1 CLOSED.
    if (!listening(stack, packet->key.local_port)) {
        tcp_answer_reset(stack, packet);
        return TCPSTACK_RX_DROP_TCP_NO_LISTENER;
    }
    // 3.10.7.2 LISTEN, second: an ACK belongs to no connection here.
    if (packet->flags & RTE_TCP_ACK_FLAG) {
        tcp_answer_reset(stack, packet);
        return TCPSTACK_RX_DROP_TCP_NO_CONNECTION;
    }
    // Third: SYN. Data that comes with it is left for the peer to send again.
    if (packet->flags & RTE_TCP_SYN_FLAG)
        return accept_syn(stack, packet, initial_sequence(stack, &packet->key));
    // Fourth: anything else is dropped.
    return TCPSTACK_RX_DROP_TCP_NO_CONNECTION;
}

// RFC 6191 2: a later timestamp shows a new connection; without, or at the same tick, a sequence
// number beyond those of the old one does.
static bool is_newer(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    bool both = conn->timestamps && packet->said.has_timestamps;
    if (both && packet->said.timestamp != conn->ts_recent)
        return tcp_seq_before(conn->ts_recent, packet->said.timestamp);
    return tcp_seq_before(conn->rcv_nxt, packet->sequence);
}

struct tcp_conn *tcp_open_by_cookie(struct tcpstack *stack, struct tcpstack_packet *packet,
                                    enum tcpstack_counter *ret_reason)
{
    const uint8_t control = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG;
    struct tcp_options options;
    if ((packet->flags & control) != RTE_TCP_ACK_FLAG || !tcp_cookies_out(stack) ||
        !listening(stack, packet->key.local_port)) {
        *ret_reason = tcp_no_connection(stack, packet);
        return NULL;
    }
    if (!tcp_options_parse(packet->options, packet->options_size, &packet->said)) {
        *ret_reason = TCPSTACK_RX_DROP_TCP_OPTIONS;
        return NULL;
    }
    if (!tcp_cookie_check(stack, packet, &options)) {
        tcp_answer_reset(stack, packet);
        *ret_reason = TCPSTACK_RX_DROP_TCP_COOKIE;
        return NULL;
    }
    // It may fit when the peer sends again.
    *ret_reason = TCPSTACK_RX_DROP_TCP_CONNECTIONS_FULL;
    if (!tcp_make_room(stack))
        return NULL;
    struct tcp_conn *conn = tcp_conn_new(stack, &packet->key, packet->hash);
    if (conn == NULL)
        return NULL;
    tcpstack_count(stack, TCPSTACK_TCP_HALF_OPEN);
    start(conn, TCP_STATE_SYN_RECEIVED, &packet->link, packet->acknowledgment - 1);
    conn->snd_max = packet->acknowledgment;
    struct tcpstack_packet syn = *packet;
    syn.sequence--;
    learn_from_syn(conn, &syn, &options);
    tcpstack_count(stack, TCPSTACK_TCP_COOKIES_ACCEPTED);
    tcpstack_trace_event(conn, TCPSTACK_TRACE_OPENED_BY_COOKIE, conn->snd_una, options.mss);
    return conn;
}

bool tcp_may_replace(const struct tcp_conn *conn, const struct tcpstack_packet *packet)
{
    const uint8_t control =
        RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG;
    return conn->state == TCP_STATE_TIME_WAIT && (packet->flags & control) == RTE_TCP_SYN_FLAG &&
           is_newer(conn, packet) && listening(conn->stack, packet->key.local_port);
}

// Our new sequence numbers begin beyond those the old connection used, but for a SYN cookie, which
// has no choice.
enum tcpstack_counter tcp_replace(struct tcp_conn *conn, struct tcpstack_packet *packet)
{
    struct tcpstack *stack = conn->stack;
    uint32_t iss = tcp_seq_max(initial_sequence(stack, &packet->key), conn->snd_max + 1);
    tcp_conn_release(conn, TCP_CLOSE_FINISHED);
    return accept_syn(stack, packet, iss);
}

void tcp_establish(struct tcp_conn *conn)
{
    struct tcpstack *stack = conn->stack;
    stack->counters[tcp_level_of(conn)]--;
    conn->state = TCP_STATE_ESTABLISHED;
    stack->counters[tcp_level_of(conn)]++;
    conn->snd_una++; // our SYN
    conn->retries = 0;
    tcp_timer_clear(conn, TCP_TIMER_SEND);
    if (conn->syn_sent_at != 0)
        tcp_rtt_sample(conn, (uint32_t)stack->now - conn->syn_sent_at);
    else
        conn->rto = TCP_RTO_LOST_SYN;
    conn->sent_at = tcp_tick(conn);
    conn->rack_multiple = 1;
    conn->rtt_min = UINT32_MAX;
    tcp_cc_init(conn);
    tcp_keepalive_heard(conn);
    conn->known = true;
    tcp_raise(conn, TCP_EVENT_OPENED);
    tcpstack_trace_event(conn, TCPSTACK_TRACE_OPENED, conn->snd_una, conn->snd_mss);
    tcpstack_count(stack, conn->active ? TCPSTACK_TCP_OPENS_ACTIVE : TCPSTACK_TCP_OPENS_PASSIVE);
    tcp_output_later(conn);
}

enum tcpstack_counter tcp_syn_sent_input(struct tcp_conn *conn, struct tcpstack_packet *packet)
{
    bool has_ack = packet->flags & RTE_TCP_ACK_FLAG;
    // 3.10.7.3, first: the ACK must be for our SYN.
    if (has_ack && packet->acknowledgment != conn->snd_una + 1) {
        if (!(packet->flags & RTE_TCP_RST_FLAG))
            tcp_answer_reset(conn->stack, packet);
        return TCPSTACK_RX_DROP_TCP_BAD_ACK;
    }
    // Second: RST.
    if (packet->flags & RTE_TCP_RST_FLAG) {
        if (!has_ack)
            return TCPSTACK_RX_DROP_TCP_STRAY_RESET;
        tcpstack_count(conn->stack, TCPSTACK_TCP_RESETS_RECEIVED);
        tcpstack_trace_event(conn, TCPSTACK_TRACE_RESET_RECEIVED, conn->snd_una, 0);
        tcp_conn_release(conn, TCP_CLOSE_RESET);
        return TCPSTACK_RX_ACCEPTED;
    }
    // Third: security. Fourth: SYN, and fifth what has none.
    struct tcp_options options;
    if (!(packet->flags & RTE_TCP_SYN_FLAG))
        return TCPSTACK_RX_DROP_TCP_NO_SYN;
    if (packet->flags & RTE_TCP_FIN_FLAG)
        return TCPSTACK_RX_DROP_TCP_SYN_FIN;
    if (!tcp_options_parse(packet->options, packet->options_size, &options))
        return TCPSTACK_RX_DROP_TCP_OPTIONS;
    learn_from_syn(conn, packet, &options);
    if (has_ack) {
        tcp_establish(conn);
        tcp_owe_ack(conn, true);
    } else {
        conn->state = TCP_STATE_SYN_RECEIVED; // both sides opened at once
        tcp_send_syn(conn);
    }
    return TCPSTACK_RX_ACCEPTED;
}

// -1 when the stack was not given it.
static int port_of(const struct tcpstack *stack, uint16_t port_id)
{
    for (unsigned i = 0; i < stack->options.port_count; i++) {
        if (stack->options.ports[i].port_id == port_id)
            return (int)i;
    }
    return -1;
}

// Both ends are of one family, and the peer's MAC address is given or can be found.
static bool find_way(const struct tcpstack *stack, const struct tcp_key *key,
                     const uint8_t peer_mac[6], struct tcpstack_link *link)
{
    const uint8_t *local = stack->options.addresses[key->local].address;
    if (tcp_is_ipv6(key) == tcpstack_address_is_ipv4(local))
        return false;
    link->unresolved = peer_mac == NULL;
    if (peer_mac == NULL)
        return tcpstack_next_hop(stack, key->remote, key->local, link->port) != NULL;
    memcpy(link->mac, peer_mac, sizeof link->mac);
    return true;
}

// RFC 9293 3.9.2.3 (MUST-46): a connection has one host at its other end.
static bool is_peer(const struct tcpstack *stack, const uint8_t address[16])
{
    static const uint8_t unspecified[16];
    return tcpstack_address_is_ipv4(address)
               ? tcpstack_ipv4_is_peer(stack, tcpstack_address_ipv4(address))
               : tcpstack_ipv6_is_peer(stack, address) &&
                     !tcpstack_address_equal(address, unspecified);
}

struct tcp_conn *tcp_connect(struct tcpstack *stack, const struct tcp_endpoints *endpoints,
                             uint16_t port_id, const uint8_t peer_mac[6])
{
    int local = tcpstack_local(stack, endpoints->local), port = port_of(stack, port_id);
    if (local < 0 || stack->address_states[local] != TCPSTACK_ADDRESS_SERVED || port < 0 ||
        endpoints->local_port == 0 || endpoints->remote_port == 0 ||
        !is_peer(stack, endpoints->remote))
        return NULL;
    struct tcp_key key = {.local_port = endpoints->local_port,
                          .remote_port = endpoints->remote_port,
                          .local = (uint16_t)local};
    memcpy(key.remote, endpoints->remote, sizeof key.remote);
    struct tcpstack_link link = {.port = (uint8_t)port};
    uint32_t hash = tcp_key_hash(stack, &key);
    if (!find_way(stack, &key, peer_mac, &link) || tcp_conn_find(stack, &key, hash) != NULL ||
        !tcp_make_room(stack))
        return NULL;
    struct tcp_conn *conn = tcp_conn_new(stack, &key, hash);
    if (conn == NULL)
        return NULL;
    tcpstack_count(stack, TCPSTACK_TCP_CONNECTIONS);
    conn->active = conn->known = true;
    start(conn, TCP_STATE_SYN_SENT, &link, initial_sequence(stack, &key));
    tcpstack_trace_event(conn, TCPSTACK_TRACE_CONNECT, conn->snd_una, 0);
    tcp_send_syn(conn);
    return conn;
}
