#include "tests/simulation/link.h"

#include <string.h>

enum { LATE_MAX_US = 900000, SOURCE_MAC = 6, SOURCE_MAC_END = 12, ETHER_TYPE = 12 };

void link_start(struct link *link, const struct link_rules *rules, struct sim_random *random)
{
    link->rules = *rules;
    link->random = random;
    link->cut = false;
    link->free_at = link->last_at = 0;
    link->sent = link->lost = link->doubled = link->damaged = link->overflowed = 0;
    TAILQ_INIT(&link->flying);
    TAILQ_INIT(&link->spare);
    for (unsigned i = 0; i < LINK_FLIGHTS; i++)
        TAILQ_INSERT_TAIL(&link->spare, &link->flights[i], chain);
}

// Bits flip in one 16-bit word, which is what a checksum of 16 bits is sure to notice. The source
// MAC address is left alone, and so is ARP: no checksum that we compute covers them.
static void damage(struct link *link, struct link_flight *flight)
{
    static const uint8_t arp[] = {0x08, 0x06};
    struct sim_random *random = link->random;
    if (flight->size > ETHER_TYPE + 1 && memcmp(flight->bytes + ETHER_TYPE, arp, sizeof arp) == 0)
        return;
    link->damaged++;
    if (sim_chance(random, 150)) {
        flight->size = (uint16_t)sim_roll(random, flight->size);
        return;
    }
    uint16_t at = (uint16_t)(sim_roll(random, flight->size / 2) * 2);
    if (sim_chance(random, 300)) // lengths, offsets and flags live in the headers
        at = (uint16_t)(14 + sim_roll(random, 20) * 2);
    if ((at >= SOURCE_MAC && at < SOURCE_MAC_END) || at >= flight->size)
        return;
    unsigned flips = (unsigned)sim_between(random, 1, 3);
    for (unsigned i = 0; i < flips && at + i % 2 < flight->size; i++)
        flight->bytes[at + i % 2] ^= (uint8_t)(1u << sim_roll(random, 8));
}

static uint64_t arrival(struct link *link, uint16_t size, uint64_t now)
{
    const struct link_rules *rules = &link->rules;
    uint64_t at = now;
    if (rules->bytes_per_second != 0) {
        link->free_at = link->free_at > now ? link->free_at : now;
        link->free_at += size * UINT64_C(1000000) / rules->bytes_per_second;
        at = link->free_at;
    }
    at += rules->delay + sim_roll(link->random, rules->jitter + 1);
    if (sim_chance(link->random, rules->late))
        return at + sim_roll(link->random, LATE_MAX_US);
    if (rules->in_order && at < link->last_at)
        at = link->last_at;
    link->last_at = at;
    return at;
}

static bool queue_is_full(const struct link *link, uint64_t now)
{
    const struct link_rules *rules = &link->rules;
    if (rules->bytes_per_second == 0 || link->free_at <= now)
        return false;
    return (link->free_at - now) * rules->bytes_per_second / 1000000 > rules->queue;
}

static void depart(struct link *link, const uint8_t *frame, uint16_t size, uint64_t now)
{
    struct link_flight *flight = TAILQ_FIRST(&link->spare);
    if (flight == NULL || queue_is_full(link, now)) {
        link->overflowed++;
        return;
    }
    TAILQ_REMOVE(&link->spare, flight, chain);
    flight->at = arrival(link, size, now);
    flight->size = size;
    memcpy(flight->bytes, frame, size);
    if (sim_chance(link->random, link->rules.damage))
        damage(link, flight);
    struct link_flight *before = TAILQ_LAST(&link->flying, link_flights);
    while (before != NULL && before->at > flight->at)
        before = TAILQ_PREV(before, link_flights, chain);
    if (before != NULL)
        TAILQ_INSERT_AFTER(&link->flying, before, flight, chain);
    else
        TAILQ_INSERT_HEAD(&link->flying, flight, chain);
}

void link_send(struct link *link, const uint8_t *frame, uint16_t size, uint64_t now)
{
    link->sent++;
    if (link->cut || sim_chance(link->random, link->rules.loss)) {
        link->lost++;
        return;
    }
    depart(link, frame, size, now);
    if (sim_chance(link->random, link->rules.doubling)) {
        link->doubled++;
        depart(link, frame, size, now);
    }
}

uint64_t link_next(const struct link *link)
{
    const struct link_flight *first = TAILQ_FIRST(&link->flying);
    return first == NULL ? UINT64_MAX : first->at;
}

const struct link_flight *link_take(struct link *link, uint64_t now)
{
    struct link_flight *first = TAILQ_FIRST(&link->flying);
    if (first == NULL || first->at > now)
        return NULL;
    TAILQ_REMOVE(&link->flying, first, chain);
    TAILQ_INSERT_TAIL(&link->spare, first, chain); // reused last
    return first;
}
