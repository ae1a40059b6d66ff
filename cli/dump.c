#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/collect.h"
#include "cli/commands.h"
#include "cli/print.h"

static bool same_interface(const struct cli_entry *entry, const char *text)
{
    struct ndr_syntax_id id;
    bool has_version;
    if (!cli_interface_parse(text, &id, &has_version))
        return false;
    return has_version ? ndr_syntax_id_equal(&entry->interface, &id)
                       : base_uuid_equal(&entry->interface.uuid, &id.uuid);
}

static bool same_object(const struct cli_entry *entry, const char *text)
{
    struct base_uuid object;
    return base_uuid_parse(text, &object) && base_uuid_equal(&entry->object, &object);
}

// Filters here and not in the server: servers differ in how they compare.
static void keep_wanted(struct cli_list *list, const struct cli_options *options)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct cli_entry entry = list->entries[i];
        bool wanted = (options->interface == NULL || same_interface(&entry, options->interface)) &&
                      (options->object == NULL || same_object(&entry, options->object));
        // Swapped, so that cli_list_free still finds every binding.
        list->entries[i] = list->entries[kept];
        list->entries[kept] = entry;
        kept += wanted;
    }
    while (list->count > kept)
        free(list->entries[--list->count].binding);
}

static void print_text(const struct cli_list *list)
{
    int version_width = 0;
    int binding_width = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct ndr_syntax_id *id = &list->entries[i].interface;
        int version = snprintf(NULL, 0, "v%u.%u", id->major, id->minor);
        int binding = (int)strlen(list->entries[i].binding);
        version_width = version > version_width ? version : version_width;
        binding_width = binding > binding_width ? binding : binding_width;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct cli_entry *entry = &list->entries[i];
        char uuid[BASE_UUID_TEXT_SIZE];
        char version[16];
        bool object = !base_uuid_is_nil(&entry->object);
        bool more = object || entry->annotation[0] != '\0';
        snprintf(version, sizeof version, "v%u.%u", entry->interface.major, entry->interface.minor);
        printf("%s %-*s  %-*s", base_uuid_format(&entry->interface.uuid, uuid), version_width,
               version, more ? binding_width : 0, entry->binding);
        if (object)
            printf("  object %s", base_uuid_format(&entry->object, uuid));
        printf(entry->annotation[0] == '\0' ? "%s\n" : "  %s\n", entry->annotation);
    }
}

static json_t *entry_json(const struct cli_entry *entry)
{
    char interface[BASE_UUID_TEXT_SIZE];
    char object[BASE_UUID_TEXT_SIZE];
    char version[16];
    snprintf(version, sizeof version, "%u.%u", entry->interface.major, entry->interface.minor);
    base_uuid_format(&entry->interface.uuid, interface);
    base_uuid_format(&entry->object, object);
    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s}", "interface", interface, "version", version,
                     "object", base_uuid_is_nil(&entry->object) ? NULL : object, "protseq",
                     ndr_protseq_name(entry->protseq), "binding", entry->binding, "annotation",
                     entry->annotation);
}

static enum cli_exit print_json(const struct cli_list *list, const char *host)
{
    json_t *entries = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(entries, entry_json(&list->entries[i]));
    return cli_print_json(json_pack("{s:s, s:o}", "host", host, "entries", entries));
}

enum cli_exit cli_dump(const struct cli_options *options)
{
    struct cli_target target;
    struct cli_session session;
    struct cli_list list;
    if (!cli_target_parse(options->arguments[0], &target))
        return cli_fail(CLI_USAGE, "found host '%s', expected HOST[:PORT], IPv6 as [ADDRESS]:PORT",
                        options->arguments[0]);
    enum cli_exit code = cli_session_open(&session, &target, options->timeout_ms, &cli_epmapper);
    if (code != CLI_OK)
        return code;
    code = cli_collect(&session, &list);
    cli_session_close(&session);
    if (code == CLI_OK) {
        keep_wanted(&list, options);
        if (options->json)
            code = print_json(&list, session.name);
        else
            print_text(&list);
        if (code == CLI_OK && list.count == 0)
            code = cli_fail(
                CLI_NOT_REGISTERED, "%s: found no endpoint%s", session.name,
                options->interface != NULL || options->object != NULL ? " that was asked for" : "");
    }
    cli_list_free(&list);
    return code;
}
