// A whole listing of an endpoint mapper (ept_lookup until its end).
#pragma once

#include <stddef.h>

#include "cli/session.h"
#include "ndr/epm.h"

enum { CLI_ENTRIES_MAX = 1000000 }; // a longer listing is refused

struct cli_entry {
    struct base_uuid object; // nil: every object
    struct ndr_syntax_id interface;
    enum ndr_protseq protseq;
    char *binding;                           // printable
    char annotation[NDR_EPM_ANNOTATION_MAX]; // printable
};

struct cli_list {
    struct cli_entry *entries;
    size_t count;
    size_t room;
};

extern const struct ndr_syntax_id cli_epmapper; // e1af8308-5d1f-11c9-91a4-08002b14a0fa 3.0

// Asks for everything and collects it in the server's order. On anything but CLI_OK the reason is
// on stderr. The list is the caller's to free in either case.
enum cli_exit cli_collect(struct cli_session *session, struct cli_list *ret_list);
void cli_list_free(struct cli_list *list);

// Takes a tower apart for people: a malformed one gives a binding that says so and a nil interface.
// False when there is no memory.
bool cli_entry_set_tower(struct cli_entry *entry, const uint8_t *octets, uint32_t size);
