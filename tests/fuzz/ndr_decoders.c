// Every decoder of ndr/: requests as a server reads them and replies as a client does. The first
// byte chooses the decoder, the second syntax and byte order; the rest is the stub, which ends
// where the allocation ends. What a decoder lets through must lie within the stub, and what a
// client would write of it must decode to the same.
#include "ndr/activation.h"
#include "ndr/echo.h"
#include "ndr/epm.h"
#include "ndr/mgmt.h"
#include "ndr/oxid.h"
#include "tests/fuzz/input.h"

static void must_lie_within(const struct ndr_stub *stub, const void *bytes, uint32_t size)
{
    const uint8_t *at = bytes;
    if (at == NULL)
        MUST(size == 0);
    else
        MUST(at >= stub->data && size <= stub->size &&
             (size_t)(at - stub->data) <= stub->size - size);
}

static bool same_bytes(const void *a, const void *b, uint32_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

// ---- written again and decoded again

static uint8_t again_bytes[1 << 20];

static struct ndr_writer again_writer(const struct ndr_stub *like)
{
    return ndr_writer_init(again_bytes, sizeof again_bytes, like->syntax, like->big_endian);
}

static struct ndr_stub again_stub(const struct ndr_writer *w)
{
    MUST(!w->failed);
    return (struct ndr_stub){w->start, (uint32_t)ndr_writer_size(w), w->big_endian, w->syntax};
}

static void decode_map(const struct ndr_stub *stub)
{
    struct ndr_epm_map maps[3];
    // A batch, in which the neighbours are cut short.
    struct ndr_stub stubs[3] = {*stub, *stub, *stub};
    stubs[0].size = stub->size / 2;
    stubs[2].size = stub->size - (stub->size != 0);
    ndr_epm_decode_map(stubs, 3, maps);
    const struct ndr_epm_map *map = &maps[1];
    if (!map->valid)
        return;
    MUST(map->max_towers <= NDR_EPM_ENTRIES_MAX && map->tower_size <= NDR_TOWER_MAX);
    must_lie_within(stub, map->tower_octets, map->tower_size);
    struct ndr_writer w = again_writer(stub);
    ndr_epm_encode_map(&w, map->has_object ? &map->object : NULL, map->tower_octets,
                       map->tower_size, &map->handle, map->max_towers);
    struct ndr_stub again = again_stub(&w);
    struct ndr_epm_map other;
    ndr_epm_decode_map(&again, 1, &other);
    MUST(other.valid && other.has_object == map->has_object);
    MUST(same_bytes(&other.object, &map->object, sizeof map->object));
    MUST((other.tower_octets == NULL) == (map->tower_octets == NULL));
    MUST(other.tower_size == map->tower_size && other.tower_reason == map->tower_reason);
    MUST(same_bytes(other.tower_octets, map->tower_octets, map->tower_size));
    MUST(same_bytes(&other.handle, &map->handle, sizeof map->handle));
    MUST(other.max_towers == map->max_towers);
}

static void decode_lookup(const struct ndr_stub *stub)
{
    struct ndr_epm_lookup lookup, other;
    if (!ndr_epm_decode_lookup(stub, &lookup))
        return;
    MUST(lookup.max_ents <= NDR_EPM_ENTRIES_MAX);
    struct ndr_writer w = again_writer(stub);
    ndr_epm_encode_lookup(&w, &lookup);
    struct ndr_stub again = again_stub(&w);
    MUST(ndr_epm_decode_lookup(&again, &other));
    MUST(other.inquiry_type == lookup.inquiry_type && other.vers_option == lookup.vers_option);
    MUST(other.has_object == lookup.has_object && other.has_interface == lookup.has_interface);
    MUST(same_bytes(&other.object, &lookup.object, sizeof lookup.object));
    MUST(ndr_syntax_id_equal(&other.interface, &lookup.interface));
    MUST(same_bytes(&other.handle, &lookup.handle, sizeof lookup.handle));
    MUST(other.max_ents == lookup.max_ents);
}

static void decode_handle(const struct ndr_stub *stub)
{
    struct ndr_context_handle handle, other;
    if (!ndr_epm_decode_handle(stub, &handle))
        return;
    struct ndr_writer w = again_writer(stub);
    ndr_epm_encode_handle(&w, &handle);
    struct ndr_stub again = again_stub(&w);
    MUST(ndr_epm_decode_handle(&again, &other));
    MUST(same_bytes(&other, &handle, sizeof handle));
}

static void check_entries(const struct ndr_stub *stub, const struct ndr_epm_entry *entries,
                          uint32_t count)
{
    MUST(count <= NDR_EPM_ENTRIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        MUST(entries[i].tower_size <= NDR_TOWER_MAX);
        MUST(entries[i].annotation_size < NDR_EPM_ANNOTATION_MAX);
        must_lie_within(stub, entries[i].tower, entries[i].tower_size);
        must_lie_within(stub, entries[i].annotation, entries[i].annotation_size);
    }
}

static void decode_entries(const struct ndr_stub *stub, bool insert)
{
    static struct ndr_epm_entry entries[NDR_EPM_ENTRIES_MAX], others[NDR_EPM_ENTRIES_MAX];
    uint32_t count, replace = 0, other_count, other_replace = 0;
    if (!ndr_epm_decode_entries(stub, entries, &count, insert ? &replace : NULL))
        return;
    check_entries(stub, entries, count);
    uint64_t room = 0;
    for (uint32_t i = 0; i < count; i++)
        room += entries[i].tower_size + 200u;
    if (room > sizeof again_bytes)
        return; // aliased towers, written out
    struct ndr_writer w = again_writer(stub);
    ndr_epm_encode_entries(&w, entries, count, insert ? &replace : NULL);
    struct ndr_stub again = again_stub(&w);
    MUST(ndr_epm_decode_entries(&again, others, &other_count, insert ? &other_replace : NULL));
    MUST(other_count == count && other_replace == replace);
    for (uint32_t i = 0; i < count; i++) {
        MUST(same_bytes(&others[i].object, &entries[i].object, sizeof entries[i].object));
        MUST((others[i].tower == NULL) == (entries[i].tower == NULL));
        MUST(others[i].tower_size == entries[i].tower_size);
        MUST(same_bytes(others[i].tower, entries[i].tower, entries[i].tower_size));
        MUST(others[i].annotation_size == entries[i].annotation_size);
        MUST(same_bytes(others[i].annotation, entries[i].annotation, entries[i].annotation_size));
    }
}

static void decode_mgmt_delete(const struct ndr_stub *stub)
{
    struct ndr_epm_mgmt_delete delete;
    if (!ndr_epm_decode_mgmt_delete(stub, &delete))
        return;
    MUST(delete.tower_size <= NDR_TOWER_MAX);
    must_lie_within(stub, delete.tower, delete.tower_size);
}

static void decode_mgmt(const struct ndr_stub *stub)
{
    uint32_t service, size;
    if (ndr_mgmt_decode_inq_stats(stub, &size))
        MUST(size <= NDR_MGMT_STATS_MAX);
    if (ndr_mgmt_decode_inq_princ_name(stub, &service, &size))
        MUST(size >= 1 && size <= NDR_MGMT_PRINC_NAME_MAX);
}

static void decode_echo(const struct ndr_stub *stub)
{
    struct ndr_echo_data bytes;
    struct ndr_echo_string string;
    struct ndr_echo_enums enums;
    uint32_t number;
    uint16_t value;
    if (ndr_echo_decode_data(stub, &bytes))
        must_lie_within(stub, bytes.bytes, bytes.size);
    if (ndr_echo_decode_string(stub, &string))
        must_lie_within(stub, string.units, 2 * string.count);
    ndr_echo_decode_number(stub, &number);
    ndr_echo_decode_level(stub, &value);
    ndr_echo_decode_enums(stub, &enums);
    ndr_echo_decode_surrounding(stub, &number);
    ndr_echo_decode_double_pointer(stub, &value);
}

static void decode_oxid(const struct ndr_stub *stub)
{
    struct ndr_oxid_resolve resolve;
    struct ndr_oxid_ping ping;
    struct ndr_activation activation;
    uint64_t sum = 0;
    if (ndr_oxid_decode_resolve(stub, &resolve))
        for (unsigned i = 0; i < resolve.protseqs; i++)
            sum += ndr_oxid_protseq(&resolve, i);
    if (ndr_oxid_decode_complex_ping(stub, &ping)) {
        must_lie_within(stub, ping.add.octets, 8u * ping.add.count);
        must_lie_within(stub, ping.remove.octets, 8u * ping.remove.count);
        for (unsigned i = 0; i < ping.add.count; i++)
            sum += ndr_oxid_oid(&ping.add, i);
    }
    ndr_oxid_decode_simple_ping(stub, &sum);
    if (ndr_activation_decode(stub, &activation) && !activation.extended)
        MUST(activation.interfaces <= NDR_ACTIVATION_INTERFACES_MAX);
}

// ---- replies

enum { ROOM = 8 }; // less than the 500 that fit, so that this limit is met as well

static void decode_lookup_reply(const struct ndr_stub *stub)
{
    struct ndr_epm_entry *entries = malloc(ROOM * sizeof *entries);
    struct ndr_context_handle handle;
    uint32_t count, status;
    if (ndr_epm_decode_lookup_reply(stub, &handle, entries, ROOM, &count, &status)) {
        MUST(count <= ROOM);
        check_entries(stub, entries, count);
    }
    free(entries);
}

static void decode_map_reply(const struct ndr_stub *stub)
{
    struct ndr_epm_tower_span *towers = malloc(ROOM * sizeof *towers);
    struct ndr_context_handle handle;
    uint32_t count, status;
    if (ndr_epm_decode_map_reply(stub, &handle, towers, ROOM, &count, &status)) {
        MUST(count <= ROOM);
        for (uint32_t i = 0; i < count; i++)
            must_lie_within(stub, towers[i].octets, towers[i].size);
    }
    free(towers);
}

static void decode_status_reply(const struct ndr_stub *stub)
{
    uint32_t status;
    if (ndr_epm_decode_status_reply(stub, &status))
        MUST(stub->size >= sizeof status);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return 0;
}

static void decode(uint8_t which, const struct ndr_stub *stub)
{
    switch (which % 12) {
    case 0:
        decode_entries(stub, true);
        break;
    case 1:
        decode_entries(stub, false);
        break;
    case 2:
        decode_lookup(stub);
        break;
    case 3:
        decode_map(stub);
        break;
    case 4:
        decode_handle(stub);
        break;
    case 5:
        decode_mgmt(stub);
        break;
    case 6:
        decode_mgmt_delete(stub);
        break;
    case 7:
        decode_lookup_reply(stub);
        break;
    case 8:
        decode_map_reply(stub);
        break;
    case 9:
        decode_echo(stub);
        break;
    case 10:
        decode_oxid(stub);
        break;
    default:
        decode_status_reply(stub);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t which = input_u8(&in), form = input_u8(&in) % 3;
    const struct ndr_stub stub = {
        .data = in.at,
        .size = (uint32_t)in.left,
        .big_endian = form == 1,
        .syntax = form == 2 ? NDR_SYNTAX_64 : NDR_SYNTAX_20,
    };
    decode(which, &stub);
    return 0;
}
