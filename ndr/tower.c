#include "ndr/tower.h"

#include "base/bytes.h"
#include "ndr/protseq.h"

const struct ndr_syntax_id ndr_syntax_id_20 = {
    BASE_UUID(0x8a885d04, 0x1ceb, 0x11c9, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60), 2, 0};
const struct ndr_syntax_id ndr_syntax_id_64 = {
    BASE_UUID(0x71710533, 0xbeba, 0x4937, 0x83, 0x19, 0xb5, 0xdb, 0xef, 0x9c, 0xcc, 0x36), 1, 0};

enum { UUID_FLOOR_LHS = 19, UUID_FLOOR_RHS = 2 };

bool ndr_syntax_id_equal(const struct ndr_syntax_id *a, const struct ndr_syntax_id *b)
{
    return base_uuid_equal(&a->uuid, &b->uuid) && a->major == b->major && a->minor == b->minor;
}

bool ndr_syntax_from_id(const struct ndr_syntax_id *id, enum ndr_syntax *ret_syntax)
{
    if (ndr_syntax_id_equal(id, &ndr_syntax_id_20))
        *ret_syntax = NDR_SYNTAX_20;
    else if (ndr_syntax_id_equal(id, &ndr_syntax_id_64))
        *ret_syntax = NDR_SYNTAX_64;
    else
        return false;
    return true;
}

const char *ndr_tower_reason_text(enum ndr_tower_reason reason)
{
#define NDR_TOWER_REASON_TEXT(id, text) text,
    static const char *const texts[] = {NDR_TOWER_REASONS(NDR_TOWER_REASON_TEXT)};
    return (unsigned)reason < NDR_TOWER_REASON_COUNT ? texts[reason] : "unknown reason";
}

// What is left of the octets while they are taken apart.
struct rest {
    const uint8_t *at;
    size_t size;
};

// One side of a floor: a 16-bit length (never aligned, always little-endian) and its octets.
static bool take_side(struct rest *rest, const uint8_t **ret_octets, uint16_t *ret_size)
{
    if (rest->size < 2)
        return false;
    uint16_t size = base_load_le16(rest->at);
    if (rest->size - 2 < size)
        return false;
    *ret_octets = rest->at + 2;
    *ret_size = size;
    rest->at += 2 + size;
    rest->size -= 2u + size;
    return true;
}

static enum ndr_tower_reason take_floors(struct rest *rest, struct ndr_tower *tower)
{
    for (unsigned i = 0; i < tower->floors; i++) {
        struct ndr_floor *floor = &tower->floor[i];
        if (!take_side(rest, &floor->lhs, &floor->lhs_size))
            return NDR_TOWER_SHORT;
        if (floor->lhs_size == 0)
            return NDR_TOWER_EMPTY_LHS;
        if (!take_side(rest, &floor->rhs, &floor->rhs_size))
            return NDR_TOWER_SHORT;
    }
    return NDR_TOWER_OK;
}

static bool read_uuid_floor(const struct ndr_floor *floor, struct ndr_syntax_id *ret_id)
{
    if (floor->lhs_size != UUID_FLOOR_LHS || floor->rhs_size != UUID_FLOOR_RHS ||
        floor->lhs[0] != NDR_PROTOCOL_UUID)
        return false;
    memcpy(ret_id->uuid.bytes, floor->lhs + 1, sizeof ret_id->uuid.bytes);
    ret_id->major = base_load_le16(floor->lhs + 17);
    ret_id->minor = base_load_le16(floor->rhs);
    return true;
}

enum ndr_tower_reason ndr_tower_parse(const uint8_t *octets, size_t size,
                                      struct ndr_tower *ret_tower)
{
    if (size > NDR_TOWER_MAX)
        return NDR_TOWER_TOO_LONG;
    if (size < 2)
        return NDR_TOWER_SHORT;
    struct ndr_tower tower = {.floors = base_load_le16(octets)};
    if (tower.floors < 3)
        return NDR_TOWER_FEW_FLOORS;
    if (tower.floors > NDR_TOWER_FLOOR_MAX)
        return NDR_TOWER_MANY_FLOORS;
    struct rest rest = {octets + 2, size - 2};
    enum ndr_tower_reason reason = take_floors(&rest, &tower);
    if (reason != NDR_TOWER_OK)
        return reason;
    if (!read_uuid_floor(&tower.floor[0], &tower.interface) ||
        !read_uuid_floor(&tower.floor[1], &tower.transfer))
        return NDR_TOWER_BAD_UUID_FLOOR;
    uint8_t protocols[NDR_TOWER_FLOOR_MAX - 2];
    for (unsigned i = 2; i < tower.floors; i++)
        protocols[i - 2] = tower.floor[i].lhs[0];
    tower.protseq_key = ndr_protseq_key(protocols, tower.floors - 2);
    tower.protseq = ndr_protseq_from_key(tower.protseq_key);
    *ret_tower = tower;
    return NDR_TOWER_OK;
}
