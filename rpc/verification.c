// The verification trailer at the end of a request stub ([MS-RPCE] 2.2.2.13): what the client
// thinks it negotiated and sent, repeated where it is covered by the signature of an authenticated
// call. It is looked for in the last 1,024 octets of a stub, and is little-endian in every PDU.
#include <emmintrin.h>

#include "base/bytes.h"
#include "rpc/server.h"

#define SIGNATURE UINT64_C(0x7136f4027113e38a)

enum {
    SIGNATURE_SIZE = 8,
    SEARCHED = 1024,
    BEHIND_MAX = 16, // octets that may follow the last command
    COMMAND_HEADER_SIZE = 4,
    // A command: its id, and two flags.
    COMMAND_ID = 0x3fff,
    COMMAND_END = 0x4000,
    COMMAND_MUST_PROCESS = 0x8000,
    BITMASK_1 = 1,
    PCONTEXT = 2,
    HEADER2 = 3,
    CLIENT_SUPPORTS_HEADER_SIGNING = 1,
};

enum finding {
    ORDINARY, // no trailer: stub data that looks like one
    MATCHES,
    DIFFERS,
};

// Where the signature begins, or `size`. The trailer is aligned to 4. Nearly no stub has one, and
// every stub is searched: four places at a time, by the first half of the signature.
static uint32_t find_signature(const uint8_t *stub, uint32_t size)
{
    const __m128i half = _mm_set1_epi32((int)(uint32_t)SIGNATURE);
    uint32_t at = size > SEARCHED ? (size - SEARCHED + 3) & ~3u : 0;
    for (; at + 16 <= size; at += 16) {
        __m128i words = _mm_loadu_si128((const __m128i *)(const void *)(stub + at));
        if (_mm_movemask_epi8(_mm_cmpeq_epi32(words, half)) != 0)
            break;
    }
    for (; at + SIGNATURE_SIZE <= size; at += 4) {
        if (base_load_le64(stub + at) == SIGNATURE)
            return at;
    }
    return size;
}

static bool context_matches(const struct rpc_verification *want, const uint8_t *data)
{
    struct ndr_syntax_id abstract = rpc_read_syntax(data, false);
    struct ndr_syntax_id transfer = rpc_read_syntax(data + 20, false);
    // The client may have bound an older minor version (C706 6.1).
    return base_uuid_equal(&abstract.uuid, &want->interface->uuid) &&
           abstract.major == want->interface->major && abstract.minor <= want->interface->minor &&
           ndr_syntax_id_equal(&transfer, want->transfer);
}

static bool header_matches(const struct rpc_verification *want, const uint8_t *data)
{
    return data[0] == RPC_REQUEST && memcmp(data + 4, want->header->drep, 4) == 0 &&
           base_load_le32(data + 8) == want->header->call_id &&
           base_load_le16(data + 12) == want->context_id &&
           base_load_le16(data + 14) == want->opnum;
}

static enum finding check_command(const struct rpc_verification *want, uint16_t command,
                                  const uint8_t *data, uint16_t length)
{
    static const uint16_t lengths[] = {[BITMASK_1] = 4, [PCONTEXT] = 40, [HEADER2] = 16};
    unsigned id = command & COMMAND_ID;
    bool same;
    if (id == 0 || id > HEADER2)
        return command & COMMAND_MUST_PROCESS ? DIFFERS : MATCHES;
    if (length != lengths[id])
        return ORDINARY;
    if (id == BITMASK_1)
        same = !(base_load_le32(data) & CLIENT_SUPPORTS_HEADER_SIGNING) == !want->header_sign;
    else
        same = id == PCONTEXT ? context_matches(want, data) : header_matches(want, data);
    return same ? MATCHES : DIFFERS;
}

// The commands behind a signature, `left` octets from `at`.
static enum finding check_commands(const struct rpc_verification *want, const uint8_t *at,
                                   uint32_t left)
{
    enum finding result = MATCHES;
    unsigned seen = 0;
    for (uint16_t command = 0; !(command & COMMAND_END);) {
        if (left < COMMAND_HEADER_SIZE)
            return ORDINARY;
        command = base_load_le16(at);
        uint16_t length = base_load_le16(at + 2);
        if (length % 4 || length > left - COMMAND_HEADER_SIZE)
            return ORDINARY;
        enum finding finding = check_command(want, command, at + COMMAND_HEADER_SIZE, length);
        if (finding == ORDINARY)
            return ORDINARY;
        unsigned id = command & COMMAND_ID;
        unsigned bit = id <= HEADER2 ? 1u << id : 0;
        if (finding == DIFFERS || (seen & bit))
            result = DIFFERS;
        seen |= bit;
        at += COMMAND_HEADER_SIZE + length;
        left -= (uint32_t)COMMAND_HEADER_SIZE + length;
    }
    return left > BEHIND_MAX ? ORDINARY : result;
}

bool rpc_verify(const struct rpc_verification *want, struct ndr_stub *stub)
{
    uint32_t at = find_signature(stub->data, stub->size);
    if (at == stub->size)
        return true;
    enum finding finding =
        check_commands(want, stub->data + at + SIGNATURE_SIZE, stub->size - at - SIGNATURE_SIZE);
    if (finding == MATCHES)
        stub->size = at;
    return finding != DIFFERS;
}
