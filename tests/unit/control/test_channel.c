#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/channel.h"

// The lanes carry pointers and never look behind them.
static int marks[8];

static struct mapper_change *change(unsigned i)
{
    return (struct mapper_change *)(void *)&marks[i];
}

static int make_channel(void **state)
{
    *state = control_channel_create(3);
    return *state == NULL;
}

static int drop_channel(void **state)
{
    control_channel_destroy(*state);
    return 0;
}

static bool is_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, 0) == 1;
}

static void changes_arrive_in_order(void **state)
{
    struct mapper_change *taken[8];
    assert_true(control_channel_submit(*state, change(0)));
    assert_true(control_channel_submit(*state, change(1)));
    assert_int_equal(control_channel_take(*state, taken, 8), 2);
    assert_ptr_equal(taken[0], change(0));
    assert_ptr_equal(taken[1], change(1));
    assert_int_equal(control_channel_take(*state, taken, 8), 0);
}

static void a_submit_wakes_the_control_thread(void **state)
{
    assert_false(is_readable(control_channel_wake_fd(*state)));
    assert_true(control_channel_submit(*state, change(0)));
    assert_true(is_readable(control_channel_wake_fd(*state)));
}

static void done_changes_come_back_in_order(void **state)
{
    struct mapper_change *taken[8];
    control_channel_submit(*state, change(0));
    control_channel_submit(*state, change(1));
    control_channel_take(*state, taken, 8);
    assert_int_equal(control_channel_take_done(*state, taken, 8), 0);
    control_channel_done(*state, change(1));
    control_channel_done(*state, change(0));
    assert_int_equal(control_channel_take_done(*state, taken, 1), 1);
    assert_ptr_equal(taken[0], change(1));
    assert_int_equal(control_channel_take_done(*state, taken, 8), 1);
    assert_ptr_equal(taken[0], change(0));
}

static void room_counts_changes_until_they_are_back(void **state)
{
    struct mapper_change *taken[8];
    for (unsigned i = 0; i < 3; i++)
        assert_true(control_channel_submit(*state, change(i)));
    assert_false(control_channel_submit(*state, change(3)));
    assert_int_equal(control_channel_take(*state, taken, 8), 3);
    assert_false(control_channel_submit(*state, change(3)));
    for (unsigned i = 0; i < 3; i++)
        control_channel_done(*state, change(i));
    assert_false(control_channel_submit(*state, change(3)));
    assert_int_equal(control_channel_take_done(*state, taken, 8), 3);
    assert_true(control_channel_submit(*state, change(3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_arrive_in_order, make_channel, drop_channel),
        cmocka_unit_test_setup_teardown(a_submit_wakes_the_control_thread, make_channel,
                                        drop_channel),
        cmocka_unit_test_setup_teardown(done_changes_come_back_in_order, make_channel,
                                        drop_channel),
        cmocka_unit_test_setup_teardown(room_counts_changes_until_they_are_back, make_channel,
                                        drop_channel),
    };
    return cmocka_run_group_tests_name("control_channel", tests, NULL, NULL);
}
