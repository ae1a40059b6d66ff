// The command line of portolan.
#pragma once

#include <stdbool.h>

#include "cli/exit.h"
#include "ndr/tower.h"

#define CLI_VERBS(X)                                                                               \
    X(CLI_DUMP, "dump", "HOST[:PORT]", 1, 1, "ioj", "list every endpoint of an endpoint mapper")   \
    X(CLI_MAP, "map", "HOST[:PORT] UUID[@MAJOR.MINOR]", 2, 2, "poj",                               \
      "ask at which endpoints an interface is served")                                             \
    X(CLI_REGISTER, "register", "UUID@MAJOR.MINOR BINDING", 2, 2, "oars",                          \
      "put an endpoint into the server's map")                                                     \
    X(CLI_UNREGISTER, "unregister", "UUID@MAJOR.MINOR BINDING", 2, 2, "oars",                      \
      "take an endpoint out of it")                                                                \
    X(CLI_STATUS, "status", "", 0, 0, "sj", "show what the server is and how its workers stand")   \
    X(CLI_STATS, "stats", "", 0, 0, "sjd", "show the server's counters")                           \
    X(CLI_TRACE, "trace", "", 0, 0, "sjlcfn", "show what happens to connections")                  \
    X(CLI_OXID, "oxid", "list | remove OXID | add OXID IPID BINDING...", 1, 8, "sjO",              \
      "show or change the object exporters that the OXID resolver knows")                          \
    X(CLI_FAULT, "fault", "list | clear [ID] | add KEY=VALUE...", 1, 8, "sj",                      \
      "make the server slow, faulty or rude by rules")                                             \
    X(CLI_EXPORT, "export", "", 0, 0, "sj", "write every registration to stdout, one a line")      \
    X(CLI_IMPORT, "import", "[FILE]", 0, 1, "srD", "register what an export wrote (stdin)")        \
    X(CLI_RELOAD, "reload", "", 0, 0, "sj", "make the server read its configuration file again")   \
    X(CLI_CONFIG, "config", "show | diff | check", 1, 1, "sj",                                     \
      "show the running configuration, or hold it against the file")

// Rows: verb, name, arguments, how many at least and at most, letters of the options it takes
// besides the global ones (NULL: the verb is not available in this version), help.
#define CLI_VERB_ENUM(id, name, arguments, min, max, letters, help) id,
enum cli_verb { CLI_VERBS(CLI_VERB_ENUM) CLI_VERB_COUNT, CLI_HELP, CLI_VERSION };

enum { CLI_ARGUMENTS_MAX = 9, CLI_OIDS_MAX = 32 };

// Times are milliseconds; every pointer points into argv, the environment or static storage.
struct cli_options {
    enum cli_verb verb;
    const char *arguments[CLI_ARGUMENTS_MAX]; // NULL behind the last
    bool json;
    bool replace;
    bool drops;
    bool dry_run;
    int timeout_ms; // per phase; 0 when it was not given
    const char *socket;
    const char *object;
    const char *interface;
    const char *annotation;
    const char *protseq;
    int last; // records; 0 when it was not given
    const char *connection;
    const char *oids[CLI_OIDS_MAX];
    unsigned oid_count;
    bool follow;
    int count; // records; 0 when it was not given
};

// Reads the command line. CLI_OK with *ret_options filled, or CLI_USAGE after saying why on stderr.
enum cli_exit cli_options_parse(int argc, char **argv, struct cli_options *ret_options);

// Prints the usage on stdout.
void cli_options_help(void);

// HOST, HOST:PORT, [IPv6] or [IPv6]:PORT; an IPv6 address without brackets has no port.
struct cli_target {
    char host[256];
    char port[6];
};

bool cli_target_parse(const char *text, struct cli_target *ret_target);
// UUID@MAJOR.MINOR, or a bare UUID with *ret_has_version false.
bool cli_interface_parse(const char *text, struct ndr_syntax_id *ret_id, bool *ret_has_version);
