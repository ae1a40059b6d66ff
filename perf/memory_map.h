// A filled map with replicas, without a server around it: what workers fed from memory serve, and
// what lookups are measured on. One thread, but for a replica that its worker's thread has taken.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapper/map.h"
#include "mapper/replica.h"

enum { MEMORY_READERS_MAX = 4 };

struct memory_map {
    struct mapper_log *log;
    struct mapper_map *map;
    struct mapper_replica *replicas[MEMORY_READERS_MAX];
    unsigned readers;
    uint32_t entries;
};

// `entries` entries and room for some more: entry i is memory_interface(i) over ncacn_ip_tcp, port
// 49153, applied by all `readers` replicas. NULL when there is no memory.
struct memory_map *memory_map_create(uint32_t entries, unsigned readers);
void memory_map_destroy(struct memory_map *memory);

// Interface i of the map, version 1.0. Its first four octets are i in little-endian order.
struct ndr_syntax_id memory_interface(uint32_t i);
// The tower of interface i with the binding in `text`; returns its size, 0 when it does not fit.
uint32_t memory_tower(uint32_t i, const char *text, uint8_t *octets, size_t size);

// Adds or removes entry i, which may be beyond `entries`. What mapper_map_insert and
// mapper_map_delete return: 0 when done.
uint32_t memory_map_insert(struct memory_map *memory, uint32_t i);
uint32_t memory_map_delete(struct memory_map *memory, uint32_t i);
