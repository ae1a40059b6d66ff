#include "tcpstack/tcp_options.h"

#include "base/bytes.h"

enum { KIND_END = 0, KIND_NOP = 1, KIND_MSS = 2, KIND_SCALE = 3 };
enum { MSS_SIZE = 4, SCALE_SIZE = 3 };

// One option of `length` bytes at `option`; false when the length is not the kind's.
static bool parse_one(const uint8_t *option, uint8_t length, struct tcp_options *found)
{
    if (option[0] == KIND_MSS) {
        if (length != MSS_SIZE)
            return false;
        found->mss = base_load_be16(option + 2);
    } else if (option[0] == KIND_SCALE) {
        if (length != SCALE_SIZE)
            return false;
        // RFC 7323 2.3: a larger shift is read as 14.
        found->scale = option[2] < TCP_SCALE_MAX ? option[2] : TCP_SCALE_MAX;
        found->has_scale = true;
    }
    return true;
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

uint8_t tcp_options_write(const struct tcp_options *options, uint8_t to[TCP_OPTIONS_MAX])
{
    to[0] = KIND_MSS;
    to[1] = MSS_SIZE;
    base_store_be16(to + 2, options->mss);
    if (!options->has_scale)
        return 4;
    to[4] = KIND_NOP;
    to[5] = KIND_SCALE;
    to[6] = SCALE_SIZE;
    to[7] = options->scale;
    return 8;
}
