#include "tests/unit/mapper/chart.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "control/store.h"
#include "control/store_record.h"

#define HERE "ncacn_ip_tcp:10.135.0.2[49153]"

enum { SLOTS = 4096, LOG = 8192 };

// A map and the store that it is recorded in.
struct harbour {
    char directory[64]; // gone with the test
    char state[80];
    struct chart chart;
    struct control_store *store;
};

static void make_room(void *context)
{
    mapper_replica_apply(((struct harbour *)context)->chart.replica);
}

static struct control_store *open_store(const struct harbour *h, uint64_t size_max)
{
    const struct control_store_options options = {
        .directory = h->state, .capacity = SLOTS, .size_max = size_max};
    return control_store_open(&options);
}

static void start_sized(struct harbour *h, uint64_t size_max)
{
    h->chart = chart_create(SLOTS, LOG, 1);
    h->store = open_store(h, size_max);
    assert_non_null(h->store);
    assert_true(control_store_load(h->store, h->chart.map, make_room, h));
    mapper_map_set_record(h->chart.map, control_store_record, h->store);
}

static void stop(struct harbour *h)
{
    control_store_close(h->store);
    chart_destroy(&h->chart);
    h->store = NULL;
}

// As after the end of the process.
static void restart(struct harbour *h)
{
    stop(h);
    start_sized(h, 0);
}

static int setup(void **state)
{
    struct harbour *h = calloc(1, sizeof *h);
    strcpy(h->directory, "/tmp/portolan-store-XXXXXX");
    if (mkdtemp(h->directory) == NULL)
        return -1;
    snprintf(h->state, sizeof h->state, "%s/state", h->directory);
    start_sized(h, 0);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"/state/data.mdb", "/state/lock.mdb", "/state", ""};
    struct harbour *h = *state;
    if (h->store != NULL)
        stop(h);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", h->directory, names[i]);
        remove(path);
    }
    free(h);
    return 0;
}

static void number(struct registration *r, uint32_t n)
{
    registration_fill(r, interface_number(n, 1, 0), n % 3, HERE);
    registration_annotate(r, "kept");
}

static uint32_t add(struct harbour *h, uint32_t n)
{
    struct registration r;
    number(&r, n);
    return insert(&h->chart, &r, false);
}

static uint32_t take_away(struct harbour *h, uint32_t n)
{
    struct registration r;
    number(&r, n);
    return mapper_map_delete(h->chart.map, &r.entry, 1);
}

static void a_new_directory_holds_nothing_and_is_for_its_group_only(void **state)
{
    struct harbour *h = *state;
    struct stat status;
    assert_int_equal(mapper_map_count(h->chart.map), 0);
    assert_int_equal(stat(h->state, &status), 0);
    assert_int_equal(status.st_mode & 07777 & ~0750, 0);
}

static void what_was_registered_is_there_again_as_it_was(void **state)
{
    struct harbour *h = *state;
    struct registration r;
    number(&r, 5);
    assert_int_equal(mapper_map_insert(h->chart.map, &r.entry, 1, false, MAPPER_ORIGIN_NETWORK), 0);
    assert_int_equal(add(h, 6), 0);
    restart(h);
    const struct mapper_entry *entry = mapper_map_at(h->chart.map, 0);
    assert_int_equal(mapper_map_count(h->chart.map), 2);
    assert_int_equal(entry->origin, MAPPER_ORIGIN_NETWORK);
    assert_true(base_uuid_equal(&entry->object, &r.entry.object));
    assert_int_equal(entry->annotation_size, 4);
    assert_memory_equal(entry->annotation, "kept", 4);
    assert_int_equal(entry->tower_size, r.entry.tower_size);
    assert_memory_equal(entry->tower, r.tower, r.entry.tower_size);
    assert_int_equal(mapper_map_at(h->chart.map, 1)->origin, MAPPER_ORIGIN_CONTROL);
    assert_replica_equals_map(&h->chart);
}

static void what_was_unregistered_stays_away(void **state)
{
    struct harbour *h = *state;
    assert_int_equal(add(h, 1), 0);
    assert_int_equal(add(h, 2), 0);
    assert_int_equal(take_away(h, 1), 0);
    restart(h);
    assert_int_equal(mapper_map_count(h->chart.map), 1);
    assert_null(mapper_map_at(h->chart.map, 0));
    assert_int_equal(take_away(h, 2), 0);
}

static void a_freed_slot_is_kept_with_what_came_later(void **state)
{
    struct harbour *h = *state;
    assert_int_equal(add(h, 1), 0);
    assert_int_equal(take_away(h, 1), 0);
    assert_int_equal(add(h, 2), 0);
    restart(h);
    assert_int_equal(mapper_map_count(h->chart.map), 1);
    assert_int_equal(take_away(h, 2), 0);
}

static void a_new_annotation_is_kept(void **state)
{
    struct harbour *h = *state;
    struct registration r;
    number(&r, 1);
    assert_int_equal(insert(&h->chart, &r, false), 0);
    registration_annotate(&r, "");
    assert_int_equal(insert(&h->chart, &r, false), 0);
    restart(h);
    assert_int_equal(mapper_map_at(h->chart.map, 0)->annotation_size, 0);
}

static void static_endpoints_are_not_kept(void **state)
{
    struct harbour *h = *state;
    struct registration r;
    number(&r, 1);
    assert_int_equal(mapper_map_insert(h->chart.map, &r.entry, 1, false, MAPPER_ORIGIN_STATIC), 0);
    restart(h);
    assert_int_equal(mapper_map_count(h->chart.map), 0);
}

// The configuration names what somebody had registered, for one start.
static void a_static_endpoint_hides_a_registration_and_does_not_take_it(void **state)
{
    struct harbour *h = *state;
    struct registration r;
    number(&r, 1);
    assert_int_equal(insert(&h->chart, &r, false), 0);
    assert_int_equal(mapper_map_insert(h->chart.map, &r.entry, 1, false, MAPPER_ORIGIN_STATIC), 0);
    restart(h);
    assert_int_equal(mapper_map_count(h->chart.map), 1);
    assert_int_equal(mapper_map_at(h->chart.map, 0)->origin, MAPPER_ORIGIN_CONTROL);
}

static void a_thousand_held_changes_are_one_commit(void **state)
{
    struct harbour *h = *state;
    mapper_map_hold(h->chart.map);
    for (uint32_t i = 1; i <= 1000; i++)
        assert_int_equal(add(h, i), 0);
    assert_int_equal(mapper_map_release(h->chart.map), 0);
    json_t *counters = json_array();
    control_store_report(h->store, counters);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(counters, 0), "total")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(counters, 1), "total")),
                     1000);
    json_decref(counters);
    restart(h);
    assert_int_equal(mapper_map_count(h->chart.map), 1000);
}

// What was acknowledged before is there, what was refused is not, in the map and after a restart.
static void a_full_database_refuses_and_changes_nothing(void **state)
{
    struct harbour *h = *state;
    const char *error;
    uint32_t added = 0;
    stop(h);
    start_sized(h, 128 << 10);
    while (added < SLOTS && add(h, added + 1) == NDR_EPM_STATUS_OK)
        added++;
    assert_in_range(added, 10, SLOTS - 1);
    assert_int_equal(add(h, added + 1), NDR_EPM_STATUS_UPDATE_FAILED);
    assert_string_equal(control_store_problem(h->store, &error), "full");
    assert_non_null(strstr(error, "mapper.capacity"));
    assert_int_equal(mapper_map_count(h->chart.map), added);
    assert_replica_equals_map(&h->chart);
    restart(h);
    assert_int_equal(mapper_map_count(h->chart.map), added);
    assert_int_equal(add(h, added + 1), NDR_EPM_STATUS_OK);
}

static void a_second_process_is_kept_out(void **state)
{
    assert_null(open_store(*state, 0));
}

static void write_schema(const struct harbour *h, uint32_t schema)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    MDB_val key = {6, (char[]){"schema"}}, value = {sizeof schema, &schema};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, h->state, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    assert_int_equal(mdb_put(txn, meta, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_newer_schema_is_refused(void **state)
{
    struct harbour *h = *state;
    stop(h);
    write_schema(h, CONTROL_STORE_SCHEMA + 1);
    assert_null(open_store(h, 0));
}

static void a_directory_in_a_missing_directory_is_refused(void **state)
{
    struct harbour *h = *state;
    const struct control_store_options options = {.directory = "/nowhere/at/all", .capacity = 1};
    (void)h;
    assert_null(control_store_open(&options));
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct harbour *h = *state;
    char path[128];
    stop(h);
    snprintf(path, sizeof path, "%s/data.mdb", h->state);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    for (int i = 0; i < 1024; i++)
        assert_int_equal(write(fd, "not a database! ", 16), 16);
    close(fd);
    assert_null(open_store(h, 0));
}

static void a_smaller_capacity_than_is_kept_is_refused(void **state)
{
    struct harbour *h = *state;
    for (uint32_t i = 1; i <= 20; i++)
        assert_int_equal(add(h, i), 0);
    stop(h);
    struct chart small = chart_create(16, LOG, 1);
    h->chart = small;
    h->store = open_store(h, 0);
    assert_non_null(h->store);
    assert_false(control_store_load(h->store, small.map, make_room, h));
}

static void a_record_whose_lengths_do_not_add_up_is_damaged(void **state)
{
    (void)state;
    uint8_t octets[64] = {MAPPER_ORIGIN_CONTROL, 4, 30, 0};
    struct control_store_record record;
    assert_true(control_store_record_read(octets, 54, &record));
    for (size_t size = 0; size < sizeof octets; size++)
        assert_true(control_store_record_read(octets, size, &record) == (size == 54));
}

static void a_record_of_an_unknown_origin_is_damaged(void **state)
{
    (void)state;
    uint8_t octets[20] = {0};
    struct control_store_record record;
    for (unsigned origin = 0; origin < 256; origin++) {
        octets[0] = (uint8_t)origin;
        assert_true(control_store_record_read(octets, 20, &record) ==
                    (origin == MAPPER_ORIGIN_CONTROL || origin == MAPPER_ORIGIN_NETWORK));
    }
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_new_directory_holds_nothing_and_is_for_its_group_only),
        STORE_TEST(what_was_registered_is_there_again_as_it_was),
        STORE_TEST(what_was_unregistered_stays_away),
        STORE_TEST(a_freed_slot_is_kept_with_what_came_later),
        STORE_TEST(a_new_annotation_is_kept),
        STORE_TEST(static_endpoints_are_not_kept),
        STORE_TEST(a_static_endpoint_hides_a_registration_and_does_not_take_it),
        STORE_TEST(a_thousand_held_changes_are_one_commit),
        STORE_TEST(a_full_database_refuses_and_changes_nothing),
        STORE_TEST(a_second_process_is_kept_out),
        STORE_TEST(a_newer_schema_is_refused),
        STORE_TEST(a_directory_in_a_missing_directory_is_refused),
        STORE_TEST(a_file_that_is_no_database_is_refused),
        STORE_TEST(a_smaller_capacity_than_is_kept_is_refused),
        cmocka_unit_test(a_record_whose_lengths_do_not_add_up_is_damaged),
        cmocka_unit_test(a_record_of_an_unknown_origin_is_damaged),
    };
    return cmocka_run_group_tests_name("control_store", tests, NULL, NULL);
}
