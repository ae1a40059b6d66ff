#include "tcpstack/neighbour.h"

#include <string.h>

#include "base/siphash.h"
#include "tcpstack/stack.h"

// RFC 4861 10: REACHABLE_TIME, RETRANS_TIMER and MAX_MULTICAST_SOLICIT.
#define REACHABLE_TIME UINT64_C(30000000)
#define RETRANS_TIME   UINT64_C(1000000)
#define FAILED_TIME    UINT64_C(3000000)
#define NEVER          UINT64_MAX
enum { REQUESTS_MAX = 3 };

void tcpstack_neighbours_init(struct tcpstack *stack)
{
    stack->neighbours.due = NEVER;
    for (unsigned i = 0; i < NEIGHBOUR_COUNT; i++)
        stack->neighbours.entries[i].due = NEVER;
}

static struct tcpstack_neighbour *set_of(const struct tcpstack *stack, const uint8_t address[16],
                                         uint8_t port)
{
    uint8_t name[17];
    memcpy(name, address, 16);
    name[16] = port;
    uint64_t hash = base_siphash(stack->options.secret, name, sizeof name);
    const struct tcpstack_neighbour *set =
        &stack->neighbours.entries[hash % NEIGHBOUR_SETS * NEIGHBOUR_WAYS];
    return (struct tcpstack_neighbour *)(uintptr_t)set;
}

static struct tcpstack_neighbour *find(const struct tcpstack *stack, const uint8_t address[16],
                                       uint8_t port)
{
    struct tcpstack_neighbour *set = set_of(stack, address, port);
    for (unsigned i = 0; i < NEIGHBOUR_WAYS; i++) {
        if (set[i].state != NEIGHBOUR_FREE && set[i].port == port &&
            tcpstack_address_equal(set[i].address, address))
            return &set[i];
    }
    return NULL;
}

static struct rte_mbuf *dequeue(struct tcpstack_neighbour *n)
{
    struct rte_mbuf *frame = n->first;
    if (frame == NULL)
        return NULL;
    n->first = tcp_segment(frame)->next;
    if (n->first == NULL)
        n->last = NULL;
    n->queued--;
    return frame;
}

static void drop_queue(struct tcpstack *stack, struct tcpstack_neighbour *n)
{
    struct rte_mbuf *frame;
    while ((frame = dequeue(n)) != NULL) {
        tcpstack_count(stack, TCPSTACK_TX_DROP_UNRESOLVED);
        rte_pktmbuf_free(frame);
    }
}

void tcpstack_neighbours_free(struct tcpstack *stack)
{
    for (unsigned i = 0; i < NEIGHBOUR_COUNT; i++)
        drop_queue(stack, &stack->neighbours.entries[i]);
}

static void wake_at(struct tcpstack *stack, struct tcpstack_neighbour *n, uint64_t when)
{
    n->due = when;
    stack->neighbours.due = RTE_MIN(stack->neighbours.due, when);
}

// RFC 4861 7.2.2: multicast while the address is not known, unicast to find out whether it is still
// there; and at most one in RETRANS_TIME per neighbour, REQUESTS_PER_SECOND for all.
static void ask(struct tcpstack *stack, struct tcpstack_neighbour *n)
{
    n->requests++;
    wake_at(stack, n, stack->now + RETRANS_TIME);
    if (!tcpstack_limit_take(&stack->request_limit, stack->now)) {
        tcpstack_count(stack, TCPSTACK_NEIGHBOUR_REQUESTS_LIMITED);
        return;
    }
    tcpstack_count(stack, TCPSTACK_NEIGHBOUR_REQUESTS);
    const uint8_t *mac = n->state == NEIGHBOUR_PROBE ? n->mac : NULL;
    if (tcpstack_address_is_ipv4(n->address))
        tcpstack_arp_ask(stack, n->address, n->local, n->port, mac);
    else
        tcpstack_nd_ask(stack, n->address, n->local, n->port, mac);
}

static void begin(struct tcpstack *stack, struct tcpstack_neighbour *n,
                  enum tcpstack_neighbour_state state)
{
    n->state = (uint8_t)state;
    n->requests = 0;
    ask(stack, n);
}

// Takes the place of a free entry, or of the one not used for longest.
static struct tcpstack_neighbour *add(struct tcpstack *stack, const uint8_t address[16],
                                      uint16_t local, uint8_t port)
{
    struct tcpstack_neighbour *set = set_of(stack, address, port), *victim = set;
    for (unsigned i = 1; i < NEIGHBOUR_WAYS && victim->state != NEIGHBOUR_FREE; i++) {
        if (set[i].state == NEIGHBOUR_FREE || set[i].used < victim->used)
            victim = &set[i];
    }
    drop_queue(stack, victim);
    *victim = (struct tcpstack_neighbour){.port = port, .local = local, .due = NEVER};
    memcpy(victim->address, address, sizeof victim->address);
    begin(stack, victim, NEIGHBOUR_INCOMPLETE);
    return victim;
}

static void enqueue(struct tcpstack *stack, struct tcpstack_neighbour *n, struct rte_mbuf *frame)
{
    if (n->queued == NEIGHBOUR_QUEUE_MAX) {
        tcpstack_count(stack, TCPSTACK_TX_DROP_UNRESOLVED);
        rte_pktmbuf_free(dequeue(n));
    }
    tcp_segment(frame)->next = NULL;
    if (n->last != NULL)
        tcp_segment(n->last)->next = frame;
    else
        n->first = frame;
    n->last = frame;
    n->queued++;
}

static void send_to(struct tcpstack *stack, const struct tcpstack_neighbour *n,
                    struct rte_mbuf *frame)
{
    memcpy(rte_pktmbuf_mtod(frame, struct rte_ether_hdr *)->dst_addr.addr_bytes, n->mac, 6);
    tcpstack_push(stack, frame, n->port);
}

void tcpstack_neighbour_send(struct tcpstack *stack, struct rte_mbuf *frame,
                             const uint8_t address[16], uint16_t local, uint8_t port)
{
    struct tcpstack_neighbour *n = find(stack, address, port);
    if (n == NULL)
        n = add(stack, address, local, port);
    n->used = stack->now;
    if (n->state == NEIGHBOUR_REACHABLE && stack->now - n->confirmed > REACHABLE_TIME)
        n->state = NEIGHBOUR_STALE;
    switch (n->state) {
    case NEIGHBOUR_INCOMPLETE:
        enqueue(stack, n, frame);
        return;
    case NEIGHBOUR_FAILED:
        tcpstack_count(stack, TCPSTACK_TX_DROP_UNRESOLVED);
        rte_pktmbuf_free(frame);
        return;
    case NEIGHBOUR_STALE:
        begin(stack, n, NEIGHBOUR_PROBE);
        break;
    default:
        break;
    }
    send_to(stack, n, frame);
}

static void settle(struct tcpstack *stack, struct tcpstack_neighbour *n,
                   enum tcpstack_neighbour_state state)
{
    struct rte_mbuf *frame;
    n->state = (uint8_t)state;
    n->confirmed = state == NEIGHBOUR_REACHABLE ? stack->now : n->confirmed;
    n->due = NEVER;
    while ((frame = dequeue(n)) != NULL)
        send_to(stack, n, frame);
}

bool tcpstack_neighbour_learn(struct tcpstack *stack, const struct tcpstack_neighbour_news *news)
{
    struct tcpstack_neighbour *n = find(stack, news->address, news->port);
    if (n == NULL)
        return false;
    bool known = n->state != NEIGHBOUR_INCOMPLETE && n->state != NEIGHBOUR_FAILED;
    if (!known && news->mac == NULL)
        return true; // it says that it is there, but not where
    bool other = !known || (news->mac != NULL && memcmp(n->mac, news->mac, sizeof n->mac) != 0);
    if (known && other && !news->overrides) {
        if (n->state == NEIGHBOUR_REACHABLE)
            n->state = NEIGHBOUR_STALE;
        return true;
    }
    if (other)
        memcpy(n->mac, news->mac, sizeof n->mac);
    if (news->solicited)
        settle(stack, n, NEIGHBOUR_REACHABLE);
    else if (other)
        settle(stack, n, NEIGHBOUR_STALE);
    return true;
}

bool tcpstack_neighbour_failed(const struct tcpstack *stack, const uint8_t address[16],
                               uint8_t port)
{
    const struct tcpstack_neighbour *n = find(stack, address, port);
    return n != NULL && n->state == NEIGHBOUR_FAILED;
}

// RFC 4861 7.3.3: one that no longer answers is forgotten; one that never did is left alone for a
// while.
static void expire(struct tcpstack *stack, struct tcpstack_neighbour *n)
{
    n->due = NEVER;
    if (n->state == NEIGHBOUR_FAILED) {
        n->state = NEIGHBOUR_FREE;
        return;
    }
    if (n->requests < REQUESTS_MAX) {
        ask(stack, n);
        return;
    }
    tcpstack_count(stack, TCPSTACK_NEIGHBOURS_FAILED);
    drop_queue(stack, n);
    if (n->state == NEIGHBOUR_PROBE) {
        n->state = NEIGHBOUR_FREE;
        return;
    }
    n->state = NEIGHBOUR_FAILED;
    wake_at(stack, n, stack->now + FAILED_TIME);
}

void tcpstack_neighbours_run(struct tcpstack *stack)
{
    if (likely(stack->now < stack->neighbours.due))
        return;
    uint64_t next = NEVER;
    for (unsigned i = 0; i < NEIGHBOUR_COUNT; i++) {
        struct tcpstack_neighbour *n = &stack->neighbours.entries[i];
        if (n->due <= stack->now)
            expire(stack, n);
        next = RTE_MIN(next, n->due);
    }
    stack->neighbours.due = next;
}
