// Ping sets: who may change them, what they hold, and when they expire.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exporter/exporter.h"

enum { OBJECTS = 96, NOW = 1000 };
#define UNKNOWN UINT64_C(0xdead)

static int setup(void **state)
{
    struct ndr_oxid_bindings none;
    ndr_oxid_bindings_init(&none);
    struct exporter *exporter = exporter_create(&none, (const uint8_t *)"sixteen octets!");
    assert_non_null(exporter);
    // Objects 1 to OBJECTS.
    for (uint64_t oxid = 0; oxid < OBJECTS / EXPORTER_OXID_OIDS_MAX; oxid++) {
        struct exporter_oxid entry = {.oxid = oxid + 1, .oid_count = EXPORTER_OXID_OIDS_MAX};
        for (uint64_t i = 0; i < EXPORTER_OXID_OIDS_MAX; i++)
            entry.oids[i] = oxid * EXPORTER_OXID_OIDS_MAX + i + 1;
        assert_int_equal(oxid_table_add(exporter->oxids, &entry), OXID_TABLE_OK);
    }
    *state = exporter;
    return 0;
}

static int teardown(void **state)
{
    exporter_destroy(*state);
    return 0;
}

static struct ndr_oxid_oids oids_of(const uint64_t *oids, unsigned count)
{
    return (struct ndr_oxid_oids){.octets = (const uint8_t *)oids, .count = (uint16_t)count};
}

// Makes a set that holds `oid` (0: none).
static uint64_t create(struct exporter *exporter, uint64_t client, uint64_t oid, uint32_t now)
{
    const struct ndr_oxid_ping ping = {.add = oids_of(&oid, oid != 0)};
    uint64_t set = 0;
    assert_int_equal(ping_sets_complex(exporter->sets, client, &ping, now, &set), 0);
    assert_int_not_equal(set, 0);
    return set;
}

static uint32_t change(struct exporter *exporter, uint64_t set, uint16_t sequence, uint64_t add,
                       uint64_t remove)
{
    const struct ndr_oxid_ping ping = {.set = set,
                                       .sequence = sequence,
                                       .add = oids_of(&add, add != 0),
                                       .remove = oids_of(&remove, remove != 0)};
    uint64_t same = 0;
    return ping_sets_complex(exporter->sets, 1, &ping, NOW, &same);
}

static unsigned holders(struct exporter *exporter, uint64_t oid)
{
    return ping_sets_holders(exporter->sets, oid, NOW);
}

static void a_set_lives_for_three_missed_pings(void **state)
{
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, 0, NOW);
    uint32_t now = NOW + PING_EXPIRY_S;
    assert_int_equal(ping_sets_simple(exporter->sets, set, now), 0);
    now += PING_EXPIRY_S;
    assert_int_equal(ping_sets_count(exporter->sets, now), 1);
    assert_int_equal(ping_sets_simple(exporter->sets, set, now), 0);
    now += PING_EXPIRY_S + 1;
    assert_int_equal(ping_sets_count(exporter->sets, now), 0);
    assert_int_equal(ping_sets_simple(exporter->sets, set, now), NDR_OXID_STATUS_INVALID_SET);
}

static void a_set_nobody_made_is_invalid(void **state)
{
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, 0, NOW);
    const uint64_t bad[] = {0, 1, set + 1, set ^ UINT64_C(1) << 63, set ^ PING_SETS_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ping_sets_simple(exporter->sets, bad[i], NOW),
                         NDR_OXID_STATUS_INVALID_SET);
        if (bad[i] != 0)
            assert_int_equal(change(exporter, bad[i], 1, 1, 0), NDR_OXID_STATUS_INVALID_SET);
    }
}

static void an_id_does_not_come_back_with_its_row(void **state)
{
    struct exporter *exporter = *state;
    uint64_t seen[PING_SETS_PER_CLIENT + 1];
    for (unsigned i = 0; i <= PING_SETS_PER_CLIENT; i++) {
        seen[i] = create(exporter, 1, 0, NOW + i * (PING_EXPIRY_S + 1));
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    }
}

static void a_ping_adds_then_removes(void **state)
{
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, 1, NOW);
    assert_int_equal(holders(exporter, 1), 1);
    assert_int_equal(change(exporter, set, 1, 2, 1), 0);
    assert_int_equal(holders(exporter, 1), 0);
    assert_int_equal(holders(exporter, 2), 1);
    assert_int_equal(change(exporter, set, 2, 2, 0), 0); // held already
    assert_int_equal(holders(exporter, 2), 1);
    assert_int_equal(change(exporter, set, 3, 2, 2), 0);
    assert_int_equal(holders(exporter, 2), 0);
}

static void an_unknown_object_is_skipped_in_a_new_set_and_refused_in_an_old_one(void **state)
{
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, UNKNOWN, NOW);
    assert_int_equal(holders(exporter, UNKNOWN), 0);
    assert_int_equal(change(exporter, set, 1, UNKNOWN, 0), NDR_OXID_STATUS_INVALID_OID);
    const uint64_t some[] = {1, UNKNOWN};
    const struct ndr_oxid_ping ping = {.set = set, .sequence = 2, .add = oids_of(some, 2)};
    uint64_t same;
    assert_int_equal(ping_sets_complex(exporter->sets, 1, &ping, NOW, &same),
                     NDR_OXID_STATUS_INVALID_OID);
    assert_int_equal(holders(exporter, 1), 0); // nothing of a refused ping stays
}

static void a_ping_that_was_overtaken_changes_nothing(void **state)
{
    static const struct {
        uint16_t sequence;
        bool done;
    } rows[] = {{10, true}, {9, false}, {10, true}, {0x8009, true}, {0x7fff, false}, {5, true}};
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, 0, NOW);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(change(exporter, set, rows[i].sequence, i + 1, 0), 0);
        assert_int_equal(holders(exporter, i + 1), rows[i].done);
    }
}

static void a_set_holds_so_many_objects_and_no_more(void **state)
{
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, 1, NOW);
    for (uint64_t oid = 2; oid <= PING_SET_OIDS_MAX; oid++)
        assert_int_equal(change(exporter, set, (uint16_t)oid, oid, 0), 0);
    assert_int_equal(change(exporter, set, 100, OBJECTS, 0), NDR_OXID_STATUS_NO_RESOURCES);
    assert_int_equal(change(exporter, set, 101, 0, 1), 0);
    assert_int_equal(change(exporter, set, 102, OBJECTS, 0), 0);
    assert_int_equal(holders(exporter, OBJECTS), 1);
}

static void a_client_has_so_many_sets_and_leaves_room_for_others(void **state)
{
    struct exporter *exporter = *state;
    static const struct ndr_oxid_ping ping;
    uint64_t set;
    for (unsigned i = 0; i < PING_SETS_PER_CLIENT; i++)
        create(exporter, 1, 0, NOW);
    assert_int_equal(ping_sets_complex(exporter->sets, 1, &ping, NOW, &set),
                     NDR_OXID_STATUS_NO_RESOURCES);
    create(exporter, 2, 0, NOW);
    create(exporter, 1, 0, NOW + PING_EXPIRY_S + 1); // in the place of one that has expired
}

static void the_clock_never_goes_back(void **state)
{
    struct exporter *exporter = *state;
    static const uint32_t told[] = {5, 3, 7, 6}, shown[] = {5, 5, 7, 7};
    for (unsigned i = 0; i < 4; i++) {
        exporter_tick(exporter, told[i]);
        assert_int_equal(exporter_now(exporter), shown[i]);
    }
}

// ---- threads

struct pinger {
    struct exporter *exporter;
    uint64_t set;
    uint64_t client;
    uint64_t changed, wrong;
};

// Pings one shared set and makes ones of its own, over and over.
static void *ping_on(void *context)
{
    enum { ROUNDS = 20000 };
    struct pinger *p = context;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t set = p->set, ret;
        const uint64_t oid = 1 + round % 8;
        struct ndr_oxid_ping ping = {.set = set, .sequence = 1};
        if (round % 2)
            ping.add = oids_of(&oid, 1);
        else
            ping.remove = oids_of(&oid, 1);
        uint32_t status = ping_sets_complex(p->exporter->sets, p->client, &ping, NOW, &ret);
        p->changed += status == NDR_OXID_STATUS_OK;
        p->wrong += status != NDR_OXID_STATUS_OK && status != PING_SETS_BUSY;
        p->wrong += ping_sets_simple(p->exporter->sets, set, NOW) != NDR_OXID_STATUS_OK;
    }
    return NULL;
}

static void workers_that_change_one_set_leave_it_whole(void **state)
{
    struct exporter *exporter = *state;
    uint64_t set = create(exporter, 1, 0, NOW);
    struct pinger pingers[2];
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        pingers[i] = (struct pinger){.exporter = exporter, .set = set, .client = i};
        assert_int_equal(pthread_create(&threads[i], NULL, ping_on, &pingers[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(pingers[i].wrong, 0);
    }
    // Not each for itself: one may meet the other in the middle of a change all the time.
    assert_int_not_equal(pingers[0].changed + pingers[1].changed, 0);
    for (uint64_t oid = 1; oid <= 8; oid++)
        assert_in_range(holders(exporter, oid), 0, 1);   // none twice
    assert_int_equal(change(exporter, set, 2, 1, 0), 0); // and it was given back
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_set_lives_for_three_missed_pings),
        TEST(a_set_nobody_made_is_invalid),
        TEST(an_id_does_not_come_back_with_its_row),
        TEST(a_ping_adds_then_removes),
        TEST(an_unknown_object_is_skipped_in_a_new_set_and_refused_in_an_old_one),
        TEST(a_ping_that_was_overtaken_changes_nothing),
        TEST(a_set_holds_so_many_objects_and_no_more),
        TEST(a_client_has_so_many_sets_and_leaves_room_for_others),
        TEST(the_clock_never_goes_back),
        TEST(workers_that_change_one_set_leave_it_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
