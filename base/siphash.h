// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that a peer without the key can neither
// predict nor steer. Used for initial sequence numbers (RFC 6528) and the seal on entry handles.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Hashes `len` bytes at `data` under the 16-byte `key`. Any thread.
uint64_t base_siphash(const uint8_t key[16], const void *data, size_t len);
