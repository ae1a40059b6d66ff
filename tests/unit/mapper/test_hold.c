// Changes that are held back, recorded together, and shown to the replicas or undone.
#include "tests/unit/mapper/chart.h"

#define HERE "ncacn_ip_tcp:10.135.0.2[49153]"

struct recorder {
    unsigned calls;
    uint32_t operations;
    uint32_t answer;
    uint64_t head_then; // of the log, when it was called
    struct mapper_log *log;
};

static uint32_t record(void *context, const struct mapper_op *ops, uint32_t count)
{
    struct recorder *recorder = context;
    assert_non_null(ops[count - 1].entry);
    recorder->calls++;
    recorder->operations += count;
    recorder->head_then = mapper_log_head(recorder->log);
    return recorder->answer;
}

static struct recorder attach(struct chart *chart)
{
    return (struct recorder){.log = chart->log, .head_then = UINT64_MAX};
}

static void a_change_is_recorded_before_it_is_in_the_log(void **state)
{
    struct chart *chart = *state;
    struct recorder recorder = attach(chart);
    mapper_map_set_record(chart->map, record, &recorder);
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(recorder.calls, 1);
    assert_int_equal(recorder.head_then, 0);
    assert_int_equal(mapper_log_head(chart->log), 1);
}

static void a_change_that_is_not_recorded_is_undone(void **state)
{
    struct chart *chart = *state;
    struct recorder recorder = attach(chart);
    struct registration r;
    recorder.answer = NDR_EPM_STATUS_UPDATE_FAILED;
    mapper_map_set_record(chart->map, record, &recorder);
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_UPDATE_FAILED);
    assert_int_equal(mapper_map_count(chart->map), 0);
    assert_int_equal(mapper_log_head(chart->log), 0);
}

static void a_change_of_nothing_is_not_recorded(void **state)
{
    struct chart *chart = *state;
    struct recorder recorder = attach(chart);
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    mapper_map_set_record(chart->map, record, &recorder);
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(recorder.calls, 0);
}

static void held_changes_are_recorded_once(void **state)
{
    struct chart *chart = *state;
    struct recorder recorder = attach(chart);
    mapper_map_set_record(chart->map, record, &recorder);
    mapper_map_hold(chart->map);
    for (uint32_t i = 1; i <= 5; i++)
        must_register(chart, interface_number(i, 1, 0), 0, HERE);
    assert_int_equal(mapper_log_head(chart->log), 0);
    assert_int_equal(mapper_map_release(chart->map), NDR_EPM_STATUS_OK);
    assert_int_equal(recorder.calls, 1);
    assert_int_equal(recorder.operations, 5);
    assert_replica_equals_map(chart);
    assert_int_equal(mapper_map_count(chart->map), 5);
}

static void a_bad_change_takes_no_other_held_one_along(void **state)
{
    struct chart *chart = *state;
    struct registration good, bad;
    registration_fill(&good, interface_number(2, 1, 0), 0, HERE);
    registration_fill(&bad, interface_number(0, 1, 0), 0, HERE); // nil
    const struct ndr_epm_entry both[] = {good.entry, bad.entry};
    mapper_map_hold(chart->map);
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(mapper_map_insert(chart->map, both, 2, false, MAPPER_ORIGIN_CONTROL),
                     NDR_EPM_STATUS_INVALID_ENTRY);
    assert_int_equal(mapper_map_release(chart->map), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart->map), 1);
    assert_replica_equals_map(chart);
}

// Puts, replaces and removes entries that were there and such that came in the same group.
static void change_much(struct chart *chart)
{
    struct registration r;
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    registration_annotate(&r, "first");
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    registration_annotate(&r, "second");
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_delete(chart->map, &r.entry, 1), NDR_EPM_STATUS_OK);
    must_register(chart, interface_number(9, 1, 0), 0, HERE);
    registration_fill(&r, interface_number(2, 1, 0), 0, "ncacn_ip_tcp:10.135.0.2[50000]");
    assert_int_equal(insert(chart, &r, true), NDR_EPM_STATUS_OK);
}

static void held_changes_that_are_not_recorded_are_undone(void **state)
{
    struct chart *chart = *state;
    struct recorder recorder = attach(chart);
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    must_register(chart, interface_number(2, 1, 0), 0, HERE);
    assert_replica_equals_map(chart);
    const struct mapper_entry *first = mapper_map_at(chart->map, 0);
    const struct mapper_entry *second = mapper_map_at(chart->map, 1);
    recorder.answer = NDR_EPM_STATUS_UPDATE_FAILED;
    mapper_map_set_record(chart->map, record, &recorder);
    mapper_map_hold(chart->map);
    change_much(chart);
    assert_int_equal(mapper_map_release(chart->map), NDR_EPM_STATUS_UPDATE_FAILED);
    assert_int_equal(mapper_map_count(chart->map), 2);
    assert_ptr_equal(mapper_map_at(chart->map, 0), first);
    assert_ptr_equal(mapper_map_at(chart->map, 1), second);
    assert_replica_equals_map(chart);
}

static void held_changes_reach_the_replica_in_their_order(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    must_register(chart, interface_number(2, 1, 0), 0, HERE);
    mapper_map_hold(chart->map);
    change_much(chart);
    assert_int_equal(mapper_map_release(chart->map), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart->map), 2);
    assert_replica_equals_map(chart);
}

static void after_the_release_changes_are_not_held(void **state)
{
    struct chart *chart = *state;
    mapper_map_hold(chart->map);
    assert_int_equal(mapper_map_release(chart->map), NDR_EPM_STATUS_OK);
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(mapper_log_head(chart->log), 1);
}

static void held_changes_beyond_the_logs_room_are_refused_one_by_one(void **state)
{
    (void)state;
    struct chart chart = chart_create(CHART_CAPACITY, 2, 1);
    struct registration r;
    registration_fill(&r, interface_number(3, 1, 0), 0, HERE);
    mapper_map_hold(chart.map);
    must_register(&chart, interface_number(1, 1, 0), 0, HERE);
    must_register(&chart, interface_number(2, 1, 0), 0, HERE);
    assert_int_equal(insert(&chart, &r, false), NDR_EPM_STATUS_UPDATE_FAILED);
    assert_int_equal(mapper_map_release(chart.map), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart.map), 2);
    assert_replica_equals_map(&chart);
    chart_destroy(&chart);
}

static void a_restored_entry_has_its_slot(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(mapper_map_restore(chart->map, &r.entry, MAPPER_ORIGIN_NETWORK, 7),
                     NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_at(chart->map, 7)->origin, MAPPER_ORIGIN_NETWORK);
    must_register(chart, interface_number(2, 1, 0), 0, HERE);
    assert_non_null(mapper_map_at(chart->map, 0));
    assert_replica_equals_map(chart);
}

static void a_slot_is_restored_once_and_within_the_capacity(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(mapper_map_restore(chart->map, &r.entry, MAPPER_ORIGIN_CONTROL, 7), 0);
    assert_int_equal(mapper_map_restore(chart->map, &r.entry, MAPPER_ORIGIN_CONTROL, 7),
                     NDR_EPM_STATUS_INVALID_ENTRY);
    assert_int_equal(
        mapper_map_restore(chart->map, &r.entry, MAPPER_ORIGIN_CONTROL, CHART_CAPACITY),
        NDR_EPM_STATUS_NO_MEMORY);
    assert_int_equal(mapper_map_count(chart->map), 1);
}

static void a_check_counts_what_is_new_and_changes_nothing(void **state)
{
    struct chart *chart = *state;
    struct registration r[2];
    uint32_t new_ones = 0;
    must_register(chart, interface_number(1, 1, 0), 0, HERE);
    registration_fill(&r[0], interface_number(1, 1, 0), 0, HERE);
    registration_fill(&r[1], interface_number(2, 1, 0), 0, HERE);
    const struct ndr_epm_entry entries[] = {r[0].entry, r[1].entry};
    assert_int_equal(mapper_map_check(chart->map, entries, 2, &new_ones), NDR_EPM_STATUS_OK);
    assert_int_equal(new_ones, 1);
    assert_int_equal(mapper_map_count(chart->map), 1);
}

#define CHART_TEST(name) cmocka_unit_test_setup_teardown(name, chart_setup, chart_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHART_TEST(a_change_is_recorded_before_it_is_in_the_log),
        CHART_TEST(a_change_that_is_not_recorded_is_undone),
        CHART_TEST(a_change_of_nothing_is_not_recorded),
        CHART_TEST(held_changes_are_recorded_once),
        CHART_TEST(a_bad_change_takes_no_other_held_one_along),
        CHART_TEST(held_changes_that_are_not_recorded_are_undone),
        CHART_TEST(held_changes_reach_the_replica_in_their_order),
        CHART_TEST(after_the_release_changes_are_not_held),
        CHART_TEST(held_changes_beyond_the_logs_room_are_refused_one_by_one),
        CHART_TEST(a_restored_entry_has_its_slot),
        CHART_TEST(a_slot_is_restored_once_and_within_the_capacity),
        CHART_TEST(a_check_counts_what_is_new_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("mapper_hold", tests, NULL, NULL);
}
