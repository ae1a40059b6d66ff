#include "dataplane/trace.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "tcpstack/address.h"
#include "tcpstack/trace.h"

// ADDRESS:PORT, [ADDRESS]:PORT for IPv6.
static void write_remote(const struct tcpstack_trace_record *record, char *text, size_t size)
{
    char address[INET6_ADDRSTRLEN] = "?";
    bool ipv4 = tcpstack_address_is_ipv4(record->remote);
    if (ipv4)
        inet_ntop(AF_INET, record->remote + 12, address, sizeof address);
    else
        inet_ntop(AF_INET6, record->remote, address, sizeof address);
    snprintf(text, size, ipv4 ? "%s:%u" : "[%s]:%u", address, record->remote_port);
}

static struct control_trace_row row_of(uint64_t number, const struct tcpstack_trace_record *record)
{
    struct control_trace_row row = {
        .number = number,
        .time_us = record->time,
        .local_port = record->local_port,
        .event = tcpstack_trace_event_name(record->event),
        .state = tcpstack_trace_state_name(record->state),
        .sequence = record->sequence,
        .acknowledgment = record->acknowledgment,
        .size = record->size,
    };
    write_remote(record, row.remote, sizeof row.remote);
    return row;
}

uint64_t dataplane_trace_head(const void *trace)
{
    return tcpstack_trace_head(trace);
}

// The worker goes on writing meanwhile: what it overwrites is passed over.
unsigned dataplane_trace_rows(const void *trace, uint64_t from, struct control_trace_row *ret_rows,
                              unsigned max)
{
    uint64_t head = tcpstack_trace_head(trace);
    uint64_t oldest = head > TCPSTACK_TRACE_SIZE ? head - TCPSTACK_TRACE_SIZE : 0;
    unsigned count = 0;
    for (uint64_t number = from > oldest ? from : oldest; number < head && count < max; number++) {
        struct tcpstack_trace_record record;
        if (tcpstack_trace_read(trace, number, &record))
            ret_rows[count++] = row_of(number, &record);
    }
    return count;
}
