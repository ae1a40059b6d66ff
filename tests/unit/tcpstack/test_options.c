#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcpstack/tcp_options.h"

// The bytes in a heap block of exactly their size: a sanitizer sees every step beyond.
static bool parse(const uint8_t *bytes, uint16_t size, struct tcp_options *ret_options)
{
    uint8_t *block = malloc(size == 0 ? 1 : size);
    if (size != 0)
        memcpy(block, bytes, size);
    bool sound = tcp_options_parse(size == 0 ? NULL : block, size, ret_options);
    free(block);
    return sound;
}

static void the_options_of_a_usual_syn_are_read(void **state)
{
    (void)state;
    static const uint8_t usual[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                    0, 1, 0,    0,    0, 0, 1, 3,  3, 7};
    struct tcp_options options;
    assert_true(parse(usual, sizeof usual, &options));
    assert_int_equal(options.mss, 1460);
    assert_true(options.has_scale);
    assert_int_equal(options.scale, 7);
    assert_true(options.may_sack);
    assert_true(options.has_timestamps);
    assert_int_equal(options.timestamp, 1);
    assert_int_equal(options.timestamp_echo, 0);
}

static void no_options_give_defaults(void **state)
{
    (void)state;
    struct tcp_options options;
    assert_true(parse(NULL, 0, &options));
    assert_int_equal(options.mss, 0);
    assert_false(options.has_scale);
    assert_false(options.has_timestamps);
    assert_false(options.may_sack);
    assert_int_equal(options.sack_count, 0);
}

static void timestamps_are_read_wherever_they_stand(void **state)
{
    (void)state;
    static const uint8_t usual[] = {1, 1, 8, 10, 0x80, 1, 2, 3, 0xff, 5, 6, 7};
    static const uint8_t unusual[] = {8, 10, 0x80, 1, 2, 3, 0xff, 5, 6, 7, 1, 0};
    const uint8_t *rows[] = {usual, unusual};
    for (size_t i = 0; i < 2; i++) {
        struct tcp_options options;
        assert_true(parse(rows[i], 12, &options));
        assert_true(options.has_timestamps);
        assert_int_equal(options.timestamp, 0x80010203);
        assert_int_equal(options.timestamp_echo, 0xff050607);
    }
}

static void up_to_four_sack_blocks_are_read(void **state)
{
    (void)state;
    for (unsigned count = 0; count <= 4; count++) {
        uint8_t bytes[2 + 4 * 8] = {5, (uint8_t)(2 + 8 * count)};
        for (unsigned i = 0; i < 4; i++) {
            bytes[2 + 8 * i] = (uint8_t)(i + 1);
            bytes[9 + 8 * i] = (uint8_t)(i + 10);
        }
        struct tcp_options options;
        bool sound = parse(bytes, (uint16_t)(2 + 8 * count), &options);
        assert_int_equal(sound, count != 0); // an option that says nothing is malformed
        if (!sound)
            continue;
        assert_int_equal(options.sack_count, count);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(options.sack[i].begin, (i + 1) << 24);
            assert_int_equal(options.sack[i].end, i + 10);
        }
    }
}

static void nothing_is_read_after_the_end_of_the_list(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 0, 2, 0, 0xff, 0xff};
    struct tcp_options options;
    assert_true(parse(bytes, sizeof bytes, &options));
    assert_int_equal(options.mss, 0);
}

static void a_shift_above_14_is_read_as_14(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {3, 3, 255};
    struct tcp_options options;
    assert_true(parse(bytes, sizeof bytes, &options));
    assert_int_equal(options.scale, 14);
}

static void a_refusal_leaves_the_result_alone(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {2, 4, 5, 0xb4, 9, 0};
    struct tcp_options options = {.mss = 77};
    assert_false(parse(bytes, sizeof bytes, &options));
    assert_int_equal(options.mss, 77);
}

static void every_truncation_is_refused_or_read_to_its_end(void **state)
{
    (void)state;
    static const uint8_t usual[] = {2, 4, 0x05, 0xb4, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
    static const uint8_t whole[] = {0, 4, 7, 9, 19}; // where an option ends
    for (uint16_t size = 0; size <= sizeof usual; size++) {
        struct tcp_options options;
        bool at_end = memchr(whole, size, sizeof whole) != NULL;
        assert_int_equal(parse(usual, size, &options), at_end);
        if (at_end)
            assert_int_equal(options.mss, size >= 4 ? 1460 : 0);
    }
}

static void every_single_byte_is_sound_only_when_it_ends_or_pads(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        uint8_t byte = (uint8_t)kind;
        struct tcp_options options;
        assert_int_equal(parse(&byte, 1, &options), kind <= 1);
    }
}

// The rule, written again: an unknown option needs a length from 2 to what is left, a known one
// its own.
static bool length_is_the_kinds(unsigned kind, unsigned length)
{
    switch (kind) {
    case 2:
        return length == 4;
    case 3:
        return length == 3;
    case 4:
        return length == 2;
    case 5:
        return length == 10 || length == 18 || length == 26 || length == 34;
    case 8:
        return length == 10;
    default:
        return length >= 2;
    }
}

static bool two_bytes_are_sound(unsigned kind, unsigned length)
{
    if (kind == 0)
        return true;
    if (kind == 1)
        return length <= 1;
    return length == 2 && length_is_the_kinds(kind, length);
}

static void every_pair_of_bytes_is_judged_by_its_length(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t bytes[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        struct tcp_options options;
        assert_int_equal(parse(bytes, 2, &options), two_bytes_are_sound(bytes[0], bytes[1]));
    }
}

static void every_kind_and_length_in_a_full_header_ends(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t bytes[TCP_OPTIONS_MAX] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        struct tcp_options options;
        bool fits = bytes[1] >= 2 && bytes[1] <= sizeof bytes;
        bool own = length_is_the_kinds(bytes[0], bytes[1]);
        if (bytes[0] >= 2)
            assert_int_equal(parse(bytes, sizeof bytes, &options), fits && own);
    }
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 32; set++) { // every choice of options of a SYN and an ACK
        uint8_t bytes[TCP_OPTIONS_MAX];
        struct tcp_options back, options = {
                                     .mss = set & 1 ? 1234 : 0,
                                     .has_scale = set & 2,
                                     .scale = set & 2 ? 9 : 0,
                                     .may_sack = set & 4,
                                     .has_timestamps = set & 8,
                                     .timestamp = set & 8 ? 0xfffffffe : 0,
                                     .timestamp_echo = set & 8 ? 77 : 0,
                                 };
        if (set & 16) {
            options.sack_count = 2;
            options.sack[0] = (struct tcp_sack_block){0xffffff00, 100};
            options.sack[1] = (struct tcp_sack_block){300, 400};
        }
        uint8_t size = tcp_options_write(&options, bytes);
        assert_int_equal(size % 4, 0);
        assert_in_range(size, 0, TCP_OPTIONS_MAX);
        assert_true(parse(bytes, size, &back));
        assert_memory_equal(&back, &options, sizeof back);
    }
}

static void blocks_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
        uint8_t bytes[TCP_OPTIONS_MAX];
        struct tcp_options back, options = {.has_timestamps = timestamps, .sack_count = 4};
        uint8_t size = tcp_options_write(&options, bytes);
        assert_true(parse(bytes, size, &back));
        assert_int_equal(back.sack_count, timestamps ? 3 : 4); // RFC 2018 3
        assert_int_equal(size, timestamps ? 40 : 36);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_options_of_a_usual_syn_are_read),
        cmocka_unit_test(no_options_give_defaults),
        cmocka_unit_test(timestamps_are_read_wherever_they_stand),
        cmocka_unit_test(up_to_four_sack_blocks_are_read),
        cmocka_unit_test(nothing_is_read_after_the_end_of_the_list),
        cmocka_unit_test(a_shift_above_14_is_read_as_14),
        cmocka_unit_test(a_refusal_leaves_the_result_alone),
        cmocka_unit_test(every_truncation_is_refused_or_read_to_its_end),
        cmocka_unit_test(every_single_byte_is_sound_only_when_it_ends_or_pads),
        cmocka_unit_test(every_pair_of_bytes_is_judged_by_its_length),
        cmocka_unit_test(every_kind_and_length_in_a_full_header_ends),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(blocks_that_do_not_fit_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
