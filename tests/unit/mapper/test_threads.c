// One writer and two readers of different pace. A sanitizer for addresses sees an entry freed too
// early, one for threads an access that nothing orders.
#include "tests/unit/mapper/chart.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { READERS = 2, CHANGES = 20000, MEMBERS = 200, CAPACITY = 256, LOG = 64 };

struct reader {
    struct mapper_log *log;
    unsigned number;
    unsigned pause; // bursts between two applications of the log
    _Atomic bool *stop;
    pthread_t thread;
    uint64_t listed;
    bool broken; // an assertion belongs to the main thread
    uint32_t count;
};

// Every registration comes as a pair of entries in one call, and goes as one.
static void pair_member(uint32_t n, struct registration r[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        char binding[40];
        snprintf(binding, sizeof binding, "ncacn_ip_tcp:10.0.0.%u[%u]", i, 1000 + n);
        registration_fill(&r[i], interface_number(1 + n % 9, 1, 0), 1 + n % 4, binding);
        registration_annotate(&r[i], "both or none");
    }
}

static void read_all(struct reader *reader, const struct mapper_replica *replica)
{
    struct mapper_inquiry all = {.type = NDR_EPM_INQUIRY_ALL};
    const struct mapper_entry *entries[CAPACITY];
    uint32_t next;
    uint32_t count = mapper_replica_lookup(replica, &all, 0, entries, CAPACITY, &next);
    for (uint32_t i = 0; i < count; i++)
        reader->broken |= memcmp(entries[i]->annotation, "both or none", 13) != 0;
    reader->broken |= count % 2 != 0 || count != mapper_replica_count(replica);
    reader->listed += count;
}

static void *read_until_stopped(void *argument)
{
    struct reader *reader = argument;
    struct mapper_replica *replica = mapper_replica_create(CAPACITY, reader->log, reader->number);
    bool stop;
    unsigned burst = 0;
    do {
        stop = atomic_load(reader->stop);
        if (stop || burst++ % reader->pause == 0)
            mapper_replica_apply(replica);
        read_all(reader, replica);
        sched_yield();
    } while (!stop);
    reader->count = mapper_replica_count(replica);
    mapper_replica_destroy(replica);
    return NULL;
}

// Changes until every one is done; waits for the slower reader when the log is full.
static void write_changes(struct chart *chart)
{
    bool present[MEMBERS] = {false};
    for (uint32_t i = 0; i < CHANGES; i++) {
        uint32_t n = i * 37 % MEMBERS;
        struct registration r[2];
        pair_member(n, r);
        struct ndr_epm_entry pair[2] = {r[0].entry, r[1].entry};
        uint32_t status;
        do {
            status = present[n] || mapper_map_count(chart->map) + 2 > CAPACITY
                         ? mapper_map_delete(chart->map, pair, 2)
                         : mapper_map_insert(chart->map, pair, 2, false, MAPPER_ORIGIN_CONTROL);
            if (status == NDR_EPM_STATUS_UPDATE_FAILED)
                sched_yield();
        } while (status == NDR_EPM_STATUS_UPDATE_FAILED);
        if (status == NDR_EPM_STATUS_OK)
            present[n] = !present[n];
        else
            assert_int_equal(status, NDR_EPM_STATUS_NOT_REGISTERED);
        mapper_map_reclaim(chart->map);
    }
}

static void readers_see_whole_changes_and_no_freed_entry(void **state)
{
    (void)state;
    struct mapper_options options = {.capacity = CAPACITY};
    struct chart chart = {.log = mapper_log_create(LOG, READERS)};
    chart.map = mapper_map_create(&options, chart.log);
    _Atomic bool stop = false;
    struct reader readers[READERS] = {{.pause = 1}, {.pause = 7}};
    for (unsigned i = 0; i < READERS; i++) {
        readers[i].log = chart.log;
        readers[i].number = i;
        readers[i].stop = &stop;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_until_stopped, &readers[i]),
                         0);
    }
    write_changes(&chart);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_false(readers[i].broken);
        assert_int_equal(readers[i].count, mapper_map_count(chart.map));
        assert_true(readers[i].listed > 0);
    }
    assert_int_equal(mapper_log_applied(chart.log), mapper_log_head(chart.log));
    mapper_map_destroy(chart.map);
    mapper_log_destroy(chart.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_changes_and_no_freed_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
