#include "control/config_check.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "control/config.h"
#include "control/config_document.h"
#include "control/control.h"
#include "control/endpoint.h"
#include "control/oxid.h"
#include "control/prefix.h"
#include "rpc/inject.h"

enum { CORE_MAX = 1023, VLAN_MAX = 4094 };

struct check {
    struct control_config *config;
    const struct control_document *document;
    unsigned complaints;
};

static void complain(struct check *check, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct check *check, const char *path, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    control_document_complain(check->document, path, CONTROL_AT_VALUE, "%s", message);
    check->complaints++;
}

// The same for entry `index` of the list `list`, and its `key` ("" for the entry itself).
static void complain_entry(struct check *check, const char *list, unsigned index, const char *key,
                           const char *message)
{
    char path[128];
    snprintf(path, sizeof path, "%s[%u]%s%s", list, index, *key == '\0' ? "" : ".", key);
    complain(check, path, "%s", message);
}

struct number_rule {
    const char *path;
    size_t offset;
    unsigned min, max, absent;
};

#define NUMBER(path, min, max, absent)                                                             \
    {                                                                                              \
#path, offsetof(struct control_config, path), min, max, absent                             \
    }

static const struct number_rule number_rules[] = {
    NUMBER(dataplane.memory, 64, 1048576, 512),
    NUMBER(dataplane.mbufs, 1024, 16777216, 32768),
    NUMBER(mapper.capacity, 1, 16777216, 65536),
    NUMBER(limits.connections, 1, 16777216, 16384),
    NUMBER(limits.half_open, 1, 1048576, 4096),
    NUMBER(limits.request, 8192, 0x400000, 65536),
    NUMBER(limits.reassemblies, 1, 65536, 64),
    NUMBER(limits.calls, 1, 65535, 64),
    NUMBER(limits.contexts, 1, 1024, 64),
    NUMBER(limits.cursors, 1, 11, 11),
    NUMBER(limits.half_pdu_timeout, 0, 86400, 30),
    NUMBER(limits.idle_timeout, 0, 604800, 0),
    NUMBER(tcp.receive_window, 65536, 0x40000000, 131072),
    NUMBER(tcp.keepalive_time, 0, 604800, 0),
    NUMBER(tcp.keepalive_interval, 1, 86400, 75),
    NUMBER(tcp.keepalive_count, 1, 255, 9),
};

static void check_numbers(struct check *check)
{
    for (size_t i = 0; i < sizeof number_rules / sizeof number_rules[0]; i++) {
        const struct number_rule *rule = &number_rules[i];
        unsigned *value = (unsigned *)(void *)((char *)check->config + rule->offset);
        if (!control_document_has(check->document, rule->path))
            *value = rule->absent;
        else if (*value < rule->min || *value > rule->max)
            complain(check, rule->path, "found %u, expected %u to %u", *value, rule->min,
                     rule->max);
    }
}

static void check_count(struct check *check, const char *path, unsigned count, unsigned max)
{
    if (count > max)
        complain(check, path, "found %u entries, expected at most %u", count, max);
}

// Absent: the first core this process may run on.
static void default_workers(struct check *check)
{
    cpu_set_t cores;
    unsigned core = 0;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) {
        while (core < CPU_SETSIZE - 1 && !CPU_ISSET(core, &cores))
            core++;
    }
    check->config->dataplane.workers = malloc(sizeof core);
    if (check->config->dataplane.workers == NULL) {
        complain(check, "dataplane", "out of memory");
        return;
    }
    check->config->dataplane.workers[0] = core;
    check->config->dataplane.workers_count = 1;
}

static void check_workers(struct check *check)
{
    static const char path[] = "dataplane.workers";
    const unsigned *workers = check->config->dataplane.workers;
    unsigned count = check->config->dataplane.workers_count;
    if (count == 0) {
        default_workers(check);
        return;
    }
    check_count(check, path, count, CONTROL_WORKER_MAX);
    for (unsigned i = 0; i < count; i++) {
        char message[128];
        if (workers[i] > CORE_MAX) {
            snprintf(message, sizeof message, "found %u, expected a core number from 0 to %d",
                     workers[i], CORE_MAX);
            complain_entry(check, path, i, "", message);
        }
        for (unsigned j = 0; j < i; j++) {
            if (workers[j] != workers[i])
                continue;
            snprintf(message, sizeof message, "found core %u a second time, expected each once",
                     workers[i]);
            complain_entry(check, path, i, "", message);
            break;
        }
    }
}

// IEEE 802.1Q 9.6: 0 is no VLAN, and 4095 is reserved.
static void check_vlans(struct check *check, unsigned port_index)
{
    const struct control_port *port = &check->config->dataplane.ports[port_index];
    char path[64], message[64];
    snprintf(path, sizeof path, "dataplane.ports[%u].vlans", port_index);
    check_count(check, path, port->vlans_count, CONTROL_CONFIG_VLANS_MAX);
    for (unsigned i = 0; i < port->vlans_count; i++) {
        if (port->vlans[i] >= 1 && port->vlans[i] <= VLAN_MAX)
            continue;
        snprintf(message, sizeof message, "found %u, expected 1 to %d", port->vlans[i], VLAN_MAX);
        complain_entry(check, path, i, "", message);
    }
}

static void check_dataplane(struct check *check)
{
    check_count(check, "dataplane.ports", check->config->dataplane.ports_count,
                CONTROL_CONFIG_PORTS_MAX);
    for (unsigned i = 0; i < check->config->dataplane.ports_count; i++)
        check_vlans(check, i);
    check_workers(check);
    if (!control_document_has(check->document, "dataplane.hugepages"))
        check->config->dataplane.hugepages = CONTROL_HUGEPAGES_AUTO;
}

static void check_tcp(struct check *check)
{
    if (!control_document_has(check->document, "tcp.timestamps"))
        check->config->tcp.timestamps = true;
    if (!control_document_has(check->document, "tcp.sack"))
        check->config->tcp.sack = true;
}

// An address that a host can have: not unspecified, loopback, multicast, broadcast or an IPv4
// address in disguise (RFC 1122 3.2.1.3; RFC 4291 2.5 and 2.7).
static bool is_host_address(const struct control_prefix *prefix)
{
    static const uint8_t zero[15];
    const uint8_t *a = prefix->address;
    bool mapped = memcmp(a, zero, 10) == 0 && a[10] == 0xff && a[11] == 0xff;
    if (prefix->ipv6)
        return a[0] != 0xff && !mapped && !(memcmp(a, zero, 15) == 0 && a[15] <= 1);
    return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static void check_addresses(struct check *check)
{
    static const char path[] = "network.addresses";
    char *const *addresses = check->config->network.addresses;
    unsigned count = check->config->network.addresses_count;
    check_count(check, path, count, CONTROL_CONFIG_ADDRESSES_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct control_prefix prefix;
        char message[160];
        if (control_prefix_parse(addresses[i], &prefix) && is_host_address(&prefix))
            continue;
        snprintf(message, sizeof message,
                 "found '%.60s', expected a host's address with its prefix length, like "
                 "10.135.0.2/24 or fd00:135::2/64",
                 addresses[i]);
        complain_entry(check, path, i, "", message);
    }
}

static bool on_link(const struct control_config *config, const struct control_prefix *gateway)
{
    for (unsigned i = 0; i < config->network.addresses_count; i++) {
        struct control_prefix prefix;
        if (control_prefix_parse(config->network.addresses[i], &prefix) &&
            control_prefix_contains(&prefix, gateway))
            return true;
    }
    return false;
}

// RFC 4291 2.5.6: routers tend to have such addresses.
static bool is_link_local(const struct control_prefix *prefix)
{
    return prefix->ipv6 && prefix->address[0] == 0xfe && (prefix->address[1] & 0xc0) == 0x80;
}

static void check_gateways(struct check *check)
{
    check_count(check, "network.gateways", check->config->network.gateways_count,
                CONTROL_CONFIG_GATEWAYS_MAX);
    for (unsigned i = 0; i < check->config->network.gateways_count; i++) {
        const char *text = check->config->network.gateways[i];
        struct control_prefix gateway;
        char message[160];
        if (!control_address_parse(text, &gateway))
            snprintf(message, sizeof message, "found '%.60s', expected an address without a length",
                     text);
        else if (!is_link_local(&gateway) && !on_link(check->config, &gateway))
            snprintf(message, sizeof message,
                     "found '%.60s', expected an address within one of network.addresses", text);
        else
            continue;
        complain_entry(check, "network.gateways", i, "", message);
    }
}

// The port of an entry and the key it stands under; 0 when not exactly one of the keys is there.
static uint16_t listen_port(const struct control_listen *listen, const char **ret_key)
{
    *ret_key = listen->ncacn_http != NULL ? "ncacn_http" : "ncacn_ip_tcp";
    if ((listen->ncacn_http != NULL) == (listen->ncacn_ip_tcp != NULL))
        return 0;
    return listen->ncacn_http != NULL ? *listen->ncacn_http : *listen->ncacn_ip_tcp;
}

static void check_listen(struct check *check)
{
    const struct control_listen *listen = check->config->listen;
    check_count(check, "listen", check->config->listen_count, CONTROL_CONFIG_LISTEN_MAX);
    for (unsigned i = 0; i < check->config->listen_count; i++) {
        const char *key, *other;
        uint16_t port = listen_port(&listen[i], &key);
        if ((listen[i].ncacn_http != NULL) == (listen[i].ncacn_ip_tcp != NULL))
            complain_entry(check, "listen", i, "", "expected either ncacn_ip_tcp or ncacn_http");
        else if (port == 0)
            complain_entry(check, "listen", i, key, "found 0, expected 1 to 65535");
        for (unsigned j = 0; j < i; j++) {
            if (port != 0 && listen_port(&listen[j], &other) == port)
                complain_entry(check, "listen", i, key,
                               "found the port a second time, expected each once");
        }
    }
}

static void check_endpoints(struct check *check)
{
    static const char path[] = "mapper.endpoints";
    bool nil_allowed = check->config->mapper.registrations.allow_nil_interface;
    for (unsigned i = 0; i < check->config->mapper.endpoints_count; i++) {
        struct control_registration registration;
        struct control_endpoint_problem problem;
        if (!control_registration_init(&registration, &check->config->mapper.endpoints[i],
                                       &problem))
            complain_entry(check, path, i, problem.key, problem.text);
        else if (!nil_allowed && base_uuid_is_nil(&registration.interface.uuid))
            complain_entry(check, path, i, "interface",
                           "found the nil UUID, expected another, or "
                           "mapper.registrations.allow_nil_interface: true");
    }
    if (check->config->mapper.endpoints_count > check->config->mapper.capacity)
        complain(check, path, "found %u entries, expected at most mapper.capacity (%u)",
                 check->config->mapper.endpoints_count, check->config->mapper.capacity);
}

static void check_registrations(struct check *check)
{
    for (unsigned i = 0; i < check->config->mapper.registrations.allow_count; i++) {
        const char *text = check->config->mapper.registrations.allow[i];
        struct control_prefix prefix;
        char message[160];
        if (control_prefix_parse(text, &prefix))
            continue;
        snprintf(message, sizeof message,
                 "found '%.60s', expected a source prefix like 10.0.0.0/8 or fd00::/8", text);
        complain_entry(check, "mapper.registrations.allow", i, "", message);
    }
}

static void check_interfaces(struct check *check)
{
    const struct {
        const char *path;
        bool *on;
    } by_default[] = {
        {"interfaces.epmapper", &check->config->interfaces.epmapper},
        {"interfaces.mgmt", &check->config->interfaces.mgmt},
        {"interfaces.oxid", &check->config->interfaces.oxid},
    };
    for (size_t i = 0; i < sizeof by_default / sizeof by_default[0]; i++) {
        if (!control_document_has(check->document, by_default[i].path))
            *by_default[i].on = true;
    }
    struct ndr_oxid_bindings bindings;
    char problem[160];
    if (!control_oxid_bindings(check->config, &bindings, problem, sizeof problem))
        complain(check, "oxid.bindings", "%s", problem);
}

static void check_faults(struct check *check)
{
    check_count(check, "faults", check->config->faults_count, RPC_INJECT_MAX);
    for (unsigned i = 0; i < check->config->faults_count; i++) {
        struct rpc_inject_rule rule;
        struct control_fault_problem problem;
        if (!control_fault_read(&check->config->faults[i], &rule, &problem))
            complain_entry(check, "faults", i, problem.key, problem.text);
    }
}

static void check_socket(struct check *check)
{
    size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    char **socket = &check->config->control.socket;
    if (*socket == NULL) {
        *socket = strdup("/run/portolan/control.sock");
        if (*socket == NULL)
            complain(check, "control", "out of memory");
    } else if (**socket != '/' || strlen(*socket) > max) {
        complain(check, "control.socket",
                 "found '%.60s', expected an absolute path of at most %zu bytes", *socket, max);
    }
}

unsigned control_config_check(struct control_config *config,
                              const struct control_document *document)
{
    struct check check = {.config = config, .document = document};
    check_numbers(&check);
    check_dataplane(&check);
    check_addresses(&check);
    check_gateways(&check);
    check_listen(&check);
    check_tcp(&check);
    check_endpoints(&check);
    check_registrations(&check);
    check_interfaces(&check);
    check_faults(&check);
    check_socket(&check);
    return check.complaints;
}
