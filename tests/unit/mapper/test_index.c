// The index by itself, over slots without a map.
#include "tests/unit/mapper/chart.h"

#include "mapper/free_slots.h"
#include "mapper/index.h"

enum { SLOTS = 1000 };

static struct mapper_slot slots[SLOTS];
static struct mapper_entry entries[SLOTS];
static struct mapper_index by_object;

// Slot `slot` with object number 1 + slot / per_object.
static void fill(uint32_t per_object)
{
    static const struct mapper_secret secret = {{1, 2}};
    assert_true(mapper_index_init(&by_object, MAPPER_KEY_OBJECT, slots, SLOTS, &secret));
    for (uint32_t i = 0; i < SLOTS; i++) {
        entries[i] = (struct mapper_entry){.object = uuid_number(1 + i / per_object), .slot = i};
        slots[i].entry = &entries[i];
    }
}

static uint32_t find(uint32_t object)
{
    struct base_uuid uuid = uuid_number(object);
    struct mapper_key key = mapper_key_object(&uuid);
    return mapper_index_find(&by_object, &key, mapper_key_hash(&key, &by_object.secret));
}

static void every_key_is_found_and_no_other(void **state)
{
    (void)state;
    fill(1);
    for (uint32_t i = 0; i < SLOTS; i++)
        mapper_index_add(&by_object, i);
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_int_equal(find(1 + i), i);
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_int_equal(find(1 + SLOTS + i), MAPPER_NONE);
    mapper_index_destroy(&by_object);
}

static void a_head_says_whether_its_slot_is_the_only_one(void **state)
{
    (void)state;
    fill(3);
    struct base_uuid uuid = uuid_number(1);
    struct mapper_key key = mapper_key_object(&uuid);
    uint64_t hash = mapper_key_hash(&key, &by_object.secret);
    static const struct {
        bool add;
        uint32_t slot, head;
    } rows[] = {
        {true, 1, 1},
        {true, 0, MAPPER_CHAINED},
        {true, 2, MAPPER_CHAINED},
        {false, 0, MAPPER_CHAINED | 1},
        {false, 2, 1},
        {false, 1, MAPPER_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (rows[i].add ? mapper_index_add : mapper_index_remove)(&by_object, rows[i].slot);
        assert_int_equal(mapper_index_candidate(&by_object, hash), rows[i].head);
    }
    mapper_index_destroy(&by_object);
}

// Searches would never end early again after enough churn if buckets did not forget.
static void an_index_emptied_again_is_as_new(void **state)
{
    (void)state;
    fill(1);
    for (uint32_t i = 0; i < SLOTS; i++)
        mapper_index_add(&by_object, i);
    for (uint32_t i = 0; i < SLOTS; i++)
        mapper_index_remove(&by_object, i * 7 % SLOTS);
    for (uint32_t b = 0; b <= by_object.mask; b++) {
        static const uint8_t no_tags[MAPPER_BUCKET_CELLS];
        assert_memory_equal(by_object.buckets[b].tags, no_tags, sizeof no_tags);
        assert_int_equal(by_object.buckets[b].passed, 0);
    }
    mapper_index_destroy(&by_object);
}

static void a_chain_is_in_slot_order_however_it_came_about(void **state)
{
    (void)state;
    fill(SLOTS / 4);
    for (uint32_t i = 0; i < SLOTS; i++)
        mapper_index_add(&by_object, i * 617 % SLOTS);
    for (uint32_t i = 0; i < SLOTS; i += 3)
        mapper_index_remove(&by_object, i);
    for (uint32_t object = 1; object <= 4; object++) {
        uint32_t slot = find(object);
        for (uint32_t i = (object - 1) * (SLOTS / 4); i < object * (SLOTS / 4); i++)
            if (i % 3 != 0) {
                assert_int_equal(slot, i);
                slot = mapper_index_next(&by_object, slot);
            }
        assert_int_equal(slot, MAPPER_NONE);
    }
    mapper_index_destroy(&by_object);
}

static void a_chain_is_entered_at_any_position(void **state)
{
    (void)state;
    fill(SLOTS);
    for (uint32_t i = 10; i < SLOTS; i += 10)
        mapper_index_add(&by_object, i);
    for (uint32_t i = 0; i < SLOTS; i++)
        if (i % 10 != 0)
            slots[i].entry = NULL;
    struct base_uuid uuid = uuid_number(1);
    struct mapper_key key = mapper_key_object(&uuid);
    for (uint32_t position = 0; position < SLOTS; position++) {
        uint32_t want = position == 0 ? 10 : (position + 9) / 10 * 10;
        assert_int_equal(mapper_index_from(&by_object, &key, find(1), position),
                         want < SLOTS ? want : MAPPER_NONE);
    }
    mapper_index_destroy(&by_object);
}

static void free_slots_are_taken_lowest_first(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 63, 64, 65, 4096, 4097, 5000};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct mapper_free_slots free_slots;
        assert_true(mapper_free_slots_init(&free_slots, capacities[i]));
        for (uint32_t slot = 0; slot < capacities[i]; slot++)
            assert_int_equal(mapper_free_slots_take(&free_slots), slot);
        assert_int_equal(mapper_free_slots_take(&free_slots), UINT32_MAX);
        mapper_free_slots_give(&free_slots, capacities[i] - 1);
        mapper_free_slots_give(&free_slots, capacities[i] / 2);
        assert_int_equal(mapper_free_slots_take(&free_slots), capacities[i] / 2);
        if (capacities[i] > 1)
            assert_int_equal(mapper_free_slots_take(&free_slots), capacities[i] - 1);
        mapper_free_slots_destroy(&free_slots);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_found_and_no_other),
        cmocka_unit_test(a_head_says_whether_its_slot_is_the_only_one),
        cmocka_unit_test(an_index_emptied_again_is_as_new),
        cmocka_unit_test(a_chain_is_in_slot_order_however_it_came_about),
        cmocka_unit_test(a_chain_is_entered_at_any_position),
        cmocka_unit_test(free_slots_are_taken_lowest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
