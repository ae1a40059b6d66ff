#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/sum.h"

enum { SIZE_MAX_TRIED = 300, PAGE = 4096 };

// RFC 1071 section 1 to the letter: pairs of bytes, end-around carry.
static uint16_t slow_sum(const uint8_t *bytes, uint32_t size)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < size; i += 2) {
        sum += bytes[i] | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static base_sum_function *kernels[2];
static unsigned kernel_count;

static int find_kernels(void **state)
{
    (void)state;
    kernels[kernel_count++] = base_sum_scalar;
    base_sum_choose(NULL);
    if (base_sum != base_sum_scalar)
        kernels[kernel_count++] = base_sum;
    return 0;
}

static void check(const uint8_t *bytes, uint32_t size)
{
    for (unsigned k = 0; k < kernel_count; k++)
        assert_int_equal(kernels[k](bytes, size), slow_sum(bytes, size));
}

static void every_size_at_every_alignment_sums_like_the_definition(void **state)
{
    (void)state;
    uint8_t bytes[SIZE_MAX_TRIED + 64];
    srandom(1071);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random();
    for (unsigned at = 0; at < 64; at++) {
        for (uint32_t size = 0; size <= SIZE_MAX_TRIED; size++)
            check(bytes + at, size);
    }
}

// All ones make every carry there is.
static void carries_are_not_lost(void **state)
{
    (void)state;
    static uint8_t bytes[65535];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = 0xff;
    const uint32_t sizes[] = {1, 2, 7, 8, 9, 32, 40, 63, 64, 65, 1460, 9000, 65534, 65535};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check(bytes, sizes[i]);
}

static void nothing_is_read_behind_the_last_byte(void **state)
{
    (void)state;
    uint8_t *pages =
        mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
    for (uint32_t size = 0; size <= SIZE_MAX_TRIED; size++)
        check(pages + PAGE - size, size);
    munmap(pages, 2 * PAGE);
}

static void parts_add_up_to_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[200];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (uint32_t cut = 0; cut <= sizeof bytes; cut++) {
        uint16_t before = base_sum_scalar(bytes, cut);
        uint16_t behind = base_sum_scalar(bytes + cut, sizeof bytes - cut);
        assert_int_equal(base_sum_behind(before, cut, behind), slow_sum(bytes, sizeof bytes));
    }
}

static void words_sum_like_bytes(void **state)
{
    (void)state;
    uint8_t bytes[60];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(255 - i);
    for (unsigned words = 0; words <= sizeof bytes / 4; words++)
        assert_int_equal(base_sum_fold(base_sum_words(bytes, words)), slow_sum(bytes, 4 * words));
}

static void the_scalar_sum_can_be_forced(void **state)
{
    (void)state;
    base_sum_choose("scalar");
    assert_ptr_equal(base_sum, base_sum_scalar);
    base_sum_choose(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_at_every_alignment_sums_like_the_definition),
        cmocka_unit_test(carries_are_not_lost),
        cmocka_unit_test(nothing_is_read_behind_the_last_byte),
        cmocka_unit_test(parts_add_up_to_the_whole),
        cmocka_unit_test(words_sum_like_bytes),
        cmocka_unit_test(the_scalar_sum_can_be_forced),
    };
    return cmocka_run_group_tests(tests, find_kernels, NULL);
}
