#include "control/config.h"

#include <stdlib.h>
#include <string.h>

#include "control/config_check.h"
#include "control/config_document.h"
#include "control/config_keys.h"
#include "control/config_read.h"

void control_config_free(struct control_config *config)
{
    if (config == NULL)
        return;
    control_document_destroy(config->document);
    free(config);
}

// Takes over the document.
static struct control_config *build(struct control_document *document)
{
    struct control_config *config = document == NULL ? NULL : calloc(1, sizeof *config);
    if (config == NULL) {
        control_document_destroy(document);
        return NULL;
    }
    config->document = document;
    if (control_document_root(document) != NULL) {
        control_config_fill(config, document);
        control_config_check(config, document);
    } else if (control_document_complaints(document) == 0) {
        char expected[512];
        control_key_expected(&control_config_root, expected, sizeof expected);
        control_document_complain(document, "", "found nothing, expected %s", expected);
    }
    if (control_document_complaints(document) == 0)
        return config;
    control_config_free(config);
    return NULL;
}

struct control_config *control_config_parse(const char *name, const char *text)
{
    return build(control_document_create(name, text, strlen(text), stderr));
}

struct control_config *control_config_read(const char *path, FILE *complaints)
{
    return build(control_document_load(path, complaints));
}

struct control_config *control_config_load(const char *path)
{
    return control_config_read(path, stderr);
}
