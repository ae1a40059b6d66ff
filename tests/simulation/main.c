// Deterministic simulation of two stacks and a bad wire: a seed is a run, and every run can be
// looked at again.
//
//     simulate [--seeds N] [--from SEED] [--jobs N]
//     simulate --seed SEED [--trace]
//     simulate --goodput
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "tests/simulation/world.h"

enum { FAILURES_SHOWN = 10, JOBS_MAX = 64, USAGE = 64 };

struct request {
    uint64_t from, seeds;
    unsigned jobs;
    bool trace, goodput;
};

static struct world world;

// EAL would pin the thread to one core for good; the jobs share all of them.
static bool start_eal(void)
{
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    int core = 0;
    while (!CPU_ISSET(core, &allowed))
        core++;
    char cores[16];
    snprintf(cores, sizeof cores, "%d", core);
    static char words[][24] = {
        "simulate",       "--no-huge",           "-m", "64", "--no-pci", "--no-shconf",
        "--no-telemetry", "--log-level=*:error", "-l"};
    char *arguments[RTE_DIM(words) + 1];
    for (unsigned i = 0; i < RTE_DIM(words); i++)
        arguments[i] = words[i];
    arguments[RTE_DIM(words)] = cores;
    bool started = rte_eal_init(RTE_DIM(arguments), arguments) >= 0 && host_make_pools();
    sched_setaffinity(0, sizeof allowed, &allowed);
    return started;
}

// Every `jobs`th seed from the job's own on. The exit status of its process.
static int run_job(const struct request *request, unsigned job, uint64_t totals[WORLD_TOTAL_COUNT])
{
    if (!start_eal()) {
        fprintf(stderr, "simulate: EAL did not start; it needs 64 MB of memory\n");
        return 1;
    }
    unsigned failures = 0;
    for (uint64_t i = job; i < request->seeds && failures < FAILURES_SHOWN; i += request->jobs) {
        uint64_t seed = request->from + i;
        if (world_run(&world, seed, request->trace, totals))
            continue;
        failures++;
        fprintf(stderr,
                "seed %lu, at %.6f s: %s\n"
                "     replay: build/tests/simulation/simulate --seed %lu --trace\n",
                (unsigned long)seed, (double)world.report.now / 1e6, world.report.what,
                (unsigned long)seed);
    }
    return failures != 0;
}

static void print_totals(const struct request *request, uint64_t (*totals)[WORLD_TOTAL_COUNT],
                         double seconds)
{
    uint64_t sum[WORLD_TOTAL_COUNT] = {0};
    for (unsigned job = 0; job < request->jobs; job++) {
        for (unsigned i = 0; i < WORLD_TOTAL_COUNT; i++)
            sum[i] += totals[job][i];
    }
    printf("%lu seeds from %lu: %lu talks, %lu sides opened: %lu finished, %lu reset, %lu aborted, "
           "%lu timed out\n",
           (unsigned long)request->seeds, (unsigned long)request->from,
           (unsigned long)sum[WORLD_TALKS], (unsigned long)sum[WORLD_OPENED],
           (unsigned long)sum[WORLD_ENDED + TCP_CLOSE_FINISHED],
           (unsigned long)sum[WORLD_ENDED + TCP_CLOSE_RESET],
           (unsigned long)sum[WORLD_ENDED + TCP_CLOSE_ABORTED],
           (unsigned long)sum[WORLD_ENDED + TCP_CLOSE_TIMED_OUT]);
    printf("%lu frames, %lu lost, %lu damaged, %lu found no mbuf, %lu sent again; %lu bytes read "
           "and compared; %.1f s\n",
           (unsigned long)sum[WORLD_FRAMES], (unsigned long)sum[WORLD_LOST],
           (unsigned long)sum[WORLD_DAMAGED], (unsigned long)sum[WORLD_NO_MBUF],
           (unsigned long)sum[WORLD_RETRANSMITS], (unsigned long)sum[WORLD_BYTES], seconds);
}

static double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int run_jobs(const struct request *request)
{
    uint64_t(*totals)[WORLD_TOTAL_COUNT] =
        mmap(NULL, request->jobs * sizeof *totals, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return 1;
    double began = seconds_now();
    for (unsigned job = 0; job < request->jobs; job++) {
        pid_t child = fork();
        if (child == 0)
            _exit(run_job(request, job, totals[job]));
        if (child < 0)
            return 1;
    }
    int failed = 0, status;
    while (wait(&status) > 0)
        failed |= status != 0;
    print_totals(request, totals, seconds_now() - began);
    return failed;
}

// What RFC 9438 predicts for a loss rate p: figure 5's average window for CUBIC with C = 0.4, and
// 5.1's for Reno, which is the floor it does not fall below (its Reno-friendly region).
static int print_goodput(void)
{
    enum { SIZE = 20 << 20, SEGMENT = 1460, RUNS = 3 };
    const double loss = 0.01, round_trip = 0.02;
    if (!start_eal())
        return 1;
    double sum = 0;
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        double rate = world_goodput(&world, seed, SIZE);
        if (rate == 0) {
            fprintf(stderr, "simulate: the transfer did not end: %s\n", world.report.what);
            return 1;
        }
        sum += rate;
    }
    double cubic = 1.054 * pow(round_trip / loss, 0.75), reno = sqrt(1.5 / loss);
    double per_window = SEGMENT / round_trip / 1e6;
    printf("goodput, 1 %% loss, 20 ms round trip: %.3f MB/s; RFC 9438 predicts CUBIC %.3f, "
           "Reno-friendly %.3f\n",
           sum / RUNS / 1e6, cubic * per_window, reno * per_window);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: simulate [--seeds N] [--from SEED] [--jobs N]\n"
                    "       simulate --seed SEED [--trace]\n"
                    "       simulate --goodput\n");
    return USAGE;
}

static bool read_options(int count, char **words, struct request *request)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"from", required_argument, NULL, 'f'},
        {"jobs", required_argument, NULL, 'j'},
        {"seed", required_argument, NULL, 's'},
        {"trace", no_argument, NULL, 't'},
        {"goodput", no_argument, NULL, 'g'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
        uint64_t number = optarg == NULL ? 0 : strtoull(optarg, NULL, 0);
        switch (option) {
        case 'n':
            request->seeds = number;
            break;
        case 'f':
            request->from = number;
            break;
        case 'j':
            request->jobs = (unsigned)number;
            break;
        case 's':
            request->from = number;
            request->seeds = request->jobs = 1;
            break;
        case 't':
            request->trace = true;
            break;
        case 'g':
            request->goodput = true;
            break;
        default:
            return false;
        }
    }
    return optind == count && request->jobs > 0 && request->jobs <= JOBS_MAX;
}

int main(int count, char **words)
{
    struct request request = {.from = 1, .seeds = 10000, .jobs = 2};
    if (!read_options(count, words, &request))
        return usage();
    return request.goodput ? print_goodput() : run_jobs(&request);
}
