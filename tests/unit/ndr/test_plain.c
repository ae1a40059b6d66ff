// Stage one of every kernel that this processor can run against the scalar one, which has tests of
// its own: PDU headers with every value of every octet, every frag_length, every truncation before
// a guard page, every alignment, and batches of any size.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "ndr/kernel.h"

enum { HEADER = 24, OBJECT = 16, STUB = 132, PDU_MAX = 6000 };
enum { TRAILER_HALF = 0x7113e38a };

static const char *const names[] = {"scalar", "avx2", "avx512"};
enum { KERNEL_COUNT = sizeof names / sizeof names[0] };

// A request whose stub has `stub` octets; returns its length.
static uint32_t build(uint8_t *pdu, bool object, uint32_t stub)
{
    static const uint8_t header[HEADER] = {5, 0, 0, 3, 0x10, 0, 0, 0, 0, 0, 0, 0,
                                           7, 0, 0, 0, 0,    0, 0, 0, 1, 0, 3, 0};
    uint32_t length = HEADER + (object ? OBJECT : 0) + stub;
    memcpy(pdu, header, HEADER);
    memset(pdu + HEADER, 0x5a, length - HEADER);
    pdu[3] |= object ? 0x80 : 0;
    base_store_le16(pdu + 8, (uint16_t)length);
    return length;
}

static bool scalar_finds(const uint8_t *octets, uint32_t size)
{
    const struct ndr_pdu pdu = {octets, size};
    return ndr_kernel_scalar.find_plain(&pdu, 1) == 1;
}

static void compare(const struct ndr_pdu *pdus, unsigned count)
{
    uint64_t wanted = ndr_kernel_scalar.find_plain(pdus, count);
    for (unsigned k = 1; k < KERNEL_COUNT; k++) {
        const struct ndr_kernel *kernel = ndr_kernel_find(names[k]);
        if (kernel && kernel->find_plain(pdus, count) != wanted)
            fail_msg("%s differs from scalar on %u PDUs, the first of %u octets", names[k], count,
                     count ? pdus[0].size : 0);
    }
}

static void compare_one(const uint8_t *octets, uint32_t size)
{
    const struct ndr_pdu pdu = {octets, size};
    compare(&pdu, 1);
}

static void a_whole_request_is_plain(void **state)
{
    (void)state;
    uint8_t pdu[PDU_MAX];
    for (unsigned object = 0; object < 2; object++) {
        assert_true(scalar_finds(pdu, build(pdu, object, STUB)));
        assert_true(scalar_finds(pdu, build(pdu, object, STUB) + 1)); // and more of the stream
        assert_true(scalar_finds(pdu, build(pdu, object, 0)));
    }
}

static void what_is_out_of_the_ordinary_is_not_plain(void **state)
{
    (void)state;
    static const struct {
        uint8_t at, value;
    } changes[] = {
        {0, 4}, {1, 1}, {2, 11},   {3, 1},  {3, 2},  {3, 7},  {3, 0x43}, {4, 0},
        {5, 1}, {6, 1}, {9, 0x20}, {8, 23}, {8, 39}, {10, 1}, {11, 1},
    };
    uint8_t pdu[PDU_MAX];
    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint32_t length = build(pdu, i % 2, STUB);
        if (changes[i].at == 8)
            pdu[3] = changes[i].value == 39 ? 0x83 : 0x03; // one octet less than its header
        pdu[changes[i].at] = changes[i].value;
        if (scalar_finds(pdu, length))
            fail_msg("octet %u = %u", changes[i].at, changes[i].value);
    }
    assert_false(scalar_finds(pdu, build(pdu, false, STUB) - 1));
    assert_false(scalar_finds(pdu, build(pdu, false, 5841 - HEADER)));
}

static void a_stub_that_may_have_a_trailer_is_not_plain(void **state)
{
    (void)state;
    uint8_t pdu[PDU_MAX];
    for (unsigned object = 0; object < 2; object++) {
        uint32_t stub_at = HEADER + (object ? OBJECT : 0);
        for (uint32_t stub = 0; stub < STUB; stub++) {
            for (uint32_t at = 0; at + 4 <= stub; at++) {
                uint32_t length = build(pdu, object, stub);
                base_store_le32(pdu + stub_at + at, TRAILER_HALF);
                assert_int_equal(scalar_finds(pdu, length), at % 4 != 0);
                compare_one(pdu, length);
            }
        }
    }
}

static void kernels_agree_when_any_one_octet_of_the_header_has_any_value(void **state)
{
    (void)state;
    uint8_t pdu[PDU_MAX];
    for (unsigned object = 0; object < 2; object++) {
        uint32_t length = build(pdu, object, STUB);
        for (unsigned at = 0; at < HEADER; at++) {
            uint8_t before = pdu[at];
            for (unsigned value = 0; value < 256; value++) {
                pdu[at] = (uint8_t)value;
                compare_one(pdu, length);
            }
            pdu[at] = before;
        }
    }
}

static void kernels_agree_on_every_frag_length(void **state)
{
    (void)state;
    static uint8_t pdu[1 << 16];
    static const uint32_t sizes[] = {24, 40, 172, 5839, 5840, 5841, 65535};
    for (unsigned object = 0; object < 2; object++) {
        build(pdu, object, 5900);
        for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (uint32_t length = 0; length < 1 << 16; length++) {
                base_store_le16(pdu + 8, (uint16_t)length);
                compare_one(pdu, sizes[i]);
            }
        }
    }
}

static void kernels_agree_on_every_truncation_before_a_guard_page(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (unsigned object = 0; object < 2; object++) {
        for (uint32_t stub = 0; stub <= STUB; stub++) {
            uint8_t pdu[PDU_MAX];
            uint32_t length = build(pdu, object, stub);
            for (uint32_t size = stub == STUB ? 0 : length; size <= length; size++) {
                uint8_t *at = pages + page - size;
                memcpy(at, pdu, size);
                compare_one(at, size);
            }
        }
    }
    munmap(pages, 2 * page);
}

static void kernels_agree_at_every_alignment(void **state)
{
    (void)state;
    _Alignas(64) uint8_t octets[PDU_MAX + 64];
    for (unsigned at = 0; at < 64; at++) {
        compare_one(octets + at, build(octets + at, false, STUB));
        compare_one(octets + at, build(octets + at, true, STUB));
    }
}

// Half of the PDUs plain, the others changed at one place or cut short.
static void kernels_agree_on_random_batches(void **state)
{
    (void)state;
    static uint8_t octets[NDR_KERNEL_BATCH][512];
    struct ndr_pdu pdus[NDR_KERNEL_BATCH];
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned count = (unsigned)rand() % (NDR_KERNEL_BATCH + 1);
        for (unsigned i = 0; i < count; i++) {
            uint32_t size = build(octets[i], rand() % 2, (uint32_t)rand() % 300);
            if (rand() % 4 == 0)
                octets[i][rand() % 16] ^= (uint8_t)(1 << rand() % 8);
            if (rand() % 8 == 0)
                size = (uint32_t)rand() % (size + 1);
            pdus[i] = (struct ndr_pdu){size ? octets[i] : NULL, size};
        }
        compare(pdus, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_request_is_plain),
        cmocka_unit_test(what_is_out_of_the_ordinary_is_not_plain),
        cmocka_unit_test(a_stub_that_may_have_a_trailer_is_not_plain),
        cmocka_unit_test(kernels_agree_when_any_one_octet_of_the_header_has_any_value),
        cmocka_unit_test(kernels_agree_on_every_frag_length),
        cmocka_unit_test(kernels_agree_on_every_truncation_before_a_guard_page),
        cmocka_unit_test(kernels_agree_at_every_alignment),
        cmocka_unit_test(kernels_agree_on_random_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
