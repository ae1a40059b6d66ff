// The second look at a configuration: what the schema cannot say, and cannot fill.
#pragma once

struct control_config;
struct control_document;

// Complains about each value that makes no sense. The configuration may have holes where the first
// look complained.
void control_config_check(struct control_config *config, struct control_document *document);
