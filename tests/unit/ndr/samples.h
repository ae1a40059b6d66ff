// Octets for the NDR tests: hexadecimal text in, buffers of exactly the size out, so that a
// sanitizer sees a read past the last octet.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ndr/epm.h"

#define ZERO_4      "00 00 00 00 "
#define NULL_HANDLE ZERO_4 ZERO_4 ZERO_4 ZERO_4 ZERO_4
#define NIL_UUID    ZERO_4 ZERO_4 ZERO_4 ZERO_4

// The tower of rpcecho 1.0 over ncacn_ip_tcp, 75 octets; `port` and `address` in hexadecimal.
#define ECHO_TOWER(port, address)                                                                  \
    "05 00 "                                                                                       \
    "13 00 0d c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82 01 00 02 00 00 00 "                  \
    "13 00 0d 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 02 00 00 00 "                  \
    "01 00 0b 02 00 00 00 01 00 07 02 00 " port " 01 00 09 04 00 " address " "

#define ECHO_REQUESTED ECHO_TOWER("00 87", "00 00 00 00")
#define ECHO_ANSWERED  ECHO_TOWER("c0 01", "c0 00 02 0a")

static const struct ndr_syntax_id echo_interface = {
    BASE_UUID(0x60a15ec5, 0x4de8, 0x11d7, 0xa6, 0x37, 0x00, 0x50, 0x56, 0xa2, 0x01, 0x82), 1, 0};

static const struct ndr_context_handle null_handle;

struct octets {
    uint8_t *data;
    uint32_t size;
};

// A copy of the first `size` octets in an allocation of their own.
static inline struct octets octets_copy(const uint8_t *data, uint32_t size)
{
    struct octets copy = {malloc(size == 0 ? 1 : size), size};
    assert_non_null(copy.data);
    memcpy(copy.data, data, size);
    return copy;
}

static inline struct octets octets_from_hex(const char *hex)
{
    uint8_t buffer[4096];
    uint32_t size = 0;
    for (; *hex != '\0'; hex += isspace((unsigned char)*hex) ? 1 : 2)
        if (!isspace((unsigned char)*hex)) {
            char digits[3] = {hex[0], hex[1], '\0'};
            assert_true(size < sizeof buffer);
            buffer[size++] = (uint8_t)strtoul(digits, NULL, 16);
        }
    return octets_copy(buffer, size);
}

static inline void octets_free(struct octets octets)
{
    free(octets.data);
}

static inline struct ndr_stub stub_of(struct octets octets, enum ndr_syntax syntax, bool big_endian)
{
    return (struct ndr_stub){octets.data, octets.size, big_endian, syntax};
}

// What a writer has written equals the hexadecimal text.
static inline void assert_written(const struct ndr_writer *w, const char *hex)
{
    struct octets want = octets_from_hex(hex);
    assert_false(w->failed);
    assert_int_equal(ndr_writer_size(w), want.size);
    assert_memory_equal(w->start, want.data, want.size);
    octets_free(want);
}
