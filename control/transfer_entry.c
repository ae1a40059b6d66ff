#include "control/transfer_entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- hexadecimal

static json_t *hex_write(const uint8_t *octets, size_t size)
{
    char text[2 * NDR_TOWER_MAX + 1];
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", octets[i]);
    return json_stringn(text, 2 * size);
}

// Returns how many octets, or SIZE_MAX when `text` is not an even number of digits or does not fit.
static size_t hex_read(const char *text, uint8_t *octets, size_t size)
{
    size_t length = strlen(text);
    if (length % 2 != 0 || length / 2 > size || strspn(text, "0123456789abcdefABCDEF") != length)
        return SIZE_MAX;
    for (size_t i = 0; i < length / 2; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        octets[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return length / 2;
}

// ---- writing

// The words for the tower, if the same tower comes of them again.
static json_t *tower_in_words(const struct mapper_entry *entry)
{
    struct ndr_tower tower;
    struct ndr_binding binding;
    char text[600], uuid[BASE_UUID_TEXT_SIZE], version[16];
    uint8_t again[NDR_TOWER_MAX];
    if (ndr_tower_parse(entry->tower, entry->tower_size, &tower) != NDR_TOWER_OK ||
        ndr_binding_parse(ndr_tower_format_binding(&tower, text, sizeof text), &binding) != NULL)
        return NULL;
    size_t size =
        ndr_tower_build(&tower.interface, &ndr_syntax_id_20, &binding, again, sizeof again);
    if (size != entry->tower_size || memcmp(again, entry->tower, size) != 0)
        return NULL;
    snprintf(version, sizeof version, "%u.%u", tower.interface.major, tower.interface.minor);
    return json_pack("{s:s, s:s, s:s}", "interface", base_uuid_format(&tower.interface.uuid, uuid),
                     "version", version, "binding", text);
}

static json_t *annotation_in_words(const struct mapper_entry *entry)
{
    for (unsigned i = 0; i < entry->annotation_size; i++) {
        if ((unsigned char)entry->annotation[i] < ' ' || entry->annotation[i] == 0x7f)
            return NULL;
    }
    return json_stringn(entry->annotation, entry->annotation_size);
}

static void write_annotation(json_t *object, const struct mapper_entry *entry)
{
    json_t *words = entry->annotation_size == 0 ? NULL : annotation_in_words(entry);
    if (words != NULL)
        json_object_set_new(object, "annotation", words);
    else if (entry->annotation_size != 0)
        json_object_set_new(object, "annotation_hex",
                            hex_write((const uint8_t *)entry->annotation, entry->annotation_size));
}

json_t *control_transfer_entry_write(const struct mapper_entry *entry)
{
    char uuid[BASE_UUID_TEXT_SIZE];
    json_t *object = tower_in_words(entry);
    if (object == NULL)
        object = json_pack("{s:o}", "tower", hex_write(entry->tower, entry->tower_size));
    if (object == NULL)
        return NULL;
    if (!base_uuid_is_nil(&entry->object))
        json_object_set_new(object, "object", json_string(base_uuid_format(&entry->object, uuid)));
    write_annotation(object, entry);
    return object;
}

// ---- reading

static bool wrong(struct control_endpoint_problem *problem, const char *key, const char *text)
{
    problem->key = key;
    snprintf(problem->text, sizeof problem->text, "%s", text);
    return false;
}

static bool read_tower(const char *hex, const char *object,
                       struct control_registration *registration,
                       struct control_endpoint_problem *problem)
{
    *registration = (struct control_registration){.entry = {.annotation = ""}};
    size_t size = hex_read(hex, registration->tower, sizeof registration->tower);
    struct ndr_tower tower;
    if (size == SIZE_MAX)
        return wrong(problem, "tower",
                     "expected hexadecimal digits, two an octet, at most 2000 octets");
    enum ndr_tower_reason reason = ndr_tower_parse(registration->tower, size, &tower);
    if (reason != NDR_TOWER_OK)
        return wrong(problem, "tower", ndr_tower_reason_text(reason));
    if (object != NULL && !base_uuid_parse(object, &registration->entry.object))
        return wrong(problem, "object", "expected a UUID, or no object for every object");
    registration->interface = tower.interface;
    registration->entry.tower = registration->tower;
    registration->entry.tower_size = (uint32_t)size;
    return true;
}

static bool read_annotation(const char *hex, struct control_registration *registration,
                            struct control_endpoint_problem *problem)
{
    size_t size = hex_read(hex, registration->annotation, sizeof registration->annotation);
    if (size == SIZE_MAX)
        return wrong(problem, "annotation_hex",
                     "expected hexadecimal digits, two an octet, at most 63 octets");
    registration->entry.annotation = (const char *)registration->annotation;
    registration->entry.annotation_size = (uint32_t)size;
    return true;
}

struct members {
    struct control_endpoint words;
    char *tower, *annotation_hex;
};

// Goes through the members once: there may be millions of entries.
static bool read_members(json_t *object, struct members *ret_members,
                         struct control_endpoint_problem *problem)
{
    const struct {
        const char *name;
        char **text;
    } known[] = {
        {"interface", &ret_members->words.interface},
        {"version", &ret_members->words.version},
        {"binding", &ret_members->words.binding},
        {"annotation", &ret_members->words.annotation},
        {"object", &ret_members->words.object},
        {"tower", &ret_members->tower},
        {"annotation_hex", &ret_members->annotation_hex},
    };
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return wrong(problem, "entry", "expected an object");
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] && strcmp(known[i].name, key) != 0)
            i++;
        if (i == sizeof known / sizeof known[0] || !json_is_string(value))
            return wrong(problem, "entry",
                         "expected the members interface, version, binding, object, annotation, "
                         "tower, annotation_hex, all of them text");
        // What an endpoint of the configuration owns is not const; nothing writes through it.
        *known[i].text = (char *)(uintptr_t)json_string_value(value);
    }
    return true;
}

bool control_transfer_entry_read(json_t *object, struct control_registration *ret_registration,
                                 struct control_endpoint_problem *ret_problem)
{
    struct members members = {0};
    const struct control_endpoint *e = &members.words;
    if (!read_members(object, &members, ret_problem))
        return false;
    bool words = e->interface != NULL && e->version != NULL && e->binding != NULL;
    bool any_word = e->interface != NULL || e->version != NULL || e->binding != NULL;
    if (members.tower != NULL ? any_word : !words)
        return wrong(ret_problem, "entry", "expected interface, version and binding, or tower");
    if (members.annotation_hex != NULL && e->annotation != NULL)
        return wrong(ret_problem, "entry", "expected annotation or annotation_hex, found both");
    if (words && !control_registration_init(ret_registration, e, ret_problem))
        return false;
    if (!words && !read_tower(members.tower, e->object, ret_registration, ret_problem))
        return false;
    if (members.annotation_hex != NULL)
        return read_annotation(members.annotation_hex, ret_registration, ret_problem);
    return words || control_registration_annotate(ret_registration, e->annotation, ret_problem);
}
