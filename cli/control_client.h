// One request over the control socket, for the commands that need no more.
#pragma once

#include <jansson.h>

#include "cli/options.h"

// Sends the request, which it takes over; on CLI_OK *ret_reply is an object that says ok, and the
// caller's. Otherwise says why on stderr.
enum cli_exit cli_control_call(const struct cli_options *options, json_t *request,
                               json_t **ret_reply);
