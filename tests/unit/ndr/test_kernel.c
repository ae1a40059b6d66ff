// Every kernel that this processor can run against the scalar one: same result for the requests of
// real clients, for every truncation, at every alignment, with a guard page behind, and for octets
// changed one by one and at random.
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ndr/kernel.h"
#include "tests/unit/ndr/samples.h"

enum { STUB_MAX = 256, TOWER_MAX = 128 };

// What real clients send for ept_map; the towers differ in their protocols and in what they ask.
struct form {
    const char *name;
    enum ndr_syntax syntax;
    bool with_object;
    bool nil_object; // a pointer to a nil UUID: Samba, impacket
    const char *binding;
    bool common; // the vector kernels take it
};

static const struct form forms[] = {
    {"Samba, impacket: tcp", NDR_SYNTAX_20, true, true, "ncacn_ip_tcp:0.0.0.0[135]", true},
    {"Windows, Wine: tcp", NDR_SYNTAX_20, false, false, "ncacn_ip_tcp:0.0.0.0[135]", true},
    {"with an object", NDR_SYNTAX_20, true, false, "ncacn_ip_tcp:10.135.0.2[1024]", true},
    {"udp", NDR_SYNTAX_20, true, true, "ncadg_ip_udp:0.0.0.0[135]", true},
    {"http", NDR_SYNTAX_20, true, true, "ncacn_http:0.0.0.0[593]", true},
    {"Windows, NDR64", NDR_SYNTAX_64, false, false, "ncacn_ip_tcp:0.0.0.0[135]", true},
    {"impacket, NDR64", NDR_SYNTAX_64, true, true, "ncacn_ip_tcp:0.0.0.0[135]", true},
    {"with an object, NDR64", NDR_SYNTAX_64, true, false, "ncacn_http:0.0.0.0[593]", true},
    {"named pipe", NDR_SYNTAX_20, true, true, "ncacn_np:HOST[\\pipe\\lsass]", false},
    {"local", NDR_SYNTAX_20, true, true, "ncalrpc:[spice]", false},
    {"named pipe, NDR64", NDR_SYNTAX_64, false, false, "ncacn_np:HOST[\\pipe\\lsass]", false},
};
enum { FORM_COUNT = sizeof forms / sizeof forms[0] };

static const struct base_uuid some_object =
    BASE_UUID(0x01234567, 0x89ab, 0xcdef, 1, 2, 3, 4, 5, 6, 7, 8);

static uint32_t build(const struct form *form, uint8_t stub[STUB_MAX])
{
    static const struct base_uuid nil;
    struct ndr_binding binding;
    uint8_t tower[TOWER_MAX];
    assert_null(ndr_binding_parse(form->binding, &binding));
    size_t size =
        ndr_tower_build(&echo_interface, &ndr_syntax_id_20, &binding, tower, sizeof tower);
    assert_int_not_equal(size, 0);
    struct ndr_writer w = ndr_writer_init(stub, STUB_MAX, form->syntax, false);
    const struct base_uuid *object = form->nil_object ? &nil : &some_object;
    ndr_epm_encode_map(&w, form->with_object ? object : NULL, tower, (uint32_t)size, &null_handle,
                       4);
    assert_false(w.failed);
    return (uint32_t)ndr_writer_size(&w);
}

static bool same(const struct ndr_epm_map *a, const struct ndr_epm_map *b)
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

// Decodes with all kernels; fails when one differs from the scalar one.
static void compare(const struct ndr_stub *stubs, unsigned count)
{
    static const char *const names[] = {"avx2", "avx512"};
    struct ndr_epm_map wanted[NDR_KERNEL_BATCH + 1], got[NDR_KERNEL_BATCH + 1];
    ndr_kernel_use(&ndr_kernel_scalar);
    ndr_epm_decode_map(stubs, count, wanted);
    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        const struct ndr_kernel *kernel = ndr_kernel_find(names[k]);
        if (kernel == NULL)
            continue;
        ndr_kernel_use(kernel);
        memset(got, 0xa5, sizeof got); // nothing may be left unset
        ndr_epm_decode_map(stubs, count, got);
        for (unsigned i = 0; i < count; i++) {
            if (!same(&wanted[i], &got[i]))
                fail_msg("%s differs from scalar on stub %u of %u octets", kernel->name, i,
                         stubs[i].size);
        }
    }
    ndr_kernel_use(&ndr_kernel_scalar);
}

static void vector_kernels_take_the_common_forms(void **state)
{
    (void)state;
    static const char *const names[] = {"avx2", "avx512"};
    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        const struct ndr_kernel *kernel = ndr_kernel_find(names[k]);
        for (unsigned i = 0; kernel != NULL && i < FORM_COUNT; i++) {
            uint8_t octets[STUB_MAX];
            struct ndr_stub stub = {
                .data = octets, .size = build(&forms[i], octets), .syntax = forms[i].syntax};
            struct ndr_epm_map map;
            if (kernel->decode_map(&stub, 1, &map) != forms[i].common)
                fail_msg("%s: %s", kernel->name, forms[i].name);
        }
    }
}

static void kernels_agree_on_a_batch_of_all_forms(void **state)
{
    (void)state;
    uint8_t octets[NDR_KERNEL_BATCH + 1][STUB_MAX];
    struct ndr_stub stubs[NDR_KERNEL_BATCH + 1];
    for (unsigned i = 0; i <= NDR_KERNEL_BATCH; i++) {
        const struct form *form = &forms[i % FORM_COUNT];
        stubs[i] = (struct ndr_stub){
            .data = octets[i], .size = build(form, octets[i]), .syntax = form->syntax};
    }
    compare(stubs, NDR_KERNEL_BATCH + 1);
}

// The page behind `ret_end` cannot be read.
static uint8_t *guarded_page(uint8_t **ret_end)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + size, size, PROT_NONE), 0);
    *ret_end = pages + size;
    return pages;
}

static void kernels_agree_on_every_truncation_before_a_guard_page(void **state)
{
    (void)state;
    uint8_t *end, *pages = guarded_page(&end);
    for (unsigned i = 0; i < FORM_COUNT; i++) {
        uint8_t octets[STUB_MAX];
        uint32_t whole = build(&forms[i], octets);
        for (uint32_t size = 0; size <= whole; size++) {
            memcpy(end - size, octets, size);
            struct ndr_stub stub = {.data = end - size, .size = size, .syntax = forms[i].syntax};
            compare(&stub, 1);
        }
    }
    munmap(pages, 2 * (size_t)sysconf(_SC_PAGESIZE));
}

static void kernels_agree_at_every_alignment(void **state)
{
    (void)state;
    _Alignas(64) uint8_t octets[STUB_MAX + 64];
    for (unsigned i = 0; i < FORM_COUNT; i++) {
        for (unsigned at = 0; at < 64; at++) {
            struct ndr_stub stub = {.data = octets + at, .syntax = forms[i].syntax};
            stub.size = build(&forms[i], octets + at);
            compare(&stub, 1);
        }
    }
}

static void kernels_agree_when_any_one_octet_has_any_value(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FORM_COUNT; i++) {
        uint8_t octets[STUB_MAX];
        struct ndr_stub stub = {
            .data = octets, .size = build(&forms[i], octets), .syntax = forms[i].syntax};
        for (uint32_t at = 0; at < stub.size; at++) {
            uint8_t before = octets[at];
            for (unsigned value = 0; value < 256; value++) {
                octets[at] = (uint8_t)value;
                compare(&stub, 1);
            }
            octets[at] = before;
        }
    }
}

static void kernels_agree_in_big_endian_and_in_the_other_syntax(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FORM_COUNT; i++) {
        uint8_t octets[STUB_MAX];
        uint32_t size = build(&forms[i], octets);
        for (unsigned way = 0; way < 4; way++) {
            struct ndr_stub stub = {.data = octets,
                                    .size = size,
                                    .big_endian = way & 1,
                                    .syntax = way & 2 ? NDR_SYNTAX_64 : NDR_SYNTAX_20};
            compare(&stub, 1);
        }
    }
}

static void kernels_agree_on_random_changes(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t octets[STUB_MAX];
        const struct form *form = &forms[(unsigned)rand() % FORM_COUNT];
        struct ndr_stub stub = {
            .data = octets, .size = build(form, octets), .syntax = form->syntax};
        for (int changes = rand() % 4; changes >= 0; changes--)
            octets[(unsigned)rand() % stub.size] = (uint8_t)(rand() % 3 ? rand() : 0);
        if (rand() % 8 == 0)
            stub.size = (uint32_t)rand() % (stub.size + 1);
        compare(&stub, 1);
    }
}

static void a_kernel_is_found_by_its_name(void **state)
{
    (void)state;
    assert_ptr_equal(ndr_kernel_find("scalar"), &ndr_kernel_scalar);
    assert_null(ndr_kernel_find("mmx"));
    assert_non_null(ndr_kernel_find(NULL));
    assert_non_null(strstr(ndr_kernel_names(), ndr_kernel_find(NULL)->name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_kernels_take_the_common_forms),
        cmocka_unit_test(kernels_agree_on_a_batch_of_all_forms),
        cmocka_unit_test(kernels_agree_on_every_truncation_before_a_guard_page),
        cmocka_unit_test(kernels_agree_at_every_alignment),
        cmocka_unit_test(kernels_agree_when_any_one_octet_has_any_value),
        cmocka_unit_test(kernels_agree_in_big_endian_and_in_the_other_syntax),
        cmocka_unit_test(kernels_agree_on_random_changes),
        cmocka_unit_test(a_kernel_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
