// Nanoseconds per PDU of both stages of every kernel that this processor can run: finding plain
// requests, in batches and one by one, and decoding ept_map. The octets are in the first cache: it
// is the work that is measured.
#include <stdio.h>
#include <time.h>

#include "ndr/epm.h"
#include "ndr/kernel.h"
#include "perf/memory_worker.h"

enum { BATCH = 32, PDU_MAX = 256, HEADER = 24, ROUNDS = 300, REPEATS = 100 };

struct bench {
    uint8_t octets[BATCH][PDU_MAX];
    struct ndr_pdu pdus[BATCH];
    struct ndr_stub stubs[BATCH];
    struct ndr_epm_map maps[BATCH];
    uint64_t found; // so that nothing is left out
};

static void find_batch(struct bench *b)
{
    b->found += ndr_kernel()->find_plain(b->pdus, BATCH);
}

static void find_single(struct bench *b)
{
    for (unsigned i = 0; i < BATCH; i++)
        b->found += ndr_kernel()->find_plain(&b->pdus[i], 1);
}

static void decode_batch(struct bench *b)
{
    ndr_epm_decode_map(b->stubs, BATCH, b->maps);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

// The lowest of many short rounds: what else runs on the machine only adds.
static double measure(struct bench *b, void (*work)(struct bench *b))
{
    double low = 1e9;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (unsigned i = 0; i < REPEATS; i++)
            work(b);
        double took = (now_ns() - start) / (REPEATS * BATCH);
        low = took < low ? took : low;
    }
    return low;
}

int main(void)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    static struct bench b;
    for (uint32_t i = 0; i < BATCH; i++) {
        uint16_t size = memory_map_request(i, i, b.octets[i], PDU_MAX);
        b.pdus[i] = (struct ndr_pdu){b.octets[i], size};
        b.stubs[i] = (struct ndr_stub){.data = b.octets[i] + HEADER, .size = size - HEADER};
    }
    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        const struct ndr_kernel *kernel = ndr_kernel_find(names[k]);
        if (!kernel)
            continue;
        ndr_kernel_use(kernel);
        printf("%-6s find plain %4.1f ns (one by one %4.1f ns), decode ept_map %4.1f ns\n",
               names[k], measure(&b, find_batch), measure(&b, find_single),
               measure(&b, decode_batch));
    }
    return b.found == 0;
}
