// The rules of ept_insert, ept_delete and ept_mgmt_delete.
#include "tests/unit/mapper/chart.h"

#define HERE  "ncacn_ip_tcp:10.0.0.1[1000]"
#define THERE "ncacn_ip_tcp:10.0.0.2[1000]"
#define HERE2 "ncacn_ip_tcp:10.0.0.1[2000]"

// The only entry, or a failure.
static const struct mapper_entry *the_entry(struct chart *chart)
{
    assert_int_equal(mapper_map_count(chart->map), 1);
    const struct mapper_entry *entry = NULL;
    for (uint32_t i = 0; i < mapper_map_slots(chart->map) && entry == NULL; i++)
        entry = mapper_map_at(chart->map, i);
    return entry;
}

static void an_entry_is_kept_as_registered(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 2), 3, HERE);
    registration_annotate(&r, "a note");
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    const struct mapper_entry *entry = the_entry(chart);
    struct ndr_epm_entry view = mapper_entry_view(entry);
    assert_int_equal(entry->interface.minor, 2);
    assert_int_equal(entry->origin, MAPPER_ORIGIN_CONTROL);
    assert_true(base_uuid_equal(&view.object, &r.entry.object));
    assert_int_equal(view.tower_size, r.entry.tower_size);
    assert_memory_equal(view.tower, r.tower, view.tower_size);
    assert_int_equal(view.annotation_size, 6);
    assert_memory_equal(view.annotation, "a note", 6);
}

static void a_duplicate_only_updates_the_annotation(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    registration_annotate(&r, "before");
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    uint32_t slot = the_entry(chart)->slot;
    registration_annotate(&r, "after");
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    assert_int_equal(the_entry(chart)->slot, slot);
    assert_string_equal(the_entry(chart)->annotation, "after");
    assert_replica_equals_map(chart);
}

static void a_duplicate_that_changes_nothing_is_not_logged(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    uint64_t head = mapper_log_head(chart->log);
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_log_head(chart->log), head);
}

static void a_duplicate_from_the_network_does_not_take_a_static_entry_over(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    assert_int_equal(mapper_map_insert(chart->map, &r.entry, 1, false, MAPPER_ORIGIN_STATIC), 0);
    assert_int_equal(mapper_map_insert(chart->map, &r.entry, 1, false, MAPPER_ORIGIN_NETWORK), 0);
    assert_int_equal(the_entry(chart)->origin, MAPPER_ORIGIN_STATIC);
}

static void the_same_tower_for_another_object_is_another_entry(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, HERE);
    must_register(chart, interface_number(7, 1, 0), 1, HERE);
    assert_int_equal(mapper_map_count(chart->map), 2);
}

static void an_overlong_annotation_is_cut(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    char note[81];
    memset(note, 'a', 80);
    note[80] = '\0';
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    registration_annotate(&r, note);
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    assert_int_equal(the_entry(chart)->annotation_size, 63);
}

static void without_replace_entries_pile_up(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, HERE);
    must_register(chart, interface_number(7, 1, 0), 0, HERE2);
    assert_int_equal(mapper_map_count(chart->map), 2);
}

// With `replace`, interface 7 version 1.1 for object 1 at HERE2 comes after one other registration.
static void replace_removes_what_it_supersedes_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        uint32_t interface;
        uint16_t major, minor;
        uint32_t object;
        const char *binding;
        uint32_t left; // entries afterwards
    } rows[] = {
        {7, 1, 1, 1, HERE, 1},                          // another endpoint
        {7, 1, 0, 1, HERE, 1},                          // an earlier minor version
        {7, 1, 1, 1, THERE, 2},                         // another address
        {7, 1, 1, 2, HERE, 2},                          // another object
        {7, 1, 1, 0, HERE, 2},                          // no object
        {8, 1, 1, 1, HERE, 2},                          // another interface
        {7, 2, 1, 1, HERE, 2},                          // another major version
        {7, 1, 1, 1, "ncadg_ip_udp:10.0.0.1[1000]", 2}, // another sequence
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chart chart = chart_create(CHART_CAPACITY, CHART_LOG, 1);
        struct registration r;
        must_register(&chart, interface_number(rows[i].interface, rows[i].major, rows[i].minor),
                      rows[i].object, rows[i].binding);
        registration_fill(&r, interface_number(7, 1, 1), 1, HERE2);
        assert_int_equal(insert(&chart, &r, true), NDR_EPM_STATUS_OK);
        assert_int_equal(mapper_map_count(chart.map), rows[i].left);
        assert_replica_equals_map(&chart);
        chart_destroy(&chart);
    }
}

static void replace_under_a_later_minor_version_is_refused(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    must_register(chart, interface_number(7, 1, 5), 0, THERE);
    registration_fill(&r, interface_number(7, 1, 4), 0, HERE);
    assert_int_equal(insert(chart, &r, true), NDR_EPM_STATUS_INVALID_ENTRY);
    assert_int_equal(the_entry(chart)->interface.minor, 5);
}

static void sequences_without_an_address_replace_by_host(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    must_register(chart, interface_number(7, 1, 0), 0, "ncalrpc:[old]");
    registration_fill(&r, interface_number(7, 1, 0), 0, "ncalrpc:[new]");
    assert_int_equal(insert(chart, &r, true), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart->map), 1);
}

static void entries_of_one_call_do_not_replace_each_other(void **state)
{
    struct chart *chart = *state;
    struct registration a, b;
    registration_fill(&a, interface_number(7, 1, 0), 0, HERE);
    registration_fill(&b, interface_number(7, 1, 0), 0, HERE2);
    struct ndr_epm_entry both[2] = {a.entry, b.entry};
    assert_int_equal(mapper_map_insert(chart->map, both, 2, true, MAPPER_ORIGIN_CONTROL), 0);
    assert_int_equal(mapper_map_count(chart->map), 2);
}

static void replace_works_in_a_full_map(void **state)
{
    (void)state;
    struct chart chart = chart_create(1, CHART_LOG, 1);
    struct registration r;
    must_register(&chart, interface_number(7, 1, 0), 0, HERE);
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE2);
    assert_int_equal(insert(&chart, &r, false), NDR_EPM_STATUS_NO_MEMORY);
    assert_int_equal(insert(&chart, &r, true), NDR_EPM_STATUS_OK);
    assert_replica_equals_map(&chart);
    chart_destroy(&chart);
}

#define IFACE_FLOOR(b) "\x13\0\x0d" b "\1\0\2\0\0\0"
#define UUID_A         "aaaaaaaaaaaaaaaa"
#define UUID_0         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define BYTES(s)       s, sizeof(s) - 1

static void unusable_towers_are_refused(void **state)
{
    struct chart *chart = *state;
    static const struct {
        const char *tower;
        size_t size;
        uint32_t status;
    } rows[] = {
        {BYTES("\5\0" IFACE_FLOOR(UUID_A)
                   IFACE_FLOOR(UUID_A) "\1\0\x0b\2\0\0\0\1\0\7\2\0\0\x87\1\0\x09\4\0\1\2\3\4"),
         NDR_EPM_STATUS_OK},
        {NULL, 0, NDR_EPM_STATUS_INVALID_ENTRY},
        {BYTES(""), NDR_EPM_STATUS_INVALID_ENTRY},
        {BYTES("\5\0garbage"), NDR_EPM_STATUS_INVALID_ENTRY},
        // nil interface, nil transfer syntax
        {BYTES("\4\0" IFACE_FLOOR(UUID_0) IFACE_FLOOR(UUID_A) "\1\0\x0c\0\0\1\0\x10\2\0x\0"),
         NDR_EPM_STATUS_INVALID_ENTRY},
        {BYTES("\4\0" IFACE_FLOOR(UUID_A) IFACE_FLOOR(UUID_0) "\1\0\x0c\0\0\1\0\x10\2\0x\0"),
         NDR_EPM_STATUS_INVALID_ENTRY},
        // no endpoint floor, an empty one, port 0, no address floor
        {BYTES("\3\0" IFACE_FLOOR(UUID_A) IFACE_FLOOR(UUID_A) "\1\0\x0b\0\0"),
         NDR_EPM_STATUS_INVALID_ENTRY},
        {BYTES("\4\0" IFACE_FLOOR(UUID_A) IFACE_FLOOR(UUID_A) "\1\0\x0c\0\0\1\0\x10\0\0"),
         NDR_EPM_STATUS_INVALID_ENTRY},
        {BYTES("\5\0" IFACE_FLOOR(UUID_A)
                   IFACE_FLOOR(UUID_A) "\1\0\x0b\0\0\1\0\7\2\0\0\0\1\0\x09\4\0\1\2\3\4"),
         NDR_EPM_STATUS_INVALID_ENTRY},
        {BYTES("\4\0" IFACE_FLOOR(UUID_A) IFACE_FLOOR(UUID_A) "\1\0\x0b\0\0\1\0\7\2\0\0\x87"),
         NDR_EPM_STATUS_INVALID_ENTRY},
        // a host name as the address, four floors without one, a sequence nobody knows
        {BYTES("\5\0" IFACE_FLOOR(UUID_A)
                   IFACE_FLOOR(UUID_A) "\1\0\x0b\0\0\1\0\7\2\0\0\x87\1\0\x09\2\0h\0"),
         NDR_EPM_STATUS_OK},
        {BYTES("\4\0" IFACE_FLOOR(UUID_A) IFACE_FLOOR(UUID_A) "\1\0\x0c\0\0\1\0\x10\2\0x\0"),
         NDR_EPM_STATUS_OK},
        {BYTES("\4\0" IFACE_FLOOR(UUID_A) IFACE_FLOOR(UUID_A) "\1\0\x77\0\0\1\0\x78\1\0y"),
         NDR_EPM_STATUS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ndr_epm_entry entry = {.tower = (const uint8_t *)rows[i].tower,
                                      .tower_size = (uint32_t)rows[i].size};
        assert_int_equal(mapper_map_insert(chart->map, &entry, 1, false, MAPPER_ORIGIN_NETWORK),
                         rows[i].status);
    }
}

static void a_nil_interface_is_accepted_when_the_options_say_so(void **state)
{
    (void)state;
    struct mapper_options options = {.capacity = 4, .allow_nil_interface = true};
    struct mapper_log *log = mapper_log_create(4, 0);
    struct mapper_map *map = mapper_map_create(&options, log);
    struct registration r;
    registration_fill(&r, interface_number(0, 0, 0), 0, "ncalrpc:[SMBTORTURE]");
    assert_int_equal(mapper_map_insert(map, &r.entry, 1, false, MAPPER_ORIGIN_NETWORK), 0);
    mapper_map_destroy(map);
    mapper_log_destroy(log);
}

static void one_bad_entry_undoes_the_whole_call(void **state)
{
    struct chart *chart = *state;
    struct registration a, b, old;
    registration_fill(&old, interface_number(7, 1, 0), 0, HERE);
    registration_annotate(&old, "old");
    assert_int_equal(insert(chart, &old, false), NDR_EPM_STATUS_OK);
    uint64_t head = mapper_log_head(chart->log);
    registration_fill(&a, interface_number(7, 1, 0), 0, HERE2); // would replace the old one
    registration_fill(&b, interface_number(8, 1, 0), 0, HERE);
    registration_annotate(&old, "new");
    struct ndr_epm_entry entries[4] = {a.entry, b.entry, old.entry, {.tower = NULL}};
    assert_int_equal(mapper_map_insert(chart->map, entries, 4, true, MAPPER_ORIGIN_CONTROL),
                     NDR_EPM_STATUS_INVALID_ENTRY);
    assert_int_equal(mapper_log_head(chart->log), head);
    assert_string_equal(the_entry(chart)->annotation, "old");
    assert_replica_equals_map(chart);
}

static void a_full_map_refuses_and_undoes(void **state)
{
    (void)state;
    struct chart chart = chart_create(2, CHART_LOG, 1);
    struct registration r[3];
    struct ndr_epm_entry entries[3];
    for (uint32_t i = 0; i < 3; i++) {
        registration_fill(&r[i], interface_number(i + 1, 1, 0), 0, HERE);
        entries[i] = r[i].entry;
    }
    assert_int_equal(mapper_map_insert(chart.map, entries, 3, false, MAPPER_ORIGIN_CONTROL),
                     NDR_EPM_STATUS_NO_MEMORY);
    assert_int_equal(mapper_map_count(chart.map), 0);
    assert_int_equal(mapper_map_insert(chart.map, entries, 2, false, MAPPER_ORIGIN_CONTROL), 0);
    assert_replica_equals_map(&chart);
    chart_destroy(&chart);
}

static void a_full_log_refuses_without_changing_the_map(void **state)
{
    (void)state;
    struct chart chart = chart_create(CHART_CAPACITY, 2, 1);
    struct registration r;
    must_register(&chart, interface_number(1, 1, 0), 0, HERE);
    must_register(&chart, interface_number(2, 1, 0), 0, HERE);
    registration_fill(&r, interface_number(3, 1, 0), 0, HERE);
    assert_int_equal(insert(&chart, &r, false), NDR_EPM_STATUS_UPDATE_FAILED);
    assert_int_equal(mapper_map_count(chart.map), 2);
    registration_fill(&r, interface_number(1, 1, 0), 0, HERE);
    assert_int_equal(mapper_map_delete(chart.map, &r.entry, 1), NDR_EPM_STATUS_UPDATE_FAILED);
    assert_int_equal(mapper_map_count(chart.map), 2);
    assert_replica_equals_map(&chart); // the reader catches up
    assert_int_equal(mapper_map_delete(chart.map, &r.entry, 1), NDR_EPM_STATUS_OK);
    assert_replica_equals_map(&chart);
    chart_destroy(&chart);
}

static void delete_ignores_the_annotation(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    registration_annotate(&r, "one");
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
    registration_annotate(&r, "two");
    assert_int_equal(mapper_map_delete(chart->map, &r.entry, 1), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart->map), 0);
}

static void delete_compares_object_and_whole_tower(void **state)
{
    struct chart *chart = *state;
    struct registration other_object, other_port;
    must_register(chart, interface_number(7, 1, 0), 0, HERE);
    registration_fill(&other_object, interface_number(7, 1, 0), 1, HERE);
    registration_fill(&other_port, interface_number(7, 1, 0), 0, HERE2);
    assert_int_equal(mapper_map_delete(chart->map, &other_object.entry, 1),
                     NDR_EPM_STATUS_NOT_REGISTERED);
    assert_int_equal(mapper_map_delete(chart->map, &other_port.entry, 1),
                     NDR_EPM_STATUS_NOT_REGISTERED);
    assert_int_equal(mapper_map_count(chart->map), 1);
}

static void delete_removes_all_or_none(void **state)
{
    struct chart *chart = *state;
    struct registration here, there;
    registration_fill(&here, interface_number(7, 1, 0), 0, HERE);
    registration_fill(&there, interface_number(7, 1, 0), 0, THERE);
    assert_int_equal(insert(chart, &here, false), NDR_EPM_STATUS_OK);
    struct ndr_epm_entry both[2] = {here.entry, there.entry};
    assert_int_equal(mapper_map_delete(chart->map, both, 2), NDR_EPM_STATUS_NOT_REGISTERED);
    assert_int_equal(mapper_map_count(chart->map), 1);
    assert_replica_equals_map(chart);
    assert_int_equal(insert(chart, &there, false), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_delete(chart->map, both, 2), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart->map), 0);
    assert_replica_equals_map(chart);
}

static void the_lowest_free_slot_is_used_again(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    for (uint32_t i = 1; i <= 5; i++)
        must_register(chart, interface_number(i, 1, 0), 0, HERE);
    for (uint32_t i = 4; i >= 2; i -= 2) {
        registration_fill(&r, interface_number(i, 1, 0), 0, HERE);
        assert_int_equal(mapper_map_delete(chart->map, &r.entry, 1), NDR_EPM_STATUS_OK);
    }
    must_register(chart, interface_number(9, 1, 0), 0, HERE);
    assert_non_null(mapper_map_at(chart->map, 1));
    assert_null(mapper_map_at(chart->map, 3));
    assert_int_equal(mapper_map_slots(chart->map), 5);
}

// mgmt_delete against interface 7 version 1.1, object 1, at HERE, and against a lot that differs.
static void mgmt_delete_compares_what_it_was_given(void **state)
{
    (void)state;
    static const struct {
        struct ndr_binding binding;
        uint16_t minor;
        bool object_speced;
        uint32_t object;
        uint32_t left; // of one
    } rows[] = {
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", "1000"}, 1, true, 1, 0},
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", ""}, 1, true, 1, 0},      // any endpoint
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", "1000"}, 1, false, 0, 0}, // any object
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", "2000"}, 1, true, 1, 1},
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.2", "1000"}, 1, true, 1, 1},
        {{NDR_PROTSEQ_NCACN_HTTP, "10.0.0.1", "1000"}, 1, true, 1, 1},
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", "1000"}, 0, true, 1, 1}, // exact version only
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", "1000"}, 1, true, 2, 1},
        {{NDR_PROTSEQ_NCACN_IP_TCP, "10.0.0.1", "1000"}, 1, true, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chart chart = chart_create(CHART_CAPACITY, CHART_LOG, 1);
        struct ndr_syntax_id interface = interface_number(7, 1, rows[i].minor);
        uint8_t tower[256];
        must_register(&chart, interface_number(7, 1, 1), 1, HERE);
        struct ndr_epm_mgmt_delete request = {
            .object_speced = rows[i].object_speced,
            .has_object = rows[i].object_speced,
            .object = uuid_number(rows[i].object),
            .tower = tower,
        };
        request.tower_size = (uint32_t)ndr_tower_build(&interface, &ndr_syntax_id_20,
                                                       &rows[i].binding, tower, sizeof tower);
        assert_int_equal(mapper_map_mgmt_delete(chart.map, &request),
                         rows[i].left == 0 ? NDR_EPM_STATUS_OK : NDR_EPM_STATUS_NOT_REGISTERED);
        assert_int_equal(mapper_map_count(chart.map), rows[i].left);
        chart_destroy(&chart);
    }
}

static void mgmt_delete_removes_every_match(void **state)
{
    struct chart *chart = *state;
    struct registration r;
    must_register(chart, interface_number(7, 1, 0), 0, HERE);
    must_register(chart, interface_number(8, 1, 0), 0, HERE);
    must_register(chart, interface_number(7, 1, 0), 1, HERE2);
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    memset(r.tower + 64, 0, 2); // port 0: any
    struct ndr_epm_mgmt_delete request = {.tower = r.tower, .tower_size = r.entry.tower_size};
    assert_int_equal(mapper_map_mgmt_delete(chart->map, &request), NDR_EPM_STATUS_OK);
    assert_int_equal(mapper_map_count(chart->map), 1);
    assert_replica_equals_map(chart);
}

static void mgmt_delete_without_a_tower_is_invalid(void **state)
{
    struct chart *chart = *state;
    struct ndr_epm_mgmt_delete request = {0};
    assert_int_equal(mapper_map_mgmt_delete(chart->map, &request), NDR_EPM_STATUS_INVALID_ENTRY);
}

// A sanitizer reports the use of freed memory and, at the end, what was never freed.
static void reclaim_waits_for_the_slowest_reader(void **state)
{
    (void)state;
    struct chart chart = chart_create(CHART_CAPACITY, CHART_LOG, 2);
    struct mapper_replica *slow = mapper_replica_create(CHART_CAPACITY, chart.log, 1);
    struct mapper_inquiry all = {.type = NDR_EPM_INQUIRY_ALL};
    const struct mapper_entry *entry;
    uint32_t next;
    struct registration r;
    registration_fill(&r, interface_number(7, 1, 0), 0, HERE);
    registration_annotate(&r, "kept");
    assert_int_equal(insert(&chart, &r, false), NDR_EPM_STATUS_OK);
    mapper_replica_apply(chart.replica);
    mapper_replica_apply(slow);
    assert_int_equal(mapper_map_delete(chart.map, &r.entry, 1), NDR_EPM_STATUS_OK);
    mapper_replica_apply(chart.replica);
    mapper_map_reclaim(chart.map);
    assert_int_equal(mapper_replica_lookup(slow, &all, 0, &entry, 1, &next), 1);
    assert_string_equal(entry->annotation, "kept");
    mapper_replica_apply(slow);
    mapper_map_reclaim(chart.map);
    assert_int_equal(mapper_replica_count(slow), 0);
    mapper_replica_destroy(slow);
    chart_destroy(&chart);
}

#define rule(f) cmocka_unit_test_setup_teardown(f, chart_setup, chart_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        rule(an_entry_is_kept_as_registered),
        rule(a_duplicate_only_updates_the_annotation),
        rule(a_duplicate_that_changes_nothing_is_not_logged),
        rule(a_duplicate_from_the_network_does_not_take_a_static_entry_over),
        rule(the_same_tower_for_another_object_is_another_entry),
        rule(an_overlong_annotation_is_cut),
        rule(without_replace_entries_pile_up),
        cmocka_unit_test(replace_removes_what_it_supersedes_and_nothing_else),
        rule(replace_under_a_later_minor_version_is_refused),
        rule(sequences_without_an_address_replace_by_host),
        rule(entries_of_one_call_do_not_replace_each_other),
        cmocka_unit_test(replace_works_in_a_full_map),
        rule(unusable_towers_are_refused),
        cmocka_unit_test(a_nil_interface_is_accepted_when_the_options_say_so),
        rule(one_bad_entry_undoes_the_whole_call),
        cmocka_unit_test(a_full_map_refuses_and_undoes),
        cmocka_unit_test(a_full_log_refuses_without_changing_the_map),
        rule(delete_ignores_the_annotation),
        rule(delete_compares_object_and_whole_tower),
        rule(delete_removes_all_or_none),
        rule(the_lowest_free_slot_is_used_again),
        cmocka_unit_test(mgmt_delete_compares_what_it_was_given),
        rule(mgmt_delete_removes_every_match),
        rule(mgmt_delete_without_a_tower_is_invalid),
        cmocka_unit_test(reclaim_waits_for_the_slowest_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
