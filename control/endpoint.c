#include "control/endpoint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool wrong(struct control_endpoint_problem *problem, const char *key, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));

static bool wrong(struct control_endpoint_problem *problem, const char *key, const char *format,
                  ...)
{
    problem->key = key;
    va_list args;
    va_start(args, format);
    vsnprintf(problem->text, sizeof problem->text, format, args);
    va_end(args);
    return false;
}

static bool annotation_fits(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if (iscntrl((unsigned char)text[i]))
            return false;
    }
    return size < NDR_EPM_ANNOTATION_MAX;
}

bool control_registration_annotate(struct control_registration *registration, const char *text,
                                   struct control_endpoint_problem *ret_problem)
{
    if (text != NULL && !annotation_fits(text))
        return wrong(ret_problem, "annotation",
                     "found %zu bytes, expected at most %d and no control characters", strlen(text),
                     NDR_EPM_ANNOTATION_MAX - 1);
    registration->entry.annotation = text == NULL ? "" : text;
    registration->entry.annotation_size = (uint32_t)strlen(registration->entry.annotation);
    return true;
}

bool control_registration_init(struct control_registration *ret_registration,
                               const struct control_endpoint *endpoint,
                               struct control_endpoint_problem *ret_problem)
{
    struct control_registration *r = ret_registration;
    struct ndr_binding binding;
    *r = (struct control_registration){0};
    if (!base_uuid_parse(endpoint->interface, &r->interface.uuid))
        return wrong(ret_problem, "interface",
                     "found '%.60s', expected a UUID like 12345778-1234-abcd-ef00-0123456789ab",
                     endpoint->interface);
    if (!ndr_version_parse(endpoint->version, &r->interface))
        return wrong(ret_problem, "version",
                     "found '%.60s', expected \"MAJOR.MINOR\", each from 0 to 65535",
                     endpoint->version);
    if (endpoint->object != NULL && !base_uuid_parse(endpoint->object, &r->entry.object))
        return wrong(ret_problem, "object",
                     "found '%.60s', expected a UUID, or no object for every object",
                     endpoint->object);
    const char *message = ndr_binding_parse(endpoint->binding, &binding);
    if (message != NULL)
        return wrong(ret_problem, "binding", "%s", message);
    r->entry.tower = r->tower;
    r->entry.tower_size = (uint32_t)ndr_tower_build(&r->interface, &ndr_syntax_id_20, &binding,
                                                    r->tower, sizeof r->tower);
    return control_registration_annotate(r, endpoint->annotation, ret_problem);
}
