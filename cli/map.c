#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/collect.h"
#include "cli/commands.h"
#include "cli/print.h"

enum {
    TOWERS_ASKED = 16,  // by one ept_map
    TOWERS_MAX = 10000, // in all
    REQUEST_MAX = 4096,
};

struct question {
    struct ndr_syntax_id interface;
    struct base_uuid object;
    bool has_object;
    enum ndr_protseq protseq;
};

// A mapper is asked for one major version; without one, the listing tells the highest.
static enum cli_exit find_version(struct cli_session *session, struct ndr_syntax_id *interface)
{
    struct cli_list list;
    bool found = false;
    enum cli_exit code = cli_collect(session, &list);
    for (size_t i = 0; code == CLI_OK && i < list.count; i++) {
        const struct ndr_syntax_id *id = &list.entries[i].interface;
        if (!base_uuid_equal(&id->uuid, &interface->uuid))
            continue;
        if (!found || id->major > interface->major ||
            (id->major == interface->major && id->minor > interface->minor))
            *interface = *id;
        found = true;
    }
    cli_list_free(&list);
    if (code == CLI_OK && !found)
        return cli_fail(CLI_NOT_REGISTERED, "%s: the interface is not registered, in any version",
                        session->name);
    return code;
}

static size_t encode_question(const struct question *question,
                              const struct ndr_context_handle *handle, uint8_t *request)
{
    const struct ndr_binding anywhere = {.protseq = question->protseq};
    uint8_t tower[NDR_TOWER_MAX];
    size_t size =
        ndr_tower_build(&question->interface, &ndr_syntax_id_20, &anywhere, tower, sizeof tower);
    struct ndr_writer w = ndr_writer_init(request, REQUEST_MAX, NDR_SYNTAX_20, false);
    ndr_epm_encode_map(&w, question->has_object ? &question->object : NULL, tower, (uint32_t)size,
                       handle, TOWERS_ASKED);
    return ndr_writer_size(&w);
}

static enum cli_exit ask_once(struct cli_session *session, const struct question *question,
                              struct ndr_context_handle *handle, json_t *bindings)
{
    uint8_t request[REQUEST_MAX];
    struct ndr_stub stub;
    struct ndr_epm_tower_span towers[NDR_EPM_ENTRIES_MAX];
    uint32_t count, status;
    size_t size = encode_question(question, handle, request);
    enum cli_exit code = cli_session_call(session, NDR_EPM_MAP, request, size, &stub);
    if (code != CLI_OK)
        return code;
    if (!ndr_epm_decode_map_reply(&stub, handle, towers, NDR_EPM_ENTRIES_MAX, &count, &status))
        return cli_fail(CLI_PROTOCOL, "%s: found an ept_map reply that cannot be decoded",
                        session->name);
    if (status != NDR_EPM_STATUS_OK && status != NDR_EPM_STATUS_NOT_REGISTERED) {
        const char *name = ndr_epm_status_name(status);
        return cli_fail(CLI_PROTOCOL, "%s: found ept_map status 0x%08x (%s), expected 0",
                        session->name, status, name == NULL ? "unknown" : name);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct cli_entry entry = {0};
        if (!cli_entry_set_tower(&entry, towers[i].octets, towers[i].size))
            return cli_fail(CLI_PROTOCOL, "%s: no memory for the answer", session->name);
        json_array_append_new(bindings, json_string(entry.binding));
        free(entry.binding);
    }
    if (status != NDR_EPM_STATUS_OK || count == 0)
        *handle = (struct ndr_context_handle){0};
    return CLI_OK;
}

static enum cli_exit ask(struct cli_session *session, const struct question *question,
                         json_t *bindings)
{
    struct ndr_context_handle handle = {0};
    do {
        enum cli_exit code = ask_once(session, question, &handle, bindings);
        if (code != CLI_OK)
            return code;
        if (json_array_size(bindings) > TOWERS_MAX)
            return cli_fail(CLI_PROTOCOL, "%s: found more than %d endpoints, expected an end",
                            session->name, TOWERS_MAX);
    } while (!base_uuid_is_nil(&handle.uuid));
    return CLI_OK;
}

static enum cli_exit print_answer(const struct cli_options *options,
                                  const struct cli_session *session,
                                  const struct question *question, json_t *bindings)
{
    char uuid[BASE_UUID_TEXT_SIZE];
    char version[16];
    enum cli_exit code = CLI_OK;
    base_uuid_format(&question->interface.uuid, uuid);
    snprintf(version, sizeof version, "%u.%u", question->interface.major,
             question->interface.minor);
    size_t i;
    json_t *binding;
    if (options->json)
        code = cli_print_json(json_pack("{s:s, s:s, s:s, s:O}", "host", session->name, "interface",
                                        uuid, "version", version, "bindings", bindings));
    else
        json_array_foreach(bindings, i, binding) puts(json_string_value(binding));
    if (code == CLI_OK && json_array_size(bindings) == 0)
        code = cli_fail(CLI_NOT_REGISTERED, "%s: %s version %s is not registered for %s",
                        session->name, uuid, version, options->protseq);
    return code;
}

static enum cli_exit map_over(struct cli_session *session, const struct cli_options *options,
                              struct question *question, bool has_version)
{
    enum cli_exit code = has_version ? CLI_OK : find_version(session, &question->interface);
    if (code != CLI_OK)
        return code;
    json_t *bindings = json_array();
    code = ask(session, question, bindings);
    if (code == CLI_OK)
        code = print_answer(options, session, question, bindings);
    json_decref(bindings);
    return code;
}

enum cli_exit cli_map(const struct cli_options *options)
{
    struct cli_target target;
    struct cli_session session;
    struct question question = {
        .protseq = ndr_protseq_from_name(options->protseq, strlen(options->protseq)),
    };
    bool has_version;
    question.has_object =
        options->object != NULL && base_uuid_parse(options->object, &question.object);
    if (!cli_target_parse(options->arguments[0], &target))
        return cli_fail(CLI_USAGE, "found host '%s', expected HOST[:PORT], IPv6 as [ADDRESS]:PORT",
                        options->arguments[0]);
    if (!cli_interface_parse(options->arguments[1], &question.interface, &has_version))
        return cli_fail(CLI_USAGE, "found interface '%s', expected UUID or UUID@MAJOR.MINOR",
                        options->arguments[1]);
    enum cli_exit code = cli_session_open(&session, &target, options->timeout_ms, &cli_epmapper);
    if (code != CLI_OK)
        return code;
    code = map_over(&session, options, &question, has_version);
    cli_session_close(&session);
    return code;
}
