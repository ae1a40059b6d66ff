// portolan export and import: registrations in bulk over the control socket.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/print.h"
#include "cli/registrations_file.h"

enum {
    BATCH_ENTRIES = 1024,      // what the server takes at once
    BATCH_BYTES = 1000 * 1024, // and a little less than its longest line
};

// ---- export

// The pages of the server's list, one after the other, each entry given to `take`, which owns it.
static enum cli_exit list_all(const struct cli_options *options,
                              enum cli_exit (*take)(void *context, json_t *entry), void *context)
{
    json_t *next = NULL;
    enum cli_exit code;
    do {
        json_t *request = cli_control_request("export");
        json_t *reply = NULL, *entry;
        size_t i;
        if (next != NULL)
            json_object_set_new(request, "from", next);
        code = cli_control_call(options, request, &reply);
        if (code != CLI_OK)
            return code;
        json_array_foreach(json_object_get(reply, "entries"), i, entry)
        {
            if (code == CLI_OK)
                code = take(context, json_incref(entry));
        }
        next = json_incref(json_object_get(reply, "next"));
        json_decref(reply);
    } while (code == CLI_OK && next != NULL);
    return code;
}

struct lines {
    char **text;
    size_t count, room;
};

static enum cli_exit add_line(struct lines *lines, char *text)
{
    if (lines->count == lines->room) {
        lines->room = lines->room == 0 ? 4096 : 2 * lines->room;
        char **larger = realloc(lines->text, lines->room * sizeof *larger);
        if (larger == NULL) {
            free(text);
            return cli_fail(CLI_PROTOCOL, "no memory for so many registrations");
        }
        lines->text = larger;
    }
    lines->text[lines->count++] = text;
    return CLI_OK;
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->text[i]);
    free(lines->text);
}

static enum cli_exit take_line(void *context, json_t *entry)
{
    char *text = json_dumps(entry, JSON_COMPACT);
    json_decref(entry);
    return text == NULL ? cli_fail(CLI_PROTOCOL, "no memory") : add_line(context, text);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorted, so that the same registrations give the same file, wherever they stood in the map.
enum cli_exit cli_export(const struct cli_options *options)
{
    struct lines lines = {0};
    enum cli_exit code = list_all(options, take_line, &lines);
    if (code == CLI_OK) {
        if (lines.count > 0)
            qsort(lines.text, lines.count, sizeof *lines.text, compare_lines);
        bool written = cli_registrations_write_head();
        for (size_t i = 0; i < lines.count && written; i++)
            written = puts(lines.text[i]) >= 0;
        if (!written || !cli_registrations_write_end(lines.count))
            code = cli_fail(CLI_PROTOCOL, "cannot write to stdout");
    }
    free_lines(&lines);
    return code;
}

// ---- import

struct totals {
    size_t changed; // or would be
    size_t room;    // in the map, before
};

// One request for lines[from] and those after it that it has room for; how many in *ret_count.
static char *batch(char *const *lines, size_t count, const char *flag, size_t *ret_count)
{
    char *text = malloc(BATCH_BYTES + 8192);
    size_t size = 0, used = 0;
    if (text == NULL)
        return NULL;
    size = (size_t)sprintf(text, "{\"schema\":%d,\"command\":\"import\"%s,\"entries\":[",
                           CLI_SCHEMA, flag);
    while (used < count && used < BATCH_ENTRIES) {
        size_t length = strlen(lines[used]);
        if (size + length > BATCH_BYTES)
            break;
        if (used > 0)
            text[size++] = ',';
        memcpy(text + size, lines[used++], length);
        size += length;
    }
    strcpy(text + size, "]}");
    *ret_count = used;
    return text;
}

// Sends all lines with `flag` in each request. *ret_done: how many lines the server has taken.
static enum cli_exit send_all(const struct cli_options *options, char *const *lines, size_t count,
                              const char *flag, struct totals *totals, size_t *ret_done)
{
    *ret_done = 0;
    while (*ret_done < count) {
        size_t used = 0;
        json_t *reply = NULL;
        char *text = batch(lines + *ret_done, count - *ret_done, flag, &used);
        if (text == NULL || used == 0) {
            free(text);
            return cli_fail(CLI_USAGE, "no memory, or an entry of more than %d bytes", BATCH_BYTES);
        }
        enum cli_exit code = cli_control_call_text(options, text, &reply);
        free(text);
        if (code != CLI_OK)
            return code;
        totals->changed += (size_t)cli_control_number(reply, "changed");
        if (*ret_done == 0)
            totals->room = (size_t)cli_control_number(reply, "room");
        json_decref(reply);
        *ret_done += used;
    }
    return CLI_OK;
}

static enum cli_exit register_all(const struct cli_options *options,
                                  const struct cli_registrations *file, const char *name)
{
    struct totals would = {0}, did = {0};
    size_t done;
    enum cli_exit code =
        send_all(options, file->lines, file->count, ",\"dry_run\":true", &would, &done);
    if (code != CLI_OK)
        return cli_fail(code, "%s: nothing was changed; entries[0] is line %zu of it", name,
                        file->first_line + done);
    if (would.changed > would.room)
        return cli_fail(CLI_UNREACHABLE,
                        "%s: nothing was changed: found %zu new registrations, expected at most "
                        "%zu, which is what the map has room for; raise mapper.capacity",
                        name, would.changed, would.room);
    if (options->dry_run) {
        fprintf(stderr, "portolan: %s: good; %zu entries, %zu of them new\n", name, file->count,
                would.changed);
        return CLI_OK;
    }
    code = send_all(options, file->lines, file->count, "", &did, &done);
    if (code != CLI_OK)
        return cli_fail(code,
                        "%s: stopped: lines %zu to %zu are registered, those from %zu on are not; "
                        "run it again to go on",
                        name, file->first_line, file->first_line + done - 1,
                        file->first_line + done);
    fprintf(stderr, "portolan: %s: %zu entries registered, %zu of them new\n", name, file->count,
            did.changed);
    return CLI_OK;
}

// ---- import --replace

struct leftover {
    struct cli_registration_key *keys; // of the file, sorted
    size_t count;
    struct lines lines; // registered, and not in the file
};

static enum cli_exit take_leftover(void *context, json_t *entry)
{
    struct leftover *leftover = context;
    struct cli_registration_key key;
    bool stays = !cli_registration_key(entry, &key) ||
                 bsearch(&key, leftover->keys, leftover->count, sizeof key,
                         cli_registration_key_compare) != NULL;
    if (!stays)
        return take_line(&leftover->lines, entry);
    json_decref(entry);
    return CLI_OK;
}

static enum cli_exit read_keys(const struct cli_registrations *file, struct leftover *leftover)
{
    leftover->keys = calloc(file->count + 1, sizeof *leftover->keys);
    if (leftover->keys == NULL)
        return cli_fail(CLI_USAGE, "no memory for the file's keys");
    for (size_t i = 0; i < file->count; i++) {
        json_t *entry = json_loads(file->lines[i], 0, NULL);
        bool good = cli_registration_key(entry, &leftover->keys[leftover->count++]);
        json_decref(entry);
        if (!good)
            return cli_fail(CLI_USAGE, "line %zu: expected a registration", file->first_line + i);
    }
    qsort(leftover->keys, leftover->count, sizeof *leftover->keys, cli_registration_key_compare);
    return CLI_OK;
}

// What the file has was registered before this, so nothing that stays is away in between.
static enum cli_exit remove_others(const struct cli_options *options,
                                   const struct cli_registrations *file)
{
    struct leftover leftover = {0};
    struct totals totals = {0};
    size_t done = 0;
    enum cli_exit code = read_keys(file, &leftover);
    if (code == CLI_OK)
        code = list_all(options, take_leftover, &leftover);
    if (code == CLI_OK && !options->dry_run)
        code = send_all(options, leftover.lines.text, leftover.lines.count, ",\"remove\":true",
                        &totals, &done);
    if (code == CLI_OK)
        fprintf(stderr, "portolan: %zu others %s\n", leftover.lines.count,
                options->dry_run ? "would be removed" : "removed");
    else
        cli_fail(code, "%zu of %zu others were removed; run it again to go on", done,
                 leftover.lines.count);
    free_lines(&leftover.lines);
    free(leftover.keys);
    return code;
}

enum cli_exit cli_import(const struct cli_options *options)
{
    const char *path = options->arguments[0];
    const char *name = path == NULL ? "stdin" : path;
    struct cli_registrations file;
    enum cli_exit code = cli_registrations_read(path, &file);
    if (code != CLI_OK)
        return code;
    code = register_all(options, &file, name);
    if (code == CLI_OK && options->replace)
        code = remove_others(options, &file);
    cli_registrations_free(&file);
    return code;
}
