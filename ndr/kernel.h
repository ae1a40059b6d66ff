// Kernels: the decoders of one instruction set. All give the same result for the same octets; the
// scalar one is the oracle that the others are compared with. A kernel of vector instructions takes
// the requests that nearly every client sends and leaves all others to the generic decoder.
#pragma once

#include <stdint.h>

struct ndr_stub;
struct ndr_epm_map;

enum { NDR_KERNEL_BATCH = 64 };

// What is there of a stream from the beginning of a PDU on; it stays the caller's.
struct ndr_pdu {
    const uint8_t *octets;
    uint32_t size;
};

struct ndr_kernel {
    const char *name;
    // Stage one: which of `count` (at most NDR_KERNEL_BATCH) PDUs are plain. Bit i of what it
    // returns is set when pdus[i] begins with a whole request as nearly every client sends it
    // (ndr/plain_shape.h); the other PDUs are not wrong, but for the general way.
    uint64_t (*find_plain)(const struct ndr_pdu *pdus, unsigned count);
    // Stage two. Decodes those of `count` (at most NDR_KERNEL_BATCH) ept_map stubs that have a
    // common shape. Bit i of what it returns is set when ret_maps[i] holds; the other rows are left
    // untouched.
    uint64_t (*decode_map)(const struct ndr_stub *stubs, unsigned count,
                           struct ndr_epm_map *ret_maps);
};

extern const struct ndr_kernel ndr_kernel_scalar; // leaves all to the generic decoder
extern const struct ndr_kernel ndr_kernel_avx2;
extern const struct ndr_kernel ndr_kernel_avx512;

// The kernel of that name if this processor can run it, otherwise NULL; with NULL, the best that it
// can run. Any thread.
const struct ndr_kernel *ndr_kernel_find(const char *name);

// Makes all decoders of this process use `kernel`; until then it is the scalar one. To be called
// before there are threads that decode.
void ndr_kernel_use(const struct ndr_kernel *kernel);

// The one in use. Any thread.
const struct ndr_kernel *ndr_kernel(void);

// "scalar, avx2, avx512": those that this processor can run, best last. Static storage; main
// thread.
const char *ndr_kernel_names(void);
