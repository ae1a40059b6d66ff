// The YAML text behind a configuration as a tree, with the files it includes merged in. Each node
// knows where it stands, so that a message about a key can say so. A path names a node as the
// documentation does: "mapper.endpoints[2].binding".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { // more is refused
    CONTROL_DOCUMENT_FILES_MAX = 256,
    CONTROL_DOCUMENT_DEPTH_MAX = 16, // of lists and mappings within each other, and of includes
    CONTROL_DOCUMENT_KEYS_MAX = 256, // of one mapping
    CONTROL_DOCUMENT_NODES_MAX = 16 << 20,
};

struct control_document;

enum control_node_kind { CONTROL_NODE_TEXT, CONTROL_NODE_LIST, CONTROL_NODE_MAPPING };

struct control_place {
    const char *file;
    size_t line, column; // from 1; 0: the file as a whole
};

struct control_node {
    enum control_node_kind kind;
    struct control_place place;     // of the value
    struct control_place key_place; // of its key; of the value itself in a list
    char *key;                      // NULL in a list
    char *text;                     // of CONTROL_NODE_TEXT
    struct control_node *children;
    unsigned count;
};

// Reads the file at `path`, or the `size` bytes at `text` that stand for it, and what it includes.
// Complaints go to `complaints`, one a line, "FILE:LINE:COLUMN: PATH: found X, expected Y"; the
// document is there whatever they are. NULL: no memory. Any thread.
struct control_document *control_document_create(const char *path, const char *text, size_t size,
                                                 FILE *complaints);
struct control_document *control_document_load(const char *path, FILE *complaints);
void control_document_destroy(struct control_document *document);

// How many complaints there were so far.
unsigned control_document_complaints(const struct control_document *document);
// NULL: the file could not be read, or its syntax is wrong.
const struct control_node *control_document_root(const struct control_document *document);
// The node at `path`; NULL: there is none.
const struct control_node *control_document_find(const struct control_document *document,
                                                 const char *path);
// The child of a mapping that stands under `key`; NULL: there is none.
const struct control_node *control_node_child(const struct control_node *node, const char *key);
// Describes a node, or NULL, for "found ...": text in quotes, "a list", "an empty list",
// "a mapping", "nothing".
void control_node_describe(const struct control_node *node, char *text, size_t size);

// Complains about the node at `path`, or the deepest part of the path that is there.
void control_document_complain(struct control_document *document, const char *path,
                               const char *format, ...) __attribute__((format(printf, 3, 4)));
// Complains about `place`, at which `path` stands.
void control_document_complain_at(struct control_document *document,
                                  const struct control_place *place, const char *path,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));

// Zeroed memory that lives as long as the document. NULL: no memory.
void *control_document_allocate(struct control_document *document, size_t size);
