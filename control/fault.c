#include "control/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "control/config.h"
#include "rpc/inject.h"

enum { STALE_PORT_DEFAULT = 1, MILLION = 1000000, FRAGMENT_MAX = 5808 };

// A rule while it is read.
struct reading {
    struct rpc_inject_rule *rule;
    struct control_fault_problem *problem;
};

struct named_number {
    const char *name;
    uint32_t number;
};

// C706 appendix E and [MS-RPCE] 2.2.2.
static const struct named_number statuses[] = {
    {"access_denied", 0x00000005},
    {"no_call_active", 0x000006bd},
    {"cant_perform_op", 0x000006d8},
    {"bad_stub_data", 0x000006f7},
    {"nca_s_fault_invalid_tag", 0x1c000006},
    {"nca_s_fault_invalid_bound", 0x1c000007},
    {"nca_s_fault_cancel", 0x1c00000d},
    {"nca_s_fault_unspec", 0x1c000012},
    {"nca_s_fault_context_mismatch", 0x1c00001a},
    {"nca_s_fault_remote_no_memory", 0x1c00001b},
    {"nca_s_comm_failure", 0x1c010001},
    {"nca_s_op_rng_error", 0x1c010002},
    {"nca_s_unk_if", 0x1c010003},
    {"nca_s_wrong_boot_time", 0x1c010006},
    {"nca_s_you_crashed", 0x1c010009},
    {"nca_s_proto_error", 0x1c01000b},
    {"nca_s_out_args_too_big", 0x1c010013},
    {"nca_s_server_too_busy", 0x1c010014},
};

// C706 12.6.3.1, p_reject_reason_t, and [MS-RPCE] 2.2.2.5.
static const struct named_number reasons[] = {
    {"not_specified", 0}, {"temporary_congestion", 1}, {"local_limit", 2}, {"protocol_version", 4},
    {"auth_type", 8},     {"invalid_checksum", 9},
};

static bool complain(const struct reading *reading, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Returns false.
static bool complain(const struct reading *reading, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reading->problem->text, sizeof reading->problem->text, format, args);
    va_end(args);
    reading->problem->key = key;
    return false;
}

// Decimal, or hexadecimal behind 0x; nothing may follow.
static bool parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    bool hexadecimal = strncmp(text, "0x", 2) == 0;
    const char *digits = hexadecimal ? text + 2 : text;
    size_t count = strspn(digits, hexadecimal ? "0123456789abcdefABCDEF" : "0123456789");
    if (count == 0 || count > 12 || digits[count] != '\0')
        return false;
    *ret_number = strtoull(digits, NULL, hexadecimal ? 16 : 10);
    return *ret_number <= max;
}

static bool parse_named(const char *text, const struct named_number *rows, size_t count,
                        uint64_t max, uint64_t *ret_number)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, text) == 0) {
            *ret_number = rows[i].number;
            return true;
        }
    }
    return parse_number(text, max, ret_number);
}

#define PARSE_NAMED(text, rows, max, ret)                                                          \
    parse_named(text, rows, sizeof rows / sizeof rows[0], max, ret)

// ---- what a rule matches

static bool read_interface(const struct reading *reading, const char *text)
{
    reading->rule->has_interface = true;
    return rpc_inject_interface(text, &reading->rule->interface) ||
           base_uuid_parse(text, &reading->rule->interface) ||
           complain(reading, "interface", "found '%.60s', expected a UUID, or a name like epmapper",
                    text);
}

static bool read_operation(const struct reading *reading, const char *text)
{
    uint64_t number;
    if (!parse_number(text, UINT16_MAX, &number))
        return complain(reading, "operation", "found '%.60s', expected a number from 0 to 65535",
                        text);
    reading->rule->has_operation = true;
    reading->rule->operation = (uint16_t)number;
    return true;
}

static bool read_source(const struct reading *reading, const char *text)
{
    struct rpc_prefix *source = &reading->rule->source;
    return control_prefix_parse_mapped(text, source->address, &source->length) ||
           complain(reading, "source",
                    "found '%.60s', expected a source prefix like 10.0.0.0/8 or fd00::/8", text);
}

static bool read_probability(const struct reading *reading, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    bool percent = strcmp(end, "%") == 0;
    if (percent)
        value /= 100;
    // Negated so that "nan" is refused, too.
    if (end == text || (*end != '\0' && !percent) || !(value >= 0 && value <= 1))
        return complain(reading, "probability",
                        "found '%.60s', expected 0 to 1, or a percentage like 25%%", text);
    reading->rule->chance = (uint32_t)(value * MILLION + 0.5);
    return true;
}

// ---- what it does

// NUMBER and us, ms or s, up to `end`.
static bool parse_duration(const char *text, size_t size, uint64_t *ret_us)
{
    static const struct named_number units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || digits >= size)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t length = strlen(units[i].name);
        if (size - digits != length || strncmp(text + digits, units[i].name, length) != 0)
            continue;
        *ret_us = strtoull(text, NULL, 10) * units[i].number;
        return *ret_us <= RPC_INJECT_DELAY_MAX;
    }
    return false;
}

static bool parse_delay(const char *text, struct rpc_inject_rule *rule)
{
    static const char uniform[] = "uniform:", exponential[] = "exponential:";
    rule->action = RPC_INJECT_DELAY;
    if (strncmp(text, exponential, strlen(exponential)) == 0) {
        text += strlen(exponential);
        rule->delay = RPC_INJECT_EXPONENTIAL;
    } else if (strncmp(text, uniform, strlen(uniform)) == 0) {
        text += strlen(uniform);
        rule->delay = RPC_INJECT_UNIFORM;
        const char *dots = strstr(text, "..");
        return dots != NULL && parse_duration(text, (size_t)(dots - text), &rule->low_us) &&
               parse_duration(dots + 2, strlen(dots + 2), &rule->high_us) &&
               rule->low_us <= rule->high_us;
    }
    return parse_duration(text, strlen(text), &rule->low_us);
}

static bool read_delay(const struct reading *reading, const char *text)
{
    return parse_delay(text, reading->rule) ||
           complain(reading, "delay",
                    "found '%.60s', expected up to 600s, like 20ms, uniform:500us..20ms or "
                    "exponential:20ms",
                    text);
}

// A fault status must not be 0 ([MS-RPCE] 2.2.2.11).
static bool read_fault(const struct reading *reading, const char *text)
{
    uint64_t status;
    reading->rule->action = RPC_INJECT_FAULT;
    if (!PARSE_NAMED(text, statuses, UINT32_MAX, &status) || status == 0)
        return complain(reading, "fault",
                        "found '%.60s', expected a status that is not 0, like 0x1c010014, 5 or "
                        "nca_s_server_too_busy",
                        text);
    reading->rule->status = (uint32_t)status;
    return true;
}

static bool read_fragment(const struct reading *reading, const char *text)
{
    uint64_t size;
    reading->rule->action = RPC_INJECT_FRAGMENT;
    if (!parse_number(text, FRAGMENT_MAX, &size) || size == 0)
        return complain(reading, "fragment", "found '%.60s', expected 1 to %d bytes", text,
                        FRAGMENT_MAX);
    reading->rule->fragment = (uint16_t)size;
    return true;
}

static bool read_bind_nak(const struct reading *reading, const char *text)
{
    uint64_t reason;
    reading->rule->action = RPC_INJECT_BIND_NAK;
    if (!PARSE_NAMED(text, reasons, UINT16_MAX, &reason))
        return complain(reading, "bind_nak",
                        "found '%.60s', expected a number up to 65535, or not_specified, "
                        "temporary_congestion, local_limit, protocol_version, auth_type or "
                        "invalid_checksum",
                        text);
    reading->rule->reason = (uint16_t)reason;
    return true;
}

static bool read_stale_port(const struct reading *reading, const char *text)
{
    uint64_t port = STALE_PORT_DEFAULT;
    reading->rule->action = RPC_INJECT_STALE_PORT;
    if (strcmp(text, "true") != 0 && (!parse_number(text, UINT16_MAX, &port) || port == 0))
        return complain(reading, "stale_port", "found '%.60s', expected true, or 1 to 65535", text);
    reading->rule->port = (uint16_t)port;
    return true;
}

static bool read_flag(const struct reading *reading, const char *key, const char *text,
                      enum rpc_inject_action action)
{
    reading->rule->action = action;
    return strcmp(text, "true") == 0 ||
           complain(reading, key, "found '%.60s', expected true", text);
}

static bool read_wrong_call_id(const struct reading *reading, const char *text)
{
    return read_flag(reading, "wrong_call_id", text, RPC_INJECT_WRONG_CALL_ID);
}

static bool read_byte_per_segment(const struct reading *reading, const char *text)
{
    return read_flag(reading, "byte_per_segment", text, RPC_INJECT_BYTE_PER_SEGMENT);
}

static bool read_reset_after_bind_ack(const struct reading *reading, const char *text)
{
    return read_flag(reading, "reset_after_bind_ack", text, RPC_INJECT_RESET_AFTER_BIND_ACK);
}

static bool read_never_answer(const struct reading *reading, const char *text)
{
    return read_flag(reading, "never_answer", text, RPC_INJECT_NEVER_ANSWER);
}

// ---- a rule

enum { KEY_COUNT = sizeof(struct control_fault) / sizeof(char *), MATCHERS = 4 };

static const struct key {
    const char *name;
    size_t offset;
    bool (*read)(const struct reading *reading, const char *text);
} keys[KEY_COUNT] = {
#define KEY_ROW(key) {#key, offsetof(struct control_fault, key), read_##key},
    CONTROL_FAULT_KEYS(KEY_ROW)};

static char **value_of(const struct control_fault *fault, const struct key *key)
{
    return (char **)(uintptr_t)((const char *)fault + key->offset);
}

// As one line: "interface=epmapper delay=20ms". False when it does not fit.
static bool write_text(const struct control_fault *fault, char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < KEY_COUNT && used < size; i++) {
        const char *value = *value_of(fault, &keys[i]);
        if (value == NULL)
            continue;
        bool flag = strcmp(value, "true") == 0;
        used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", used == 0 ? "" : " ",
                                 keys[i].name, flag ? "" : "=", flag ? "" : value);
    }
    return used < size;
}

// Exactly one action, and none of binds with an operation.
static bool check_action(const struct reading *reading, const struct control_fault *fault)
{
    const char *action = NULL;
    for (size_t i = MATCHERS; i < KEY_COUNT; i++) {
        if (*value_of(fault, &keys[i]) == NULL)
            continue;
        if (action != NULL)
            return complain(reading, keys[i].name, "found %s and %s, expected one action", action,
                            keys[i].name);
        action = keys[i].name;
    }
    if (action == NULL)
        return complain(reading, "",
                        "found no action, expected one of: delay, fault, wrong_call_id, fragment, "
                        "byte_per_segment, reset_after_bind_ack, never_answer, bind_nak, "
                        "stale_port");
    if (fault->operation != NULL &&
        (fault->bind_nak != NULL || fault->reset_after_bind_ack != NULL))
        return complain(reading, "operation",
                        "found an operation, expected none beside %s: a bind "
                        "has none",
                        action);
    return true;
}

bool control_fault_read(const struct control_fault *fault, struct rpc_inject_rule *ret_rule,
                        struct control_fault_problem *ret_problem)
{
    const struct reading reading = {ret_rule, ret_problem};
    *ret_rule = (struct rpc_inject_rule){.chance = MILLION};
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const char *text = *value_of(fault, &keys[i]);
        if (text != NULL && !keys[i].read(&reading, text))
            return false;
    }
    if (!check_action(&reading, fault))
        return false;
    return write_text(fault, ret_rule->text, sizeof ret_rule->text) ||
           complain(&reading, "", "found a rule of more than %d bytes, expected less",
                    RPC_INJECT_TEXT_MAX - 1);
}

bool control_fault_split(char *text, struct control_fault *ret_fault,
                         struct control_fault_problem *ret_problem)
{
    static char yes[] = "true";
    const struct reading reading = {NULL, ret_problem};
    char *rest;
    *ret_fault = (struct control_fault){0};
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        if (equals != NULL)
            *equals = '\0';
        size_t i = 0;
        while (i < KEY_COUNT && strcmp(keys[i].name, word) != 0)
            i++;
        if (i == KEY_COUNT)
            return complain(&reading, "",
                            "found '%.60s', expected KEY=VALUE with one of: interface, operation, "
                            "source, probability, and an action like delay",
                            word);
        if (*value_of(ret_fault, &keys[i]) != NULL)
            return complain(&reading, keys[i].name, "found it a second time, expected it once");
        *value_of(ret_fault, &keys[i]) = equals == NULL ? yes : equals + 1;
    }
    return true;
}
