#include "control/prefix.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"

bool control_address_parse(const char *text, struct control_prefix *ret_prefix)
{
    struct control_prefix prefix = {0};
    if (inet_pton(AF_INET, text, prefix.address) == 1) {
        prefix.length = 32;
    } else if (inet_pton(AF_INET6, text, prefix.address) == 1) {
        prefix.ipv6 = true;
        prefix.length = 128;
    } else {
        return false;
    }
    *ret_prefix = prefix;
    return true;
}

bool control_prefix_parse(const char *text, struct control_prefix *ret_prefix)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof address)
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    struct control_prefix prefix;
    size_t digits = strspn(slash + 1, "0123456789");
    if (digits == 0 || digits > 3 || slash[1 + digits] != '\0' ||
        !control_address_parse(address, &prefix))
        return false;
    unsigned long length = strtoul(slash + 1, NULL, 10);
    if (length > prefix.length)
        return false;
    prefix.length = (uint8_t)length;
    *ret_prefix = prefix;
    return true;
}

bool control_prefix_contains(const struct control_prefix *prefix,
                             const struct control_prefix *address)
{
    unsigned whole = prefix->length / 8;
    uint8_t mask = (uint8_t)(0xff00u >> (prefix->length % 8));
    return prefix->ipv6 == address->ipv6 && memcmp(prefix->address, address->address, whole) == 0 &&
           (mask == 0 || ((prefix->address[whole] ^ address->address[whole]) & mask) == 0);
}

// As 16 bytes; returns how many bits of them stand before the family's own.
static uint8_t map(const struct control_prefix *prefix, uint8_t ret_address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (prefix->ipv6) {
        memcpy(ret_address, prefix->address, 16);
        return 0;
    }
    memcpy(ret_address, mapped, sizeof mapped);
    memcpy(ret_address + sizeof mapped, prefix->address, 4);
    return 8 * sizeof mapped;
}

bool control_prefix_parse_mapped(const char *text, uint8_t ret_address[16], uint8_t *ret_length)
{
    struct control_prefix prefix;
    if (!control_prefix_parse(text, &prefix))
        return false;
    *ret_length = (uint8_t)(map(&prefix, ret_address) + prefix.length);
    return true;
}

bool control_address_parse_mapped(const char *text, uint8_t ret_address[16])
{
    struct control_prefix prefix;
    if (!control_address_parse(text, &prefix))
        return false;
    map(&prefix, ret_address);
    return true;
}
