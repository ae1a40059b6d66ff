#include "base/uuid.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

// Position in `bytes` of each octet in the order of the text form.
static const uint8_t text_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static bool dash_follows(unsigned octet)
{
    return octet == 3 || octet == 5 || octet == 7 || octet == 9;
}

bool base_uuid_parse(const char *text, struct base_uuid *ret_uuid)
{
    struct base_uuid uuid;
    for (unsigned i = 0; i < 16; i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        uuid.bytes[text_order[i]] = (uint8_t)(high << 4 | low);
        text += 2;
        if (dash_follows(i) && *text++ != '-')
            return false;
    }
    if (*text != '\0')
        return false;
    *ret_uuid = uuid;
    return true;
}

char *base_uuid_format(const struct base_uuid *uuid, char text[BASE_UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t octet = uuid->bytes[text_order[i]];
        *at++ = digits[octet >> 4];
        *at++ = digits[octet & 15];
        if (dash_follows(i))
            *at++ = '-';
    }
    *at = '\0';
    return text;
}

void base_uuid_swap(struct base_uuid *uuid)
{
    static const uint8_t swapped[8] = {3, 2, 1, 0, 5, 4, 7, 6};
    uint8_t head[8];
    memcpy(head, uuid->bytes, sizeof head);
    for (unsigned i = 0; i < 8; i++)
        uuid->bytes[i] = head[swapped[i]];
}
