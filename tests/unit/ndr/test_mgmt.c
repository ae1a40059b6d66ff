#include "tests/unit/ndr/samples.h"

#include "ndr/mgmt.h"

#define EPMAPPER "08 83 af e1 1f 5d c9 11 91 a4 08 00 2b 14 a0 fa 03 00 00 00 "
#define MGMT     "80 bd a8 af 8a 7d c9 11 be f4 08 00 2b 10 29 89 01 00 00 00 "

static const struct ndr_syntax_id ids[2] = {
    {BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa), 3, 0},
    {BASE_UUID(0xafa8bd80, 0x7d8a, 0x11c9, 0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89), 1, 0},
};

static uint8_t buffer[256];

static struct ndr_writer writer(enum ndr_syntax syntax)
{
    return ndr_writer_init(buffer, sizeof buffer, syntax, false);
}

static void two_interface_ids_take_64_octets(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_20);
    ndr_mgmt_encode_if_ids(&w, ids, 2, 0);
    assert_int_equal(ndr_writer_size(&w), 64);
    assert_written(
        &w, "00 00 02 00 02 00 00 00 02 00 00 00 04 00 02 00 08 00 02 00 " EPMAPPER MGMT ZERO_4);
}

static void interface_ids_in_ndr64_have_wide_pointers(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_64);
    ndr_mgmt_encode_if_ids(&w, ids, 2, 0);
    assert_written(&w, "00 00 02 00 00 00 00 00 02 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 "
                       "04 00 02 00 00 00 00 00 08 00 02 00 00 00 00 00 " EPMAPPER MGMT ZERO_4);
}

static void an_empty_list_of_interface_ids_is_a_null_pointer(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_20);
    ndr_mgmt_encode_if_ids(&w, NULL, 0, 0);
    assert_written(&w, ZERO_4 ZERO_4);
}

static void four_counters_take_28_octets(void **state)
{
    (void)state;
    static const uint32_t values[4] = {1, 2, 3, 4};
    struct ndr_writer w = writer(NDR_SYNTAX_20);
    ndr_mgmt_encode_stats(&w, values, 4, 0);
    assert_written(
        &w, "04 00 00 00 04 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 " ZERO_4);
}

static void counters_in_ndr64_have_a_wide_count_aligned_to_8(void **state)
{
    (void)state;
    static const uint32_t values[3] = {1, 2, 3};
    struct ndr_writer w = writer(NDR_SYNTAX_64);
    ndr_mgmt_encode_stats(&w, values, 3, 0);
    assert_written(&w, "03 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 "
                       "01 00 00 00 02 00 00 00 03 00 00 00 " ZERO_4);
}

static void an_empty_list_of_interface_ids_in_ndr64_is_a_wide_null_pointer(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_64);
    ndr_mgmt_encode_if_ids(&w, NULL, 0, 0);
    assert_written(&w, ZERO_4 ZERO_4 ZERO_4);
}

static void a_principal_name_in_ndr64_has_wide_counts(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_64);
    ndr_mgmt_encode_princ_name(&w, 4096, 0x71e);
    assert_written(&w, "00 10 00 00 00 00 00 00 " ZERO_4 ZERO_4
                       "01 00 00 00 00 00 00 00 00 00 00 00 1e 07 00 00");
}

static void requests_are_the_same_in_ndr64(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("0a 00 00 00 40 00 00 00");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_64, false);
    uint32_t count = 0, service = 0, size = 0;
    assert_true(ndr_mgmt_decode_inq_stats(&stub, &count));
    assert_int_equal(count, 10);
    assert_true(ndr_mgmt_decode_inq_princ_name(&stub, &service, &size));
    assert_int_equal(service, 10);
    assert_int_equal(size, 64);
    octets_free(o);
}

static void listening_is_a_status_and_a_boolean(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_20);
    ndr_mgmt_encode_listening(&w, true);
    assert_written(&w, ZERO_4 "01 00 00 00");
}

static void an_absent_principal_name_is_an_empty_string(void **state)
{
    (void)state;
    struct ndr_writer w = writer(NDR_SYNTAX_20);
    ndr_mgmt_encode_princ_name(&w, 4096, 0x71e);
    assert_written(&w, "00 10 00 00 00 00 00 00 01 00 00 00 00 00 00 00 1e 07 00 00");
}

static bool decode_stats(const char *hex, uint32_t *count)
{
    struct octets o = octets_from_hex(hex);
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    bool decoded = ndr_mgmt_decode_inq_stats(&stub, count);
    octets_free(o);
    return decoded;
}

static void statistics_are_asked_for_with_four_or_eight_octets(void **state)
{
    (void)state;
    uint32_t count = 0;
    assert_true(decode_stats("04 00 00 00", &count));
    assert_int_equal(count, 4);
    assert_true(decode_stats("32 00 00 00 00 00 00 00", &count));
    assert_int_equal(count, 50);
}

static void statistics_out_of_range_or_truncated_fail(void **state)
{
    (void)state;
    uint32_t count = 99;
    static const char *const rows[] = {"", "04 00 00", "33 00 00 00", "00 00 00 80", "ff ff ff ff"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(decode_stats(rows[i], &count));
    assert_int_equal(count, 99);
}

static void principal_names_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool decoded;
    } rows[] = {
        {"0a 00 00 00 01 00 00 00", true},
        {"0a 00 00 00 00 10 00 00", true},
        {"0a 00 00 00 00 00 00 00", false},
        {"0a 00 00 00 01 10 00 00", false},
        {"0a 00 00 00 ff ff ff ff", false},
        {"0a 00 00 00 01 00 00", false},
        {"0a 00 00 00", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o = octets_from_hex(rows[i].hex);
        struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
        uint32_t service = 0, size = 0;
        assert_int_equal(ndr_mgmt_decode_inq_princ_name(&stub, &service, &size), rows[i].decoded);
        assert_int_equal(service, rows[i].decoded ? 10 : 0);
        octets_free(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_interface_ids_take_64_octets),
        cmocka_unit_test(interface_ids_in_ndr64_have_wide_pointers),
        cmocka_unit_test(an_empty_list_of_interface_ids_is_a_null_pointer),
        cmocka_unit_test(four_counters_take_28_octets),
        cmocka_unit_test(counters_in_ndr64_have_a_wide_count_aligned_to_8),
        cmocka_unit_test(an_empty_list_of_interface_ids_in_ndr64_is_a_wide_null_pointer),
        cmocka_unit_test(a_principal_name_in_ndr64_has_wide_counts),
        cmocka_unit_test(requests_are_the_same_in_ndr64),
        cmocka_unit_test(listening_is_a_status_and_a_boolean),
        cmocka_unit_test(an_absent_principal_name_is_an_empty_string),
        cmocka_unit_test(statistics_are_asked_for_with_four_or_eight_octets),
        cmocka_unit_test(statistics_out_of_range_or_truncated_fail),
        cmocka_unit_test(principal_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
