#include "control/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "control/endpoint.h"
#include "control/fault.h"
#include "control/oxid.h"
#include "control/reload.h"
#include "control/report.h"
#include "control/trace.h"
#include "control/transfer.h"
#include "mapper/map.h"

struct request {
    const struct control_options *options;
    uint64_t started_us;
    json_t *members;
    bool holds; // the map: see control_commands_run
};

json_t *control_commands_refuse(const char *reason, const char *format, ...)
{
    char error[512];
    va_list args;
    va_start(args, format);
    vsnprintf(error, sizeof error, format, args);
    va_end(args);
    // Text from a request may have been cut in the middle of a UTF-8 sequence.
    json_t *text = json_string(error);
    return json_pack("{s:i, s:b, s:s, s:o}", "schema", CONTROL_SCHEMA, "ok", 0, "reason", reason,
                     "error", text != NULL ? text : json_string("bad request"));
}

static json_t *ok(void)
{
    return json_pack("{s:i, s:b}", "schema", CONTROL_SCHEMA, "ok", 1);
}

json_t *control_commands_refuse_status(uint32_t status)
{
    switch (status) {
    case NDR_EPM_STATUS_NOT_REGISTERED:
        return control_commands_refuse("not_registered", "found no such registration");
    case NDR_EPM_STATUS_INVALID_ENTRY:
        return control_commands_refuse(
            "invalid", "the map refuses the entry: expected an interface that is not nil, an "
                       "address, and with replace no registration of a higher minor version");
    case NDR_EPM_STATUS_NO_MEMORY:
        return control_commands_refuse("full", "the map is full: raise mapper.capacity");
    case NDR_EPM_STATUS_UPDATE_FAILED:
        return control_commands_refuse(
            "unavailable", "the op log is full because a worker does not read it: see status");
    default:
        return control_commands_refuse("denied", "the map answers status 0x%08x", status);
    }
}

static json_t *run_change(struct request *request, bool insert)
{
    struct control_endpoint e = {0};
    const char *command;
    int schema = CONTROL_SCHEMA;
    int replace = 0;
    json_error_t error;
    // jansson's spans are const, the configuration's are not; nothing writes through them.
    if (json_unpack_ex(request->members, &error, JSON_STRICT,
                       "{s:s, s?i, s:s, s:s, s:s, s?s, s?s, s?b}", "command", &command, "schema",
                       &schema, "interface", &e.interface, "version", &e.version, "binding",
                       &e.binding, "object", &e.object, "annotation", &e.annotation, "replace",
                       &replace) != 0)
        return control_commands_refuse(
            "usage",
            "%s; expected interface, version, binding and, if wanted, object, annotation, "
            "replace",
            error.text);
    struct control_registration registration;
    struct control_endpoint_problem problem;
    if (!control_registration_init(&registration, &e, &problem))
        return control_commands_refuse("invalid", "%s: %s", problem.key, problem.text);
    struct mapper_map *map = request->options->map;
    mapper_map_hold(map);
    request->holds = true;
    uint32_t status =
        insert ? mapper_map_insert(map, &registration.entry, 1, replace != 0, MAPPER_ORIGIN_CONTROL)
               : mapper_map_delete(map, &registration.entry, 1);
    return status == NDR_EPM_STATUS_OK ? ok() : control_commands_refuse_status(status);
}

static json_t *run_register(struct request *request)
{
    return run_change(request, true);
}

static json_t *run_unregister(struct request *request)
{
    return run_change(request, false);
}

static json_t *run_export(struct request *request)
{
    return control_transfer_export(request->options->map, request->members);
}

static json_t *run_import(struct request *request)
{
    return control_transfer_import(request->options->map, request->members, &request->holds);
}

static json_t *run_report(struct request *request,
                          json_t *(*report)(const struct control_options *, uint64_t started_us))
{
    const char *command;
    int schema;
    json_error_t error;
    if (json_unpack_ex(request->members, &error, JSON_STRICT, "{s:s, s?i}", "command", &command,
                       "schema", &schema) != 0)
        return control_commands_refuse("usage", "%s; expected nothing beside the command",
                                       error.text);
    json_t *reply = ok();
    json_t *body = report(request->options, request->started_us);
    if (reply == NULL || json_object_update_new(reply, body) != 0) {
        json_decref(reply);
        return NULL;
    }
    return reply;
}

static json_t *run_status(struct request *request)
{
    return run_report(request, control_report_status);
}

static json_t *run_stats(struct request *request)
{
    return run_report(request, control_report_stats);
}

// A number for each worker.
static bool is_since(const json_t *since, unsigned workers)
{
    if (json_array_size(since) != workers)
        return false;
    for (unsigned i = 0; i < workers; i++) {
        if (!json_is_integer(json_array_get(since, i)) ||
            json_integer_value(json_array_get(since, i)) < 0)
            return false;
    }
    return true;
}

static json_t *run_trace(struct request *request)
{
    const char *command;
    int schema, last = 100;
    json_t *since = NULL;
    struct control_trace_query query = {0};
    json_error_t error;
    if (json_unpack_ex(request->members, &error, JSON_STRICT, "{s:s, s?i, s?i, s?s, s?o}",
                       "command", &command, "schema", &schema, "last", &last, "connection",
                       &query.connection, "since", &since) != 0)
        return control_commands_refuse(
            "usage", "%s; expected, if wanted, last, connection and since", error.text);
    if (last < 1 || last > CONTROL_TRACE_LAST_MAX)
        return control_commands_refuse("usage", "last: found %d, expected 1 to %d", last,
                                       CONTROL_TRACE_LAST_MAX);
    if (since != NULL && !is_since(since, request->options->worker_count))
        return control_commands_refuse("usage", "since: expected a list of %u numbers, as in next",
                                       request->options->worker_count);
    query.last = (unsigned)last;
    query.since = since;
    json_t *reply = ok();
    json_t *body = control_trace_report(request->options, &query);
    if (reply == NULL || json_object_update_new(reply, body) != 0) {
        json_decref(reply);
        return NULL;
    }
    return reply;
}

static json_t *run_oxid_add(struct request *request)
{
    return control_oxid_add(request->options->exporter, request->members);
}

static json_t *run_oxid_remove(struct request *request)
{
    return control_oxid_remove(request->options->exporter, request->members);
}

static json_t *run_oxid_list(struct request *request)
{
    return control_oxid_list(request->options->exporter, request->members);
}

static json_t *run_fault_add(struct request *request)
{
    return control_fault_add(request->options->inject, request->options->worker_count,
                             request->members);
}

static json_t *run_fault_list(struct request *request)
{
    return control_fault_list(request->options->inject, request->options->worker_count,
                              request->members);
}

static json_t *run_fault_clear(struct request *request)
{
    return control_fault_clear(request->options->inject, request->options->worker_count,
                               request->members);
}

// The file's entries are not recorded, so they cannot fail by themselves; held back with changes
// that do, they are undone with them, and the reload is refused.
static json_t *run_reload(struct request *request)
{
    mapper_map_hold(request->options->map);
    request->holds = true;
    return control_reload_run(request->options->reload, request->members);
}

static json_t *run_config_show(struct request *request)
{
    return control_reload_show(request->options->reload, request->members);
}

static json_t *run_config_diff(struct request *request)
{
    return control_reload_diff(request->options->reload, request->members);
}

static json_t *run_config_check(struct request *request)
{
    return control_reload_check(request->options->reload, request->members);
}

static const struct command {
    const char *name;
    json_t *(*run)(struct request *request);
} commands[] = {
    {"register", run_register},
    {"unregister", run_unregister},
    {"export", run_export},
    {"import", run_import},
    {"status", run_status},
    {"stats", run_stats},
    {"trace", run_trace},
    {"oxid_add", run_oxid_add},
    {"oxid_remove", run_oxid_remove},
    {"oxid_list", run_oxid_list},
    {"fault_add", run_fault_add},
    {"fault_list", run_fault_list},
    {"fault_clear", run_fault_clear},
    {"reload", run_reload},
    {"config_show", run_config_show},
    {"config_diff", run_config_diff},
    {"config_check", run_config_check},
};

static json_t *refuse_unknown(const char *name)
{
    char known[256] = "";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", commands[i].name);
    }
    return control_commands_refuse("usage", "found command '%.40s', expected one of: %s", name,
                                   known);
}

static json_t *dispatch(struct request *request)
{
    if (!json_is_object(request->members))
        return control_commands_refuse("usage", "found no object, expected {\"command\": ...}");
    const json_t *schema = json_object_get(request->members, "schema");
    if (schema != NULL && json_integer_value(schema) != CONTROL_SCHEMA)
        return control_commands_refuse("usage", "found another schema, expected %d",
                                       CONTROL_SCHEMA);
    const char *name = json_string_value(json_object_get(request->members, "command"));
    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(request);
    }
    return refuse_unknown(name == NULL ? "" : name);
}

json_t *control_commands_run(const struct control_options *options, uint64_t started_us,
                             const char *line, size_t size, bool *ret_holds)
{
    json_error_t error;
    struct request request = {.options = options, .started_us = started_us};
    *ret_holds = false;
    request.members = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
    if (request.members == NULL)
        return control_commands_refuse("usage",
                                       "found bad JSON at column %d (%s), expected one object",
                                       error.column, error.text);
    json_t *reply = dispatch(&request);
    json_decref(request.members);
    *ret_holds = request.holds;
    return reply;
}
