#include "dataplane/interfaces.h"

#include <stddef.h>

#include "control/config.h"
#include "control/oxid.h"
#include "exporter/exporter.h"
#include "rpc/interface.h"
#include "rpc/rpc.h"

// Interfaces that have no switch are served always.
static bool is_on(const struct control_config *config, const struct rpc_interface *interface)
{
    bool denies = config->interfaces.dcom == CONTROL_DCOM_DISABLED;
    const struct {
        const struct rpc_interface *interface;
        bool on;
    } switches[] = {
        {&rpc_epmapper, config->interfaces.epmapper},
        {&rpc_mgmt, config->interfaces.mgmt},
        {&rpc_oxid, config->interfaces.oxid},
        {&rpc_echo, config->interfaces.rpcecho},
        {&rpc_activation, denies},
        {&rpc_system_activator, denies},
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (switches[i].interface == interface)
            return switches[i].on;
    }
    return true;
}

void dataplane_interfaces_choose(const struct control_config *config,
                                 const struct rpc_interface *list[DATAPLANE_INTERFACES_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; rpc_mapper_interfaces[i] && count < DATAPLANE_INTERFACES_MAX - 1; i++) {
        if (is_on(config, rpc_mapper_interfaces[i]))
            list[count++] = rpc_mapper_interfaces[i];
    }
    list[count] = NULL;
}

bool dataplane_exporter_create(const struct control_config *config, const uint8_t secret[16],
                               struct exporter **ret_exporter)
{
    struct ndr_oxid_bindings bindings;
    char problem[160]; // the configuration was checked: there is none
    *ret_exporter = NULL;
    if (!config->interfaces.oxid)
        return true;
    control_oxid_bindings(config, &bindings, problem, sizeof problem);
    *ret_exporter = exporter_create(&bindings, secret);
    return *ret_exporter;
}
