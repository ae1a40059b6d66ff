#include "tcpstack/tcp_options.h"

#include "base/bytes.h"

enum {
    KIND_END = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_SCALE = 3,
    KIND_MAY_SACK = 4,
    KIND_SACK = 5,
    KIND_TIMESTAMPS = 8,
};
enum { MSS_SIZE = 4, SCALE_SIZE = 3, MAY_SACK_SIZE = 2, TIMESTAMPS_SIZE = 10, BLOCK_SIZE = 8 };

// At most four blocks fit into a header, so the length bounds the work.
static bool parse_sack(const uint8_t *option, uint8_t length, struct tcp_options *found)
{
    uint8_t count = (uint8_t)((length - 2) / BLOCK_SIZE);
    if (length != 2 + count * BLOCK_SIZE || count == 0 || count > TCP_SACK_MAX)
        return false;
    for (uint8_t i = 0; i < count; i++) {
        found->sack[i].begin = base_load_be32(option + 2 + i * BLOCK_SIZE);
        found->sack[i].end = base_load_be32(option + 6 + i * BLOCK_SIZE);
    }
    found->sack_count = count;
    return true;
}

// One option of `length` bytes at `option`; false when the length is not the kind's.
static bool parse_one(const uint8_t *option, uint8_t length, struct tcp_options *found)
{
    switch (option[0]) {
    case KIND_MSS:
        if (length != MSS_SIZE)
            return false;
        found->mss = base_load_be16(option + 2);
        return true;
    case KIND_SCALE:
        if (length != SCALE_SIZE)
            return false;
        // RFC 7323 2.3: a larger shift is read as 14.
        found->scale = option[2] < TCP_SCALE_MAX ? option[2] : TCP_SCALE_MAX;
        found->has_scale = true;
        return true;
    case KIND_MAY_SACK:
        found->may_sack = true;
        return length == MAY_SACK_SIZE;
    case KIND_SACK:
        return parse_sack(option, length, found);
    case KIND_TIMESTAMPS:
        if (length != TIMESTAMPS_SIZE)
            return false;
        found->timestamp = base_load_be32(option + 2);
        found->timestamp_echo = base_load_be32(option + 6);
        found->has_timestamps = true;
        return true;
    default:
        return true;
    }
}

bool tcp_options_parse(const uint8_t *options, uint16_t size, struct tcp_options *ret_options)
{
    struct tcp_options found = {0};
    uint16_t at = 0;
    while (at < size && options[at] != KIND_END) {
        if (options[at] == KIND_NOP) {
            at++;
            continue;
        }
        if (size - at < 2)
            return false;
        uint8_t length = options[at + 1];
        if (length < 2 || length > size - at || !parse_one(options + at, length, &found))
            return false;
        at = (uint16_t)(at + length);
    }
    *ret_options = found;
    return true;
}

static uint8_t *put_two(uint8_t *at, uint8_t first, uint8_t second)
{
    at[0] = first;
    at[1] = second;
    return at + 2;
}

static uint8_t *put_timestamps(const struct tcp_options *options, uint8_t *at)
{
    at = put_two(at, KIND_TIMESTAMPS, TIMESTAMPS_SIZE);
    base_store_be32(at, options->timestamp);
    base_store_be32(at + 4, options->timestamp_echo);
    return at + 8;
}

static uint8_t *put_sack(const struct tcp_options *options, uint8_t *at, const uint8_t *end)
{
    uint8_t fits = (uint8_t)((end - at - 4) / BLOCK_SIZE);
    uint8_t count = options->sack_count < fits ? options->sack_count : fits;
    if (count == 0)
        return at;
    at = put_two(at, KIND_NOP, KIND_NOP);
    at = put_two(at, KIND_SACK, (uint8_t)(2 + count * BLOCK_SIZE));
    uint8_t blocks[TCP_SACK_MAX * BLOCK_SIZE];
    for (uint8_t i = 0; i < count; i++) {
        base_store_be32(blocks + i * BLOCK_SIZE, options->sack[i].begin);
        base_store_be32(blocks + i * BLOCK_SIZE + 4, options->sack[i].end);
    }
    memcpy(at, blocks, (size_t)count * BLOCK_SIZE);
    return at + count * BLOCK_SIZE;
}

// SACK-permitted pads the timestamps to a multiple of 4 where there is one, NOPs where not.
uint8_t tcp_options_write(const struct tcp_options *options, uint8_t to[TCP_OPTIONS_MAX])
{
    uint8_t *at = to;
    if (options->mss != 0) {
        at = put_two(at, KIND_MSS, MSS_SIZE);
        base_store_be16(at, options->mss);
        at += 2;
    }
    if (options->may_sack)
        at = put_two(at, KIND_MAY_SACK, MAY_SACK_SIZE);
    if (options->may_sack != options->has_timestamps)
        at = put_two(at, KIND_NOP, KIND_NOP);
    if (options->has_timestamps)
        at = put_timestamps(options, at);
    if (options->has_scale) {
        at = put_two(at, KIND_NOP, KIND_SCALE);
        at = put_two(at, SCALE_SIZE, options->scale);
    }
    if (options->sack_count != 0)
        at = put_sack(options, at, to + TCP_OPTIONS_MAX);
    return (uint8_t)(at - to);
}
