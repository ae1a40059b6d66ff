// What people read: errors on stderr, and text from the network made harmless.
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "cli/exit.h"

enum { CLI_SCHEMA = 1 }; // of what --json prints

// Writes "portolan: MESSAGE" and a newline to stderr and returns `code`.
enum cli_exit cli_fail(enum cli_exit code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Replaces each byte that is not printable ASCII by '?', in place. Returns `text`.
char *cli_printable(char *text);
// Copies `length` bytes the same way; cut to fit and terminated. Returns `text`.
char *cli_copy_printable(char *text, size_t size, const char *bytes, size_t length);

// Writes `value` with "schema" in front as one line to stdout and gives it up.
enum cli_exit cli_print_json(json_t *value);
