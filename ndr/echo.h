// The stubs of rpcecho, 60a15ec5-4de8-11d7-a637-005056a20182 1.0, the interface that tests RPC
// runtimes (published with Samba): server half, NDR 2.0 and NDR64. Decoders leave spans into the
// stub, which must outlive them; each returns false for a stub that cannot be decoded (fault 6f7).
// All functions: any thread, no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"

enum {
    NDR_ECHO_ADD_ONE = 0,
    NDR_ECHO_ECHO_DATA = 1,
    NDR_ECHO_SINK_DATA = 2,
    NDR_ECHO_SOURCE_DATA = 3,
    NDR_ECHO_TEST_CALL = 4,
    NDR_ECHO_TEST_CALL2 = 5,
    NDR_ECHO_TEST_SLEEP = 6,
    NDR_ECHO_TEST_ENUM = 7,
    NDR_ECHO_TEST_SURROUNDING = 8,
    NDR_ECHO_TEST_DOUBLE_POINTER = 9,
    NDR_ECHO_OPERATION_COUNT = 10,

    NDR_ECHO_LEVEL_MAX = 7, // of TestCall2
};

struct ndr_echo_data {
    const uint8_t *bytes;
    uint32_t size;
};

// A string of 16-bit units with its NUL.
struct ndr_echo_string {
    const uint8_t *units;
    uint32_t count;
    bool big_endian;
};

struct ndr_echo_enums {
    uint32_t foo1;             // selects the arm of foo3
    uint32_t foo2_e1, foo2_e2; // e2 has 32 bits in either syntax
    uint32_t foo3_e1, foo3_e2; // foo3_e2: arm 2 only
};

// AddOne, SourceData and TestSleep take one u32.
bool ndr_echo_decode_number(const struct ndr_stub *stub, uint32_t *ret_number);
// EchoData and SinkData.
bool ndr_echo_decode_data(const struct ndr_stub *stub, struct ndr_echo_data *ret_data);
bool ndr_echo_decode_string(const struct ndr_stub *stub, struct ndr_echo_string *ret_string);
bool ndr_echo_decode_level(const struct ndr_stub *stub, uint16_t *ret_level);
bool ndr_echo_decode_enums(const struct ndr_stub *stub, struct ndr_echo_enums *ret_enums);
// TestSurrounding: how many elements surround. What they are is not looked at.
bool ndr_echo_decode_surrounding(const struct ndr_stub *stub, uint32_t *ret_count);
// TestDoublePointer: 0 when one of the pointers is NULL.
bool ndr_echo_decode_double_pointer(const struct ndr_stub *stub, uint16_t *ret_value);

void ndr_echo_encode_data(struct ndr_writer *w, const struct ndr_echo_data *data);
// SourceData: octets that count up.
void ndr_echo_encode_source(struct ndr_writer *w, uint32_t size);
void ndr_echo_encode_string(struct ndr_writer *w, const struct ndr_echo_string *string);
// TestCall2: the union of `level`, 1 to NDR_ECHO_LEVEL_MAX, and status.
void ndr_echo_encode_info(struct ndr_writer *w, uint16_t level, uint32_t status);
void ndr_echo_encode_enums(struct ndr_writer *w, const struct ndr_echo_enums *enums);
// `count` elements, all zero.
void ndr_echo_encode_surrounding(struct ndr_writer *w, uint32_t count);
