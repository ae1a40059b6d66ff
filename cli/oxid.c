// portolan oxid: the table of the server's OXID resolver.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/print.h"

static void print_texts(const char *title, const json_t *texts)
{
    size_t i;
    json_t *item;
    printf("%s", title);
    json_array_foreach(texts, i, item)
    {
        char text[600];
        const char *value = json_string_value(item);
        printf(" %s", cli_copy_printable(text, sizeof text, value == NULL ? "" : value,
                                         value == NULL ? 0 : strlen(value)));
    }
    putchar('\n');
}

static const char *text_of(const json_t *object, const char *key, char text[64])
{
    const char *value = json_string_value(json_object_get(object, key));
    return cli_copy_printable(text, 64, value == NULL ? "" : value,
                              value == NULL ? 0 : strlen(value));
}

static void print_list(const json_t *reply)
{
    char text[64];
    size_t i, j;
    json_t *entry, *oid;
    print_texts("resolver ", json_object_get(reply, "bindings"));
    printf("ping sets  %lld\n", json_integer_value(json_object_get(reply, "ping_sets")));
    json_array_foreach(json_object_get(reply, "oxids"), i, entry)
    {
        printf("%s", text_of(entry, "oxid", text));
        printf("  ipid %s\n", text_of(entry, "ipid", text));
        print_texts("   ", json_object_get(entry, "bindings"));
        json_array_foreach(json_object_get(entry, "oids"), j, oid)
            printf("    object %s held by %lld ping sets\n", text_of(oid, "oid", text),
                   json_integer_value(json_object_get(oid, "ping_sets")));
    }
}

static enum cli_exit list(const struct cli_options *options)
{
    json_t *reply;
    enum cli_exit code = cli_control_call(
        options, json_pack("{s:i, s:s}", "schema", CLI_SCHEMA, "command", "oxid_list"), &reply);
    if (code != CLI_OK)
        return code;
    json_object_del(reply, "ok");
    if (options->json)
        return cli_print_json(reply);
    print_list(reply);
    json_decref(reply);
    return CLI_OK;
}

static enum cli_exit change(const struct cli_options *options, json_t *request)
{
    json_t *reply = NULL;
    enum cli_exit code = cli_control_call(options, request, &reply);
    json_decref(reply);
    return code;
}

static enum cli_exit add(const struct cli_options *options)
{
    json_t *bindings = json_array(), *oids = json_array();
    for (unsigned i = 3; options->arguments[i] != NULL; i++)
        json_array_append_new(bindings, json_string(options->arguments[i]));
    for (unsigned i = 0; i < options->oid_count; i++)
        json_array_append_new(oids, json_string(options->oids[i]));
    return change(options, json_pack("{s:i, s:s, s:s, s:s, s:o, s:o}", "schema", CLI_SCHEMA,
                                     "command", "oxid_add", "oxid", options->arguments[1], "ipid",
                                     options->arguments[2], "bindings", bindings, "oids", oids));
}

enum cli_exit cli_oxid(const struct cli_options *options)
{
    const char *word = options->arguments[0];
    unsigned count = 0;
    while (options->arguments[count] != NULL)
        count++;
    if (strcmp(word, "list") == 0 && count == 1)
        return list(options);
    if (strcmp(word, "remove") == 0 && count == 2)
        return change(options, json_pack("{s:i, s:s, s:s}", "schema", CLI_SCHEMA, "command",
                                         "oxid_remove", "oxid", options->arguments[1]));
    if (strcmp(word, "add") == 0 && count >= 4)
        return add(options);
    return cli_fail(CLI_USAGE,
                    "oxid: expected list, remove OXID, or add OXID IPID BINDING...; see portolan "
                    "--help");
}
