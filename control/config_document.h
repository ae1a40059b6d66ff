// The YAML text behind a configuration, kept while it is checked, so that a message about a key can
// say where it stands. A path names a value as the documentation does:
// "mapper.endpoints[2].binding".
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct control_document;

// Reads `size` bytes of YAML; `name` (the caller's) stands for the file in messages.
// NULL after saying on stderr what is wrong with the syntax. Any thread.
struct control_document *control_document_create(const char *name, const char *text, size_t size);
void control_document_destroy(struct control_document *document);

// Whether the text has a value at `path`.
bool control_document_has(const struct control_document *document, const char *path);
// Describes that value for "found ...": a scalar in quotes, "a list", "an empty list", "a mapping".
void control_document_describe(const struct control_document *document, const char *path,
                               char *text, size_t size);

enum control_document_place { CONTROL_AT_VALUE, CONTROL_AT_KEY };

// Writes "NAME:LINE:COLUMN: PATH: message" to stderr. Of a path that is not there, the part that is
// gives the position; of a key that stands twice, the second one.
void control_document_complain(const struct control_document *document, const char *path,
                               enum control_document_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// One step of a path.
struct control_path_step {
    char key[64]; // empty: a list index
    unsigned index;
};

// Takes the next step off *path. False at its end.
bool control_path_next(const char **path, struct control_path_step *ret_step);
