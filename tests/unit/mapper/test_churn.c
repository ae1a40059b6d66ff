// Random changes against simple models, and sizes.
#include "tests/unit/mapper/chart.h"

#include <time.h>

// xorshift64*: the same run for the same seed on every host.
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545f4914f6cdd1d) >> 33) % bound;
}

enum { POOL = 300, CAPACITY = 256 };

// Few interfaces and objects, many ports: long chains as well as short ones.
static void pool_member(uint32_t n, struct registration *r)
{
    char binding[40];
    snprintf(binding, sizeof binding, "ncacn_ip_tcp:10.0.%u.1[%u]", n % 3, 1000 + n);
    registration_fill(r, interface_number(1 + n % 7, 1, (uint16_t)(n % 4)), n % 5, binding);
}

static void change_at_random(struct chart *chart, bool present[POOL])
{
    uint32_t n = random_below(POOL);
    struct registration r;
    pool_member(n, &r);
    if (random_below(2) == 0) {
        uint32_t status = insert(chart, &r, false);
        if (status == NDR_EPM_STATUS_OK)
            present[n] = true;
        else
            assert_int_equal(status, NDR_EPM_STATUS_NO_MEMORY);
    } else {
        assert_int_equal(mapper_map_delete(chart->map, &r.entry, 1),
                         present[n] ? NDR_EPM_STATUS_OK : NDR_EPM_STATUS_NOT_REGISTERED);
        present[n] = false;
    }
}

// ept_map by the book: counts over the model instead of the index.
static uint32_t expected_matches(const bool present[POOL], uint32_t interface, uint16_t minor,
                                 uint32_t object)
{
    uint32_t own = 0, nil = 0;
    for (uint32_t n = 0; n < POOL; n++)
        if (present[n] && 1 + n % 7 == interface && n % 4 >= minor) {
            own += n % 5 == object;
            nil += n % 5 == 0;
        }
    return own != 0 ? own : nil;
}

static void assert_queries_match_the_model(struct chart *chart, const bool present[POOL])
{
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t interface = 1 + random_below(8), object = random_below(6);
        uint16_t minor = (uint16_t)random_below(4);
        struct mapper_query query = {.interface = interface_number(interface, 1, minor),
                                     .transfer = ndr_syntax_id_20,
                                     .protseq_key = 0x030000000009070b,
                                     .object = uuid_number(object),
                                     .max = 1 + random_below(20)};
        uint32_t found = 0;
        for (; query.position != MAPPER_END;) {
            struct mapper_answer answer;
            mapper_replica_map(chart->replica, &query, &answer, 1);
            found += answer.count;
            query.position = answer.next;
        }
        assert_int_equal(found, expected_matches(present, interface, minor, object));
    }
}

static void the_replica_equals_the_map_after_random_changes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct chart chart = chart_create(CAPACITY, 1024, 1);
        bool present[POOL] = {false};
        random_state = seed;
        for (unsigned round = 0; round < 100; round++) {
            for (uint32_t i = random_below(60); i > 0; i--)
                change_at_random(&chart, present);
            assert_replica_equals_map(&chart);
            assert_queries_match_the_model(&chart, present);
            mapper_map_reclaim(chart.map);
        }
        chart_destroy(&chart);
    }
}

// Every third of the first 150 stays; the others come and go between two pages.
static bool is_permanent(uint32_t n)
{
    return n < 150 && n % 3 == 0;
}

static void churn(struct chart *chart)
{
    for (uint32_t i = random_below(20); i > 0; i--) {
        uint32_t n = random_below(POOL);
        struct registration r;
        if (is_permanent(n))
            continue;
        pool_member(n, &r);
        if (random_below(2) == 0)
            insert(chart, &r, false);
        else
            mapper_map_delete(chart->map, &r.entry, 1);
    }
    mapper_replica_apply(chart->replica);
    mapper_map_reclaim(chart->map);
}

// The number behind an entry: its port.
static uint32_t member_of(const struct mapper_entry *entry)
{
    return (uint32_t)(entry->tower[64] << 8 | entry->tower[65]) - 1000;
}

static bool is_asked_for(const struct mapper_inquiry *inquiry, uint32_t n)
{
    bool interface = 1 + n % 7 == inquiry->interface.uuid.bytes[0];
    bool object = n % 5 == inquiry->object.bytes[0];
    return (!(inquiry->type & 1) || interface) && (!(inquiry->type & 2) || object);
}

static void enumerate_under_churn(struct chart *chart, const struct mapper_inquiry *inquiry)
{
    unsigned seen[POOL] = {0};
    uint32_t position = 0;
    while (position != MAPPER_END) {
        const struct mapper_entry *page[10];
        uint32_t max = 1 + random_below(10);
        uint32_t count =
            mapper_replica_lookup(chart->replica, inquiry, position, page, max, &position);
        for (uint32_t i = 0; i < count; i++)
            seen[member_of(page[i])]++;
        churn(chart);
    }
    for (uint32_t n = 0; n < POOL; n++)
        if (is_permanent(n))
            assert_int_equal(seen[n], is_asked_for(inquiry, n));
}

static void a_cursor_lists_every_permanent_entry_exactly_once(void **state)
{
    (void)state;
    struct chart chart = chart_create(POOL, 1024, 1);
    random_state = 135;
    for (uint32_t n = 0; n < POOL; n++) { // in scattered slots
        struct registration r;
        pool_member(n * 7 % POOL, &r);
        assert_int_equal(insert(&chart, &r, false), NDR_EPM_STATUS_OK);
    }
    for (unsigned round = 0; round < 400; round++) {
        struct mapper_inquiry inquiry = {.type = (enum ndr_epm_inquiry)(round % 4),
                                         .versions = NDR_EPM_VERSIONS_ALL,
                                         .object = uuid_number(random_below(5)),
                                         .interface = interface_number(1 + random_below(7), 1, 0)};
        churn(&chart);
        enumerate_under_churn(&chart, &inquiry);
    }
    chart_destroy(&chart);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Bounds what one insert may cost; a linear search per insert would take minutes.
static void a_hundred_thousand_entries_are_inserted_and_removed_quickly(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct chart chart = chart_create(MANY, 1024, 1);
    struct registration r;
    double start = seconds();
    registration_fill(&r, interface_number(1, 1, 0), 0, "ncacn_ip_tcp:10.0.0.1[1000]");
    for (unsigned round = 0; round < 3; round++)
        for (uint32_t n = 0; n < MANY; n++) {
            // In place, because parsing text is not what is measured: interface, port, address.
            memcpy(r.tower + 5, &(uint32_t){1 + n / 50}, 4);
            memcpy(r.tower + 71, &n, 4);
            if (round == 1)
                assert_int_equal(mapper_map_delete(chart.map, &r.entry, 1), NDR_EPM_STATUS_OK);
            else
                assert_int_equal(insert(&chart, &r, false), NDR_EPM_STATUS_OK);
            if (n % 512 == 0)
                mapper_replica_apply(chart.replica);
        }
    assert_true(seconds() - start < 10);
    assert_replica_equals_map(&chart);
    chart_destroy(&chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_replica_equals_the_map_after_random_changes),
        cmocka_unit_test(a_cursor_lists_every_permanent_entry_exactly_once),
        cmocka_unit_test(a_hundred_thousand_entries_are_inserted_and_removed_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
