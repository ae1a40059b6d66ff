#include "control/config_values.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/config_keys.h"

static json_t *show(const struct control_key *key, const void *base);

static const char *choice_name(const struct control_key *key, int value)
{
    const struct control_choice *choice = key->choices;
    while (choice->name != NULL && choice->value != value)
        choice++;
    return choice->name;
}

// A number below what its key takes stands for a key that is absent.
static json_t *show_scalar(const struct control_key *key, const void *member)
{
    switch (key->type) {
    case CONTROL_KEY_NUMBER: {
        unsigned number = *(const unsigned *)member;
        return number < key->min ? NULL : json_integer(number);
    }
    case CONTROL_KEY_BOOL:
        return json_boolean(*(const bool *)member);
    case CONTROL_KEY_CHOICE:
        return json_string(choice_name(key, *(const int *)member));
    default: {
        const char *text = *(char *const *)member;
        return text == NULL ? NULL : json_string(text);
    }
    }
}

static json_t *show_keys(const struct control_key *keys, const void *base)
{
    json_t *object = json_object();
    for (; keys->name != NULL; keys++) {
        json_t *value = show(keys, base);
        if (value != NULL)
            json_object_set_new(object, keys->name, value);
    }
    return object;
}

static json_t *show_list(const struct control_key *key, const void *base)
{
    const char *entries = *(const char *const *)(const void *)((const char *)base + key->offset);
    unsigned count = *(const unsigned *)(const void *)((const char *)base + key->count_offset);
    json_t *array = json_array();
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(array, show(key->entry, entries + i * key->entry_size));
    return array;
}

// Entries of lists have the offset 0.
static json_t *show(const struct control_key *key, const void *base)
{
    switch (key->type) {
    case CONTROL_KEY_SECTION:
    case CONTROL_KEY_ENTRY:
        return show_keys(key->keys, base);
    case CONTROL_KEY_LIST:
        return show_list(key, base);
    default:
        return show_scalar(key, (const char *)base + key->offset);
    }
}

json_t *control_config_show(const struct control_config *config)
{
    return show(&control_config_root, config);
}

// ---- differences

static json_t *count_of(const json_t *list)
{
    json_t *counts = json_object(), *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        char *text = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        if (text != NULL)
            json_object_set_new(
                counts, text, json_integer(json_integer_value(json_object_get(counts, text)) + 1));
        free(text);
    }
    return counts;
}

// The entries of `list` that `others` has not, or not as often.
static json_t *entries_without(const json_t *list, const json_t *others)
{
    json_t *left = json_array(), *counts = count_of(others), *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        char *text = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        json_t *count = text == NULL ? NULL : json_object_get(counts, text);
        if (json_integer_value(count) > 0)
            json_integer_set(count, json_integer_value(count) - 1);
        else
            json_array_append(left, entry);
        free(text);
    }
    json_decref(counts);
    return left;
}

// Takes over both values; NULL: the key is absent.
static json_t *difference(const struct control_key *key, const char *path, json_t *running,
                          json_t *file)
{
    json_t *row = json_pack("{s:s, s:s}", "key", path, "read",
                            key->when == CONTROL_AT_RELOAD ? "reload" : "start");
    if (json_is_array(running) && json_is_array(file)) {
        json_object_set_new(row, "added", entries_without(file, running));
        json_object_set_new(row, "removed", entries_without(running, file));
        json_decref(running);
        json_decref(file);
    } else {
        json_object_set_new(row, "running", running == NULL ? json_null() : running);
        json_object_set_new(row, "file", file == NULL ? json_null() : file);
    }
    return row;
}

static void compare(const struct control_key *key, const char *prefix,
                    const struct control_config *running, const struct control_config *file,
                    json_t *rows)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s%s", prefix, *prefix == '\0' ? "" : ".", key->name);
    if (key->type == CONTROL_KEY_SECTION) {
        for (const struct control_key *row = key->keys; row->name != NULL; row++)
            compare(row, path, running, file, rows);
        return;
    }
    json_t *before = show(key, running), *after = show(key, file);
    if (before == after || json_equal(before, after)) {
        json_decref(before);
        json_decref(after);
        return;
    }
    json_array_append_new(rows, difference(key, path, before, after));
}

json_t *control_config_diff(const struct control_config *running, const struct control_config *file)
{
    json_t *rows = json_array();
    compare(&control_config_root, "", running, file, rows);
    return rows;
}

// ---- bringing up

static size_t size_of(const struct control_key *key)
{
    switch (key->type) {
    case CONTROL_KEY_BOOL:
        return sizeof(bool);
    case CONTROL_KEY_NUMBER:
    case CONTROL_KEY_CHOICE:
        return sizeof(unsigned);
    default:
        return sizeof(void *);
    }
}

static void take(const struct control_key *key, struct control_config *running,
                 const struct control_config *file)
{
    if (key->type == CONTROL_KEY_SECTION) {
        for (const struct control_key *row = key->keys; row->name != NULL; row++)
            take(row, running, file);
        return;
    }
    if (key->when != CONTROL_AT_RELOAD)
        return;
    memcpy((char *)running + key->offset, (const char *)file + key->offset, size_of(key));
    if (key->type == CONTROL_KEY_LIST)
        memcpy((char *)running + key->count_offset, (const char *)file + key->count_offset,
               sizeof(unsigned));
}

void control_config_take(struct control_config *running, const struct control_config *file)
{
    take(&control_config_root, running, file);
}
