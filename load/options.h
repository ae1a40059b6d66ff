// The command line of portolan-load.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load/generator.h"
#include "tcpstack/tcpstack.h"

enum { LOAD_WORKER_MAX = 32, LOAD_PORT_MAX = 8 };

enum load_verb { LOAD_RUN, LOAD_FIND_MAX, LOAD_PLOT, LOAD_HELP, LOAD_VERSION };

// Pointers point into argv or static storage. Times are seconds.
struct load_options {
    enum load_verb verb;
    const char *devices[LOAD_PORT_MAX]; // several: a worker each
    unsigned device_count;
    struct tcpstack_address addresses[TCPSTACK_ADDRESS_MAX];
    unsigned address_count;
    uint8_t gateway[16];
    bool has_gateway;
    uint8_t target[16];
    uint16_t target_port;
    const char *target_text;
    unsigned connections, depth;
    double rate; // calls per second; 0: closed loop
    enum load_arrival_kind arrivals;
    double duration, warmup, timeout;
    const char *mix, *interface;
    const char *pcap; // capture whose requests take the place of a mix; NULL: none
    unsigned pcap_port;
    enum load_misbehaviour misbehaviour;
    double p99; // microseconds, of --find-max
    bool json, help, version;
    const char *hugepages;
    unsigned cores[LOAD_WORKER_MAX];
    unsigned core_count;
    char *const *files; // of plot
    unsigned file_count;
    const char *output;
};

// Reads the command line. -1 with *ret_options filled, or an exit status after saying why on
// stderr.
int load_options_parse(int argc, char **argv, struct load_options *ret_options);
// Prints the usage on stdout.
void load_options_help(void);
// "10.135.0.1/24" or "fd00:135::1/64"; false when it is neither.
bool load_address_parse(const char *text, struct tcpstack_address *ret_address);
const char *load_misbehaviour_name(enum load_misbehaviour misbehaviour);
