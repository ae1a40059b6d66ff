// What a million entries cost. Counted is what the code asks of the allocator: calls are wrapped at
// link time (meson.build).
#include "tests/unit/mapper/chart.h"

enum { MILLION = 1000000 };

static size_t asked;

void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    asked += count * size;
    return __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    asked += size;
    return __real_aligned_alloc(alignment, size);
}

static void a_replica_takes_64_octets_for_each_of_a_million_entries(void **state)
{
    (void)state;
    struct mapper_log *log = mapper_log_create(CHART_LOG, 1);
    assert_non_null(log);
    asked = 0;
    struct mapper_replica *replica = mapper_replica_create(MILLION, log, 0);
    assert_non_null(replica);
    assert_in_range(asked, 16 * MILLION, 64 * MILLION);
    mapper_replica_destroy(replica);
    mapper_log_destroy(log);
}

static void an_entry_with_a_usual_tower_takes_256_octets_once_for_all_replicas(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 0), 0, "ncacn_ip_tcp:10.0.0.1[1000]");
    registration_annotate(&r, "an annotation of 31 characters.");
    asked = 0;
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    assert_in_range(asked, 128, 256);
}

static void applying_changes_allocates_nothing(void **state)
{
    struct chart *chart = *state;
    for (uint32_t i = 0; i < CHART_CAPACITY; i++)
        must_register(chart, interface_number(i + 1, 1, 0), i % 3, "ncacn_ip_tcp:10.0.0.1[1000]");
    asked = 0;
    assert_int_equal(mapper_replica_apply(chart->replica), CHART_CAPACITY);
    assert_int_equal(asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_takes_64_octets_for_each_of_a_million_entries),
        cmocka_unit_test_setup_teardown(
            an_entry_with_a_usual_tower_takes_256_octets_once_for_all_replicas, chart_setup,
            chart_teardown),
        cmocka_unit_test_setup_teardown(applying_changes_allocates_nothing, chart_setup,
                                        chart_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
