// Sending RST (RFC 9293 3.5.2).
#include "tcpstack/tcp.h"

// RFC 9293 3.10.7.1: the numbers that make the RST believable to its receiver.
void tcp_answer_reset(struct tcpstack *stack, const struct tcpstack_packet *packet)
{
    if (!tcpstack_limit_take(&stack->reset_limit, stack->now)) {
        tcpstack_count(stack, TCPSTACK_TCP_RESETS_LIMITED);
        return;
    }
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return;
    struct tcp_header header = {.flags = RTE_TCP_RST_FLAG};
    if (packet->flags & RTE_TCP_ACK_FLAG) {
        header.sequence = packet->acknowledgment;
    } else {
        uint32_t size = packet->size;
        size += (packet->flags & RTE_TCP_SYN_FLAG) != 0;
        size += (packet->flags & RTE_TCP_FIN_FLAG) != 0;
        header.flags |= RTE_TCP_ACK_FLAG;
        header.acknowledgment = packet->sequence + size;
    }
    tcp_send_frame(stack, frame, &packet->key, &packet->link, &header);
    tcpstack_count(stack, TCPSTACK_TCP_RESETS_SENT);
}

void tcp_send_reset(struct tcp_conn *conn)
{
    struct tcpstack *stack = conn->stack;
    tcpstack_trace_event(conn, TCPSTACK_TRACE_RESET_SENT, conn->snd_max, tcp_unacked(conn));
    struct rte_mbuf *frame = tcpstack_alloc(stack);
    if (frame == NULL)
        return;
    uint8_t bytes[TCP_OPTIONS_MAX];
    struct tcp_header header = {
        .sequence = conn->snd_max,
        .acknowledgment = conn->rcv_nxt,
        .flags = RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
        .options_size = tcp_write_options(conn, 0, bytes),
        .options = bytes,
    };
    tcp_send_frame(stack, frame, &conn->key, &conn->link, &header);
    tcpstack_count(stack, TCPSTACK_TCP_RESETS_SENT);
}
