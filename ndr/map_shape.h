// The shape that nearly all ept_map requests have, for the vector kernels: little-endian, with or
// without an object, NDR 2.0 or NDR64, and a tower of five floors whose sides have the usual sizes
// (ncacn_ip_tcp, ncadg_ip_udp and ncacn_http with an IPv4 address: 75 octets). So every field has
// a fixed place: nothing is walked, and all loads are independent of each other.
//
//   NDR 2.0: object pointer 4, [object 16], tower pointer 4, 75 in 4, 75 in 4, tower, pad, ...
//   NDR64:   object pointer 8, [object 16], tower pointer 8, 75 in 8, 75 in 4, tower, pad, ...
//
// and then in both: handle 20, max_towers 4.
//
// Private to ndr/.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "ndr/epm.h"

enum {
    NDR_SHAPE_TOWER = 75,
    // From the beginning of the tower.
    NDR_SHAPE_INTERFACE = 5,
    NDR_SHAPE_INTERFACE_MAJOR = 21,
    NDR_SHAPE_INTERFACE_MINOR = 25,
    NDR_SHAPE_TRANSFER = 30,
    NDR_SHAPE_TRANSFER_MAJOR = 46,
    NDR_SHAPE_TRANSFER_MINOR = 50,
    NDR_SHAPE_PROTOCOL_3 = 54,
    NDR_SHAPE_PROTOCOL_4 = 61,
    NDR_SHAPE_PROTOCOL_5 = 68,
    NDR_SHAPE_HANDLE = 76,
    NDR_SHAPE_MAX_TOWERS = 96,
    NDR_SHAPE_END = 100,
};

// What is constant in such a tower: the number of floors, the sizes of the sides, and the two UUID
// identifiers. Masked octets are whatever the client asks for.
// clang-format off
#define NDR_SHAPE_ANY_16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define NDR_SHAPE_TEMPLATE                                \
    5, 0,                                                 \
    19, 0, 0x0d, NDR_SHAPE_ANY_16, 0, 0, 2, 0, 0, 0,      \
    19, 0, 0x0d, NDR_SHAPE_ANY_16, 0, 0, 2, 0, 0, 0,      \
    1, 0, 0, 2, 0, 0, 0,                                  \
    1, 0, 0, 2, 0, 0, 0,                                  \
    1, 0, 0, 4, 0, 0, 0, 0, 0
#define NDR_SHAPE_MASK                                                    \
    0xff, 0xff,                                                           \
    0xff, 0xff, 0xff, NDR_SHAPE_ANY_16, 0, 0, 0xff, 0xff, 0, 0,           \
    0xff, 0xff, 0xff, NDR_SHAPE_ANY_16, 0, 0, 0xff, 0xff, 0, 0,           \
    0xff, 0xff, 0, 0xff, 0xff, 0, 0,                                      \
    0xff, 0xff, 0, 0xff, 0xff, 0, 0,                                      \
    0xff, 0xff, 0, 0xff, 0xff, 0, 0, 0, 0
// clang-format on

// Where the parts of one stub are, once everything around its tower is as usual.
struct ndr_shape {
    const uint8_t *tower;
    const uint8_t *object; // NULL: none
    uint32_t object_referent;
    uint32_t tower_referent;
};

static inline bool ndr_shape_find_20(const struct ndr_stub *stub, struct ndr_shape *ret_shape)
{
    if (stub->size < 4)
        return false;
    uint32_t object = base_load_le32(stub->data);
    uint32_t tower_at = object != 0 ? 32 : 16;
    if (stub->size < tower_at + NDR_SHAPE_END)
        return false;
    const uint8_t *tower = stub->data + tower_at;
    *ret_shape = (struct ndr_shape){.tower = tower,
                                    .object = object != 0 ? stub->data + 4 : NULL,
                                    .object_referent = object,
                                    .tower_referent = base_load_le32(tower - 12)};
    const uint64_t sizes = (uint64_t)NDR_SHAPE_TOWER << 32 | NDR_SHAPE_TOWER;
    return ret_shape->tower_referent != 0 && base_load_le64(tower - 8) == sizes;
}

// A pointer of NDR64 counts by its low half ([MS-RPCE] 2.2.5.3.5: referents are below 2^32 in
// practice); the odd one that has only a high half is the generic decoder's.
static inline bool ndr_shape_find_64(const struct ndr_stub *stub, struct ndr_shape *ret_shape)
{
    if (stub->size < 8)
        return false;
    uint64_t object = base_load_le64(stub->data);
    uint32_t tower_at = object != 0 ? 44 : 28;
    if (stub->size < tower_at + NDR_SHAPE_END)
        return false;
    const uint8_t *tower = stub->data + tower_at;
    *ret_shape = (struct ndr_shape){.tower = tower,
                                    .object = object != 0 ? stub->data + 8 : NULL,
                                    .object_referent = (uint32_t)object,
                                    .tower_referent = base_load_le32(tower - 20)};
    return (object == 0) == (ret_shape->object_referent == 0) && ret_shape->tower_referent != 0 &&
           base_load_le64(tower - 12) == NDR_SHAPE_TOWER &&
           base_load_le32(tower - 4) == NDR_SHAPE_TOWER;
}

static inline bool ndr_shape_find(const struct ndr_stub *stub, struct ndr_shape *ret_shape)
{
    if (stub->syntax == NDR_SYNTAX_64)
        return ndr_shape_find_64(stub, ret_shape);
    return !stub->big_endian && ndr_shape_find_20(stub, ret_shape);
}

static inline uint64_t ndr_shape_protseq(const uint8_t *tower)
{
    return UINT64_C(3) << 56 | (uint64_t)tower[NDR_SHAPE_PROTOCOL_5] << 16 |
           (uint64_t)tower[NDR_SHAPE_PROTOCOL_4] << 8 | tower[NDR_SHAPE_PROTOCOL_3];
}

static inline struct ndr_syntax_id ndr_shape_syntax(const uint8_t *uuid, const uint8_t *major,
                                                    const uint8_t *minor)
{
    struct ndr_syntax_id id;
    memcpy(id.uuid.bytes, uuid, sizeof id.uuid.bytes);
    id.major = base_load_le16(major);
    id.minor = base_load_le16(minor);
    return id;
}

// Takes the parts out of a stub whose tower matched the template. False for a maximum that the
// generic decoder is to refuse.
static inline bool ndr_shape_extract(const struct ndr_shape *shape, struct ndr_epm_map *ret_map)
{
    const uint8_t *tower = shape->tower;
    uint32_t max_towers = base_load_le32(tower + NDR_SHAPE_MAX_TOWERS);
    if (max_towers > NDR_EPM_ENTRIES_MAX)
        return false;
    static const uint8_t nil[16];
    ret_map->valid = true;
    ret_map->has_object = shape->object != NULL;
    ret_map->tower_reason = NDR_TOWER_OK;
    memcpy(ret_map->object.bytes, shape->object ? shape->object : nil, sizeof nil);
    ret_map->tower_octets = tower;
    ret_map->tower_size = NDR_SHAPE_TOWER;
    ret_map->interface =
        ndr_shape_syntax(tower + NDR_SHAPE_INTERFACE, tower + NDR_SHAPE_INTERFACE_MAJOR,
                         tower + NDR_SHAPE_INTERFACE_MINOR);
    ret_map->transfer =
        ndr_shape_syntax(tower + NDR_SHAPE_TRANSFER, tower + NDR_SHAPE_TRANSFER_MAJOR,
                         tower + NDR_SHAPE_TRANSFER_MINOR);
    ret_map->protseq_key = ndr_shape_protseq(tower);
    ret_map->handle.attributes = base_load_le32(tower + NDR_SHAPE_HANDLE);
    memcpy(ret_map->handle.uuid.bytes, tower + NDR_SHAPE_HANDLE + 4, 16);
    ret_map->max_towers = max_towers;
    ret_map->highest_referent = shape->object_referent > shape->tower_referent
                                    ? shape->object_referent
                                    : shape->tower_referent;
    return true;
}

// The loop of a kernel: `matches` compares the 75 octets of a tower with the template. Inlined, so
// that each kernel gets it compiled for its instruction set.
static inline __attribute__((always_inline)) uint64_t
ndr_shape_decode(const struct ndr_stub *stubs, unsigned count, struct ndr_epm_map *ret_maps,
                 bool (*matches)(const uint8_t *tower))
{
    uint64_t decoded = 0;
    for (unsigned i = 0; i < count; i++) {
        struct ndr_shape shape;
        if (ndr_shape_find(&stubs[i], &shape) && matches(shape.tower) &&
            ndr_shape_extract(&shape, &ret_maps[i]))
            decoded |= UINT64_C(1) << i;
    }
    return decoded;
}
