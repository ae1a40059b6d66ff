#include "ndr/protseq.h"

#include <string.h>

static const struct ndr_protseq_row rows[NDR_PROTSEQ_COUNT] = {
    [NDR_PROTSEQ_NCACN_IP_TCP] = {"ncacn_ip_tcp",
                                  {NDR_PROTOCOL_NCACN, NDR_PROTOCOL_TCP, NDR_PROTOCOL_IP},
                                  3,
                                  NDR_RHS_PORT,
                                  NDR_RHS_ADDRESS},
    [NDR_PROTSEQ_NCADG_IP_UDP] = {"ncadg_ip_udp",
                                  {NDR_PROTOCOL_NCADG, NDR_PROTOCOL_UDP, NDR_PROTOCOL_IP},
                                  3,
                                  NDR_RHS_PORT,
                                  NDR_RHS_ADDRESS},
    [NDR_PROTSEQ_NCACN_NP] = {"ncacn_np",
                              {NDR_PROTOCOL_NCACN, NDR_PROTOCOL_NAMED_PIPE, NDR_PROTOCOL_NETBIOS},
                              3,
                              NDR_RHS_TEXT,
                              NDR_RHS_TEXT},
    [NDR_PROTSEQ_NCACN_HTTP] = {"ncacn_http",
                                {NDR_PROTOCOL_NCACN, NDR_PROTOCOL_HTTP, NDR_PROTOCOL_IP},
                                3,
                                NDR_RHS_PORT,
                                NDR_RHS_ADDRESS},
    [NDR_PROTSEQ_NCALRPC] = {"ncalrpc",
                             {NDR_PROTOCOL_NCALRPC, NDR_PROTOCOL_LOCAL_PIPE},
                             2,
                             NDR_RHS_TEXT,
                             NDR_RHS_ABSENT},
    [NDR_PROTSEQ_NCACN_UNIX_STREAM] = {"ncacn_unix_stream",
                                       {NDR_PROTOCOL_NCACN, NDR_PROTOCOL_UNIX},
                                       2,
                                       NDR_RHS_TEXT,
                                       NDR_RHS_ABSENT},
    [NDR_PROTSEQ_NCADG_UNIX_DGRAM] = {"ncadg_unix_dgram",
                                      {NDR_PROTOCOL_NCADG, NDR_PROTOCOL_UNIX},
                                      2,
                                      NDR_RHS_TEXT,
                                      NDR_RHS_ABSENT},
};

const struct ndr_protseq_row *ndr_protseq_row(enum ndr_protseq protseq)
{
    bool named = protseq != NDR_PROTSEQ_UNKNOWN && (unsigned)protseq < NDR_PROTSEQ_COUNT;
    return named ? &rows[protseq] : NULL;
}

uint64_t ndr_protseq_key(const uint8_t *protocols, unsigned count)
{
    uint64_t key = (uint64_t)count << 56;
    for (unsigned i = 0; i < count; i++)
        key |= (uint64_t)protocols[i] << (8 * i);
    return key;
}

// Seven rows: a scan of the keys costs less than any structure over them would.
enum ndr_protseq ndr_protseq_from_key(uint64_t key)
{
    for (unsigned i = NDR_PROTSEQ_UNKNOWN + 1; i < NDR_PROTSEQ_COUNT; i++)
        if (ndr_protseq_key(rows[i].protocols, rows[i].count) == key)
            return (enum ndr_protseq)i;
    return NDR_PROTSEQ_UNKNOWN;
}

const char *ndr_protseq_name(enum ndr_protseq protseq)
{
    const struct ndr_protseq_row *row = ndr_protseq_row(protseq);
    return row == NULL ? "unknown" : row->name;
}

enum ndr_protseq ndr_protseq_from_name(const char *name, size_t length)
{
    for (unsigned i = NDR_PROTSEQ_UNKNOWN + 1; i < NDR_PROTSEQ_COUNT; i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0)
            return (enum ndr_protseq)i;
    return NDR_PROTSEQ_UNKNOWN;
}
