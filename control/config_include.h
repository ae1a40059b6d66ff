// The files of a configuration: reads them and merges what `include:` names into one tree.
//
// `include:` is a list of paths and globs, relative to the file it stands in. What they match is
// read in the order of the list, of each glob sorted. Mappings are merged; lists are put behind
// each other, the including file's first; any other key stands in one of the files only.
#pragma once

#include <stddef.h>

struct control_document;
struct control_node;

// Each returns the merged tree, which the caller owns, or NULL when there is none. What is wrong is
// complained about.
struct control_node *control_include_file(struct control_document *document, const char *path);
struct control_node *control_include_text(struct control_document *document, const char *path,
                                          const char *text, size_t size);
