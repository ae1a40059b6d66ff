#include "ndr/echo.h"

#include "base/bytes.h"

enum { FIRST_REFERENT = 0x20000 };

// An enum has 16 bits in NDR 2.0 (C706 14.2.6) and 32 in NDR64 ([MS-RPCE] 2.2.5.2.1).
static uint32_t read_enum(struct ndr_reader *r)
{
    return r->syntax == NDR_SYNTAX_20 ? ndr_read_u16(r) : ndr_read_u32(r);
}

static void write_enum(struct ndr_writer *w, uint32_t v)
{
    if (w->syntax == NDR_SYNTAX_20)
        ndr_write_u16(w, (uint16_t)v);
    else
        ndr_write_u32(w, v);
}

bool ndr_echo_decode_number(const struct ndr_stub *stub, uint32_t *ret_number)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t number = ndr_read_u32(&r);
    if (r.failed)
        return false;
    *ret_number = number;
    return true;
}

bool ndr_echo_decode_data(const struct ndr_stub *stub, struct ndr_echo_data *ret_data)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t size = ndr_read_u32(&r);
    uint32_t max = ndr_read_count(&r);
    const uint8_t *bytes = ndr_read_bytes(&r, size);
    if (r.failed || max != size)
        return false;
    *ret_data = (struct ndr_echo_data){.bytes = bytes, .size = size};
    return true;
}

// [string]: conformant and varying, from the start, ended by a NUL (C706 14.3.4).
bool ndr_echo_decode_string(const struct ndr_stub *stub, struct ndr_echo_string *ret_string)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t max = ndr_read_count(&r);
    uint32_t offset = ndr_read_count(&r);
    uint32_t count = ndr_read_count(&r);
    if (r.failed || offset != 0 || count == 0 || count > max || count > UINT32_MAX / 2)
        return false;
    const uint8_t *units = ndr_read_bytes(&r, count * 2);
    if (r.failed || base_load_le16(units + (count - 1) * 2) != 0)
        return false;
    *ret_string =
        (struct ndr_echo_string){.units = units, .count = count, .big_endian = r.big_endian};
    return true;
}

bool ndr_echo_decode_level(const struct ndr_stub *stub, uint16_t *ret_level)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint16_t level = ndr_read_u16(&r);
    if (r.failed)
        return false;
    *ret_level = level;
    return true;
}

bool ndr_echo_decode_enums(const struct ndr_stub *stub, struct ndr_echo_enums *ret_enums)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_echo_enums enums = {.foo1 = read_enum(&r)};
    ndr_read_align(&r, 4);
    enums.foo2_e1 = read_enum(&r);
    enums.foo2_e2 = ndr_read_u32(&r);
    uint32_t arm = read_enum(&r);
    if (arm == 2)
        ndr_read_align(&r, 4);
    enums.foo3_e1 = read_enum(&r);
    if (arm == 2)
        enums.foo3_e2 = ndr_read_u32(&r);
    if (r.failed || arm != enums.foo1 || arm < 1 || arm > 2)
        return false;
    *ret_enums = enums;
    return true;
}

bool ndr_echo_decode_surrounding(const struct ndr_stub *stub, uint32_t *ret_count)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint32_t max = ndr_read_count(&r);
    uint32_t count = ndr_read_u32(&r);
    if (r.failed || max != count || count > UINT32_MAX / 2)
        return false;
    ndr_read_bytes(&r, count * 2);
    if (r.failed)
        return false;
    *ret_count = count;
    return true;
}

// The outermost of the three pointers is [ref] and so not on the wire.
bool ndr_echo_decode_double_pointer(const struct ndr_stub *stub, uint16_t *ret_value)
{
    struct ndr_reader r = ndr_reader_init(stub);
    uint16_t value = 0;
    if (ndr_read_pointer(&r) != 0 && ndr_read_pointer(&r) != 0)
        value = ndr_read_u16(&r);
    if (r.failed)
        return false;
    *ret_value = value;
    return true;
}

void ndr_echo_encode_data(struct ndr_writer *w, const struct ndr_echo_data *data)
{
    ndr_write_count(w, data->size);
    ndr_write_bytes(w, data->bytes, data->size);
}

void ndr_echo_encode_source(struct ndr_writer *w, uint32_t size)
{
    ndr_write_count(w, size);
    for (uint32_t i = 0; i < size && !w->failed; i++)
        ndr_write_u8(w, (uint8_t)i);
}

void ndr_echo_encode_string(struct ndr_writer *w, const struct ndr_echo_string *string)
{
    ndr_write_pointer(w, FIRST_REFERENT);
    ndr_write_count(w, string->count);
    ndr_write_count(w, 0);
    ndr_write_count(w, string->count);
    for (uint32_t i = 0; i < string->count && !w->failed; i++) {
        const uint8_t *unit = string->units + i * 2;
        ndr_write_u16(w, string->big_endian ? base_load_be16(unit) : base_load_le16(unit));
    }
}

// The arm is aligned by itself in NDR 2.0 (C706 14.3.8), as the widest arm in NDR64 ([MS-RPCE]
// 2.2.5.3.4.4).
static void write_arm(struct ndr_writer *w, uint16_t level)
{
    bool wide = level == 4 || level == 5 || level == 7;
    if (wide || w->syntax == NDR_SYNTAX_64)
        ndr_write_align(w, 8);
    switch (level) {
    case 1:
        ndr_write_u8(w, 10);
        break;
    case 2:
        ndr_write_u16(w, 20);
        break;
    case 3:
        ndr_write_u32(w, 30);
        break;
    case 4:
        ndr_write_u64(w, 40);
        break;
    case 5:
        ndr_write_u8(w, 50);
        ndr_write_u64(w, 60);
        break;
    case 6:
        ndr_write_u8(w, 70);
        ndr_write_u8(w, 80);
        break;
    case 7:
        ndr_write_u8(w, 80);
        ndr_write_u64(w, 90);
        break;
    }
}

void ndr_echo_encode_info(struct ndr_writer *w, uint16_t level, uint32_t status)
{
    ndr_write_u16(w, level);
    write_arm(w, level);
    ndr_write_u32(w, status);
}

void ndr_echo_encode_enums(struct ndr_writer *w, const struct ndr_echo_enums *enums)
{
    write_enum(w, enums->foo1);
    ndr_write_align(w, 4);
    write_enum(w, enums->foo2_e1);
    ndr_write_u32(w, enums->foo2_e2);
    write_enum(w, enums->foo1);
    if (enums->foo1 == 2)
        ndr_write_align(w, 4);
    write_enum(w, enums->foo3_e1);
    if (enums->foo1 == 2)
        ndr_write_u32(w, enums->foo3_e2);
}

void ndr_echo_encode_surrounding(struct ndr_writer *w, uint32_t count)
{
    ndr_write_count(w, count);
    ndr_write_u32(w, count);
    for (uint32_t i = 0; i < count && !w->failed; i++)
        ndr_write_u16(w, 0);
}
