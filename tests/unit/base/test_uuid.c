#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/uuid.h"

static const struct base_uuid epmapper =
    BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa);
static const char epmapper_text[] = "e1af8308-5d1f-11c9-91a4-08002b14a0fa";

static void the_constant_is_in_little_endian_wire_order(void **state)
{
    (void)state;
    static const uint8_t wire[16] = {0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11,
                                     0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa};
    assert_memory_equal(epmapper.bytes, wire, sizeof wire);
}

static void text_of_either_case_is_read(void **state)
{
    (void)state;
    struct base_uuid uuid;
    assert_true(base_uuid_parse(epmapper_text, &uuid));
    assert_true(base_uuid_equal(&uuid, &epmapper));
    assert_true(base_uuid_parse("E1AF8308-5D1F-11C9-91A4-08002B14A0FA", &uuid));
    assert_true(base_uuid_equal(&uuid, &epmapper));
}

static void text_that_is_no_uuid_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "e1af8308",
        "e1af8308-5d1f-11c9-91a4-08002b14a0f",
        "e1af8308-5d1f-11c9-91a4-08002b14a0faa",
        "e1af8308-5d1f-11c9-91a4-08002b14a0fg",
        "e1af8308x5d1f-11c9-91a4-08002b14a0fa",
        "e1af83085d1f11c991a408002b14a0fa",
        "{e1af8308-5d1f-11c9-91a4-08002b14a0fa}",
        " e1af8308-5d1f-11c9-91a4-08002b14a0fa",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct base_uuid uuid = epmapper;
        assert_false(base_uuid_parse(texts[i], &uuid));
        assert_true(base_uuid_equal(&uuid, &epmapper));
    }
}

static void every_truncation_of_a_text_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof epmapper_text - 1; length++) {
        char text[sizeof epmapper_text] = {0};
        memcpy(text, epmapper_text, length);
        struct base_uuid uuid;
        assert_false(base_uuid_parse(text, &uuid));
    }
}

static void the_text_form_is_lower_case(void **state)
{
    (void)state;
    char text[BASE_UUID_TEXT_SIZE];
    assert_string_equal(base_uuid_format(&epmapper, text), epmapper_text);
}

static void swapping_gives_big_endian_wire_order_and_back(void **state)
{
    (void)state;
    static const uint8_t wire[16] = {0xe1, 0xaf, 0x83, 0x08, 0x5d, 0x1f, 0x11, 0xc9,
                                     0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa};
    struct base_uuid uuid = epmapper;
    base_uuid_swap(&uuid);
    assert_memory_equal(uuid.bytes, wire, sizeof wire);
    base_uuid_swap(&uuid);
    assert_true(base_uuid_equal(&uuid, &epmapper));
}

static void only_sixteen_zeros_are_nil(void **state)
{
    (void)state;
    struct base_uuid uuid = {0};
    assert_true(base_uuid_is_nil(&uuid));
    for (unsigned i = 0; i < 16; i++) {
        uuid = (struct base_uuid){0};
        uuid.bytes[i] = 0x80;
        assert_false(base_uuid_is_nil(&uuid));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_constant_is_in_little_endian_wire_order),
        cmocka_unit_test(text_of_either_case_is_read),
        cmocka_unit_test(text_that_is_no_uuid_is_refused_and_changes_nothing),
        cmocka_unit_test(every_truncation_of_a_text_is_refused),
        cmocka_unit_test(the_text_form_is_lower_case),
        cmocka_unit_test(swapping_gives_big_endian_wire_order_and_back),
        cmocka_unit_test(only_sixteen_zeros_are_nil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
