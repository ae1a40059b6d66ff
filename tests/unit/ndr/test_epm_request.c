// Requests: what a server decodes and what a client encodes.
#include "ndr/protseq.h"
#include "tests/unit/ndr/samples.h"

// The worked examples. Names say what they hold; all but the last are little-endian.
static const char map_request[] =
    "01 00 00 00 " NIL_UUID "02 00 00 00 4b 00 00 00 4b 00 00 00 " ECHO_REQUESTED "00 " NULL_HANDLE
    "01 00 00 00";
static const char map_request_big_endian[] =
    "00 00 00 01 " NIL_UUID "00 00 00 02 00 00 00 4b 00 00 00 4b " ECHO_REQUESTED "00 " NULL_HANDLE
    "00 00 00 01";
static const char map_request_ndr64[] =
    "01 00 00 00 00 00 00 00 " NIL_UUID
    "02 00 00 00 00 00 00 00 4b 00 00 00 00 00 00 00 4b 00 00 00 " ECHO_REQUESTED "00 " NULL_HANDLE
    "01 00 00 00";
static const char lookup_request[] = ZERO_4 ZERO_4 ZERO_4 "01 00 00 00 " NULL_HANDLE "f4 01 00 00";
static const char lookup_request_ndr64[] =
    ZERO_4 ZERO_4 ZERO_4 ZERO_4 ZERO_4 ZERO_4 "01 00 00 00 " NULL_HANDLE "f4 01 00 00";
#define ECHO_UUID "c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 "
static const char lookup_by_interface[] =
    "01 00 00 00 01 00 00 00 " ECHO_UUID "02 00 00 00 " ECHO_UUID
    "01 00 00 00 02 00 00 00 " NULL_HANDLE "0a 00 00 00";

static struct ndr_epm_map decode_map_hex(const char *hex, enum ndr_syntax syntax, bool big_endian)
{
    struct octets o = octets_from_hex(hex);
    struct ndr_stub stub = stub_of(o, syntax, big_endian);
    struct ndr_epm_map map;
    ndr_epm_decode_map(&stub, 1, &map);
    octets_free(o); // the spans in `map` are not followed afterwards
    return map;
}

static void assert_is_echo_map(const struct ndr_epm_map *map)
{
    assert_true(map->valid);
    assert_true(map->has_object);
    assert_true(base_uuid_is_nil(&map->object));
    assert_int_equal(map->tower_size, 75);
    assert_int_equal(map->tower_reason, NDR_TOWER_OK);
    assert_true(ndr_syntax_id_equal(&map->interface, &echo_interface));
    assert_int_equal(ndr_protseq_from_key(map->protseq_key), NDR_PROTSEQ_NCACN_IP_TCP);
    assert_int_equal(map->max_towers, 1);
    assert_int_equal(map->highest_referent, 2);
    assert_true(base_uuid_is_nil(&map->handle.uuid));
}

static void the_worked_map_request_is_decoded(void **state)
{
    (void)state;
    struct ndr_epm_map map = decode_map_hex(map_request, NDR_SYNTAX_20, false);
    assert_is_echo_map(&map);
}

static void the_big_endian_map_request_is_decoded(void **state)
{
    (void)state;
    struct ndr_epm_map map = decode_map_hex(map_request_big_endian, NDR_SYNTAX_20, true);
    assert_is_echo_map(&map);
}

static void the_ndr64_map_request_is_decoded(void **state)
{
    (void)state;
    struct ndr_epm_map map = decode_map_hex(map_request_ndr64, NDR_SYNTAX_64, false);
    assert_is_echo_map(&map);
}

static void pad_octets_may_hold_anything(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(map_request);
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    struct ndr_epm_map map;
    o.data[107] = 0xbf; // behind the 75 octets at 32
    ndr_epm_decode_map(&stub, 1, &map);
    assert_is_echo_map(&map);
    octets_free(o);
}

static void map_requests_are_encoded_octet_by_octet(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum ndr_syntax syntax;
        bool big_endian;
        size_t size;
    } rows[] = {
        {map_request, NDR_SYNTAX_20, false, 132},
        {map_request_big_endian, NDR_SYNTAX_20, true, 132},
        {map_request_ndr64, NDR_SYNTAX_64, false, 144},
    };
    static const struct base_uuid nil;
    struct octets tower = octets_from_hex(ECHO_REQUESTED);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[256];
        struct ndr_writer w =
            ndr_writer_init(buffer, sizeof buffer, rows[i].syntax, rows[i].big_endian);
        ndr_epm_encode_map(&w, &nil, tower.data, tower.size, &null_handle, 1);
        assert_int_equal(ndr_writer_size(&w), rows[i].size);
        assert_written(&w, rows[i].hex);
    }
    octets_free(tower);
}

static void stubs_of_a_batch_are_decoded_each_by_itself(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(map_request);
    struct octets cut = octets_copy(o.data, o.size - 1);
    struct ndr_stub stubs[3] = {stub_of(o, NDR_SYNTAX_20, false),
                                stub_of(cut, NDR_SYNTAX_20, false),
                                stub_of(o, NDR_SYNTAX_20, false)};
    struct ndr_epm_map maps[3];
    ndr_epm_decode_map(stubs, 3, maps);
    assert_true(maps[0].valid);
    assert_false(maps[1].valid);
    assert_true(maps[2].valid);
    octets_free(o);
    octets_free(cut);
}

static void a_tower_that_does_not_parse_is_named_and_no_decode_failure(void **state)
{
    (void)state;
    struct ndr_epm_map map = decode_map_hex(
        ZERO_4 "01 00 00 00 02 00 00 00 02 00 00 00 00 00 00 00 " NULL_HANDLE "01 00 00 00",
        NDR_SYNTAX_20, false);
    assert_true(map.valid);
    assert_non_null(map.tower_octets);
    assert_int_equal(map.tower_reason, NDR_TOWER_FEW_FLOORS);
}

static void every_combination_of_null_pointers_in_a_map_is_decoded(void **state)
{
    (void)state;
    struct octets tower = octets_from_hex(ECHO_REQUESTED);
    for (unsigned bits = 0; bits < 4; bits++)
        for (unsigned kind = 0; kind < 3; kind++) {
            uint8_t buffer[256];
            struct ndr_writer w = ndr_writer_init(
                buffer, sizeof buffer, kind == 2 ? NDR_SYNTAX_64 : NDR_SYNTAX_20, kind == 1);
            ndr_epm_encode_map(&w, bits & 1 ? &echo_interface.uuid : NULL,
                               bits & 2 ? tower.data : NULL, tower.size, &null_handle, 7);
            struct ndr_stub stub = {buffer, (uint32_t)ndr_writer_size(&w), kind == 1, w.syntax};
            struct ndr_epm_map map;
            ndr_epm_decode_map(&stub, 1, &map);
            assert_true(map.valid);
            assert_int_equal(map.has_object, bits & 1);
            assert_int_equal(base_uuid_is_nil(&map.object), !(bits & 1));
            assert_int_equal(map.tower_octets != NULL, bits >> 1);
            assert_int_equal(map.max_towers, 7);
        }
    octets_free(tower);
}

static void every_combination_of_null_pointers_in_a_lookup_is_decoded(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++)
        for (unsigned kind = 0; kind < 3; kind++) {
            struct ndr_epm_lookup lookup = {
                .inquiry_type = 3,
                .vers_option = 2,
                .has_object = bits & 1,
                .has_interface = bits >> 1,
                .object = echo_interface.uuid,
                .interface = echo_interface,
                .handle = {0, echo_interface.uuid},
                .max_ents = 500,
            };
            struct ndr_epm_lookup back;
            uint8_t buffer[128];
            struct ndr_writer w = ndr_writer_init(
                buffer, sizeof buffer, kind == 2 ? NDR_SYNTAX_64 : NDR_SYNTAX_20, kind == 1);
            ndr_epm_encode_lookup(&w, &lookup);
            struct ndr_stub stub = {buffer, (uint32_t)ndr_writer_size(&w), kind == 1, w.syntax};
            assert_true(ndr_epm_decode_lookup(&stub, &back));
            assert_int_equal(back.has_object, lookup.has_object);
            assert_int_equal(back.has_interface, lookup.has_interface);
            assert_int_equal(base_uuid_is_nil(&back.object), !lookup.has_object);
            assert_int_equal(ndr_syntax_id_equal(&back.interface, &echo_interface), bits >> 1);
            assert_int_equal(back.vers_option, 2);
            assert_int_equal(back.max_ents, 500);
            assert_true(base_uuid_equal(&back.handle.uuid, &echo_interface.uuid));
            assert_int_equal(back.highest_referent, (bits & 1) + (bits >> 1));
        }
}

static void lookup_requests_are_encoded_octet_by_octet(void **state)
{
    (void)state;
    struct ndr_epm_lookup all = {.vers_option = 1, .max_ents = 500};
    struct ndr_epm_lookup by_interface = {
        .inquiry_type = 1,
        .vers_option = 2,
        .has_object = true,
        .has_interface = true,
        .object = echo_interface.uuid,
        .interface = echo_interface,
        .max_ents = 10,
    };
    const struct {
        const struct ndr_epm_lookup *lookup;
        enum ndr_syntax syntax;
        const char *hex;
        size_t size;
    } rows[] = {
        {&all, NDR_SYNTAX_20, lookup_request, 40},
        {&all, NDR_SYNTAX_64, lookup_request_ndr64, 52},
        {&by_interface, NDR_SYNTAX_20, lookup_by_interface, 76},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[128];
        struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, rows[i].syntax, false);
        ndr_epm_encode_lookup(&w, rows[i].lookup);
        assert_int_equal(ndr_writer_size(&w), rows[i].size);
        assert_written(&w, rows[i].hex);
    }
}

static void the_by_interface_lookup_is_decoded(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(lookup_by_interface);
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    struct ndr_epm_lookup lookup;
    assert_true(ndr_epm_decode_lookup(&stub, &lookup));
    assert_int_equal(lookup.inquiry_type, NDR_EPM_INQUIRY_BY_INTERFACE);
    assert_true(ndr_syntax_id_equal(&lookup.interface, &echo_interface));
    assert_true(base_uuid_equal(&lookup.object, &echo_interface.uuid));
    assert_int_equal(lookup.vers_option, NDR_EPM_VERSIONS_COMPATIBLE);
    assert_int_equal(lookup.max_ents, 10);
    assert_int_equal(lookup.highest_referent, 2);
    octets_free(o);
}

static void every_truncation_of_a_map_or_lookup_fails(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum ndr_syntax syntax;
        bool is_map;
    } rows[] = {
        {map_request, NDR_SYNTAX_20, true},          {map_request_ndr64, NDR_SYNTAX_64, true},
        {lookup_request, NDR_SYNTAX_20, false},      {lookup_request_ndr64, NDR_SYNTAX_64, false},
        {lookup_by_interface, NDR_SYNTAX_20, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets whole = octets_from_hex(rows[i].hex);
        for (uint32_t size = 0; size < whole.size; size++) {
            struct octets cut = octets_copy(whole.data, size);
            struct ndr_stub stub = stub_of(cut, rows[i].syntax, false);
            struct ndr_epm_lookup lookup;
            struct ndr_epm_map map = {0};
            if (rows[i].is_map)
                ndr_epm_decode_map(&stub, 1, &map);
            assert_false(rows[i].is_map ? map.valid : ndr_epm_decode_lookup(&stub, &lookup));
            octets_free(cut);
        }
        octets_free(whole);
    }
}

// Values that a count may be confused by.
static const uint32_t wild_counts[] = {76,         501,        2001,       0x7fffffff,
                                       0x80000000, 0x80000001, 0xfffffffc, 0xffffffff};

// Writes every wild count over the u32 at `offset` and expects the map to fail.
static void assert_wild_map_counts_fail(const char *hex, enum ndr_syntax syntax, uint32_t offset)
{
    struct octets o = octets_from_hex(hex);
    struct ndr_stub stub = stub_of(o, syntax, false);
    for (size_t i = 0; i < sizeof wild_counts / sizeof *wild_counts; i++) {
        struct ndr_epm_map map;
        memcpy(o.data + offset, &wild_counts[i], 4);
        ndr_epm_decode_map(&stub, 1, &map);
        assert_false(map.valid);
        assert_null(map.tower_octets);
    }
    octets_free(o);
}

static void a_tower_conformance_that_disagrees_fails(void **state)
{
    (void)state;
    assert_wild_map_counts_fail(map_request, NDR_SYNTAX_20, 24);
    assert_wild_map_counts_fail(map_request_ndr64, NDR_SYNTAX_64, 32);
    assert_wild_map_counts_fail(map_request_ndr64, NDR_SYNTAX_64, 36); // high half
}

static void a_tower_length_that_disagrees_fails(void **state)
{
    (void)state;
    assert_wild_map_counts_fail(map_request, NDR_SYNTAX_20, 28);
    assert_wild_map_counts_fail(map_request_ndr64, NDR_SYNTAX_64, 40);
}

// Both counts agree, so only the range and the end of the stub are left to refuse them.
static void agreeing_wild_tower_counts_fail(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(map_request);
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    for (size_t i = 1; i < sizeof wild_counts / sizeof *wild_counts; i++) {
        struct ndr_epm_map map;
        memcpy(o.data + 24, &wild_counts[i], 4);
        memcpy(o.data + 28, &wild_counts[i], 4);
        ndr_epm_decode_map(&stub, 1, &map);
        assert_false(map.valid);
    }
    octets_free(o);
}

static void towers_of_2000_octets_pass_and_of_2001_fail(void **state)
{
    (void)state;
    uint8_t *octets = calloc(1, 2001);
    for (uint32_t size = 2000; size <= 2001; size++) {
        uint8_t buffer[2100];
        struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
        ndr_epm_encode_map(&w, NULL, octets, size, &null_handle, 1);
        struct ndr_stub stub = {buffer, (uint32_t)ndr_writer_size(&w), false, NDR_SYNTAX_20};
        struct ndr_epm_map map;
        ndr_epm_decode_map(&stub, 1, &map);
        assert_int_equal(map.valid, size == 2000);
    }
    free(octets);
}

static void more_than_500_are_not_answered(void **state)
{
    (void)state;
    struct octets map_stub = octets_from_hex(map_request);
    struct octets lookup_stub = octets_from_hex(lookup_request);
    static const uint32_t maxima[] = {0, 1, 500, 501, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        struct ndr_stub m = stub_of(map_stub, NDR_SYNTAX_20, false);
        struct ndr_stub l = stub_of(lookup_stub, NDR_SYNTAX_20, false);
        struct ndr_epm_map map;
        struct ndr_epm_lookup lookup;
        memcpy(map_stub.data + map_stub.size - 4, &maxima[i], 4);
        memcpy(lookup_stub.data + lookup_stub.size - 4, &maxima[i], 4);
        ndr_epm_decode_map(&m, 1, &map);
        assert_int_equal(map.valid, maxima[i] <= 500);
        assert_int_equal(ndr_epm_decode_lookup(&l, &lookup), maxima[i] <= 500);
    }
    octets_free(map_stub);
    octets_free(lookup_stub);
}

static void large_referent_ids_are_continued_from_the_highest(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("00 00 00 00 04 00 02 00 " NIL_UUID "00 00 02 00 " NIL_UUID
                                      "01 00 00 00 01 00 00 00 " NULL_HANDLE "0a 00 00 00");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    struct ndr_epm_lookup lookup;
    assert_true(ndr_epm_decode_lookup(&stub, &lookup));
    assert_int_equal(lookup.highest_referent, 0x20004);
    octets_free(o);
}

static void a_handle_is_decoded_and_its_truncations_fail(void **state)
{
    (void)state;
    for (uint32_t size = 0; size <= 20; size++) {
        struct octets whole = octets_from_hex("07 00 00 00 " ECHO_UUID);
        struct octets o = octets_copy(whole.data, size);
        struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
        struct ndr_context_handle handle = {99, {{0}}};
        assert_int_equal(ndr_epm_decode_handle(&stub, &handle), size == 20);
        assert_int_equal(handle.attributes, size == 20 ? 7 : 99);
        octets_free(o);
        octets_free(whole);
    }
}

static void mgmt_delete_is_decoded_with_and_without_its_pointers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool object_speced, has_object, has_tower;
    } rows[] = {
        {ZERO_4 ZERO_4 ZERO_4, false, false, false},
        {"01 00 00 00 01 00 00 00 " ECHO_UUID ZERO_4, true, true, false},
        {ZERO_4 ZERO_4 "01 00 00 00 03 00 00 00 03 00 00 00 aa bb cc", false, false, true},
        {"02 00 00 00 01 00 00 00 " ECHO_UUID "02 00 00 00 01 00 00 00 01 00 00 00 aa", true, true,
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets whole = octets_from_hex(rows[i].hex);
        for (uint32_t size = 0; size <= whole.size; size++) {
            struct octets o = octets_copy(whole.data, size);
            struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
            struct ndr_epm_mgmt_delete request;
            assert_int_equal(ndr_epm_decode_mgmt_delete(&stub, &request), size == whole.size);
            if (size == whole.size) {
                assert_int_equal(request.object_speced, rows[i].object_speced);
                assert_int_equal(request.has_object, rows[i].has_object);
                assert_int_equal(request.tower != NULL, rows[i].has_tower);
            }
            octets_free(o);
        }
        octets_free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_map_request_is_decoded),
        cmocka_unit_test(the_big_endian_map_request_is_decoded),
        cmocka_unit_test(the_ndr64_map_request_is_decoded),
        cmocka_unit_test(pad_octets_may_hold_anything),
        cmocka_unit_test(map_requests_are_encoded_octet_by_octet),
        cmocka_unit_test(stubs_of_a_batch_are_decoded_each_by_itself),
        cmocka_unit_test(a_tower_that_does_not_parse_is_named_and_no_decode_failure),
        cmocka_unit_test(every_combination_of_null_pointers_in_a_map_is_decoded),
        cmocka_unit_test(every_combination_of_null_pointers_in_a_lookup_is_decoded),
        cmocka_unit_test(lookup_requests_are_encoded_octet_by_octet),
        cmocka_unit_test(the_by_interface_lookup_is_decoded),
        cmocka_unit_test(every_truncation_of_a_map_or_lookup_fails),
        cmocka_unit_test(a_tower_conformance_that_disagrees_fails),
        cmocka_unit_test(a_tower_length_that_disagrees_fails),
        cmocka_unit_test(agreeing_wild_tower_counts_fail),
        cmocka_unit_test(towers_of_2000_octets_pass_and_of_2001_fail),
        cmocka_unit_test(more_than_500_are_not_answered),
        cmocka_unit_test(large_referent_ids_are_continued_from_the_highest),
        cmocka_unit_test(a_handle_is_decoded_and_its_truncations_fail),
        cmocka_unit_test(mgmt_delete_is_decoded_with_and_without_its_pointers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
