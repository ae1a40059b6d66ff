// The second look at a configuration: defaults for what is absent, and what the types cannot say.
#pragma once

struct control_config;
struct control_document;

// Fills absent values and complains about each that makes no sense. Returns the number of
// complaints.
unsigned control_config_check(struct control_config *config,
                              const struct control_document *document);
