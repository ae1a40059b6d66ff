#include "control/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_check.h"
#include "control/config_document.h"
#include "control/config_schema.h"

enum { FILE_SIZE_MAX = 16 * 1024 * 1024 };

// What libcyaml's log tells of the one problem it stops at.
struct problem {
    char text[160]; // its first line
    char path[256]; // gathered from its backtrace, which goes from the inside out
};

static void prepend(struct problem *problem, const char *part)
{
    char rest[sizeof problem->path];
    memcpy(rest, problem->path, sizeof rest);
    bool dot = rest[0] != '\0' && rest[0] != '[';
    int size = snprintf(problem->path, sizeof problem->path, "%s%s%s", part, dot ? "." : "", rest);
    if (size < 0 || (size_t)size >= sizeof problem->path)
        problem->path[0] = '\0';
}

static void take_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    static const char load[] = "Load: ";
    struct problem *problem = context;
    (void)level;
    char line[256];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    char key[128];
    unsigned entry;
    if (sscanf(line, " in mapping field '%127[^']'", key) == 1) {
        prepend(problem, key);
    } else if (sscanf(line, " in sequence entry '%u'", &entry) == 1) {
        // libcyaml counts from 1; 0 stands for the list itself.
        if (entry > 0 && snprintf(key, sizeof key, "[%u]", entry - 1) > 0)
            prepend(problem, key);
    } else if (problem->text[0] == '\0' && strncmp(line, load, strlen(load)) == 0) {
        snprintf(problem->text, sizeof problem->text, "%.150s", line + strlen(load));
    }
}

static const char *after(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;
}

// Replaces the last key of the path (libcyaml names the one it read before) by `key`.
static void replace_last(struct problem *problem, const char *key)
{
    char *dot = strrchr(problem->path, '.');
    size_t keep = dot == NULL ? 0 : (size_t)(dot + 1 - problem->path);
    snprintf(problem->path + keep, sizeof problem->path - keep, "%s", key);
}

static void explain(const struct control_document *document, struct problem *problem,
                    cyaml_err_t error)
{
    char found[96];
    char expected[256];
    const char *key;
    control_config_expected(problem->path, expected, sizeof expected);
    if ((key = after(problem->text, "Unexpected key: ")) != NULL) {
        char parent[sizeof problem->path];
        memcpy(parent, problem->path, sizeof parent);
        snprintf(problem->path, sizeof problem->path, "%.200s%s%.50s", parent,
                 parent[0] == '\0' ? "" : ".", key);
        control_document_complain(document, problem->path, CONTROL_AT_KEY,
                                  "found an unknown key, expected %s", expected);
    } else if ((key = after(problem->text, "Missing required mapping field: ")) != NULL) {
        replace_last(problem, key);
        control_config_expected(problem->path, expected, sizeof expected);
        control_document_complain(document, problem->path, CONTROL_AT_VALUE,
                                  "found nothing, expected %s", expected);
    } else if ((key = after(problem->text, "Mapping field already seen: ")) != NULL) {
        replace_last(problem, key);
        control_document_complain(document, problem->path, CONTROL_AT_KEY,
                                  "found the key a second time, expected it once");
    } else if (error == CYAML_ERR_OOM) {
        control_document_complain(document, problem->path, CONTROL_AT_VALUE, "out of memory");
    } else {
        control_document_describe(document, problem->path, found, sizeof found);
        control_document_complain(document, problem->path, CONTROL_AT_VALUE,
                                  "found %s, expected %s", found, expected);
    }
}

static cyaml_config_t cyaml_settings(struct problem *problem)
{
    return (cyaml_config_t){
        .log_fn = take_log,
        .log_ctx = problem,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
}

void control_config_free(struct control_config *config)
{
    struct problem problem = {0};
    cyaml_config_t settings = cyaml_settings(&problem);
    cyaml_free(&settings, &control_config_schema, config, 0);
}

static struct control_config *read_document(const struct control_document *document,
                                            const char *text, size_t size)
{
    struct problem problem = {0};
    cyaml_config_t settings = cyaml_settings(&problem);
    cyaml_data_t *data = NULL;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, size, &settings,
                                        &control_config_schema, &data, NULL);
    if (error != CYAML_OK) {
        explain(document, &problem, error);
        return NULL;
    }
    if (data == NULL) {
        char expected[256];
        control_config_expected("", expected, sizeof expected);
        control_document_complain(document, "", CONTROL_AT_VALUE, "found nothing, expected %s",
                                  expected);
        return NULL;
    }
    struct control_config *config = data;
    if (control_config_check(config, document) != 0) {
        control_config_free(config);
        return NULL;
    }
    return config;
}

static struct control_config *parse(const char *name, const char *text, size_t size)
{
    struct control_document *document = control_document_create(name, text, size);
    if (document == NULL)
        return NULL;
    struct control_config *config = read_document(document, text, size);
    control_document_destroy(document);
    return config;
}

struct control_config *control_config_parse(const char *name, const char *text)
{
    return parse(name, text, strlen(text));
}

// The whole file, or NULL with errno.
static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    char *text = malloc(FILE_SIZE_MAX + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, FILE_SIZE_MAX + 1, file);
    int error = text == NULL ? ENOMEM : ferror(file) ? EIO : size > FILE_SIZE_MAX ? EFBIG : 0;
    fclose(file);
    if (error != 0) {
        free(text);
        errno = error;
        return NULL;
    }
    *ret_size = size;
    return text;
}

struct control_config *control_config_load(const char *path)
{
    size_t size = 0;
    char *text = read_file(path, &size);
    if (text == NULL) {
        fprintf(stderr, "%s: cannot be read (%s); give -c the configuration file\n", path,
                strerror(errno));
        return NULL;
    }
    struct control_config *config = parse(path, text, size);
    free(text);
    return config;
}
