// The schema of portoland.yaml: one row for each key. The reader, the checks of types and ranges,
// the defaults, the manual page, docs/portoland.yaml.sample and the tables of
// docs/portoland.yaml.md come from these rows.
//
// To add a key: a member of struct control_config (control/config.h), a row in its section's table
// in config_keys.c, and "build/control/portoland-keys update .", which writes the documents anew.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum control_key_type {
    CONTROL_KEY_SECTION, // a mapping; its keys' members lie in the same struct as it
    CONTROL_KEY_ENTRY,   // a mapping that is an entry of a list, a struct of its own
    CONTROL_KEY_LIST,    // a pointer to `entry`s, and their number, an unsigned
    CONTROL_KEY_TEXT,    // char *, NULL when it is absent
    CONTROL_KEY_NUMBER,  // unsigned
    CONTROL_KEY_BOOL,    // bool
    CONTROL_KEY_CHOICE,  // an enumeration
};

enum control_key_when {
    CONTROL_AT_START,  // a changed value is taken when the server starts again
    CONTROL_AT_RELOAD, // and when it reads its file again
};

struct control_choice {
    const char *name; // NULL behind the last
    int value;
};

struct control_key {
    const char *name; // NULL behind the last
    enum control_key_type type;
    enum control_key_when when;
    size_t offset; // of the member in struct control_config, or in the entry of a list
    bool required;
    bool may_be_empty;  // a text
    const char *absent; // what stands for the key when it is not there, as text; NULL: nothing
    const char *unit;   // of a number, for people; NULL: a plain number
    unsigned min, max;  // of a number; how many entries of a list
    const struct control_choice *choices; // of CONTROL_KEY_CHOICE
    const struct control_key *keys;       // of CONTROL_KEY_SECTION and CONTROL_KEY_ENTRY
    const struct control_key *entry;      // of CONTROL_KEY_LIST; its name is ""
    size_t entry_size, count_offset;      // of CONTROL_KEY_LIST
    const char *since;                    // the version that has it first; NULL: 0.1.0
    const char *takes;                    // what a text is, for people: "UUID"
    const char *nothing; // what it means that the key is absent, for people, where `absent` is NULL
    const char *example; // as in YAML
    const char *help;    // `code` in backquotes
};

// The whole file.
extern const struct control_key control_config_root;

// How many keys a table has.
unsigned control_keys_count(const struct control_key *keys);
// The row of a key in a table; NULL: there is none.
const struct control_key *control_key_find(const struct control_key *keys, const char *name);
// The row of a path, whose indices do not matter: "mapper.endpoints[].binding". NULL: none.
const struct control_key *control_key_at(const char *path);
// What the key takes, for "expected ...": "a whole number from 1 to 255", "one of: off, auto".
void control_key_expected(const struct control_key *key, char *text, size_t size);
