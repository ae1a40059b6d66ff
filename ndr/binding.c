// String bindings and their towers (C706 3.1 and appendix I).
#include "ndr/tower.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "ndr/protseq.h"

// Messages quote what was found, so they differ from call to call: one buffer per thread.
static const char *complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *complain(const char *format, ...)
{
    static _Thread_local char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return message;
}

// 0 when `text` is not a port.
static uint16_t parse_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return 0;
    unsigned long port = strtoul(text, NULL, 10);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static const char *check_endpoint(const struct ndr_protseq_row *row, const char *endpoint)
{
    if (row->endpoint == NDR_RHS_PORT && parse_port(endpoint) == 0)
        return complain("found port \"%s\" for %s: expected a number from 1 to 65535", endpoint,
                        row->name);
    if (endpoint[0] == '\0')
        return complain("found an empty endpoint for %s: expected a name between [ and ]",
                        row->name);
    if (row->host == NDR_RHS_TEXT &&
        (strncasecmp(endpoint, "\\pipe\\", 6) != 0 || endpoint[6] == '\0'))
        return complain("found pipe \"%s\" for %s: expected \\pipe\\NAME", endpoint, row->name);
    return NULL;
}

static const char *check_host(const struct ndr_protseq_row *row, const char *host)
{
    struct in_addr address;
    if (row->host == NDR_RHS_ABSENT && host[0] != '\0')
        return complain("found host \"%s\" for %s: expected none, as in %s:[NAME]", host, row->name,
                        row->name);
    if (row->host == NDR_RHS_ADDRESS && host[0] != '\0' && inet_pton(AF_INET, host, &address) != 1)
        return complain("found host \"%s\" for %s: expected a dotted IPv4 address "
                        "(a tower cannot carry a name or an IPv6 address)",
                        host, row->name);
    return NULL;
}

// Copies `length` characters; false when they do not fit.
static bool copy_text(char *to, size_t room, const char *from, size_t length)
{
    if (length >= room)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

// HOST[ENDPOINT], the part behind the sequence's colon; `text` is the whole for the messages.
static const char *split(const char *text, const char *host, const struct ndr_protseq_row *row,
                         struct ndr_binding *binding)
{
    const char *open = strchr(host, '[');
    const char *close = text + strlen(text) - 1;
    if (open == NULL || *close != ']')
        return complain("found \"%s\": expected an endpoint in brackets at the end, such as %s:%s",
                        text, row->name, row->endpoint == NDR_RHS_PORT ? "HOST[135]" : "[NAME]");
    if (!copy_text(binding->host, sizeof binding->host, host, (size_t)(open - host)) ||
        !copy_text(binding->endpoint, sizeof binding->endpoint, open + 1,
                   (size_t)(close - (open + 1))))
        return complain("found a host or an endpoint of more than %zu characters: "
                        "expected a shorter one",
                        sizeof binding->host - 1);
    return NULL;
}

const char *ndr_binding_parse(const char *text, struct ndr_binding *ret_binding)
{
    size_t name = strcspn(text, ":");
    if (text[name] == '\0')
        return complain("found \"%s\": expected PROTSEQ:HOST[ENDPOINT], such as "
                        "ncacn_ip_tcp:10.135.0.2[49153]",
                        text);
    struct ndr_binding binding = {.protseq = ndr_protseq_from_name(text, name)};
    const struct ndr_protseq_row *row = ndr_protseq_row(binding.protseq);
    if (row == NULL)
        return complain("found protocol sequence \"%.*s\": expected ncacn_ip_tcp, ncadg_ip_udp, "
                        "ncacn_np, ncacn_http, ncalrpc, ncacn_unix_stream or ncadg_unix_dgram",
                        (int)(name < 64 ? name : 64), text);
    const char *wrong = split(text, text + name + 1, row, &binding);
    if (wrong == NULL)
        wrong = check_endpoint(row, binding.endpoint);
    if (wrong == NULL)
        wrong = check_host(row, binding.host);
    if (wrong == NULL)
        *ret_binding = binding;
    return wrong;
}

// ---- towers from bindings

// Tower octets as they grow.
struct growth {
    uint8_t *octets;
    size_t size;
    size_t used;
    bool full; // something did not fit; sticks
};

static void grow(struct growth *g, const void *octets, size_t size)
{
    if (g->full || g->size - g->used < size) {
        g->full = true;
        return;
    }
    memcpy(g->octets + g->used, octets, size);
    g->used += size;
}

static void grow_u16(struct growth *g, uint16_t v)
{
    uint8_t octets[2];
    base_store_le16(octets, v);
    grow(g, octets, sizeof octets);
}

static void grow_uuid_floor(struct growth *g, const struct ndr_syntax_id *id)
{
    uint8_t protocol = NDR_PROTOCOL_UUID;
    grow_u16(g, 1 + sizeof id->uuid.bytes + 2);
    grow(g, &protocol, 1);
    grow(g, id->uuid.bytes, sizeof id->uuid.bytes);
    grow_u16(g, id->major);
    grow_u16(g, 2);
    grow_u16(g, id->minor);
}

static void grow_floor(struct growth *g, uint8_t protocol, const void *rhs, size_t rhs_size)
{
    grow_u16(g, 1);
    grow(g, &protocol, 1);
    grow_u16(g, (uint16_t)rhs_size);
    grow(g, rhs, rhs_size);
}

// An endpoint or host floor. An empty text is the form that requests carry: port 0, address
// 0.0.0.0, empty name. False when the text cannot be written in that form.
static bool grow_text_floor(struct growth *g, uint8_t protocol, enum ndr_rhs_form form,
                            const char *text)
{
    uint8_t octets[4] = {0};
    switch (form) {
    case NDR_RHS_PORT:
        base_store_be16(octets, parse_port(text));
        if (text[0] != '\0' && base_load_le16(octets) == 0)
            return false;
        grow_floor(g, protocol, octets, 2);
        return true;
    case NDR_RHS_ADDRESS:
        if (text[0] != '\0' && inet_pton(AF_INET, text, octets) != 1)
            return false;
        grow_floor(g, protocol, octets, 4);
        return true;
    case NDR_RHS_TEXT:
        grow_floor(g, protocol, text, strlen(text) + 1);
        return true;
    case NDR_RHS_ABSENT:
        return true;
    }
    return false;
}

size_t ndr_tower_build(const struct ndr_syntax_id *interface, const struct ndr_syntax_id *transfer,
                       const struct ndr_binding *binding, uint8_t *octets, size_t size)
{
    static const uint8_t minor_version[2];
    const struct ndr_protseq_row *row = ndr_protseq_row(binding->protseq);
    if (row == NULL)
        return 0;
    struct growth g = {octets, size, 0, false};
    grow_u16(&g, (uint16_t)(2 + row->count));
    grow_uuid_floor(&g, interface);
    grow_uuid_floor(&g, transfer);
    grow_floor(&g, row->protocols[0], minor_version, sizeof minor_version);
    if (!grow_text_floor(&g, row->protocols[1], row->endpoint, binding->endpoint) ||
        !grow_text_floor(&g, row->protocols[2], row->host, binding->host))
        return 0;
    return g.full ? 0 : g.used;
}

// ---- bindings from towers

// Text as it grows; what does not fit is left out.
struct line {
    char *at;
    char *last; // where the NUL goes at the latest
};

static void put(struct line *line, const char *text, size_t length)
{
    for (size_t i = 0; i < length && line->at < line->last; i++)
        *line->at++ = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    *line->at = '\0';
}

static void put_format(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct line *line, const char *format, ...)
{
    char text[32];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(line, text, (size_t)length);
}

// Falls back to the octets as text when they are not of the form: towers carry host names where
// addresses belong.
static void put_rhs(struct line *line, const struct ndr_floor *floor, enum ndr_rhs_form form)
{
    const uint8_t *o = floor->rhs;
    if (form == NDR_RHS_PORT && floor->rhs_size == 2)
        put_format(line, "%u", base_load_be16(o));
    else if (form == NDR_RHS_ADDRESS && floor->rhs_size == 4)
        put_format(line, "%u.%u.%u.%u", o[0], o[1], o[2], o[3]);
    else
        put(line, (const char *)o, strnlen((const char *)o, floor->rhs_size));
}

static void put_unknown(struct line *line, const struct ndr_tower *tower)
{
    put_format(line, "protocol ");
    for (unsigned i = 2; i < tower->floors; i++)
        put_format(line, i == 2 ? "%02x" : ".%02x", tower->floor[i].lhs[0]);
    put_format(line, "[");
    for (unsigned i = 0; tower->floors > 3 && i < tower->floor[3].rhs_size; i++)
        put_format(line, "%02x", tower->floor[3].rhs[i]);
    put_format(line, "]");
}

char *ndr_tower_format_binding(const struct ndr_tower *tower, char *text, size_t size)
{
    const struct ndr_protseq_row *row = ndr_protseq_row(tower->protseq);
    struct line line = {text, text + size - 1};
    text[0] = '\0';
    if (row == NULL) {
        put_unknown(&line, tower);
        return text;
    }
    put(&line, row->name, strlen(row->name));
    put_format(&line, ":");
    if (row->host != NDR_RHS_ABSENT)
        put_rhs(&line, &tower->floor[4], row->host);
    put_format(&line, "[");
    put_rhs(&line, &tower->floor[3], row->endpoint);
    put_format(&line, "]");
    return text;
}

// Reads the digits at *text and moves on.
static bool parse_u16(const char **text, uint16_t *ret_value)
{
    uint32_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint32_t)(*at - '0');
        if (value > UINT16_MAX)
            return false;
    }
    if (at == *text)
        return false;
    *ret_value = (uint16_t)value;
    *text = at;
    return true;
}

bool ndr_version_parse(const char *text, struct ndr_syntax_id *ret_id)
{
    uint16_t major, minor;
    if (!parse_u16(&text, &major) || *text++ != '.' || !parse_u16(&text, &minor) || *text != '\0')
        return false;
    ret_id->major = major;
    ret_id->minor = minor;
    return true;
}
