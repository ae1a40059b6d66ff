#include "perf/program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <rte_cycles.h>

enum { ROUNDS = 7, QUICK_ROUNDS = 3, QUICK_SIZE_MAX = 100000 };

static const struct option options[] = {
    {"quick", no_argument, NULL, 'q'},      {"json", no_argument, NULL, 'j'},
    {"rows", required_argument, NULL, 'r'}, {"rounds", required_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};

static void print_help(const char *name, const char *purpose, FILE *out)
{
    fprintf(out,
            "Usage: %s [--quick] [--json] [--rows PREFIX] [--rounds N]\n"
            "%s\n\n"
            "  -q, --quick        few short rounds, no size over %d: checks the answers, the\n"
            "                     figures are rough\n"
            "  -j, --json         one JSON object per row and line\n"
            "  -r, --rows PREFIX  only the rows whose name begins with PREFIX\n"
            "  -n, --rounds N     rounds of each row, 1 to %d (%d; quick: %d)\n"
            "  -h, --help         this text\n\n"
            "PORTOLAN_KERNEL=scalar|avx2|avx512 chooses the decoder.\n"
            "Exit code: 0, 1 when an answer was wrong or a row could not be measured, 64 usage.\n",
            name, purpose, QUICK_SIZE_MAX, PERF_ROUNDS_MAX, ROUNDS, QUICK_ROUNDS);
}

static bool read_rounds(const char *text, unsigned *ret_rounds)
{
    char *end;
    unsigned long rounds = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || rounds < 1 || rounds > PERF_ROUNDS_MAX) {
        fprintf(stderr, "--rounds is '%s'; expected a number from 1 to %d\n", text,
                PERF_ROUNDS_MAX);
        return false;
    }
    *ret_rounds = (unsigned)rounds;
    return true;
}

bool perf_program_init(struct perf_program *program, int argc, char *const *argv,
                       const char *purpose, int *ret_exit)
{
    const char *slash = strrchr(argv[0], '/');
    *program = (struct perf_program){.name = slash ? slash + 1 : argv[0], .prefix = ""};
    *ret_exit = EX_USAGE;
    int option;
    while ((option = getopt_long(argc, argv, "qjr:n:h", options, NULL)) != -1) {
        switch (option) {
        case 'q':
            program->quick = true;
            break;
        case 'j':
            program->json = true;
            break;
        case 'r':
            program->prefix = optarg;
            break;
        case 'n':
            if (!read_rounds(optarg, &program->rounds))
                return false;
            break;
        case 'h':
            print_help(program->name, purpose, stdout);
            *ret_exit = EX_OK;
            return false;
        default:
            print_help(program->name, purpose, stderr);
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: '%s' is no option; see --help\n", program->name, argv[optind]);
        return false;
    }
    if (program->rounds == 0)
        program->rounds = program->quick ? QUICK_ROUNDS : ROUNDS;
    return true;
}

bool perf_program_wants(const struct perf_program *program, const char *row)
{
    return strncmp(row, program->prefix, strlen(program->prefix)) == 0;
}

bool perf_program_wants_size(const struct perf_program *program, unsigned size)
{
    return !program->quick || size <= QUICK_SIZE_MAX;
}

unsigned perf_program_amount(const struct perf_program *program, unsigned full)
{
    unsigned amount = program->quick ? full / 10 : full;
    return amount ? amount : 1;
}

void perf_program_report(struct perf_program *program, struct perf_row *row)
{
    double tsc_hz = (double)rte_get_tsc_hz();
    program->failed |= !row->correct;
    if (!program->json)
        perf_row_print(row, tsc_hz, stdout);
    else if (!perf_row_print_json(row, tsc_hz, stdout))
        perf_program_fail(program, row->name, "it could not be written");
    if (!row->correct)
        fprintf(stderr, "%s: %s: an answer was missing or wrong\n", program->name, row->name);
    fflush(stdout);
}

void perf_program_fail(struct perf_program *program, const char *row, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program->name, row, why);
    program->failed = true;
}
