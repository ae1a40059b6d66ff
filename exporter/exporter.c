#include "exporter/exporter.h"

#include <stdlib.h>

struct exporter *exporter_create(const struct ndr_oxid_bindings *bindings, const uint8_t secret[16])
{
    struct exporter *exporter = calloc(1, sizeof *exporter);
    if (!exporter)
        return NULL;
    exporter->bindings = *bindings;
    exporter->oxids = oxid_table_create();
    exporter->sets = exporter->oxids ? ping_sets_create(exporter->oxids, secret) : NULL;
    if (exporter->sets)
        return exporter;
    exporter_destroy(exporter);
    return NULL;
}

void exporter_destroy(struct exporter *exporter)
{
    if (!exporter)
        return;
    if (exporter->sets)
        ping_sets_destroy(exporter->sets);
    if (exporter->oxids)
        oxid_table_destroy(exporter->oxids);
    free(exporter);
}

void exporter_tick(struct exporter *exporter, uint32_t seconds)
{
    uint32_t now = exporter_now(exporter);
    while (seconds > now &&
           !atomic_compare_exchange_weak_explicit(&exporter->now, &now, seconds,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}
