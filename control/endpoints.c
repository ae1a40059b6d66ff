#include "control/endpoints.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "control/endpoint.h"
#include "mapper/map.h"

enum {
    BATCH_MAX = 1024,
    ROOM_STEP_US = 500,
    ROOM_STEPS = 4000, // two seconds for the workers to read on
    NAME_SIZE = 2 * (sizeof(struct base_uuid) + NDR_TOWER_MAX) + 1,
};

// Changes on their way into the map as one.
struct batch {
    struct mapper_map *map;
    const struct mapper_log *log;
    unsigned leaving_count, coming_count;
    struct ndr_epm_entry leaving[BATCH_MAX], coming[BATCH_MAX];
    struct control_registration registrations[BATCH_MAX]; // of either
};

static uint32_t flush(struct batch *batch)
{
    unsigned count = batch->leaving_count + batch->coming_count;
    for (unsigned i = 0; i < ROOM_STEPS && mapper_log_room(batch->log) < count; i++)
        usleep(ROOM_STEP_US);
    mapper_map_reclaim(batch->map);
    uint32_t status = mapper_map_exchange(batch->map, batch->leaving, batch->leaving_count,
                                          batch->coming, batch->coming_count);
    batch->leaving_count = batch->coming_count = 0;
    return status;
}

// Room for another change: the registration to fill. NULL with *ret_status when that fails.
static struct control_registration *next(struct batch *batch, uint32_t *ret_status)
{
    unsigned count = batch->leaving_count + batch->coming_count;
    *ret_status = count == BATCH_MAX ? flush(batch) : NDR_EPM_STATUS_OK;
    if (*ret_status != NDR_EPM_STATUS_OK)
        return NULL;
    return &batch->registrations[batch->leaving_count + batch->coming_count];
}

// A name for what makes an entry the same: its object and its tower.
static void name_entry(const struct ndr_epm_entry *entry, char name[NAME_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *object = (const unsigned char *)&entry->object;
    for (size_t i = 0; i < sizeof entry->object + entry->tower_size; i++) {
        unsigned octet =
            i < sizeof entry->object ? object[i] : entry->tower[i - sizeof entry->object];
        *name++ = digits[octet >> 4];
        *name++ = digits[octet & 15];
    }
    *name = '\0';
}

static bool same_annotation(const struct mapper_entry *entry, const struct ndr_epm_entry *other)
{
    return entry->annotation_size == other->annotation_size &&
           memcmp(entry->annotation, other->annotation, entry->annotation_size) == 0;
}

// Stages what is not in the map as it should be; notes the names of all in `wanted`.
static uint32_t bring(struct batch *batch, struct control_endpoints after, json_t *wanted,
                      struct control_endpoints_report *report)
{
    char name[NAME_SIZE];
    uint32_t status;
    struct control_endpoint_problem problem;
    for (unsigned i = 0; i < after.count; i++) {
        struct control_registration *r = next(batch, &status);
        if (r == NULL)
            return status;
        if (!control_registration_init(r, &after.list[i], &problem))
            return NDR_EPM_STATUS_INVALID_ENTRY;
        name_entry(&r->entry, name);
        json_object_set_new(wanted, name, json_true());
        const struct mapper_entry *entry = mapper_map_find(batch->map, &r->entry);
        if (entry != NULL && entry->origin == MAPPER_ORIGIN_STATIC &&
            same_annotation(entry, &r->entry))
            continue;
        report->added += entry == NULL;
        report->changed += entry != NULL;
        batch->coming[batch->coming_count++] = r->entry;
    }
    return NDR_EPM_STATUS_OK;
}

static uint32_t send_off(struct batch *batch, struct control_endpoints before, const json_t *wanted,
                         struct control_endpoints_report *report)
{
    char name[NAME_SIZE];
    uint32_t status;
    struct control_endpoint_problem problem;
    for (unsigned i = 0; i < before.count; i++) {
        struct control_registration *r = next(batch, &status);
        if (r == NULL)
            return status;
        if (!control_registration_init(r, &before.list[i], &problem))
            return NDR_EPM_STATUS_INVALID_ENTRY;
        name_entry(&r->entry, name);
        const struct mapper_entry *entry = mapper_map_find(batch->map, &r->entry);
        if (json_object_get(wanted, name) != NULL || entry == NULL ||
            entry->origin != MAPPER_ORIGIN_STATIC)
            continue;
        report->removed++;
        batch->leaving[batch->leaving_count++] = r->entry;
    }
    return NDR_EPM_STATUS_OK;
}

uint32_t control_endpoints_change(struct mapper_map *map, const struct mapper_log *log,
                                  struct control_endpoints before, struct control_endpoints after,
                                  struct control_endpoints_report *ret_report)
{
    struct batch *batch = malloc(sizeof *batch);
    json_t *wanted = json_object();
    uint32_t status = NDR_EPM_STATUS_NO_MEMORY;
    *ret_report = (struct control_endpoints_report){0};
    if (batch != NULL && wanted != NULL) {
        batch->map = map;
        batch->log = log;
        batch->leaving_count = batch->coming_count = 0;
        status = bring(batch, after, wanted, ret_report);
        if (status == NDR_EPM_STATUS_OK)
            status = send_off(batch, before, wanted, ret_report);
        if (status == NDR_EPM_STATUS_OK)
            status = flush(batch);
    }
    json_decref(wanted);
    free(batch);
    return status;
}
