#include "control/config_include.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_document.h"
#include "control/config_yaml.h"

enum { FILE_SIZE_MAX = 256 << 20 };

struct inclusion {
    struct control_document *document;
    unsigned file_count;
    char *files[CONTROL_DOCUMENT_FILES_MAX]; // their real paths
    unsigned depth;
};

// The whole file, or NULL with errno.
static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    char *text = NULL;
    size_t size = 0, room = 0;
    int error = 0;
    do {
        room = room == 0 ? 65536 : 2 * room;
        char *larger = room > FILE_SIZE_MAX ? NULL : realloc(text, room);
        error = larger == NULL ? EFBIG : 0;
        if (larger == NULL)
            break;
        text = larger;
        size += fread(text + size, 1, room - size, file);
    } while (size == room);
    if (error == 0 && ferror(file))
        error = errno;
    fclose(file);
    if (error != 0) {
        free(text);
        errno = error;
        return NULL;
    }
    *ret_size = size;
    return text;
}

static char *keep_name(struct control_document *document, const char *path)
{
    char *name = control_document_allocate(document, strlen(path) + 1);
    return name == NULL ? NULL : strcpy(name, path);
}

// ---- merging

static bool grow(struct control_node *node, unsigned more)
{
    size_t count = (size_t)node->count + more;
    struct control_node *children = realloc(node->children, count * sizeof *children);
    if (children == NULL)
        return false;
    node->children = children;
    return true;
}

static void merge(struct control_document *document, struct control_node *into,
                  struct control_node *from, const char *path);

static void merge_key(struct control_document *document, struct control_node *into,
                      struct control_node *from, const char *parent)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s%s", parent, *parent == '\0' ? "" : ".", from->key);
    for (unsigned i = 0; i < into->count; i++) {
        struct control_node *child = &into->children[i];
        if (strcmp(child->key, from->key) != 0)
            continue;
        if (child->kind != CONTROL_NODE_TEXT && child->kind == from->kind)
            merge(document, child, from, path);
        else
            control_document_complain_at(
                document, &from->key_place, path,
                "found the key a second time, expected it once: it stands at %s:%zu:%zu",
                child->key_place.file, child->key_place.line, child->key_place.column);
        return;
    }
    if (!grow(into, 1))
        return;
    into->children[into->count++] = *from;
    *from = (struct control_node){0};
}

// Moves what `from` holds into `into`, which is of the same kind. `from` may then be cleared.
static void merge(struct control_document *document, struct control_node *into,
                  struct control_node *from, const char *path)
{
    if (from->kind == CONTROL_NODE_MAPPING) {
        for (unsigned i = 0; i < from->count; i++)
            merge_key(document, into, &from->children[i], path);
        return;
    }
    if (from->count == 0 || !grow(into, from->count))
        return;
    memcpy(into->children + into->count, from->children, from->count * sizeof *from->children);
    into->count += from->count;
    from->count = 0;
}

// ---- files

static struct control_node *include_file(struct inclusion *inclusion, const char *path,
                                         const struct control_place *place, const char *key_path);

// Notes that the file is read. False after complaining that it is or was already.
static bool claim(struct inclusion *inclusion, const char *path, const struct control_place *place,
                  const char *key_path)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        return true; // reading it says what is wrong
    for (unsigned i = 0; i < inclusion->file_count; i++) {
        if (strcmp(inclusion->files[i], real) != 0)
            continue;
        control_document_complain_at(inclusion->document, place, key_path,
                                     "found '%s', which is read already, expected no cycle and "
                                     "each file once",
                                     path);
        return false;
    }
    if (inclusion->file_count == CONTROL_DOCUMENT_FILES_MAX) {
        control_document_complain_at(inclusion->document, place, key_path,
                                     "found more than %d files, expected less",
                                     CONTROL_DOCUMENT_FILES_MAX);
        return false;
    }
    inclusion->files[inclusion->file_count] = keep_name(inclusion->document, real);
    return inclusion->files[inclusion->file_count++] != NULL;
}

static void include_pattern(struct inclusion *inclusion, struct control_node *root,
                            const struct control_node *entry, const char *key_path)
{
    char folder[PATH_MAX], pattern[2 * PATH_MAX];
    snprintf(folder, sizeof folder, "%s", entry->place.file);
    snprintf(pattern, sizeof pattern, "%s%s%s", *entry->text == '/' ? "" : dirname(folder),
             *entry->text == '/' ? "" : "/", entry->text);
    bool literal = strpbrk(entry->text, "*?[") == NULL;
    glob_t found = {0};
    int result = glob(pattern, literal ? GLOB_NOCHECK | GLOB_NOESCAPE : 0, NULL, &found);
    if (result != 0 && result != GLOB_NOMATCH)
        control_document_complain_at(inclusion->document, &entry->place, key_path,
                                     "found '%s', which cannot be looked up", entry->text);
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
        struct control_node *part =
            include_file(inclusion, found.gl_pathv[i], &entry->place, key_path);
        if (part == NULL)
            continue;
        merge(inclusion->document, root, part, "");
        control_yaml_clear(part);
        free(part);
    }
    globfree(&found);
}

// Takes the key out of the root.
static struct control_node take_include(struct control_node *root)
{
    for (unsigned i = 0; root->kind == CONTROL_NODE_MAPPING && i < root->count; i++) {
        struct control_node include = root->children[i];
        if (strcmp(include.key, "include") != 0)
            continue;
        root->count--;
        memmove(root->children + i, root->children + i + 1,
                (root->count - i) * sizeof *root->children);
        return include;
    }
    return (struct control_node){.kind = CONTROL_NODE_LIST};
}

static void follow(struct inclusion *inclusion, struct control_node *root)
{
    struct control_node include = take_include(root);
    char found[96], path[32];
    if (include.kind != CONTROL_NODE_LIST) {
        control_node_describe(&include, found, sizeof found);
        control_document_complain_at(inclusion->document, &include.place, "include",
                                     "found %s, expected a list of files", found);
    }
    for (unsigned i = 0; include.kind == CONTROL_NODE_LIST && i < include.count; i++) {
        const struct control_node *entry = &include.children[i];
        snprintf(path, sizeof path, "include[%u]", i);
        control_node_describe(entry, found, sizeof found);
        if (entry->kind == CONTROL_NODE_TEXT && *entry->text != '\0')
            include_pattern(inclusion, root, entry, path);
        else
            control_document_complain_at(inclusion->document, &entry->place, path,
                                         "found %s, expected a path or glob", found);
    }
    control_yaml_clear(&include);
}

static struct control_node *read_part(struct inclusion *inclusion, const char *name,
                                      const char *text, size_t size)
{
    struct control_node *root = control_yaml_read(inclusion->document, name, text, size);
    if (root == NULL)
        return NULL;
    inclusion->depth++;
    follow(inclusion, root);
    inclusion->depth--;
    return root;
}

static struct control_node *include_file(struct inclusion *inclusion, const char *path,
                                         const struct control_place *place, const char *key_path)
{
    struct control_document *document = inclusion->document;
    if (!claim(inclusion, path, place, key_path))
        return NULL;
    size_t size = 0;
    char *text = NULL, *name = keep_name(document, path);
    if (inclusion->depth == CONTROL_DOCUMENT_DEPTH_MAX)
        errno = ELOOP;
    else
        text = read_file(path, &size);
    if (text == NULL || name == NULL) {
        control_document_complain_at(document, place, key_path,
                                     "found '%s', which cannot be read (%s), expected a file", path,
                                     strerror(errno));
        free(text);
        return NULL;
    }
    struct control_node *root = read_part(inclusion, name, text, size);
    free(text);
    if (root != NULL && root->kind != CONTROL_NODE_MAPPING) {
        control_document_complain_at(document, &root->place, "",
                                     "found no mapping, expected keys of portoland.yaml");
        control_yaml_clear(root);
        free(root);
        return NULL;
    }
    return root;
}

struct control_node *control_include_text(struct control_document *document, const char *path,
                                          const char *text, size_t size)
{
    struct inclusion inclusion = {.document = document};
    char *name = keep_name(document, path);
    struct control_place place = {name, 1, 1};
    if (name == NULL || !claim(&inclusion, path, &place, ""))
        return NULL;
    return read_part(&inclusion, name, text, size);
}

struct control_node *control_include_file(struct control_document *document, const char *path)
{
    size_t size = 0;
    char *text = read_file(path, &size);
    if (text == NULL) {
        struct control_place nowhere = {.file = path};
        control_document_complain_at(document, &nowhere, "",
                                     "cannot be read (%s); give -c the configuration file",
                                     strerror(errno));
        return NULL;
    }
    struct control_node *root = control_include_text(document, path, text, size);
    free(text);
    return root;
}
