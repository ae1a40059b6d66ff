// Software spreading: where a port has one queue for several workers (TAP, AF_PACKET, memif, old
// virtio), worker 0 owns the queue and passes each frame to the worker that owns its flow, and
// the others send through worker 0. Which worker owns a flow is tcpstack_flow_core's to say, the
// same function that fills a NIC's RSS table (dataplane/port.c).
// Frames of no flow are worker 0's, who alone answers them (tcpstack_options.silent); what may
// concern every worker's stack is copied to all.
// Rings are single producer, single consumer; a full ring drops, and counts.
#pragma once

#include <stdbool.h>

struct rte_mbuf;
struct worker;

// Makes the rings between worker 0 and the others. False when there is no memory.
bool spread_create(struct worker *workers, unsigned count);
void spread_destroy(struct worker *workers, unsigned count);

// Keeps the frames that are this worker's, in order, and passes the others on. Returns how many
// are left at `frames`.
unsigned spread_received(struct worker *worker, struct rte_mbuf **frames, unsigned count);
// Frames another worker received for this one.
unsigned spread_take_received(struct worker *worker, struct rte_mbuf **frames, unsigned max);
// Hands frames to worker 0 for sending.
void spread_send(struct worker *worker, struct rte_mbuf **frames, unsigned count);
// Worker 0: frames the others want sent.
unsigned spread_take_sent(struct worker *worker, struct rte_mbuf **frames, unsigned max);
