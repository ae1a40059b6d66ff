// The file that `portolan export` writes and `portolan import` reads (docs/registrations.md): JSON
// lines, a head, an entry each, and an end that counts them, so that half a file is not taken for
// a whole one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "cli/exit.h"

enum { CLI_REGISTRATIONS_SCHEMA = 1 };

// Lines of text, each an entry. They stand one behind the other in `text`.
struct cli_registrations {
    char *text;   // every line ends with a NUL
    char **lines; // `count`, into `text`
    size_t count;
    size_t first_line; // of the file, counted from 1; for messages
};

// Reads `path`, or stdin when it is NULL. CLI_OK with *ret_file to be freed, or CLI_USAGE after
// saying what was found, in which line, and what was expected.
enum cli_exit cli_registrations_read(const char *path, struct cli_registrations *ret_file);
void cli_registrations_free(struct cli_registrations *file);

// Writes the head; then an entry a line; then the end. False: stdout does not take it.
bool cli_registrations_write_head(void);
bool cli_registrations_write_end(size_t count);

// What tells registrations apart: a hash of object and tower under a key that is drawn once for the
// process.
struct cli_registration_key {
    uint64_t words[2];
};

// The key of an entry; false when it is not one.
bool cli_registration_key(const json_t *entry, struct cli_registration_key *ret_key);
int cli_registration_key_compare(const void *a, const void *b);
