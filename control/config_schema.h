// The keys of the configuration and their types, as libcyaml takes them.
#pragma once

#include <stddef.h>

#include <cyaml/cyaml.h>

extern const cyaml_schema_value_t control_config_schema;

// Describes for "expected ..." what the schema wants at `path`.
void control_config_expected(const char *path, char *text, size_t size);
