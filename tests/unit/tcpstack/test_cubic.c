// CUBIC's arithmetic against values worked out from RFC 9438 by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcpstack/tcp_cc.h"

enum { MSS = 1000 };

static const struct tcp_cc_ops *cubic = &tcp_cc_cubic;

static void the_cube_root_is_exact(void **state)
{
    (void)state;
    static const uint64_t roots[] = {0, 1, 2, 3, 10, 4217, 65535, 65536, 1000000, 2097150};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        uint64_t root = roots[i], cube = root * root * root;
        assert_int_equal(tcp_cube_root(cube), root);
        if (root > 1)
            assert_int_equal(tcp_cube_root(cube - 1), root - 1);
        if (root > 0)
            assert_int_equal(tcp_cube_root(cube + 1), root);
    }
    assert_int_equal(tcp_cube_root(INT64_MAX), 2097151);
}

// A loss at 100 segments: cut to 70, K = cbrt(100 * 0.3 / 0.4) = 4.217 s.
static struct tcp_cc after_a_loss(uint64_t now, uint32_t rtt)
{
    struct tcp_cc cc = {.window = 100 * MSS};
    struct tcp_cc_path path = {now, MSS, rtt};
    cc.threshold = cubic->threshold(&cc, 100 * MSS, &path);
    cc.window = cc.threshold;
    return cc;
}

static void a_loss_cuts_to_seven_tenths(void **state)
{
    (void)state;
    struct tcp_cc cc = after_a_loss(0, 100000);
    struct tcp_cc_path path = {0, MSS, 100000};
    assert_int_equal(cc.window, 70 * MSS);
    assert_int_equal(cc.w_max, 100 * MSS);
    // Fast convergence: a loss below w_max takes w_max to 0.85 of the window.
    cc.window = 80 * MSS;
    assert_int_equal(cubic->threshold(&cc, 80 * MSS, &path), 56 * MSS);
    assert_int_equal(cc.w_max, 68 * MSS);
    assert_int_equal(cubic->threshold(&cc, MSS, &path), 2 * MSS); // never below two segments
}

static void the_function_is_the_rfcs(void **state)
{
    (void)state;
    // W(t) = 0.4 (t - K)^3 + 100, in segments.
    static const struct {
        uint32_t time, bytes;
    } rows[] = {{0, 70003},     {1000, 86682},  {2000, 95641},
                {4217, 100000}, {5000, 100192}, {8434, 129996}};
    struct tcp_cc cc = after_a_loss(0, 100000);
    struct tcp_cc_path path = {5000000, MSS, 100000};
    cubic->grow(&cc, MSS, &path);
    assert_int_equal(cc.k, 4217);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_in_range(tcp_cubic_window(&cc, rows[i].time, MSS), rows[i].bytes - 2,
                        rows[i].bytes + 2);
}

// Whole windows are acknowledged once a round trip of 100 ms.
static void run(struct tcp_cc *cc, uint64_t *now, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t window = cc->window;
        for (uint32_t acked = 0; acked < window; acked += MSS) {
            struct tcp_cc_path path = {*now, MSS, 100000};
            cubic->grow(cc, MSS, &path);
        }
        *now += 100000;
    }
}

static void the_window_follows_the_function(void **state)
{
    (void)state;
    uint64_t now = 7000000;
    struct tcp_cc cc = after_a_loss(now, 100000);
    run(&cc, &now, 21); // 2.1 s: in the concave part
    assert_in_range(cc.window, 95 * MSS, 97 * MSS);
    run(&cc, &now, 21); // K
    assert_in_range(cc.window, 99 * MSS, 101 * MSS);
    run(&cc, &now, 42); // 2 K: as far above as it began below
    assert_in_range(cc.window, 128 * MSS, 134 * MSS);
}

// At 1 ms the function stands still for seconds, and Reno with 9/17 of a segment per window is
// faster: 10 segments cut to 7 are 7.5 after a window's worth.
static void in_the_friendly_region_it_grows_as_reno_does(void **state)
{
    (void)state;
    struct tcp_cc cc = {.window = 10 * MSS};
    struct tcp_cc_path path = {1000000, MSS, 1000};
    cc.window = cubic->threshold(&cc, 10 * MSS, &path);
    unsigned acks = 0;
    while (cc.window < 8 * MSS) {
        cubic->grow(&cc, MSS, &path);
        acks++;
    }
    assert_int_equal(acks, 14); // 7 * 17/9 = 13.2
    while (cc.window < 10 * MSS)
        cubic->grow(&cc, MSS, &path);
    for (acks = 0; cc.window < 11 * MSS; acks++)
        cubic->grow(&cc, MSS, &path);
    assert_in_range(acks, 9, 11); // beyond the window before the loss: a segment per window
}

static void the_window_grows_by_half_a_round_at_most(void **state)
{
    (void)state;
    uint64_t now = 7000000;
    struct tcp_cc cc = after_a_loss(now, 100000);
    run(&cc, &now, 1);
    now += 60000000; // the function is far away now
    uint32_t before = cc.window;
    struct tcp_cc_path path = {now, MSS, 100000};
    cubic->grow(&cc, before, &path);
    assert_int_equal(cc.window, before + before / 2);
}

static void without_a_loss_it_begins_at_its_own_window(void **state)
{
    (void)state;
    struct tcp_cc cc = {.window =
                            50 * MSS}; // slow start has ended, or a time-out has been repaired
    struct tcp_cc_path path = {1000000, MSS, 100000};
    cubic->grow(&cc, MSS, &path);
    assert_int_equal(cc.k, 0);
    assert_int_equal(cc.w_max, 50 * MSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cube_root_is_exact),
        cmocka_unit_test(a_loss_cuts_to_seven_tenths),
        cmocka_unit_test(the_function_is_the_rfcs),
        cmocka_unit_test(the_window_follows_the_function),
        cmocka_unit_test(in_the_friendly_region_it_grows_as_reno_does),
        cmocka_unit_test(the_window_grows_by_half_a_round_at_most),
        cmocka_unit_test(without_a_loss_it_begins_at_its_own_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
