// The queries of ept_map and ept_lookup.
#include "tests/unit/mapper/chart.h"

#define TCP(port) "ncacn_ip_tcp:10.0.0.1[" port "]"

static const struct ndr_syntax_id mgmt = {
    BASE_UUID(0xafa8bd80, 0x7d8a, 0x11c9, 0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89), 1, 0};

static struct mapper_query tcp_query(struct ndr_syntax_id interface, uint32_t object)
{
    return (struct mapper_query){.interface = interface,
                                 .transfer = ndr_syntax_id_20,
                                 .protseq_key = 0x030000000009070b,
                                 .object = uuid_number(object),
                                 .max = MAPPER_ANSWER_MAX};
}

// What the quick half says to the same question.
static const struct mapper_entry *find(struct chart *chart, const struct mapper_query *query)
{
    const struct mapper_entry *entry;
    const struct ndr_epm_map map = {.object = query->object,
                                    .interface = query->interface,
                                    .transfer = query->transfer,
                                    .protseq_key = query->protseq_key};
    mapper_replica_find(chart->replica, &map, &entry, 1);
    return entry;
}

// Whatever is asked from the beginning, the quick half contradicts nothing.
static struct mapper_answer ask(struct chart *chart, struct mapper_query query)
{
    struct mapper_answer answer;
    mapper_replica_apply(chart->replica);
    mapper_replica_map(chart->replica, &query, &answer, 1);
    const struct mapper_entry *found = find(chart, &query);
    if (found != NULL && query.position == 0) {
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.next, MAPPER_END);
        assert_ptr_equal(answer.entries[0], found);
    }
    return answer;
}

static uint32_t matches(struct chart *chart, struct mapper_query query)
{
    struct mapper_answer answer = ask(chart, query);
    assert_int_equal(answer.status,
                     answer.count == 0 ? NDR_EPM_STATUS_NOT_REGISTERED : NDR_EPM_STATUS_OK);
    return answer.count;
}

static void the_minor_version_asked_for_is_the_least_that_will_do(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 2, 3), 0, TCP("1000"));
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 2, 0), 0)), 1);
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 2, 3), 0)), 1);
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 2, 4), 0)), 0);
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 1, 0), 0)), 0);
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 3, 0), 0)), 0);
    assert_int_equal(matches(chart, tcp_query(interface_number(8, 2, 3), 0)), 0);
}

static void transfer_syntax_and_sequence_must_be_the_ones_registered(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    struct mapper_query query = tcp_query(interface_number(7, 1, 0), 0);
    query.transfer = ndr_syntax_id_64;
    assert_int_equal(matches(chart, query), 0);
    query = tcp_query(interface_number(7, 1, 0), 0);
    query.protseq_key = 0x030000000009080a;
    assert_int_equal(matches(chart, query), 0);
}

static void a_null_object_matches_nil_entries(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1000"));
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 1, 0), 0)), 0);
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1001"));
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 1, 0), 0)), 1);
}

static void the_only_entry_of_a_key_is_found_at_once(void **state)
{
    struct chart *chart = *state;
    struct mapper_query query = tcp_query(interface_number(7, 1, 2), 5);
    assert_null(find(chart, &query));
    must_register(chart, interface_number(7, 1, 2), 5, TCP("1000"));
    assert_int_equal(matches(chart, query), 1);
    assert_non_null(find(chart, &query));
    query.interface.minor = 3;
    assert_null(find(chart, &query));
    query.interface.minor = 0;
    assert_non_null(find(chart, &query));
    query.object = uuid_number(6);
    assert_null(find(chart, &query));
    must_register(chart, interface_number(7, 1, 2), 5, TCP("1001"));
    query.object = uuid_number(5);
    assert_int_equal(matches(chart, query), 2);
    assert_null(find(chart, &query));
}

static void an_object_prefers_its_own_entries(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1001"));
    struct mapper_answer answer = ask(chart, tcp_query(interface_number(7, 1, 0), 5));
    assert_int_equal(answer.count, 1);
    assert_true(base_uuid_equal(&answer.entries[0]->object, &(struct base_uuid){{5}}));
}

static void an_object_without_entries_falls_back_to_nil_ones(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1001"));
    struct mapper_answer answer = ask(chart, tcp_query(interface_number(7, 1, 0), 6));
    assert_int_equal(answer.count, 1);
    assert_true(base_uuid_is_nil(&answer.entries[0]->object));
}

static void an_object_whose_entries_are_too_old_falls_back_as_well(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 9), 0, TCP("1000"));
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1001"));
    struct mapper_answer answer = ask(chart, tcp_query(interface_number(7, 1, 3), 5));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.entries[0]->interface.minor, 9);
}

static void an_enumeration_of_an_objects_entries_does_not_go_on_to_nil_ones(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1000"));
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1001"));
    struct mapper_query query = tcp_query(interface_number(7, 1, 0), 5);
    query.position = 1;
    assert_int_equal(matches(chart, query), 0);
}

static void answers_are_paged_in_slot_order(void **state)
{
    struct chart *chart = *state;
    for (unsigned i = 0; i < 40; i++) {
        char binding[40];
        snprintf(binding, sizeof binding, "ncacn_ip_tcp:10.0.0.1[%u]", 1000 + i);
        must_register(chart, interface_number(7, 1, 0), 0, binding);
    }
    static const uint32_t maxima[] = {1, 3, 16, 500};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        struct mapper_query query = tcp_query(interface_number(7, 1, 0), 0);
        query.max = maxima[i];
        uint32_t seen = 0;
        while (query.position != MAPPER_END) {
            struct mapper_answer answer = ask(chart, query);
            assert_int_equal(answer.status, NDR_EPM_STATUS_OK);
            for (uint32_t j = 0; j < answer.count; j++)
                assert_int_equal(answer.entries[j]->slot, seen++);
            query.position = answer.next;
        }
        assert_int_equal(seen, 40);
    }
}

static void a_map_position_past_the_end_gives_nothing(void **state)
{
    struct chart *chart = *state;
    static const uint32_t positions[] = {1, CHART_CAPACITY, 0x80000000, MAPPER_END, UINT32_MAX};
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1000"));
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        struct mapper_query query = tcp_query(interface_number(7, 1, 0), 5);
        query.position = positions[i];
        assert_int_equal(matches(chart, query), 0);
        query.interface = mgmt;
        assert_int_equal(matches(chart, query), 0);
    }
}

static void a_batch_is_answered_like_single_questions(void **state)
{
    struct chart *chart = *state;
    struct mapper_query queries[100];
    struct mapper_answer answers[100];
    for (uint32_t i = 0; i < 50; i++)
        must_register(chart, interface_number(1 + i / 2, 1, 0), i % 3, TCP("1000"));
    mapper_replica_apply(chart->replica);
    for (uint32_t i = 0; i < 100; i++)
        queries[i] = tcp_query(interface_number(1 + i / 4, 1, 0), i % 4);
    mapper_replica_map(chart->replica, queries, answers, 100);
    for (uint32_t i = 0; i < 100; i++) {
        struct mapper_answer single = ask(chart, queries[i]);
        assert_int_equal(answers[i].status, single.status);
        assert_int_equal(answers[i].count, single.count);
        assert_memory_equal(answers[i].entries, single.entries,
                            single.count * sizeof *single.entries);
    }
}

static void asking_for_mgmt_without_an_object_is_invalid(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    assert_int_equal(ask(chart, tcp_query(mgmt, 0)).status, NDR_EPM_STATUS_INVALID_ENTRY);
}

static void asking_for_mgmt_gives_each_endpoint_of_the_object_once(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1000"));
    must_register(chart, interface_number(8, 1, 0), 5, TCP("1000"));
    must_register(chart, interface_number(8, 1, 0), 5, TCP("1001"));
    must_register(chart, interface_number(8, 1, 0), 6, TCP("1002"));
    must_register(chart, interface_number(8, 1, 0), 5, "ncadg_ip_udp:10.0.0.1[1000]");
    assert_int_equal(matches(chart, tcp_query(mgmt, 5)), 2);
    assert_int_equal(matches(chart, tcp_query(mgmt, 9)), 0);
}

static void a_registered_mgmt_entry_answers_by_the_normal_rule(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1000"));
    must_register(chart, mgmt, 0, TCP("1001"));
    struct mapper_answer answer = ask(chart, tcp_query(mgmt, 0));
    assert_int_equal(answer.status, NDR_EPM_STATUS_OK);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.entries[0]->slot, 1);
}

static void an_empty_replica_answers_not_registered(void **state)
{
    struct chart *chart = *state;
    assert_int_equal(matches(chart, tcp_query(interface_number(7, 1, 0), 5)), 0);
}

// ---- ept_lookup

// Interface 7 in versions 1.0, 1.5, 2.0 and 2.5 with object 0, 1.5 with object 1; interface 8.
static void register_versions(struct chart *chart)
{
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    must_register(chart, interface_number(7, 1, 5), 0, TCP("1000"));
    must_register(chart, interface_number(7, 2, 0), 0, TCP("1000"));
    must_register(chart, interface_number(7, 2, 5), 0, TCP("1000"));
    must_register(chart, interface_number(7, 1, 5), 1, TCP("1000"));
    must_register(chart, interface_number(8, 1, 5), 1, TCP("1000"));
}

static uint32_t count_matches(struct chart *chart, struct mapper_inquiry inquiry)
{
    const struct mapper_entry *entries[CHART_CAPACITY];
    uint32_t next;
    mapper_replica_apply(chart->replica);
    uint32_t count =
        mapper_replica_lookup(chart->replica, &inquiry, 0, entries, CHART_CAPACITY, &next);
    assert_int_equal(next, MAPPER_END);
    // The same, one at a time.
    uint32_t position = 0, single = 0;
    while (position != MAPPER_END) {
        const struct mapper_entry *entry;
        if (mapper_replica_lookup(chart->replica, &inquiry, position, &entry, 1, &position) == 1)
            assert_ptr_equal(entry, entries[single++]);
    }
    assert_int_equal(single, count);
    return count;
}

static void every_inquiry_with_every_version_option(void **state)
{
    struct chart *chart = *state;
    register_versions(chart);
    // Wanted: interface 7 version 1.5, or 2.0, object 0 or 1.
    static const struct {
        enum ndr_epm_inquiry type;
        unsigned versions;
        uint16_t major, minor;
        uint32_t object;
        uint32_t count;
    } rows[] = {
        {NDR_EPM_INQUIRY_ALL, NDR_EPM_VERSIONS_EXACT, 9, 9, 9, 6},
        {NDR_EPM_INQUIRY_BY_INTERFACE, 0, 1, 5, 0, 5},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_ALL, 1, 5, 0, 5},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_COMPATIBLE, 1, 5, 0, 2},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_COMPATIBLE, 1, 0, 0, 3},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_EXACT, 1, 5, 0, 2},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_EXACT, 1, 4, 0, 0},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_MAJOR_ONLY, 1, 9, 0, 3},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_UPTO, 2, 0, 0, 4},
        {NDR_EPM_INQUIRY_BY_INTERFACE, NDR_EPM_VERSIONS_UPTO, 1, 4, 0, 1},
        {NDR_EPM_INQUIRY_BY_OBJECT, NDR_EPM_VERSIONS_EXACT, 9, 9, 0, 4},
        {NDR_EPM_INQUIRY_BY_OBJECT, NDR_EPM_VERSIONS_EXACT, 9, 9, 1, 2},
        {NDR_EPM_INQUIRY_BY_OBJECT, NDR_EPM_VERSIONS_EXACT, 9, 9, 2, 0},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_ALL, 1, 5, 1, 1},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_ALL, 1, 5, 0, 4},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_COMPATIBLE, 2, 0, 0, 2},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_COMPATIBLE, 2, 0, 1, 0},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_EXACT, 1, 5, 1, 1},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_MAJOR_ONLY, 2, 9, 0, 2},
        {NDR_EPM_INQUIRY_BY_BOTH, NDR_EPM_VERSIONS_UPTO, 1, 4, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mapper_inquiry inquiry = {
            .type = rows[i].type,
            .versions = (enum ndr_epm_version_option)rows[i].versions,
            .object = uuid_number(rows[i].object),
            .interface = interface_number(7, rows[i].major, rows[i].minor),
        };
        assert_int_equal(count_matches(chart, inquiry), rows[i].count);
    }
}

static void the_last_match_is_known_to_be_the_last(void **state)
{
    struct chart *chart = *state;
    const struct mapper_entry *entries[4];
    struct mapper_inquiry inquiry = {.type = NDR_EPM_INQUIRY_BY_INTERFACE,
                                     .versions = NDR_EPM_VERSIONS_ALL,
                                     .interface = interface_number(7, 1, 0)};
    uint32_t next;
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1001"));
    must_register(chart, interface_number(8, 1, 0), 0, TCP("1002")); // no match behind the last
    mapper_replica_apply(chart->replica);
    assert_int_equal(mapper_replica_lookup(chart->replica, &inquiry, 0, entries, 2, &next), 2);
    assert_int_equal(next, MAPPER_END);
    assert_int_equal(mapper_replica_lookup(chart->replica, &inquiry, 0, entries, 1, &next), 1);
    assert_int_equal(next, 1);
}

static void a_position_past_the_end_gives_nothing(void **state)
{
    struct chart *chart = *state;
    const struct mapper_entry *entry;
    static const uint32_t positions[] = {1, CHART_CAPACITY, 0x80000000, MAPPER_END, UINT32_MAX};
    must_register(chart, interface_number(7, 1, 0), 5, TCP("1000"));
    mapper_replica_apply(chart->replica);
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
        for (unsigned type = 0; type < 4; type++) {
            struct mapper_inquiry inquiry = {.type = (enum ndr_epm_inquiry)type,
                                             .versions = NDR_EPM_VERSIONS_ALL,
                                             .object = uuid_number(5),
                                             .interface = interface_number(7, 1, 0)};
            uint32_t next = 0;
            assert_int_equal(
                mapper_replica_lookup(chart->replica, &inquiry, positions[i], &entry, 1, &next), 0);
            assert_int_equal(next, MAPPER_END);
        }
}

static void changes_are_seen_after_apply_and_not_before(void **state)
{
    struct chart *chart = *state;
    must_register(chart, interface_number(7, 1, 0), 0, TCP("1000"));
    assert_int_equal(mapper_replica_count(chart->replica), 0);
    assert_int_equal(mapper_log_applied(chart->log), 0);
    assert_int_equal(mapper_replica_apply(chart->replica), 1);
    assert_int_equal(mapper_replica_count(chart->replica), 1);
    assert_int_equal(mapper_log_applied(chart->log), mapper_log_head(chart->log));
    assert_int_equal(mapper_replica_apply(chart->replica), 0);
}

#define query(f) cmocka_unit_test_setup_teardown(f, chart_setup, chart_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        query(the_minor_version_asked_for_is_the_least_that_will_do),
        query(transfer_syntax_and_sequence_must_be_the_ones_registered),
        query(a_null_object_matches_nil_entries),
        query(the_only_entry_of_a_key_is_found_at_once),
        query(an_object_prefers_its_own_entries),
        query(an_object_without_entries_falls_back_to_nil_ones),
        query(an_object_whose_entries_are_too_old_falls_back_as_well),
        query(an_enumeration_of_an_objects_entries_does_not_go_on_to_nil_ones),
        query(answers_are_paged_in_slot_order),
        query(a_map_position_past_the_end_gives_nothing),
        query(a_batch_is_answered_like_single_questions),
        query(asking_for_mgmt_without_an_object_is_invalid),
        query(asking_for_mgmt_gives_each_endpoint_of_the_object_once),
        query(a_registered_mgmt_entry_answers_by_the_normal_rule),
        query(an_empty_replica_answers_not_registered),
        query(every_inquiry_with_every_version_option),
        query(the_last_match_is_known_to_be_the_last),
        query(a_position_past_the_end_gives_nothing),
        query(changes_are_seen_after_apply_and_not_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
