#include "load/options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "load/mix.h"

static const char usage[] =
    "Usage: portolan-load --port DEVICE --address ADDRESS/LENGTH[,...] --target ADDRESS[:PORT]\n"
    "                     [OPTION]...\n"
    "       portolan-load plot FILE.json... -o OUT.svg|OUT.png\n"
    "\n"
    "Loads an endpoint mapper over a DPDK port, checks every answer, and measures.\n"
    "\n"
    "  -p, --port DEVICE          a DPDK vdev (net_memif0,role=client,...) or a PCI address; up to\n"
    "                             8 times, with a worker each, which share out the addresses\n"
    "  -a, --address LIST         source addresses with prefix length, at most 16\n"
    "      --gateway ADDRESS      the way to a target that is not on the link\n"
    "  -t, --target ADDRESS[:PORT]  the endpoint mapper (port 135)\n"
    "  -c, --connections N        connections at once (100)\n"
    "  -d, --depth D              calls under way at once on each (1)\n"
    "  -r, --rate R               calls per second at given times (open loop); without it each\n"
    "                             answer is followed by the next call (closed loop)\n"
    "      --arrivals KIND        gaps of the open loop: poisson (default) or fixed\n"
    "  -s, --duration SECONDS     measured time (10)\n"
    "      --warmup SECONDS       time before it that is not measured (2)\n"
    "      --timeout SECONDS      for connections to open and for the last answers (5)\n"
    "      --pcap FILE            ask what clients asked in a capture (pcap or pcapng)\n"
    "      --pcap-port PORT       the server's port in the capture (135)\n"
    "  -m, --mix NAME|FILE        what is asked (map); built in, or a YAML file with a '.' in\n"
    "                             its name, see docs/portolan-load.md:\n";

static const char usage_rest[] =
    "      --interface UUID@MAJOR.MINOR  that the mix asks for\n"
    "                             (60a15ec5-4de8-11d7-a637-005056a20182@1.0, rpcecho)\n"
    "      --misbehave HOW        syn-only, silent, half-request, no-ack or no-close, with\n"
    "                             --connections of them for --duration\n"
    "      --find-max             the highest rate with nothing lost and --p99 kept\n"
    "      --p99 MICROSECONDS     for --find-max\n"
    "      --workers N            cores to use, from the lowest on (1)\n"
    "      --lcore LIST           cores to use, by number\n"
    "      --hugepages off|auto|required  (auto)\n"
    "  -j, --json                 one JSON object (\"schema\": 1) instead of text\n"
    "  -o, --output FILE          plot: where to\n"
    "  -h, --help                 print this\n"
    "  -V, --version              print the version\n"
    "\n"
    "Exit: 0 all answers right, 1 some wrong or lost, 64 usage, 65 not a capture, 69 no port or\n"
    "no memory, 75 nobody answered.\n";

void load_options_help(void)
{
    fputs(usage, stdout);
    load_mix_list(stdout);
    fputs(usage_rest, stdout);
}

__attribute__((format(printf, 1, 2))) static int misused(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("portolan-load: ", stderr);
    vfprintf(stderr, format, args);
    fputs("; see portolan-load --help\n", stderr);
    va_end(args);
    return EX_USAGE;
}

// ---- values

static bool parse_number(const char *text, double min, double max, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= min && value <= max))
        return false;
    *ret_value = value;
    return true;
}

static bool parse_count(const char *text, unsigned max, unsigned *ret_count)
{
    double value;
    if (!parse_number(text, 1, max, &value) || value != (double)(unsigned)value)
        return false;
    *ret_count = (unsigned)value;
    return true;
}

static bool parse_host(const char *text, uint8_t ret_address[16])
{
    struct in_addr ipv4;
    if (inet_pton(AF_INET6, text, ret_address) == 1)
        return true;
    if (inet_pton(AF_INET, text, &ipv4) != 1)
        return false;
    tcpstack_address_set_ipv4(ret_address, ntohl(ipv4.s_addr));
    return true;
}

bool load_address_parse(const char *text, struct tcpstack_address *ret_address)
{
    char host[64];
    double length;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(slash - text), text);
    struct tcpstack_address address;
    if (!parse_host(host, address.address))
        return false;
    bool ipv4 = tcpstack_address_is_ipv4(address.address);
    if (!parse_number(slash + 1, 1, ipv4 ? 32 : 128, &length))
        return false;
    address.prefix_length = (uint8_t)(length + (ipv4 ? TCPSTACK_IPV4_BITS : 0));
    *ret_address = address;
    return true;
}

// ---- options

// An option of the command line: how its argument is read, and what is said when it cannot be.
struct row {
    const char *name;
    char letter; // '\0': none
    bool (*take)(const struct row *row, const char *argument, struct load_options *options);
    const char *expected;
    size_t offset;   // of the member, for the readers of plain values
    double min, max; // of a number
    bool alone;      // without an argument
};

static void *member(const struct row *row, struct load_options *options)
{
    return (char *)options + row->offset;
}

static bool take_text(const struct row *row, const char *text, struct load_options *options)
{
    *(const char **)member(row, options) = text;
    return true;
}

static bool take_number(const struct row *row, const char *text, struct load_options *options)
{
    return parse_number(text, row->min, row->max, member(row, options));
}

static bool take_count(const struct row *row, const char *text, struct load_options *options)
{
    return parse_count(text, (unsigned)row->max, member(row, options));
}

static bool take_flag(const struct row *row, const char *text, struct load_options *options)
{
    (void)text;
    *(bool *)member(row, options) = true;
    return true;
}

// Splits `text` at commas and gives each piece to `take`.
static bool for_each(const char *text, struct load_options *options,
                     bool (*take)(const char *, struct load_options *))
{
    char piece[128];
    for (;;) {
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof piece)
            return false;
        snprintf(piece, sizeof piece, "%.*s", (int)length, text);
        if (!take(piece, options))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool take_device(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    if (options->device_count == LOAD_PORT_MAX)
        return false;
    options->devices[options->device_count++] = text;
    return true;
}

static bool add_address(const char *text, struct load_options *options)
{
    return options->address_count < TCPSTACK_ADDRESS_MAX &&
           load_address_parse(text, &options->addresses[options->address_count++]);
}

static bool take_addresses(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    return for_each(text, options, add_address);
}

static bool add_core(const char *text, struct load_options *options)
{
    double core;
    if (options->core_count == LOAD_WORKER_MAX || !parse_number(text, 0, CPU_SETSIZE - 1, &core))
        return false;
    options->cores[options->core_count++] = (unsigned)core;
    return true;
}

static bool take_cores(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    options->core_count = 0;
    return for_each(text, options, add_core);
}

static bool take_gateway(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    options->has_gateway = true;
    return parse_host(text, options->gateway);
}

static bool take_lowest_cores(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    unsigned count;
    cpu_set_t allowed;
    if (!parse_count(text, LOAD_WORKER_MAX, &count) ||
        sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return false;
    options->core_count = 0;
    for (unsigned core = 0; core < CPU_SETSIZE && options->core_count < count; core++) {
        if (CPU_ISSET(core, &allowed))
            options->cores[options->core_count++] = core;
    }
    return options->core_count == count;
}

// ADDRESS, ADDRESS:PORT, [IPv6] or [IPv6]:PORT; an IPv6 address without brackets has no port.
static bool take_target(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    char host[64];
    const char *begin = text + (text[0] == '[');
    size_t length = strcspn(begin, text[0] == '[' ? "]" : ":");
    const char *rest = begin + length + (text[0] == '[' && begin[length] == ']');
    if (text[0] != '[' && *rest == ':' && strchr(rest + 1, ':')) {
        length = strlen(text);
        rest = begin + length;
    }
    if (length >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)length, begin);
    unsigned port = 135;
    if (*rest != '\0' && (*rest != ':' || !parse_count(rest + 1, 65535, &port)))
        return false;
    options->target_port = (uint16_t)port;
    options->target_text = text;
    return parse_host(host, options->target);
}

static const char *const misbehaviours[] = {"none",         "syn-only", "silent",
                                            "half-request", "no-ack",   "no-close"};

const char *load_misbehaviour_name(enum load_misbehaviour misbehaviour)
{
    return misbehaviours[misbehaviour];
}

static bool take_misbehaviour(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    for (unsigned i = LOAD_SYN_ONLY; i <= LOAD_NO_CLOSE; i++) {
        if (strcmp(text, misbehaviours[i]) == 0) {
            options->misbehaviour = (enum load_misbehaviour)i;
            return true;
        }
    }
    return false;
}

static bool take_arrivals(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    options->arrivals = strcmp(text, "fixed") == 0 ? LOAD_FIXED : LOAD_POISSON;
    return options->arrivals == LOAD_FIXED || strcmp(text, "poisson") == 0;
}

static bool take_find_max(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    (void)text;
    options->verb = LOAD_FIND_MAX;
    return true;
}

static bool take_hugepages(const struct row *row, const char *text, struct load_options *options)
{
    (void)row;
    options->hugepages = text;
    return strcmp(text, "off") == 0 || strcmp(text, "auto") == 0 || strcmp(text, "required") == 0;
}

#define MEMBER(name) offsetof(struct load_options, name)
// clang-format off
static const struct row rows[] = {
    {"port", 'p', take_device, "at most 8 ports"},
    {"address", 'a', take_addresses, "at most 16 addresses like 10.135.0.1/24, with commas between"},
    {"gateway", 0, take_gateway, "an address"},
    {"target", 't', take_target, "ADDRESS or ADDRESS:PORT; no names"},
    {"connections", 'c', take_count, "1 to 1000000", MEMBER(connections), 1, 1000000},
    {"depth", 'd', take_count, "1 to 256", MEMBER(depth), 1, LOAD_DEPTH_MAX},
    {"rate", 'r', take_number, "calls per second", MEMBER(rate), 0.001, 1e9},
    {"arrivals", 0, take_arrivals, "poisson or fixed"},
    {"duration", 's', take_number, "seconds from 0.01", MEMBER(duration), 0.01, 1e6},
    {"warmup", 0, take_number, "seconds", MEMBER(warmup), 0, 1e6},
    {"timeout", 0, take_number, "seconds from 0.01 to 3600", MEMBER(timeout), 0.01, 3600},
    {"mix", 'm', take_text, "", MEMBER(mix)},
    {"interface", 0, take_text, "", MEMBER(interface)}, // checked with the mix
    {"pcap", 0, take_text, "", MEMBER(pcap)},
    {"pcap-port", 0, take_count, "a port, 1 to 65535", MEMBER(pcap_port), 1, 65535},
    {"misbehave", 0, take_misbehaviour, "syn-only, silent, half-request, no-ack or no-close"},
    {"find-max", 0, take_find_max, "", .alone = true},
    {"p99", 0, take_number, "microseconds from 1 to 10000000", MEMBER(p99), 1, 1e7},
    {"workers", 0, take_lowest_cores, "at most as many as there are cores, and 32"},
    {"lcore", 0, take_cores, "core numbers with commas between"},
    {"hugepages", 0, take_hugepages, "off, auto or required"},
    {"output", 'o', take_text, "", MEMBER(output)},
    {"json", 'j', take_flag, "", MEMBER(json), .alone = true},
    {"help", 'h', take_flag, "", MEMBER(help), .alone = true},
    {"version", 'V', take_flag, "", MEMBER(version), .alone = true},
};
// clang-format on
enum { ROWS = sizeof rows / sizeof rows[0], ROW_BASE = 256 };

// getopt's words for the rows: row i is ROW_BASE + i, or its letter.
static void describe(struct option longs[ROWS + 1], char letters[2 * ROWS + 2])
{
    *letters++ = ':'; // a missing argument is told from an unknown option
    for (int i = 0; i < ROWS; i++) {
        longs[i] = (struct option){.name = rows[i].name,
                                   .has_arg = rows[i].alone ? no_argument : required_argument,
                                   .val = ROW_BASE + i};
        if (rows[i].letter == '\0')
            continue;
        *letters++ = rows[i].letter;
        if (!rows[i].alone)
            *letters++ = ':';
    }
    *letters = '\0';
    longs[ROWS] = (struct option){0};
}

static const struct row *find_row(int value)
{
    if (value >= ROW_BASE)
        return &rows[value - ROW_BASE];
    const struct row *row = rows;
    while (row->letter != value)
        row++;
    return row;
}

// ---- the whole

static int check_plot(int argc, char **argv, struct load_options *o)
{
    o->verb = LOAD_PLOT;
    o->files = argv + optind + 1;
    o->file_count = (unsigned)(argc - optind - 1);
    const char *suffix = o->output ? strrchr(o->output, '.') : NULL;
    if (o->file_count == 0)
        return misused("plot: found no file, expected one that --json wrote");
    if (!suffix || (strcmp(suffix, ".svg") != 0 && strcmp(suffix, ".png") != 0))
        return misused("plot: found output '%s', expected -o OUT.svg or OUT.png",
                       o->output ? o->output : "");
    return -1;
}

static int check_run(struct load_options *o)
{
    if (o->device_count == 0 || o->address_count == 0 || !o->target_text)
        return misused("expected --port, --address and --target");
    bool ipv4 = tcpstack_address_is_ipv4(o->target);
    for (unsigned i = 0; i < o->address_count; i++) {
        if (tcpstack_address_is_ipv4(o->addresses[i].address) != ipv4)
            return misused("--address: found IPv%c, expected IPv%c as --target is",
                           ipv4 ? '6' : '4', ipv4 ? '4' : '6');
    }
    if (o->device_count > 1 && o->core_count != o->device_count)
        return misused("--port: found %u ports and %u workers, expected a worker each (--workers)",
                       o->device_count, o->core_count);
    if (o->address_count < o->device_count)
        return misused("--address: found %u, expected one a port at least", o->address_count);
    if ((o->verb == LOAD_FIND_MAX) != (o->p99 > 0))
        return misused("--find-max and --p99 go together");
    if (o->verb == LOAD_FIND_MAX && (o->rate > 0 || o->misbehaviour != LOAD_BEHAVES))
        return misused("--find-max goes without --rate and --misbehave");
    if (o->misbehaviour != LOAD_BEHAVES && o->rate > 0)
        return misused("--misbehave goes without --rate");
    if (o->pcap && o->mix)
        return misused("--pcap goes without --mix");
    if (!o->mix)
        o->mix = o->pcap ? "recorded" : "map";
    if (o->connections < o->core_count)
        return misused("--connections: found %u, expected one a worker at least", o->connections);
    return -1;
}

// -1, or an exit status after saying why.
static int take_options(int argc, char **argv, struct load_options *o)
{
    struct option longs[ROWS + 1];
    char letters[2 * ROWS + 2];
    int value;
    describe(longs, letters);
    optind = 0; // starts over, also when it has run before
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (value == '?')
            return misused("found unknown option '%s'", argv[optind - 1]);
        if (value == ':')
            return misused("found option '%s' without its argument", argv[optind - 1]);
        const struct row *row = find_row(value);
        if (!row->take(row, optarg, o))
            return misused("--%s: found '%s', expected %s", row->name, optarg, row->expected);
        if (o->help || o->version) {
            o->verb = o->help ? LOAD_HELP : LOAD_VERSION;
            return -1;
        }
    }
    return -1;
}

int load_options_parse(int argc, char **argv, struct load_options *ret_options)
{
    struct load_options o = {
        .connections = 100,
        .depth = 1,
        .duration = 10,
        .warmup = 2,
        .timeout = 5,
        .interface = "60a15ec5-4de8-11d7-a637-005056a20182@1.0",
        .pcap_port = 135,
        .hugepages = "auto",
    };
    take_lowest_cores(NULL, "1", &o);
    int result = take_options(argc, argv, &o);
    if (result < 0 && !o.help && !o.version) {
        bool plot = optind < argc && strcmp(argv[optind], "plot") == 0;
        if (optind < argc && !plot)
            return misused("found '%s', expected options or plot", argv[optind]);
        result = plot ? check_plot(argc, argv, &o) : check_run(&o);
    }
    if (result < 0)
        *ret_options = o;
    return result;
}
