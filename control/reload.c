#include "control/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/commands.h"
#include "control/config.h"
#include "control/config_values.h"
#include "control/control.h"
#include "control/endpoints.h"
#include "mapper/map.h"
#include "rpc/inject.h"

enum { LAG_STEP_US = 500, LAG_STEPS = 1000, PROBLEMS_MAX = 100 };

struct control_reload {
    const struct control_options *options;
    // What the server goes by: keys read at start point into the configuration it was started with,
    // the others into `latest`.
    struct control_config running;
    struct control_config *latest;      // NULL before the first reload
    uint32_t fault_ids[RPC_INJECT_MAX]; // of the rules that came from the file
    unsigned fault_count;
};

struct control_reload *control_reload_create(const struct control_options *options)
{
    struct control_reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL)
        return NULL;
    reload->options = options;
    if (options->config == NULL)
        return reload;
    reload->running = *options->config;
    // The rules of the file were the first, and ids count from 1.
    for (unsigned i = 0; i < options->config->faults_count; i++)
        reload->fault_ids[reload->fault_count++] = i + 1;
    return reload;
}

void control_reload_destroy(struct control_reload *reload)
{
    if (reload == NULL)
        return;
    control_config_free(reload->latest);
    free(reload);
}

// ---- reading

static json_t *no_file(void)
{
    return control_commands_refuse("unavailable",
                                   "the server was started without a file, expected portoland -c");
}

// A refusal with what is wrong line by line in `problems`; takes over the text.
static json_t *refuse_file(const char *path, char *text)
{
    json_t *problems = json_array();
    char *rest = text, *line;
    unsigned count = 0;
    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        if (*line == '\0')
            continue;
        if (count++ < PROBLEMS_MAX)
            json_array_append_new(problems, json_string(line));
    }
    json_t *reply = control_commands_refuse(
        "invalid", "%s: found %u problem%s, expected none; nothing was changed", path, count,
        count == 1 ? "" : "s");
    json_object_set_new(reply, "problems", problems);
    free(text);
    return reply;
}

// The file as it is now; NULL with *ret_refusal.
static struct control_config *read_file(const struct control_reload *reload, json_t **ret_refusal)
{
    char *text = NULL;
    size_t size;
    FILE *complaints = open_memstream(&text, &size);
    if (complaints == NULL)
        return NULL;
    struct control_config *config = control_config_read(reload->options->config_path, complaints);
    fclose(complaints);
    if (config == NULL)
        *ret_refusal = refuse_file(reload->options->config_path, text);
    else
        free(text);
    return config;
}

// ---- taking

static struct control_endpoints endpoints_of(const struct control_config *config)
{
    return (struct control_endpoints){config->mapper.endpoints, config->mapper.endpoints_count};
}

static uint32_t change_endpoints(struct control_reload *reload, const struct control_config *from,
                                 const struct control_config *to,
                                 struct control_endpoints_report *ret_report)
{
    return control_endpoints_change(reload->options->map, reload->options->log, endpoints_of(from),
                                    endpoints_of(to), ret_report);
}

static bool wait_for_rules(const struct rpc_inject *inject)
{
    for (unsigned i = 0; i < LAG_STEPS && !rpc_inject_applied(inject); i++)
        usleep(LAG_STEP_US);
    return rpc_inject_applied(inject);
}

// Takes the file's old rules away and puts its new ones behind those that were added since. False
// when a worker lags, or there are too many: some rules are missing then.
static bool change_faults(struct control_reload *reload, const struct control_config *file)
{
    struct rpc_inject *inject = reload->options->inject;
    bool complete = true;
    if (inject == NULL)
        return file->faults_count == 0;
    while (reload->fault_count > 0 && complete) {
        complete = rpc_inject_remove(inject, reload->fault_ids[reload->fault_count - 1]) >= 0 &&
                   wait_for_rules(inject);
        reload->fault_count -= complete;
    }
    for (unsigned i = 0; i < file->faults_count && complete; i++) {
        struct rpc_inject_rule rule;
        struct control_fault_problem problem;
        uint32_t id = control_fault_read(&file->faults[i], &rule, &problem)
                          ? rpc_inject_add(inject, &rule)
                          : 0;
        complete = id != 0 && wait_for_rules(inject);
        if (id != 0)
            reload->fault_ids[reload->fault_count++] = id;
    }
    return complete;
}

static bool has_key(const json_t *rows, const char *key)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "key")), key) == 0)
            return true;
    }
    return false;
}

// The keys among the differences that are read at `when`.
static json_t *keys_read_at(const json_t *rows, const char *when)
{
    json_t *keys = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "read")), when) == 0)
            json_array_append(keys, json_object_get(row, "key"));
    }
    return keys;
}

static json_t *refuse_status(const struct control_reload *reload, uint32_t status)
{
    if (status == NDR_EPM_STATUS_NO_MEMORY)
        return control_commands_refuse(
            "full",
            "%s: the map cannot hold its endpoints beside what others registered; raise "
            "mapper.capacity and start again; nothing was changed",
            reload->options->config_path);
    if (status == NDR_EPM_STATUS_UPDATE_FAILED)
        return control_commands_refuse(
            "unavailable", "the op log is full because a worker does not read it: see status; "
                           "nothing was changed");
    return control_commands_refuse("invalid",
                                   "the map refuses an endpoint (status 0x%08x); "
                                   "nothing was changed",
                                   status);
}

// Lets go of what the file said before.
static void keep(struct control_reload *reload, struct control_config *file)
{
    control_config_take(&reload->running, file);
    control_config_free(reload->latest);
    reload->latest = file;
}

// Takes over the file. The map first: it alone can refuse; what follows needs a little memory.
static json_t *take(struct control_reload *reload, struct control_config *file)
{
    struct control_endpoints_report done, undone;
    json_t *rows = control_config_diff(&reload->running, file);
    uint32_t status = change_endpoints(reload, &reload->running, file, &done);
    bool applied =
        status == NDR_EPM_STATUS_OK &&
        (reload->options->apply == NULL || reload->options->apply(reload->options->context, file));
    if (!applied) {
        change_endpoints(reload, file, &reload->running, &undone);
        control_config_free(file);
        json_decref(rows);
        return refuse_status(reload,
                             status != NDR_EPM_STATUS_OK ? status : NDR_EPM_STATUS_NO_MEMORY);
    }
    bool complete = !has_key(rows, "faults") || change_faults(reload, file);
    keep(reload, file);
    json_t *reply =
        json_pack("{s:i, s:b, s:s, s:{s:i, s:i, s:i}, s:o, s:o}", "schema", CONTROL_SCHEMA, "ok", 1,
                  "file", reload->options->config_path, "endpoints", "added", (int)done.added,
                  "removed", (int)done.removed, "changed", (int)done.changed, "changed",
                  keys_read_at(rows, "reload"), "restart", keys_read_at(rows, "start"));
    json_decref(rows);
    if (complete)
        return reply;
    json_decref(reply);
    return control_commands_refuse("unavailable",
                                   "all is read but the fault rules: a worker lags, or there are "
                                   "too many; see fault list");
}

static json_t *reload_file(struct control_reload *reload)
{
    json_t *refusal = NULL;
    if (reload == NULL || reload->options->config_path == NULL)
        return no_file();
    struct control_config *file = read_file(reload, &refusal);
    if (file == NULL)
        return refusal;
    return take(reload, file);
}

// ---- commands

// NULL, or the refusal of members that a command does not take.
static json_t *refuse_members(json_t *members)
{
    const char *command;
    int schema;
    json_error_t error;
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i}", "command", &command, "schema",
                       &schema) == 0)
        return NULL;
    return control_commands_refuse("usage", "%s; expected nothing beside the command", error.text);
}

json_t *control_reload_run(struct control_reload *reload, json_t *members)
{
    json_t *refusal = refuse_members(members);
    return refusal != NULL ? refusal : reload_file(reload);
}

json_t *control_reload_show(struct control_reload *reload, json_t *members)
{
    json_t *refusal = refuse_members(members);
    if (refusal != NULL)
        return refusal;
    if (reload == NULL || reload->options->config == NULL)
        return no_file();
    return json_pack("{s:i, s:b, s:s?, s:o}", "schema", CONTROL_SCHEMA, "ok", 1, "file",
                     reload->options->config_path, "config", control_config_show(&reload->running));
}

// What the file says, for a command that only looks; or NULL and the reply.
static struct control_config *file_for(struct control_reload *reload, json_t *members,
                                       json_t **ret_refusal)
{
    *ret_refusal = refuse_members(members);
    if (*ret_refusal != NULL)
        return NULL;
    if (reload != NULL && reload->options->config_path != NULL)
        return read_file(reload, ret_refusal);
    *ret_refusal = no_file();
    return NULL;
}

json_t *control_reload_diff(struct control_reload *reload, json_t *members)
{
    json_t *refusal;
    struct control_config *file = file_for(reload, members, &refusal);
    if (file == NULL)
        return refusal;
    json_t *reply = json_pack("{s:i, s:b, s:s, s:o}", "schema", CONTROL_SCHEMA, "ok", 1, "file",
                              reload->options->config_path, "differences",
                              control_config_diff(&reload->running, file));
    control_config_free(file);
    return reply;
}

json_t *control_reload_check(struct control_reload *reload, json_t *members)
{
    json_t *refusal;
    struct control_config *file = file_for(reload, members, &refusal);
    if (file == NULL)
        return refusal;
    control_config_free(file);
    return json_pack("{s:i, s:b, s:s}", "schema", CONTROL_SCHEMA, "ok", 1, "file",
                     reload->options->config_path);
}

// ---- SIGHUP

static void log_keys(const char *what, const json_t *keys)
{
    size_t i;
    json_t *key;
    json_array_foreach(keys, i, key) base_info("reload: %s %s", json_string_value(key), what);
}

static void log_reply(const json_t *reply)
{
    size_t i;
    json_t *line;
    const json_t *endpoints = json_object_get(reply, "endpoints");
    if (json_is_true(json_object_get(reply, "ok"))) {
        base_info("reload: %s read; %lld endpoints added, %lld removed, %lld changed",
                  json_string_value(json_object_get(reply, "file")),
                  json_integer_value(json_object_get(endpoints, "added")),
                  json_integer_value(json_object_get(endpoints, "removed")),
                  json_integer_value(json_object_get(endpoints, "changed")));
        log_keys("changed", json_object_get(reply, "changed"));
        log_keys("differs, and is read when the server starts again",
                 json_object_get(reply, "restart"));
        return;
    }
    json_array_foreach(json_object_get(reply, "problems"), i, line)
        base_error("reload: %s", json_string_value(line));
    base_error("reload: %s", json_string_value(json_object_get(reply, "error")));
}

void control_reload_signal(struct control_reload *reload)
{
    json_t *reply = reload_file(reload);
    if (reply == NULL)
        base_error("reload: no memory; nothing was changed");
    else
        log_reply(reply);
    json_decref(reply);
}
