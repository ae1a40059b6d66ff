// portoland, the daemon.
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <rte_version.h>

#include "base/log.h"
#include "control/config.h"
#include "dataplane/daemon.h"
#include "dataplane/demo.h"

static const char usage[] =
    "Usage: portoland -c FILE [--check]\n"
    "       portoland --demo [--socket PATH]\n"
    "\n"
    "Serves the DCE/RPC endpoint mapper on DPDK ports.\n"
    "\n"
    "  -c, --config FILE   serve as FILE says\n"
    "      --check         check FILE, say what is wrong with it, and exit\n"
    "      --demo          serve a sample map on TAP ptl0 of this network namespace:\n"
    "                      the kernel has 10.135.0.1, portoland serves 10.135.0.2 port 135\n"
    "      --socket PATH   the demo's control socket (/run/portolan/control.sock)\n"
    "  -v, --verbose       say more\n"
    "  -h, --help          print this\n"
    "  -V, --version       print the version\n"
    "\n"
    "SIGTERM stops it cleanly, SIGHUP reads FILE again.\n"
    "Exit: 0 stopped, 64 usage, 69 no port, huge page or memory, 71 system, 78 configuration.\n";

struct options {
    const char *file;
    const char *socket;
    bool check;
    bool demo;
};

enum { OPTION_CHECK = 256, OPTION_DEMO, OPTION_SOCKET };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, OPTION_CHECK},
    {"demo", no_argument, NULL, OPTION_DEMO}, {"socket", required_argument, NULL, OPTION_SOCKET},
    {"verbose", no_argument, NULL, 'v'},      {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

static int misused(const char *found)
{
    fprintf(stderr, "portoland: %s; try 'portoland --help'\n", found);
    return EX_USAGE;
}

// Returns -1 to go on, or an exit code.
static int read_options(int argc, char **argv, struct options *options)
{
    int option;
    while ((option = getopt_long(argc, argv, "c:vhV", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case OPTION_CHECK:
            options->check = true;
            break;
        case OPTION_DEMO:
            options->demo = true;
            break;
        case OPTION_SOCKET:
            options->socket = optarg;
            break;
        case 'v':
            base_log_set_level(BASE_LOG_DEBUG);
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            printf("portoland %s (%s)\n", PORTOLAN_VERSION, rte_version());
            return 0;
        default:
            return misused("an option was not understood");
        }
    }
    if (optind < argc)
        return misused("only options are expected, no other words");
    if (!options->file == !options->demo)
        return misused("expected either -c FILE or --demo");
    if (options->socket && !options->demo)
        return misused("--socket goes with --demo; a file has control.socket");
    return -1;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int result = read_options(argc, argv, &options);
    if (result >= 0)
        return result;
    struct control_config *config =
        options.demo ? dataplane_demo_config(options.socket) : control_config_load(options.file);
    if (!config)
        return EX_CONFIG;
    if (!options.check)
        result = dataplane_daemon_run(config, options.file, options.demo);
    else
        printf("%s: ok\n", options.demo ? "demo" : options.file);
    control_config_free(config);
    return options.check ? 0 : result;
}
