// fault_add, fault_list and fault_clear.
#include <stdio.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/fault.h"
#include "rpc/inject.h"

// How long a change waits for the workers: each takes it at the beginning of a turn, and a turn
// with its nap is shorter than a step.
enum { STEP_US = 500, STEPS = 40 };

static json_t *no_rules(void)
{
    return control_commands_refuse("unavailable", "fault rules are not there in this program");
}

static json_t *lagging(void)
{
    return control_commands_refuse("unavailable",
                                   "a worker has not taken the rules as they are now; it does when "
                                   "it runs again: see fault list");
}

static bool wait_applied(const struct rpc_inject *inject)
{
    for (unsigned i = 0; i < STEPS && !rpc_inject_applied(inject); i++)
        usleep(STEP_US);
    return rpc_inject_applied(inject);
}

json_t *control_fault_add(struct rpc_inject *inject, unsigned workers, json_t *members)
{
    const char *command, *text;
    int schema;
    json_error_t error;
    (void)workers;
    if (inject == NULL)
        return no_rules();
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i, s:s}", "command", &command,
                       "schema", &schema, "rule", &text) != 0)
        return control_commands_refuse("usage", "%s; expected rule", error.text);
    char copy[512];
    struct control_fault fault;
    struct control_fault_problem problem;
    struct rpc_inject_rule rule;
    snprintf(copy, sizeof copy, "%s", text);
    if (!control_fault_split(copy, &fault, &problem) ||
        !control_fault_read(&fault, &rule, &problem))
        return control_commands_refuse("invalid", "%s%s%s", problem.key,
                                       *problem.key == '\0' ? "" : ": ", problem.text);
    if (rpc_inject_current(inject)->count == RPC_INJECT_MAX)
        return control_commands_refuse(
            "full", "found %d rules already, expected no more; clear one", RPC_INJECT_MAX);
    uint32_t id = rpc_inject_add(inject, &rule);
    if (id == 0 || !wait_applied(inject))
        return lagging();
    return json_pack("{s:i, s:b, s:I}", "schema", CONTROL_SCHEMA, "ok", 1, "id", (json_int_t)id);
}

json_t *control_fault_clear(struct rpc_inject *inject, unsigned workers, json_t *members)
{
    const char *command;
    int schema;
    json_int_t id = 0;
    json_error_t error;
    (void)workers;
    if (inject == NULL)
        return no_rules();
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i, s?I}", "command", &command,
                       "schema", &schema, "id", &id) != 0)
        return control_commands_refuse("usage", "%s; expected, if wanted, id", error.text);
    if (json_object_get(members, "id") != NULL && (id < 1 || id > UINT32_MAX))
        return control_commands_refuse("not_registered", "found no rule with this id");
    int removed = rpc_inject_remove(inject, (uint32_t)id);
    if (removed == 0 && id != 0)
        return control_commands_refuse("not_registered", "found no rule with this id");
    if (removed < 0 || !wait_applied(inject))
        return lagging();
    return json_pack("{s:i, s:b, s:i}", "schema", CONTROL_SCHEMA, "ok", 1, "cleared", removed);
}

// The hits of a rule per worker, and their sum.
static json_t *hits_of(const struct rpc_inject *inject, unsigned workers, unsigned slot,
                       json_int_t *ret_total)
{
    json_t *hits = json_array();
    *ret_total = 0;
    for (unsigned i = 0; i < workers; i++) {
        json_int_t count = (json_int_t)rpc_inject_hits(inject, slot, i);
        *ret_total += count;
        json_array_append_new(hits, json_integer(count));
    }
    return hits;
}

json_t *control_fault_list(struct rpc_inject *inject, unsigned workers, json_t *members)
{
    const char *command;
    int schema;
    json_error_t error;
    if (inject == NULL)
        return no_rules();
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i}", "command", &command, "schema",
                       &schema) != 0)
        return control_commands_refuse("usage", "%s; expected nothing beside the command",
                                       error.text);
    json_t *rules = json_array();
    const struct rpc_inject_table *table = rpc_inject_current(inject);
    for (unsigned i = 0; i < table->count; i++) {
        json_int_t total;
        json_t *hits = hits_of(inject, workers, table->rows[i].slot, &total);
        json_array_append_new(
            rules, json_pack("{s:I, s:s, s:I, s:o}", "id", (json_int_t)table->rows[i].rule->id,
                             "rule", table->rows[i].rule->text, "hits", total, "workers", hits));
    }
    return json_pack("{s:i, s:b, s:b, s:o}", "schema", CONTROL_SCHEMA, "ok", 1, "applied",
                     (int)rpc_inject_applied(inject), "rules", rules);
}

void control_fault_report(const struct rpc_inject *inject, unsigned workers, json_t *counters)
{
    const struct rpc_inject_table *table = rpc_inject_current(inject);
    for (unsigned i = 0; i < table->count; i++) {
        char name[32];
        json_int_t total;
        json_t *hits = hits_of(inject, workers, table->rows[i].slot, &total);
        snprintf(name, sizeof name, "fault.%u", table->rows[i].rule->id);
        json_array_append_new(counters, json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", name, "kind",
                                                  "event", "help", table->rows[i].rule->text,
                                                  "total", total, "workers", hits));
    }
}
