// The daemon: builds every part in the order of the layers, runs the control thread in the
// caller's, and takes everything down again.
#pragma once

#include <stdbool.h>

struct control_config;

// Serves with `config` until SIGTERM or SIGINT; `demo` also sets the TAP's kernel side up. A reload
// reads `path`; NULL: there is none to read.
// Returns an exit code of sysexits(3): 0 after a clean stop, 69 without ports or memory,
// 71 when the system refused something.
int dataplane_daemon_run(const struct control_config *config, const char *path, bool demo);
