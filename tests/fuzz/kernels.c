// Both stages of every kernel that this processor can run against the scalar one, on an array of
// PDUs. Of each, the input says how long it is and how much of that is there; each lies in an
// allocation of its own, so that a sanitizer sees an access past its end.
//
// A PDU is three bytes and its octets: the low half of what is there, then a byte that has the rest
// of it in its low four bits and in the others the form for stage two, then how many octets of a
// usual request stand in front of those given.
#include "ndr/epm.h"
#include "ndr/kernel.h"
#include "tests/fuzz/input.h"

enum { HEADER_SIZE = 24, BIG_ENDIAN_STUB = 0x10, WIDE_STUB = 0x20 };

static const char *const names[] = {"avx2", "avx512"};
enum { KERNEL_COUNT = sizeof names / sizeof names[0] };

static const struct ndr_kernel *kernels[KERNEL_COUNT]; // NULL: not on this processor

struct array {
    unsigned count;
    struct ndr_pdu pdus[NDR_KERNEL_BATCH];
    struct ndr_stub stubs[NDR_KERNEL_BATCH];
};

// What most PDUs begin with, so that the fuzzer need not find it.
static const uint8_t usual[HEADER_SIZE] = {5, 0, 0, 3, 0x10, 0, 0, 0, 172, 0, 0, 0,
                                           2, 0, 0, 0, 132,  0, 0, 0, 0,   0, 3, 0};

static void add_pdu(struct array *array, struct input *in)
{
    size_t size = input_u8(in);
    uint8_t form = input_u8(in), begun = input_u8(in) % (HEADER_SIZE + 1);
    size |= (size_t)(form & 0x0f) << 8;
    uint8_t *octets = malloc(size + (size == 0));
    size_t before = begun < size ? begun : size;
    memcpy(octets, usual, before);
    input_copy(in, octets + before, size - before);
    // Stage two gets the same octets behind the header, whatever stage one says of it.
    size_t stub_at = size < HEADER_SIZE ? size : HEADER_SIZE;
    array->pdus[array->count] = (struct ndr_pdu){octets, (uint32_t)size};
    array->stubs[array->count++] = (struct ndr_stub){
        .data = octets + stub_at,
        .size = (uint32_t)(size - stub_at),
        .big_endian = form & BIG_ENDIAN_STUB,
        .syntax = form & WIDE_STUB ? NDR_SYNTAX_64 : NDR_SYNTAX_20,
    };
}

static bool same_map(const struct ndr_epm_map *a, const struct ndr_epm_map *b)
{
    return a->valid == b->valid && a->has_object == b->has_object &&
           a->tower_reason == b->tower_reason && base_uuid_equal(&a->object, &b->object) &&
           a->tower_octets == b->tower_octets && a->tower_size == b->tower_size &&
           ndr_syntax_id_equal(&a->interface, &b->interface) &&
           ndr_syntax_id_equal(&a->transfer, &b->transfer) && a->protseq_key == b->protseq_key &&
           a->handle.attributes == b->handle.attributes &&
           base_uuid_equal(&a->handle.uuid, &b->handle.uuid) && a->max_towers == b->max_towers &&
           a->highest_referent == b->highest_referent;
}

static void compare_stage_one(const struct array *array)
{
    uint64_t wanted = ndr_kernel_scalar.find_plain(array->pdus, array->count);
    for (unsigned k = 0; k < KERNEL_COUNT; k++)
        MUST(!kernels[k] || kernels[k]->find_plain(array->pdus, array->count) == wanted);
}

static void compare_stage_two(const struct array *array)
{
    static struct ndr_epm_map wanted[NDR_KERNEL_BATCH], got[NDR_KERNEL_BATCH];
    ndr_kernel_use(&ndr_kernel_scalar);
    ndr_epm_decode_map(array->stubs, array->count, wanted);
    for (unsigned k = 0; k < KERNEL_COUNT; k++) {
        if (!kernels[k])
            continue;
        ndr_kernel_use(kernels[k]);
        memset(got, 0xa5, sizeof got); // nothing may be left unset
        ndr_epm_decode_map(array->stubs, array->count, got);
        for (unsigned i = 0; i < array->count; i++)
            MUST(same_map(&wanted[i], &got[i]));
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    for (unsigned k = 0; k < KERNEL_COUNT; k++)
        kernels[k] = ndr_kernel_find(names[k]);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct array array = {0};
    while (in.left > 0 && array.count < NDR_KERNEL_BATCH)
        add_pdu(&array, &in);
    compare_stage_one(&array);
    compare_stage_two(&array);
    for (unsigned i = 0; i < array.count; i++)
        free((void *)(uintptr_t)array.pdus[i].octets);
    return 0;
}
