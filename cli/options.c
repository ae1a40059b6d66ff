#include "cli/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/print.h"

enum { LAST_MAX = 8192 }; // what the server takes

struct verb_row {
    const char *name;
    const char *arguments;
    int min, max; // max -1: whatever stands there
    const char *letters;
    const char *help;
};

#define VERB_ROW(id, name, arguments, min, max, letters, help)                                     \
    {name, arguments, min, max, letters, help},
static const struct verb_row verbs[] = {CLI_VERBS(VERB_ROW)};

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"timeout", required_argument, NULL, 't'},
    {"socket", required_argument, NULL, 's'},
    {"object", required_argument, NULL, 'o'},
    {"interface", required_argument, NULL, 'i'},
    {"annotation", required_argument, NULL, 'a'},
    {"protseq", required_argument, NULL, 'p'},
    {"replace", no_argument, NULL, 'r'},
    {"oid", required_argument, NULL, 'O'},
    {"drops", no_argument, NULL, 'd'},
    {"last", required_argument, NULL, 'l'},
    {"connection", required_argument, NULL, 'c'},
    {"follow", no_argument, NULL, 'f'},
    {"count", required_argument, NULL, 'n'},
    {"dry-run", no_argument, NULL, 'D'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

void cli_options_help(void)
{
    printf("usage: portolan [OPTION]... COMMAND [ARGUMENT]...\n\n"
           "Asks endpoint mappers, and manages the map of a portoland.\n\n");
    for (int i = 0; i < CLI_VERB_COUNT; i++) {
        if (verbs[i].letters != NULL)
            printf("  %-10s %-32s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    }
    printf("\n"
           "  -j, --json             one JSON object (\"schema\": %d) instead of text; for reads\n"
           "  -t, --timeout SECONDS  for each of connect, bind and call (5; 10 on the socket)\n"
           "  -s, --socket PATH      control socket of the server ($PORTOLAN_SOCKET, or\n"
           "                         /run/portolan/control.sock)\n"
           "  -o, --object UUID      dump: only this object; map, register: for this object\n"
           "  -i, --interface UUID[@MAJOR.MINOR]  dump: only this interface\n"
           "  -p, --protseq NAME     map: the protocol sequence (ncacn_ip_tcp)\n"
           "  -a, --annotation TEXT  register: what people read in a listing\n"
           "  -O, --oid OID          oxid add: an object of the exporter; may be repeated\n"
           "  -r, --replace          register: older endpoints of the interface give way;\n"
           "                         import: registrations that are not in FILE are taken out\n"
           "  -D, --dry-run          import: check everything and change nothing\n"
           "  -d, --drops            stats: only what was refused or dropped, and not zero\n"
           "  -l, --last N           trace: the newest N records of each worker (100)\n"
           "  -c, --connection ADDRESS:PORT  trace: only this peer\n"
           "  -f, --follow           trace: from now on (or from --last on), as it happens, until\n"
           "                         interrupted; with --json an object a line for each record\n"
           "  -n, --count N          trace: with --follow, end after N records\n"
           "  -h, --help             this text\n"
           "  -V, --version          the version\n\n"
           "map without a version takes the highest that the mapper lists.\n\n"
           "Exit status: 0 found or done, 1 not registered, 64 usage, 69 unreachable,\n"
           "75 timed out, 76 protocol error, 77 denied.\n",
           CLI_SCHEMA);
}

static bool parse_timeout(const char *text, int *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= 86400))
        return false;
    *ret_ms = (int)(seconds * 1000);
    return true;
}

static bool parse_number(const char *text, int max, int *ret_number)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > max)
        return false;
    *ret_number = (int)number;
    return true;
}

// Stores an option's argument; false when it is no good.
static bool take_option(int letter, const char *argument, struct cli_options *options)
{
    struct base_uuid uuid;
    struct ndr_syntax_id id;
    struct cli_target target;
    bool has_version;
    switch (letter) {
    case 'j':
        return options->json = true;
    case 'r':
        return options->replace = true;
    case 'd':
        return options->drops = true;
    case 'D':
        return options->dry_run = true;
    case 't':
        return parse_timeout(argument, &options->timeout_ms);
    case 's':
        options->socket = argument;
        return true;
    case 'l':
        return parse_number(argument, LAST_MAX, &options->last);
    case 'n':
        return parse_number(argument, INT_MAX, &options->count);
    case 'f':
        return options->follow = true;
    case 'c':
        options->connection = argument;
        return cli_target_parse(argument, &target) && strrchr(argument, ':') != NULL;
    case 'a':
        options->annotation = argument;
        return true;
    case 'o':
        options->object = argument;
        return base_uuid_parse(argument, &uuid);
    case 'i':
        options->interface = argument;
        return cli_interface_parse(argument, &id, &has_version);
    case 'O':
        if (options->oid_count == CLI_OIDS_MAX)
            return false;
        options->oids[options->oid_count++] = argument;
        return true;
    case 'p':
        options->protseq = argument;
        return ndr_protseq_from_name(argument, strlen(argument)) != NDR_PROTSEQ_UNKNOWN;
    default:
        return false;
    }
}

static const char *expected_argument(int letter)
{
    switch (letter) {
    case 't':
        return "seconds from 0.001 to 86400";
    case 'l':
        return "a number from 1 to 8192";
    case 'n':
        return "a number from 1 to 2147483647";
    case 'c':
        return "ADDRESS:PORT";
    case 'i':
        return "UUID or UUID@MAJOR.MINOR";
    case 'p':
        return "a protocol sequence like ncacn_ip_tcp";
    case 'O':
        return "at most 32 objects";
    default:
        return "a UUID";
    }
}

static const char *long_name(int letter)
{
    const struct option *option = long_options;
    while (option->name != NULL && option->val != letter)
        option++;
    return option->name;
}

static enum cli_exit find_verb(const char *name, struct cli_options *options)
{
    for (int i = 0; i < CLI_VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) != 0)
            continue;
        options->verb = (enum cli_verb)i;
        if (verbs[i].letters == NULL)
            return cli_fail(CLI_USAGE, "%s is not available in this version", name);
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE,
                    "found command '%s', expected dump, map, register, unregister, status, "
                    "stats, trace, oxid, fault, export, import, reload or config; see portolan "
                    "--help",
                    name);
}

static enum cli_exit take_arguments(int count, char **arguments, const char *given,
                                    struct cli_options *options)
{
    if (count == 0)
        return cli_fail(CLI_USAGE, "found no command, expected one; see portolan --help");
    enum cli_exit code = find_verb(arguments[0], options);
    if (code != CLI_OK)
        return code;
    const struct verb_row *row = &verbs[options->verb];
    if (count - 1 < row->min || count - 1 > row->max)
        return cli_fail(CLI_USAGE, "%s: found %d arguments, expected %s; see portolan --help",
                        row->name, count - 1, row->max == 0 ? "none" : row->arguments);
    for (int i = 1; i < count; i++)
        options->arguments[i - 1] = arguments[i];
    for (; *given != '\0'; given++) {
        if (*given != 't' && strchr(row->letters, *given) == NULL)
            return cli_fail(CLI_USAGE, "%s does not take --%s; see portolan --help", row->name,
                            long_name(*given));
    }
    return CLI_OK;
}

enum cli_exit cli_options_parse(int argc, char **argv, struct cli_options *ret_options)
{
    struct cli_options options = {.protseq = "ncacn_ip_tcp"};
    options.socket = getenv("PORTOLAN_SOCKET");
    if (options.socket == NULL || options.socket[0] == '\0')
        options.socket = "/run/portolan/control.sock";
    char given[32] = "";
    size_t given_count = 0;
    int letter;
    optind = 0; // starts over, also when it has run before
    while ((letter = getopt_long(argc, argv, ":jt:s:o:i:a:p:O:rdDl:c:fn:hV", long_options, NULL)) !=
           -1) {
        if (letter == 'h' || letter == 'V') {
            ret_options->verb = letter == 'h' ? CLI_HELP : CLI_VERSION;
            return CLI_OK;
        }
        if (letter == '?')
            return cli_fail(CLI_USAGE, "found unknown option '%s'; see portolan --help",
                            argv[optind - 1]);
        if (letter == ':')
            return cli_fail(CLI_USAGE,
                            "found option '%s' without its argument; see portolan --help",
                            argv[optind - 1]);
        if (!take_option(letter, optarg, &options))
            return cli_fail(CLI_USAGE, "--%s: found '%s', expected %s", long_name(letter), optarg,
                            expected_argument(letter));
        if (strchr(given, letter) == NULL && given_count + 1 < sizeof given)
            given[given_count++] = (char)letter;
    }
    enum cli_exit code = take_arguments(argc - optind, argv + optind, given, &options);
    if (code == CLI_OK)
        *ret_options = options;
    return code;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    long port = digits == 0 || digits > 5 || text[digits] != '\0' ? 0 : strtol(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

bool cli_target_parse(const char *text, struct cli_target *ret_target)
{
    struct cli_target target = {.port = "135"};
    const char *host = text;
    size_t length = strcspn(text, ":");
    const char *rest = text + length;
    if (text[0] == '[') {
        host = text + 1;
        length = strcspn(host, "]");
        if (host[length] != ']')
            return false;
        rest = host + length + 1;
    } else if (*rest == ':' && strchr(rest + 1, ':') != NULL) {
        length = strlen(text);
        rest = text + length;
    }
    if (length == 0 || length >= sizeof target.host)
        return false;
    memcpy(target.host, host, length);
    if (*rest == ':' && is_port(rest + 1))
        strcpy(target.port, rest + 1);
    else if (*rest != '\0')
        return false;
    *ret_target = target;
    return true;
}

bool cli_interface_parse(const char *text, struct ndr_syntax_id *ret_id, bool *ret_has_version)
{
    char uuid[BASE_UUID_TEXT_SIZE] = "";
    struct ndr_syntax_id id = {0};
    size_t length = strcspn(text, "@");
    if (length != sizeof uuid - 1)
        return false;
    memcpy(uuid, text, length);
    if (!base_uuid_parse(uuid, &id.uuid))
        return false;
    bool has_version = text[length] == '@';
    if (has_version && !ndr_version_parse(text + length + 1, &id))
        return false;
    *ret_id = id;
    *ret_has_version = has_version;
    return true;
}
