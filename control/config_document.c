#include "control/config_document.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_include.h"
#include "control/config_yaml.h"

// Memory that lives as long as the document.
struct block {
    struct block *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct control_document {
    const char *path; // of the first file, the caller's
    FILE *complaints;
    unsigned complaint_count;
    struct control_node *root;
    struct block *blocks;
};

static struct control_document *create(const char *path, FILE *complaints)
{
    struct control_document *document = calloc(1, sizeof *document);
    if (document == NULL) {
        fprintf(complaints, "%s: out of memory\n", path);
        return NULL;
    }
    document->complaints = complaints;
    document->path = path;
    return document;
}

struct control_document *control_document_create(const char *path, const char *text, size_t size,
                                                 FILE *complaints)
{
    struct control_document *document = create(path, complaints);
    if (document != NULL)
        document->root = control_include_text(document, path, text, size);
    return document;
}

struct control_document *control_document_load(const char *path, FILE *complaints)
{
    struct control_document *document = create(path, complaints);
    if (document != NULL)
        document->root = control_include_file(document, path);
    return document;
}

void control_document_destroy(struct control_document *document)
{
    if (document == NULL)
        return;
    if (document->root != NULL)
        control_yaml_clear(document->root);
    free(document->root);
    while (document->blocks != NULL) {
        struct block *block = document->blocks;
        document->blocks = block->next;
        free(block);
    }
    free(document);
}

unsigned control_document_complaints(const struct control_document *document)
{
    return document->complaint_count;
}

const struct control_node *control_document_root(const struct control_document *document)
{
    return document->root;
}

const struct control_node *control_node_child(const struct control_node *node, const char *key)
{
    for (unsigned i = 0; node->kind == CONTROL_NODE_MAPPING && i < node->count; i++) {
        if (strcmp(node->children[i].key, key) == 0)
            return &node->children[i];
    }
    return NULL;
}

// Takes one step of *path from `node`; NULL when it leads nowhere.
static const struct control_node *step(const struct control_node *node, const char **path)
{
    const char *at = *path;
    const struct control_node *next = NULL;
    if (*at == '[') {
        char *end;
        unsigned long index = strtoul(at + 1, &end, 10);
        if (node->kind == CONTROL_NODE_LIST && index < node->count)
            next = &node->children[index];
        at = end + strspn(end, "]");
    } else {
        char key[64];
        size_t length = strcspn(at, ".[");
        snprintf(key, sizeof key, "%.*s", (int)length, at);
        next = control_node_child(node, key);
        at += length;
    }
    *path = at + strspn(at, ".");
    return next;
}

// The node at the path; NULL with *ret_deepest the one nearest to it.
static const struct control_node *find(const struct control_document *document, const char *path,
                                       const struct control_node **ret_deepest)
{
    const struct control_node *node = document->root;
    *ret_deepest = node;
    while (node != NULL && *path != '\0') {
        node = step(node, &path);
        if (node != NULL)
            *ret_deepest = node;
    }
    return node;
}

const struct control_node *control_document_find(const struct control_document *document,
                                                 const char *path)
{
    const struct control_node *deepest;
    return find(document, path, &deepest);
}

void control_node_describe(const struct control_node *node, char *text, size_t size)
{
    if (node == NULL || (node->kind == CONTROL_NODE_TEXT && *node->text == '\0'))
        snprintf(text, size, "nothing");
    else if (node->kind == CONTROL_NODE_MAPPING)
        snprintf(text, size, "a mapping");
    else if (node->kind == CONTROL_NODE_LIST)
        snprintf(text, size, "%s", node->count == 0 ? "an empty list" : "a list");
    else
        snprintf(text, size, "'%.60s'", node->text);
}

static void complain(struct control_document *document, const struct control_place *place,
                     const char *path, const char *format, va_list args)
{
    document->complaint_count++;
    fprintf(document->complaints, "%s:", place->file);
    if (place->line > 0)
        fprintf(document->complaints, "%zu:%zu:", place->line, place->column);
    fprintf(document->complaints, " %s%s", path, *path == '\0' ? "" : ": ");
    vfprintf(document->complaints, format, args);
    putc('\n', document->complaints);
}

void control_document_complain_at(struct control_document *document,
                                  const struct control_place *place, const char *path,
                                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(document, place, path, format, args);
    va_end(args);
}

void control_document_complain(struct control_document *document, const char *path,
                               const char *format, ...)
{
    const struct control_node *deepest;
    find(document, path, &deepest);
    va_list args;
    va_start(args, format);
    struct control_place start = {document->path, 1, 1};
    complain(document, deepest == NULL ? &start : &deepest->place, path, format, args);
    va_end(args);
}

void *control_document_allocate(struct control_document *document, size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->next = document->blocks;
    document->blocks = block;
    return block->bytes;
}
