#include "cli/registrations_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "cli/print.h"
#include "ndr/tower.h"

// ---- reading

static enum cli_exit slurp(FILE *file, const char *name, char **ret_text, size_t *ret_size)
{
    char *text = NULL;
    size_t size = 0, room = 0;
    do {
        if (size + 1 >= room) {
            room = room == 0 ? 1 << 20 : 2 * room;
            char *larger = realloc(text, room);
            if (larger == NULL) {
                free(text);
                return cli_fail(CLI_USAGE, "%s: no memory for so large a file", name);
            }
            text = larger;
        }
        size += fread(text + size, 1, room - size - 1, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file)) {
        free(text);
        return cli_fail(CLI_USAGE, "%s: cannot be read (%s)", name, strerror(errno));
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_size = size;
    return CLI_OK;
}

// Cuts `text` into lines; a last one without a newline counts.
static bool cut(struct cli_registrations *file, size_t size)
{
    size_t room = 1, length;
    for (size_t i = 0; i < size; i++)
        room += file->text[i] == '\n';
    file->lines = malloc(room * sizeof *file->lines);
    if (file->lines == NULL)
        return false;
    for (char *line = file->text; line < file->text + size; line += length + 1) {
        length = strcspn(line, "\n");
        line[length] = '\0';
        file->lines[file->count++] = line;
    }
    return true;
}

static enum cli_exit check_head(const char *name, const char *line)
{
    json_t *head = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *format = json_string_value(json_object_get(head, "format"));
    long long schema = json_integer_value(json_object_get(head, "schema"));
    enum cli_exit code = CLI_OK;
    if (format == NULL || strcmp(format, "portolan-registrations") != 0)
        code = cli_fail(CLI_USAGE,
                        "%s:1: found another first line, expected "
                        "{\"format\":\"portolan-registrations\",\"schema\":%d}, as export writes",
                        name, CLI_REGISTRATIONS_SCHEMA);
    else if (schema != CLI_REGISTRATIONS_SCHEMA)
        code = cli_fail(CLI_USAGE,
                        "%s:1: found schema %lld, expected %d; import it with the version that "
                        "exported it",
                        name, schema, CLI_REGISTRATIONS_SCHEMA);
    json_decref(head);
    return code;
}

static enum cli_exit check_end(const char *name, const struct cli_registrations *file)
{
    size_t entries = file->count - 2;
    json_t *end = json_loads(file->lines[file->count - 1], JSON_REJECT_DUPLICATES, NULL);
    bool is_end = json_is_true(json_object_get(end, "end"));
    long long said = json_integer_value(json_object_get(end, "entries"));
    json_decref(end);
    if (!is_end)
        return cli_fail(CLI_USAGE,
                        "%s:%zu: found no {\"end\":true,...} in the last line: the file is cut off",
                        name, file->count);
    if ((size_t)said != entries)
        return cli_fail(CLI_USAGE, "%s:%zu: found %zu entries, expected %lld as it says here", name,
                        file->count, entries, said);
    return CLI_OK;
}

// An entry is passed on as it stands, so it must be one object and nothing more.
static enum cli_exit check_entries(const char *name, const struct cli_registrations *file)
{
    for (size_t i = 1; i + 1 < file->count; i++) {
        json_error_t error;
        json_t *entry = json_loads(file->lines[i], JSON_REJECT_DUPLICATES, &error);
        bool good = json_is_object(entry);
        json_decref(entry);
        if (!good)
            return cli_fail(CLI_USAGE, "%s:%zu: expected a JSON object on one line (%s)", name,
                            i + 1, entry == NULL ? error.text : "found something else");
    }
    return CLI_OK;
}

static enum cli_exit check(const char *name, struct cli_registrations *file)
{
    enum cli_exit code = CLI_OK;
    if (file->count < 2)
        return cli_fail(CLI_USAGE, "%s: found %zu lines, expected at least a head and an end", name,
                        file->count);
    if ((code = check_head(name, file->lines[0])) != CLI_OK ||
        (code = check_end(name, file)) != CLI_OK || (code = check_entries(name, file)) != CLI_OK)
        return code;
    memmove(file->lines, file->lines + 1, (file->count - 2) * sizeof *file->lines);
    file->count -= 2;
    file->first_line = 2;
    return CLI_OK;
}

enum cli_exit cli_registrations_read(const char *path, struct cli_registrations *ret_file)
{
    const char *name = path == NULL ? "stdin" : path;
    struct cli_registrations file = {0};
    size_t size = 0;
    FILE *stream = path == NULL ? stdin : fopen(path, "re");
    if (stream == NULL)
        return cli_fail(CLI_USAGE, "%s: cannot be opened (%s)", path, strerror(errno));
    enum cli_exit code = slurp(stream, name, &file.text, &size);
    if (path != NULL)
        fclose(stream);
    if (code == CLI_OK && !cut(&file, size))
        code = cli_fail(CLI_USAGE, "%s: no memory for so many lines", name);
    if (code == CLI_OK)
        code = check(name, &file);
    if (code == CLI_OK)
        *ret_file = file;
    else
        cli_registrations_free(&file);
    return code;
}

void cli_registrations_free(struct cli_registrations *file)
{
    free(file->lines);
    free(file->text);
    *file = (struct cli_registrations){0};
}

// ---- writing

bool cli_registrations_write_head(void)
{
    return printf("{\"format\":\"portolan-registrations\",\"schema\":%d}\n",
                  CLI_REGISTRATIONS_SCHEMA) > 0;
}

bool cli_registrations_write_end(size_t count)
{
    return printf("{\"end\":true,\"entries\":%zu}\n", count) > 0 && fflush(stdout) == 0;
}

// ---- keys

static struct cli_registration_key hash(const uint8_t *octets, size_t size)
{
    static uint8_t keys[2][16];
    static bool drawn;
    if (!drawn)
        drawn = getrandom(keys, sizeof keys, 0) == sizeof keys;
    return (struct cli_registration_key){
        {base_siphash(keys[0], octets, size), base_siphash(keys[1], octets, size)}};
}

// Octets of the tower that words or digits stand for; 0: neither does.
static size_t tower_of(const json_t *entry, uint8_t tower[NDR_TOWER_MAX])
{
    struct ndr_syntax_id interface = {0};
    struct ndr_binding binding;
    const char *uuid = json_string_value(json_object_get(entry, "interface"));
    const char *version = json_string_value(json_object_get(entry, "version"));
    const char *text = json_string_value(json_object_get(entry, "binding"));
    const char *hex = json_string_value(json_object_get(entry, "tower"));
    if (hex != NULL) {
        size_t size = strlen(hex) / 2;
        for (size_t i = 0; size <= NDR_TOWER_MAX && i < size; i++)
            tower[i] = (uint8_t)strtoul((const char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
        return size <= NDR_TOWER_MAX ? size : 0;
    }
    if (uuid == NULL || version == NULL || text == NULL ||
        !base_uuid_parse(uuid, &interface.uuid) || !ndr_version_parse(version, &interface) ||
        ndr_binding_parse(text, &binding) != NULL)
        return 0;
    return ndr_tower_build(&interface, &ndr_syntax_id_20, &binding, tower, NDR_TOWER_MAX);
}

bool cli_registration_key(const json_t *entry, struct cli_registration_key *ret_key)
{
    struct {
        struct base_uuid object;
        uint8_t tower[NDR_TOWER_MAX];
    } identity = {0};
    const char *object = json_string_value(json_object_get(entry, "object"));
    size_t size = tower_of(entry, identity.tower);
    if (size == 0 || (object != NULL && !base_uuid_parse(object, &identity.object)))
        return false;
    *ret_key = hash((const uint8_t *)&identity, sizeof identity.object + size);
    return true;
}

int cli_registration_key_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cli_registration_key));
}
