#include "load/mix.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "ndr/tower.h"

static const struct {
    const char *name, *help, *yaml;
} built_in[] = {
    {"map", "ept_map of one interface", "calls: [{kind: map}]"},
    {"unknown", "ept_map of an interface that is not registered", "calls: [{kind: unknown}]"},
    {"lookup", "ept_lookup of the whole map, 16 entries a page", "calls: [{kind: lookup}]"},
    {"echo", "rpcecho EchoData of 1,024 octets", "calls: [{kind: echo}]"},
    {"bind", "connect, bind, close", "{calls_per_connection: 0, calls: [{kind: map}]}"},
    {"connect", "connect, bind, one ept_map, close",
     "{calls_per_connection: 1, calls: [{kind: map}]}"},
    {"malformed", "requests that must be answered with a fault",
     "calls: [{kind: malformed, defect: truncated}, {kind: malformed, defect: operation},"
     " {kind: malformed, defect: context}]"},
    {"mixed", "90% map, 5% unknown, 4% lookup, 1% malformed",
     "calls: [{kind: map, share: 90}, {kind: unknown, share: 5}, {kind: lookup, share: 4},"
     " {kind: malformed, share: 1}]"},
};

enum {
    OPTIONAL = CYAML_FLAG_OPTIONAL,
    OPTIONAL_POINTER = CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
    OPTIONAL_CHOICE = CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
};

static const cyaml_strval_t kinds[] = {
    {"map", LOAD_MAP},   {"unknown", LOAD_UNKNOWN},     {"lookup", LOAD_LOOKUP},
    {"echo", LOAD_ECHO}, {"malformed", LOAD_MALFORMED}, {"recorded", LOAD_RECORDED}};
enum { KINDS_OF_MIXES = LOAD_RECORDED };
static const cyaml_strval_t defects[] = {
    {"truncated", LOAD_TRUNCATED}, {"operation", LOAD_OPERATION}, {"context", LOAD_CONTEXT}};

static const cyaml_schema_field_t row_fields[] = {
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct load_mix_row, kind, kinds, KINDS_OF_MIXES),
    CYAML_FIELD_UINT("share", OPTIONAL, struct load_mix_row, share),
    CYAML_FIELD_STRING_PTR("interface", OPTIONAL_POINTER, struct load_mix_row, interface, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("binding", OPTIONAL_POINTER, struct load_mix_row, binding, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_UINT("size", OPTIONAL, struct load_mix_row, size),
    CYAML_FIELD_UINT("max_entries", OPTIONAL, struct load_mix_row, max_entries),
    CYAML_FIELD_ENUM("defect", OPTIONAL_CHOICE, struct load_mix_row, defect, defects,
                     CYAML_ARRAY_LEN(defects)),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t row_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct load_mix_row, row_fields),
};
static const cyaml_schema_field_t mix_fields[] = {
    CYAML_FIELD_SEQUENCE("calls", CYAML_FLAG_POINTER, struct load_mix, calls, &row_value, 1,
                         LOAD_MIX_ROWS_MAX),
    CYAML_FIELD_UINT_PTR("calls_per_connection", OPTIONAL_POINTER, struct load_mix,
                         calls_per_connection),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t mix_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct load_mix, mix_fields),
};

// libcyaml says what it found, and where, in lines of its own.
__attribute__((format(printf, 3, 0))) static void log_cyaml(cyaml_log_t level, void *context,
                                                            const char *format, va_list args)
{
    (void)level;
    fprintf(stderr, "%s: ", (const char *)context);
    vfprintf(stderr, format, args);
}

static cyaml_config_t config_for(const char *name)
{
    return (cyaml_config_t){.log_fn = log_cyaml,
                            .log_ctx = (void *)(uintptr_t)name,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR};
}

void load_mix_free(struct load_mix *mix)
{
    cyaml_config_t config = config_for("mix");
    cyaml_free(&config, &mix_value, mix, 0);
}

__attribute__((format(printf, 3, 4))) static bool complain(const char *name, unsigned row,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: calls[%u]: ", name, row);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

static bool is_interface(const char *text)
{
    char uuid[BASE_UUID_TEXT_SIZE] = "";
    struct base_uuid ignored;
    struct ndr_syntax_id id;
    if (strcspn(text, "@") != sizeof uuid - 1)
        return false;
    memcpy(uuid, text, sizeof uuid - 1);
    return base_uuid_parse(uuid, &ignored) && text[sizeof uuid - 1] == '@' &&
           ndr_version_parse(text + sizeof uuid, &id);
}

static bool complete_row(struct load_mix *mix, const char *name, unsigned index,
                         const char *interface)
{
    struct load_mix_row *row = &mix->calls[index];
    struct ndr_binding binding;
    const char *message;
    if (row->share == 0)
        row->share = 1;
    if (row->size == 0)
        row->size = 1024;
    if (row->max_entries == 0)
        row->max_entries = 16;
    if (row->interface == NULL && (row->interface = strdup(interface)) == NULL)
        return complain(name, index, "no memory");
    if (!is_interface(row->interface))
        return complain(name, index, "interface: found '%s', expected UUID@MAJOR.MINOR",
                        row->interface);
    if (row->binding && (message = ndr_binding_parse(row->binding, &binding)) != NULL)
        return complain(name, index, "binding: %s", message);
    if (row->share > 1000000)
        return complain(name, index, "share: found %u, expected 1 to 1000000", row->share);
    if (row->size > LOAD_ECHO_MAX)
        return complain(name, index, "size: found %u, expected 1 to %d", row->size, LOAD_ECHO_MAX);
    if (row->max_entries > LOAD_PAGE_MAX)
        return complain(name, index, "max_entries: found %u, expected 1 to %d", row->max_entries,
                        LOAD_PAGE_MAX);
    return true;
}

static struct load_mix *complete(cyaml_err_t error, struct load_mix *mix, const char *name,
                                 const char *interface)
{
    if (error != CYAML_OK) {
        fprintf(stderr, "%s: %s; see docs/portolan-load.md for what a mix may say\n", name,
                cyaml_strerror(error));
        return NULL;
    }
    for (unsigned i = 0; i < mix->calls_count; i++) {
        if (!complete_row(mix, name, i, interface)) {
            load_mix_free(mix);
            return NULL;
        }
    }
    return mix;
}

struct load_mix *load_mix_parse(const char *name, const char *text, const char *interface)
{
    struct load_mix *mix = NULL;
    cyaml_config_t config = config_for(name);
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, strlen(text), &config, &mix_value,
                                        (cyaml_data_t **)&mix, NULL);
    return complete(error, mix, name, interface);
}

struct load_mix *load_mix_load(const char *name, const char *interface)
{
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++) {
        if (strcmp(built_in[i].name, name) == 0)
            return load_mix_parse(name, built_in[i].yaml, interface);
    }
    if (strchr(name, '.') == NULL && strchr(name, '/') == NULL) {
        fprintf(stderr, "found mix '%s', expected a file or one of\n", name);
        load_mix_list(stderr);
        return NULL;
    }
    struct load_mix *mix = NULL;
    cyaml_config_t config = config_for(name);
    cyaml_err_t error = cyaml_load_file(name, &config, &mix_value, (cyaml_data_t **)&mix, NULL);
    return complete(error, mix, name, interface);
}

void load_mix_list(FILE *to)
{
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
        fprintf(to, "  %-10s %s\n", built_in[i].name, built_in[i].help);
}

const char *load_kind_name(enum load_kind kind)
{
    return kinds[kind].str;
}
