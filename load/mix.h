// What a generator asks, and how much of each: a mix, built in or from a YAML file
// (docs/portolan-load.md).
#pragma once

#include <stdint.h>
#include <stdio.h>

enum load_kind {
    LOAD_MAP,       // ept_map of an interface that is registered
    LOAD_UNKNOWN,   // ept_map of one that is not: ept_s_not_registered
    LOAD_LOOKUP,    // ept_lookup of everything, page by page until the end
    LOAD_ECHO,      // rpcecho EchoData
    LOAD_MALFORMED, // a request that must be answered with a fault
    LOAD_RECORDED,  // a request of a capture (load/recording.h); of no mix
    LOAD_KINDS
};

enum load_defect {
    LOAD_TRUNCATED, // ept_map whose stub is cut short: fault 6f7
    LOAD_OPERATION, // operation 99: nca_s_op_rng_error
    LOAD_CONTEXT,   // a presentation context never negotiated: nca_s_unk_if
};

enum { LOAD_MIX_ROWS_MAX = 32, LOAD_ECHO_MAX = 60000, LOAD_PAGE_MAX = 500 };

// As the file says it; NULL and 0 where it says nothing, until load_mix_complete.
struct load_mix_row {
    enum load_kind kind;
    unsigned share;       // of all calls, in parts of the sum of all shares
    char *interface;      // UUID@MAJOR.MINOR
    char *binding;        // that ept_map must answer; NULL: any of the same protocol sequence
    unsigned size;        // octets to echo
    unsigned max_entries; // of a page
    enum load_defect defect;
};

struct load_mix {
    struct load_mix_row *calls;
    unsigned calls_count;
    // NULL: connections stay. Otherwise each is closed after that many calls; 0: after its bind.
    unsigned *calls_per_connection;
};

// The mix with that built-in name, else the file of that path, checked, with defaults filled in.
// `interface` is for rows that name none. NULL after saying on stderr what was found and what was
// expected. Main thread.
struct load_mix *load_mix_load(const char *name_or_path, const char *interface);
// The same from memory; `name` stands for the path in messages.
struct load_mix *load_mix_parse(const char *name, const char *text, const char *interface);
void load_mix_free(struct load_mix *mix);

// Lists the built-in mixes with what they are for.
void load_mix_list(FILE *to);
const char *load_kind_name(enum load_kind kind);
