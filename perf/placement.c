// How far apart two cores are: the time of a round trip of a cache line between them. A guest's
// vCPUs are moved by its host, so this is asked before and after whatever takes two cores.
//
// One line that both write tells cores of one L3 from others; a line for each way tells hardware
// threads of one core from both, because they share the cache that the lines are in.
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

enum {
    LINE = 128, // a cache line, and the one that is fetched with it
    TRIPS = 20,
    BATCHES_MAX = 1 << 16,
    STOP = UINT32_MAX, // in `go`
};

// `go` is written by the asking thread; `back` by the answering one. Over one line, both write and
// read `go`, in turn: odd numbers are the asking thread's.
struct lines {
    _Alignas(LINE) _Atomic uint32_t go;
    _Alignas(LINE) _Atomic uint32_t back;
};

struct partner {
    struct lines *lines;
    unsigned core;
    bool two_lines;
};

struct figure {
    double median, low, high; // ns of a round trip: the median of batches, its 5th and 95th percent
    double together;          // share of the time in which both threads had their core
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(unsigned core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    int result = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    if (result == 0)
        return;
    fprintf(stderr, "placement: core %u: %s; name two cores that this process may use\n", core,
            strerror(result));
    exit(EX_USAGE);
}

static uint32_t wait_for(_Atomic uint32_t *line, uint32_t value)
{
    uint32_t found;
    do {
        found = atomic_load_explicit(line, memory_order_acquire);
    } while (found != value && found != STOP);
    return found;
}

static void *answer(void *argument)
{
    const struct partner *p = argument;
    pin(p->core);
    _Atomic uint32_t *back = p->two_lines ? &p->lines->back : &p->lines->go;
    for (uint32_t turn = 1; wait_for(&p->lines->go, turn) != STOP; turn += 2)
        atomic_store_explicit(back, turn + 1, memory_order_release);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct figure measure(unsigned core, bool two_lines, double seconds)
{
    static struct lines lines;
    static double batches[BATCHES_MAX];
    lines = (struct lines){0};
    struct partner partner = {.lines = &lines, .core = core, .two_lines = two_lines};
    _Atomic uint32_t *back = two_lines ? &lines.back : &lines.go;
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, &partner) != 0) {
        fprintf(stderr, "placement: no thread for core %u\n", core);
        exit(EX_OSERR);
    }
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    double took = seconds * 1e9;
    unsigned count = 0;
    for (uint32_t turn = 1; start < end && count < BATCHES_MAX; count++) {
        for (unsigned i = 0; i < TRIPS; i++, turn += 2) {
            atomic_store_explicit(&lines.go, turn, memory_order_release);
            wait_for(back, turn + 1);
        }
        uint64_t now = now_ns();
        batches[count] = (double)(now - start) / TRIPS;
        start = now;
    }
    atomic_store_explicit(&lines.go, STOP, memory_order_release);
    pthread_join(thread, NULL);
    qsort(batches, count, sizeof batches[0], by_value);
    // A batch in which one thread lost its core to somebody takes as long as that one's time slice.
    double median = batches[count / 2], low = batches[count / 20];
    double together = count * TRIPS * low / took;
    return (struct figure){median, low, batches[count - 1 - count / 20],
                           together < 1 ? together : 1};
}

static void print_json(const char *name, const struct figure *f)
{
    printf("\"%s\":{\"median\":%.1f,\"low\":%.1f,\"high\":%.1f,\"together\":%.2f}", name, f->median,
           f->low, f->high, f->together);
}

static void print_text(const char *name, const struct figure *f)
{
    printf("%s: %.1f ns a round trip (median; 5%% under %.1f, 5%% over %.1f); both ran %.0f%% of "
           "the time\n",
           name, f->median, f->low, f->high, 100 * f->together);
}

static _Noreturn void usage(void)
{
    fputs("usage: placement [--cores A,B] [--seconds S] [--json]\n"
          "\n"
          "Measures a cache line's round trip between two cores (the two lowest that the process\n"
          "may use) for S seconds, 0.2 when not given, 0.01 to 10.\n",
          stderr);
    exit(EX_USAGE);
}

static void lowest_cores(unsigned cores[2])
{
    cpu_set_t allowed;
    unsigned found = 0;
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (unsigned core = 0; core < CPU_SETSIZE && found < 2; core++) {
        if (CPU_ISSET(core, &allowed))
            cores[found++] = core;
    }
    if (found == 2)
        return;
    fputs("placement: found one core, expected two that this process may use\n", stderr);
    exit(EX_UNAVAILABLE);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"cores", required_argument, NULL, 'c'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    unsigned cores[2] = {0, 0};
    double seconds = 0.2;
    bool json = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'j')
            json = true;
        else if (option == 's' && (seconds = atof(optarg)) >= 0.01 && seconds <= 10)
            continue;
        else if (option != 'c' || sscanf(optarg, "%4u,%4u", &cores[0], &cores[1]) != 2 ||
                 cores[0] == cores[1])
            usage();
    }
    if (optind != argc)
        usage();
    if (cores[0] == cores[1])
        lowest_cores(cores);
    pin(cores[0]);
    struct figure one = measure(cores[1], false, seconds / 2);
    struct figure two = measure(cores[1], true, seconds / 2);
    if (json) {
        printf("{\"schema\":1,\"cores\":[%u,%u],\"unit\":\"ns/round trip\",", cores[0], cores[1]);
        print_json("one_line", &one);
        fputs(",", stdout);
        print_json("two_lines", &two);
        puts("}");
    } else {
        print_text("one line", &one);
        print_text("two lines", &two);
    }
    return 0;
}
