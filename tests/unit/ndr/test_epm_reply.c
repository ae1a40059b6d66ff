// Replies: what a server encodes and what a client decodes.
#include "ndr/epm_ready.h"
#include "tests/unit/ndr/samples.h"

#define TOWER_NDR20 "4b 00 00 00 4b 00 00 00 " ECHO_ANSWERED "00 "
#define TOWER_NDR64 "4b 00 00 00 00 00 00 00 4b 00 00 00 " ECHO_ANSWERED "00 "
#define WIDE(low)   low "00 00 00 00 00 00 00 "

static const char map_reply[] = NULL_HANDLE "01 00 00 00 01 00 00 00 00 00 00 00 01 00 00 00 "
                                            "03 00 00 00 " TOWER_NDR20 ZERO_4;
static const char map_reply_ndr64[] =
    NULL_HANDLE "01 00 00 00 " WIDE("01 ") WIDE("00 ") WIDE("01 ") WIDE("03 ") TOWER_NDR64 ZERO_4;
static const char empty_map_reply[] = NULL_HANDLE ZERO_4 "01 00 00 00 " ZERO_4 ZERO_4 "d6 a0 c9 16";
static const char lookup_reply[] =
    NULL_HANDLE "02 00 00 00 f4 01 00 00 00 00 00 00 02 00 00 00 " NIL_UUID
                "01 00 00 00 00 00 00 00 08 00 00 00 72 70 63 65 63 68 6f 00 " NIL_UUID
                "02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 " TOWER_NDR20 TOWER_NDR20 ZERO_4;
static const char lookup_reply_ndr64[] =
    NULL_HANDLE "01 00 00 00 f4 01 00 00 00 00 00 00 " WIDE("00 ") WIDE("01 ") NIL_UUID WIDE("01 ")
        WIDE("00 ") WIDE("08 ") "72 70 63 65 63 68 6f 00 " TOWER_NDR64 ZERO_4;

static struct octets tower;

static int make_tower(void **state)
{
    (void)state;
    tower = octets_from_hex(ECHO_ANSWERED);
    return 0;
}

static int free_tower(void **state)
{
    (void)state;
    octets_free(tower);
    return 0;
}

static void fill_entries(struct ndr_epm_entry entries[2])
{
    entries[0] = (struct ndr_epm_entry){
        .tower = tower.data, .tower_size = 75, .annotation = "rpcecho", .annotation_size = 7};
    entries[1] = (struct ndr_epm_entry){.tower = tower.data, .tower_size = 75};
}

static void map_replies_are_encoded_octet_by_octet(void **state)
{
    (void)state;
    uint8_t buffer[256];
    struct ndr_epm_tower_span span = {tower.data, 75};
    struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &null_handle, 1, 3, &span, 1, NDR_EPM_STATUS_OK);
    assert_int_equal(ndr_writer_size(&w), 128);
    assert_written(&w, map_reply);
    w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_64, false);
    ndr_epm_encode_map_reply(&w, &null_handle, 1, 3, &span, 1, NDR_EPM_STATUS_OK);
    assert_int_equal(ndr_writer_size(&w), 148);
    assert_written(&w, map_reply_ndr64);
    w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &null_handle, 1, 3, NULL, 0, NDR_EPM_STATUS_NOT_REGISTERED);
    assert_int_equal(ndr_writer_size(&w), 40);
    assert_written(&w, empty_map_reply);
}

static void lookup_replies_are_encoded_octet_by_octet(void **state)
{
    (void)state;
    uint8_t buffer[512];
    struct ndr_epm_entry entries[2];
    fill_entries(entries);
    struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_lookup_reply(&w, &null_handle, 500, 1, entries, 2, NDR_EPM_STATUS_OK);
    assert_int_equal(ndr_writer_size(&w), 300 - 24);
    assert_written(&w, lookup_reply);
    w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_64, false);
    ndr_epm_encode_lookup_reply(&w, &null_handle, 500, 1, entries, 1, NDR_EPM_STATUS_OK);
    assert_int_equal(ndr_writer_size(&w), 188);
    assert_written(&w, lookup_reply_ndr64);
}

static void a_ready_reply_becomes_what_the_encoder_writes(void **state)
{
    (void)state;
    static const uint32_t highest[] = {0, 3, UINT32_MAX - 1, UINT32_MAX};
    static const struct ndr_context_handle null;
    uint8_t octets[NDR_TOWER_MAX];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 7 + 1);
    for (uint32_t size = 0; size <= NDR_TOWER_MAX; size++) {
        uint32_t last = highest[size % 4];
        const struct ndr_epm_tower_span span = {octets, size};
        uint8_t ready[NDR_EPM_READY_MAX], written[NDR_EPM_READY_MAX];
        struct ndr_writer w = ndr_writer_init(written, sizeof written, NDR_SYNTAX_20, false);
        ndr_epm_encode_map_reply(&w, &null, size, last + 1, &span, 1, NDR_EPM_STATUS_OK);
        ndr_epm_ready_write(ready, octets, size);
        memcpy(ready + NDR_EPM_READY_MAX_TOWERS, &size, sizeof size);
        uint32_t referent = ndr_epm_ready_referent(last);
        memcpy(ready + NDR_EPM_READY_REFERENT, &referent, sizeof referent);
        assert_int_equal(ndr_writer_size(&w), ndr_epm_ready_size(size));
        assert_memory_equal(ready, written, ndr_epm_ready_size(size));
    }
}

static void the_map_reply_size_is_exact(void **state)
{
    (void)state;
    static uint8_t octets[NDR_TOWER_MAX];
    static uint8_t buffer[16 * 1024];
    for (uint32_t count = 0; count <= 5; count++)
        for (uint32_t size = 60; size < 76; size++)
            for (unsigned wide = 0; wide < 2; wide++) {
                enum ndr_syntax syntax = wide ? NDR_SYNTAX_64 : NDR_SYNTAX_20;
                struct ndr_epm_tower_span spans[5];
                for (uint32_t i = 0; i < count; i++)
                    spans[i] = (struct ndr_epm_tower_span){octets, size + 3 * i};
                struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, syntax, false);
                ndr_epm_encode_map_reply(&w, &null_handle, 5, 1, spans, count, 0);
                assert_int_equal(ndr_epm_map_reply_size(spans, count, syntax), ndr_writer_size(&w));
            }
}

static void the_entry_size_is_an_upper_bound(void **state)
{
    (void)state;
    static uint8_t octets[128], buffer[4096];
    for (uint32_t note = 0; note <= 64; note++)
        for (uint32_t size = 0; size < 9; size++)
            for (unsigned wide = 0; wide < 2; wide++) {
                enum ndr_syntax syntax = wide ? NDR_SYNTAX_64 : NDR_SYNTAX_20;
                struct ndr_epm_entry entries[3];
                uint32_t bound = wide ? 20 + 4 + 24 + 4 : 20 + 4 + 12 + 4;
                for (unsigned i = 0; i < 3; i++) {
                    entries[i] = (struct ndr_epm_entry){.tower = octets,
                                                        .tower_size = size + i,
                                                        .annotation = (const char *)octets,
                                                        .annotation_size = note};
                    bound += ndr_epm_entry_size(&entries[i], syntax);
                }
                struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, syntax, false);
                ndr_epm_encode_lookup_reply(&w, &null_handle, 9, 1, entries, 3, 0);
                assert_true(ndr_writer_size(&w) <= bound);
            }
}

static void small_replies_are_encoded_octet_by_octet(void **state)
{
    (void)state;
    uint8_t buffer[64];
    struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_handle_free_reply(&w, NDR_EPM_STATUS_OK);
    assert_written(&w, NULL_HANDLE ZERO_4);
    w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_inq_object_reply(&w, &echo_interface.uuid, NDR_EPM_STATUS_OK);
    assert_written(&w, "c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 " ZERO_4);
    w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_status_reply(&w, NDR_EPM_STATUS_CANT_PERFORM_OP);
    assert_written(&w, "cd a0 c9 16");
}

static void referent_ids_skip_null_when_they_wrap(void **state)
{
    (void)state;
    uint8_t buffer[512];
    struct ndr_epm_tower_span spans[3] = {{tower.data, 4}, {tower.data, 4}, {tower.data, 4}};
    struct ndr_writer w = ndr_writer_init(buffer, sizeof buffer, NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &null_handle, 3, 0xffffffff, spans, 3, 0);
    struct octets ids = octets_from_hex("ff ff ff ff 01 00 00 00 02 00 00 00");
    assert_memory_equal(buffer + 36, ids.data, ids.size);
    octets_free(ids);
}

// Which reply a row of the tables below holds.
struct reply {
    const char *hex;
    enum ndr_syntax syntax;
    bool is_map;
    uint32_t count;
    uint32_t status;
};

static const struct reply replies[] = {
    {map_reply, NDR_SYNTAX_20, true, 1, 0},
    {map_reply_ndr64, NDR_SYNTAX_64, true, 1, 0},
    {empty_map_reply, NDR_SYNTAX_20, true, 0, NDR_EPM_STATUS_NOT_REGISTERED},
    {lookup_reply, NDR_SYNTAX_20, false, 2, 0},
    {lookup_reply_ndr64, NDR_SYNTAX_64, false, 1, 0},
};

static bool decode_reply(const struct reply *reply, struct octets o, uint32_t room,
                         struct ndr_epm_entry *entries, struct ndr_epm_tower_span *spans,
                         uint32_t *count, uint32_t *status)
{
    struct ndr_stub stub = stub_of(o, reply->syntax, false);
    struct ndr_context_handle handle;
    if (reply->is_map)
        return ndr_epm_decode_map_reply(&stub, &handle, spans, room, count, status);
    return ndr_epm_decode_lookup_reply(&stub, &handle, entries, room, count, status);
}

static void the_worked_replies_are_decoded_and_their_truncations_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct octets whole = octets_from_hex(replies[i].hex);
        for (uint32_t size = 0; size <= whole.size; size++) {
            struct octets o = octets_copy(whole.data, size);
            struct ndr_epm_entry entries[2];
            struct ndr_epm_tower_span spans[2];
            uint32_t count = 99, status = 99;
            bool decoded = decode_reply(&replies[i], o, 2, entries, spans, &count, &status);
            assert_int_equal(decoded, size == whole.size);
            assert_int_equal(count, decoded ? replies[i].count : 99);
            assert_int_equal(status, decoded ? replies[i].status : 99);
            for (uint32_t j = 0; decoded && j < count; j++)
                assert_memory_equal(replies[i].is_map ? spans[j].octets : entries[j].tower,
                                    tower.data, 75);
            octets_free(o);
        }
        octets_free(whole);
    }
}

static void annotations_of_a_reply_are_spans(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(lookup_reply);
    struct ndr_epm_entry entries[2];
    uint32_t count, status;
    assert_true(decode_reply(&replies[3], o, 2, entries, NULL, &count, &status));
    assert_int_equal(entries[0].annotation_size, 7);
    assert_memory_equal(entries[0].annotation, "rpcecho", 7);
    assert_int_equal(entries[1].annotation_size, 0);
    octets_free(o);
}

static void a_reply_with_more_than_there_is_room_for_fails(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(lookup_reply);
    struct ndr_epm_entry entries[1];
    uint32_t count, status;
    assert_false(decode_reply(&replies[3], o, 1, entries, NULL, &count, &status));
    octets_free(o);
}

// The counts of a reply stand at 20 (number), 24 (conformance), 28 (offset), 32 (actual).
static void wild_counts_in_a_reply_fail(void **state)
{
    (void)state;
    static const uint32_t wild[] = {3, 501, 0x7fffffff, 0x80000000, 0x80000002, 0xffffffff};
    static const unsigned offsets[] = {20, 28, 32};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        if (replies[i].syntax != NDR_SYNTAX_20)
            continue;
        struct octets o = octets_from_hex(replies[i].hex);
        struct ndr_epm_entry entries[2];
        struct ndr_epm_tower_span spans[2];
        uint32_t count, status;
        for (size_t j = 0; j < sizeof wild / sizeof *wild; j++) {
            for (unsigned k = 0; k < 3; k++) {
                uint32_t saved;
                memcpy(&saved, o.data + offsets[k], 4);
                memcpy(o.data + offsets[k], &wild[j], 4);
                assert_false(decode_reply(&replies[i], o, 2, entries, spans, &count, &status));
                memcpy(o.data + offsets[k], &saved, 4);
            }
            // All three agree on too many.
            memcpy(o.data + 20, &wild[j], 4);
            memcpy(o.data + 24, &wild[j], 4);
            memcpy(o.data + 32, &wild[j], 4);
            assert_false(decode_reply(&replies[i], o, 2, entries, spans, &count, &status));
            octets_free(o);
            o = octets_from_hex(replies[i].hex);
        }
        octets_free(o);
    }
}

static void an_actual_count_over_the_conformance_fails(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(lookup_reply);
    struct ndr_epm_entry entries[2];
    uint32_t count, status;
    o.data[24] = 1;
    o.data[25] = 0;
    assert_false(decode_reply(&replies[3], o, 2, entries, NULL, &count, &status));
    octets_free(o);
}

static void a_status_reply_is_decoded(void **state)
{
    (void)state;
    struct octets o = octets_from_hex("d6 a0 c9 16");
    struct ndr_stub stub = stub_of(o, NDR_SYNTAX_20, false);
    uint32_t status = 0;
    assert_true(ndr_epm_decode_status_reply(&stub, &status));
    assert_string_equal(ndr_epm_status_name(status), "ept_s_not_registered");
    stub.size = 3;
    assert_false(ndr_epm_decode_status_reply(&stub, &status));
    octets_free(o);
}

static void a_status_without_a_name_has_none(void **state)
{
    (void)state;
    assert_null(ndr_epm_status_name(0x16c9a0ff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_replies_are_encoded_octet_by_octet),
        cmocka_unit_test(lookup_replies_are_encoded_octet_by_octet),
        cmocka_unit_test(a_ready_reply_becomes_what_the_encoder_writes),
        cmocka_unit_test(the_map_reply_size_is_exact),
        cmocka_unit_test(the_entry_size_is_an_upper_bound),
        cmocka_unit_test(small_replies_are_encoded_octet_by_octet),
        cmocka_unit_test(referent_ids_skip_null_when_they_wrap),
        cmocka_unit_test(the_worked_replies_are_decoded_and_their_truncations_fail),
        cmocka_unit_test(annotations_of_a_reply_are_spans),
        cmocka_unit_test(a_reply_with_more_than_there_is_room_for_fails),
        cmocka_unit_test(wild_counts_in_a_reply_fail),
        cmocka_unit_test(an_actual_count_over_the_conformance_fails),
        cmocka_unit_test(a_status_reply_is_decoded),
        cmocka_unit_test(a_status_without_a_name_has_none),
    };
    return cmocka_run_group_tests(tests, make_tower, free_tower);
}
