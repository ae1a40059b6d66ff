#include "control/oxid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/commands.h"
#include "control/config.h"
#include "exporter/exporter.h"
#include "ndr/tower.h"

enum { TOWER_TCP = 7, ID_TEXT_SIZE = 19, ADDRESS_MAX = 255 };

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

bool control_oxid_bindings(const struct control_config *config,
                           struct ndr_oxid_bindings *ret_bindings, char *problem, size_t size)
{
    bool given = config->oxid.bindings_count > 0;
    char *const *texts = given ? config->oxid.bindings : config->network.addresses;
    unsigned count = given ? config->oxid.bindings_count : config->network.addresses_count;
    ndr_oxid_bindings_init(ret_bindings);
    for (unsigned i = 0; i < count; i++) {
        char address[ADDRESS_MAX + 1];
        size_t length = strcspn(texts[i], given ? "" : "/");
        if (length == 0 || length > ADDRESS_MAX || !is_printable(texts[i])) {
            snprintf(problem, size, "found '%.60s', expected host names and addresses", texts[i]);
            return false;
        }
        memcpy(address, texts[i], length);
        address[length] = '\0';
        if (!ndr_oxid_bindings_add(ret_bindings, TOWER_TCP, address)) {
            snprintf(problem, size,
                     "found more than a client can be told, expected %d characters in all",
                     NDR_OXID_BINDINGS_MAX);
            return false;
        }
    }
    return true;
}

// ---- the parts of a request

// 64 bits as "0x" and up to 16 hexadecimal digits.
static bool parse_id(const char *text, uint64_t *ret_id)
{
    if (text == NULL || strncmp(text, "0x", 2) != 0)
        return false;
    size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 16 || text[2 + digits] != '\0')
        return false;
    *ret_id = strtoull(text + 2, NULL, 16);
    return true;
}

static const char *format_id(uint64_t id, char text[ID_TEXT_SIZE])
{
    snprintf(text, ID_TEXT_SIZE, "0x%016llx", (unsigned long long)id);
    return text;
}

// "ncacn_ip_tcp:HOST[PORT]" -> tower id and "HOST[PORT]". HOST may be a name: clients look it up.
static bool add_binding(struct ndr_oxid_bindings *bindings, const char *text)
{
    if (text == NULL)
        return false;
    size_t length = strcspn(text, ":");
    const char *address = text + length + 1;
    uint16_t tower_id = ndr_oxid_tower_id(ndr_protseq_from_name(text, length));
    return tower_id != 0 && text[length] == ':' && *address != '\0' && is_printable(address) &&
           ndr_oxid_bindings_add(bindings, tower_id, address);
}

static json_t *no_exporter(void)
{
    return control_commands_refuse("unavailable",
                                   "the OXID resolver is not served: set interfaces.oxid to true");
}

static json_t *bad_id(const char *what, const char *found)
{
    return control_commands_refuse(
        "invalid", "%s: found '%.40s', expected 0x and up to 16 hexadecimal digits, not zero", what,
        found == NULL ? "" : found);
}

// Fills the entry's bindings and objects; returns a refusal, or NULL when all is well.
static json_t *read_lists(struct exporter_oxid *entry, const json_t *bindings, const json_t *oids)
{
    size_t i;
    json_t *item;
    ndr_oxid_bindings_init(&entry->bindings);
    json_array_foreach(bindings, i, item)
    {
        const char *text = json_string_value(item);
        if (!add_binding(&entry->bindings, text))
            return control_commands_refuse(
                "invalid",
                "bindings: found '%.80s', expected one like ncacn_ip_tcp:10.135.0.2[49153], and "
                "%d characters in all",
                text == NULL ? "" : text, NDR_OXID_BINDINGS_MAX);
    }
    if (json_array_size(bindings) == 0)
        return control_commands_refuse("invalid", "bindings: found none, expected at least one");
    if (json_array_size(oids) > EXPORTER_OXID_OIDS_MAX)
        return control_commands_refuse("invalid", "oids: found %zu, expected at most %d",
                                       json_array_size(oids), EXPORTER_OXID_OIDS_MAX);
    json_array_foreach(oids, i, item)
    {
        if (!parse_id(json_string_value(item), &entry->oids[entry->oid_count++]))
            return bad_id("oids", json_string_value(item));
    }
    return NULL;
}

static json_t *say(enum oxid_table_result result)
{
    switch (result) {
    case OXID_TABLE_OK:
        return json_pack("{s:i, s:b}", "schema", CONTROL_SCHEMA, "ok", 1);
    case OXID_TABLE_TAKEN:
        return control_commands_refuse("invalid", "oxid: is there already; remove it first");
    case OXID_TABLE_OID_TAKEN:
        return control_commands_refuse(
            "invalid", "oids: expected each once, not of another OXID, not 0, not all ones");
    case OXID_TABLE_FULL:
        return control_commands_refuse("full", "found %d OXIDs already, expected no more",
                                       EXPORTER_OXIDS_MAX);
    case OXID_TABLE_UNKNOWN:
        return control_commands_refuse("not_registered", "found no such OXID");
    }
    return NULL;
}

// ---- the commands

json_t *control_oxid_add(struct exporter *exporter, json_t *members)
{
    const char *command, *oxid, *ipid;
    json_t *bindings, *oids = NULL;
    int schema, hint = NDR_OXID_AUTHN_NONE;
    json_error_t error;
    struct exporter_oxid entry = {0};
    if (exporter == NULL)
        return no_exporter();
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i, s:s, s:s, s:o, s?o, s?i}",
                       "command", &command, "schema", &schema, "oxid", &oxid, "ipid", &ipid,
                       "bindings", &bindings, "oids", &oids, "authn_hint", &hint) != 0 ||
        !json_is_array(bindings) || (oids != NULL && !json_is_array(oids)))
        return control_commands_refuse("usage",
                                       "%s; expected oxid, ipid, the list bindings and, if wanted, "
                                       "the list oids, authn_hint",
                                       error.text);
    if (!parse_id(oxid, &entry.oxid) || entry.oxid == 0)
        return bad_id("oxid", oxid);
    if (!base_uuid_parse(ipid, &entry.ipid))
        return control_commands_refuse("invalid", "ipid: found '%.40s', expected a UUID", ipid);
    if (hint < 0 || hint > UINT16_MAX)
        return control_commands_refuse("invalid", "authn_hint: found %d, expected 0 to 65535",
                                       hint);
    entry.authn_hint = (uint32_t)hint;
    json_t *refusal = read_lists(&entry, bindings, oids);
    return refusal != NULL ? refusal : say(oxid_table_add(exporter->oxids, &entry));
}

json_t *control_oxid_remove(struct exporter *exporter, json_t *members)
{
    const char *command, *text;
    int schema;
    uint64_t oxid;
    json_error_t error;
    if (exporter == NULL)
        return no_exporter();
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i, s:s}", "command", &command,
                       "schema", &schema, "oxid", &text) != 0)
        return control_commands_refuse("usage", "%s; expected oxid", error.text);
    if (!parse_id(text, &oxid))
        return bad_id("oxid", text);
    return say(oxid_table_remove(exporter->oxids, oxid));
}

static json_t *list_bindings(const struct ndr_oxid_bindings *bindings)
{
    json_t *list = json_array();
    char address[NDR_OXID_BINDINGS_MAX];
    char text[sizeof address + 32];
    uint16_t tower_id;
    unsigned at = 0;
    while ((at = ndr_oxid_bindings_next(bindings, at, &tower_id, address, sizeof address)) != 0) {
        snprintf(text, sizeof text, "%s:%s", ndr_oxid_protseq_name(tower_id), address);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *list_entry(const struct exporter *exporter, const struct exporter_oxid *entry)
{
    char oxid[ID_TEXT_SIZE], oid[ID_TEXT_SIZE], ipid[BASE_UUID_TEXT_SIZE];
    json_t *oids = json_array();
    for (uint32_t i = 0; i < entry->oid_count; i++) {
        unsigned holders =
            ping_sets_holders(exporter->sets, entry->oids[i], exporter_now(exporter));
        json_array_append_new(oids, json_pack("{s:s, s:i}", "oid", format_id(entry->oids[i], oid),
                                              "ping_sets", (int)holders));
    }
    return json_pack("{s:s, s:s, s:i, s:o, s:o}", "oxid", format_id(entry->oxid, oxid), "ipid",
                     base_uuid_format(&entry->ipid, ipid), "authn_hint", (int)entry->authn_hint,
                     "bindings", list_bindings(&entry->bindings), "oids", oids);
}

json_t *control_oxid_list(struct exporter *exporter, json_t *members)
{
    const char *command;
    int schema;
    json_error_t error;
    struct exporter_oxid entry;
    if (exporter == NULL)
        return no_exporter();
    if (json_unpack_ex(members, &error, JSON_STRICT, "{s:s, s?i}", "command", &command, "schema",
                       &schema) != 0)
        return control_commands_refuse("usage", "%s; expected nothing beside the command",
                                       error.text);
    json_t *oxids = json_array();
    for (unsigned row = 0; row < EXPORTER_OXIDS_MAX; row++) {
        if (oxid_table_row(exporter->oxids, row, &entry))
            json_array_append_new(oxids, list_entry(exporter, &entry));
    }
    return json_pack("{s:i, s:b, s:o, s:o, s:i}", "schema", CONTROL_SCHEMA, "ok", 1, "bindings",
                     list_bindings(&exporter->bindings), "oxids", oxids, "ping_sets",
                     (int)ping_sets_count(exporter->sets, exporter_now(exporter)));
}
