#include "control/config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/config_document.h"
#include "control/config_keys.h"

// Where the reading is.
struct reading {
    struct control_document *document;
    size_t path_length;
    char path[192];
};

// As `enter` and `leave` of config_yaml.c, but known keys always fit.
static size_t enter(struct reading *reading, const char *key)
{
    size_t before = reading->path_length, room = sizeof reading->path - before;
    int size =
        snprintf(reading->path + before, room, "%s%s", before == 0 || *key == '[' ? "" : ".", key);
    reading->path_length += (size_t)size < room ? (size_t)size : room - 1;
    return before;
}

static void leave(struct reading *reading, size_t before)
{
    reading->path_length = before;
    reading->path[before] = '\0';
}

static void mismatch(struct reading *reading, const struct control_key *key,
                     const struct control_node *node)
{
    char found[96], expected[512];
    control_node_describe(node, found, sizeof found);
    control_key_expected(key, expected, sizeof expected);
    control_document_complain_at(reading->document, &node->place, reading->path,
                                 "found %s, expected %s", found, expected);
}

// ---- single values: each false when the text is none

static bool read_number(const struct control_key *key, const char *text, void *member)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long number = digits == 0 || digits > 10 ? 0 : strtoul(text, NULL, 10);
    if (digits == 0 || digits > 10 || text[digits] != '\0' || number < key->min ||
        number > key->max)
        return false;
    *(unsigned *)member = (unsigned)number;
    return true;
}

static bool read_bool(const char *text, void *member)
{
    bool is_true = strcmp(text, "true") == 0;
    *(bool *)member = is_true;
    return is_true || strcmp(text, "false") == 0;
}

static bool read_choice(const struct control_key *key, const char *text, void *member)
{
    for (const struct control_choice *choice = key->choices; choice->name != NULL; choice++) {
        if (strcmp(choice->name, text) == 0) {
            *(int *)member = choice->value;
            return true;
        }
    }
    return false;
}

static bool read_text(struct control_document *document, const char *text, void *member)
{
    char *copy = control_document_allocate(document, strlen(text) + 1);
    *(char **)member = copy == NULL ? NULL : strcpy(copy, text);
    return copy != NULL;
}

static bool read_scalar(struct reading *reading, const struct control_key *key, const char *text,
                        void *member)
{
    switch (key->type) {
    case CONTROL_KEY_NUMBER:
        return read_number(key, text, member);
    case CONTROL_KEY_BOOL:
        return read_bool(text, member);
    case CONTROL_KEY_CHOICE:
        return read_choice(key, text, member);
    case CONTROL_KEY_TEXT:
        return read_text(reading->document, text, member);
    default:
        return false;
    }
}

// ---- what holds others

static void read_key(struct reading *reading, const struct control_key *key,
                     const struct control_node *node, void *base);

static void fill_absent(struct reading *reading, const struct control_key *key, void *base)
{
    if (key->type == CONTROL_KEY_SECTION) {
        for (const struct control_key *row = key->keys; row->name != NULL; row++)
            fill_absent(reading, row, base);
    } else if (key->absent != NULL) {
        read_scalar(reading, key, key->absent, (char *)base + key->offset);
    }
}

static void refuse_unknown(struct reading *reading, const struct control_key *parent,
                           const struct control_node *node)
{
    char expected[512];
    control_key_expected(parent, expected, sizeof expected);
    size_t before = enter(reading, node->key);
    control_document_complain_at(reading->document, &node->key_place, reading->path,
                                 "found an unknown key, expected %s", expected);
    leave(reading, before);
}

static void complain_missing(struct reading *reading, const struct control_key *key,
                             const struct control_node *parent)
{
    char expected[512];
    control_key_expected(key, expected, sizeof expected);
    size_t before = enter(reading, key->name);
    control_document_complain_at(reading->document, &parent->place, reading->path,
                                 "found nothing, expected %s", expected);
    leave(reading, before);
}

static void read_mapping(struct reading *reading, const struct control_key *key,
                         const struct control_node *node, void *base)
{
    for (const struct control_key *row = key->keys; row->name != NULL; row++) {
        const struct control_node *child = control_node_child(node, row->name);
        fill_absent(reading, row, base);
        if (child != NULL)
            read_key(reading, row, child, base);
        else if (row->required)
            complain_missing(reading, row, node);
    }
    for (unsigned i = 0; i < node->count; i++) {
        if (control_key_find(key->keys, node->children[i].key) == NULL)
            refuse_unknown(reading, key, &node->children[i]);
    }
}

static void read_entry(struct reading *reading, const struct control_key *entry,
                       const struct control_node *node, void *member)
{
    if (entry->type == CONTROL_KEY_ENTRY && node->kind == CONTROL_NODE_MAPPING)
        read_mapping(reading, entry, node, member);
    else if (entry->type == CONTROL_KEY_ENTRY || node->kind != CONTROL_NODE_TEXT ||
             *node->text == '\0' || !read_scalar(reading, entry, node->text, member))
        mismatch(reading, entry, node);
}

static void read_list(struct reading *reading, const struct control_key *key,
                      const struct control_node *node, void *base)
{
    if (node->count < key->min) {
        mismatch(reading, key, node);
        return;
    }
    if (node->count > key->max) {
        control_document_complain_at(reading->document, &node->place, reading->path,
                                     "found %u entries, expected at most %u", node->count,
                                     key->max);
        return;
    }
    char *entries =
        control_document_allocate(reading->document, (size_t)node->count * key->entry_size);
    if (entries == NULL) {
        control_document_complain_at(reading->document, &node->place, reading->path,
                                     "out of memory");
        return;
    }
    for (unsigned i = 0; i < node->count; i++) {
        char index[16];
        snprintf(index, sizeof index, "[%u]", i);
        size_t before = enter(reading, index);
        read_entry(reading, key->entry, &node->children[i], entries + i * key->entry_size);
        leave(reading, before);
    }
    *(void **)(void *)((char *)base + key->offset) = entries;
    *(unsigned *)(void *)((char *)base + key->count_offset) = node->count;
}

// A section whose keys are all commented out is there and has none.
static bool is_empty(const struct control_key *key, const struct control_node *node)
{
    return key->type == CONTROL_KEY_SECTION && !key->required && node->kind == CONTROL_NODE_TEXT &&
           *node->text == '\0';
}

static void read_value(struct reading *reading, const struct control_key *key,
                       const struct control_node *node, void *base)
{
    static const enum control_node_kind kinds[] = {
        [CONTROL_KEY_SECTION] = CONTROL_NODE_MAPPING, [CONTROL_KEY_LIST] = CONTROL_NODE_LIST,
        [CONTROL_KEY_TEXT] = CONTROL_NODE_TEXT,       [CONTROL_KEY_NUMBER] = CONTROL_NODE_TEXT,
        [CONTROL_KEY_BOOL] = CONTROL_NODE_TEXT,       [CONTROL_KEY_CHOICE] = CONTROL_NODE_TEXT,
    };
    if (is_empty(key, node))
        return;
    if (node->kind != kinds[key->type])
        mismatch(reading, key, node);
    else if (key->type == CONTROL_KEY_SECTION)
        read_mapping(reading, key, node, base);
    else if (key->type == CONTROL_KEY_LIST)
        read_list(reading, key, node, base);
    else if ((key->type == CONTROL_KEY_TEXT && *node->text == '\0' && !key->may_be_empty) ||
             !read_scalar(reading, key, node->text, (char *)base + key->offset))
        mismatch(reading, key, node);
}

static void read_key(struct reading *reading, const struct control_key *key,
                     const struct control_node *node, void *base)
{
    size_t before = enter(reading, key->name);
    read_value(reading, key, node, base);
    leave(reading, before);
}

void control_config_fill(struct control_config *config, struct control_document *document)
{
    struct reading reading = {.document = document};
    read_value(&reading, &control_config_root, control_document_root(document), config);
}
