// The daemon's configuration: YAML, read strictly by the schema in control/config_keys.h, then
// checked for sense. Every problem that can be found is told, with file, line and column.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/fault.h"

enum { // what a file may list at most
    CONTROL_CONFIG_PORTS_MAX = 8,
    CONTROL_CONFIG_VLANS_MAX = 8, // of one port
    CONTROL_CONFIG_ADDRESSES_MAX = 16,
    CONTROL_CONFIG_GATEWAYS_MAX = 16,
    CONTROL_CONFIG_LISTEN_MAX = 16,
    CONTROL_CONFIG_ALLOW_MAX = 256,
};

enum control_hugepages {
    CONTROL_HUGEPAGES_OFF,
    CONTROL_HUGEPAGES_AUTO,
    CONTROL_HUGEPAGES_REQUIRED
};
enum control_dcom {
    CONTROL_DCOM_REJECT,  // the activation interfaces are not offered
    CONTROL_DCOM_DISABLED // they are, and deny every activation
};
enum control_congestion { CONTROL_CUBIC, CONTROL_NEWRENO };
enum control_syn_cookies { CONTROL_COOKIES_AUTO, CONTROL_COOKIES_ALWAYS, CONTROL_COOKIES_NEVER };
enum control_idle { CONTROL_IDLE_SLEEP, CONTROL_IDLE_SPIN };

struct control_port {
    char *device;    // DPDK vdev arguments or a PCI address
    unsigned *vlans; // identifiers of those it is a tagged member of
    unsigned vlans_count;
};

struct control_listen {    // one of them; 0: not this one
    unsigned ncacn_ip_tcp; // port
    unsigned ncacn_http;   // port
};

struct control_endpoint {
    char *interface; // UUID
    char *version;   // "MAJOR.MINOR"
    char *object;    // UUID or NULL
    char *binding;
    char *annotation; // or NULL
};

// As the file says it. Absent lists have count 0.
struct control_config {
    struct control_document *document; // owns what the pointers point to
    struct {
        struct control_port *ports;
        unsigned ports_count;
        unsigned *workers; // core numbers
        unsigned workers_count;
        enum control_hugepages hugepages;
        enum control_idle idle; // what a worker does when nothing arrives
        unsigned memory;        // MiB for DPDK without hugepages
        unsigned mbufs;         // per worker
    } dataplane;
    struct {
        char **addresses; // "10.135.0.2/24", "fd00:135::2/64"
        unsigned addresses_count;
        char **gateways;
        unsigned gateways_count;
    } network;
    struct control_listen *listen;
    unsigned listen_count;
    struct {
        enum control_congestion congestion;
        enum control_syn_cookies syn_cookies;
        bool timestamps, sack;
        unsigned receive_window;     // bytes
        unsigned keepalive_time;     // seconds of silence before the first probe; 0: none
        unsigned keepalive_interval; // seconds
        unsigned keepalive_count;    // unanswered probes that end a connection
    } tcp;
    struct {
        struct control_endpoint *endpoints;
        unsigned endpoints_count;
        struct {
            char **allow; // source prefixes
            unsigned allow_count;
            bool allow_nil_interface; // compatibility: C706 and Windows refuse a nil interface
        } registrations;
        unsigned capacity; // entries at most
        char *state;       // directory that registrations are kept in; NULL: they are not kept
    } mapper;
    struct {
        bool epmapper;
        bool mgmt;
        bool oxid;
        bool rpcecho;
        enum control_dcom dcom;
    } interfaces; // which are served
    struct {
        char **bindings; // host names and addresses that ServerAlive2 tells
        unsigned bindings_count;
    } oxid;
    struct {
        unsigned connections;      // per worker
        unsigned half_open;        // per worker
        unsigned request;          // octets of a call of several PDUs
        unsigned reassemblies;     // such calls under way at once, per worker
        unsigned calls;            // under way at once, of a connection
        unsigned contexts;         // of a connection
        unsigned cursors;          // live entry handles of an association group
        unsigned half_pdu_timeout; // seconds; 0: none
        unsigned idle_timeout;     // seconds; 0: none
    } limits;
    struct control_fault *faults; // fault rules that are there from the start
    unsigned faults_count;
    struct {
        char *socket;
    } control;
};

// Reads and checks `path` and what it includes. Returns NULL after writing to stderr, for each
// problem, what was found, where (FILE:LINE:COLUMN) and what was expected. Any thread.
struct control_config *control_config_load(const char *path);
// The same with the problems written to `complaints`.
struct control_config *control_config_read(const char *path, FILE *complaints);
// Reads the same from memory; `name` stands for the path in messages. The demo uses it.
struct control_config *control_config_parse(const char *name, const char *text);
void control_config_free(struct control_config *config);

// "10.135.0.2/24" or "fd00:135::2/64" -> 16 bytes in network order and a prefix length of 128 bits;
// IPv4 is ::ffff:a.b.c.d/(96 + length). False when it is neither, with nothing written.
bool control_prefix_parse_mapped(const char *text, uint8_t ret_address[16], uint8_t *ret_length);
// The same without a length.
bool control_address_parse_mapped(const char *text, uint8_t ret_address[16]);
