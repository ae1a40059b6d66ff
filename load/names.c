#include "load/names.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MIN = 1024, PORT_MAX = 65535, PORTS = PORT_MAX - PORT_MIN + 1 };

static unsigned row_of(const struct tcpstack_address *address, uint16_t port,
                       const uint8_t target[16], uint16_t target_port)
{
    struct tcp_endpoints ends = {.local_port = port, .remote_port = target_port};
    memcpy(ends.local, address->address, sizeof ends.local);
    memcpy(ends.remote, target, sizeof ends.remote);
    return tcpstack_flow_core(tcpstack_flow_hash_of(&ends), TCPSTACK_FLOW_ROWS);
}

// All names by row; ret_first[row] is where a row begins, the last one where all end.
static struct load_name *sort_by_row(const struct tcpstack_address *addresses, unsigned count,
                                     const uint8_t target[16], uint16_t target_port,
                                     uint32_t ret_first[TCPSTACK_FLOW_ROWS + 1])
{
    struct load_name *sorted = calloc((size_t)count * PORTS, sizeof *sorted);
    uint8_t *rows = malloc((size_t)count * PORTS);
    uint32_t at[TCPSTACK_FLOW_ROWS] = {0};
    if (!sorted || !rows) {
        free(sorted);
        free(rows);
        return NULL;
    }
    for (uint32_t i = 0; i < count * PORTS; i++) {
        rows[i] = (uint8_t)row_of(&addresses[i % count], (uint16_t)(PORT_MIN + i / count), target,
                                  target_port);
        at[rows[i]]++;
    }
    ret_first[0] = 0;
    for (unsigned row = 0; row < TCPSTACK_FLOW_ROWS; row++) {
        ret_first[row + 1] = ret_first[row] + at[row];
        at[row] = ret_first[row];
    }
    for (uint32_t i = 0; i < count * PORTS; i++)
        sorted[at[rows[i]]++] = (struct load_name){.port = (uint16_t)(PORT_MIN + i / count),
                                                   .address = (uint8_t)(i % count)};
    free(rows);
    return sorted;
}

bool load_names_create(struct load_names *ret_names, const struct tcpstack_address *addresses,
                       unsigned address_count, const uint8_t target[16], uint16_t target_port,
                       unsigned worker, unsigned workers, uint64_t seed)
{
    uint32_t first[TCPSTACK_FLOW_ROWS + 1];
    struct load_name *sorted = sort_by_row(addresses, address_count, target, target_port, first);
    struct load_names names = {.names = calloc((size_t)address_count * PORTS, sizeof *names.names)};
    if (!sorted || !names.names) {
        free(sorted);
        free(names.names);
        return false;
    }
    for (uint32_t turn = 0; turn < address_count * PORTS; turn++) {
        uint32_t before = names.count;
        for (unsigned row = worker; row < TCPSTACK_FLOW_ROWS; row += workers) {
            if (turn < first[row + 1] - first[row])
                names.names[names.count++] = sorted[first[row] + turn];
        }
        if (names.count == before)
            break;
    }
    free(sorted);
    names.next = (uint32_t)(seed % names.count);
    *ret_names = names;
    return true;
}

void load_names_destroy(struct load_names *names)
{
    free(names->names);
    names->names = NULL;
}
