#include "control/transfer.h"

#include <stdlib.h>

#include "control/commands.h"
#include "control/transfer_entry.h"
#include "mapper/map.h"

// ---- export

// Positions are slots: an entry that is there all the time is listed once, whatever comes and goes.
static json_t *list_entries(const struct mapper_map *map, uint32_t *position, unsigned max)
{
    json_t *entries = json_array();
    while (*position < mapper_map_slots(map) && json_array_size(entries) < max) {
        const struct mapper_entry *entry = mapper_map_at(map, (*position)++);
        if (entry == NULL || entry->origin == MAPPER_ORIGIN_STATIC)
            continue;
        if (json_array_append_new(entries, control_transfer_entry_write(entry)) != 0) {
            json_decref(entries);
            return NULL;
        }
    }
    return entries;
}

json_t *control_transfer_export(const struct mapper_map *map, json_t *members)
{
    const char *command;
    int schema;
    json_int_t from = 0;
    json_error_t error;
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i, s?I}", "command", &command,
                       "schema", &schema, "from", &from) != 0)
        return control_commands_refuse("usage", "%s; expected, if wanted, from", error.text);
    if (from < 0 || from > UINT32_MAX)
        return control_commands_refuse("usage", "from: found %lld, expected what next said",
                                       (long long)from);
    uint32_t position = (uint32_t)from;
    json_t *entries = list_entries(map, &position, CONTROL_EXPORT_MAX);
    json_t *reply = entries == NULL ? NULL
                                    : json_pack("{s:i, s:b, s:o}", "schema", CONTROL_SCHEMA, "ok",
                                                1, "entries", entries);
    if (reply != NULL && position < mapper_map_slots(map))
        json_object_set_new(reply, "next", json_integer(position));
    return reply;
}

// ---- import

struct import {
    int remove, dry_run;
    uint32_t count;
    struct control_registration *registrations;
    struct ndr_epm_entry *entries; // what of them is to be changed
    uint32_t missing;              // of `count`, those that are not in the map
};

static void import_free(struct import *import)
{
    free(import->registrations);
    free(import->entries);
}

static json_t *refuse_entry(size_t index, const char *key, const char *text)
{
    return control_commands_refuse("invalid", "entries[%zu].%s: %s", index, key, text);
}

// NULL when every entry is good; otherwise the reply.
static json_t *read_entries(struct import *import, json_t *list, const struct mapper_map *map)
{
    size_t i;
    json_t *object;
    json_array_foreach(list, i, object)
    {
        struct control_registration *registration = &import->registrations[i];
        struct control_endpoint_problem problem;
        if (!control_transfer_entry_read(object, registration, &problem))
            return refuse_entry(i, problem.key, problem.text);
        uint32_t missing;
        if (mapper_map_check(map, &registration->entry, 1, &missing) != NDR_EPM_STATUS_OK)
            return refuse_entry(i, "entry",
                                "the map refuses it: expected an interface that is not nil, an "
                                "address and an endpoint");
        import->missing += missing;
        if (!import->remove || missing == 0)
            import->entries[import->count++] = registration->entry;
    }
    return NULL;
}

static json_t *carry_out(struct import *import, struct mapper_map *map, bool *ret_holds)
{
    uint32_t status = NDR_EPM_STATUS_OK;
    uint32_t room = mapper_map_capacity(map) - mapper_map_count(map);
    uint32_t changed = import->remove ? import->count : import->missing;
    if (!import->dry_run) {
        mapper_map_hold(map);
        *ret_holds = true;
        status = import->remove ? mapper_map_delete(map, import->entries, import->count)
                                : mapper_map_insert(map, import->entries, import->count, false,
                                                    MAPPER_ORIGIN_CONTROL);
    }
    if (status != NDR_EPM_STATUS_OK)
        return control_commands_refuse_status(status);
    return json_pack("{s:i, s:b, s:I, s:I}", "schema", CONTROL_SCHEMA, "ok", 1, "changed",
                     (json_int_t)changed, "room", (json_int_t)room);
}

json_t *control_transfer_import(struct mapper_map *map, json_t *members, bool *ret_holds)
{
    struct import import = {0};
    const char *command;
    int schema;
    json_t *list = NULL;
    json_error_t error;
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i, s:o, s?b, s?b}", "command",
                       &command, "schema", &schema, "entries", &list, "remove", &import.remove,
                       "dry_run", &import.dry_run) != 0)
        return control_commands_refuse(
            "usage", "%s; expected entries and, if wanted, remove and dry_run", error.text);
    size_t size = json_array_size(list);
    if (size == 0 || size > CONTROL_IMPORT_MAX)
        return control_commands_refuse("usage", "entries: expected a list of 1 to %d",
                                       CONTROL_IMPORT_MAX);
    import.registrations = calloc(size, sizeof *import.registrations);
    import.entries = calloc(size, sizeof *import.entries);
    json_t *reply = NULL;
    if (import.registrations != NULL && import.entries != NULL) {
        reply = read_entries(&import, list, map);
        if (reply == NULL)
            reply = carry_out(&import, map, ret_holds);
    }
    import_free(&import);
    return reply;
}
