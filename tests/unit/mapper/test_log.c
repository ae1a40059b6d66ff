#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mapper/entry.h"
#include "mapper/log.h"

static struct mapper_entry entries[16];

static void append(struct mapper_log *log, unsigned first, unsigned count)
{
    struct mapper_op ops[16];
    for (unsigned i = 0; i < count; i++)
        ops[i] = (struct mapper_op){MAPPER_OP_PUT, &entries[first + i], NULL};
    mapper_log_append(log, ops, count);
}

static void a_new_log_is_empty(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(8, 2);
    struct mapper_op op;
    assert_int_equal(mapper_log_room(log), 8);
    assert_int_equal(mapper_log_head(log), 0);
    assert_int_equal(mapper_log_applied(log), 0);
    assert_int_equal(mapper_log_read(log, 1, &op, 1), 0);
    mapper_log_destroy(log);
}

static void every_reader_sees_every_operation_in_order(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(8, 2);
    append(log, 0, 5);
    for (unsigned reader = 0; reader < 2; reader++)
        for (unsigned i = 0; i < 5; i++) {
            struct mapper_op op;
            assert_int_equal(mapper_log_read(log, reader, &op, 1), 1);
            assert_ptr_equal(op.entry, &entries[i]);
            mapper_log_done(log, reader, 1);
            assert_int_equal(mapper_log_position(log, reader), i + 1);
        }
    mapper_log_destroy(log);
}

static void reading_without_done_reads_the_same_again(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(8, 1);
    struct mapper_op ops[8];
    append(log, 0, 3);
    assert_int_equal(mapper_log_read(log, 0, ops, 8), 3);
    assert_int_equal(mapper_log_read(log, 0, ops, 8), 3);
    assert_ptr_equal(ops[0].entry, &entries[0]);
    mapper_log_destroy(log);
}

static void the_slowest_reader_decides_room_and_what_is_applied(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(8, 2);
    append(log, 0, 6);
    mapper_log_done(log, 0, 6);
    mapper_log_done(log, 1, 2);
    assert_int_equal(mapper_log_applied(log), 2);
    assert_int_equal(mapper_log_room(log), 4);
    mapper_log_done(log, 1, 4);
    assert_int_equal(mapper_log_applied(log), 6);
    assert_int_equal(mapper_log_room(log), 8);
    mapper_log_destroy(log);
}

static void a_log_without_readers_is_always_applied(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(4, 0);
    append(log, 0, 4);
    assert_int_equal(mapper_log_applied(log), 4);
    assert_int_equal(mapper_log_room(log), 4);
    mapper_log_destroy(log);
}

static void operations_keep_their_order_across_the_end_of_the_ring(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(8, 1);
    struct mapper_op ops[8];
    for (unsigned round = 0; round < 20; round++) {
        append(log, round % 8, 5);
        assert_int_equal(mapper_log_read(log, 0, ops, 8), 5);
        for (unsigned i = 0; i < 5; i++)
            assert_ptr_equal(ops[i].entry, &entries[round % 8 + i]);
        mapper_log_done(log, 0, 5);
    }
    mapper_log_destroy(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_log_is_empty),
        cmocka_unit_test(every_reader_sees_every_operation_in_order),
        cmocka_unit_test(reading_without_done_reads_the_same_again),
        cmocka_unit_test(the_slowest_reader_decides_room_and_what_is_applied),
        cmocka_unit_test(a_log_without_readers_is_always_applied),
        cmocka_unit_test(operations_keep_their_order_across_the_end_of_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
