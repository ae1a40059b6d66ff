// A request to the control socket and its reply (docs/control-protocol.md).
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "cli/options.h"

// A request with its schema and command; the caller owns it. NULL: no memory.
json_t *cli_control_request(const char *command);
// Sends the request, which it takes over, over a connection of its own. On CLI_OK *ret_reply is an
// object that says ok, and the caller's; else why not was said on stderr.
enum cli_exit cli_control_call(const struct cli_options *options, json_t *request,
                               json_t **ret_reply);

// The same, and what to do with the reply: prints it, as JSON when that is wanted.
enum cli_exit cli_control_report(const struct cli_options *options, json_t *request,
                                 void (*print)(const json_t *reply));
// The same for a request that is text already, one line without its newline; it stays the caller's.
enum cli_exit cli_control_call_text(const struct cli_options *options, const char *request,
                                    json_t **ret_reply);

// Members of a reply; empty and 0 when there is none. The text is made printable and cut to `size`.
const char *cli_control_text(const json_t *object, const char *key, char *text, size_t size);
long long cli_control_number(const json_t *object, const char *key);
