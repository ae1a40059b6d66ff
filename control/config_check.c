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

struct check {
    struct control_config *config;
    struct control_document *document;
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
    control_document_complain(check->document, path, "%s", message);
}

// The same for entry `index` of the list `list`, and its `key` ("" for the entry itself).
static void complain_entry(struct check *check, const char *list, unsigned index, const char *key,
                           const char *message)
{
    char path[128];
    snprintf(path, sizeof path, "%s[%u]%s%s", list, index, *key == '\0' ? "" : ".", key);
    complain(check, path, "%s", message);
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
    check->config->dataplane.workers = control_document_allocate(check->document, sizeof core);
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
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < i; j++) {
            char message[128];
            if (workers[j] != workers[i])
                continue;
            snprintf(message, sizeof message, "found core %u a second time, expected each once",
                     workers[i]);
            complain_entry(check, path, i, "", message);
            break;
        }
    }
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
    for (unsigned i = 0; i < count; i++) {
        struct control_prefix prefix;
        char message[160];
        if (addresses[i] == NULL ||
            (control_prefix_parse(addresses[i], &prefix) && is_host_address(&prefix)))
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
        if (config->network.addresses[i] != NULL &&
            control_prefix_parse(config->network.addresses[i], &prefix) &&
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
    for (unsigned i = 0; i < check->config->network.gateways_count; i++) {
        const char *text = check->config->network.gateways[i];
        struct control_prefix gateway;
        char message[160];
        if (text == NULL)
            continue;
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
static unsigned listen_port(const struct control_listen *listen, const char **ret_key)
{
    *ret_key = listen->ncacn_http != 0 ? "ncacn_http" : "ncacn_ip_tcp";
    if ((listen->ncacn_http != 0) == (listen->ncacn_ip_tcp != 0))
        return 0;
    return listen->ncacn_http != 0 ? listen->ncacn_http : listen->ncacn_ip_tcp;
}

// Whether the entry has exactly one key, whatever its value.
static bool has_one_key(const struct check *check, unsigned index)
{
    char path[32];
    snprintf(path, sizeof path, "listen[%u]", index);
    const struct control_node *node = control_document_find(check->document, path);
    return node == NULL || node->kind != CONTROL_NODE_MAPPING || node->count == 1;
}

static void check_listen(struct check *check)
{
    const struct control_listen *listen = check->config->listen;
    for (unsigned i = 0; i < check->config->listen_count; i++) {
        const char *key, *other;
        unsigned port = listen_port(&listen[i], &key);
        if (!has_one_key(check, i))
            complain_entry(check, "listen", i, "", "expected either ncacn_ip_tcp or ncacn_http");
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
        const struct control_endpoint *endpoint = &check->config->mapper.endpoints[i];
        if (endpoint->interface == NULL || endpoint->version == NULL || endpoint->binding == NULL)
            continue; // complained about already
        if (!control_registration_init(&registration, endpoint, &problem))
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
        if (text == NULL || control_prefix_parse(text, &prefix))
            continue;
        snprintf(message, sizeof message,
                 "found '%.60s', expected a source prefix like 10.0.0.0/8 or fd00::/8", text);
        complain_entry(check, "mapper.registrations.allow", i, "", message);
    }
}

static void check_state(struct check *check)
{
    const char *path = check->config->mapper.state;
    if (path != NULL && path[0] != '/')
        complain(check, "mapper.state", "found '%.60s', expected an absolute path of a directory",
                 path);
}

static void check_interfaces(struct check *check)
{
    struct ndr_oxid_bindings bindings;
    char problem[160];
    if (!control_oxid_bindings(check->config, &bindings, problem, sizeof problem))
        complain(check, "oxid.bindings", "%s", problem);
}

static void check_faults(struct check *check)
{
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
    const char *socket = check->config->control.socket;
    if (socket != NULL && (*socket != '/' || strlen(socket) > max))
        complain(check, "control.socket",
                 "found '%.60s', expected an absolute path of at most %zu bytes", socket, max);
}

void control_config_check(struct control_config *config, struct control_document *document)
{
    struct check check = {.config = config, .document = document};
    check_workers(&check);
    check_addresses(&check);
    check_gateways(&check);
    check_listen(&check);
    check_endpoints(&check);
    check_registrations(&check);
    check_state(&check);
    check_interfaces(&check);
    check_faults(&check);
    check_socket(&check);
}
