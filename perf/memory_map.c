#include "perf/memory_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
    SPARE = 64, // entries beyond those it is filled with
    LOG_SIZE = 1024,
    TOWER_MAX = 128,
};

struct ndr_syntax_id memory_interface(uint32_t i)
{
    struct ndr_syntax_id id = {.uuid = BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50,
                                                 0x56, 0xa2, 0x01, 0x82),
                               .major = 1};
    base_store_le32(id.uuid.bytes, i);
    return id;
}

uint32_t memory_tower(uint32_t i, const char *text, uint8_t *octets, size_t size)
{
    struct ndr_binding binding;
    struct ndr_syntax_id id = memory_interface(i);
    if (ndr_binding_parse(text, &binding))
        return 0;
    return (uint32_t)ndr_tower_build(&id, &ndr_syntax_id_20, &binding, octets, size);
}

static struct ndr_epm_entry entry_of(uint32_t i, uint8_t tower[TOWER_MAX])
{
    return (struct ndr_epm_entry){
        .tower = tower,
        .tower_size = memory_tower(i, "ncacn_ip_tcp:10.135.0.2[49153]", tower, TOWER_MAX),
    };
}

uint32_t memory_map_insert(struct memory_map *m, uint32_t i)
{
    uint8_t tower[TOWER_MAX];
    struct ndr_epm_entry entry = entry_of(i, tower);
    return mapper_map_insert(m->map, &entry, 1, false, MAPPER_ORIGIN_STATIC);
}

uint32_t memory_map_delete(struct memory_map *m, uint32_t i)
{
    uint8_t tower[TOWER_MAX];
    struct ndr_epm_entry entry = entry_of(i, tower);
    return mapper_map_delete(m->map, &entry, 1);
}

static bool fill(struct memory_map *m)
{
    for (uint32_t i = 0; i < m->entries; i++) {
        if (memory_map_insert(m, i) != 0)
            return false;
        for (unsigned r = 0; r < m->readers; r++)
            mapper_replica_apply(m->replicas[r]);
    }
    return true;
}

static bool make(struct memory_map *m)
{
    const struct mapper_options options = {.capacity = m->entries + SPARE};
    m->log = mapper_log_create(LOG_SIZE, m->readers);
    m->map = m->log ? mapper_map_create(&options, m->log) : NULL;
    bool made = m->map;
    for (unsigned r = 0; r < m->readers && made; r++) {
        m->replicas[r] = mapper_replica_create(options.capacity, m->log, r);
        made = m->replicas[r];
    }
    return made && fill(m);
}

struct memory_map *memory_map_create(uint32_t entries, unsigned readers)
{
    struct memory_map *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->entries = entries;
    m->readers = readers;
    if (make(m))
        return m;
    memory_map_destroy(m);
    return NULL;
}

void memory_map_destroy(struct memory_map *m)
{
    for (unsigned r = 0; r < m->readers; r++) {
        if (m->replicas[r])
            mapper_replica_destroy(m->replicas[r]);
    }
    if (m->map)
        mapper_map_destroy(m->map);
    if (m->log)
        mapper_log_destroy(m->log);
    free(m);
}
