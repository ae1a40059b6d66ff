// Which interfaces the daemon serves, and what they need, as the configuration says.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control_config;
struct exporter;
struct rpc_interface;

enum { DATAPLANE_INTERFACES_MAX = 17 }; // as many as a server takes, and the NULL

// Fills `list`, NULL-terminated, with those of rpc_mapper_interfaces that are switched on.
void dataplane_interfaces_choose(const struct control_config *config,
                                 const struct rpc_interface *list[DATAPLANE_INTERFACES_MAX]);

// What the OXID resolver knows: *ret_exporter is NULL when it is not served. False: no memory.
bool dataplane_exporter_create(const struct control_config *config, const uint8_t secret[16],
                               struct exporter **ret_exporter);
