// A map with its log and one replica, and registrations to put into it.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapper/map.h"
#include "mapper/replica.h"

enum { CHART_CAPACITY = 64, CHART_LOG = 128 };

struct chart {
    struct mapper_log *log;
    struct mapper_map *map;
    struct mapper_replica *replica; // reader 0
};

static inline struct chart chart_create(uint32_t capacity, uint32_t log_capacity, unsigned readers)
{
    struct mapper_options options = {.capacity = capacity};
    struct chart chart;
    chart.log = mapper_log_create(log_capacity, readers);
    assert_non_null(chart.log);
    chart.map = mapper_map_create(&options, chart.log);
    assert_non_null(chart.map);
    chart.replica = mapper_replica_create(capacity, chart.log, 0);
    assert_non_null(chart.replica);
    return chart;
}

static inline void chart_destroy(struct chart *chart)
{
    mapper_replica_destroy(chart->replica);
    mapper_map_destroy(chart->map);
    mapper_log_destroy(chart->log);
}

// What the tests that need no special sizes run on.
static inline int chart_setup(void **state)
{
    struct chart *chart = malloc(sizeof *chart);
    assert_non_null(chart);
    *chart = chart_create(CHART_CAPACITY, CHART_LOG, 1);
    *state = chart;
    return 0;
}

static inline int chart_teardown(void **state)
{
    chart_destroy(*state);
    free(*state);
    return 0;
}

// UUID number `n`; 0 is nil.
static inline struct base_uuid uuid_number(uint32_t n)
{
    struct base_uuid uuid = {0};
    memcpy(uuid.bytes, &n, sizeof n);
    return uuid;
}

static inline struct ndr_syntax_id interface_number(uint32_t n, uint16_t major, uint16_t minor)
{
    return (struct ndr_syntax_id){uuid_number(n), major, minor};
}

struct registration {
    struct ndr_epm_entry entry; // spans point into the fields below, or to literals
    uint8_t tower[256];
};

static inline void registration_fill(struct registration *r, struct ndr_syntax_id interface,
                                     uint32_t object, const char *binding_text)
{
    struct ndr_binding binding;
    assert_null(ndr_binding_parse(binding_text, &binding));
    size_t size =
        ndr_tower_build(&interface, &ndr_syntax_id_20, &binding, r->tower, sizeof r->tower);
    assert_int_not_equal(size, 0);
    r->entry = (struct ndr_epm_entry){
        .object = uuid_number(object), .tower = r->tower, .tower_size = (uint32_t)size};
}

static inline void registration_annotate(struct registration *r, const char *annotation)
{
    r->entry.annotation = annotation;
    r->entry.annotation_size = (uint32_t)strlen(annotation);
}

static inline uint32_t insert(struct chart *chart, const struct registration *r, bool replace)
{
    return mapper_map_insert(chart->map, &r->entry, 1, replace, MAPPER_ORIGIN_CONTROL);
}

// Registers and expects that to succeed.
static inline void must_register(struct chart *chart, struct ndr_syntax_id interface,
                                 uint32_t object, const char *binding)
{
    struct registration r;
    registration_fill(&r, interface, object, binding);
    assert_int_equal(insert(chart, &r, false), NDR_EPM_STATUS_OK);
}

// The map and the replica hold the same entries in the same slots.
static inline void assert_replica_equals_map(struct chart *chart)
{
    mapper_replica_apply(chart->replica);
    assert_int_equal(mapper_replica_count(chart->replica), mapper_map_count(chart->map));
    struct mapper_inquiry all = {.type = NDR_EPM_INQUIRY_ALL};
    uint32_t position = 0, count = 0;
    while (position != MAPPER_END) {
        const struct mapper_entry *entry;
        if (mapper_replica_lookup(chart->replica, &all, position, &entry, 1, &position) == 0)
            break;
        assert_ptr_equal(mapper_map_at(chart->map, entry->slot), entry);
        count++;
    }
    assert_int_equal(count, mapper_map_count(chart->map));
}
