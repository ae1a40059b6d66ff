// UUIDs as DCE/RPC carries them.
// A base_uuid holds the 16 bytes in little-endian wire order: the first three fields as they
// stand in a little-endian PDU and in every tower, the last eight raw. So equality is memcmp and
// only a big-endian PDU needs a swap. (C706 appendix A; RFC 4122 for the text form.)
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct base_uuid {
    uint8_t bytes[16];
};

enum { BASE_UUID_TEXT_SIZE = 37 }; // 36 characters and the NUL

// Makes a base_uuid constant from the fields of its text form.
#define BASE_UUID(low, mid, hi, b0, b1, b2, b3, b4, b5, b6, b7)                                    \
    {                                                                                              \
        {                                                                                          \
            (uint8_t)(low), (uint8_t)((low) >> 8), (uint8_t)((low) >> 16), (uint8_t)((low) >> 24), \
                (uint8_t)(mid), (uint8_t)((mid) >> 8), (uint8_t)(hi), (uint8_t)((hi) >> 8), b0,    \
                b1, b2, b3, b4, b5, b6, b7                                                         \
        }                                                                                          \
    }

static inline bool base_uuid_equal(const struct base_uuid *a, const struct base_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static inline bool base_uuid_is_nil(const struct base_uuid *u)
{
    static const struct base_uuid nil;
    return base_uuid_equal(u, &nil);
}

// Reads the 36-character text form at `text` (either case, NUL-terminated, nothing may follow).
// On success fills *ret_uuid and returns true; otherwise *ret_uuid is untouched. Any thread.
bool base_uuid_parse(const char *text, struct base_uuid *ret_uuid);

// Writes the lower-case text form and a NUL into `text`. Any thread. Returns `text`.
char *base_uuid_format(const struct base_uuid *uuid, char text[BASE_UUID_TEXT_SIZE]);

// Swaps the first three fields between little- and big-endian wire order, in place. Any thread.
void base_uuid_swap(struct base_uuid *uuid);
