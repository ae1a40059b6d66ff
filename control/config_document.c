#include "control/config_document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct control_document {
    const char *name;
    yaml_document_t yaml;
};

struct control_document *control_document_create(const char *name, const char *text, size_t size)
{
    struct control_document *document = calloc(1, sizeof *document);
    yaml_parser_t parser;
    if (document == NULL || !yaml_parser_initialize(&parser)) {
        fprintf(stderr, "%s: out of memory\n", name);
        free(document);
        return NULL;
    }
    document->name = name;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    bool loaded = yaml_parser_load(&parser, &document->yaml);
    if (!loaded) {
        fprintf(stderr, "%s:%zu:%zu: found bad YAML (%s), expected lists and KEY: VALUE lines\n",
                name, parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                parser.problem == NULL ? "no memory" : parser.problem);
        free(document);
        document = NULL;
    }
    yaml_parser_delete(&parser);
    return document;
}

void control_document_destroy(struct control_document *document)
{
    if (document == NULL)
        return;
    yaml_document_delete(&document->yaml);
    free(document);
}

bool control_path_next(const char **path, struct control_path_step *ret_step)
{
    const char *at = *path;
    *ret_step = (struct control_path_step){0};
    if (*at == '\0')
        return false;
    if (*at == '[') {
        char *end;
        ret_step->index = (unsigned)strtoul(at + 1, &end, 10);
        at = end + strspn(end, "]");
    } else {
        size_t length = strcspn(at, ".[");
        snprintf(ret_step->key, sizeof ret_step->key, "%.*s", (int)length, at);
        at += length;
    }
    *path = at + strspn(at, ".");
    return true;
}

// What a path leads to: the nodes are NULL where the text has none.
struct place {
    yaml_node_t *value;
    yaml_mark_t key_mark;   // where its key begins, or the value itself in a list
    yaml_mark_t value_mark; // where the deepest value begins that is there
};

static yaml_node_t *step_into(yaml_document_t *yaml, yaml_node_t *node,
                              const struct control_path_step *step, yaml_mark_t *ret_key_mark)
{
    yaml_node_t *found = NULL;
    if (node->type == YAML_SEQUENCE_NODE && step->key[0] == '\0') {
        yaml_node_item_t *item = node->data.sequence.items.start + step->index;
        if (item < node->data.sequence.items.top)
            found = yaml_document_get_node(yaml, *item);
        if (found != NULL)
            *ret_key_mark = found->start_mark;
    }
    if (node->type != YAML_MAPPING_NODE || step->key[0] == '\0')
        return found;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(yaml, pair->key);
        if (key->type != YAML_SCALAR_NODE ||
            strcmp((const char *)key->data.scalar.value, step->key) != 0)
            continue;
        found = yaml_document_get_node(yaml, pair->value);
        *ret_key_mark = key->start_mark;
    }
    return found;
}

static struct place find(const struct control_document *document, const char *path)
{
    // libyaml's accessors take no const, but they only read.
    yaml_document_t yaml = document->yaml;
    struct place place = {.value = yaml_document_get_root_node(&yaml)};
    if (place.value == NULL)
        return place;
    place.key_mark = place.value_mark = place.value->start_mark;
    struct control_path_step step;
    while (place.value != NULL && control_path_next(&path, &step)) {
        place.value = step_into(&yaml, place.value, &step, &place.key_mark);
        if (place.value != NULL)
            place.value_mark = place.value->start_mark;
    }
    return place;
}

bool control_document_has(const struct control_document *document, const char *path)
{
    return find(document, path).value != NULL;
}

void control_document_describe(const struct control_document *document, const char *path,
                               char *text, size_t size)
{
    yaml_node_t *value = find(document, path).value;
    if (value == NULL)
        snprintf(text, size, "nothing");
    else if (value->type == YAML_MAPPING_NODE)
        snprintf(text, size, "a mapping");
    else if (value->type == YAML_SEQUENCE_NODE)
        snprintf(text, size, "%s",
                 value->data.sequence.items.start == value->data.sequence.items.top
                     ? "an empty list"
                     : "a list");
    else if (value->data.scalar.length == 0)
        snprintf(text, size, "nothing");
    else
        snprintf(text, size, "'%.60s'", (const char *)value->data.scalar.value);
}

void control_document_complain(const struct control_document *document, const char *path,
                               enum control_document_place place, const char *format, ...)
{
    struct place found = find(document, path);
    yaml_mark_t mark = place == CONTROL_AT_KEY ? found.key_mark : found.value_mark;
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fprintf(stderr, "%s:%zu:%zu: %s%s%s\n", document->name, mark.line + 1, mark.column + 1, path,
            *path == '\0' ? "" : ": ", message);
}
