// From the YAML of one file to nodes, with libyaml.
#pragma once

#include <stddef.h>

struct control_document;
struct control_node;

// Reads the `size` bytes at `text`, which stand in the file `name` (the document's). The caller
// owns the node. NULL after a complaint about the syntax, or when there is nothing in it.
struct control_node *control_yaml_read(struct control_document *document, const char *name,
                                       const char *text, size_t size);
// Frees what the node holds, not the node itself.
void control_yaml_clear(struct control_node *node);
