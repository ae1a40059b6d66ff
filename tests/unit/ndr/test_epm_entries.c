// ept_insert and ept_delete: arrays of entries with deferred towers.
#include "tests/unit/ndr/samples.h"

static struct ndr_epm_entry entries[NDR_EPM_ENTRIES_MAX];

static bool decode(const uint8_t *data, uint32_t size, enum ndr_syntax syntax, bool big_endian,
                   uint32_t *count, uint32_t *replace)
{
    struct ndr_stub stub = {data, size, big_endian, syntax};
    return ndr_epm_decode_entries(&stub, entries, count, replace);
}

static bool decodes(const char *hex)
{
    struct octets o = octets_from_hex(hex);
    uint32_t count, replace;
    bool decoded = decode(o.data, o.size, NDR_SYNTAX_20, false, &count, &replace);
    octets_free(o);
    return decoded;
}

#define ONE        "01 00 00 00 01 00 00 00 " NIL_UUID
#define TOWER_2    "02 00 00 00 02 00 00 00 aa bb 00 00 "
#define NOTE_1     "00 00 00 00 01 00 00 00 00 00 00 00 "
#define NO_TOWER   ZERO_4
#define NO_REPLACE ZERO_4

static void inserts_and_deletes_round_trip_in_every_representation(void **state)
{
    (void)state;
    struct octets tower = octets_from_hex(ECHO_ANSWERED);
    const struct ndr_epm_entry sent[3] = {
        {.object = echo_interface.uuid,
         .tower = tower.data,
         .tower_size = 75,
         .annotation = "rpcecho",
         .annotation_size = 7},
        {.tower = NULL},
        {.tower = tower.data, .tower_size = 2, .annotation = "x", .annotation_size = 1},
    };
    for (unsigned kind = 0; kind < 6; kind++) {
        uint8_t buffer[512];
        uint32_t replace = 1, count = 0, back = 99;
        bool insert = kind < 3, big = kind % 3 == 1;
        enum ndr_syntax syntax = kind % 3 == 2 ? NDR_SYNTAX_64 : NDR_SYNTAX_20;
        struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, syntax, big);
        ndr_epm_encode_entries(&w, sent, 3, insert ? &replace : NULL);
        struct octets o = octets_copy(buffer, (uint32_t)ndr_writer_size(&w));
        assert_true(decode(o.data, o.size, syntax, big, &count, insert ? &back : NULL));
        assert_int_equal(count, 3);
        assert_int_equal(back, insert ? 1 : 99);
        assert_true(base_uuid_equal(&entries[0].object, &echo_interface.uuid));
        assert_int_equal(entries[0].tower_size, 75);
        assert_memory_equal(entries[0].tower, tower.data, 75);
        assert_int_equal(entries[0].annotation_size, 7);
        assert_memory_equal(entries[0].annotation, "rpcecho", 7);
        assert_null(entries[1].tower);
        assert_int_equal(entries[1].annotation_size, 0);
        assert_int_equal(entries[2].tower_size, 2);
        for (uint32_t size = 0; size < o.size; size++) {
            struct octets cut = octets_copy(o.data, size);
            assert_false(decode(cut.data, size, syntax, big, &count, insert ? &back : NULL));
            octets_free(cut);
        }
        octets_free(o);
    }
    octets_free(tower);
}

static void an_empty_array_is_decoded(void **state)
{
    (void)state;
    assert_true(decodes(ZERO_4 ZERO_4 NO_REPLACE));
}

static void wild_numbers_of_entries_fail(void **state)
{
    (void)state;
    static const char *const counts[][2] = {
        {"02 00 00 00 ", "01 00 00 00 "}, {"01 00 00 00 ", "02 00 00 00 "},
        {"00 00 00 00 ", "01 00 00 00 "}, {"f5 01 00 00 ", "f5 01 00 00 "},
        {"ff ff ff 7f ", "ff ff ff 7f "}, {"00 00 00 80 ", "00 00 00 80 "},
        {"ff ff ff ff ", "ff ff ff ff "}, {"01 00 00 00 ", "01 00 00 80 "},
    };
    assert_true(decodes("01 00 00 00 01 00 00 00 " NIL_UUID NO_TOWER NOTE_1 NO_REPLACE));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char hex[512];
        snprintf(hex, sizeof hex, "%s%s%s", counts[i][0], counts[i][1],
                 NIL_UUID NO_TOWER NOTE_1 NO_REPLACE);
        assert_false(decodes(hex));
    }
}

static void towers_with_one_referent_id_are_one_tower(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("04 00 00 00 04 00 00 00 " NIL_UUID
                                      "05 00 00 00 " NOTE_1 NIL_UUID "05 00 00 00 " NOTE_1 NIL_UUID
                                      "03 00 00 00 " NOTE_1 NIL_UUID "05 00 00 00 " NOTE_1 TOWER_2
                                      "01 00 00 00 01 00 00 00 cc 00 00 00 " NO_REPLACE);
    uint32_t count, replace;
    assert_true(decode(o.data, o.size, NDR_SYNTAX_20, false, &count, &replace));
    assert_int_equal(entries[0].tower_size, 2);
    assert_ptr_equal(entries[1].tower, entries[0].tower);
    assert_int_equal(entries[2].tower_size, 1);
    assert_int_equal(entries[2].tower[0], 0xcc);
    assert_ptr_equal(entries[3].tower, entries[0].tower);
    octets_free(o);
}

static void annotations_are_bounded(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset, actual, characters;
        bool decoded;
        uint32_t size;
    } rows[] = {
        {0, 0, 0, true, 0},
        {0, 1, 1, true, 1},
        {0, 63, 63, true, 63},
        {0, 64, 64, true, 63},
        {0, 65, 65, false, 0},
        {1, 4, 4, false, 0},
        {0xffffffff, 4, 4, false, 0},
        {0, 64, 8, false, 0},
        {0, 0x80000000, 8, false, 0},
        {0, 0xffffffff, 8, false, 0},
        {0x80000000, 0x80000004, 4, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[256];
        struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
        ndr_write_u32(&w, 1);
        ndr_write_u32(&w, 1);
        ndr_write_uuid(&w, &echo_interface.uuid);
        ndr_write_u32(&w, 0);
        ndr_write_u32(&w, rows[i].offset);
        ndr_write_u32(&w, rows[i].actual);
        for (uint32_t j = 0; j < rows[i].characters; j++)
            ndr_write_u8(&w, 'a'); // never a NUL
        ndr_write_u32(&w, 0);
        struct octets o = octets_copy(buffer, (uint32_t)ndr_writer_size(&w));
        uint32_t count, replace;
        assert_int_equal(decode(o.data, o.size, NDR_SYNTAX_20, false, &count, &replace),
                         rows[i].decoded);
        if (rows[i].decoded)
            assert_int_equal(entries[0].annotation_size, rows[i].size);
        octets_free(o);
    }
}

static void an_annotation_ends_at_its_nul(void **state)
{
    (void)state;
    struct octets o =
        octets_from_hex(ONE NO_TOWER "00 00 00 00 04 00 00 00 61 62 00 63 " NO_REPLACE);
    uint32_t count, replace;
    assert_true(decode(o.data, o.size, NDR_SYNTAX_20, false, &count, &replace));
    assert_int_equal(entries[0].annotation_size, 2);
    octets_free(o);
}

static void five_hundred_entries_pass(void **state)
{
    (void)state;
    static struct ndr_epm_entry sent[NDR_EPM_ENTRIES_MAX];
    static uint8_t buffer[64 * 1024];
    struct octets tower = octets_from_hex(ECHO_ANSWERED);
    for (unsigned i = 0; i < NDR_EPM_ENTRIES_MAX; i++)
        sent[i] = (struct ndr_epm_entry){.tower = tower.data, .tower_size = 20 + i % 50};
    struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_entries(&w, sent, NDR_EPM_ENTRIES_MAX, NULL);
    assert_false(w.failed);
    uint32_t count;
    assert_true(decode(buffer, (uint32_t)ndr_writer_size(&w), NDR_SYNTAX_20, false, &count, NULL));
    assert_int_equal(count, NDR_EPM_ENTRIES_MAX);
    for (unsigned i = 0; i < NDR_EPM_ENTRIES_MAX; i++)
        assert_int_equal(entries[i].tower_size, 20 + i % 50);
    octets_free(tower);
}

// CVE-2012-1182: one count is checked, another is used. Both counts of a tower, each pair of edges;
// 75 octets are there.
static void every_pair_of_counts_that_disagree_fails(void **state)
{
    (void)state;
    static const uint32_t edges[] = {0,    1,    74,    75,         76,         79,
                                     2000, 2001, 65535, 0x7fffffff, 0x80000000, UINT32_MAX};
    struct octets tower = octets_from_hex(ECHO_ANSWERED);
    for (unsigned i = 0; i < 144; i++) {
        uint8_t bytes[128];
        uint32_t conformance = edges[i / 12], length = edges[i % 12], count, replace;
        struct ndr_writer w = ndr_writer_init(bytes, sizeof bytes, NDR_SYNTAX_20, false);
        ndr_write_u32(&w, 1); // num_ents and its conformance
        ndr_write_u32(&w, 1);
        ndr_write_uuid(&w, &echo_interface.uuid);
        ndr_write_u32(&w, 3); // the pointer, and an empty annotation
        ndr_write_u32(&w, 0);
        ndr_write_u32(&w, 1);
        ndr_write_u8(&w, 0);
        ndr_write_u32(&w, conformance);
        ndr_write_u32(&w, length);
        uint32_t size = (uint32_t)ndr_writer_size(&w);
        uint8_t stub[256];
        memcpy(stub, bytes, size);
        memcpy(stub + size, tower.data, tower.size);
        memset(stub + size + tower.size, 0, 5);
        struct octets o = octets_copy(stub, size + tower.size + 5);
        bool decoded = decode(o.data, o.size, NDR_SYNTAX_20, false, &count, &replace);
        if (conformance != length || length > 79)
            assert_false(decoded);
        else if (length == 75)
            assert_true(decoded);
        octets_free(o);
    }
    octets_free(tower);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_counts_that_disagree_fails),
        cmocka_unit_test(inserts_and_deletes_round_trip_in_every_representation),
        cmocka_unit_test(an_empty_array_is_decoded),
        cmocka_unit_test(wild_numbers_of_entries_fail),
        cmocka_unit_test(towers_with_one_referent_id_are_one_tower),
        cmocka_unit_test(annotations_are_bounded),
        cmocka_unit_test(an_annotation_ends_at_its_nul),
        cmocka_unit_test(five_hundred_entries_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
