// portolan fault: the rules by which the server misbehaves (docs/faults.md).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/print.h"

static void print_list(const json_t *reply)
{
    size_t i;
    json_t *rule;
    const json_t *rules = json_object_get(reply, "rules");
    if (json_array_size(rules) > 0)
        printf("%6s %12s  %s\n", "id", "hits", "rule");
    json_array_foreach(rules, i, rule)
    {
        char text[256];
        const char *words = json_string_value(json_object_get(rule, "rule"));
        printf("%6lld %12lld  %s\n", json_integer_value(json_object_get(rule, "id")),
               json_integer_value(json_object_get(rule, "hits")),
               cli_copy_printable(text, sizeof text, words == NULL ? "" : words,
                                  words == NULL ? 0 : strlen(words)));
    }
}

static void print_id(const json_t *reply)
{
    printf("%lld\n", json_integer_value(json_object_get(reply, "id")));
}

static void print_cleared(const json_t *reply)
{
    printf("cleared %lld\n", json_integer_value(json_object_get(reply, "cleared")));
}

static enum cli_exit ask(const struct cli_options *options, json_t *request,
                         void (*print)(const json_t *reply))
{
    json_t *reply;
    enum cli_exit code = cli_control_call(options, request, &reply);
    if (code != CLI_OK)
        return code;
    json_object_del(reply, "ok");
    if (options->json)
        return cli_print_json(reply);
    print(reply);
    json_decref(reply);
    return CLI_OK;
}

static json_t *request_of(const char *command)
{
    return json_pack("{s:i, s:s}", "schema", CLI_SCHEMA, "command", command);
}

// The words of the rule, with blanks between them.
static enum cli_exit add(const struct cli_options *options)
{
    char rule[512] = "";
    json_t *request = request_of("fault_add");
    for (unsigned i = 1; options->arguments[i] != NULL; i++) {
        size_t used = strlen(rule);
        int size = snprintf(rule + used, sizeof rule - used, "%s%s", i == 1 ? "" : " ",
                            options->arguments[i]);
        if ((size_t)size >= sizeof rule - used) {
            json_decref(request);
            return cli_fail(CLI_USAGE, "fault add: found a rule of more than %zu bytes",
                            sizeof rule - 1);
        }
    }
    json_object_set_new(request, "rule", json_string(rule));
    return ask(options, request, print_id);
}

static enum cli_exit clear(const struct cli_options *options)
{
    const char *id = options->arguments[1];
    json_t *request = request_of("fault_clear");
    if (id != NULL && (strspn(id, "0123456789") != strlen(id) || strlen(id) > 10 || *id == '\0')) {
        json_decref(request);
        return cli_fail(CLI_USAGE,
                        "fault clear: found '%s', expected the id of a rule; see "
                        "portolan fault list",
                        id);
    }
    if (id != NULL)
        json_object_set_new(request, "id", json_integer(strtoll(id, NULL, 10)));
    return ask(options, request, print_cleared);
}

enum cli_exit cli_fault(const struct cli_options *options)
{
    const char *word = options->arguments[0];
    unsigned count = 0;
    while (options->arguments[count] != NULL)
        count++;
    if (strcmp(word, "list") == 0 && count == 1)
        return ask(options, request_of("fault_list"), print_list);
    if (strcmp(word, "clear") == 0 && count <= 2)
        return clear(options);
    if (strcmp(word, "add") == 0 && count >= 2)
        return add(options);
    return cli_fail(CLI_USAGE,
                    "fault: expected list, clear [ID], or add KEY=VALUE...; see portolan --help");
}
