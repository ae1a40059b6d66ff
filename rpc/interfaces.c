// What an endpoint mapper host can serve; the configuration chooses among them
// (dataplane/interfaces.c). The list stands in a file of its own so that a program that serves
// other interfaces, as tests do, is linked with a list of its own instead.
#include "rpc/interface.h"
#include "rpc/rpc.h"

const struct rpc_interface *const rpc_mapper_interfaces[] = {
    &rpc_epmapper, &rpc_mgmt, &rpc_oxid, &rpc_echo, &rpc_activation, &rpc_system_activator, NULL,
};
