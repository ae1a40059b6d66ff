#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcpstack/wheel.h"

enum { TICK = 1 << WHEEL_TICK_SHIFT };

struct alarm {
    struct tcpstack_timer timer; // first: the wheel's pointer is ours
    uint64_t when, fired_at;
    unsigned fired;
};

static uint64_t clock_now;
static struct tcpstack_wheel wheel;

static int setup(void **state)
{
    (void)state;
    clock_now = 123456789;
    tcpstack_wheel_init(&wheel, clock_now);
    return 0;
}

static void fire(struct tcpstack_timer *timer, void *user)
{
    struct alarm *alarm = (struct alarm *)timer;
    (void)user;
    alarm->fired++;
    alarm->fired_at = clock_now;
}

static void run_to(uint64_t time)
{
    clock_now = time;
    tcpstack_wheel_run(&wheel, time, fire, NULL);
}

static void arm(struct alarm *alarm, uint64_t after)
{
    alarm->when = clock_now + after;
    tcpstack_wheel_arm(&wheel, &alarm->timer, alarm->when);
}

static void an_empty_wheel_has_no_next_time(void **state)
{
    (void)state;
    assert_int_equal(tcpstack_wheel_next(&wheel), WHEEL_NEVER);
    struct alarm alarm = {0};
    arm(&alarm, 1000000);
    assert_int_not_equal(tcpstack_wheel_next(&wheel), WHEEL_NEVER);
    tcpstack_wheel_cancel(&wheel, &alarm.timer);
    assert_int_equal(tcpstack_wheel_next(&wheel), WHEEL_NEVER);
}

static void a_timer_fires_once_and_never_early(void **state)
{
    (void)state;
    static const uint64_t delays[] = {
        0,           1,           TICK,     63 * TICK, 64 * TICK,         65 * TICK,        200000,
        4095 * TICK, 4096 * TICK, 60000000, 1u << 31,  UINT64_C(1) << 40, UINT64_C(1) << 50};
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        struct alarm alarm = {0};
        arm(&alarm, delays[i]);
        while (alarm.fired == 0) {
            uint64_t next = tcpstack_wheel_next(&wheel);
            assert_true(next <= alarm.when + TICK);
            run_to(next > clock_now ? next : clock_now);
        }
        assert_true(alarm.fired_at >= alarm.when);
        assert_true(alarm.fired_at <= alarm.when + TICK || delays[i] < TICK);
        run_to(clock_now + 10 * TICK);
        assert_int_equal(alarm.fired, 1);
    }
}

static void arming_again_moves_the_timer(void **state)
{
    (void)state;
    struct alarm alarm = {0};
    arm(&alarm, 50 * TICK);
    arm(&alarm, 500 * TICK);
    run_to(clock_now + 100 * TICK);
    assert_int_equal(alarm.fired, 0);
    arm(&alarm, 2 * TICK);
    run_to(clock_now + 3 * TICK);
    assert_int_equal(alarm.fired, 1);
}

static void one_long_step_fires_everything_that_is_due(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static struct alarm alarms[COUNT];
    srand(7);
    for (unsigned i = 0; i < COUNT; i++)
        arm(&alarms[i], (uint64_t)rand() % 100000000);
    run_to(clock_now + 50000000);
    for (unsigned i = 0; i < COUNT; i++) {
        if (alarms[i].when > clock_now)
            assert_int_equal(alarms[i].fired, 0);
        else if (alarms[i].when + TICK <= clock_now)
            assert_int_equal(alarms[i].fired, 1);
    }
    for (unsigned i = 0; i < COUNT; i += 2)
        tcpstack_wheel_cancel(&wheel, &alarms[i].timer);
    run_to(clock_now + 60000000);
    for (unsigned i = 1; i < COUNT; i += 2)
        assert_int_equal(alarms[i].fired, 1);
    assert_int_equal(tcpstack_wheel_next(&wheel), WHEEL_NEVER);
}

// Each is moved twice before it fires, over a span of 12 days: every level that matters is used.
static void a_million_timers_fire_once_and_on_time(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    const uint64_t span = UINT64_C(1) << 40;
    struct alarm *alarms = calloc(COUNT, sizeof *alarms);
    srand(11);
    for (unsigned move = 0; move < 3; move++) {
        for (unsigned i = 0; i < COUNT; i++)
            arm(&alarms[i], ((uint64_t)rand() << 10 ^ (uint64_t)rand()) % span);
    }
    unsigned fired = 0;
    while (tcpstack_wheel_next(&wheel) != WHEEL_NEVER)
        run_to(clock_now + span / 1000);
    for (unsigned i = 0; i < COUNT; i++)
        fired += alarms[i].fired == 1 && alarms[i].fired_at >= alarms[i].when &&
                 alarms[i].fired_at <= alarms[i].when + span / 1000 + TICK;
    assert_int_equal(fired, COUNT);
    free(alarms);
}

static void arm_itself_again(struct tcpstack_timer *timer, void *user)
{
    unsigned *count = user;
    if (++*count < 5)
        tcpstack_wheel_arm(&wheel, timer, clock_now);
}

static void a_timer_armed_for_the_past_waits_for_the_next_tick(void **state)
{
    (void)state;
    struct tcpstack_timer timer = {0};
    unsigned count = 0;
    tcpstack_wheel_arm(&wheel, &timer, 0);
    clock_now += TICK;
    tcpstack_wheel_run(&wheel, clock_now, arm_itself_again, &count);
    assert_int_equal(count, 1);
    clock_now += 10 * TICK;
    tcpstack_wheel_run(&wheel, clock_now, arm_itself_again, &count);
    assert_in_range(count, 2, 5);
    tcpstack_wheel_cancel(&wheel, &timer);
}

static struct alarm *victim;

static void cancel_the_victim(struct tcpstack_timer *timer, void *user)
{
    (void)user;
    ((struct alarm *)timer)->fired++;
    tcpstack_wheel_cancel(&wheel, &victim->timer);
}

static void a_timer_may_cancel_another_that_is_due_too(void **state)
{
    (void)state;
    struct alarm first = {0}, second = {0};
    arm(&first, 5 * TICK);
    arm(&second, 5 * TICK);
    victim = &second;
    tcpstack_wheel_run(&wheel, clock_now + 10 * TICK, cancel_the_victim, NULL);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_wheel_has_no_next_time, setup),
        cmocka_unit_test_setup(a_timer_fires_once_and_never_early, setup),
        cmocka_unit_test_setup(arming_again_moves_the_timer, setup),
        cmocka_unit_test_setup(one_long_step_fires_everything_that_is_due, setup),
        cmocka_unit_test_setup(a_million_timers_fire_once_and_on_time, setup),
        cmocka_unit_test_setup(a_timer_armed_for_the_past_waits_for_the_next_tick, setup),
        cmocka_unit_test_setup(a_timer_may_cancel_another_that_is_due_too, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
