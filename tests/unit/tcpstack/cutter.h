// A port with TCP segmentation: what a NIC does to a large frame, and to the sums of any.
#pragma once

#include <rte_mbuf.h>

#include "tcpstack/tcpstack.h"

// Takes the frame over. Gives what goes onto the wire: the segments of a large frame in their
// order, each with checksums and only the last with FIN and PSH; or the frame itself, its
// checksums written when they were left to the port. Asserts that the sums were prepared as DPDK
// asks for. Returns the number of frames.
unsigned cutter_run(struct rte_mbuf *frame, struct rte_mbuf *ret_frames[TCPSTACK_LARGE_SEGMENTS]);
