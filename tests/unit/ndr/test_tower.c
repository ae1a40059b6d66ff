#include "tests/unit/ndr/samples.h"

static enum ndr_tower_reason parse_hex(const char *hex)
{
    struct octets o = octets_from_hex(hex);
    struct ndr_tower tower;
    enum ndr_tower_reason reason = ndr_tower_parse(o.data, o.size, &tower);
    octets_free(o);
    return reason;
}

#define NDR20_FLOOR "13 00 0d 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 02 00 00 00 "
#define UUID_FLOORS                                                                                \
    "13 00 0d c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 01 00 02 00 00 00 " NDR20_FLOOR
// Floor 1 or 2 with another protocol identifier, or another right side.
#define SYNTAX_FLOOR(protocol, rhs) "13 00 " protocol NIL_UUID "01 00 " rhs
#define NCACN                       "01 00 0b 02 00 00 00 "

static void a_tcp_tower_is_taken_apart(void **state)
{
    (void)state;
    struct octets o = octets_from_hex(ECHO_ANSWERED);
    struct ndr_tower tower;
    assert_int_equal(o.size, 75);
    assert_int_equal(ndr_tower_parse(o.data, o.size, &tower), NDR_TOWER_OK);
    assert_true(ndr_syntax_id_equal(&tower.interface, &echo_interface));
    assert_true(ndr_syntax_id_equal(&tower.transfer, &ndr_syntax_id_20));
    assert_int_equal(tower.protseq, NDR_PROTSEQ_NCACN_IP_TCP);
    assert_int_equal(tower.protseq_key, 0x030000000009070b);
    assert_int_equal(tower.floors, 5);
    assert_int_equal(tower.floor[4].rhs_size, 4);
    assert_ptr_equal(tower.floor[4].rhs + 4, o.data + o.size);
    octets_free(o);
}

static void every_truncation_is_short_and_leaves_the_result_alone(void **state)
{
    (void)state;
    struct octets whole = octets_from_hex(ECHO_ANSWERED);
    for (uint32_t size = 0; size < whole.size; size++) {
        struct octets o = octets_copy(whole.data, size);
        struct ndr_tower tower = {.floors = 99};
        assert_int_equal(ndr_tower_parse(o.data, o.size, &tower), NDR_TOWER_SHORT);
        assert_int_equal(tower.floors, 99);
        octets_free(o);
    }
    octets_free(whole);
}

// Offsets of the ten length fields of the tower.
static void every_length_that_lies_upwards_is_caught(void **state)
{
    (void)state;
    static const unsigned lengths[] = {2, 23, 27, 48, 52, 55, 59, 62, 66, 69};
    static const uint16_t lies[] = {200, 0x7fff, 0x8000, 0xfffe, 0xffff};
    struct octets o = octets_from_hex(ECHO_ANSWERED);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof lies / sizeof *lies; j++) {
            struct octets lying = octets_copy(o.data, o.size);
            struct ndr_tower tower;
            memcpy(lying.data + lengths[i], &lies[j], 2);
            assert_int_equal(ndr_tower_parse(lying.data, lying.size, &tower), NDR_TOWER_SHORT);
            octets_free(lying);
        }
    octets_free(o);
}

static void no_length_at_all_makes_the_parser_read_outside(void **state)
{
    (void)state;
    static const unsigned lengths[] = {0, 2, 23, 27, 48, 52, 55, 59, 62, 66, 69};
    struct octets o = octets_from_hex(ECHO_ANSWERED);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (unsigned value = 0; value <= 0xffff; value += value < 100 ? 1 : 97) {
            struct ndr_tower tower;
            uint8_t saved[2] = {o.data[lengths[i]], o.data[lengths[i] + 1]};
            o.data[lengths[i]] = (uint8_t)value;
            o.data[lengths[i] + 1] = (uint8_t)(value >> 8);
            if (ndr_tower_parse(o.data, o.size, &tower) == NDR_TOWER_OK)
                for (unsigned f = 0; f < tower.floors; f++)
                    assert_true(tower.floor[f].rhs + tower.floor[f].rhs_size <= o.data + o.size);
            memcpy(o.data + lengths[i], saved, 2);
        }
    octets_free(o);
}

static void malformed_towers_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum ndr_tower_reason reason;
    } rows[] = {
        {"", NDR_TOWER_SHORT},
        {"05", NDR_TOWER_SHORT},
        {"00 00", NDR_TOWER_FEW_FLOORS},
        {"02 00 " UUID_FLOORS, NDR_TOWER_FEW_FLOORS},
        {"ff ff " UUID_FLOORS NCACN, NDR_TOWER_MANY_FLOORS},
        {"07 00 " UUID_FLOORS NCACN NCACN NCACN NCACN NCACN, NDR_TOWER_MANY_FLOORS},
        {"03 00 " UUID_FLOORS "00 00 00 00", NDR_TOWER_EMPTY_LHS},
        {"03 00 " NCACN NCACN NCACN, NDR_TOWER_BAD_UUID_FLOOR},
        {"03 00 " SYNTAX_FLOOR("0c", "02 00 00 00 ") NDR20_FLOOR NCACN, NDR_TOWER_BAD_UUID_FLOOR},
        {"03 00 " SYNTAX_FLOOR("0d", "00 00 ") NDR20_FLOOR NCACN, NDR_TOWER_BAD_UUID_FLOOR},
        {"03 00 " NDR20_FLOOR SYNTAX_FLOOR("0d", "01 00 00 ") NCACN, NDR_TOWER_BAD_UUID_FLOOR},
        {"04 00 " UUID_FLOORS NCACN, NDR_TOWER_SHORT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(parse_hex(rows[i].hex), rows[i].reason);
}

static void more_than_2000_octets_are_refused(void **state)
{
    (void)state;
    struct octets echo = octets_from_hex(ECHO_ANSWERED);
    uint8_t *octets = calloc(1, NDR_TOWER_MAX + 1);
    struct ndr_tower tower;
    memcpy(octets, echo.data, echo.size);
    assert_int_equal(ndr_tower_parse(octets, NDR_TOWER_MAX, &tower), NDR_TOWER_OK);
    assert_int_equal(ndr_tower_parse(octets, NDR_TOWER_MAX + 1, &tower), NDR_TOWER_TOO_LONG);
    free(octets);
    octets_free(echo);
}

static void odd_but_readable_towers_are_read(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "03 00 " UUID_FLOORS NCACN,
        "03 00 " UUID_FLOORS "01 00 0b 00 00",                                     // no minor
        "05 00 " UUID_FLOORS NCACN "01 00 07 02 00 00 87 01 00 09 03 00 61 62 00", // a name
        "05 00 " UUID_FLOORS NCACN "01 00 07 00 00 01 00 09 00 00",                // all empty
        "06 00 " UUID_FLOORS NCACN NCACN NCACN NCACN,                              // six
        "03 00 " UUID_FLOORS NCACN "de ad",                                        // more behind
        "04 00 " UUID_FLOORS "03 00 7f 01 02 02 00 00 00 " NCACN,                  // unknown
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(parse_hex(rows[i]), NDR_TOWER_OK);
}

static void sequences_are_known_by_their_floors(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum ndr_protseq protseq;
    } rows[] = {
        {"05 00 " UUID_FLOORS "01 00 0a 00 00 01 00 08 00 00 01 00 09 00 00",
         NDR_PROTSEQ_NCADG_IP_UDP},
        {"05 00 " UUID_FLOORS "01 00 0b 00 00 01 00 0f 00 00 01 00 11 00 00", NDR_PROTSEQ_NCACN_NP},
        {"05 00 " UUID_FLOORS "01 00 0b 00 00 01 00 1f 00 00 01 00 09 00 00",
         NDR_PROTSEQ_NCACN_HTTP},
        {"04 00 " UUID_FLOORS "01 00 0c 00 00 01 00 10 00 00", NDR_PROTSEQ_NCALRPC},
        {"04 00 " UUID_FLOORS "01 00 0b 00 00 01 00 20 00 00", NDR_PROTSEQ_NCACN_UNIX_STREAM},
        {"04 00 " UUID_FLOORS "01 00 0a 00 00 01 00 20 00 00", NDR_PROTSEQ_NCADG_UNIX_DGRAM},
        {"04 00 " UUID_FLOORS "01 00 0b 00 00 01 00 07 00 00", NDR_PROTSEQ_UNKNOWN},
        {"05 00 " UUID_FLOORS "01 00 0c 00 00 01 00 10 00 00 01 00 09 00 00", NDR_PROTSEQ_UNKNOWN},
        {"03 00 " UUID_FLOORS NCACN, NDR_PROTSEQ_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o = octets_from_hex(rows[i].hex);
        struct ndr_tower tower;
        assert_int_equal(ndr_tower_parse(o.data, o.size, &tower), NDR_TOWER_OK);
        assert_int_equal(tower.protseq, rows[i].protseq);
        octets_free(o);
    }
}

static void a_missing_floor_and_a_zero_identifier_differ_in_the_key(void **state)
{
    (void)state;
    struct octets three = octets_from_hex("03 00 " UUID_FLOORS NCACN);
    struct octets four = octets_from_hex("04 00 " UUID_FLOORS NCACN "01 00 00 00 00");
    struct ndr_tower a, b;
    assert_int_equal(ndr_tower_parse(three.data, three.size, &a), NDR_TOWER_OK);
    assert_int_equal(ndr_tower_parse(four.data, four.size, &b), NDR_TOWER_OK);
    assert_int_not_equal(a.protseq_key, b.protseq_key);
    octets_free(three);
    octets_free(four);
}

static void every_reason_has_a_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NDR_TOWER_REASON_COUNT; i++)
        assert_string_not_equal(ndr_tower_reason_text((enum ndr_tower_reason)i), "unknown reason");
    assert_string_equal(ndr_tower_reason_text(NDR_TOWER_REASON_COUNT), "unknown reason");
}

static void both_transfer_syntaxes_are_recognised(void **state)
{
    (void)state;
    enum ndr_syntax syntax;
    struct ndr_syntax_id other = ndr_syntax_id_20;
    other.minor = 1;
    assert_true(ndr_syntax_from_id(&ndr_syntax_id_20, &syntax));
    assert_int_equal(syntax, NDR_SYNTAX_20);
    assert_true(ndr_syntax_from_id(&ndr_syntax_id_64, &syntax));
    assert_int_equal(syntax, NDR_SYNTAX_64);
    assert_false(ndr_syntax_from_id(&other, &syntax));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_tower_is_taken_apart),
        cmocka_unit_test(every_truncation_is_short_and_leaves_the_result_alone),
        cmocka_unit_test(every_length_that_lies_upwards_is_caught),
        cmocka_unit_test(no_length_at_all_makes_the_parser_read_outside),
        cmocka_unit_test(malformed_towers_are_told_apart),
        cmocka_unit_test(more_than_2000_octets_are_refused),
        cmocka_unit_test(odd_but_readable_towers_are_read),
        cmocka_unit_test(sequences_are_known_by_their_floors),
        cmocka_unit_test(a_missing_floor_and_a_zero_identifier_differ_in_the_key),
        cmocka_unit_test(every_reason_has_a_text),
        cmocka_unit_test(both_transfer_syntaxes_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
