// The endpoint mapper's questions, asked over the harness, and the answers taken apart.
#pragma once

#include "harness.h"

enum { PORTS_MAX = 600 };

struct map_question {
    const struct ndr_syntax_id *interface; // NULL: a null tower
    const struct base_uuid *object;        // NULL: a null pointer
    struct ndr_context_handle handle;
    uint32_t max;
};

struct lookup_question {
    uint32_t type, versions;
    const struct base_uuid *object;
    const struct ndr_syntax_id *interface;
    struct ndr_context_handle handle;
    uint32_t max;
};

// An answer of either kind.
struct epm_answer {
    uint32_t fault; // 0: a response
    struct ndr_context_handle handle;
    uint32_t status;
    uint32_t count;
    uint16_t ports[PORTS_MAX]; // of the towers in their order; 0 where there is no TCP port
};

struct epm_answer ask_map(struct conn *conn, const struct map_question *question);
struct epm_answer ask_lookup(struct conn *conn, const struct lookup_question *question);
// ept_lookup_handle_free. Returns the fault, or 0; the reply's handle is null and its status 0.
uint32_t free_handle(struct conn *conn, struct ndr_context_handle handle);

// The 75-octet tower of `interface` over ncacn_ip_tcp.
uint32_t tcp_tower(const struct ndr_syntax_id *interface, uint16_t port, uint8_t tower[128]);
// Sends a request of context 0 with this stub and returns its call id.
uint32_t epm_request(struct conn *conn, uint16_t opnum, const struct ndr_writer *stub);
bool is_null(const struct ndr_context_handle *handle);
