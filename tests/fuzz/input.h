// The bytes of one fuzzing input, taken from the front. At the end every draw gives zero, so that
// a shorter input is a simpler one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Called by libFuzzer: once, and once for each input.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Ends the program, which makes the input a finding, when what must hold does not.
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *at;
    size_t left;
};

// `size` bytes, or what is left of them; the count goes to *ret_size.
static inline const uint8_t *input_bytes(struct input *in, size_t size, size_t *ret_size)
{
    const uint8_t *bytes = in->at;
    *ret_size = size < in->left ? size : in->left;
    in->at += *ret_size;
    in->left -= *ret_size;
    return bytes;
}

static inline void input_copy(struct input *in, void *to, size_t size)
{
    size_t have;
    const uint8_t *bytes = input_bytes(in, size, &have);
    memset(to, 0, size);
    if (have != 0)
        memcpy(to, bytes, have);
}

static inline uint8_t input_u8(struct input *in)
{
    uint8_t value;
    input_copy(in, &value, sizeof value);
    return value;
}

static inline uint16_t input_u16(struct input *in)
{
    uint16_t value;
    input_copy(in, &value, sizeof value);
    return value;
}

static inline uint32_t input_u32(struct input *in)
{
    uint32_t value;
    input_copy(in, &value, sizeof value);
    return value;
}
