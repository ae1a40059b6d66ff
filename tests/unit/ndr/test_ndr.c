#include "tests/unit/ndr/samples.h"

static void integers_align_from_the_start(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("01 ee 02 00 03 ee ee ee 04 00 00 00 ee ee ee ee "
                                      "05 00 00 00 00 00 00 00");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    struct ndr_reader r = ndr_reader_init(&stub);
    assert_int_equal(ndr_read_u8(&r), 1);
    assert_int_equal(ndr_read_u16(&r), 2);
    assert_int_equal(ndr_read_u8(&r), 3);
    assert_int_equal(ndr_read_u32(&r), 4);
    assert_int_equal(ndr_read_u64(&r), 5);
    assert_false(r.failed);
    assert_ptr_equal(r.at, r.end);
    octets_free(o);
}

static void big_endian_integers_and_uuids_are_swapped(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("01 02 00 00 03 04 05 06 01 02 03 04 05 06 07 08 "
                                      "60 a1 5e c5 4d e8 11 d7 a6 37 00 50 56 a2 01 82");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, true);
    struct ndr_reader r = ndr_reader_init(&stub);
    struct base_uuid uuid;
    assert_int_equal(ndr_read_u16(&r), 0x0102);
    assert_int_equal(ndr_read_u32(&r), 0x03040506);
    assert_int_equal(ndr_read_u64(&r), 0x0102030405060708);
    ndr_read_uuid(&r, &uuid);
    assert_false(r.failed);
    assert_true(base_uuid_equal(&uuid, &echo_interface.uuid));
    octets_free(o);
}

static void a_failure_sticks_and_reads_give_zero(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("01 02 03");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    struct ndr_reader r = ndr_reader_init(&stub);
    struct base_uuid uuid = echo_interface.uuid;
    assert_int_equal(ndr_read_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(ndr_read_u8(&r), 0);
    assert_null(ndr_read_bytes(&r, 0));
    ndr_read_uuid(&r, &uuid);
    assert_true(base_uuid_is_nil(&uuid));
    octets_free(o);
}

static void a_size_of_four_gigabytes_is_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {5, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
    struct octets o = octets_from_hex("01 02 03 04");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ndr_reader r = ndr_reader_init(&stub);
        assert_null(ndr_read_bytes(&r, sizes[i]));
        assert_true(r.failed);
    }
    octets_free(o);
}

static void ndr64_counts_are_wide_and_must_fit_32_bits(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("01 00 00 00 ee ee ee ee 4b 00 00 00 00 00 00 00 "
                                      "4b 00 00 00 01 00 00 00");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_64, false);
    struct ndr_reader r = ndr_reader_init(&stub);
    assert_int_equal(ndr_read_u32(&r), 1);
    assert_int_equal(ndr_read_count(&r), 0x4b);
    assert_false(r.failed);
    assert_int_equal(ndr_read_count(&r), 0);
    assert_true(r.failed);
    octets_free(o);
}

static void an_ndr64_pointer_folds_but_never_to_null(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("00 00 00 00 00 00 00 00 02 00 00 00 01 00 00 00 "
                                      "00 00 00 00 05 00 00 00");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_64, false);
    struct ndr_reader r = ndr_reader_init(&stub);
    assert_int_equal(ndr_read_pointer(&r), 0);
    assert_int_equal(ndr_read_pointer(&r), 2);
    assert_int_not_equal(ndr_read_pointer(&r), 0);
    assert_false(r.failed);
    octets_free(o);
}

static void ndr64_is_little_endian_whatever_the_drep_says(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("01 00 00 00");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_64, true);
    struct ndr_reader r = ndr_reader_init(&stub);
    assert_int_equal(ndr_read_u32(&r), 1);
    octets_free(o);
}

static void padding_is_written_as_zero(void **state)
{
    (void)state;
    uint8_t buffer[16];
    memset(buffer, 0xee, sizeof buffer);
    struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_write_u8(&w, 1);
    ndr_write_u32(&w, 2);
    ndr_write_u8(&w, 3);
    ndr_write_align(&w, 8);
    assert_written(&w, "01 00 00 00 02 00 00 00 03 00 00 00 00 00 00 00");
}

static void a_writer_out_of_room_drops_everything_after(void **state)
{
    (void)state;
    uint8_t *buffer = malloc(6);
    struct ndr_writer w = ndr_writer_init(buffer, 6, NDR_SYNTAX_20, false);
    ndr_write_u32(&w, 1);
    ndr_write_u32(&w, 2);
    assert_true(w.failed);
    ndr_write_u8(&w, 3);
    assert_int_equal(ndr_writer_size(&w), 4);
    free(buffer);
}

static void what_is_written_is_read_back_in_both_orders(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        uint8_t buffer[64];
        struct ndr_context_handle handle = {7, echo_interface.uuid}, back;
        struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, big);
        ndr_write_u16(&w, 0x1234);
        ndr_write_u64(&w, 0x123456789abcdef0);
        ndr_write_handle(&w, &handle);
        struct ndr_stub stub = {buffer, (uint32_t)ndr_writer_size(&w), big, NDR_SYNTAX_20};
        struct ndr_reader r = ndr_reader_init(&stub);
        assert_int_equal(ndr_read_u16(&r), 0x1234);
        assert_int_equal(ndr_read_u64(&r), 0x123456789abcdef0);
        ndr_read_handle(&r, &back);
        assert_false(r.failed);
        assert_int_equal(back.attributes, 7);
        assert_true(base_uuid_equal(&back.uuid, &handle.uuid));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_align_from_the_start),
        cmocka_unit_test(big_endian_integers_and_uuids_are_swapped),
        cmocka_unit_test(a_failure_sticks_and_reads_give_zero),
        cmocka_unit_test(a_size_of_four_gigabytes_is_refused),
        cmocka_unit_test(ndr64_counts_are_wide_and_must_fit_32_bits),
        cmocka_unit_test(an_ndr64_pointer_folds_but_never_to_null),
        cmocka_unit_test(ndr64_is_little_endian_whatever_the_drep_says),
        cmocka_unit_test(padding_is_written_as_zero),
        cmocka_unit_test(a_writer_out_of_room_drops_everything_after),
        cmocka_unit_test(what_is_written_is_read_back_in_both_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
