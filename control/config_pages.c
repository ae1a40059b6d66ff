#include "control/config_pages.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "control/config_keys.h"

enum { SAMPLE_WIDTH = 98 };

static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void say_list(const struct control_key *key, char *text, size_t size)
{
    append(text, size, "list%s%s", key->takes == NULL ? "" : " of ",
           key->takes == NULL ? "" : key->takes);
    if (key->max != UINT_MAX && key->min > 0)
        append(text, size, ", %u to %u", key->min, key->max);
    else if (key->max != UINT_MAX)
        append(text, size, ", up to %u", key->max);
    if (key->entry->type == CONTROL_KEY_NUMBER)
        append(text, size, ", each %u to %u", key->entry->min, key->entry->max);
}

// What the key takes: "seconds, 0 to 86400", "`off`, `auto`".
static void say_type(const struct control_key *key, char *text, size_t size)
{
    text[0] = '\0';
    switch (key->type) {
    case CONTROL_KEY_NUMBER:
        append(text, size, "%s%s%u to %u", key->unit == NULL ? "" : key->unit,
               key->unit == NULL ? "" : ", ", key->min, key->max);
        break;
    case CONTROL_KEY_BOOL:
        append(text, size, "`true`, `false`");
        break;
    case CONTROL_KEY_CHOICE:
        for (const struct control_choice *choice = key->choices; choice->name != NULL; choice++)
            append(text, size, "%s`%s`", choice == key->choices ? "" : ", ", choice->name);
        break;
    case CONTROL_KEY_TEXT:
        append(text, size, "%s", key->takes == NULL ? "text" : key->takes);
        break;
    case CONTROL_KEY_LIST:
        say_list(key, text, size);
        break;
    case CONTROL_KEY_SECTION:
    case CONTROL_KEY_ENTRY:
        append(text, size, "keys");
        break;
    }
}

static void say_default(const struct control_key *key, char *text, size_t size)
{
    text[0] = '\0';
    if (key->required)
        append(text, size, "required");
    else if (key->absent != NULL)
        append(text, size, "`%s`", key->absent);
    else
        append(text, size, "%s", key->nothing == NULL ? "" : key->nothing);
}

static const char *say_when(const struct control_key *key)
{
    return key->when == CONTROL_AT_RELOAD ? "reload" : "start";
}

// The keys of what the key holds, if they are worth a row each.
static const struct control_key *keys_within(const struct control_key *key)
{
    if (key->type == CONTROL_KEY_LIST && key->example == NULL)
        return key->entry->keys;
    return key->type == CONTROL_KEY_SECTION ? key->keys : NULL;
}

static void path_within(const struct control_key *key, const char *path, char *text, size_t size)
{
    snprintf(text, size, "%s%s", path, key->type == CONTROL_KEY_LIST ? "[]." : ".");
}

// ---- Markdown

static void write_rows(const struct control_key *keys, const char *prefix, FILE *to)
{
    char type[256], absent[128], path[128], inner[160];
    for (const struct control_key *key = keys; key->name != NULL; key++) {
        snprintf(path, sizeof path, "%s%s", prefix, key->name);
        say_type(key, type, sizeof type);
        say_default(key, absent, sizeof absent);
        if (key->type != CONTROL_KEY_SECTION)
            fprintf(to, "| `%s` | %s | %s | %s | %s |\n", path, type, absent, say_when(key),
                    key->help);
        if (keys_within(key) == NULL)
            continue;
        path_within(key, path, inner, sizeof inner);
        write_rows(keys_within(key), inner, to);
    }
}

static bool write_table(const char *section, FILE *to)
{
    const struct control_key *key = control_key_at(section);
    const struct control_key *keys = key == NULL ? NULL : keys_within(key);
    if (keys == NULL)
        return false;
    fprintf(to, "| key | type | default | read at | |\n| --- | --- | --- | --- | --- |\n");
    write_rows(keys, key->type == CONTROL_KEY_LIST ? "[]." : "", to);
    return true;
}

bool control_pages_fill(const char *text, FILE *to)
{
    static const char begin[] = "<!-- keys of ", end[] = "<!-- end of keys -->";
    const char *at;
    while ((at = strstr(text, begin)) != NULL) {
        char section[64];
        const char *rest = strstr(at, end);
        if (rest == NULL || sscanf(at + strlen(begin), "%63[a-z_]", section) != 1)
            return false;
        fwrite(text, 1, (size_t)(at - text), to);
        fprintf(to, "%s%s -->\n", begin, section);
        if (!write_table(section, to))
            return false;
        fputs(end, to);
        text = rest + strlen(end);
    }
    fputs(text, to);
    return true;
}

// ---- the manual page

// With scdoc's characters escaped, and `code` in bold.
static void write_scdoc(const char *text, FILE *to)
{
    for (; *text != '\0'; text++) {
        if (*text == '`')
            putc('*', to);
        else if (strchr("*_\\#[]~<>", *text) != NULL)
            fprintf(to, "\\%c", *text);
        else
            putc(*text, to);
    }
}

static void write_manual_keys(const struct control_key *keys, const char *prefix, FILE *to)
{
    char type[256], absent[128], path[128], inner[160];
    for (const struct control_key *key = keys; key->name != NULL; key++) {
        snprintf(path, sizeof path, "%s%s", prefix, key->name);
        say_type(key, type, sizeof type);
        say_default(key, absent, sizeof absent);
        if (key->type != CONTROL_KEY_SECTION) {
            putc('*', to);
            write_scdoc(path, to);
            fputs("*: ", to);
            write_scdoc(type, to);
            fputs("\n\t", to);
            write_scdoc(key->help == NULL ? "" : key->help, to);
            fputs(".", to);
            if (*absent != '\0') {
                fputs(key->required ? " It is " : " Without it: ", to);
                write_scdoc(absent, to);
                fputs(".", to);
            }
            fprintf(to, " Read at %s%s%s.\n\n", say_when(key),
                    key->since == NULL ? "" : "; since version ",
                    key->since == NULL ? "" : key->since);
        }
        if (keys_within(key) == NULL)
            continue;
        path_within(key, path, inner, sizeof inner);
        write_manual_keys(keys_within(key), inner, to);
    }
}

static void write_manual_section(const struct control_key *key, FILE *to)
{
    char title[64], inner[80];
    for (size_t i = 0; i <= strlen(key->name); i++)
        title[i] =
            key->name[i] >= 'a' && key->name[i] <= 'z' ? (char)(key->name[i] - 32) : key->name[i];
    fprintf(to, "# %s\n\n", title);
    if (key->type == CONTROL_KEY_LIST) {
        const struct control_key alone[] = {*key, {0}};
        write_manual_keys(alone, "", to);
        return;
    }
    write_scdoc(key->help, to);
    fputs(".\n\n", to);
    path_within(key, key->name, inner, sizeof inner);
    write_manual_keys(key->keys, inner, to);
}

void control_pages_manual(FILE *to)
{
    fputs("portoland.yaml(5)\n\n"
          "# NAME\n\nportoland.yaml - configuration of portoland\n\n"
          "# DESCRIPTION\n\n"
          "YAML, read strictly: an unknown key, a key that stands twice, a wrong type or a value "
          "out of range is refused with its file, line and column, and what was expected. "
          "*portoland --check -c* _FILE_ does only that.\n\n"
          "*include* at the top of a file is a list of paths and globs, relative to the file it "
          "stands in. Mappings of all files are merged and lists put behind each other; any other "
          "key may stand once.\n\n"
          "A key that is read at _reload_ takes effect on SIGHUP and *portolan reload*; one that "
          "is read at _start_ when the server starts again.\n\n",
          to);
    for (const struct control_key *key = control_config_root.keys; key->name != NULL; key++)
        write_manual_section(key, to);
    fputs("# SEE ALSO\n\nThe commented sample _portoland.yaml.sample_\n", to);
}

// ---- the sample

// A comment, broken into lines, without the backquotes.
static void write_comment(const char *text, unsigned indent, FILE *to)
{
    unsigned column = 0;
    while (*text != '\0') {
        unsigned length = (unsigned)strcspn(text, " "), shown = 0;
        for (unsigned i = 0; i < length; i++)
            shown += text[i] != '`';
        if (column == 0 || column + 1 + shown > SAMPLE_WIDTH)
            column = (unsigned)fprintf(to, "%s%*s#", column == 0 ? "" : "\n", (int)indent, "");
        putc(' ', to);
        for (unsigned i = 0; i < length; i++) {
            if (text[i] != '`')
                putc(text[i], to);
        }
        column += 1 + shown;
        text += length + (text[length] == ' ');
    }
    putc('\n', to);
}

static void describe_key(const struct control_key *key, unsigned indent, FILE *to)
{
    char text[1024], type[256], absent[128];
    say_type(key, type, sizeof type);
    say_default(key, absent, sizeof absent);
    snprintf(text, sizeof text, "%s", key->help);
    if (key->type != CONTROL_KEY_SECTION)
        append(text, sizeof text, " (%s; %s%s%s)", type,
               key->required || key->absent == NULL ? "" : "default ", absent,
               key->when == CONTROL_AT_RELOAD ? "; reload" : "");
    write_comment(text, indent, to);
}

static void write_sample_keys(const struct control_key *keys, unsigned indent, bool live,
                              bool entry, FILE *to);

static void write_sample_key(const struct control_key *key, unsigned indent, bool live,
                             const char *dash, FILE *to)
{
    const struct control_key *within = keys_within(key);
    const char *value = key->example != NULL ? key->example : key->absent;
    describe_key(key, indent - (unsigned)strlen(dash), to);
    if (within == NULL && value == NULL)
        return;
    if (key->type != CONTROL_KEY_SECTION)
        live = live && (key->required || *dash != '\0');
    fprintf(to, "%*s%s%s%s:%s%s\n", (int)(indent - strlen(dash)), "", live ? "" : "#", dash,
            key->name, within == NULL ? " " : "", within == NULL ? value : "");
    if (within != NULL)
        write_sample_keys(within, indent + (key->type == CONTROL_KEY_LIST ? 4 : 2), live,
                          key->type == CONTROL_KEY_LIST, to);
}

// The first key of an entry has the dash.
static void write_sample_keys(const struct control_key *keys, unsigned indent, bool live,
                              bool entry, FILE *to)
{
    for (const struct control_key *key = keys; key->name != NULL; key++)
        write_sample_key(key, indent, live || !entry, entry && key == keys ? "- " : "", to);
}

void control_pages_sample(FILE *to)
{
    fputs("# portoland.yaml: every key. What is commented out as #key stands for the default, or "
          "shows an\n# example. portoland.yaml(5) and docs/portoland.yaml.md say the same in "
          "another form.\n#\n# include: [FILE, conf.d/*.yaml] at the top merges other files in.\n",
          to);
    for (const struct control_key *key = control_config_root.keys; key->name != NULL; key++) {
        putc('\n', to);
        write_sample_key(key, 0, true, "", to);
    }
}
