// reload and config: the server's configuration over the control socket (docs/control-protocol.md).
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/print.h"

// A scalar as YAML: numbers and words as they are, text in quotes as JSON has them.
static void print_scalar(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    fputs(text == NULL ? "null" : text, stdout);
    free(text);
}

static void print_flow(const json_t *list)
{
    size_t i;
    json_t *entry;
    putchar('[');
    json_array_foreach(list, i, entry)
    {
        fputs(i == 0 ? "" : ", ", stdout);
        print_scalar(entry);
    }
    fputs("]\n", stdout);
}

static void print_yaml(const char *key, const json_t *value, int indent);

static void print_members(const json_t *object, int indent, bool entry)
{
    const char *key;
    json_t *value;
    bool first = true;
    // Members keep their order, which is the schema's.
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        printf("%*s%s", entry && first ? indent - 2 : indent, "", entry && first ? "- " : "");
        print_yaml(key, value, indent);
        first = false;
    }
    if (first)
        printf("%*s%s{}\n", entry ? indent - 2 : indent, "", entry ? "- " : "");
}

// The key and its value; the indentation of the line is there already.
static void print_yaml(const char *key, const json_t *value, int indent)
{
    size_t i;
    json_t *entry;
    printf("%s:%s", key, json_is_object(value) ? "\n" : "");
    if (json_is_object(value)) {
        print_members(value, indent + 2, false);
    } else if (json_is_object(json_array_get(value, 0))) {
        putchar('\n');
        json_array_foreach(value, i, entry) print_members(entry, indent + 4, true);
    } else if (json_is_array(value)) {
        putchar(' ');
        print_flow(value);
    } else {
        putchar(' ');
        print_scalar(value);
        putchar('\n');
    }
}

static void print_show(const json_t *reply)
{
    print_members(json_object_get(reply, "config"), 0, false);
}

static void print_entries(char sign, const json_t *entries)
{
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        printf("  %c ", sign);
        print_scalar(entry);
        putchar('\n');
    }
}

static void print_diff(const json_t *reply)
{
    size_t i;
    char key[128], read[16];
    json_t *row;
    json_array_foreach(json_object_get(reply, "differences"), i, row)
    {
        printf("%s (read at %s)\n", cli_control_text(row, "key", key, sizeof key),
               cli_control_text(row, "read", read, sizeof read));
        print_entries('-', json_object_get(row, "removed"));
        print_entries('+', json_object_get(row, "added"));
        if (json_object_get(row, "removed") != NULL)
            continue;
        fputs("  - ", stdout);
        print_scalar(json_object_get(row, "running"));
        fputs("\n  + ", stdout);
        print_scalar(json_object_get(row, "file"));
        putchar('\n');
    }
}

static void print_keys(const char *what, const json_t *keys)
{
    size_t i;
    json_t *key;
    json_array_foreach(keys, i, key) printf("%s %s\n", what, json_string_value(key));
}

static void print_reload(const json_t *reply)
{
    char file[512];
    const json_t *endpoints = json_object_get(reply, "endpoints");
    printf("read %s\n", cli_control_text(reply, "file", file, sizeof file));
    printf("endpoints: %lld added, %lld removed, %lld changed\n",
           cli_control_number(endpoints, "added"), cli_control_number(endpoints, "removed"),
           cli_control_number(endpoints, "changed"));
    print_keys("changed:", json_object_get(reply, "changed"));
    print_keys("needs a restart:", json_object_get(reply, "restart"));
}

static void print_check(const json_t *reply)
{
    char file[512];
    printf("%s: ok\n", cli_control_text(reply, "file", file, sizeof file));
}

enum cli_exit cli_reload(const struct cli_options *options)
{
    return cli_control_report(options, cli_control_request("reload"), print_reload);
}

enum cli_exit cli_config(const struct cli_options *options)
{
    static const struct {
        const char *word, *command;
        void (*print)(const json_t *reply);
    } forms[] = {
        {"show", "config_show", print_show},
        {"diff", "config_diff", print_diff},
        {"check", "config_check", print_check},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].word, options->arguments[0]) == 0)
            return cli_control_report(options, cli_control_request(forms[i].command),
                                      forms[i].print);
    }
    return cli_fail(CLI_USAGE, "config: found '%s', expected show, diff or check",
                    options->arguments[0]);
}
