// The reading operations of the endpoint mapper; registrations are in test_rpc_register.c.
#include <string.h>

#include "harness_epm.h"
#include "rpc/group.h"

static const struct base_uuid nil;
static const struct base_uuid some_object =
    BASE_UUID(0xabcdef01, 0x2345, 0x6789, 1, 2, 3, 4, 5, 6, 7, 8);

#define NOT_REGISTERED  NDR_EPM_STATUS_NOT_REGISTERED
#define CANT_PERFORM    NDR_EPM_STATUS_CANT_PERFORM_OP
#define INVALID_CONTEXT NDR_EPM_STATUS_INVALID_CONTEXT

// Towers of ncacn_np with names of 250 characters.
static uint32_t long_tower(unsigned i, uint8_t tower[1024])
{
    struct ndr_binding binding = {.protseq = NDR_PROTSEQ_NCACN_NP};
    memset(binding.host, 'h', 250);
    memset(binding.endpoint, 'p', 250);
    memcpy(binding.endpoint, (char[]){'\\', (char)('A' + i / 26), (char)('A' + i % 26)}, 3);
    return (uint32_t)ndr_tower_build(&echo_id, &ndr_syntax_id_20, &binding, tower, 1024);
}

static void register_long_names(struct bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t tower[1024];
        const struct ndr_epm_entry entry = {
            .tower = tower, .tower_size = long_tower(i, tower), .annotation = ""};
        assert_int_equal(mapper_map_insert(bench->map, &entry, 1, false, MAPPER_ORIGIN_STATIC), 0);
    }
    mapper_replica_apply(bench->replica);
}

// ---- ept_map

static const char map_request[] =
    "05 00 00 03 10 00 00 00 9c 00 00 00 02 00 00 00 84 00 00 00 00 00 03 00 01 00 00 00"
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00 4b 00 00 00 4b 00 00 00 05 00"
    "13 00 0d c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 01 00 02 00 00 00"
    "13 00 0d 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 02 00 00 00"
    "01 00 0b 02 00 00 00 01 00 07 02 00 00 87 01 00 09 04 00 00 00 00 00 00"
    "00000000 00000000 00000000 00000000 00000000 01 00 00 00";

static const char map_request_big_endian[] =
    "05 00 00 03 00 00 00 00 00 9c 00 00 00 00 00 02 00 00 00 84 00 00 00 03 00 00 00 01"
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00 4b 00 00 00 4b 05 00"
    "13 00 0d c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 01 00 02 00 00 00"
    "13 00 0d 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 02 00 00 00"
    "01 00 0b 02 00 00 00 01 00 07 02 00 00 87 01 00 09 04 00 00 00 00 00 00"
    "00000000 00000000 00000000 00000000 00000000 00 00 00 01";

static const char map_response[] =
    "05 00 02 03 10 00 00 00 98 00 00 00 02 00 00 00 80 00 00 00 00 00 00 00"
    "00000000 00000000 00000000 00000000 00000000 01 00 00 00 01 00 00 00 00 00 00 00 01 00 00 00"
    "03 00 00 00 4b 00 00 00 4b 00 00 00 05 00"
    "13 00 0d c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 01 00 02 00 00 00"
    "13 00 0d 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 02 00 00 00"
    "01 00 0b 02 00 00 00 01 00 07 02 00 c0 01 01 00 09 04 00 c0 00 02 0a 00 00 00 00 00";

static void check_worked_example(struct conn *conn, const char *request)
{
    struct octets o = {0}, want = {0};
    put_hex(&o, request);
    put_hex(&want, map_response);
    conn_talk(conn, &o);
    struct answer a = conn_answer(conn);
    assert_int_equal(a.size, want.size);
    assert_memory_equal(a.bytes, want.bytes, want.size);
    assert_open(conn);
}

static void the_worked_example_of_a_map_is_answered_octet_for_octet(void **state)
{
    bench_register(*state, &echo_id, 49153, 1);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    check_worked_example(conn, map_request);
    assert_int_equal(conn->commits, 1); // in one frame
}

static void a_big_endian_map_is_answered_in_little_endian(void **state)
{
    bench_register(*state, &echo_id, 49153, 1);
    check_worked_example(conn_open_bound(*state, RPC_WHOLE), map_request_big_endian);
}

static void a_map_reply_larger_than_a_frame_is_the_same_octets(void **state)
{
    bench_register(*state, &echo_id, 49153, 1);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    conn->segment = 151;
    check_worked_example(conn, map_request);
    assert_int_equal(conn->commits, 0);
    conn->segment = 152;
    check_worked_example(conn, map_request);
    assert_int_equal(conn->commits, 1);
}

static void a_map_reply_larger_than_the_negotiated_size_comes_in_fragments(void **state)
{
    static const struct ndr_context_handle null;
    uint8_t out[1024], tower[1024];
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    register_long_names(*state, 5);
    ndr_epm_encode_map(&w, &nil, tower, long_tower(0, tower), &null, 5);
    struct conn *conn = conn_open(*state);
    struct octets o = {0};
    struct bind bind = plain_bind();
    bind.max_receive = 2048;
    put_bind(&o, &bind);
    conn_talk(conn, &o);
    conn_answer(conn);
    conn->segment = 9000;
    epm_request(conn, NDR_EPM_MAP, &w);
    struct answer first = conn_answer(conn), last = conn_answer(conn);
    assert_int_equal(first.flags, RPC_FIRST_FRAG);
    assert_int_equal(first.stub_size, 2016);
    assert_int_equal(last.flags, RPC_LAST_FRAG);
    assert_open(conn);
}

static void a_map_in_two_fragments_is_answered_like_a_whole_one(void **state)
{
    bench_register(*state, &echo_id, 49153, 1);
    for (uint32_t cut = 1; cut < 132; cut++) {
        struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
        struct octets whole = {0}, o = {0}, want = {0};
        put_hex(&whole, map_request);
        put_hex(&want, map_response);
        struct request part = {.flags = RPC_FIRST_FRAG,
                               .call_id = 2,
                               .opnum = NDR_EPM_MAP,
                               .stub = whole.bytes + 24,
                               .stub_size = cut};
        put_request(&o, &part);
        part.flags = RPC_LAST_FRAG;
        part.stub = whole.bytes + 24 + cut;
        part.stub_size = 132 - cut;
        put_request(&o, &part);
        conn_talk(conn, &o);
        struct answer a = conn_answer(conn);
        assert_memory_equal(a.bytes, want.bytes, want.size);
        conn_close(conn);
    }
}

static void a_map_request_cut_anywhere_is_bad_stub_data(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    struct octets whole = {0};
    put_hex(&whole, map_request);
    for (uint32_t size = 0; size < 132; size++) {
        conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                             .call_id = size,
                                             .opnum = NDR_EPM_MAP,
                                             .stub = whole.bytes + 24,
                                             .stub_size = size});
        assert_fault(conn, RPC_FAULT_BAD_STUB_DATA, 0x03, size, 0);
    }
    assert_int_equal(bench_counter(bench, RPC_DROP_STUB), 132);
    assert_alive(conn);
}

static void maps_that_find_nothing_say_why(void **state)
{
    static const struct {
        const char *name;
        const struct ndr_syntax_id *interface;
        const struct base_uuid *object;
        uint32_t max;
        uint32_t fault, status;
    } rows[] = {
        {"not registered", &unknown_id, &nil, 1, 0, NOT_REGISTERED},
        {"a null tower", NULL, &nil, 1, 0, NOT_REGISTERED},
        {"no towers wanted", &echo_id, &nil, 0, 0, CANT_PERFORM},
        {"501 towers wanted", &echo_id, &nil, 501, RPC_FAULT_BAD_STUB_DATA, 0},
        {"mgmt without an object", &mgmt_id, &nil, 1, 0, NDR_EPM_STATUS_INVALID_ENTRY},
    };
    bench_register(*state, &echo_id, 1024, 1);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct epm_answer a = ask_map(
            conn, &(struct map_question){rows[i].interface, rows[i].object, {0}, rows[i].max});
        assert_int_equal(a.fault, rows[i].fault);
        assert_int_equal(a.status, rows[i].status);
        assert_int_equal(a.count, 0);
        assert_true(is_null(&a.handle));
    }
    assert_alive(conn);
}

static void maps_that_find_are_answered_whatever_stands_for_no_object(void **state)
{
    bench_register(*state, &echo_id, 1024, 1);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    const struct base_uuid *const objects[] = {NULL, &nil, &some_object};
    for (unsigned i = 0; i < ROWS(objects); i++) {
        struct epm_answer a = ask_map(conn, &(struct map_question){&echo_id, objects[i], {0}, 500});
        assert_int_equal(a.status, 0);
        assert_int_equal(a.count, 1);
        assert_int_equal(a.ports[0], 1024);
        assert_true(is_null(&a.handle));
    }
}

static void a_tower_that_does_not_parse_is_bad_stub_data(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    static const uint8_t garbage[75] = {5, 0, 0xff, 0xff};
    static const struct ndr_context_handle null;
    uint8_t out[256];
    struct ndr_writer w = ndr_writer_init(out, sizeof out, NDR_SYNTAX_20, false);
    ndr_epm_encode_map(&w, &nil, garbage, sizeof garbage, &null, 1);
    uint32_t call_id = epm_request(conn, NDR_EPM_MAP, &w);
    assert_fault(conn, RPC_FAULT_BAD_STUB_DATA, 0x03, call_id, 0);
    assert_alive(conn);
}

// Asks on until the handle is null; every port of `count` from 1024 on comes once, in order.
static unsigned walk_map(struct conn *conn, uint32_t max, unsigned count)
{
    struct map_question question = {&echo_id, NULL, {0}, max};
    unsigned pages = 0, seen = 0;
    do {
        struct epm_answer a = ask_map(conn, &question);
        assert_int_equal(a.fault, 0);
        assert_int_equal(a.status, 0);
        assert_in_range(a.count, 1, max);
        for (uint32_t i = 0; i < a.count; i++)
            assert_int_equal(a.ports[i], 1024 + seen++);
        question.handle = a.handle;
        pages++;
    } while (!is_null(&question.handle));
    assert_int_equal(seen, count);
    return pages;
}

static void a_map_of_many_towers_goes_on_by_its_handle(void **state)
{
    static const struct {
        uint32_t max;
        unsigned pages;
    } rows[] = {{1, 40}, {3, 14}, {10, 4}, {16, 3}, {17, 3}, {40, 3}, {500, 3}};
    bench_register(*state, &echo_id, 1024, 40);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    // Each walk gives its cursor back, so more walks than cursors are possible.
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < ROWS(rows); i++)
            assert_int_equal(walk_map(conn, rows[i].max, 40), rows[i].pages);
    }
}

// ---- ept_lookup: its two endings

// What a walk looks like: pages, and how the last one ended.
struct walk {
    unsigned pages, entries;
    uint32_t last_count, last_status;
};

static struct walk walk_lookup(struct conn *conn, struct lookup_question question)
{
    struct walk walk = {0};
    for (;;) {
        struct epm_answer a = ask_lookup(conn, &question);
        assert_int_equal(a.fault, 0);
        for (uint32_t i = 0; i < a.count; i++)
            assert_int_equal(a.ports[i], 1024 + walk.entries++);
        walk.pages++;
        walk.last_count = a.count;
        walk.last_status = a.status;
        if (is_null(&a.handle))
            return walk;
        assert_int_equal(a.status, 0);
        assert_int_equal(a.count, question.max);
        question.handle = a.handle;
    }
}

static void an_enumeration_ends_as_its_asker_expects(void **state)
{
    static const struct {
        const char *name;
        uint32_t type, versions, max;
        struct walk walk; // over 20 entries
    } rows[] = {
        {"impacket", 0, 1, 500, {1, 20, 20, 0}},
        {"C706, look ahead", 0, 1, 3, {7, 20, 2, 0}},
        {"C706, pages that come out even", 0, 1, 10, {2, 20, 10, 0}},
        {"C706, one by one", 0, 1, 1, {20, 20, 1, 0}},
        {"exactly all", 0, 1, 20, {1, 20, 20, 0}},
        {"vers_option 0, more than 10", 0, 0, 11, {2, 20, 9, 0}},
        {"vers_option 0, 500", 0, 0, 500, {1, 20, 20, 0}},
        {"Samba, one by one", 0, 0, 1, {21, 20, 0, NOT_REGISTERED}},
        {"Samba, two by two", 0, 0, 2, {11, 20, 0, NOT_REGISTERED}},
        {"Samba, a partial page", 0, 0, 3, {7, 20, 2, NOT_REGISTERED}},
        {"Samba, ten by ten", 0, 0, 10, {3, 20, 0, NOT_REGISTERED}},
        {"an inquiry nobody defined", 4, 0, 10, {2, 20, 10, 0}},
        {"an inquiry nobody defined, all", 99, 1, 500, {1, 20, 20, 0}},
    };
    bench_register(*state, &echo_id, 1024, 20);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct walk walk = walk_lookup(conn, (struct lookup_question){.type = rows[i].type,
                                                                      .versions = rows[i].versions,
                                                                      .max = rows[i].max});
        assert_memory_equal(&walk, &rows[i].walk, sizeof walk);
    }
}

static void an_empty_map_has_nothing_registered_for_either_kind_of_asker(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (uint32_t versions = 0; versions < 2; versions++) {
        struct walk walk =
            walk_lookup(conn, (struct lookup_question){.versions = versions, .max = 10});
        const struct walk want = {1, 0, 0, NOT_REGISTERED};
        assert_memory_equal(&walk, &want, sizeof walk);
    }
}

static void more_than_500_entries_come_in_pages(void **state)
{
    bench_register(*state, &echo_id, 1024, 501);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct walk walk = walk_lookup(conn, (struct lookup_question){.versions = 1, .max = 500});
    const struct walk want = {2, 501, 1, 0};
    assert_memory_equal(&walk, &want, sizeof walk);
}

static void lookups_are_answered_by_the_rules_of_their_inquiry(void **state)
{
    static const struct ndr_syntax_id echo_1_1 = {
        BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0, 0x50, 0x56, 0xa2, 0x01, 0x82), 1, 1};
    static const struct {
        const char *name;
        struct lookup_question question;
        uint32_t fault, count, status;
    } rows[] = {
        {"by interface", {1, 1, NULL, &echo_id, {0}, 9}, 0, 3, 0},
        {"by interface, vers_option 0", {1, 0, NULL, &echo_id, {0}, 9}, 0, 3, 0},
        {"by interface, compatible", {1, 2, NULL, &echo_1_1, {0}, 9}, 0, 0, NOT_REGISTERED},
        {"by interface, exact", {1, 3, NULL, &echo_id, {0}, 9}, 0, 3, 0},
        {"by interface, exact, none", {1, 3, NULL, &echo_1_1, {0}, 9}, 0, 0, NOT_REGISTERED},
        {"by interface, major only", {1, 4, NULL, &echo_1_1, {0}, 9}, 0, 3, 0},
        {"by interface, up to", {1, 5, NULL, &echo_1_1, {0}, 9}, 0, 3, 0},
        {"by interface, version option 6",
         {1, 6, NULL, &echo_id, {0}, 9},
         0,
         0,
         NDR_EPM_STATUS_INVALID_VERS_OPTION},
        {"by interface, null", {1, 1, NULL, NULL, {0}, 9}, 0, 0, NOT_REGISTERED},
        {"by both, null interface", {3, 1, &nil, NULL, {0}, 9}, 0, 0, NOT_REGISTERED},
        {"by object, null", {2, 1, NULL, NULL, {0}, 9}, 0, 5, 0},
        {"by object, nil", {2, 1, &nil, NULL, {0}, 9}, 0, 5, 0},
        {"by object, none such", {2, 1, &some_object, NULL, {0}, 9}, 0, 0, NOT_REGISTERED},
        {"by object, version option 6 is not consulted", {2, 6, &nil, NULL, {0}, 9}, 0, 5, 0},
        {"by both", {3, 1, &nil, &echo_id, {0}, 9}, 0, 3, 0},
        {"all, with an object that is not consulted",
         {0, 1, &some_object, &unknown_id, {0}, 9},
         0,
         5,
         0},
        {"no entries wanted", {0, 1, NULL, NULL, {0}, 0}, 0, 0, CANT_PERFORM},
        {"501 entries wanted", {0, 1, NULL, NULL, {0}, 501}, RPC_FAULT_BAD_STUB_DATA, 0, 0},
    };
    bench_register(*state, &echo_id, 1024, 3);
    bench_register(*state, &epmapper_id, 135, 2);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct epm_answer a = ask_lookup(conn, &rows[i].question);
        assert_int_equal(a.fault, rows[i].fault);
        assert_int_equal(a.status, rows[i].status);
        assert_int_equal(a.count, rows[i].count);
        assert_true(is_null(&a.handle));
    }
}

static void a_page_ends_where_the_reply_is_full(void **state)
{
    register_long_names(*state, 450);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct lookup_question question = {.versions = 1, .max = 500};
    struct epm_answer first = ask_lookup(conn, &question);
    assert_int_equal(first.status, 0);
    assert_in_range(first.count, 150, 449);
    unsigned seen = first.count;
    question.handle = first.handle;
    while (!is_null(&question.handle)) {
        struct epm_answer next = ask_lookup(conn, &question);
        assert_int_equal(next.status, 0);
        assert_int_not_equal(next.count, 0);
        seen += next.count;
        question.handle = next.handle;
    }
    assert_int_equal(seen, 450);
}

// ---- handles

static struct ndr_context_handle live_handle(struct conn *conn)
{
    struct epm_answer a = ask_lookup(conn, &(struct lookup_question){.versions = 1, .max = 1});
    assert_int_equal(a.status, 0);
    assert_false(is_null(&a.handle));
    return a.handle;
}

// Lookup, map and free all refuse it, and the connection stays.
static void assert_handle_is_dead(struct conn *conn, struct ndr_context_handle handle)
{
    const struct lookup_question lookup = {.versions = 1, .handle = handle, .max = 1};
    const struct map_question map = {&echo_id, NULL, handle, 1};
    assert_int_equal(ask_lookup(conn, &lookup).fault, RPC_FAULT_CONTEXT_MISMATCH);
    assert_int_equal(ask_map(conn, &map).fault, RPC_FAULT_CONTEXT_MISMATCH);
    assert_int_equal(free_handle(conn, handle), RPC_FAULT_CONTEXT_MISMATCH);
    assert_alive(conn);
}

static void a_null_handle_is_freed_with_success(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    assert_int_equal(free_handle(conn, (struct ndr_context_handle){0}), 0);
}

static void a_freed_handle_is_dead(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct ndr_context_handle handle = live_handle(conn);
    assert_int_equal(free_handle(conn, handle), 0);
    assert_handle_is_dead(conn, handle);
    for (unsigned i = 0; i < RPC_GROUP_CURSORS; i++)
        live_handle(conn); // one of them takes the same cursor, in another life
    assert_handle_is_dead(conn, handle);
}

static void a_handle_is_dead_after_the_last_page(void **state)
{
    bench_register(*state, &echo_id, 1024, 2);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct ndr_context_handle handle = live_handle(conn);
    struct epm_answer last =
        ask_lookup(conn, &(struct lookup_question){.versions = 1, .handle = handle, .max = 1});
    assert_true(is_null(&last.handle));
    assert_handle_is_dead(conn, handle);
}

static void a_handle_works_on_every_connection_of_its_group(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct ndr_context_handle handle = live_handle(conn);
    struct conn *other = conn_open_bound(*state, RPC_WHOLE);
    assert_handle_is_dead(other, handle);
    struct conn *joined = conn_open_member(*state, conn->association->group);
    struct epm_answer a =
        ask_lookup(joined, &(struct lookup_question){.versions = 1, .handle = handle, .max = 1});
    assert_int_equal(a.status, 0);
    assert_int_equal(a.ports[0], 1025);
    conn_close(conn);
    assert_int_equal(free_handle(joined, a.handle), 0);
}

static void a_handle_dies_with_its_group(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct ndr_context_handle handle = live_handle(conn);
    conn_close(conn);
    for (unsigned i = 0; i < BENCH_GROUPS + 1; i++) { // through every group, that one included
        conn = conn_open_bound(*state, RPC_WHOLE);
        live_handle(conn);
        assert_handle_is_dead(conn, handle);
        conn_close(conn);
    }
}

static void a_handle_with_any_bit_of_its_uuid_flipped_is_dead(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct ndr_context_handle handle = live_handle(conn);
    for (unsigned bit = 0; bit < 128; bit++) {
        struct ndr_context_handle forged = handle;
        forged.uuid.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_handle_is_dead(conn, forged);
    }
    assert_int_equal(free_handle(conn, handle), 0);
}

static void a_handle_continues_the_question_it_was_made_for_only(void **state)
{
    static const struct lookup_question others[] = {
        {.type = 1, .versions = 1, .interface = &echo_id, .max = 1},
        {.type = 2, .versions = 1, .object = &some_object, .max = 1},
        {.type = 3, .versions = 1, .object = &some_object, .interface = &echo_id, .max = 1},
    };
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct ndr_context_handle handle = live_handle(conn);
    for (unsigned i = 0; i < ROWS(others); i++) {
        struct lookup_question question = others[i];
        question.handle = handle;
        struct epm_answer a = ask_lookup(conn, &question);
        assert_int_equal(a.fault, 0);
        assert_int_equal(a.status, INVALID_CONTEXT);
        assert_int_equal(a.count, 0);
    }
    const struct map_question map = {&echo_id, NULL, handle, 1};
    assert_int_equal(ask_map(conn, &map).status, INVALID_CONTEXT);
    // A different page size is the same question.
    struct epm_answer a =
        ask_lookup(conn, &(struct lookup_question){.versions = 1, .handle = handle, .max = 9});
    assert_int_equal(a.count, 2);
}

static void a_map_handle_does_not_continue_a_lookup(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct epm_answer a = ask_map(conn, &(struct map_question){&echo_id, NULL, {0}, 1});
    const struct lookup_question lookup = {.versions = 1, .handle = a.handle, .max = 1};
    assert_int_equal(ask_lookup(conn, &lookup).status, INVALID_CONTEXT);
    const struct map_question other = {&epmapper_id, NULL, a.handle, 1};
    assert_int_equal(ask_map(conn, &other).status, INVALID_CONTEXT);
    assert_int_equal(free_handle(conn, a.handle), 0);
}

// The client's to continue, or to free: the question was wrong, not the handle.
static void a_question_without_an_answer_leaves_its_handle_alone(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    struct lookup_question lookup = {.versions = 1, .max = 1};
    struct map_question map = {&echo_id, NULL, {0}, 1};
    lookup.handle = ask_lookup(conn, &lookup).handle;
    map.handle = ask_map(conn, &map).handle;
    const struct lookup_question lookups[] = {
        {.versions = 1, .handle = lookup.handle, .max = 0}, // no entries wanted
        {.versions = 1, .handle = map.handle, .max = 1},    // another kind of question
    };
    for (unsigned i = 0; i < ROWS(lookups); i++) {
        struct epm_answer a = ask_lookup(conn, &lookups[i]);
        assert_int_not_equal(a.status, 0);
        assert_memory_equal(&a.handle, &lookups[i].handle, sizeof a.handle);
    }
    const struct map_question maps[] = {
        {&echo_id, NULL, map.handle, 0},
        {&epmapper_id, NULL, map.handle, 1},
        {NULL, NULL, map.handle, 1}, // a null tower
    };
    for (unsigned i = 0; i < ROWS(maps); i++) {
        struct epm_answer a = ask_map(conn, &maps[i]);
        assert_int_not_equal(a.status, 0);
        assert_memory_equal(&a.handle, &maps[i].handle, sizeof a.handle);
    }
    assert_int_equal(ask_lookup(conn, &lookup).ports[0], 1025);
    assert_int_equal(ask_map(conn, &map).ports[0], 1025);
    assert_int_equal(free_handle(conn, lookup.handle), 0);
    assert_int_equal(free_handle(conn, map.handle), 0);
}

static void a_map_of_a_null_tower_with_a_dead_handle_is_a_context_mismatch(void **state)
{
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    const struct map_question map = {NULL, NULL, {.uuid.bytes = {1}}, 1};
    assert_int_equal(ask_map(conn, &map).fault, RPC_FAULT_CONTEXT_MISMATCH);
}

static void a_map_behind_the_free_of_its_handle_in_one_batch_is_a_context_mismatch(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    const struct ndr_context_handle handle =
        ask_map(conn, &(struct map_question){&echo_id, NULL, {0}, 1}).handle;
    uint8_t stub[256], tower[128];
    struct octets o = {0};
    struct ndr_writer w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_handle(&w, &handle);
    struct request request = {.flags = RPC_WHOLE,
                              .call_id = 2,
                              .opnum = NDR_EPM_LOOKUP_HANDLE_FREE,
                              .stub = stub,
                              .stub_size = (uint32_t)ndr_writer_size(&w)};
    put_request(&o, &request);
    uint32_t size = tcp_tower(&echo_id, 135, tower);
    w = ndr_writer_init(stub, sizeof stub, NDR_SYNTAX_20, false);
    ndr_epm_encode_map(&w, NULL, tower, size, &handle, 1);
    request.call_id = 3;
    request.opnum = NDR_EPM_MAP;
    request.stub_size = (uint32_t)ndr_writer_size(&w);
    put_request(&o, &request);
    conn_talk(conn, &o);
    assert_response(conn, 2);
    assert_fault(conn, RPC_FAULT_CONTEXT_MISMATCH, 0x03, 3, 0);
}

static void handles_that_nobody_frees_use_up_nothing(void **state)
{
    bench_register(*state, &echo_id, 1024, 3);
    struct conn *conn = conn_open_bound(*state, RPC_WHOLE);
    const struct ndr_context_handle first = live_handle(conn);
    struct ndr_context_handle last = first;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(ask_map(conn, &(struct map_question){&echo_id, NULL, {0}, 1}).count, 1);
        last = live_handle(conn);
    }
    assert_int_equal(
        ask_lookup(conn, &(struct lookup_question){.versions = 1, .max = 1, .handle = last}).count,
        1);
    // The oldest gave way.
    const struct lookup_question stale = {.versions = 1, .max = 1, .handle = first};
    assert_int_equal(ask_lookup(conn, &stale).fault, RPC_FAULT_CONTEXT_MISMATCH);
}

static void an_entry_that_stays_is_listed_once_while_others_come_and_go(void **state)
{
    struct bench *bench = *state;
    bench_register(bench, &echo_id, 1024, 4);
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    struct lookup_question question = {.versions = 1, .max = 2};
    struct epm_answer a = ask_lookup(conn, &question);
    assert_int_equal(a.ports[1], 1025);
    uint8_t tower[128];
    const struct ndr_epm_entry gone = {.tower = tower,
                                       .tower_size = tcp_tower(&echo_id, 1024, tower)};
    assert_int_equal(mapper_map_delete(bench->map, &gone, 1), 0);
    bench_register(bench, &echo_id, 2000, 1);
    question.handle = a.handle;
    question.max = 9;
    a = ask_lookup(conn, &question);
    assert_true(is_null(&a.handle));
    assert_in_range(a.count, 2, 3); // the newcomer may be among them
    assert_int_equal(a.ports[0], 1026);
    assert_int_equal(a.ports[1], 1027);
}

// ---- ept_inq_object

static void inq_object_tells_the_object_of_the_database(void **state)
{
    struct bench *bench = *state;
    struct conn *conn = conn_open_bound(bench, RPC_WHOLE);
    conn_request(conn,
                 &(struct request){.flags = RPC_WHOLE, .call_id = 2, .opnum = NDR_EPM_INQ_OBJECT});
    struct answer a = assert_response(conn, 2);
    struct octets want = {0};
    put_hex(&want, "44332211 66558877 01020304 05060708 00000000");
    assert_int_equal(a.stub_size, want.size);
    assert_memory_equal(a.stub, want.bytes, want.size);
}

// ---- batches

static void maps_of_many_connections_in_one_batch_get_their_own_answers(void **state)
{
    struct bench *bench = *state;
    bench_register(bench, &echo_id, 1024, 1);
    bench_register(bench, &epmapper_id, 135, 1);
    struct conn *conns[4];
    for (unsigned c = 0; c < 4; c++)
        conns[c] = conn_open_bound(bench, RPC_WHOLE);
    for (unsigned c = 0; c < 4; c++) {
        struct octets o = {0};
        for (uint32_t i = 0; i < 8; i++) {
            put_hex(&o, map_request);
            uint8_t *pdu = o.bytes + 156 * i;
            pdu[12] = (uint8_t)(c * 16 + i);
            pdu[61] ^= i % 3 == 1;           // another interface: not registered
            pdu[56] = i % 3 == 2 ? 0xff : 5; // 255 floors: bad stub data
        }
        conn_send(conns[c], o.bytes, o.size);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(conn_offer(conns[c], UINT32_MAX).result, RPC_CUT_TAKEN);
    }
    assert_int_equal(bench_run(bench), 32);
    for (unsigned c = 0; c < 4; c++) {
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t call_id = c * 16 + i;
            if (i % 3 == 2)
                assert_fault(conns[c], RPC_FAULT_BAD_STUB_DATA, 0x03, call_id, 0);
            else
                assert_int_equal(assert_response(conns[c], call_id).stub_size, i % 3 ? 40 : 128);
        }
    }
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP), 32);
    assert_int_equal(bench_counter(bench, RPC_EPM_MAP_FOUND), 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_worked_example_of_a_map_is_answered_octet_for_octet),
        TEST(a_big_endian_map_is_answered_in_little_endian),
        TEST(a_map_reply_larger_than_a_frame_is_the_same_octets),
        TEST(a_map_reply_larger_than_the_negotiated_size_comes_in_fragments),
        TEST(a_map_in_two_fragments_is_answered_like_a_whole_one),
        TEST(a_map_request_cut_anywhere_is_bad_stub_data),
        TEST(maps_that_find_nothing_say_why),
        TEST(maps_that_find_are_answered_whatever_stands_for_no_object),
        TEST(a_tower_that_does_not_parse_is_bad_stub_data),
        TEST(a_map_of_many_towers_goes_on_by_its_handle),
        TEST(an_enumeration_ends_as_its_asker_expects),
        TEST(an_empty_map_has_nothing_registered_for_either_kind_of_asker),
        TEST(more_than_500_entries_come_in_pages),
        TEST(lookups_are_answered_by_the_rules_of_their_inquiry),
        TEST(a_page_ends_where_the_reply_is_full),
        TEST(a_null_handle_is_freed_with_success),
        TEST(a_freed_handle_is_dead),
        TEST(a_handle_is_dead_after_the_last_page),
        TEST(a_handle_works_on_every_connection_of_its_group),
        TEST(a_handle_dies_with_its_group),
        TEST(a_handle_with_any_bit_of_its_uuid_flipped_is_dead),
        TEST(a_handle_continues_the_question_it_was_made_for_only),
        TEST(a_map_handle_does_not_continue_a_lookup),
        TEST(a_question_without_an_answer_leaves_its_handle_alone),
        TEST(a_map_of_a_null_tower_with_a_dead_handle_is_a_context_mismatch),
        TEST(a_map_behind_the_free_of_its_handle_in_one_batch_is_a_context_mismatch),
        TEST(handles_that_nobody_frees_use_up_nothing),
        TEST(an_entry_that_stays_is_listed_once_while_others_come_and_go),
        TEST(inq_object_tells_the_object_of_the_database),
        TEST(maps_of_many_connections_in_one_batch_get_their_own_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
