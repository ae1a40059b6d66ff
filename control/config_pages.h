// What people read about the keys of portoland.yaml, written from the rows of config_keys.h.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// The manual page portoland.yaml(5), as scdoc(5) takes it.
void control_pages_manual(FILE *to);
// A file to begin with: what is required with an example, everything else commented out.
void control_pages_sample(FILE *to);
// Copies the Markdown `text`, with each table between "<!-- keys of SECTION -->" and
// "<!-- end of keys -->" written anew. False when a section is not known or its end is missing.
bool control_pages_fill(const char *text, FILE *to);
