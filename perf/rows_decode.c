// Decoding ept_map requests, 32 at once, kernel by kernel. Requests and results stay in the first
// cache.
#include <string.h>

#include <rte_cycles.h>

#include "ndr/epm.h"
#include "ndr/kernel.h"
#include "perf/memory_map.h"
#include "perf/rows.h"

enum { BATCH = 32, STUB_MAX = 256, BATCHES = 20000, GOAL_NS = 5 };

// Who sends a request in which form.
static const struct form {
    const char *name;
    enum ndr_syntax syntax;
    bool nil_object; // a pointer to a nil UUID; otherwise no object
    const char *binding;
} forms[] = {
    {"Windows", NDR_SYNTAX_20, false, "ncacn_ip_tcp:0.0.0.0[135]"},
    {"Windows NDR64", NDR_SYNTAX_64, false, "ncacn_ip_tcp:0.0.0.0[135]"},
    {"Samba, impacket", NDR_SYNTAX_20, true, "ncacn_ip_tcp:0.0.0.0[135]"},
    {"named pipe", NDR_SYNTAX_20, true, "ncacn_np:HOST[\\pipe\\lsass]"},
};

struct batch {
    uint8_t octets[BATCH][STUB_MAX];
    struct ndr_stub stubs[BATCH];
    struct ndr_epm_map maps[BATCH];
};

static void fill(struct batch *b, const struct form *form)
{
    static const struct base_uuid nil;
    static const struct ndr_context_handle null;
    for (uint32_t i = 0; i < BATCH; i++) {
        uint8_t tower[128];
        uint32_t size = memory_tower(i, form->binding, tower, sizeof tower);
        struct ndr_writer w = ndr_writer_init(b->octets[i], STUB_MAX, form->syntax, false);
        ndr_epm_encode_map(&w, form->nil_object ? &nil : NULL, tower, size, &null, 4);
        b->stubs[i] = (struct ndr_stub){
            .data = b->octets[i], .size = (uint32_t)ndr_writer_size(&w), .syntax = form->syntax};
    }
}

static bool is_right(const struct batch *b)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        struct ndr_syntax_id id = memory_interface(i);
        if (!b->maps[i].valid || b->maps[i].max_towers != 4 ||
            !base_uuid_equal(&b->maps[i].interface.uuid, &id.uuid))
            return false;
    }
    return true;
}

static double measure_round(struct batch *b, unsigned batches)
{
    memset(b->maps, 0, sizeof b->maps);
    uint64_t start = rte_rdtsc_precise();
    for (unsigned i = 0; i < batches; i++) {
        ndr_epm_decode_map(b->stubs, BATCH, b->maps);
        __asm__ volatile("" ::: "memory"); // every batch is decoded anew
    }
    return (double)(rte_rdtsc_precise() - start) / ((double)batches * BATCH);
}

static void measure(struct perf_program *program, const struct ndr_kernel *kernel,
                    const struct form *form)
{
    static struct batch batch;
    struct perf_row row =
        perf_row_make("decode", "ns/request", "decode %s, %s", kernel->name, form->name);
    if (!perf_program_wants(program, row.name))
        return;
    row.limit = (struct perf_part){.name = "goal", .number = GOAL_NS};
    perf_parts_add_text(&row.settings, "kernel", kernel->name);
    perf_parts_add(&row.settings, "batch", BATCH);
    fill(&batch, form);
    ndr_kernel_use(kernel);
    unsigned batches = perf_program_amount(program, BATCHES);
    double ns = 1e9 / (double)rte_get_tsc_hz();
    measure_round(&batch, batches);
    for (unsigned i = 0; i < program->rounds; i++) {
        perf_row_add(&row, measure_round(&batch, batches) * ns);
        row.correct &= is_right(&batch);
    }
    perf_program_report(program, &row);
}

void rows_decode(struct perf_program *program)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    const struct ndr_kernel *chosen = ndr_kernel();
    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        const struct ndr_kernel *kernel = ndr_kernel_find(names[k]);
        for (unsigned f = 0; kernel && f < sizeof forms / sizeof forms[0]; f++)
            measure(program, kernel, &forms[f]);
    }
    ndr_kernel_use(chosen);
}
