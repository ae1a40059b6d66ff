#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

// The key of the reference vectors, 00 01 .. 0f; message n is 00 01 .. n-1.
static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void the_reference_vectors_come_out(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
        {3, 0x85676696d7fb7e2d},  {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462},
        {15, 0xa129ca6149be45e5},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        // Exactly as long as the message, so that a sanitizer sees a read past it.
        uint8_t *message = malloc(vectors[i].length + (vectors[i].length == 0));
        for (size_t j = 0; j < vectors[i].length; j++)
            message[j] = (uint8_t)j;
        assert_int_equal(base_siphash(key, message, vectors[i].length), vectors[i].hash);
        free(message);
    }
}

static void every_octet_of_the_key_matters(void **state)
{
    (void)state;
    uint64_t before = base_siphash(key, "chart", 5);
    for (unsigned i = 0; i < 16; i++) {
        uint8_t other[16];
        memcpy(other, key, sizeof other);
        other[i] ^= 1;
        assert_int_not_equal(base_siphash(other, "chart", 5), before);
    }
}

static void trailing_zeros_count(void **state)
{
    (void)state;
    static const uint8_t zeros[8];
    assert_int_not_equal(base_siphash(key, zeros, 3), base_siphash(key, zeros, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_vectors_come_out),
        cmocka_unit_test(every_octet_of_the_key_matters),
        cmocka_unit_test(trailing_zeros_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
