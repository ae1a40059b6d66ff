#include "control/config_keys.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "control/config.h"
#include "control/control.h"
#include "rpc/inject.h"

#define AT(member)       offsetof(struct control_config, member)
#define IN(type, member) offsetof(struct type, member)

#define START            CONTROL_AT_START
#define RELOAD           CONTROL_AT_RELOAD

#define SECTION(name_, table, ...)                                                                 \
    {                                                                                              \
        .name = name_, .type = CONTROL_KEY_SECTION, .keys = table, __VA_ARGS__                     \
    }
#define LIST(name_, member, entry_, when_, min_, max_, ...)                                        \
    {                                                                                              \
        .name = name_, .type = CONTROL_KEY_LIST, .when = when_, .offset = AT(member),              \
        .count_offset = AT(member##_count), .entry = &entry_,                                      \
        .entry_size = sizeof *((struct control_config *)NULL)->member, .min = min_, .max = max_,   \
        __VA_ARGS__                                                                                \
    }
#define NUMBER(name_, member, when_, min_, max_, absent_, ...)                                     \
    {                                                                                              \
        .name = name_, .type = CONTROL_KEY_NUMBER, .when = when_, .offset = AT(member),            \
        .min = min_, .max = max_, .absent = absent_, __VA_ARGS__                                   \
    }
#define BOOL(name_, member, when_, absent_, ...)                                                   \
    {                                                                                              \
        .name = name_, .type = CONTROL_KEY_BOOL, .when = when_, .offset = AT(member),              \
        .absent = absent_, __VA_ARGS__                                                             \
    }
#define CHOICE(name_, member, when_, choices_, absent_, ...)                                       \
    {                                                                                              \
        .name = name_, .type = CONTROL_KEY_CHOICE, .when = when_, .offset = AT(member),            \
        .choices = choices_, .absent = absent_, __VA_ARGS__                                        \
    }
#define TEXT(name_, offset_, when_, takes_, ...)                                                   \
    {                                                                                              \
        .name = name_, .type = CONTROL_KEY_TEXT, .when = when_, .offset = offset_,                 \
        .takes = takes_, __VA_ARGS__                                                               \
    }
#define END                                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

// Entries of lists that are no mappings.
static const struct control_key text_entry = {.name = "", .type = CONTROL_KEY_TEXT};
static const struct control_key core_entry = {.name = "", .type = CONTROL_KEY_NUMBER, .max = 1023};
// IEEE 802.1Q 9.6: 0 is no VLAN, and 4095 is reserved.
static const struct control_key vlan_entry = {
    .name = "", .type = CONTROL_KEY_NUMBER, .min = 1, .max = 4094};

// ---- dataplane

static const struct control_choice hugepages_choices[] = {
    {"off", CONTROL_HUGEPAGES_OFF},
    {"auto", CONTROL_HUGEPAGES_AUTO},
    {"required", CONTROL_HUGEPAGES_REQUIRED},
    END,
};
static const struct control_choice idle_choices[] = {
    {"sleep", CONTROL_IDLE_SLEEP},
    {"spin", CONTROL_IDLE_SPIN},
    END,
};

static const struct control_key port_keys[] = {
    TEXT("device", IN(control_port, device), START, "PCI address or DPDK device", .required = true,
         .example = "\"0000:03:00.0\"",
         .help = "a PCI address, or a DPDK virtual device with its arguments"),
    {.name = "vlans",
     .type = CONTROL_KEY_LIST,
     .offset = IN(control_port, vlans),
     .count_offset = IN(control_port, vlans_count),
     .entry = &vlan_entry,
     .entry_size = sizeof(unsigned),
     .max = CONTROL_CONFIG_VLANS_MAX,
     .nothing = "none",
     .example = "[7]",
     .help = "VLANs whose tagged frames are taken; answers carry the same tag. Untagged frames are "
             "taken always"},
    END,
};
static const struct control_key port_entry = {
    .name = "", .type = CONTROL_KEY_ENTRY, .keys = port_keys};

static const struct control_key dataplane_keys[] = {
    LIST("ports", dataplane.ports, port_entry, START, 1, CONTROL_CONFIG_PORTS_MAX, .required = true,
         .help = "NICs to serve on"),
    LIST("workers", dataplane.workers, core_entry, START, 1, CONTROL_WORKER_MAX,
         .nothing = "the first core the process may run on", .example = "[1]",
         .help = "cores, each once; one worker runs on each"),
    CHOICE("hugepages", dataplane.hugepages, START, hugepages_choices, "auto",
           .help = "`auto` takes them when there are any"),
    CHOICE("idle", dataplane.idle, START, idle_choices, "sleep",
           .help = "what a worker does when nothing arrives; `spin` answers soonest and takes the "
                   "whole core"),
    NUMBER("memory", dataplane.memory, START, 64, 1048576, "512", .unit = "MiB",
           .help = "for DPDK without hugepages"),
    NUMBER("mbufs", dataplane.mbufs, START, 1024, 16777216, "32768",
           .help = "packet buffers per worker"),
    END,
};

// ---- network, listen

static const struct control_key network_keys[] = {
    LIST("addresses", network.addresses, text_entry, START, 1, CONTROL_CONFIG_ADDRESSES_MAX,
         .required = true, .takes = "addresses with prefix length",
         .example = "[10.135.0.2/24, \"fd00:135::2/64\"]",
         .help = "own addresses with prefix length, of either family. Quote IPv6 ones. An IPv6 "
                 "address is served a second after the start, unless somebody else has it (counter "
                 "`addresses_taken`)"),
    LIST("gateways", network.gateways, text_entry, START, 0, CONTROL_CONFIG_GATEWAYS_MAX,
         .takes = "addresses", .nothing = "none", .example = "[10.135.0.1]",
         .help = "routers; each within the prefix of one of the addresses, or link-local. The one "
                 "that suits the source address best is used, and another when it does not answer"),
    END,
};

static const struct control_key listen_keys[] = {
    {.name = "ncacn_ip_tcp",
     .type = CONTROL_KEY_NUMBER,
     .offset = IN(control_listen, ncacn_ip_tcp),
     .min = 1,
     .max = UINT16_MAX,
     .nothing = "the entry is an `ncacn_http`",
     .example = "135",
     .help = "RPC over TCP"},
    {.name = "ncacn_http",
     .type = CONTROL_KEY_NUMBER,
     .offset = IN(control_listen, ncacn_http),
     .min = 1,
     .max = UINT16_MAX,
     .nothing = "the entry is an `ncacn_ip_tcp`",
     .help = "version 1 of RPC over HTTP, on port 593 by custom: the server greets with "
             "`ncacn_http/1.0`, then all is as over TCP"},
    END,
};
static const struct control_key listen_entry = {
    .name = "", .type = CONTROL_KEY_ENTRY, .keys = listen_keys};

// ---- tcp

static const struct control_choice congestion_choices[] = {
    {"cubic", CONTROL_CUBIC},
    {"newreno", CONTROL_NEWRENO},
    END,
};
static const struct control_choice syn_cookies_choices[] = {
    {"auto", CONTROL_COOKIES_AUTO},
    {"always", CONTROL_COOKIES_ALWAYS},
    {"never", CONTROL_COOKIES_NEVER},
    END,
};

static const struct control_key tcp_keys[] = {
    CHOICE("congestion", tcp.congestion, START, congestion_choices, "cubic",
           .help = "congestion control: RFC 9438, or RFC 5681 and 6582"),
    CHOICE("syn_cookies", tcp.syn_cookies, START, syn_cookies_choices, "auto",
           .help = "`auto`: when `limits.half_open` connections are half-open; with `never`, SYNs "
                   "beyond are dropped (`tcpstack.rx_drop_tcp_half_open_full`)"),
    BOOL("timestamps", tcp.timestamps, START, "true",
         .help = "agree on timestamps (RFC 7323) when the peer does. A cookie cannot remember "
                 "window scale and SACK without them"),
    BOOL("sack", tcp.sack, START, "true",
         .help = "agree on SACK (RFC 2018) when the peer does, and with it on RACK-TLP (RFC 8985)"),
    NUMBER("receive_window", tcp.receive_window, START, 65536, 0x40000000, "131072",
           .unit = "bytes", .help = "what one connection may send before it is read"),
    NUMBER("keepalive_time", tcp.keepalive_time, START, 0, 604800, "0", .unit = "seconds",
           .help = "of silence, after which a peer is probed; 0: never"),
    NUMBER("keepalive_interval", tcp.keepalive_interval, START, 1, 86400, "75", .unit = "seconds",
           .help = "between probes"),
    NUMBER("keepalive_count", tcp.keepalive_count, START, 1, 255, "9",
           .help = "probes without an answer that end the connection (`tcpstack.tcp_timed_out`)"),
    END,
};

// ---- mapper

static const struct control_key endpoint_keys[] = {
    TEXT("interface", IN(control_endpoint, interface), RELOAD, "UUID", .required = true,
         .example = "12345778-1234-abcd-ef00-0123456789ab",
         .help = "not nil, unless `allow_nil_interface`"),
    TEXT("version", IN(control_endpoint, version), RELOAD, "\"MAJOR.MINOR\"", .required = true,
         .example = "\"0.0\"", .help = "of the interface; each 0 to 65535"),
    TEXT("object", IN(control_endpoint, object), RELOAD, "UUID", .nothing = "for every object",
         .example = "9cb31bfa-d90e-40b4-a2ef-ef0123456789",
         .help = "what the endpoint is registered for"),
    TEXT("binding", IN(control_endpoint, binding), RELOAD, "string binding", .required = true,
         .example = "\"ncacn_ip_tcp:10.135.0.2[49153]\"",
         .help =
             "`ncacn_ip_tcp:10.135.0.2[49153]`, `ncacn_np:HOST[\\pipe\\name]`, `ncalrpc:[name]` "
             "and so on. Quote it"),
    TEXT("annotation", IN(control_endpoint, annotation), RELOAD, "text, at most 63 bytes",
         .may_be_empty = true, .nothing = "empty", .example = "LSA",
         .help = "what people read in a listing"),
    END,
};
static const struct control_key endpoint_entry = {
    .name = "", .type = CONTROL_KEY_ENTRY, .keys = endpoint_keys};

static const struct control_key registrations_keys[] = {
    LIST("allow", mapper.registrations.allow, text_entry, RELOAD, 0, CONTROL_CONFIG_ALLOW_MAX,
         .takes = "prefixes", .nothing = "none", .example = "[10.0.0.0/8]",
         .help = "sources that may insert and delete over the network"),
    BOOL("allow_nil_interface", mapper.registrations.allow_nil_interface, START, "false",
         .help = "accept a nil interface UUID, which the specification and Windows refuse"),
    END,
};

static const struct control_key mapper_keys[] = {
    LIST("endpoints", mapper.endpoints, endpoint_entry, RELOAD, 0, UINT_MAX, .nothing = "none",
         .help = "entries that are there from the start"),
    SECTION("registrations", registrations_keys, .help = "changes of the map over the network"),
    NUMBER("capacity", mapper.capacity, START, 1, 16777216, "65536", .help = "entries at most"),
    TEXT("state", AT(mapper.state), START, "absolute path of a directory", .nothing = "none",
         .help = "directory in which registrations are kept; made when only that one is missing"),
    END,
};

// ---- interfaces, oxid

static const struct control_choice dcom_choices[] = {
    {"reject", CONTROL_DCOM_REJECT},
    {"disabled", CONTROL_DCOM_DISABLED},
    END,
};

static const struct control_key interfaces_keys[] = {
    BOOL("epmapper", interfaces.epmapper, START, "true", .help = "the endpoint mapper, 3.0"),
    BOOL("mgmt", interfaces.mgmt, START, "true", .help = "remote management, 1.0"),
    BOOL("oxid", interfaces.oxid, START, "true",
         .help = "the OXID resolver of DCOM (IObjectExporter 0.0); see `portolan oxid`"),
    BOOL("rpcecho", interfaces.rpcecho, START, "false",
         .help =
             "the interface that tests RPC runtimes, 1.0. Replies have at most 256 KiB; anybody "
             "who may connect can keep 1,024 of its sleeping calls waiting per worker. Register "
             "its endpoint under `mapper.endpoints`"),
    CHOICE("dcom", interfaces.dcom, START, dcom_choices, "reject",
           .help = "the activation interfaces: not offered, or offered and every activation "
                   "denied, as on a host where DCOM is disabled"),
    END,
};

static const struct control_key oxid_keys[] = {
    LIST("bindings", oxid.bindings, text_entry, START, 0, UINT_MAX,
         .takes = "host names and addresses", .nothing = "the addresses of `network`",
         .example = "[srv1.example, 10.135.0.2]",
         .help = "what `ServerAlive2` tells clients: where this host is reached. About 500 "
                 "characters in all"),
    END,
};

// ---- limits

static const struct control_key limits_keys[] = {
    NUMBER("connections", limits.connections, START, 1, 16777216, "16384",
           .help = "TCP connections per worker"),
    NUMBER("half_open", limits.half_open, START, 1, 1048576, "4096",
           .help = "connections per worker whose handshake is not complete; SYNs beyond are "
                   "answered by SYN cookies"),
    NUMBER("request", limits.request, START, 8192, 0x400000, "65536", .unit = "bytes",
           .help = "of the stub of a call that comes in several PDUs"),
    NUMBER("reassemblies", limits.reassemblies, START, 1, 65536, "64",
           .help = "such calls under way at once, per worker. Each takes `request` bytes of "
                   "address space, and memory when it is used"),
    NUMBER("calls", limits.calls, RELOAD, 1, 65535, "64",
           .help = "calls under way at once, of one connection that multiplexes"),
    NUMBER("contexts", limits.contexts, RELOAD, 1, 1024, "64",
           .help = "presentation contexts of one connection"),
    NUMBER("cursors", limits.cursors, RELOAD, 1, 11, "11",
           .help = "live entry handles (enumerations under way) of one association group"),
    NUMBER("half_pdu_timeout", limits.half_pdu_timeout, RELOAD, 0, 86400, "30", .unit = "seconds",
           .help = "how long a PDU may take to come in whole, and a call of several PDUs; 0: for "
                   "ever"),
    NUMBER("idle_timeout", limits.idle_timeout, RELOAD, 0, 604800, "0", .unit = "seconds",
           .help = "after how long without input a connection is ended; 0: never"),
    END,
};

// ---- faults

#define FAULT(key)                                                                                 \
    {.name = #key, .type = CONTROL_KEY_TEXT, .when = RELOAD, .offset = IN(control_fault, key)},
static const struct control_key fault_keys[] = {CONTROL_FAULT_KEYS(FAULT) END};
static const struct control_key fault_entry = {
    .name = "", .type = CONTROL_KEY_ENTRY, .keys = fault_keys};

// ---- control

static const struct control_key control_keys[] = {
    TEXT("socket", AT(control.socket), START, "absolute path, at most 107 bytes",
         .absent = "/run/portolan/control.sock",
         .help = "the control socket. Its directory is made when only that one is missing"),
    END,
};

// ---- the file

static const struct control_key root_keys[] = {
    SECTION("dataplane", dataplane_keys, .required = true, .help = "ports and cores"),
    SECTION("network", network_keys, .required = true, .help = "addresses"),
    LIST("listen", listen, listen_entry, START, 1, CONTROL_CONFIG_LISTEN_MAX, .required = true,
         .help = "TCP ports to listen on, each once"),
    SECTION("tcp", tcp_keys, .help = "how TCP behaves"),
    SECTION("mapper", mapper_keys, .help = "the endpoint map"),
    SECTION("interfaces", interfaces_keys,
            .help = "which interfaces are served, at every port of `listen`"),
    SECTION("oxid", oxid_keys, .help = "the OXID resolver"),
    SECTION("limits", limits_keys, .help = "what a client may take"),
    LIST("faults", faults, fault_entry, RELOAD, 0, RPC_INJECT_MAX, .nothing = "none",
         .example = "[{source: 10.135.0.0/24, probability: 1%, delay: \"exponential:20ms\"}]",
         .help = "rules that make the server slow, faulty or rude, for whoever tests a client; "
                 "see faults.md"),
    SECTION("control", control_keys, .help = "the control socket"),
    END,
};

const struct control_key control_config_root = {
    .name = "", .type = CONTROL_KEY_SECTION, .keys = root_keys};

// ---- looking up

unsigned control_keys_count(const struct control_key *keys)
{
    unsigned count = 0;
    while (keys[count].name != NULL)
        count++;
    return count;
}

const struct control_key *control_key_find(const struct control_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0)
            return keys;
    }
    return NULL;
}

const struct control_key *control_key_at(const char *path)
{
    const struct control_key *key = &control_config_root;
    while (key != NULL && *path != '\0') {
        char name[64];
        size_t length = strcspn(path, ".[");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        key = key->keys == NULL ? NULL : control_key_find(key->keys, name);
        path += length;
        if (*path == '[') {
            key = key == NULL ? NULL : key->entry;
            path += strcspn(path, "]");
            path += strspn(path, "]");
        }
        path += strspn(path, ".");
    }
    return key;
}

static void append(char *text, size_t size, const char *word)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", word);
}

void control_key_expected(const struct control_key *key, char *text, size_t size)
{
    text[0] = '\0';
    switch (key->type) {
    case CONTROL_KEY_NUMBER:
        snprintf(text, size, "a whole number from %u to %u", key->min, key->max);
        break;
    case CONTROL_KEY_BOOL:
        append(text, size, "true or false");
        break;
    case CONTROL_KEY_CHOICE:
        for (const struct control_choice *choice = key->choices; choice->name != NULL; choice++) {
            append(text, size, choice == key->choices ? "one of: " : ", ");
            append(text, size, choice->name);
        }
        break;
    case CONTROL_KEY_TEXT:
        append(text, size, "text");
        break;
    case CONTROL_KEY_LIST:
        snprintf(text, size, "a list%s", key->min > 0 ? " with at least one entry" : "");
        break;
    case CONTROL_KEY_SECTION:
    case CONTROL_KEY_ENTRY:
        for (const struct control_key *row = key->keys; row->name != NULL; row++) {
            append(text, size, row == key->keys ? "the keys: " : ", ");
            append(text, size, row->name);
        }
        break;
    }
}
