// The table of object exporters: one writer, any number of readers.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "exporter/oxid_table.h"

static int setup(void **state)
{
    *state = oxid_table_create();
    return *state == NULL;
}

static int teardown(void **state)
{
    oxid_table_destroy(*state);
    return 0;
}

// An entry every word of which follows from `oxid` and `version`.
static struct exporter_oxid entry_of(uint64_t oxid, unsigned version)
{
    struct exporter_oxid entry = {.oxid = oxid, .authn_hint = version, .oid_count = 2};
    entry.oids[0] = oxid << 8;
    entry.oids[1] = oxid << 8 | 1;
    memset(&entry.ipid, (int)version & 0xff, sizeof entry.ipid);
    ndr_oxid_bindings_init(&entry.bindings);
    for (unsigned i = 0; i < 10; i++) {
        const char text[] = {(char)('a' + version % 26), (char)('a' + version % 26), '\0'};
        assert_true(ndr_oxid_bindings_add(&entry.bindings, 7, text));
    }
    return entry;
}

static enum oxid_table_result add(struct oxid_table *table, uint64_t oxid)
{
    const struct exporter_oxid entry = entry_of(oxid, 1);
    return oxid_table_add(table, &entry);
}

static void what_was_added_is_found(void **state)
{
    struct exporter_oxid found;
    const struct exporter_oxid want = entry_of(5, 1);
    assert_int_equal(add(*state, 5), OXID_TABLE_OK);
    assert_true(oxid_table_find(*state, 5, &found));
    assert_memory_equal(&found, &want, sizeof want);
    assert_true(oxid_table_has_oid(*state, 5 << 8 | 1));
    assert_false(oxid_table_find(*state, 6, &found));
    assert_false(oxid_table_has_oid(*state, 6 << 8));
}

static void an_entry_that_was_removed_is_gone_with_its_objects(void **state)
{
    struct exporter_oxid found;
    add(*state, 5);
    add(*state, 6);
    assert_int_equal(oxid_table_remove(*state, 5), OXID_TABLE_OK);
    assert_false(oxid_table_find(*state, 5, &found));
    assert_false(oxid_table_has_oid(*state, 5 << 8));
    assert_true(oxid_table_find(*state, 6, &found));
    assert_int_equal(oxid_table_remove(*state, 5), OXID_TABLE_UNKNOWN);
}

static void neither_zero_nor_all_ones_is_an_object(void **state)
{
    static const uint64_t bad[] = {0, UINT64_MAX};
    for (unsigned i = 0; i < 2; i++) {
        struct exporter_oxid entry = entry_of(5, 1);
        entry.oids[1] = bad[i];
        assert_int_equal(oxid_table_add(*state, &entry), OXID_TABLE_OID_TAKEN);
        assert_false(oxid_table_has_oid(*state, bad[i]));
    }
    struct exporter_oxid found;
    assert_false(oxid_table_find(*state, 0, &found));
    assert_int_equal(oxid_table_remove(*state, 0), OXID_TABLE_UNKNOWN);
}

static void what_is_there_is_not_added_again(void **state)
{
    add(*state, 5);
    assert_int_equal(add(*state, 5), OXID_TABLE_TAKEN);
    struct exporter_oxid other = entry_of(6, 1);
    other.oids[1] = 5 << 8;
    assert_int_equal(oxid_table_add(*state, &other), OXID_TABLE_OID_TAKEN);
    other.oids[1] = other.oids[0];
    assert_int_equal(oxid_table_add(*state, &other), OXID_TABLE_OID_TAKEN);
    assert_false(oxid_table_has_oid(*state, 6 << 8)); // nothing of it stayed
}

static void a_full_table_refuses_and_takes_again_after_a_removal(void **state)
{
    for (uint64_t oxid = 1; oxid <= EXPORTER_OXIDS_MAX; oxid++)
        assert_int_equal(add(*state, oxid), OXID_TABLE_OK);
    assert_int_equal(add(*state, 1000), OXID_TABLE_FULL);
    oxid_table_remove(*state, 7);
    assert_int_equal(add(*state, 1000), OXID_TABLE_OK);
    struct exporter_oxid found;
    unsigned rows = 0;
    for (unsigned i = 0; i < EXPORTER_OXIDS_MAX; i++)
        rows += oxid_table_row(*state, i, &found);
    assert_int_equal(rows, EXPORTER_OXIDS_MAX);
}

static void objects_are_found_however_often_others_come_and_go(void **state)
{
    for (uint64_t oxid = 1; oxid <= 100; oxid++)
        add(*state, oxid);
    for (uint64_t oxid = 1000; oxid < 6000; oxid++) {
        assert_int_equal(add(*state, oxid), OXID_TABLE_OK);
        assert_int_equal(oxid_table_remove(*state, oxid), OXID_TABLE_OK);
        assert_false(oxid_table_has_oid(*state, oxid << 8));
    }
    for (uint64_t oxid = 1; oxid <= 100; oxid++)
        assert_true(oxid_table_has_oid(*state, oxid << 8));
}

// ---- threads

struct reader {
    const struct oxid_table *table;
    bool stop; // atomic
    uint64_t found, torn;
};

static void *read_on(void *context)
{
    struct reader *reader = context;
    while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
        struct exporter_oxid found;
        if (!oxid_table_find(reader->table, 5, &found))
            continue;
        const struct exporter_oxid want = entry_of(5, found.authn_hint);
        reader->found++;
        reader->torn += memcmp(&found, &want, sizeof want) != 0;
    }
    return NULL;
}

static void a_reader_never_sees_half_an_entry(void **state)
{
    enum { CHANGES = 20000 };
    struct reader reader = {.table = *state};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
    for (unsigned version = 1; version <= CHANGES; version++) {
        const struct exporter_oxid entry = entry_of(5, version);
        assert_int_equal(oxid_table_add(*state, &entry), OXID_TABLE_OK);
        if (version < CHANGES)
            oxid_table_remove(*state, 5);
    }
    while (!__atomic_load_n(&reader.found, __ATOMIC_RELAXED))
        ;
    __atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_int_equal(reader.torn, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_added_is_found),
        TEST(an_entry_that_was_removed_is_gone_with_its_objects),
        TEST(neither_zero_nor_all_ones_is_an_object),
        TEST(what_is_there_is_not_added_again),
        TEST(a_full_table_refuses_and_takes_again_after_a_removal),
        TEST(objects_are_found_however_often_others_come_and_go),
        TEST(a_reader_never_sees_half_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
