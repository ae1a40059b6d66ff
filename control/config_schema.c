#include "control/config_schema.h"

#include <stdio.h>
#include <string.h>

#include "control/config.h"
#include "control/config_document.h"

typedef typeof(((struct control_config *)NULL)->dataplane) dataplane_section;
typedef typeof(((struct control_config *)NULL)->network) network_section;
typedef typeof(((struct control_config *)NULL)->tcp) tcp_section;
typedef typeof(((struct control_config *)NULL)->mapper) mapper_section;
typedef typeof(((struct control_config *)NULL)->mapper.registrations) registrations_section;
typedef typeof(((struct control_config *)NULL)->interfaces) interfaces_section;
typedef typeof(((struct control_config *)NULL)->oxid) oxid_section;
typedef typeof(((struct control_config *)NULL)->limits) limits_section;
typedef typeof(((struct control_config *)NULL)->control) control_section;

enum {
    OPTIONAL = CYAML_FLAG_OPTIONAL,
    OPTIONAL_POINTER = CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
    OPTIONAL_CHOICE = CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
};

static const cyaml_strval_t hugepages_choices[] = {
    {"off", CONTROL_HUGEPAGES_OFF},
    {"auto", CONTROL_HUGEPAGES_AUTO},
    {"required", CONTROL_HUGEPAGES_REQUIRED},
};
static const cyaml_strval_t idle_choices[] = {
    {"sleep", CONTROL_IDLE_SLEEP},
    {"spin", CONTROL_IDLE_SPIN},
};
static const cyaml_strval_t dcom_choices[] = {
    {"reject", CONTROL_DCOM_REJECT},
    {"disabled", CONTROL_DCOM_DISABLED},
};
static const cyaml_strval_t congestion_choices[] = {
    {"cubic", CONTROL_CUBIC},
    {"newreno", CONTROL_NEWRENO},
};
static const cyaml_strval_t syn_cookies_choices[] = {
    {"auto", CONTROL_COOKIES_AUTO},
    {"always", CONTROL_COOKIES_ALWAYS},
    {"never", CONTROL_COOKIES_NEVER},
};
// libcyaml's own boolean takes every word it does not know for true.
static const cyaml_strval_t bool_choices[] = {{"false", false}, {"true", true}};

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, CYAML_UNLIMITED),
};
static const cyaml_schema_value_t number_value = {
    CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, unsigned),
};

static const cyaml_schema_field_t port_fields[] = {
    CYAML_FIELD_STRING_PTR("device", CYAML_FLAG_POINTER, struct control_port, device, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("vlans", OPTIONAL_POINTER, struct control_port, vlans, &number_value, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t port_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct control_port, port_fields),
};

static const cyaml_schema_field_t dataplane_fields[] = {
    CYAML_FIELD_SEQUENCE("ports", CYAML_FLAG_POINTER, dataplane_section, ports, &port_value, 1,
                         CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("workers", OPTIONAL_POINTER, dataplane_section, workers, &number_value, 1,
                         CYAML_UNLIMITED),
    CYAML_FIELD_ENUM("hugepages", OPTIONAL_CHOICE, dataplane_section, hugepages, hugepages_choices,
                     CYAML_ARRAY_LEN(hugepages_choices)),
    CYAML_FIELD_ENUM("idle", OPTIONAL_CHOICE, dataplane_section, idle, idle_choices,
                     CYAML_ARRAY_LEN(idle_choices)),
    CYAML_FIELD_UINT("memory", OPTIONAL, dataplane_section, memory),
    CYAML_FIELD_UINT("mbufs", OPTIONAL, dataplane_section, mbufs),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t network_fields[] = {
    CYAML_FIELD_SEQUENCE("addresses", CYAML_FLAG_POINTER, network_section, addresses, &text_value,
                         1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("gateways", OPTIONAL_POINTER, network_section, gateways, &text_value, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t listen_fields[] = {
    CYAML_FIELD_UINT_PTR("ncacn_ip_tcp", OPTIONAL_POINTER, struct control_listen, ncacn_ip_tcp),
    CYAML_FIELD_UINT_PTR("ncacn_http", OPTIONAL_POINTER, struct control_listen, ncacn_http),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t listen_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct control_listen, listen_fields),
};

static const cyaml_schema_field_t tcp_fields[] = {
    CYAML_FIELD_ENUM("congestion", OPTIONAL_CHOICE, tcp_section, congestion, congestion_choices,
                     CYAML_ARRAY_LEN(congestion_choices)),
    CYAML_FIELD_ENUM("syn_cookies", OPTIONAL_CHOICE, tcp_section, syn_cookies, syn_cookies_choices,
                     CYAML_ARRAY_LEN(syn_cookies_choices)),
    CYAML_FIELD_ENUM("timestamps", OPTIONAL_CHOICE, tcp_section, timestamps, bool_choices,
                     CYAML_ARRAY_LEN(bool_choices)),
    CYAML_FIELD_ENUM("sack", OPTIONAL_CHOICE, tcp_section, sack, bool_choices,
                     CYAML_ARRAY_LEN(bool_choices)),
    CYAML_FIELD_UINT("receive_window", OPTIONAL, tcp_section, receive_window),
    CYAML_FIELD_UINT("keepalive_time", OPTIONAL, tcp_section, keepalive_time),
    CYAML_FIELD_UINT("keepalive_interval", OPTIONAL, tcp_section, keepalive_interval),
    CYAML_FIELD_UINT("keepalive_count", OPTIONAL, tcp_section, keepalive_count),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t endpoint_fields[] = {
    CYAML_FIELD_STRING_PTR("interface", CYAML_FLAG_POINTER, struct control_endpoint, interface, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("version", CYAML_FLAG_POINTER, struct control_endpoint, version, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("object", OPTIONAL_POINTER, struct control_endpoint, object, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("binding", CYAML_FLAG_POINTER, struct control_endpoint, binding, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("annotation", OPTIONAL_POINTER, struct control_endpoint, annotation, 0,
                           CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t endpoint_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct control_endpoint, endpoint_fields),
};

static const cyaml_schema_field_t registrations_fields[] = {
    CYAML_FIELD_SEQUENCE("allow", OPTIONAL_POINTER, registrations_section, allow, &text_value, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_ENUM("allow_nil_interface", OPTIONAL_CHOICE, registrations_section,
                     allow_nil_interface, bool_choices, CYAML_ARRAY_LEN(bool_choices)),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t mapper_fields[] = {
    CYAML_FIELD_SEQUENCE("endpoints", OPTIONAL_POINTER, mapper_section, endpoints, &endpoint_value,
                         0, CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING("registrations", OPTIONAL, mapper_section, registrations,
                        registrations_fields),
    CYAML_FIELD_UINT("capacity", OPTIONAL, mapper_section, capacity),
    CYAML_FIELD_END,
};

#define INTERFACE(name)                                                                            \
    CYAML_FIELD_ENUM(#name, OPTIONAL_CHOICE, interfaces_section, name, bool_choices,               \
                     CYAML_ARRAY_LEN(bool_choices))

static const cyaml_schema_field_t interfaces_fields[] = {
    INTERFACE(epmapper),
    INTERFACE(mgmt),
    INTERFACE(oxid),
    INTERFACE(rpcecho),
    CYAML_FIELD_ENUM("dcom", OPTIONAL_CHOICE, interfaces_section, dcom, dcom_choices,
                     CYAML_ARRAY_LEN(dcom_choices)),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t oxid_fields[] = {
    CYAML_FIELD_SEQUENCE("bindings", OPTIONAL_POINTER, oxid_section, bindings, &text_value, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT("connections", OPTIONAL, limits_section, connections),
    CYAML_FIELD_UINT("half_open", OPTIONAL, limits_section, half_open),
    CYAML_FIELD_UINT("request", OPTIONAL, limits_section, request),
    CYAML_FIELD_UINT("reassemblies", OPTIONAL, limits_section, reassemblies),
    CYAML_FIELD_UINT("calls", OPTIONAL, limits_section, calls),
    CYAML_FIELD_UINT("contexts", OPTIONAL, limits_section, contexts),
    CYAML_FIELD_UINT("cursors", OPTIONAL, limits_section, cursors),
    CYAML_FIELD_UINT("half_pdu_timeout", OPTIONAL, limits_section, half_pdu_timeout),
    CYAML_FIELD_UINT("idle_timeout", OPTIONAL, limits_section, idle_timeout),
    CYAML_FIELD_END,
};

#define FAULT(key)                                                                                 \
    CYAML_FIELD_STRING_PTR(#key, OPTIONAL_POINTER, struct control_fault, key, 1, CYAML_UNLIMITED),
static const cyaml_schema_field_t fault_fields[] = {CONTROL_FAULT_KEYS(FAULT) CYAML_FIELD_END};
static const cyaml_schema_value_t fault_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct control_fault, fault_fields),
};

static const cyaml_schema_field_t control_fields[] = {
    CYAML_FIELD_STRING_PTR("socket", OPTIONAL_POINTER, control_section, socket, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
    CYAML_FIELD_MAPPING("dataplane", CYAML_FLAG_DEFAULT, struct control_config, dataplane,
                        dataplane_fields),
    CYAML_FIELD_MAPPING("network", CYAML_FLAG_DEFAULT, struct control_config, network,
                        network_fields),
    CYAML_FIELD_SEQUENCE("listen", CYAML_FLAG_POINTER, struct control_config, listen, &listen_value,
                         1, CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING("tcp", OPTIONAL, struct control_config, tcp, tcp_fields),
    CYAML_FIELD_MAPPING("mapper", OPTIONAL, struct control_config, mapper, mapper_fields),
    CYAML_FIELD_MAPPING("interfaces", OPTIONAL, struct control_config, interfaces,
                        interfaces_fields),
    CYAML_FIELD_MAPPING("oxid", OPTIONAL, struct control_config, oxid, oxid_fields),
    CYAML_FIELD_MAPPING("limits", OPTIONAL, struct control_config, limits, limits_fields),
    CYAML_FIELD_SEQUENCE("faults", OPTIONAL_POINTER, struct control_config, faults, &fault_value, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING("control", OPTIONAL, struct control_config, control, control_fields),
    CYAML_FIELD_END,
};

const cyaml_schema_value_t control_config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct control_config, config_fields),
};

static const cyaml_schema_value_t *schema_at(const char *path)
{
    const cyaml_schema_value_t *schema = &control_config_schema;
    struct control_path_step step;
    while (schema != NULL && control_path_next(&path, &step)) {
        if (schema->type == CYAML_SEQUENCE) {
            schema = schema->sequence.entry;
            continue;
        }
        if (schema->type != CYAML_MAPPING)
            return NULL;
        const cyaml_schema_field_t *field = schema->mapping.fields;
        while (field->key != NULL && strcmp(field->key, step.key) != 0)
            field++;
        schema = field->key == NULL ? NULL : &field->value;
    }
    return schema;
}

static void append(char *text, size_t size, const char *word)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", word);
}

void control_config_expected(const char *path, char *text, size_t size)
{
    const cyaml_schema_value_t *schema = schema_at(path);
    text[0] = '\0';
    switch (schema == NULL ? CYAML_IGNORE : schema->type) {
    case CYAML_UINT:
        snprintf(text, size, "a whole number%s",
                 schema->data_size == sizeof(uint16_t) ? " up to 65535" : "");
        break;
    case CYAML_ENUM:
        for (uint32_t i = 0; i < schema->enumeration.count; i++) {
            append(text, size, i == 0 ? "one of: " : ", ");
            append(text, size, schema->enumeration.strings[i].str);
        }
        break;
    case CYAML_STRING:
        snprintf(text, size, "text");
        break;
    case CYAML_SEQUENCE:
        snprintf(text, size, "a list%s",
                 schema->sequence.min > 0 ? " with at least one entry" : "");
        break;
    case CYAML_MAPPING:
        for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL;
             field++) {
            append(text, size, field == schema->mapping.fields ? "the keys: " : ", ");
            append(text, size, field->key);
        }
        break;
    default:
        snprintf(text, size, "another value");
    }
}
