#include "control/config_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "control/config_document.h"

// A file while its nodes are made.
struct conversion {
    struct control_document *document;
    const char *name;
    yaml_document_t *yaml;
    unsigned depth, nodes;
    size_t path_length;
    char path[256]; // of the node that is being made
};

void control_yaml_clear(struct control_node *node)
{
    for (unsigned i = 0; i < node->count; i++)
        control_yaml_clear(&node->children[i]);
    free(node->children);
    free(node->key);
    free(node->text);
}

static struct control_place place_of(const struct conversion *c, yaml_mark_t mark)
{
    return (struct control_place){c->name, mark.line + 1, mark.column + 1};
}

// Goes down to `key`, or to entry `index` of a list when it is NULL. What does not fit is left out:
// paths that long are refused by the schema anyway. Returns what to come back to.
static size_t enter(struct conversion *c, const char *key, unsigned index)
{
    size_t before = c->path_length, room = sizeof c->path - before;
    int size = key == NULL ? snprintf(c->path + before, room, "[%u]", index)
                           : snprintf(c->path + before, room, "%s%s", before == 0 ? "" : ".", key);
    c->path_length += (size_t)size < room ? (size_t)size : room - 1;
    return before;
}

static void leave(struct conversion *c, size_t before)
{
    c->path_length = before;
    c->path[before] = '\0';
}

static bool refuse(struct conversion *c, const struct control_place *place, const char *message)
{
    control_document_complain_at(c->document, place, c->path, "%s", message);
    return false;
}

static bool convert(struct conversion *c, const yaml_node_t *from, struct control_node *to);

// Text with a NUL in it would be cut short when it is used.
static bool convert_text(struct conversion *c, const yaml_node_t *from, struct control_node *to)
{
    const char *text = (const char *)from->data.scalar.value;
    if (strlen(text) != from->data.scalar.length)
        return refuse(c, &to->place, "found a NUL character, expected text without");
    to->text = strdup(text);
    return to->text != NULL || refuse(c, &to->place, "out of memory");
}

static bool convert_list(struct conversion *c, const yaml_node_t *from, struct control_node *to)
{
    const yaml_node_item_t *items = from->data.sequence.items.start;
    size_t count = (size_t)(from->data.sequence.items.top - items);
    to->children = calloc(count + 1, sizeof *to->children);
    if (to->children == NULL)
        return refuse(c, &to->place, "out of memory");
    for (size_t i = 0; i < count; i++) {
        size_t before = enter(c, NULL, (unsigned)i);
        struct control_node *child = &to->children[to->count++];
        bool converted = convert(c, yaml_document_get_node(c->yaml, items[i]), child);
        child->key_place = child->place;
        leave(c, before);
        if (!converted)
            return false;
    }
    return true;
}

static bool convert_pair(struct conversion *c, const yaml_node_pair_t *pair,
                         struct control_node *to)
{
    const yaml_node_t *key = yaml_document_get_node(c->yaml, pair->key);
    struct control_place place = place_of(c, key->start_mark);
    if (key->type != YAML_SCALAR_NODE)
        return refuse(c, &place, "found a list or mapping for a key, expected a word");
    const char *name = (const char *)key->data.scalar.value;
    bool again = control_node_child(to, name) != NULL;
    size_t before = enter(c, name, 0);
    struct control_node node = {.key_place = place};
    bool converted = convert(c, yaml_document_get_node(c->yaml, pair->value), &node);
    if (converted && again) {
        refuse(c, &place, "found the key a second time, expected it once");
        control_yaml_clear(&node);
    } else {
        node.key = strdup(name);
        to->children[to->count] = node;
        to->count += node.key != NULL;
    }
    leave(c, before);
    return converted;
}

static bool convert_mapping(struct conversion *c, const yaml_node_t *from, struct control_node *to)
{
    const yaml_node_pair_t *pairs = from->data.mapping.pairs.start;
    size_t count = (size_t)(from->data.mapping.pairs.top - pairs);
    if (count > CONTROL_DOCUMENT_KEYS_MAX)
        return refuse(c, &to->place, "found more than 256 keys, expected those of portoland.yaml");
    to->children = calloc(count + 1, sizeof *to->children);
    if (to->children == NULL)
        return refuse(c, &to->place, "out of memory");
    for (size_t i = 0; i < count; i++) {
        if (!convert_pair(c, &pairs[i], to))
            return false;
    }
    return true;
}

// An alias may lead back to where it stands, and a few of them to very many nodes: both are
// bounded here.
static bool convert(struct conversion *c, const yaml_node_t *from, struct control_node *to)
{
    to->place = place_of(c, from->start_mark);
    if (c->depth == CONTROL_DOCUMENT_DEPTH_MAX || c->nodes == CONTROL_DOCUMENT_NODES_MAX)
        return refuse(c, &to->place, "found too much within each other, expected less");
    c->depth++;
    c->nodes++;
    bool converted;
    if (from->type == YAML_SEQUENCE_NODE) {
        to->kind = CONTROL_NODE_LIST;
        converted = convert_list(c, from, to);
    } else if (from->type == YAML_MAPPING_NODE) {
        to->kind = CONTROL_NODE_MAPPING;
        converted = convert_mapping(c, from, to);
    } else {
        to->kind = CONTROL_NODE_TEXT;
        converted = convert_text(c, from, to);
    }
    c->depth--;
    return converted;
}

static struct control_node *convert_root(struct conversion *c)
{
    const yaml_node_t *from = yaml_document_get_root_node(c->yaml);
    struct control_node *root = from == NULL ? NULL : calloc(1, sizeof *root);
    if (root == NULL || convert(c, from, root))
        return root;
    control_yaml_clear(root);
    free(root);
    return NULL;
}

static bool load(struct control_document *document, const char *name, yaml_parser_t *parser,
                 yaml_document_t *yaml)
{
    if (yaml_parser_load(parser, yaml))
        return true;
    struct control_place place = {name, parser->problem_mark.line + 1,
                                  parser->problem_mark.column + 1};
    control_document_complain_at(document, &place, "",
                                 "found bad YAML (%s), expected lists and KEY: VALUE lines",
                                 parser->problem == NULL ? "no memory" : parser->problem);
    return false;
}

// A second document in the same file would be read by nobody.
static void expect_end(struct control_document *document, const char *name, yaml_parser_t *parser)
{
    yaml_document_t yaml;
    if (!load(document, name, parser, &yaml))
        return;
    const yaml_node_t *root = yaml_document_get_root_node(&yaml);
    if (root != NULL) {
        struct control_place place = {name, root->start_mark.line + 1, root->start_mark.column + 1};
        control_document_complain_at(document, &place, "",
                                     "found a second YAML document, expected one in a file");
    }
    yaml_document_delete(&yaml);
}

struct control_node *control_yaml_read(struct control_document *document, const char *name,
                                       const char *text, size_t size)
{
    yaml_parser_t parser;
    yaml_document_t yaml;
    struct control_node *root = NULL;
    struct conversion conversion = {.document = document, .name = name, .yaml = &yaml};
    if (!yaml_parser_initialize(&parser)) {
        struct control_place place = {name, 1, 1};
        refuse(&conversion, &place, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (load(document, name, &parser, &yaml)) {
        root = convert_root(&conversion);
        bool empty = yaml_document_get_root_node(&yaml) == NULL;
        yaml_document_delete(&yaml);
        if (!empty)
            expect_end(document, name, &parser);
    }
    yaml_parser_delete(&parser);
    return root;
}
