// From the nodes of a document to the configuration, by the rows of control/config_keys.h.
#pragma once

struct control_config;
struct control_document;

// Fills `config` from the document, which must outlive it, and absent keys with their defaults.
// What does not suit the schema is complained about and left at its default, or empty.
void control_config_fill(struct control_config *config, struct control_document *document);
