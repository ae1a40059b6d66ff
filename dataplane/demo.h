// `portoland --demo`: a server that needs no file, no huge pages and no NIC.
#pragma once

#include <stdbool.h>

struct control_config;

// The demo's configuration: TAP ptl0, 10.135.0.2, a sample map. `socket` overrides the control
// socket's path; NULL keeps the default. NULL after saying why.
struct control_config *dataplane_demo_config(const char *socket);

// Gives the kernel side of the TAP 10.135.0.1/24 and fd00:135::1/64 and sets it up. After the port
// has started. False after saying why; a kernel without IPv6 only gets a warning.
bool dataplane_demo_address(void);
