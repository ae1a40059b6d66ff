// The usual answer to ept_map: one tower, nothing to continue, NDR 2.0. Its stub stands ready in
// the entry (mapper/entry.h); here it becomes PDUs. The calls of one connection that follow each
// other go into one reservation. rpc/epmapper.c gives the same octets, for all other answers, too.
#include <string.h>

#include "base/bytes.h"
#include "base/sum.h"
#include "rpc/epmapper.h"
#include "rpc/server.h"

// The lines behind an entry's first, where its reply is.
static inline void prefetch_reply(const struct mapper_entry *entry)
{
    const uint8_t *at = (const uint8_t *)entry;
    __builtin_prefetch(at + 64);
    __builtin_prefetch(at + 128);
    __builtin_prefetch(at + 192);
}

// What one entry answers alone, in NDR 2.0, from the beginning.
static inline bool is_usual(const struct rpc_call *call, const struct ndr_epm_map *map)
{
    return map->valid && map->tower_octets && map->tower_reason == NDR_TOWER_OK &&
           map->max_towers != 0 && rpc_handle_is_null(&map->handle) &&
           call->stub.syntax == NDR_SYNTAX_20 && !call->reassembled;
}

unsigned rpc_epmapper_find_ready(struct rpc_server *server, struct rpc_call *const *calls,
                                 unsigned row, unsigned count, struct rpc_call **ret_others)
{
    const struct mapper_entry *entries[MAPPER_FIND_MAX];
    const struct ndr_epm_map *maps = server->maps + row;
    unsigned others = 0;
    mapper_replica_find(server->options.replica, maps, entries, count);
    for (unsigned i = 0; i < count; i++) {
        struct rpc_map_work *work = &server->map_work[calls[i]->slot];
        struct rpc_map_ready *ready = &server->map_ready[calls[i]->slot];
        work->map = (uint8_t)(row + i);
        ready->entry = NULL;
        if (!entries[i] || !is_usual(calls[i], &maps[i])) {
            ret_others[others++] = calls[i];
            continue;
        }
        // From the end: the others' answers are at the beginning.
        work->answer = (uint8_t)(row + count - 1 - (i - others));
        ready->entry = entries[i];
        ready->max_towers = maps[i].max_towers;
        ready->referent = ndr_epm_ready_referent(maps[i].highest_referent);
        prefetch_reply(entries[i]);
    }
    return others;
}

void rpc_epmapper_forget_ready(struct rpc_server *server, const struct rpc_call *call)
{
    struct rpc_map_ready *ready = &server->map_ready[call->slot];
    if (!ready->entry)
        return;
    struct rpc_map_work *work = &server->map_work[call->slot];
    struct mapper_answer *answer = &server->answers[work->answer];
    work->verdict = RPC_MAP_ANSWER;
    work->continued = false;
    answer->status = NDR_EPM_STATUS_OK;
    answer->count = 1;
    answer->next = MAPPER_END;
    answer->entries[0] = ready->entry;
    ready->entry = NULL;
}

// How many calls from row `first` on are answered together, and the octets that takes.
static unsigned measure(const struct rpc_server *server, unsigned first, uint32_t *ret_size)
{
    const struct rpc_call *begin = &server->batch[first];
    const struct rpc_association *association = begin->association;
    uint32_t room = server->options.stream.room(association->stream);
    uint32_t size = 0;
    unsigned row = first;
    for (; row < server->batch_count; row++) {
        const struct rpc_call *call = &server->batch[row];
        const struct mapper_entry *entry = server->map_ready[row].entry;
        if (call->association != association || call->operation != begin->operation || !entry ||
            entry->reply_size > association->fragment_stub)
            break;
        uint32_t length = RPC_RESPONSE_HEADER_SIZE + entry->reply_size;
        if (length > room - size)
            break;
        size += length;
    }
    *ret_size = size;
    return row - first;
}

// Writes a whole PDU at `pdu`. Returns its sum, not folded.
static inline uint64_t write_pdu(uint8_t *pdu, const struct rpc_call *call,
                                 const struct rpc_map_ready *ready)
{
    const struct mapper_entry *entry = ready->entry;
    uint32_t size = entry->reply_size;
    uint16_t length = (uint16_t)(RPC_RESPONSE_HEADER_SIZE + size);
    uint64_t sum =
        rpc_write_response_header(pdu, RPC_WHOLE, length, call->call_id, size, call->context_id);
    uint8_t *stub = pdu + RPC_RESPONSE_HEADER_SIZE;
    if (size == NDR_EPM_READY_USUAL)
        memcpy(stub, entry->reply, NDR_EPM_READY_USUAL); // becomes a few vector moves
    else
        memcpy(stub, entry->reply, size);
    base_store_le32(stub + NDR_EPM_READY_MAX_TOWERS, ready->max_towers);
    base_store_le32(stub + NDR_EPM_READY_REFERENT, ready->referent);
    return sum + entry->reply_sum + ready->max_towers + ready->referent;
}

unsigned rpc_epmapper_answer_ready(struct rpc_server *server, unsigned first)
{
    const struct rpc_stream *stream = &server->options.stream;
    void *to = server->batch[first].association->stream;
    uint32_t size;
    unsigned count = measure(server, first, &size);
    uint8_t *at = count ? stream->reserve(to, size) : NULL;
    if (!at)
        return 0;
    uint64_t sum = 0;
    for (unsigned row = first; row < first + count; row++) {
        sum += write_pdu(at, &server->batch[row], &server->map_ready[row]);
        at += RPC_RESPONSE_HEADER_SIZE + server->map_ready[row].entry->reply_size;
    }
    stream->commit_summed(to, size, base_sum_fold(sum));
    server->counters[RPC_EPM_MAP] += count;
    server->counters[RPC_EPM_MAP_FOUND] += count;
    return count;
}
