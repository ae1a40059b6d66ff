#include <pthread.h>
#include <stdatomic.h>

#include "harness.h"
#include "rpc/group.h"

enum { CLIENT = 0x1234, OTHER_CLIENT = 0x4321 };

static void an_id_is_never_zero_and_never_twice_in_a_row(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(1, 1);
    uint32_t before = 0;
    for (unsigned i = 0; i < 100; i++) {
        uint32_t id = rpc_group_new(groups, 0, CLIENT);
        assert_int_not_equal(id, 0);
        assert_int_not_equal(id, before);
        rpc_group_leave(groups, id);
        before = id;
    }
    rpc_groups_destroy(groups);
}

static void every_worker_has_its_own_share(void **state)
{
    (void)state;
    static const struct {
        uint32_t capacity;
        unsigned workers;
    } rows[] = {{1, 1}, {1, 3}, {4, 4}, {30, 3}, {64, 5}, {1000, 7}};
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct rpc_groups *groups = rpc_groups_create(rows[i].capacity, rows[i].workers);
        unsigned total = 0;
        for (unsigned w = 0; w < rows[i].workers; w++) {
            unsigned mine = 0;
            while (rpc_group_new(groups, w, CLIENT))
                mine++;
            assert_true(mine >= rows[i].capacity / rows[i].workers && mine >= 1);
            total += mine;
        }
        assert_true(total >= rows[i].capacity);
        rpc_groups_destroy(groups);
    }
}

static void a_group_is_joined_by_its_client_only(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(8, 1);
    uint32_t id = rpc_group_new(groups, 0, CLIENT);
    assert_false(rpc_group_join(groups, id, OTHER_CLIENT));
    assert_true(rpc_group_join(groups, id, CLIENT));
    rpc_group_leave(groups, id);
    rpc_group_leave(groups, id);
    assert_false(rpc_group_join(groups, id, CLIENT)); // its last connection left
    rpc_groups_destroy(groups);
}

static void a_group_that_never_was_is_not_joined(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(8, 1);
    for (uint32_t id = 0; id < 32; id++)
        assert_false(rpc_group_join(groups, id, 0));
    rpc_groups_destroy(groups);
}

// However the groups that live lie among those that ended.
static void no_group_is_refused_while_one_is_left(void **state)
{
    (void)state;
    enum { LINES = 1024 };
    struct rpc_groups *groups = rpc_groups_create(LINES, 1);
    uint32_t ids[LINES];
    for (unsigned i = 0; i < LINES; i++)
        assert_int_not_equal(ids[i] = rpc_group_new(groups, 0, CLIENT), 0);
    assert_int_equal(rpc_group_new(groups, 0, CLIENT), 0);
    for (unsigned i = 0; i < LINES; i += 97) {
        rpc_group_leave(groups, ids[i]);
        assert_int_not_equal(rpc_group_new(groups, 0, CLIENT), 0);
        assert_int_equal(rpc_group_new(groups, 0, CLIENT), 0);
    }
    rpc_groups_destroy(groups);
}

static void a_group_that_ends_on_another_worker_goes_back_to_its_maker(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(2, 2);
    uint32_t id = rpc_group_new(groups, 1, CLIENT);
    assert_int_equal(rpc_group_new(groups, 1, CLIENT), 0);
    rpc_group_leave(groups, id); // leaving names no worker
    assert_int_not_equal(rpc_group_new(groups, 1, CLIENT), 0);
    assert_int_not_equal(rpc_group_new(groups, 0, CLIENT), 0);
    assert_int_equal(rpc_group_new(groups, 0, CLIENT), 0);
    rpc_groups_destroy(groups);
}

static void a_cursor_lives_from_open_to_close(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(1, 1);
    uint32_t id = rpc_group_new(groups, 0, CLIENT), epoch, next_epoch;
    unsigned index = rpc_group_cursor_open(groups, id, &epoch);
    assert_in_range(index, 0, RPC_GROUP_CURSORS - 1);
    assert_int_not_equal(epoch, 0);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, index), epoch);
    rpc_group_cursor_close(groups, id, index, epoch);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, index), 0);
    for (unsigned i = 0; i < RPC_GROUP_CURSORS; i++) {
        if (rpc_group_cursor_open(groups, id, &next_epoch) == index)
            break;
    }
    assert_int_not_equal(next_epoch, epoch);
    rpc_group_cursor_close(groups, id, index, epoch); // closed already: nothing happens
    assert_int_equal(rpc_group_cursor_epoch(groups, id, index), next_epoch);
    rpc_groups_destroy(groups);
}

static void the_oldest_cursor_gives_way_when_all_are_live(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(1, 1);
    uint32_t id = rpc_group_new(groups, 0, CLIENT), first_epoch, epoch;
    unsigned first = rpc_group_cursor_open(groups, id, &first_epoch);
    for (unsigned i = 1; i < RPC_GROUP_CURSORS; i++)
        assert_int_not_equal(rpc_group_cursor_open(groups, id, &epoch), first);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, first), first_epoch);
    assert_int_equal(rpc_group_cursor_open(groups, id, &epoch), first);
    assert_int_not_equal(epoch, first_epoch);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, first), epoch);
    rpc_groups_destroy(groups);
}

static void a_cursor_index_out_of_range_is_not_live(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(1, 1);
    uint32_t id = rpc_group_new(groups, 0, CLIENT), epoch;
    for (unsigned i = 0; i < RPC_GROUP_CURSORS; i++)
        rpc_group_cursor_open(groups, id, &epoch);
    assert_int_not_equal(rpc_group_cursor_epoch(groups, id, RPC_GROUP_CURSORS - 1), 0);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, RPC_GROUP_CURSORS), 0);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, 255), 0);
    rpc_groups_destroy(groups);
}

static void cursors_die_with_their_group(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(1, 1);
    uint32_t id = rpc_group_new(groups, 0, CLIENT), epoch;
    for (unsigned i = 0; i < RPC_GROUP_CURSORS; i++)
        assert_int_equal(rpc_group_cursor_open(groups, id, &epoch), i);
    rpc_group_leave(groups, id);
    id = rpc_group_new(groups, 0, CLIENT);
    for (unsigned i = 0; i < RPC_GROUP_CURSORS; i++)
        assert_int_equal(rpc_group_cursor_epoch(groups, id, i), 0);
    rpc_groups_destroy(groups);
}

static void a_lower_limit_of_cursors_is_kept(void **state)
{
    (void)state;
    struct rpc_groups *groups = rpc_groups_create(1, 1);
    rpc_groups_limit_cursors(groups, 2);
    uint32_t id = rpc_group_new(groups, 0, CLIENT), first, second, third;
    assert_int_equal(rpc_group_cursor_open(groups, id, &first), 0);
    assert_int_equal(rpc_group_cursor_open(groups, id, &second), 1);
    assert_int_equal(rpc_group_cursor_open(groups, id, &third), 0);
    assert_int_not_equal(rpc_group_cursor_epoch(groups, id, 0), first);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, 0), third);
    assert_int_equal(rpc_group_cursor_epoch(groups, id, 1), second);
    rpc_groups_destroy(groups);
}

// ---- several workers at once

enum { WORKERS = 4, ROUNDS = 20000, SHARED = 4 };

struct stress {
    struct rpc_groups *groups;
    _Atomic uint32_t shared[SHARED]; // ids that others may join: live, ended or 0
    _Atomic unsigned faults;
};

struct worker {
    struct stress *stress;
    unsigned index;
    uint32_t random;
};

static uint32_t draw(struct worker *w)
{
    w->random = w->random * 1664525 + 1013904223;
    return w->random >> 16;
}

// Fewer members than cursors, so none gives way: a member's cursor is its own until it closes it.
static void use_cursor(struct worker *w, uint32_t id)
{
    struct rpc_groups *groups = w->stress->groups;
    uint32_t epoch;
    unsigned index = rpc_group_cursor_open(groups, id, &epoch);
    if (rpc_group_cursor_epoch(groups, id, index) != epoch)
        atomic_fetch_add(&w->stress->faults, 1);
    rpc_group_cursor_close(groups, id, index, epoch);
    if (rpc_group_cursor_epoch(groups, id, index) == epoch)
        atomic_fetch_add(&w->stress->faults, 1);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct stress *s = w->stress;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned row = draw(w) % SHARED;
        uint32_t id = atomic_load(&s->shared[row]);
        if (id && rpc_group_join(s->groups, id, row + 1)) {
            use_cursor(w, id);
            rpc_group_leave(s->groups, id);
        }
        if (id && rpc_group_join(s->groups, id, row + 100)) // another client
            atomic_fetch_add(&s->faults, 1);
        if (draw(w) % 4)
            continue;
        id = rpc_group_new(s->groups, w->index, row + 1);
        if (!id) {
            atomic_fetch_add(&s->faults, 1); // more lines than members at any time
            continue;
        }
        atomic_store(&s->shared[row], id);
        use_cursor(w, id);
        rpc_group_leave(s->groups, id);
    }
    return NULL;
}

static void workers_make_join_and_leave_groups_at_once(void **state)
{
    (void)state;
    struct stress stress = {.groups = rpc_groups_create(8 * WORKERS, WORKERS)};
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){&stress, i, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(stress.faults, 0);
    for (unsigned i = 0; i < SHARED; i++) // nobody is left in them
        assert_false(rpc_group_join(stress.groups, stress.shared[i], i + 1));
    for (unsigned w = 0; w < WORKERS; w++) { // and every line is back
        for (unsigned i = 0; i < 8; i++)
            assert_int_not_equal(rpc_group_new(stress.groups, w, 1), 0);
    }
    rpc_groups_destroy(stress.groups);
}

// All close the same cursor; it is closed once, and a new life of it stays.
static void *close_again(void *arg)
{
    struct worker *w = arg;
    struct stress *s = w->stress;
    uint32_t id = atomic_load(&s->shared[0]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t epoch = rpc_group_cursor_epoch(s->groups, id, 0);
        if (epoch)
            rpc_group_cursor_close(s->groups, id, 0, epoch);
        unsigned index = rpc_group_cursor_open(s->groups, id, &epoch);
        if (index > 0)
            rpc_group_cursor_close(s->groups, id, index, epoch);
    }
    return NULL;
}

static void workers_that_close_the_same_cursor_close_it_once(void **state)
{
    (void)state;
    struct stress stress = {.groups = rpc_groups_create(1, 1)};
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    uint32_t id = rpc_group_new(stress.groups, 0, CLIENT);
    stress.shared[0] = id;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){&stress, i, i};
        assert_int_equal(pthread_create(&threads[i], NULL, close_again, &workers[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    // Cursors other than the first were closed by those who opened them.
    for (unsigned i = 1; i < RPC_GROUP_CURSORS; i++)
        assert_int_equal(rpc_group_cursor_epoch(stress.groups, id, i), 0);
    rpc_groups_destroy(stress.groups);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_id_is_never_zero_and_never_twice_in_a_row),
        TEST(every_worker_has_its_own_share),
        TEST(a_group_is_joined_by_its_client_only),
        TEST(a_group_that_never_was_is_not_joined),
        TEST(no_group_is_refused_while_one_is_left),
        TEST(a_group_that_ends_on_another_worker_goes_back_to_its_maker),
        TEST(a_cursor_lives_from_open_to_close),
        TEST(the_oldest_cursor_gives_way_when_all_are_live),
        TEST(a_cursor_index_out_of_range_is_not_live),
        TEST(cursors_die_with_their_group),
        TEST(a_lower_limit_of_cursors_is_kept),
        TEST(workers_make_join_and_leave_groups_at_once),
        TEST(workers_that_close_the_same_cursor_close_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
